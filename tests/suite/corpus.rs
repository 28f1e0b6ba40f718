//! Programs as test cases.
//!
//! `tests/fail/**/*.coex`: each line that a diagnostic names says so in a comment, `# error: [E0204]` or
//! `# warning: [W0601]`, with the message after it where that matters; nothing else may be reported, and nothing twice. A line
//! `# help: …` wants that help.
//! `tests/run/**/*.coex`: the output of the program at -O0 and -O2 is the text in the `.stdout` file beside it, its exit
//! status the number in `.status` (0 without one); warnings stand in comments as above. A `.panic` file holds what the panic
//! says and its line and column, as in `division by zero at 3:7`. Each program runs once more with a collector that moves
//! objects at every chance and checks the heap.
//! `tests/ir/**/*.coex`: the typed IR behind all passes is the text in the `.ir` file beside it.
//! `COEX_FILTER=match` runs only the paths that contain the word; `COEX_BLESS=1` writes `.stdout`, `.status` and
//! `.ir` anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::sandbox::{Ran, Sandbox, ran};

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn programs(name: &str) -> Vec<PathBuf> {
    let filter = std::env::var("COEX_FILTER").unwrap_or_default();
    let mut found = all_programs(name);
    found.retain(|path| path.to_string_lossy().contains(&filter));
    found
}

fn all_programs(name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&root(name), &mut found);
    found.sort();
    found
}

/// Directories named `lib` hold what other cases import: modules, and libraries with their C.
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

/// What a comment expects or the compiler reported: line (0 outside the case), code, and where a comment gives them, the
/// column and the message.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Report {
    line: usize,
    code: String,
    column: Option<usize>,
    message: Option<String>,
}

impl Report {
    fn is(&self, reported: &Report) -> bool {
        let message = match (&self.message, &reported.message) {
            (Some(wanted), Some(message)) => match wanted.strip_suffix('…') {
                Some(start) => message.starts_with(start),
                None => message == wanted,
            },
            _ => true,
        };
        let column = self.column.is_none() || self.column == reported.column;
        message && column && (self.line, &self.code) == (reported.line, &reported.code)
    }
}

/// What the comments of a case name: `# error: [E0204]`, with a column `[E0204:7]`, with the message after the bracket, of
/// which `…` may stand for the end; `# error elsewhere: [E1114]` for one without a place in the case.
fn expected(text: &str) -> Vec<Report> {
    let mut expected = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (mark, line_number) in [
            ("# error: [", index + 1),
            ("# warning: [", index + 1),
            ("# error elsewhere: [", 0),
            ("# warning elsewhere: [", 0),
        ] {
            for piece in line.split(mark).skip(1) {
                let piece = piece.split(" # ").next().unwrap_or(piece);
                let (codes, message) = piece.split_once(']').unwrap_or((piece, ""));
                for code in codes.split(' ') {
                    let (code, column) = match code.split_once(':') {
                        Some((code, column)) => (code, column.parse().ok()),
                        None => (code, None),
                    };
                    let message = Some(message.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
                    expected.push(Report { line: line_number, code: code.to_owned(), column, message });
                }
            }
        }
    }
    expected
}

/// What the compiler reported while it read the file of this name.
fn reported(stderr: &str, name: &str) -> Vec<Report> {
    let mut found: Vec<Report> = Vec::new();
    let mut placed = true;
    for line in stderr.lines() {
        if let Some((kind, message)) = line.split_once("]: ")
            && let Some(("error" | "warning", code)) = kind.split_once('[')
        {
            let (code, message) = (code.to_owned(), Some(message.to_owned()));
            found.push(Report { line: 0, code, column: None, message });
            placed = false;
        } else if let Some(place) = line.strip_prefix("  --> ").filter(|_| !placed) {
            placed = true;
            let mut parts = place.rsplitn(3, ':').map(str::to_owned);
            let (column, line, file) = (parts.next(), parts.next(), parts.next());
            if let (Some(report), true) = (found.last_mut(), file.as_deref() == Some(name)) {
                report.line = line.and_then(|text| text.parse().ok()).unwrap_or(0);
                report.column = column.and_then(|text| text.parse().ok());
            }
        }
    }
    found
}

/// What is missing of the expected and what was reported beyond it.
fn compare(mut expected: Vec<Report>, reported: Vec<Report>) -> Result<(), String> {
    // Those that say most choose first.
    expected.sort_by_key(|wanted| (wanted.message.is_none(), wanted.column.is_none()));
    let mut extra = reported;
    let mut missing = Vec::new();
    for wanted in expected {
        match extra.iter().position(|report| wanted.is(report)) {
            Some(index) => drop(extra.remove(index)),
            None => missing.push(wanted),
        }
    }
    if missing.is_empty() && extra.is_empty() {
        return Ok(());
    }
    Err(format!("\n  missing {missing:?}\n  extra {extra:?}"))
}

fn lossy(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// Runs the cases on as many threads as there are processors, and gives the faults found.
fn each_case(cases: &[PathBuf], check: impl Fn(&Sandbox, &Path) -> Result<(), String> + Sync) -> Vec<String> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                let sandbox = Sandbox::new();
                while let Some(path) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(fault) = check(&sandbox, path) {
                        wrong.lock().expect("no case panics").push(format!("{}: {fault}", path.display()));
                    }
                }
            });
        }
    });
    wrong.into_inner().expect("no case panics")
}

