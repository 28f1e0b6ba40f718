//! `coexc build` and `coexc check`: a session from arguments, and what is said about its result.
//!
//! In: arguments. Out: an exit status. Deliberately not here: compiling (`driver`).

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::args::{Build, CacheUse, Check, Common, MessageFormat, StageName};
use super::depfile::Beside;
use super::output::{self, Style};
use super::{emit, exit, isolation, progress};
use crate::diagnostics::json;
use crate::driver::inputs::Inputs;
use crate::driver::session::Updates;
use crate::driver::{self, Failure, OptLevel, Product, Record, Session, Stage, Switch};
use crate::files::Output;

pub(super) fn build(arguments: &Build) -> u8 {
    let list = arguments.emit.clone().unwrap_or_default();
    let (file, common) = (arguments.file.as_path(), &arguments.common);
    if let Some(kind) = list.kind {
        return emit::emit_file(kind, file, arguments.output.as_deref(), (&arguments.contract, &list), common);
    }
    let output = arguments.output.clone().unwrap_or_else(|| default_output(file));
    let beside = match Beside::new(&arguments.contract, &list, Some(&output)) {
        Ok(beside) => beside,
        Err(status) => return status,
    };
    let started = Instant::now();
    let compiled = compile(&session(file, output.clone(), common), common);
    let mut status = compiled.status;
    if let Some(Product::Executable { output: how, .. }) = compiled.product {
        finished(&output, how, started, common);
        status = beside.finish(&output, file, &compiled.inputs);
    }
    end(status, common)
}

pub(super) fn check(arguments: &Check) -> u8 {
    let mut session = session(&arguments.file, PathBuf::new(), &arguments.common);
    session.stop_after = Some(session.stop_after.unwrap_or(Stage::Check).min(Stage::Check));
    end(compile(&session, &arguments.common).status, &arguments.common)
}

/// `dir/hello.coex` makes `hello` here.
fn default_output(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default();
    let stem = Path::new(name).file_stem().unwrap_or_default();
    // A file without an extension must not be overwritten by its own executable.
    if stem == name { Path::new(stem).with_extension("out") } else { PathBuf::from(stem) }
}

pub(super) fn session(file: &Path, output: PathBuf, common: &Common) -> Session {
    let mut session = Session::new(file.to_owned(), output);
    session.search.options.clone_from(&common.library_dirs);
    session.opt_level = opt_level(common.opt_level);
    session.debug_info = common.debug_info;
    if common.no_edit_tokens {
        session.updates = Updates::Copied;
    }
    session.stop_after = common.stop_after.map(stage);
    session.printing = switch(common.printing, common.no_printing);
    session.debugging = switch(common.debugging, common.no_debugging);
    session.print_commands = common.print_commands;
    session.explain_cache = common.explain_cache;
    session.report_isolation = common.report_isolation;
    session.watcher = progress::watcher(common.messages.message_format);
    session.verify_cache = common.cache == CacheUse::Verify;
    session.notify = |line| output::talk(&format!("{line}\n"));
    session
}

fn opt_level(level: u8) -> OptLevel {
    match level {
        0 => OptLevel::O0,
        1 => OptLevel::O1,
        2 => OptLevel::O2,
        _ => OptLevel::O3,
    }
}

fn switch(on: bool, off: bool) -> Switch {
    match (on, off) {
        (true, _) => Switch::On,
        (_, true) => Switch::Off,
        _ => Switch::Program,
    }
}

fn stage(name: StageName) -> Stage {
    match name {
        StageName::Parse => Stage::Parse,
        StageName::Resolve => Stage::Resolve,
        StageName::Check => Stage::Check,
        StageName::Native => Stage::Native,
        StageName::Passes => Stage::Passes,
        StageName::Codegen => Stage::Codegen,
        StageName::Link => Stage::Link,
    }
}

/// What the caller does something with.
pub(super) struct Compiled {
    pub(super) status: u8,
    pub(super) product: Option<Product>,
    /// What the product was made from.
    pub(super) inputs: Inputs,
}

/// Compiles and says everything there is to say, but the last word.
pub(super) fn compile(session: &Session, common: &Common) -> Compiled {
    let style = Style::new(&common.messages);
    let (mut record, result) = driver::run(session);
    talk_about(&record, common, &style);
    let diagnostics = std::mem::take(&mut record.diagnostics).into_sorted();
    let (status, product) = match result {
        Ok(product) => {
            if let Product::Executable { replay: Some(replay), .. } = &product {
                style.show_again(replay);
            }
            (exit::SUCCESS, Some(product))
        }
        Err(Failure::Root(error)) => {
            output::talk(&format!("error: Cannot read '{}': {}\n", error.path.display(), error.reason));
            (exit::USAGE, None)
        }
        Err(Failure::Reported) => (exit::of_diagnostics(&diagnostics), None),
    };
    style.show(&diagnostics, &record.sources);
    output::write(isolation::text(&record.log.libraries).as_bytes());
    Compiled { status, product, inputs: record.inputs }
}

/// The last word of a build.
pub(super) fn end(status: u8, common: &Common) -> u8 {
    let success = (status == exit::SUCCESS).to_string();
    let fields = [("success", success), ("status", status.to_string())];
    Style::new(&common.messages).event("build-finished", &fields);
    status
}

/// What happened beside the work.
pub(super) fn notes(record: &Record, style: &Style) {
    for note in &record.log.notes {
        if style.format != MessageFormat::Json {
            output::talk(&format!("note: {note}\n"));
        }
        style.event("note", &[("message", json::string(note))]);
    }
}

fn talk_about(record: &Record, common: &Common, style: &Style) {
    let talk = |text: &str| {
        if style.format != MessageFormat::Json {
            output::talk(text);
        }
    };
    notes(record, style);
    if common.print_commands {
        for command in &record.log.commands {
            talk(&format!("{command}\n"));
            style.event("command", &[("command", json::string(command))]);
        }
    }
    if common.explain_cache {
        for decision in &record.log.cache {
            talk(&format!("cache: {decision}\n"));
            let result = decision.result.as_str();
            let reason = decision.result.reason().map_or_else(|| "null".to_owned(), json::string);
            let (subject, key) = (json::string(&decision.subject), json::string(&decision.key));
            let fields = [("subject", subject), ("result", json::string(result)), ("reason", reason), ("key", key)];
            style.event("cache", &fields);
        }
    }
    if common.timings {
        talk(&record.timings.table());
        for (stage, seconds) in record.timings.entries() {
            style.event("timing", &[("stage", json::string(stage)), ("seconds", format!("{seconds:.6}"))]);
        }
    }
}

pub(super) fn artifact(path: &Path, how: Output, common: &Common) {
    let changed = how == Output::Written;
    let fields = [("path", json::string(&path.to_string_lossy())), ("changed", changed.to_string())];
    Style::new(&common.messages).event("artifact", &fields);
}

/// Silence means success, except to somebody who watches.
fn finished(path: &Path, how: Output, started: Instant, common: &Common) {
    let style = Style::new(&common.messages);
    artifact(path, how, common);
    if std::io::stderr().is_terminal() && style.format == MessageFormat::Human {
        let time = started.elapsed().as_secs_f64() * 1000.0;
        let what = if how == Output::Unchanged { " (unchanged)" } else { "" };
        output::talk(&format!("Finished {}{what} in {time:.0} ms\n", path.display()));
    }
}
