//! Tricks around the sources: manifest, tree, pkg-config, environment.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use super::Outcome::{self, Harmless, Refused};
use super::{Stage, Trick, bounded};

const PROBE: &str = "int probe(void) { return 1; }\n";
const FAILED: Outcome = Refused(1, "error[E1114]: FFI compilation failed for 'evil'");
const MANIFEST: Outcome = Refused(1, "error[E1408]: Manifest of 'evil' is not valid");
const FLAG: Outcome = Refused(1, "error[E1112]: Library 'evil': invalid system library");

#[test]
fn manifests_smuggle_nothing() {
    let unit = |name, unit| Trick::new(name, PROBE, MANIFEST).with_unit(unit);
    let mut stage = match whole() {
        Some(stage) => stage,
        None => return,
    };
    for trick in [
        unit("a source elsewhere", "source = [\"../../../../../../etc/passwd\"]\n"),
        unit("an absolute source", "source = [\"/etc/passwd\"]\n"),
        unit("a source with a newline", "source = [\"a\\nb.c\"]\n"),
        unit("headers elsewhere", "headers = [\"../../../..\"]\n"),
        unit("absolute headers", "headers = [\"/etc\"]\n"),
        unit("a define that is an option", "defines = { \"X -fplugin=x\" = \"1\" }\n"),
        unit("a define with a newline in its name", "defines = { \"X\\n#include </etc/passwd>\" = \"1\" }\n"),
        unit("a standard with an option", "c_standard = \"c17 -fplugin=x\"\n"),
        unit("a system header elsewhere", "system_headers = [\"../../../../../../etc/passwd\"]\n"),
        Trick::new("an option for pkg-config", PROBE, MANIFEST)
            .with_tables("[ffi.system]\npkg_config = [\"--define-variable=prefix=/\"]\n"),
    ] {
        stage.play(&trick);
    }
    for flag in ["-fplugin=x.so", "-Wl,--plugin=x", "@/etc/passwd", "../x", "-L/x", "-T/etc/passwd", ":x.o", "z\\n-lx"]
    {
        let table: &'static str = format!("system_libs = [\"{flag}\"]\n").leak();
        stage.play(&Trick::new("a library that is an option", PROBE, FLAG).with_unit(table));
    }
    // Passed as they are, without a shell: the value is text in a macro.
    const SHOWN: &str =
        "#define S(x) #x\n#define T(x) S(x)\nconst char *text = T(X);\nint probe(void) { return text[0]; }\n";
    for value in ["$(touch {ROOT}/pwned)", "`touch {ROOT}/pwned`", "1 -o {ROOT}/pwned", "1 @{HOME}/secret.txt"] {
        let table: &'static str = format!("defines = {{ X = \"{value}\" }}\n").leak();
        stage.play(&Trick::new("a define for a shell", SHOWN, Harmless).with_unit(table));
    }
    stage.play(
        &Trick::new("a define of two lines", PROBE, Refused(1, "error["))
            .with_unit("defines = { X = \"1\\n#include \\\"{HOME}/secret.h\\\"\" }\n"),
    );
    let dashes = Trick::new("a source like an option", PROBE, Harmless).with_unit("source = [\"-fplugin=x.c\"]\n");
    let place = stage.prepare(&dashes);
    fs::write(place.join("evil/ffi/src/-fplugin=x.c"), PROBE).expect("a file");
    let run = bounded(&mut stage.command(&dashes, &place, "require"));
    assert_eq!((run.status, stage.loot(&place, &run)), (0, None), "{}", run.stderr);
}

fn whole() -> Option<Stage> {
    if coexc::sandbox::Kernel::of_this_machine().lacks().is_some() {
        println!("skipped: no sandbox here");
        return None;
    }
    Some(Stage::new())
}

