//! From typed IR to typed IR.
//!
//! In: a program that `check` made. Out: the same program in less code. The result is verified after each pass in debug
//! builds. Deliberately not here: what LLVM does better (inlining, folding, loops).

mod edit_tokens;
mod grids;
mod mentions;
mod outlined;
mod reachable;
mod tasks;

use crate::ir::{Program, verify};

type Pass = (&'static str, fn(Program) -> Program);

const PASSES: &[Pass] = &[
    ("reachable", reachable::run),
    ("tasks", tasks::run),
    ("edit_tokens", edit_tokens::run),
    ("outlined", outlined::run),
    ("grids", grids::run),
];

/// How `x = x.append(v)` and its like are done. No program can tell.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Updates {
    /// In place, where nobody else sees the collection.
    InPlace,
    /// On a copy, always: for tests.
    Copied,
}

/// All passes, in order.
pub fn run(mut program: Program, updates: Updates) -> Program {
    check(&program, "check");
    for (name, pass) in PASSES {
        if *name == "edit_tokens" && updates == Updates::Copied {
            continue;
        }
        program = pass(program);
        check(&program, name);
    }
    program
}

fn check(program: &Program, phase: &str) {
    if cfg!(debug_assertions)
        && let Err(fault) = verify::verify(program)
    {
        crate::bug!("after {phase}: {fault}");
    }
}
