//! Build script of `coexc`: builds what programs are linked with and hands it to the compiler.
//!
//! In: the sources of `coex-runtime` and the toolchain that builds the compiler. Out: four environment variables for
//! `env!`: `COEX_RUNTIME_ARCHIVE` (path of the static archive), `COEX_FAST_BITCODE` (path of the fast paths as LLVM
//! bitcode), `COEX_BUILD_ID` (hash of every source of the compiler and the runtime; part of the key of a program),
//! `COEX_NATIVE_ID` (hash of the sources that decide what a C library becomes; part of the key of a library).
//! Deliberately not here: the system's LLVM, which `llvm-sys` finds by itself.

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsString;
use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::{env, fs};

/// What Rust's own library carries for those who optimise whole programs.
const BITCODE: [&str; 2] = [".llvmbc", ".llvmcmd"];

/// The bitcode of the runtime and the compiler's LLVM must be of the same major version.
const LLVM_MAJOR: &str = "22";

fn main() {
    let out_dir = PathBuf::from(variable("OUT_DIR"));
    for path in ["runtime", "src", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-env-changed=RUSTC");

    check_llvm_of_rustc();
    let archive = without_debug_information(&out_dir, build_archive(&out_dir));
    let bitcode = build_fast_paths(&out_dir);
    if env::var_os("CARGO_FEATURE_STATIC_LLVM").is_some() {
        // LLVM's tables hold tens of thousands of addresses; at a fixed address nobody relocates them at each start.
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
    println!("cargo::rustc-env=COEX_RUNTIME_ARCHIVE={}", archive.display());
    println!("cargo::rustc-env=COEX_FAST_BITCODE={}", bitcode.display());
    println!("cargo::rustc-env=COEX_BUILD_ID={}", hash_of(&["Cargo.toml", "Cargo.lock", "src", "runtime"]));
    let native = ["Cargo.lock", "src/native", "runtime/include", "runtime/src/abi"];
    println!("cargo::rustc-env=COEX_NATIVE_ID={}", hash_of(&native));
}

/// Ends the build with a text that a reader of cargo's output finds.
fn fail(text: &str) -> ! {
    println!("cargo::error={text}");
    exit(1)
}

fn variable(name: &str) -> OsString {
    env::var_os(name).unwrap_or_else(|| fail(&format!("cargo did not set {name}")))
}

fn check_llvm_of_rustc() {
    let rustc = variable("RUSTC");
    let output = match Command::new(&rustc).arg("-vV").output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) => fail(&format!("cannot run {}: {error}", rustc.display())),
    };
    let version = output.lines().find_map(|line| line.strip_prefix("LLVM version: ")).unwrap_or("unknown");
    if version.split('.').next() != Some(LLVM_MAJOR) {
        fail(&format!(
            "the Rust toolchain must use LLVM {LLVM_MAJOR}, this one uses {version}: rustc 1.95 fits \
             (rustup toolchain install 1.95.0; rustup override set 1.95.0)"
        ));
    }
}

/// The runtime as a static archive, in a target directory of its own: cargo holds a lock on the usual one.
fn build_archive(out_dir: &Path) -> PathBuf {
    let target_dir = out_dir.join("runtime-target");
    // Whole-program optimisation of the runtime takes longer than building the rest of a development compiler.
    let profile = if variable("PROFILE") == "release" { "runtime" } else { "runtime-dev" };
    let mut command = Command::new(variable("CARGO"));
    command.args(["rustc", "-p", "coex-runtime", "--lib", "--crate-type", "staticlib", "--profile", profile]);
    command.args(["--locked", "--quiet", "--target-dir"]).arg(&target_dir);
    for name in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "CARGO_BUILD_TARGET",
        "CARGO_TARGET_DIR",
    ] {
        command.env_remove(name);
    }
    run(command, "the runtime does not build");
    target_dir.join(profile).join("libcoex_runtime.a")
}

/// Debug information of Rust's own library would make every program ten times its size. Its bitcode, for optimisation
/// that is over, would triple what every link reads. Without a tool that removes both the archive is used as it is.
fn without_debug_information(out_dir: &Path, archive: PathBuf) -> PathBuf {
    let stripped = out_dir.join("libcoex_runtime.a");
    let beside_llvm = env::var_os("LLVM_SYS_221_PREFIX").map(|prefix| Path::new(&prefix).join("bin/llvm-strip"));
    let known = ["llvm-strip-22", "llvm-strip", "strip"].map(PathBuf::from);
    for tool in beside_llvm.into_iter().chain(known) {
        let mut command = Command::new(tool);
        command.arg("--strip-debug").args(BITCODE.map(|section| format!("--remove-section={section}")));
        let status = command.arg("-o").arg(&stripped).arg(&archive).output();
        if status.is_ok_and(|output| output.status.success()) {
            return stripped;
        }
    }
    archive
}

/// Unoptimised on purpose (`no-prepopulate-passes`): the fast paths are optimised where they are inlined.
fn build_fast_paths(out_dir: &Path) -> PathBuf {
    let bitcode = out_dir.join("coex_fast.bc");
    let mut command = Command::new(variable("RUSTC"));
    command.args(["--edition", "2024", "--crate-type", "lib", "--crate-name", "coex_fast", "--emit=llvm-bc"]);
    command.args(["-C", "opt-level=3", "-C", "panic=abort", "-C", "codegen-units=1", "-C", "no-prepopulate-passes"]);
    command.args(["-C", "debuginfo=0", "-C", "overflow-checks=off"]);
    command.arg("runtime/fast/fast.rs").arg("-o").arg(&bitcode);
    run(command, "the fast paths do not build");
    bitcode
}

fn run(mut command: Command, complaint: &str) {
    match command.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            for line in String::from_utf8_lossy(&output.stderr).lines() {
                println!("cargo::warning={line}");
            }
            fail(complaint)
        }
        Err(error) => fail(&format!("{complaint}: cannot run {command:?}: {error}")),
    }
}

/// 128 bits over the profile, and names and contents in sorted order. The standard hasher has fixed keys; nobody attacks this hash.
fn hash_of(paths: &[&str]) -> String {
    let mut files = Vec::new();
    for path in paths.iter().map(Path::new) {
        if path.is_dir() {
            collect(path, &mut files);
        } else {
            files.push(path.to_owned());
        }
    }
    files.sort();
    let (mut low, mut high) = (DefaultHasher::new(), DefaultHasher::new());
    high.write_u8(1);
    // A compiler for development carries another archive.
    for hasher in [&mut low, &mut high] {
        hasher.write(variable("PROFILE").as_encoded_bytes());
    }
    for file in files {
        let contents = fs::read(&file).unwrap_or_default();
        for hasher in [&mut low, &mut high] {
            hasher.write(file.as_os_str().as_encoded_bytes());
            hasher.write_usize(contents.len());
            hasher.write(&contents);
        }
    }
    format!("{:016x}{:016x}", high.finish(), low.finish())
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