#[test]
fn faults_are_reported_where_they_are() {
    let wrong = each_case(&programs("fail"), |sandbox, path| {
        let name = path.to_string_lossy();
        let ran = sandbox.coexc(&["check", "--color=never", &name]);
        compare(expected(&lossy(path)), reported(&ran.stderr, &name))?;
        for help in lossy(path).lines().filter_map(|line| line.trim().strip_prefix("# help: ")) {
            if !ran.stderr.contains(&format!("help: {help}\n")) {
                return Err(format!("no help '{help}' in\n{}", ran.stderr));
            }
        }
        let status = i32::from(ran.stderr.contains("error["));
        if ran.status != status { Err(format!("status {}", ran.status)) } else { Ok(()) }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn programs_print_what_they_should() {
    let wrong = each_case(&programs("run"), |sandbox, path| {
        for level in ["-O0", "-O2"] {
            run_case(sandbox, path, level).map_err(|fault| format!("{level}: {fault}"))?;
        }
        Ok(())
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn passes_make_the_ir_they_should() {
    let cases = programs("ir");
    assert!(!cases.is_empty() || std::env::var_os("COEX_FILTER").is_some());
    let wrong = each_case(&cases, |sandbox, path| {
        let run = sandbox.coexc(&["emit", "ir", "--color=never", &path.to_string_lossy()]);
        if run.status != 0 {
            return Err(run.stderr);
        }
        let ir = path.with_extension("ir");
        if std::env::var_os("COEX_BLESS").is_some() {
            fs::write(&ir, &run.stdout).map_err(|error| error.to_string())?;
        }
        let wanted = lossy(&ir);
        if run.stdout == wanted { Ok(()) } else { Err(format!("became\n{}instead of\n{wanted}", run.stdout)) }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each code that the compiler can report has a program that shows it; those of libraries with C, of the machine and of packages
/// have a test of the suite that names them. What a filter leaves out of a run stays in the corpus.
#[test]
fn every_code_has_a_program_that_shows_it() {
    let mut shown = BTreeSet::new();
    for path in all_programs("fail").iter().chain(&all_programs("run")) {
        shown.extend(expected(&lossy(path)).into_iter().map(|report| report.code));
    }
    let (used, tested) = (text_of_sources("src"), text_of_sources("tests/suite"));
    let missing: Vec<&str> = (coexc::diagnostics::codes::ALL.iter())
        .map(|code| code.as_str())
        // What is not built yet changes from day to day.
        .filter(|code| *code != "E0001")
        .filter(|code| used.contains(&format!("Code::{code}")) && !shown.contains(*code))
        // Archives, the native cache, packages, and a library that is packed are the suite's own subject.
        .filter(|code| {
            let parts = ["11", "14", "15", "1202", "1203", "1204"];
            !parts.iter().any(|part| code[1..].starts_with(part)) || !tested.contains(code)
        })
        .collect();
    assert!(missing.is_empty(), "no program of tests/fail shows {missing:?}");
}

pub(crate) fn text_of_sources(directory: &str) -> String {
    fn gather(directory: &Path, text: &mut String) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                gather(&path, text);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&lossy(&path));
            }
        }
    }
    let mut text = String::new();
    gather(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory), &mut text);
    text
}

/// The same programs with collections that are always copied: whoever sees a change in place sees a difference here. What
/// LLVM makes of that is seen by `random_programs`, at -O2.
#[test]
fn changes_in_place_make_no_difference() {
    let parts = ["03_types", "05_expressions", "06_statements", "09_collections", "16_memory"];
    let mut cases = programs("run");
    cases.retain(|path| parts.iter().any(|part| path.to_string_lossy().contains(part)));
    let wrong = each_case(&cases, |sandbox, path| {
        let program = sandbox.path("program");
        let (source, output) = (path.to_string_lossy(), program.to_string_lossy());
        let built = sandbox.coexc(&["build", "-O0", "--no-edit-tokens", "--color=never", "-o", &output, &source]);
        match built.status {
            0 => check_output(path, &ran(&mut Command::new(&program))),
            _ => Err(format!("does not build: {}", built.stderr)),
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A part of the same programs with debug information: LLVM accepts it, and nobody else can tell.
#[test]
fn debug_information_makes_no_difference() {
    let cases: Vec<PathBuf> = programs("run").into_iter().step_by(16).collect();
    let wrong = each_case(&cases, |sandbox, path| {
        let program = sandbox.path("program");
        let (source, output) = (path.to_string_lossy(), program.to_string_lossy());
        for level in ["-O0", "-O2"] {
            let built = sandbox.coexc(&["build", "-g", level, "--color=never", "-o", &output, &source]);
            if built.status != 0 {
                return Err(format!("{level}: does not build: {}", built.stderr));
            }
            check_output(path, &ran(&mut Command::new(&program))).map_err(|fault| format!("{level}: {fault}"))?;
        }
        Ok(())
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn run_case(sandbox: &Sandbox, path: &Path, level: &str) -> Result<(), String> {
    let program = sandbox.path("program");
    let source = path.to_string_lossy();
    let built = sandbox.coexc(&["build", level, "--color=never", "-o", &program.to_string_lossy(), &source]);
    if built.status != 0 {
        return Err(format!("does not build: {}", built.stderr));
    }
    compare(expected(&lossy(path)), reported(&built.stderr, &source))?;
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