/// What is no file is refused before anything is compiled.
#[test]
fn trees_hold_files_only() {
    let Some(mut stage) = whole() else { return };
    let trick = Trick::new("", "#include \"x.h\"\nint probe(void) { return sizeof stolen; }\n", Harmless);
    let home = stage.sandbox.path("home");
    let make_fifo = |path: PathBuf| {
        let name = std::ffi::CString::new(path.display().to_string()).expect("a name");
        // SAFETY: a terminated path.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    };
    for kind in ["link to a file", "link to a directory", "link to a device", "fifo", "name of two lines"] {
        let place = stage.prepare(&trick);
        let header = place.join("evil/ffi/src/x.h");
        match kind {
            "link to a file" => symlink(home.join("secret.h"), header).expect("a link"),
            "link to a directory" => symlink(&home, header).expect("a link"),
            "link to a device" => symlink("/dev/zero", header).expect("a link"),
            "fifo" => make_fifo(header),
            _ => fs::write(header.with_file_name("x.h\n-fplugin=x"), "").expect("a file"),
        }
        let run = bounded(&mut stage.command(&trick, &place, "require"));
        assert_eq!(run.status, 4, "{kind}: {}", run.stderr);
        assert!(run.stderr.contains("error[E1109]: Library archive is invalid: "), "{kind}: {}", run.stderr);
        assert_eq!(stage.loot(&place, &run), None, "{kind}");
    }
}

#[test]
fn pkg_config_smuggles_nothing() {
    let Some(mut stage) = whole() else { return };
    const PATH: &[(&str, &str)] = &[("PKG_CONFIG_PATH", "{ROOT}/pc")];
    const WANTS: &str = "[ffi.system]\npkg_config = [\"hostile\"]\n";
    let mut play = |name: &'static str, c: &'static str, lines: &str, outcome: Outcome| {
        let start = "Name: hostile\nDescription: d\nVersion: 1\n";
        stage.sandbox.write("pc/hostile.pc", stage.text(&format!("{lines}\n{start}")));
        stage.play(&Trick::new(name, c, outcome).with_tables(WANTS).with_environment(PATH));
    };
    for flags in [
        "-fplugin={ROOT}/x.so",
        "-Xclang -load -Xclang {ROOT}/x.so",
        "-B{ROOT}",
        "-specs={ROOT}/specs",
        "--config={ROOT}/x.cfg",
        "@{HOME}/secret.txt",
        "-include {HOME}/secret.h",
        "-imacros {HOME}/secret.h",
        "-o {ROOT}/pwned",
        "-wrapper {ROOT}/x",
        "-fprofile-use={HOME}/secret.txt",
        "-ivfsoverlay {HOME}/secret.txt",
        "-MF{ROOT}/pwned",
        "--sysroot={HOME}",
        "$(touch {ROOT}/pwned)",
        "`touch {ROOT}/pwned`",
        "-I/usr/include;touch {ROOT}/pwned",
        "-DX=1 \\\n  -fplugin={ROOT}/x.so",
    ] {
        let outcome = if flags.contains(';') { Refused(1, "error[") } else { FLAG };
        play("compiler flags of pkg-config", PROBE, &format!("Cflags: {flags}"), outcome);
    }
    for flags in
        ["-Wl,-rpath,{HOME}", "-Wl,-T,{HOME}/secret.txt", "@{HOME}/secret.txt", "-Xlinker --plugin", "{HOME}/x.o"]
    {
        play("linker flags of pkg-config", PROBE, &format!("Libs: {flags}"), FLAG);
    }
    const STEAL: &str =
        "#include \"secret.h\"\nint probe(void) { __asm__ volatile(\"\" :: \"r\"(stolen)); return 1; }\n";
    play("the home as include directory", STEAL, "Cflags: -I{HOME}", FAILED);
    play("the home by a variable", STEAL, "prefix={HOME}/private\nCflags: -I${prefix}/..", FAILED);
    const PASSWD: &str = "#include \"etc/passwd\"\nint probe(void) { return 1; }\n";
    play("everything as include directory", PASSWD, "Cflags: -I/", FAILED);
    const USUAL: &str = "#include <usual.h>\nint probe(void) { return USUAL; }\n";
    play("an ordinary directory in the home", USUAL, "Cflags: -I{HOME}/include", Harmless);
    stage.sandbox.write("home/x.pc", "Name: x\nDescription: d\nVersion: 1\n");
    let path = Trick::new("a package by its path", PROBE, MANIFEST);
    stage.play(&path.with_tables("[ffi.system]\npkg_config = [\"{HOME}/x.pc\"]\n"));
    stage.sandbox.write("pc/rooted.pc", "Cflags: -I/private/..\nName: r\nDescription: d\nVersion: 1\n");
    const ROOTED: &[(&str, &str)] = &[("PKG_CONFIG_PATH", "{ROOT}/pc"), ("PKG_CONFIG_SYSROOT_DIR", "{HOME}")];
    let trick = Trick::new("a root of the system", STEAL, FAILED).with_environment(ROOTED);
    stage.play(&trick.with_tables("[ffi.system]\npkg_config = [\"rooted\"]\n"));
    let log: &[(&str, &str)] = &[("PKG_CONFIG_PATH", "{ROOT}/pc"), ("PKG_CONFIG_LOG", "{ROOT}/pwned")];
    stage.play(&Trick::new("a log", USUAL, Harmless).with_tables(WANTS).with_environment(log));
    // Whoever sets PKG_CONFIG chooses what runs, but not what it may do.
    let text = stage.text("#!/bin/sh\necho x > {ROOT}/pwned\ncat {HOME}/secret.txt >&2\nexec pkg-config \"$@\"\n");
    let script = stage.sandbox.write("script", text);
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).expect("a script");
    const SCRIPT: &[(&str, &str)] = &[("PKG_CONFIG_PATH", "{ROOT}/pc"), ("PKG_CONFIG", "{ROOT}/script")];
    stage.play(&Trick::new("a script", USUAL, Harmless).with_tables(WANTS).with_environment(SCRIPT).noticed());
}

