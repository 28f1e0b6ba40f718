//! clang, the C library, the linker, pkg-config, and what keeps them in bounds.
//!
//! In: the search path and the environment. Out: findings. Deliberately not here: how tools are run (`sandbox`).

use std::path::{Path, PathBuf};

use super::report::Report;
use crate::driver::session::variable;
use crate::link::{LinkError, Linker, StartFiles, find_linker, start_files};
use crate::native::{NativeError, Store, Toolchain, find_program, find_toolchain};
use crate::sandbox::{Kernel, Policy, Tool};

const CLANG_PACKAGES: &str = "Ubuntu/Debian: sudo apt install clang-22\nmacOS:         brew install llvm@22\n\
                              Fedora:        sudo dnf install clang";
const C_LIBRARY_PACKAGES: &str = "Ubuntu/Debian: sudo apt install libc6-dev libgcc-12-dev\n\
                                  macOS:         xcode-select --install\nFedora:        sudo dnf install glibc-devel gcc";
const LINKER_PACKAGES: &str = "Ubuntu/Debian: sudo apt install mold\nFedora:        sudo dnf install mold";
const PKG_CONFIG_PACKAGES: &str = "Ubuntu/Debian: sudo apt install pkg-config\nmacOS:         brew install pkg-config\n\
                                   Fedora:        sudo dnf install pkgconf-pkg-config";

pub(super) fn clang(store: &Store, report: &mut Report) -> Option<Toolchain> {
    let error = match find_toolchain(store) {
        Ok(toolchain) => {
            report.well("clang", format!("{} ({})", toolchain.clang.display(), toolchain.version));
            return Some(toolchain);
        }
        Err(error) => error,
    };
    let means = "neither programs nor libraries can be built: it compiles C and knows how the system links";
    let chosen = variable("COEX_CLANG").and_then(|value| value.into_string().ok());
    let found = match &error {
        NativeError::ClangVersion { path, .. } => format!("{} ('{path}')", error.message()),
        NativeError::ClangNotFound { searched } => {
            format!("{}: there is no {}", error.message(), searched.join(", no "))
        }
        _ => error.message(),
    };
    let mend = match (&error, chosen) {
        (NativeError::Sandbox(fault), _) => fault.help().to_owned(),
        (_, Some(value)) => format!("COEX_CLANG is '{value}': let it name a clang 22, or unset it"),
        (_, None) => CLANG_PACKAGES.to_owned(),
    };
    report.fault("clang", found, means, &mend);
    None
}

pub(super) fn headers(clang: &Toolchain, report: &mut Report) {
    let place = |name: &str| clang.include_dirs.iter().find(|directory| directory.join(name).is_file());
    let Some(directory) = place("stdio.h") else {
        let means = "C libraries that include it cannot be built";
        return report.fault("headers", "clang does not find <stdio.h>", means, C_LIBRARY_PACKAGES);
    };
    if place("stddef.h").is_none() {
        let means = "C libraries cannot be built: it is one of clang's own headers";
        return report.fault("headers", "clang does not find <stddef.h>", means, CLANG_PACKAGES);
    }
    report.well("headers", directory.display().to_string());
}

pub(super) fn linker(report: &mut Report) {
    let means = "no program can be linked";
    match find_linker(std::env::var_os("PATH").as_deref()) {
        Ok(linker) => match version(&linker.path) {
            Ok(version) => report.well("linker", format!("{} ({version})", linker.path.display())),
            Err(why) => broken_linker(&linker, &why, report),
        },
        Err(LinkError::NoLinker { searched }) => {
            report.fault(
                "linker",
                format!("No linker found: there is no {}", searched.join(", no ")),
                means,
                LINKER_PACKAGES,
            );
        }
        Err(error) => report.fault("linker", error.to_string(), means, LINKER_PACKAGES),
    }
}

