//! Programs made from seeds: each prints much of what it computes, and prints the same at -O0 and at -O2, with changes
//! of collections in place and without, and with a collector that moves everything.
//!
//! Several programs share a file, as functions of which the command line selects one: what a build costs is spread over
//! them, and a panic still ends only its own. `COEX_PROGRAMS=n` makes n programs instead of some hundred, beginning with
//! the seed `COEX_SEED`. A seed that fails is written, made smaller, below `target/tmp`.

mod concurrent;
mod decl;
mod expr;
mod literals;
mod maker;
pub(crate) mod random;
mod reduce;
mod stmt;
mod tree;
mod types;
mod values;

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use self::maker::Maker;
use self::tree::Node;
use crate::sandbox::{Sandbox, ran};

/// Programs in a file.
const TOGETHER: u64 = 8;

/// One program in so many is run in all ways; the others at two levels.
const THOROUGH: u64 = 4;

pub(crate) struct Case {
    name: String,
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    Plain,
    Optimised,
    Copied,
    Stressed,
}

/// What was expected of a program and not seen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    /// The program's place in its file; none if the file does not build.
    pub(crate) case: Option<usize>,
    pub(crate) way: Way,
    pub(crate) what: String,
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn case(seed: u64, place: u64) -> Case {
    let name = format!("p{place}");
    Case { nodes: Maker::new(seed, name.clone()).program(), name }
}

fn source(cases: &[Case]) -> String {
    let mut text = decl::PRELUDE.to_owned();
    for case in cases {
        text.push_str(&tree::text(&case.nodes));
    }
    text.push_str("func main(args: [string])\n");
    for case in cases {
        text.push_str(&format!("    if args[1] == \"{0}\": {0}_main() ~\n", case.name));
    }
    text.push_str("~\n");
    text
}

/// Builds the file in each way and runs each of its programs.
pub(crate) fn fault(sandbox: &Sandbox, cases: &[Case], ways: &[Way]) -> Option<Fault> {
    sandbox.write("program.coex", source(cases));
    let mut first: Vec<(i32, String, String)> = Vec::new();
    for &way in ways {
        let fault = |case, what| Some(Fault { case, way, what });
        if way != Way::Stressed {
            let words = match way {
                Way::Plain => vec!["300", env!("CARGO_BIN_EXE_coexc"), "build", "-O0", "program.coex"],
                Way::Copied => {
                    vec!["300", env!("CARGO_BIN_EXE_coexc"), "build", "-O2", "--no-edit-tokens", "program.coex"]
                }
                _ => vec!["300", env!("CARGO_BIN_EXE_coexc"), "build", "-O2", "program.coex"],
            };
            let built = ran(sandbox.command("timeout").args(words));
            if built.status != 0 {
                return fault(None, format!("does not build, status {}:\n{}", built.status, built.stderr));
            }
        }
        for (index, case) in cases.iter().enumerate() {
            let mut command: Command = sandbox.command("timeout");
            command.arg("60").arg(sandbox.path("program")).arg(&case.name);
            if way == Way::Stressed {
                command.env("COEX_GC_STRESS", "3").env("COEX_GC_VERIFY", "1");
            }
            let run = ran(&mut command);
            let outcome = (run.status, run.stdout, run.stderr);
            if !matches!(outcome.0, 0 | 101) {
                return fault(Some(index), format!("status {}: {}", outcome.0, outcome.2));
            }
            match first.get(index) {
                None => first.push(outcome),
                Some(wanted) if *wanted != outcome => {
                    return fault(Some(index), difference(wanted, &outcome));
                }
                Some(_) => {}
            }
        }
    }
    None
}

fn difference(wanted: &(i32, String, String), seen: &(i32, String, String)) -> String {
    let line = wanted.1.lines().zip(seen.1.lines()).position(|(a, b)| a != b);
    let shown =
        |text: &str| text.lines().nth(line.unwrap_or(text.lines().count().saturating_sub(1))).map(str::to_owned);
    format!(
        "status {} and then {}; {:?} and then {:?}; {}and then {}",
        wanted.0,
        seen.0,
        shown(&wanted.1),
        shown(&seen.1),
        wanted.2,
        seen.2
    )
}

/// Runs one file of programs; what is wrong is made smaller and written.
fn checked(sandbox: &Sandbox, seed: u64) -> Option<String> {
    let mut ways = vec![Way::Plain, Way::Optimised];
    if (seed / TOGETHER).is_multiple_of(THOROUGH) {
        ways.extend([Way::Stressed, Way::Copied]);
    }
    let cases: Vec<Case> = (0..TOGETHER).map(|place| case(seed + place, place)).collect();
    let found = fault(sandbox, &cases, &ways)?;
    let mut report = String::new();
    for place in 0..TOGETHER {
        let alone = [case(seed + place, place)];
        let Some(found) = fault(sandbox, &alone, &ways) else { continue };
        // An error of the compiler shows its place.
        let reduced = if found.what.contains("\nerror[E") { alone } else { reduce::reduced(sandbox, alone, &found) };
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("random-program-{}.coex", seed + place));
        std::fs::write(&path, source(&reduced)).expect("the directory for tests can be written");
        report.push_str(&format!(
            "seed {} ({:?}): {}\n  {} p{place}\n",
            seed + place,
            found.way,
            found.what,
            path.display()
        ));
    }
    if report.is_empty() {
        report = format!("seeds {seed}.. together ({:?}, place {:?}): {}\n", found.way, found.case, found.what);
    }
    Some(report)
}

#[test]
fn random_programs_mean_the_same_at_every_level() {
    let (count, first) = (number("COEX_PROGRAMS", 160), number("COEX_SEED", 1_000));
    let (next, wrong) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                let sandbox = Sandbox::new();
                loop {
                    let offset = next.fetch_add(TOGETHER, Ordering::Relaxed);
                    if offset >= count {
                        break;
                    }
                    if let Some(report) = checked(&sandbox, first + offset) {
                        eprint!("{report}");
                        wrong.lock().expect("no case panics").push(report);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no case panics");
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

/// The same seed gives the same program: otherwise a report would be worth nothing.
#[test]
fn a_seed_names_a_program() {
    let text = |seed| tree::text(&case(seed, 0).nodes);
    assert_eq!(text(7), text(7));
    assert_ne!(text(7), text(8));
}
