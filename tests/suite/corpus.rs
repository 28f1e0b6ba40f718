//! Programs as test cases.
//!
//! `tests/fail/**/*.coex`: each line that a diagnostic names says so in a comment, `# error: [E0204]` or
//! `# warning: [W0601]`; nothing else may be reported. `tests/run/**/*.coex`: the output of the program at -O0 and -O2 is
//! the text in the `.stdout` file beside it, its exit status the number in `.status` (0 without one). A `.panic` file holds
//! what the panic says and its line and column, as in `division by zero at 3:7`. Each program runs once more with a collector
//! that moves objects at every chance and checks the heap.
//! `COEX_FILTER=match` runs only the paths that contain the word; `COEX_BLESS=1` writes `.stdout` and `.status` anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sandbox::{Ran, Sandbox, ran};

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn programs(name: &str) -> Vec<PathBuf> {
    let filter = std::env::var("COEX_FILTER").unwrap_or_default();
    let mut found = Vec::new();
    collect(&root(name), &mut found);
    found.retain(|path| path.to_string_lossy().contains(&filter));
    found.sort();
    found
}

/// Directories named `lib` hold what other cases import.
fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "lib") {
                collect(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "coex") {
            found.push(path);
        }
    }
}

type Found = BTreeSet<(usize, String)>;

/// Lines and codes that the comments of a case name.
fn expected(text: &str) -> Found {
    let mut expected = Found::new();
    for (index, line) in text.lines().enumerate() {
        for mark in ["# error: [", "# warning: ["] {
            for piece in line.split(mark).skip(1) {
                let codes = piece.split(" # ").next().unwrap_or(piece);
                for code in codes.split(['[', ']', ' ']).filter(|code| code.len() == 5) {
                    expected.insert((index + 1, code.to_owned()));
                }
            }
        }
    }
    expected
}

/// Lines and codes that the compiler reported.
fn reported(stderr: &str) -> Found {
    let mut found = Found::new();
    let mut code: Option<String> = None;
    for line in stderr.lines() {
        if line.starts_with("error[") || line.starts_with("warning[") {
            if let Some(placeless) = code.take() {
                found.insert((0, placeless));
            }
            code = line.split(['[', ']']).nth(1).map(str::to_owned);
        } else if let (Some(place), Some(known)) = (line.trim_start().strip_prefix("--> "), code.take()) {
            let number = place.rsplit(':').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
            found.insert((number, known));
        }
    }
    found.extend(code.map(|placeless| (0, placeless)));
    found
}

#[test]
fn faults_are_reported_where_they_are() {
    let sandbox = Sandbox::new();
    let mut wrong = Vec::new();
    for path in programs("fail") {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let name = path.to_string_lossy().into_owned();
        let ran = sandbox.coexc(&["check", "--color=never", &name]);
        let (expected, reported) = (expected(&text), reported(&ran.stderr));
        if expected != reported || !matches!(ran.status, 0 | 1) {
            let missing: Vec<_> = expected.difference(&reported).collect();
            let extra: Vec<_> = reported.difference(&expected).collect();
            wrong.push(format!("{name}: status {}, missing {missing:?}, extra {extra:?}", ran.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn programs_print_what_they_should() {
    let sandbox = Sandbox::new();
    let mut wrong = Vec::new();
    for path in programs("run") {
        for level in ["-O0", "-O2"] {
            if let Err(fault) = run_case(&sandbox, &path, level) {
                wrong.push(format!("{} {level}: {fault}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn run_case(sandbox: &Sandbox, path: &Path, level: &str) -> Result<(), String> {
    let program = sandbox.path("program");
    let source = path.to_string_lossy();
    let built = sandbox.coexc(&["build", level, "--color=never", "-o", &program.to_string_lossy(), &source]);
    if built.status != 0 {
        return Err(format!("does not build: {}", built.stderr));
    }
    let output: Ran = ran(&mut Command::new(&program));
    check_output(path, &output)?;
    let stressed = ran(Command::new(&program).env("COEX_GC_STRESS", "1").env("COEX_GC_VERIFY", "1"));
    check_output(path, &stressed).map_err(|fault| format!("under collector stress: {fault}"))
}

fn check_output(path: &Path, ran: &Ran) -> Result<(), String> {
    let (stdout, status) = (path.with_extension("stdout"), path.with_extension("status"));
    if std::env::var_os("COEX_BLESS").is_some() {
        fs::write(&stdout, &ran.stdout).map_err(|error| error.to_string())?;
        if ran.status != 0 {
            fs::write(&status, format!("{}\n", ran.status)).map_err(|error| error.to_string())?;
        }
    }
    let wanted = fs::read_to_string(&stdout).unwrap_or_default();
    if ran.stdout != wanted {
        return Err(format!("printed\n{}instead of\n{wanted}{}", ran.stdout, ran.stderr));
    }
    let wanted = fs::read_to_string(&status).map_or(0, |text| text.trim().parse().unwrap_or(0));
    if ran.status != wanted {
        return Err(format!("status {} instead of {wanted}: {}", ran.status, ran.stderr));
    }
    panicked(path, &ran.stderr)
}

/// The panic line names the file between the text and the place that `.panic` holds.
fn panicked(path: &Path, stderr: &str) -> Result<(), String> {
    let Ok(wanted) = fs::read_to_string(path.with_extension("panic")) else { return Ok(()) };
    let Some((what, place)) = wanted.trim_end().rsplit_once(" at ") else {
        return Err("its .panic file names no place".to_owned());
    };
    let line = format!("panic: {what} at {}:{place}", path.display());
    if stderr.lines().next() != Some(line.as_str()) {
        return Err(format!("said\n{stderr}instead of\n{line}"));
    }
    Ok(())
}