#[test]
fn the_environment_says_nothing() {
    let Some(mut stage) = whole() else { return };
    const FLAGGED: &str = "#ifdef SEEN\nconst char seen[] = \"SEEN-BY-A-STRANGER\";\n#else\nconst char seen[] = \"no\";\n#endif\n\
        int probe(void) { __asm__ volatile(\"\" :: \"r\"(seen)); return 1; }\n";
    for (name, environment) in [
        ("overriding options", &[("CCC_OVERRIDE_OPTIONS", "+-DSEEN")] as &'static [(&str, &str)]),
        ("a configuration", &[("XDG_CONFIG_HOME", "{ROOT}"), ("CLANG_CONFIG_FILE_USER_DIR", "{ROOT}")]),
        ("dependencies", &[("DEPENDENCIES_OUTPUT", "{ROOT}/pwned")]),
        ("dependencies, in the other way", &[("SUNPRO_DEPENDENCIES", "{ROOT}/pwned")]),
        ("printed options", &[("CC_PRINT_OPTIONS", "1"), ("CC_PRINT_OPTIONS_FILE", "{ROOT}/pwned")]),
        ("a log", &[("CC_LOG_DIAGNOSTICS", "1"), ("CC_LOG_DIAGNOSTICS_FILE", "{ROOT}/pwned")]),
        ("other programs", &[("COMPILER_PATH", "{ROOT}"), ("GCC_EXEC_PREFIX", "{ROOT}/"), ("SDKROOT", "{HOME}")]),
        ("another place for modules", &[("CLANG_MODULE_CACHE_PATH", "{ROOT}/pwned")]),
    ] {
        stage.play(&Trick::new(name, FLAGGED, Harmless).with_environment(environment));
    }
    const STEAL: &str = "#include <secret.h>\nint probe(void) { __asm__ volatile(\"\" :: \"r\"(stolen)); return 1; }\n";
    const CPATH: &[(&str, &str)] = &[("CPATH", "{HOME}")];
    stage.play(&Trick::new("the home as path", STEAL, FAILED).with_environment(CPATH).noticed());
    const PASSWD: &str = "#include <etc/passwd>\nint probe(void) { return 1; }\n";
    const ROOT: &[(&str, &str)] = &[("C_INCLUDE_PATH", "/")];
    stage.play(&Trick::new("everything as path", PASSWD, FAILED).with_environment(ROOT));
}

/// A compiler that tells what it was given; no variable but those that clang needs is among it.
#[test]
fn tools_see_no_other_variables() {
    let Some(mut stage) = whole() else { return };
    const NAMES: [&str; 15] = [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "LD_AUDIT",
        "GLIBC_TUNABLES",
        "HOME",
        "USER",
        "SSH_AUTH_SOCK",
        "AWS_SECRET_ACCESS_KEY",
        "CCC_OVERRIDE_OPTIONS",
        "COMPILER_PATH",
        "GCC_EXEC_PREFIX",
        "SDKROOT",
        "BASH_ENV",
        "LANG",
        "COEX_SECRET",
    ];
    let asks: String = NAMES
        .map(|name| format!("[ -z \"${{{name}+x}}\" ] || {{ echo 'error: SEEN-BY-A-STRANGER {name}' >&2; exit 1; }}\n"))
        .concat();
    let script = stage.sandbox.write("wrapper", format!("#!/bin/sh\n{asks}exec clang-22 \"$@\"\n"));
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a script");
    let trick = Trick::new("", PROBE, Harmless);
    let place = stage.prepare(&trick);
    let mut command = stage.command(&trick, &place, "require");
    command
        .envs(NAMES.map(|name| (name, "/nonexistent")))
        .env("COEX_CLANG", &script)
        .env("HOME", stage.sandbox.path("home"));
    let run = bounded(&mut command);
    assert_eq!((run.status, stage.loot(&place, &run)), (0, None), "{}", run.stderr);
    let mut direct = std::process::Command::new(&script);
    let told = direct.arg("--version").env("COEX_SECRET", "x").output().expect("the script runs");
    assert!(String::from_utf8_lossy(&told.stderr).contains(super::SEEN));
}