fn broken_linker(linker: &Linker, why: &str, report: &mut Report) {
    let found = format!("'{}' does not run: {why}", linker.path.display());
    report.fault("linker", found, "no program can be linked", LINKER_PACKAGES);
}

/// The first line that a program says of itself.
fn version(program: &Path) -> Result<String, String> {
    let finished =
        Tool::new(program).arguments(["--version"]).trusts_scripts().run().map_err(|fault| fault.to_string())?;
    let line = finished.stdout.lines().next().unwrap_or_default().trim().to_owned();
    if finished.succeeded() { Ok(line) } else { Err(format!("it {}", finished.fault())) }
}

/// What lies around a program: where it starts, and the C library.
pub(super) fn start_files(clang: &Toolchain, report: &mut Report) {
    let means = "no program can be linked";
    let files = match start_files::ask(&clang.clang) {
        Ok(files) => files,
        Err(error) => return report.fault("libc", error.to_string(), means, C_LIBRARY_PACKAGES),
    };
    match missing(&files) {
        Some(name) => report.fault("libc", format!("clang does not find {name}"), means, C_LIBRARY_PACKAGES),
        None => report.well("libc", "start files, libc and libgcc"),
    }
}

fn missing(files: &StartFiles) -> Option<String> {
    let words = || files.before.iter().chain(&files.after);
    let start = words().find(|word| word.ends_with(".o") && !Path::new(word).is_file());
    if let Some(file) = start {
        return Some(file.clone());
    }
    let directories: Vec<PathBuf> = words().filter_map(|word| word.strip_prefix("-L")).map(PathBuf::from).collect();
    let is_there = |names: &[&str]| directories.iter().any(|place| names.iter().any(|name| place.join(name).is_file()));
    let wanted = [("libc", ["libc.so", "libc.a"]), ("libgcc", ["libgcc.a", "libgcc_s.so"])];
    wanted.into_iter().find(|(_, names)| !is_there(names)).map(|(name, _)| name.to_owned())
}

pub(super) fn sandbox(report: &mut Report) {
    let kernel = Kernel::of_this_machine();
    let means = "C code of libraries is compiled with your rights: it could show or read your files";
    match (Policy::of_environment(), kernel.lacks()) {
        (Err(fault), _) => {
            report.fault("sandbox", fault.to_string(), "no tool is run", fault.help());
        }
        (Ok(Policy::Off), _) => {
            report.note(
                "sandbox",
                "COEX_SANDBOX=off: switched off",
                means,
                "unset COEX_SANDBOX, unless you trust all of it",
            );
        }
        (Ok(Policy::Prefer), Some(lacking)) => {
            let mend = "a kernel since 5.13, started with landlock among its security modules (lsm=…,landlock);\n\
                        COEX_SANDBOX=require refuses to compile C without";
            report.note("sandbox", lacking, means, mend);
        }
        (Ok(Policy::Require), Some(lacking)) => {
            let mend = "a kernel since 5.13 with landlock, or COEX_SANDBOX=prefer";
            report.fault("sandbox", lacking, "COEX_SANDBOX=require: nothing is compiled or linked", mend);
        }
        (Ok(_), None) => report.well("sandbox", format!("landlock {}, seccomp", kernel.landlock)),
    }
}

/// Only libraries with system dependencies need it.
pub(super) fn pkg_config(report: &mut Report) {
    let means = "libraries that name packages of the system cannot be built; others can";
    let name = std::env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let Some(program) = find_program(&name, &std::env::var_os("PATH").unwrap_or_default()) else {
        let found = format!("'{}' not found", name.to_string_lossy());
        return report.note("pkg-config", found, means, PKG_CONFIG_PACKAGES);
    };
    match version(&program) {
        Ok(version) => report.well("pkg-config", format!("{} ({version})", program.display())),
        Err(why) => {
            report.note(
                "pkg-config",
                format!("'{}' does not run: {why}", program.display()),
                means,
                PKG_CONFIG_PACKAGES,
            );
        }
    }
}
