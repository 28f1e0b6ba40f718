//! Reads a program: its file and everything that it imports.
//!
//! In: the session. Out: [`Loaded`]: every source parsed, every library read and checked, units in the order of their
//! imports. Deliberately not here: what names mean (`resolve`), and C (`native_libraries`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::facts::library_facts;
use super::imports;
use super::inputs::Inputs;
use super::library::{Demands, beside};
use super::locked::LockState;
use super::session::Session;
use crate::ast::{Header, Import, Module};
use crate::cxz::library::{self, Library};
use crate::cxz::manifest::Isolation;
use crate::cxz::search::{self, Found, Scope};
use crate::diagnostics::{Code, Diagnostic, Diagnostics, io_reason};
use crate::packages::lock::Locked;
use crate::resolve::{ImportedUnit, SourceFile, Sources, Unit, UnitId, UnitKind};
use crate::source::{FileId, SourceMap, Span, Symbol};
use crate::types::LibraryId;

/// Larger texts are refused before they are read.
pub const MAX_SOURCE_BYTES: u64 = 64 << 20;

/// A program that only imports.
const USER: &str = "func main()\n~\n";

const MATH: &str = include_str!("math.coex");

pub struct Loaded {
    pub sources: Sources,
    /// Indexed by `LibraryId`.
    pub libraries: Vec<Library>,
    pub inputs: Inputs,
}

/// The phase that turns text into a tree.
pub type Parse<'p> = &'p dyn Fn(FileId, &str, &mut Diagnostics) -> Module;

/// The program's own file cannot be read: a fault of the command line, not of the program.
#[derive(Debug)]
pub struct RootError {
    pub path: PathBuf,
    pub reason: String,
}

/// The program's own file, parsed.
pub struct Root {
    shown: String,
    /// Absent when the file is no text; that is reported.
    parsed: Option<(FileId, Module)>,
    inputs: Inputs,
}

impl Root {
    pub fn ast(&self) -> Option<&Module> {
        self.parsed.as_ref().map(|(_, ast)| ast)
    }

    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }
}

