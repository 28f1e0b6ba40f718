//! THE list of phases: `parse → resolve → check → native → passes → codegen → link`.
//!
//! In: a session. Out: a [`Product`], with diagnostics and a log. Each step takes the finished result of the one before.
//! Deliberately not here: how any step works, and threads and panics (`run`).

use super::inputs::Inputs;
use super::linking::{self, Fault};
use super::load::{self, Loaded, RootError};
use super::log::{CacheResult, Decision, Log};
use super::native_libraries::build_libraries;
use super::output_cache::{self, Cached, Found, Replay};
use super::phases;
use super::program_key::ProgramKey;
use super::session::{Emit, Session};
use super::timing::{Stage, Timings};
use crate::ast;
use crate::codegen;
use crate::cxz::Library;
use crate::diagnostics::Diagnostics;
use crate::files::Output;
use crate::ir;
use crate::link::{LinkError, place};
use crate::native::store::{Allowance, CacheError};
use crate::native::{NativeLibrary, Store};
use crate::resolve::Sources;
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
    pub(super) fn require_no_errors(&self) -> Result<(), Failure> {
        if self.diagnostics.has_errors() { Err(Failure::Reported) } else { Ok(()) }
    }
}

/// What is left to do after a look into the cache.
pub(super) enum Work {
    /// Nothing, or nothing more.
    Done(Result<Product, Failure>),
    /// All of it.
    Compile(Option<Store>),
    /// All of it, only to compare with what was found.
    Verify(Store, ProgramKey, Vec<u8>),
}

pub(super) fn decision(session: &Session, key: &ProgramKey, result: CacheResult) -> Decision {
    Decision { subject: format!("program {}", session.root.display()), key: key.key.hex(), result }
}

/// Finds that nothing has changed, or what is to be done. Starts neither a process nor a thread.
pub(super) fn find(session: &Session, record: &mut Record) -> Work {
    if session.emit != Emit::Executable || session.stop_after.is_some() || session.report_isolation {
        return Work::Compile(None);
    }
    let key = ProgramKey::of(session);
    let found = open_store(session, record).and_then(|store| {
        let found = output_cache::lookup(&store, &key);
        let found = found.and_then(|found| place_found(session, &store, found));
        found.map(|found| (store, found)).map_err(|error| record.fail(linking::cache_fault(error)))
    });
    let (store, found) = match found {
        Ok(found) => found,
        Err(failure) => return Work::Done(Err(failure)),
    };
    match found {
        Placed::Output(output, cached) => {
            let Cached { inputs, warnings, .. } = *cached;
            record.inputs = inputs;
            record.log.cache.push(decision(session, &key, CacheResult::Hit));
            let output = output.map_err(|error| record.fail(linking::link_fault(&error)));
            Work::Done(output.map(|output| Product::Executable { output, replay: Some(warnings) }))
        }
        Placed::Verify(program) => Work::Verify(store, key, program),
        Placed::Miss { reason, note } => {
            record.log.cache.push(decision(session, &key, CacheResult::Miss(reason)));
            record.log.notes.extend(note);
            Work::Compile(Some(store))
        }
    }
}

enum Placed {
    Output(Result<Output, LinkError>, Box<Cached>),
    Verify(Vec<u8>),
    Miss { reason: String, note: Option<String> },
}

fn place_found(session: &Session, store: &Store, found: Found) -> Result<Placed, CacheError> {
    let cached = match found {
        Found::Hit(cached) => cached,
        Found::Miss { reason, note } => return Ok(Placed::Miss { reason, note }),
    };
    if !session.verify_cache && cached.is_placed(store, &session.output) {
        return Ok(Placed::Output(Ok(Output::Unchanged), cached));
    }
    let program = match cached.read(store)? {
        Ok(program) => program,
        Err(Found::Miss { reason, note }) => return Ok(Placed::Miss { reason, note }),
        Err(Found::Hit(_)) => crate::bug!("a program that cannot be read was found"),
    };
    if session.verify_cache {
        return Ok(Placed::Verify(program));
    }
    let output = place(&program, &session.output);
    if matches!(output, Ok(Output::Unchanged)) {
        cached.remember_placed(store, &session.output);
    }
    Ok(Placed::Output(output, cached))
}

/// Does what is left.
pub(super) fn work(session: &Session, work: Work, record: &mut Record) -> Result<Product, Failure> {
    match work {
        Work::Done(result) => result,
        Work::Compile(store) => run_phases(session, store.as_ref(), record),
        Work::Verify(store, key, kept) => {
            let product = run_phases(session, Some(&store), record);
            let is_same = product.is_ok() && std::fs::read(&session.output).is_ok_and(|made| made == kept);
            if !is_same {
                // Also when a library is what differs: the program contains it.
                store.distrust(&key.key);
            }
            let product = product?;
            if !is_same {
                return Err(record.fail(linking::differs(&store, &session.root)));
            }
            record.log.cache.push(decision(session, &key, CacheResult::Verified));
            Ok(product)
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

    let program = checked(sources, session, record)?;
    if stops_after(Stage::Check) {
        return Ok(Product::Stopped);
    }

    // After check, because only the externs of reachable code are compared with their C declarations; before passes,
    // because a library that does not build ends the compilation anyway.
    let natives = natives(session, store, &libraries, &program.externs, &mut inputs, record)?;
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

pub(super) fn checked(sources: Sources, session: &Session, record: &mut Record) -> Result<ir::Program, Failure> {
    record.timings.begin(Stage::Check);
    let program = phases::check(sources, session, &mut record.diagnostics);
    record.require_no_errors()?;
    let Some(program) = program else { return Err(Failure::Reported) };
    phases::check_inline(&program, &mut record.diagnostics);
    record.require_no_errors()?;
    Ok(program)
}

/// Opens the cache only where there is C to build.
pub(super) fn natives(
    session: &Session,
    store: Option<&Store>,
    libraries: &[Library],
    externs: &[ir::Extern],
    inputs: &mut Inputs,
    record: &mut Record,
) -> Result<Vec<NativeLibrary>, Failure> {
    record.timings.begin(Stage::Native);
    codegen::fatal::watch();
    if libraries.iter().all(|library| library.manifest.units.is_empty()) {
        return Ok(Vec::new());
    }
    let opened;
    let store = match store {
        Some(store) => store,
        None => {
            opened = open_store(session, record)?;
            &opened
        }
    };
    let natives = build_libraries(session, store, libraries, externs, inputs, record);
    record.require_no_errors()?;
    Ok(natives)
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
        None => open_store(session, record)?,
    };
    let linked = linking::link_program(session, &store, object, natives, externs, &mut inputs, &mut record.log);
    let (output, program) = linked.map_err(|fault| record.fail(fault))?;
    linking::keep_program(session, &store, &inputs, &program, record)?;
    // After the work, a few milliseconds at most; a cache that cannot be tidied now will be tidied another time.
    record.inputs = inputs;
    let size = std::env::var("COEX_CACHE_SIZE").ok();
    let _ = store.gc_if_due(&Allowance::from_size(size.as_deref()).unwrap_or_default());
    Ok(Product::Executable { output, replay: None })
}

fn open_store(session: &Session, record: &mut Record) -> Result<Store, Failure> {
    let store = Store::open_default().map_err(|error| record.fail(linking::cache_fault(error)))?;
    Ok(store.notifying(session.notify))
}
