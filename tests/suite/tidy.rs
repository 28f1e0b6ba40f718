//! Rules of the tree that a reader relies on: layers, sizes, module heads, where LLVM and files may be touched.

use std::fs;
use std::path::{Path, PathBuf};

/// Who may use whom inside `src/`: `(module, modules it may name)`. `source`, `diagnostics` and `types` are free to all.
const LAYERS: &[(&str, &[&str])] = &[
    ("source", &[]),
    ("diagnostics", &[]),
    ("types", &[]),
    ("ast", &[]),
    ("parse", &["ast"]),
    ("ir", &[]),
    ("resolve", &["ast", "ir"]),
    ("check", &["ast", "resolve", "ir"]),
    ("files", &["crash"]),
    ("crash", &[]),
    ("sandbox", &[]),
    ("native", &["sandbox", "files"]),
    ("bind", &["ir", "native"]),
    ("passes", &["ir"]),
    ("codegen", &["ir", "bind", "native", "crash"]),
    ("cxz", &["files"]),
    ("packages", &["cxz", "files"]),
    ("link", &["sandbox", "crash", "files"]),
    (
        "driver",
        &[
            "ast", "parse", "resolve", "check", "ir", "native", "bind", "passes", "codegen", "link", "cxz", "packages",
            "sandbox", "driver", "crash", "files",
        ],
    ),
    ("cli", &["driver", "cxz", "packages", "native", "link", "sandbox", "crash", "files"]),
    ("bin", &["cli"]),
];

const FREE: &[&str] = &["source", "diagnostics", "types", "bug"];

/// Modules that may read and write files.
const FILES: &[&str] = &["driver", "cxz", "packages", "sandbox", "native", "link", "cli", "bin", "files", "crash"];

const MAX_LINES: usize = 800;

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().unwrap() != "generated" {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The file's text without its unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    match text.find("\n#[cfg(test)]\nmod tests {") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.file_stem().is_some_and(|stem| stem == "tests" || stem.to_string_lossy().ends_with("_tests"))
}

/// The module of `src/` that a file belongs to; `None` for `lib.rs`.
fn module(path: &Path) -> Option<String> {
    let below = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).ok()?;
    let first = below.components().next()?.as_os_str().to_str()?;
    (first != "lib.rs").then(|| first.trim_end_matches(".rs").to_owned())
}

#[test]
fn layers_are_kept() {
    let mut faults = Vec::new();
    for path in rust_files("src").into_iter().filter(|path| !is_test(path)) {
        let Some(module) = module(&path) else { continue };
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else {
            faults.push(format!("{}: module '{module}' has no row in the layer table", path.display()));
            continue;
        };
        for line in code(&path).lines().filter(|line| !line.trim_start().starts_with("//")) {
            let parts = line.match_indices("crate::").map(|(at, _)| &line[at + "crate::".len()..]);
            for rest in parts.chain(line.match_indices("coexc::").map(|(at, _)| &line[at + "coexc::".len()..])) {
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let known = LAYERS.iter().any(|(layer, _)| *layer == name);
                if known && name != module && !allowed.contains(&name.as_str()) && !FREE.contains(&name.as_str()) {
                    faults.push(format!("{}: {module} must not use {name}", path.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn files_are_short_and_have_a_head() {
    let mut faults = Vec::new();
    for path in rust_files("src").into_iter().chain(rust_files("runtime/src")).filter(|path| !is_test(path)) {
        let code = code(&path);
        let lines = code.lines().count();
        if lines > MAX_LINES {
            faults.push(format!("{}: {lines} lines, at most {MAX_LINES}", path.display()));
        }
        if !code.starts_with("//!") {
            faults.push(format!("{}: no module head (//!)", path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn llvm_stays_in_its_rooms() {
    for path in rust_files("src") {
        let module = module(&path).unwrap_or_default();
        if module != "codegen" && module != "native" {
            let code = code(&path);
            let used = code.lines().any(|line| {
                !line.trim_start().starts_with("//") && (line.contains("inkwell::") || line.contains("llvm_sys"))
            });
            assert!(!used, "{}: LLVM outside of codegen and native", path.display());
        }
    }
}

#[test]
fn only_some_modules_touch_files() {
    for path in rust_files("src").into_iter().filter(|path| !is_test(path)) {
        let Some(module) = module(&path) else { continue };
        if FILES.contains(&module.as_str()) {
            continue;
        }
        let code = code(&path);
        let used = code.lines().any(|line| {
            !line.trim_start().starts_with("//") && (line.contains("std::fs") || line.contains("std::env::"))
        });
        assert!(!used, "{}: files or environment in {module}", path.display());
    }
}

/// What a build starts works on a stranger's files; the program that `run` becomes is the user's own.
#[test]
fn processes_are_started_confined() {
    for path in rust_files("src").into_iter().filter(|path| !is_test(path)) {
        let is_allowed = module(&path).as_deref() == Some("sandbox") || path.ends_with("cli/run.rs");
        assert!(is_allowed || !code(&path).contains("Command::new("), "{}: a process not confined", path.display());
    }
}

#[test]
fn assembly_stays_in_one_folder() {
    for path in rust_files("runtime/src").into_iter().chain(rust_files("src")) {
        let code = code(&path);
        let used = code.contains("global_asm!(") || code.contains(" asm!(");
        let allowed = path.components().any(|part| part.as_os_str() == "arch");
        assert!(!used || allowed, "{}: assembly outside of runtime/src/arch", path.display());
    }
}

#[test]
fn every_unsafe_block_says_why() {
    let mut faults = Vec::new();
    for path in rust_files("src").into_iter().chain(rust_files("runtime/src")).filter(|path| !is_test(path)) {
        let code = code(&path);
        let lines: Vec<&str> = code.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            if line.contains("unsafe {") && !line.trim_start().starts_with("//") {
                let before = &lines[index.saturating_sub(4)..=index];
                if !before.iter().any(|line| line.contains("SAFETY")) {
                    faults.push(format!("{}:{}", path.display(), index + 1));
                }
            }
        }
    }
    assert!(faults.is_empty(), "unsafe without a SAFETY reason:\n{}", faults.join("\n"));
}
