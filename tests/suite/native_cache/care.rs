//! `coexc cache`, limits, ownership, and builds that check what they find.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

use super::Case;
use crate::sandbox::ran;

const ONE: &str = "int value(void) { return 1; }\n";

#[test]
fn the_directory_is_private_and_marked() {
    let case = Case::new(ONE);
    case.value();
    let cache = case.sandbox.path("home/.coex/cache");
    for directory in [cache.clone(), cache.join("native-v1")] {
        assert_eq!(fs::metadata(&directory).expect("directory").mode() & 0o777, 0o700, "{}", directory.display());
    }
    let tag = fs::read_to_string(cache.join("CACHEDIR.TAG")).expect("a tag");
    assert!(tag.starts_with("Signature: 8a477f597d28d172789f06886806bc55\n"));
    // Somebody opened it for others; it is closed again.
    fs::set_permissions(cache.join("native-v1"), fs::Permissions::from_mode(0o755)).expect("mode");
    case.hits("1");
    assert_eq!(fs::metadata(cache.join("native-v1")).expect("directory").mode() & 0o777, 0o700);
}

#[test]
fn a_directory_of_somebody_else_is_refused() {
    let mut case = Case::new(ONE);
    let other = case.sandbox.path("other");
    fs::create_dir_all(&other).expect("directory");
    // As root another user's can be made; everybody else has the root directory.
    let is_root = std::os::unix::fs::chown(&other, Some(12345), None).is_ok();
    let directory = if is_root { other } else { "/".into() };
    case.set("COEX_CACHE_DIR", directory.display().to_string());
    let run = case.build();
    assert_eq!(run.status, 3, "{}", run.stderr);
    assert!(run.stderr.contains("error[E1403]") && run.stderr.contains("it belongs to another user"), "{}", run.stderr);
    assert!(!directory.join("native-v1").exists());
}

#[test]
fn the_size_can_be_chosen_and_the_oldest_goes() {
    let mut case = Case::new(ONE);
    case.value();
    let stats = |case: &Case| case.coexc(&["cache", "stats"]).stdout;
    assert!(stats(&case).contains("limit        2147483648\n"), "{}", stats(&case));
    case.set("COEX_CACHE_SIZE", "1.5K");
    assert!(stats(&case).contains("limit        1536\n"), "{}", stats(&case));
    // What was used in the last hour may be in use.
    assert_eq!(case.coexc(&["cache", "gc"]).stdout, "0 bytes removed\n");
    let past = SystemTime::now() - Duration::from_secs(7200);
    for path in case.kept() {
        fs::File::open(path).and_then(|file| file.set_modified(past)).expect("time");
    }
    let run = case.coexc(&["cache", "gc"]);
    assert_ne!(run.stdout, "0 bytes removed\n");
    let (value, log) = case.value();
    assert_eq!(value, "1");
    assert!(log.contains("program main.coex: miss, "), "{log}");
    case.set("COEX_CACHE_SIZE", "plenty");
    let run = case.coexc(&["cache", "gc"]);
    assert_eq!(run.status, 3);
    assert!(run.stderr.contains("COEX_CACHE_SIZE is 'plenty', which is no size such as 500M or 2G"), "{}", run.stderr);
    case.hits("1");
    assert_eq!(case.coexc(&["cache", "clear"]).status, 0);
    assert!(
        stats(&{
            case.set("COEX_CACHE_SIZE", "");
            case
        })
        .contains("entries      0\n")
    );
}

/// Makes again what it found; a compiler that makes something else each time is found out.
#[test]
fn a_verified_build_compares() {
    let mut case = Case::new("int value(void) { return N; }\n");
    let wrapper = |name: &str, number: &str| {
        let text = format!("#!/bin/sh\nexec clang-22 -DN={number} \"$@\"\n");
        case.script(name, &text)
    };
    let (same, other) = (wrapper("same", "1"), wrapper("other", "$(cat ../../../../../../late/n)"));
    case.set("COEX_CLANG", same);
    case.value();
    case.set("COEX_CACHE", "verify");
    let (value, log) = case.value();
    assert_eq!(value, "1");
    assert!(log.contains("program main.coex: verified\n"), "{log}");
    case.set("COEX_CLANG", other);
    case.sandbox.write("late/n", "2");
    case.set("COEX_CACHE", "use");
    assert_eq!(case.value().0, "2");
    case.sandbox.write("late/n", "3");
    case.hits("2");
    case.set("COEX_CACHE", "verify");
    let run = case.build();
    assert_eq!(run.status, 3, "{}", run.stderr);
    assert!(run.stderr.contains("what was kept for library 'probe' is not what is made now"), "{}", run.stderr);
    // It was set aside.
    assert_eq!(case.value().0, "3");
    case.set("COEX_CACHE", "maybe");
    assert_eq!(ran(&mut case.command(&["build", "main.coex"])).status, 2);
}
