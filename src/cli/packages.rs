//! `coex pkg` and `coex registry`.
//!
//! In: arguments. Out: archives, a lock file, a registry, or verdicts and lists on standard output. Deliberately not
//! here: what any of it means (`packages`, `cxz`).

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{CommandFactory, Parser};

use super::args::{Coex, CoexCommand, MessageFormat, Messages, Package, PackageOptions, RegistryAction, Verification};
use super::network::network;
use super::output::{self, Style};
use super::run::replace_by;
use super::{build, emit, exit, internal_error, progress, reference, registry, response, rows};
use crate::cxz::library::{self, Library};
use crate::cxz::{ArchiveError, pack, unpack};
use crate::diagnostics::{Diagnostics, json};
use crate::driver::session::variable;
use crate::driver::{self, Session};
use crate::native::find_program;
use crate::packages::project::{Change, LockPolicy, Options, Project, Wish};
use crate::packages::remote::Reach;
use crate::packages::{PackageError, identity};
use crate::source::SourceMap;

const WITHOUT_LOOK: &str = "--no-verify takes the library as it is, without a look at its code";

/// With this in front of coex's arguments the compiler does what coex would.
pub(super) const AS_COEX: &str = "--as-coex";

/// How a library is looked at that is about to be given to others. `Err` is the status.
pub(super) type Look = fn(&Path, &Verification, &Style) -> Result<Library, u8>;

/// `coex`, with the arguments after the program's name. Returns the exit status. It does not hold the compiler: it would
/// start four times as slowly.
pub fn coex(arguments: Vec<OsString>) -> u8 {
    run(arguments, None)
}

/// Without a `look`, what needs one is left to the compiler.
pub(super) fn run(arguments: Vec<OsString>, look: Option<Look>) -> u8 {
    let given = arguments.clone();
    internal_error::guard("coex", &given, || {
        let arguments = match response::expand(arguments, Coex::command) {
            Ok(arguments) => arguments,
            Err(status) => return status,
        };
        let words = std::iter::once(OsString::from("coex")).chain(arguments);
        match Coex::try_parse_from(words) {
            Ok(Coex { command: CoexCommand::Pkg { action } }) => match (wants_look(&action), look) {
                (true, None) => in_compiler(&given),
                (true, Some(look)) => output::end("coex", package(&action, look)),
                (false, _) => output::end("coex", package(&action, load_only)),
            },
            Ok(Coex { command: CoexCommand::Registry { action } }) => output::end("coex", maintain(&action)),
            Ok(Coex { command: CoexCommand::Completions(arguments) }) => {
                reference::completions(Coex::command(), &arguments)
            }
            Ok(Coex { command: CoexCommand::Man(arguments) }) => reference::manual(Coex::command(), &arguments),
            Err(error) => exit::usage(&error),
        }
    })
}

fn wants_look(action: &Package) -> bool {
    match action {
        Package::Pack { verification, .. } | Package::Publish { verification, .. } => !verification.no_verify,
        _ => false,
    }
}

/// The compiler stands beside this program, as a rule.
fn in_compiler(arguments: &[OsString]) -> u8 {
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(|directory| directory.join("coexc"));
    let beside = beside.filter(|path| path.is_file());
    let found = beside.or_else(|| find_program(&"coexc".into(), &variable("PATH").unwrap_or_default()));
    let Some(compiler) = found else {
        output::talk("error: coexc, which looks at the library, is neither beside coex nor in PATH\n");
        output::talk(&format!("  help: {WITHOUT_LOOK}\n"));
        return exit::TOOL;
    };
    let words: Vec<OsString> = std::iter::once(AS_COEX.into()).chain(arguments.iter().cloned()).collect();
    replace_by(&compiler, compiler.as_os_str(), &words)
}

