//! THE list of phases: `parse → resolve → check → native → passes → codegen → link`.
//!
//! In: a session. Out: a [`Product`], with diagnostics and a log. Each step takes the finished result of the one before.
//! Deliberately not here: how any step works, and threads and panics (`run`).

use super::inputs::Inputs;
use super::linking::{self, Fault};
use super::load::{self, Loaded, RootError};
use super::log::Log;
use super::native_libraries::build_libraries;
use super::output_cache::{self, Found, Replay};
use super::phases;
use super::session::{Emit, Session};
use super::timing::{Stage, Timings};
use crate::ast;
use crate::codegen;
use crate::diagnostics::Diagnostics;
use crate::ir;
use crate::link::{Output, place};
use crate::native::{NativeLibrary, Store};
use crate::source::SourceMap;

/// What was asked for.
#[derive(Debug)]
pub enum Product {
    /// The stage of `--stop-after` was reached.
    Stopped,
    /// Text or bytes of one representation.
    Emitted(Vec<u8>),
    Executable {
        output: Output,
        /// It came from the cache, with the warnings of the build that made it.
        replay: Option<Replay>,
    },
}

/// Why there is no product. Everything else is in the diagnostics.
#[derive(Debug)]
pub enum Failure {
    Root(RootError),
    Reported,
}

/// Collected along the way; complete however the compilation ends.
#[derive(Default)]
pub struct Record {
    pub sources: SourceMap,
    pub diagnostics: Diagnostics,
    pub log: Log,
    pub timings: Timings,
    /// What the product was made from.
    pub inputs: Inputs,
}

impl Record {
    #[expect(clippy::boxed_local, reason = "faults travel boxed, since results carry them")]
    fn fail(&mut self, fault: Fault) -> Failure {
        self.diagnostics.push(*fault);
        Failure::Reported
    }

    /// No phase after `check` starts with errors; within parse and check, one phase's errors do not hide another's.
    fn require_no_errors(&self) -> Result<(), Failure> {
        if self.diagnostics.has_errors() { Err(Failure::Reported) } else { Ok(()) }
    }
}

/// Compiles, or finds that nothing has changed.
pub fn compile(session: &Session, record: &mut Record) -> Result<Product, Failure> {
    if session.emit != Emit::Executable || session.stop_after.is_some() || session.report_isolation {
        return run_phases(session, None, record);
    }
    let store = open_store(record)?;
    let key = output_cache::key(session);
    let found = output_cache::lookup(&store, &key).map_err(|error| record.fail(linking::cache_fault(error)))?;
    match found {
        Found::Hit(cached) => {
            record.log.cache.push(format!("program {}: hit", session.root.display()));
            record.timings.begin(Stage::Link);
            let output = place(&cached.program, &session.output);
            let output = output.map_err(|error| record.fail(linking::link_fault(&error)))?;
            record.inputs = cached.inputs;
            Ok(Product::Executable { output, replay: Some(cached.warnings) })
        }
        Found::Miss { reason, note } => {
            record.log.cache.push(format!("program {}: miss, {reason}", session.root.display()));
            record.log.notes.extend(note);
            run_phases(session, Some(&store), record)
        }
    }
}

fn run_phases(session: &Session, store: Option<&Store>, record: &mut Record) -> Result<Product, Failure> {
    let stops_after = |stage| session.stop_after == Some(stage);

    record.timings.begin(Stage::Parse);
    let root = load::parse_root(session, &phases::parse, &mut record.sources, &mut record.diagnostics);
    let root = root.map_err(Failure::Root)?;
    if session.emit == Emit::Ast {
        record.require_no_errors()?;
        record.inputs = root.inputs().clone();
        return Ok(Product::Emitted(root.ast().map(ast::print::print_module).unwrap_or_default().into()));
    }
    if stops_after(Stage::Parse) {
        record.require_no_errors()?;
        return Ok(Product::Stopped);
    }

    // Imports are known only from a parsed file; what they lead to is read and parsed here, one after the other.
    record.timings.begin(Stage::Resolve);
    let loaded = load::resolve_imports(session, &phases::parse, root, &mut record.sources, &mut record.diagnostics);
    // What was not found and what has syntax errors has unknown names, and check blames nobody for using them; the rest
    // is checked, so that independent faults come out in one run.
    let Some(Loaded { sources, libraries, mut inputs }) = loaded else { return Err(Failure::Reported) };
    if stops_after(Stage::Resolve) {
        record.require_no_errors()?;
        return Ok(Product::Stopped);
    }

    record.timings.begin(Stage::Check);
    let program = phases::check(sources, session, &mut record.diagnostics);
    record.require_no_errors()?;
    let Some(program) = program else { return Err(Failure::Reported) };
    phases::check_inline(&program, &mut record.diagnostics);
    record.require_no_errors()?;
    if stops_after(Stage::Check) {
        return Ok(Product::Stopped);
    }

    // After check, because only the externs of reachable code are compared with their C declarations; before passes,
    // because a library that does not build ends the compilation anyway.
    record.timings.begin(Stage::Native);
    codegen::fatal::watch();
    let natives = if libraries.iter().all(|library| library.manifest.units.is_empty()) {
        Vec::new()
    } else {
        let opened;
        let store = match store {
            Some(store) => store,
            None => {
                opened = open_store(record)?;
                &opened
            }
        };
        build_libraries(session, store, &libraries, &program, &mut inputs, record)
    };
    record.require_no_errors()?;
    let bindings = phases::bind(&program, &natives, &mut record.diagnostics);
    record.require_no_errors()?;
    if stops_after(Stage::Native) {
        return Ok(Product::Stopped);
    }

    record.timings.begin(Stage::Passes);
    let program = phases::passes(program, session);
    if session.emit == Emit::Ir {
        record.inputs = inputs;
        return Ok(Product::Emitted(ir::print::print_program(&program).into()));
    }
    if stops_after(Stage::Passes) {
        return Ok(Product::Stopped);
    }

    record.timings.begin(Stage::Codegen);
    codegen::fatal::watch();
    let object = phases::codegen(&program, &natives, &bindings, session, &record.sources);
    if session.emit != Emit::Executable {
        record.inputs = inputs;
        return Ok(Product::Emitted(object));
    }
    if stops_after(Stage::Codegen) {
        return Ok(Product::Stopped);
    }

    link(session, store, &object, (&natives, &program.externs), inputs, record)
}

fn link(
    session: &Session,
    store: Option<&Store>,
    object: &[u8],
    (natives, externs): (&[NativeLibrary], &[ir::Extern]),
    mut inputs: Inputs,
    record: &mut Record,
) -> Result<Product, Failure> {
    record.timings.begin(Stage::Link);
    let store = match store {
        Some(store) => store.clone(),
        None => open_store(record)?,
    };
    let linked = linking::link_program(session, &store, object, natives, externs, &mut inputs, &mut record.log);
    let output = linked.map_err(|fault| record.fail(fault))?;
    linking::keep_program(session, &store, &inputs, record)?;
    record.inputs = inputs;
    // After the work, at most once a day; a cache that cannot be tidied now will be tidied another time.
    let _ = store.gc_if_due();
    Ok(Product::Executable { output, replay: None })
}

fn open_store(record: &mut Record) -> Result<Store, Failure> {
    Store::open_default().map_err(|error| record.fail(linking::cache_fault(error)))
}