/// Reads and parses the program's own file.
pub fn parse_root(
    session: &Session,
    parse: Parse,
    source_map: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Result<Root, RootError> {
    let mut loader = Loader::new(session, parse, Inputs::default(), source_map, diagnostics);
    let path = session.root.clone();
    let bytes = loader.read_source(&path).map_err(|reason| RootError { path: path.clone(), reason })?;
    let shown = path.to_string_lossy().into_owned();
    let parsed = loader.parse_source(&shown, &bytes);
    Ok(Root { shown, parsed, inputs: loader.loaded.inputs })
}

/// Reads everything that the program imports. What is missing is reported and stands as an empty unit. `None` when the
/// program itself is no text.
pub fn resolve_imports(
    session: &Session,
    parse: Parse,
    root: Root,
    source_map: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<Loaded> {
    let mut loader = Loader::new(session, parse, root.inputs, source_map, diagnostics);
    let path = session.root.clone();
    let key = path.canonicalize().unwrap_or_else(|_| path.clone());
    let name = Path::new(&root.shown).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    loader.open(&key, &name);
    let (_, ast) = root.parsed?;
    let imports = loader.imports(&ast, &path);
    loader.finish_unit(&name, UnitKind::Program, vec![SourceFile { ast, imports }]);
    let mut loaded = loader.loaded;
    put_foreign_libraries_first(&mut loaded);
    Some(loaded)
}

/// Reads a library and what it imports, for a program that does nothing but import it.
pub(super) fn resolve_library(
    session: &Session,
    parse: Parse,
    library: &Library,
    source_map: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> (Loaded, Demands) {
    let mut loader = Loader::new(session, parse, Inputs::default(), source_map, diagnostics);
    loader.demands = Some(Demands::default());
    let key = library.origin.canonicalize().unwrap_or_else(|_| library.origin.clone());
    loader.open(&key, &library.name);
    let unit = if loader.is_supported(library) { loader.library_unit(library.clone(), &beside(library)) } else { None };
    loader.close(&key, unit);
    let unit = unit.unwrap_or_else(|| loader.missing_unit());
    let (file, ast) = loader.parse_source("", USER.as_bytes()).expect("text");
    let imports = vec![ImportedUnit { binding: Symbol::new(&library.name), unit, span: Span::new(file, 0, 0) }];
    loader.finish_unit("", UnitKind::Program, vec![SourceFile { ast, imports }]);
    let (mut loaded, demands) = (loader.loaded, loader.demands.unwrap_or_default());
    put_foreign_libraries_first(&mut loaded);
    (loaded, demands)
}

/// Programs number only libraries with C at run time: those must have the first ids.
fn put_foreign_libraries_first(loaded: &mut Loaded) {
    let mut order: Vec<usize> = (0..loaded.libraries.len()).collect();
    order.sort_by_key(|&index| loaded.libraries[index].manifest.units.is_empty());
    let mut new_ids = vec![0; order.len()];
    for (new, &old) in order.iter().enumerate() {
        new_ids[old] = new;
    }
    for unit in &mut loaded.sources.units {
        if let UnitKind::Library(id) = &mut unit.kind {
            *id = LibraryId(new_ids[id.0 as usize] as u32);
        }
    }
    let libraries =
        std::mem::take(&mut loaded.libraries).into_iter().zip(std::mem::take(&mut loaded.sources.libraries));
    let mut numbered: Vec<_> = libraries.zip(new_ids).collect();
    numbered.sort_by_key(|(_, id)| *id);
    for ((library, facts), _) in numbered {
        loaded.libraries.push(library);
        loaded.sources.libraries.push(facts);
    }
}

#[derive(Clone, Copy)]
enum State {
    /// It is being loaded further up in the chain of imports.
    Open,
    Done(UnitId),
    /// Reported already.
    Broken,
}

pub(super) struct Loader<'l> {
    pub(super) session: &'l Session,
    parse: Parse<'l>,
    pub(super) source_map: &'l mut SourceMap,
    pub(super) diagnostics: &'l mut Diagnostics,
    pub(super) loaded: Loaded,
    /// By canonical path; `math` by a path that no file has.
    states: HashMap<PathBuf, State>,
    /// Names of the units that are being loaded, outermost first.
    open: Vec<(PathBuf, String)>,
    /// Stands for every import that failed.
    missing: Option<UnitId>,
    pub(super) lock: LockState,
    /// Present where a library is looked at for its own sake.
    pub(super) demands: Option<Demands>,
}

impl<'l> Loader<'l> {
    fn new(
        session: &'l Session,
        parse: Parse<'l>,
        inputs: Inputs,
        source_map: &'l mut SourceMap,
        diagnostics: &'l mut Diagnostics,
    ) -> Loader<'l> {
        let sources = Sources { units: Vec::new(), libraries: Vec::new() };
        let loaded = Loaded { sources, libraries: Vec::new(), inputs };
        let (states, open) = (HashMap::new(), Vec::new());
        Loader {
            session,
            parse,
            source_map,
            diagnostics,
            loaded,
            states,
            open,
            missing: None,
            lock: LockState::default(),
            demands: None,
        }
    }

    /// `Err` holds the reason.
    fn read_source(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        let plain = |error: std::io::Error| io_reason(&error);
        let metadata = std::fs::metadata(path).map_err(plain)?;
        if metadata.is_dir() {
            return Err("it is a directory".to_owned());
        }
        if metadata.len() > MAX_SOURCE_BYTES {
            return Err("it is larger than 64 MiB".to_owned());
        }
        self.loaded.inputs.read(path).map_err(plain)
    }

    /// Parses a text and loads its imports. `importing` is where searches start.
    fn source_file(&mut self, shown: &str, bytes: Vec<u8>, importing: &Path) -> Option<SourceFile> {
        let (file, ast) = self.parse_source(shown, &bytes)?;
        debug_assert_eq!(ast.file, file);
        let imports = self.imports(&ast, importing);
        Some(SourceFile { ast, imports })
    }

    fn parse_source(&mut self, shown: &str, bytes: &[u8]) -> Option<(FileId, Module)> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let at = error.valid_up_to() as u32;
                // Positions before the fault are the same in the repaired text, which only serves the excerpt.
                let file = self.source_map.add(shown, String::from_utf8_lossy(bytes));
                let span = Span::new(file, at, at + '\u{fffd}'.len_utf8() as u32);
                self.diagnostics.push(Diagnostic::new(Code::E0101, span, "Source file is not valid UTF-8"));
                return None;
            }
        };
        let file = self.source_map.add(shown, text);
        Some((file, (self.parse)(file, text, self.diagnostics)))
    }

    fn imports(&mut self, ast: &Module, importing: &Path) -> Vec<ImportedUnit> {
        let mut list = Vec::new();
        for header in &ast.headers {
            let Header::Import(import) = header else { continue };
            if imports::is_built_in(import) {
                continue;
            }
            list.push(self.import(import, importing));
        }
        list
    }

    fn import(&mut self, import: &Import, importing: &Path) -> ImportedUnit {
        let request = imports::request(import, self.diagnostics);
        let locked = self.locked(&request);
        let scope = if locked.is_some() { Scope::Project } else { Scope::All };
        let unit = match search::find(request.wanted, importing, &self.session.search, scope) {
            Ok(hit) => {
                for path in &hit.absent {
                    self.loaded.inputs.note_absent(path);
                }
                self.note_searched(&hit.absent, importing);
                match hit.found {
                    Found::Module(path) => self.module(&path, &request, importing),
                    Found::Library(path) => self.library(&path, &request, locked.as_ref()),
                }
            }
            Err(missed) if let Some(locked) = &locked => {
                missed.tried.iter().for_each(|path| self.loaded.inputs.note_absent(path));
                self.locked_library(locked, &request)
            }
            Err(_) if request.is_bundled_math() => self.bundled_math(),
            Err(_) if matches!(self.lock, LockState::Broken) => None,
            Err(error) => {
                self.diagnostics.push(imports::not_found(&request, &error));
                if let Some(demands) = &mut self.demands {
                    demands.note_missed(&request);
                }
                None
            }
        };
        if unit.is_some()
            && let Some(stray) = self.demands.as_ref().and_then(|demands| demands.stray(&request))
        {
            self.diagnostics.push(stray);
        }
        // Without a binding the import is at fault, whatever it found (E1201); no name is spelt like this one.
        let unit = unit.filter(|_| request.binding.is_some());
        let binding = request.binding.unwrap_or_else(|| Symbol::new(""));
        ImportedUnit { binding, unit: unit.unwrap_or_else(|| self.missing_unit()), span: import.span }
    }

    /// Directories of libraries that go before the one that was found. Those of the program itself are left out: its
    /// outputs appear there.
    fn note_searched(&mut self, absent: &[PathBuf], importing: &Path) {
        let own = |directory: &Path| {
            directory.as_os_str().is_empty() || Some(directory) == importing.parent() || directory == Path::new(".")
        };
        for directory in absent.iter().filter_map(|path| path.parent()) {
            if !own(directory) && directory.is_dir() {
                self.loaded.inputs.note_searched(directory);
            }
        }
    }

    fn missing_unit(&mut self) -> UnitId {
        if let Some(unit) = self.missing {
            return unit;
        }
        let unit = self.finish_unit("", UnitKind::Missing, Vec::new());
        self.missing = Some(unit);
        unit
    }

    /// The unit at a path, when it is known; reports a cycle.
    fn known(&mut self, key: &Path, request: &imports::Request) -> Option<Option<UnitId>> {
        match self.states.get(key)? {
            State::Done(unit) => Some(Some(*unit)),
            State::Broken => Some(None),
            State::Open => {
                let start = self.open.iter().position(|(open, _)| open == key).unwrap_or(0);
                let mut names: Vec<&str> = self.open[start..].iter().map(|(_, name)| name.as_str()).collect();
                names.push(names[0]);
                let message = format!("Import cycle: {}", names.join(" -> "));
                self.diagnostics.push(Diagnostic::new(Code::E1205, request.span, message));
                Some(None)
            }
        }
    }

    fn open(&mut self, key: &Path, name: &str) {
        self.states.insert(key.to_owned(), State::Open);
        self.open.push((key.to_owned(), name.to_owned()));
    }

    fn close(&mut self, key: &Path, unit: Option<UnitId>) -> Option<UnitId> {
        self.open.pop();
        self.states.insert(key.to_owned(), unit.map_or(State::Broken, State::Done));
        unit
    }

    fn finish_unit(&mut self, name: &str, kind: UnitKind, files: Vec<SourceFile>) -> UnitId {
        let units = &mut self.loaded.sources.units;
        units.push(Unit { name: Symbol::new(name), kind, files });
        UnitId(units.len() as u32 - 1)
    }

    fn module(&mut self, path: &Path, request: &imports::Request, importing: &Path) -> Option<UnitId> {
        let key = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if let Some(known) = self.known(&key, request) {
            return known;
        }
        self.open(&key, request.name);
        let unit = match self.read_source(path) {
            Ok(bytes) => {
                let beside = importing.parent().unwrap_or(Path::new(""));
                let shown = path.strip_prefix(beside).unwrap_or(path).to_string_lossy().into_owned();
                let file = self.source_file(&shown, bytes, path);
                file.map(|file| self.finish_unit(request.name, UnitKind::Module, vec![file]))
            }
            Err(reason) => {
                let message = format!("Module not found: '{}'", request.name);
                let note = format!("'{}' cannot be read: {reason}", path.display());
                self.diagnostics.push(Diagnostic::new(Code::E1202, request.span, message).note(note));
                None
            }
        };
        self.close(&key, unit)
    }

    fn bundled_math(&mut self) -> Option<UnitId> {
        let key = PathBuf::from("<math>");
        if let Some(State::Done(unit)) = self.states.get(&key) {
            return Some(*unit);
        }
        self.open(&key, "math");
        let file = self.source_file("<math>.coex", MATH.as_bytes().to_vec(), Path::new(""));
        let unit = file.map(|file| self.finish_unit("math", UnitKind::Module, vec![file]));
        self.close(&key, unit)
    }

    pub(super) fn library(
        &mut self,
        path: &Path,
        request: &imports::Request,
        locked: Option<&Locked>,
    ) -> Option<UnitId> {
        let key = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if let Some(known) = self.known(&key, request) {
            return known;
        }
        self.open(&key, request.name);
        let library = self.read_library(path, request).filter(|library| self.is_locked(library, locked, request));
        let unit = library.and_then(|library| self.library_unit(library, path));
        self.close(&key, unit)
    }

    fn read_library(&mut self, path: &Path, request: &imports::Request) -> Option<Library> {
        let shown = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Noted first: whoever changes it meanwhile is seen by the next build.
        let noted = self.loaded.inputs.note(path);
        if let Err(error) = noted {
            let unreadable = crate::cxz::ArchiveError::new(crate::cxz::Fault::Unreadable).detail(error.to_string());
            self.diagnostics.push(library::archive_diagnostic(&unreadable, &shown, Some(request.span)));
            return None;
        }
        let library = library::load(path, &shown, Some(request.span), self.source_map, self.diagnostics)?;
        self.is_supported(&library).then_some(library)
    }

    fn is_supported(&mut self, library: &Library) -> bool {
        for unit in &library.manifest.units {
            let (what, span) = match unit.isolation.value {
                Isolation::Confined => ("isolation = \"confined\"", unit.isolation.span),
                _ if unit.threads => ("threads = true", unit.id.span),
                Isolation::Shared | Isolation::Instance | Isolation::Process => continue,
            };
            let message = format!("Not supported by this version: {what}");
            self.diagnostics.push(Diagnostic::new(Code::E0001, span, message));
            return false;
        }
        true
    }

    /// Sources of one library are one name space; what they import is searched beside the library.
    fn library_unit(&mut self, library: Library, path: &Path) -> Option<UnitId> {
        if let Some(demands) = &mut self.demands {
            demands.open(&library);
        }
        let mut files = Vec::new();
        let mut is_whole = true;
        for source in &library.manifest.source {
            let bytes = library.source(&source.value).unwrap_or_default().to_vec();
            let shown = library.place(&format!("src/{}", source.value));
            match self.source_file(&shown, bytes, path) {
                Some(file) => files.push(file),
                None => is_whole = false,
            }
        }
        if let Some(demands) = &mut self.demands {
            demands.close();
        }
        self.check_depends(&library);
        let name = library.name.clone();
        self.loaded.sources.libraries.push(library_facts(&library));
        self.loaded.libraries.push(library);
        let id = LibraryId(self.loaded.libraries.len() as u32 - 1);
        is_whole.then(|| self.finish_unit(&name, UnitKind::Library(id), files))
    }

    /// Libraries that this one's sources have just imported must have the versions it asks for.
    fn check_depends(&mut self, library: &Library) {
        for (name, wanted) in &library.manifest.depends {
            let Some(found) = self.loaded.libraries.iter().rev().find(|known| known.name == *name) else { continue };
            if !wanted.value.matches(&found.manifest.version.value) {
                let message = format!(
                    "Manifest of '{}' is not valid: it needs '{name}' {}, found {}",
                    library.name, wanted.value, found.version
                );
                self.diagnostics.push(Diagnostic::new(Code::E1408, wanted.span, message));
            }
        }
    }
}
