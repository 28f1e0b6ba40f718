//! Files through the functions that programs call.

use super::system::*;
use super::*;
use crate::abi::Kind;
use crate::value::fixture::{
    elements, int, list, list_of, new_string, optional, result, rust_string, scalar, strings, text,
};
use core::ptr::{null, null_mut};

/// Tag, reference word, scalar word.
type Answer = [u64; 3];

fn ok(answer: Answer, word: usize) -> u64 {
    assert_eq!(answer[0], 0, "{}", if answer[0] == 1 { rust_string(answer[1] as *const _) } else { String::new() });
    answer[word]
}

fn error(answer: Answer) -> String {
    assert_eq!(answer[0], 1);
    rust_string(answer[1] as *const _)
}

fn call(act: impl FnOnce(*mut u8)) -> Answer {
    let mut answer = [9; 3];
    act((&raw mut answer).cast());
    answer
}

struct Handle(i64);

impl Handle {
    fn open(path: &str, mode: &str) -> Answer {
        // SAFETY: types and values agree, here and below.
        let open = |out| unsafe {
            coex_posix_open(null_mut(), new_string(path), new_string(mode), result(scalar(Kind::Posix)), out);
        };
        call(open)
    }
    fn writeln(&self, content: &str) -> Answer {
        // SAFETY: as above.
        call(|out| unsafe { coex_posix_writeln(null_mut(), self.0, new_string(content), result(int()), out) })
    }
    fn write(&self, bytes: &[u8]) -> Answer {
        let data = list_of(scalar(Kind::Byte), bytes);
        // SAFETY: as above.
        call(|out| unsafe { coex_posix_write(null_mut(), self.0, data, result(int()), out) })
    }
    fn line(&self) -> Option<String> {
        // SAFETY: as above.
        let answer = call(|out| unsafe { coex_posix_read_line(null_mut(), self.0, result(optional(text())), out) });
        let line = ok(answer, 1);
        (line != 0).then(|| rust_string(line as *const _))
    }
    fn read(&self, count: i64) -> Vec<u8> {
        let ty = result(list(scalar(Kind::Byte)));
        // SAFETY: as above.
        let answer = call(|out| unsafe { coex_posix_read(null_mut(), self.0, count, ty, out) });
        elements(ok(answer, 1) as *const _)
    }
    fn all(&self) -> String {
        // SAFETY: as above.
        let answer = call(|out| unsafe { coex_posix_read_all(null_mut(), self.0, result(text()), out) });
        rust_string(ok(answer, 1) as *const _)
    }
    fn seek(&self, offset: i64, whence: i64) -> Answer {
        // SAFETY: as above.
        call(|out| unsafe { coex_posix_seek(null_mut(), self.0, offset, whence, result(int()), out) })
    }
    fn close(&self) -> Answer {
        // SAFETY: as above.
        call(|out| unsafe { coex_posix_close(null_mut(), self.0, result(scalar(Kind::Bool)), out) })
    }
}

#[test]
fn a_file_from_open_to_close() {
    let path = std::env::temp_dir().join(format!("coex-posix-test-{}", std::process::id()));
    let path = path.to_str().unwrap_or_default();
    let file = Handle(ok(Handle::open(path, "w+"), 2) as i64);
    assert_eq!(ok(file.writeln("first"), 2), 6);
    assert_eq!(ok(file.write(b"second\r\n\nlast \xFF"), 2), 15);
    assert_eq!(ok(file.seek(0, 0), 2), 0);
    assert_eq!(file.line().as_deref(), Some("first"));
    // The position is the program's, not that of what was read ahead.
    assert_eq!(ok(file.seek(0, 1), 2), 6);
    assert_eq!(file.line().as_deref(), Some("second"));
    assert_eq!(file.line().as_deref(), Some(""));
    assert_eq!(file.read(4), b"last");
    assert_eq!(file.read(100), b" \xFF");
    assert_eq!(file.read(100), b"");
    assert_eq!(file.line(), None);
    ok(file.seek(-6, 2), 2);
    assert_eq!(file.all(), "last \u{FFFD}");
    // Writing goes where the program is.
    ok(file.seek(0, 0), 2);
    assert_eq!(file.line().as_deref(), Some("first"));
    ok(file.write(b"SECOND"), 2);
    ok(file.seek(0, 0), 2);
    assert_eq!(file.read(13), b"first\nSECOND\r");
    assert_eq!(error(file.seek(0, 7)), "Invalid argument");
    assert_eq!(ok(file.close(), 2), 1);
    assert_eq!(error(file.close()), "Bad file descriptor");
    assert_eq!(error(file.writeln("x")), "Bad file descriptor");
    let again = Handle(ok(Handle::open(path, "a"), 2) as i64);
    assert_ne!(again.0, file.0);
    assert_eq!(error(file.writeln("x")), "Bad file descriptor");
    ok(again.writeln("tail"), 2);
    ok(again.close(), 2);
    let reader = Handle(ok(Handle::open(path, "r"), 2) as i64);
    assert!(reader.all().ends_with("last \u{FFFD}tail\n"));
    ok(reader.close(), 2);
    std::fs::remove_file(path).unwrap_or_default();
}

#[test]
fn errors_are_values() {
    assert_eq!(error(Handle::open("/no/such/file", "r")), "No such file or directory");
    assert_eq!(error(Handle::open("/dev/null", "rw")), "Invalid argument");
    assert_eq!(error(Handle::open("a\0b", "r")), "Invalid argument");
}

#[test]
fn long_lines() {
    let path = std::env::temp_dir().join(format!("coex-posix-lines-{}", std::process::id()));
    let lines: Vec<String> = [10, 70_000, 0, 200_000, 1].iter().map(|&len| "x".repeat(len)).collect();
    std::fs::write(&path, lines.join("\n")).unwrap_or_default();
    let file = Handle(ok(Handle::open(path.to_str().unwrap_or_default(), "r"), 2) as i64);
    for line in lines {
        assert_eq!(file.line(), Some(line));
    }
    assert_eq!(file.line(), None);
    ok(file.close(), 2);
    std::fs::remove_file(path).unwrap_or_default();
}

#[test]
fn the_system() {
    assert!(coex_posix_time() > 1_600_000_000);
    let before = coex_posix_time_ns();
    // SAFETY: types and values agree.
    unsafe {
        assert!(coex_posix_time_ns() >= before);
        let mut path: *const StringObject = null();
        coex_posix_getenv(null_mut(), new_string("PATH"), optional(text()), (&raw mut path).cast());
        assert_eq!(rust_string(path), std::env::var("PATH").unwrap_or_default());
        coex_posix_getenv(null_mut(), new_string("COEX_NO_SUCH"), optional(text()), (&raw mut path).cast());
        assert!(path.is_null());
        let bytes = coex_posix_urandom(null_mut(), 1000, list(scalar(Kind::Byte)), null());
        assert!(elements::<u8>(bytes).iter().any(|byte| *byte != 0));
        let _ = strings(coex_program_args(null_mut(), list(text())));
    }
    assert_ne!(coex_posix_random_seed(), coex_posix_random_seed());
}