fn package(action: &Package, look: Look) -> u8 {
    match action {
        Package::Install { wishes, options } => install(wishes, options),
        Package::Remove { names, options } => change(options, |project| project.remove(names)),
        Package::Update { names, options } => change(options, |project| project.update(names)),
        Package::List { messages } => registry::list(messages),
        Package::Info { name, source, messages } => registry::info(name, source, messages),
        Package::Search { words, source, messages } => registry::search(words, source, messages),
        Package::Pack { directory, output, verification, messages } => {
            pack_directory(directory, output.clone(), (look, verification), messages)
        }
        Package::Unpack { file, directory, messages } => unpack_archive(file, directory.clone(), messages),
        Package::Publish { library, key, verification, source, messages } => {
            registry::publish(library, key, (look, verification), source, messages)
        }
        Package::Vendor { messages } => registry::vendor(messages),
        Package::Verify { files, messages } if files.is_empty() => registry::verify(messages),
        Package::Verify { files, messages } => verify(files, messages),
    }
}

fn maintain(action: &RegistryAction) -> u8 {
    match action {
        RegistryAction::Add { directory, archives, messages } => registry::add(directory, archives, messages),
        RegistryAction::Yank { directory, release, reason, messages } => {
            registry::yank(directory, release, reason, messages)
        }
        RegistryAction::Sign { directory, key, expires, messages } => {
            registry::sign(directory, key, *expires, messages)
        }
        RegistryAction::ServeCheck { directory, messages } => registry::serve_check(directory, messages),
    }
}

/// The project of the current directory.
pub(super) fn project(options: Options) -> Result<Project, PackageError> {
    let unwritable = |reason: String| PackageError::Unwritable { path: PathBuf::from("~/.coex/lib"), reason };
    let home = variable("HOME").ok_or_else(|| unwritable("HOME is not set".to_owned()))?;
    let here =
        std::env::current_dir().map_err(|error| unwritable(format!("there is no current directory: {error}")))?;
    Ok(Project::of(&here, Path::new(&home), options))
}

/// Shows what went wrong; the status is that of the fault.
pub(super) fn failed(error: PackageError, style: &Style) -> u8 {
    if let PackageError::Usage { reason, help } = error {
        output::talk(&format!("error: {reason}\n  help: {help}\n"));
        return exit::USAGE;
    }
    let (diagnostics, sources) = error.into_diagnostics();
    style.show(&diagnostics, &sources);
    exit::of_diagnostics(&diagnostics)
}

fn install(words: &[String], options: &PackageOptions) -> u8 {
    let mut wishes = Vec::new();
    for word in words {
        if word.ends_with(".cxz") || word.contains("://") {
            wishes.push(Wish::Archive(word.clone()));
            continue;
        }
        let Some((name, wanted)) = identity::request(word) else {
            output::talk(&format!(
                "error: '{}' is neither NAME, NAME@VERSION, a .cxz file nor a URL\n",
                word.escape_debug()
            ));
            return exit::USAGE;
        };
        wishes.push(Wish::Named { name, wanted });
    }
    change(options, |project| project.install(&wishes))
}

/// Runs a command that may change the lock file, and says what it did.
fn change(options: &PackageOptions, run: impl Fn(&Project) -> Result<Change, PackageError>) -> u8 {
    let style = Style::new(&options.messages);
    let done = project(Options {
        registry: options.source.registry.clone(),
        policy: match (options.locked, options.dry_run) {
            (true, _) => LockPolicy::MustStay,
            (false, true) => LockPolicy::WouldChange,
            (false, false) => LockPolicy::MayChange,
        },
        network: network(if options.offline { Reach::Installed } else { Reach::Registries }, &options.messages),
        patience: Duration::from_secs(options.wait),
        min_age: if options.now { Some(Duration::ZERO) } else { options.min_age },
    })
    .and_then(|project| run(&project));
    let done = match done {
        Ok(done) => done,
        Err(error) => return failed(error, &style),
    };
    done.warnings.iter().for_each(|warning| rows::warn(warning, &style));
    if options.timings {
        let seconds = done.resolution.as_secs_f64();
        match style.format {
            MessageFormat::Json => {
                let fields = [("stage", json::string("resolution")), ("seconds", format!("{seconds:.6}"))];
                style.event("timing", &fields);
            }
            _ => output::talk(&format!("{:<12} {:>9.3} ms\n", "resolution", seconds * 1000.0)),
        }
    }
    rows::write(&rows::changes(&done.before, &done.after), &style)
}

/// Loads a library and shows what is wrong with it; the status is that of the worst fault.
pub(super) fn load(path: &Path, style: &Style) -> (u8, Option<Library>) {
    let (mut sources, mut diagnostics) = (SourceMap::default(), Diagnostics::default());
    let library = read(path, &mut sources, &mut diagnostics);
    let list = diagnostics.into_sorted();
    style.show(&list, &sources);
    (exit::of_diagnostics(&list), library)
}

fn read(path: &Path, sources: &mut SourceMap, diagnostics: &mut Diagnostics) -> Option<Library> {
    if path == Path::new("-") {
        return library::load_stream(std::io::stdin().lock(), "standard input", sources, diagnostics);
    }
    let shown = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    library::load(path, &shown, None, sources, diagnostics)
}

/// With `--no-verify`.
fn load_only(path: &Path, _: &Verification, style: &Style) -> Result<Library, u8> {
    let (status, library) = load(path, style);
    library.ok_or(status)
}

/// A library that is about to be given to others must hold what they will ask of it.
pub(super) fn look(path: &Path, verification: &Verification, style: &Style) -> Result<Library, u8> {
    let mut session = Session::new(driver::library::root(path), PathBuf::new());
    session.search.options.clone_from(&verification.library_dirs);
    session.watcher = progress::watcher(style.format);
    session.notify = |line| output::talk(&format!("{line}\n"));
    let (mut record, library) =
        driver::library::check_library(&session, |sources, diagnostics| read(path, sources, diagnostics));
    build::notes(&record, style);
    let mut list = std::mem::take(&mut record.diagnostics).into_sorted();
    for diagnostic in &mut list {
        if exit::of_code(diagnostic.code) == exit::TOOL {
            diagnostic.helps.push(WITHOUT_LOOK.to_owned());
        }
    }
    style.show(&list, &record.sources);
    match (exit::of_diagnostics(&list), library) {
        (exit::SUCCESS, Some(library)) => Ok(library),
        (status, _) => Err(status),
    }
}

fn pack_directory(
    directory: &Path,
    output: Option<PathBuf>,
    (look, verification): (Look, &Verification),
    messages: &Messages,
) -> u8 {
    let style = Style::new(messages);
    if !directory.is_dir() {
        output::talk(&format!("error: '{}' is not a directory\n", directory.display()));
        return exit::USAGE;
    }
    let library = match look(directory, verification, &style) {
        Ok(library) => library,
        Err(status) => return status,
    };
    let bytes = match pack::pack(&library.files) {
        Ok(bytes) => bytes,
        Err(error) => return refused(&error, directory, &style),
    };
    let path = output.unwrap_or_else(|| PathBuf::from(format!("{}.cxz", library.name)));
    emit::write_file(&path, &bytes)
}

fn unpack_archive(file: &Path, directory: Option<PathBuf>, messages: &Messages) -> u8 {
    let style = Style::new(messages);
    if file.is_dir() {
        output::talk(&format!("error: '{}' is a directory\n", file.display()));
        return exit::USAGE;
    }
    let (status, library) = load(file, &style);
    let Some(library) = library else { return status };
    let target = directory.unwrap_or_else(|| PathBuf::from(&library.name));
    match unpack::unpack(&library.files, &target) {
        Ok(()) => exit::SUCCESS,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            output::talk(&format!("error: '{}' exists already; unpack makes a new directory\n", target.display()));
            exit::USAGE
        }
        Err(error) => failed(PackageError::unwritable(&target, &error), &style),
    }
}

fn refused(error: &ArchiveError, path: &Path, style: &Style) -> u8 {
    let diagnostic = library::archive_diagnostic(error, &path.to_string_lossy(), None);
    style.show(&[diagnostic], &SourceMap::default());
    exit::ARCHIVE
}

fn verify(files: &[PathBuf], messages: &Messages) -> u8 {
    let style = Style::new(messages);
    let (mut worst, mut verdicts) = (exit::SUCCESS, Vec::new());
    for file in files {
        let (status, library) = load(file, &style);
        if let Some(library) = library {
            let (Library { name, version, files, .. }, tree) = (&library, library.tree_hash());
            let text = format!("{}: {name} {version}, {} files, tree {}", file.display(), files.len(), tree.to_hex());
            verdicts.push(rows::verdict(file, name, version, text, &tree));
        }
        worst = worst.max(status);
    }
    worst.max(rows::write(&verdicts, &style))
}
