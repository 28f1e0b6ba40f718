//! System dependencies: what pkg-config says, and whether headers and libraries are there.
//!
//! In: `[ffi.system]`, `system_headers`, `system_libs`. Out: [`SystemAnswer`], or the message for what is missing.
//! Deliberately not here: header contents (`headers`).
//!
//! The order of the checks is pkg-config, headers, libraries. pkg-config's answer is kept in the cache together with the
//! files that it read and the places where it looked in vain, so that a warm build does not start it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::codec::{Reader, Writer};
use super::error::{Missing, NativeError};
use super::files::{FileFact, facts};
use super::sources::{Install, LibrarySources, PackageFiles};
use super::store::{Key, Lookup, Store};
use super::toolchain::{Toolchain, candidates};
use crate::sandbox::{Fault, Tool};

#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct SystemAnswer {
    pub(super) include_dirs: Vec<PathBuf>,
    pub(super) defines: Vec<String>,
    /// `-L` before `-l`, each once.
    pub(super) link_args: Vec<String>,
    /// What pkg-config's answer depends on.
    pub(super) packages: PackageFiles,
}

impl SystemAnswer {
    fn add_link(&mut self, argument: String) {
        if !self.link_args.contains(&argument) {
            self.link_args.push(argument);
        }
    }

    pub(super) fn key_fields(&self) -> Vec<String> {
        let directories = self.include_dirs.iter().map(|path| format!("-I{}", path.display()));
        let defines = self.defines.iter().map(|define| format!("-D{define}"));
        directories.chain(defines).chain(self.link_args.iter().cloned()).collect()
    }
}

pub(super) fn resolve(
    cache: &Store,
    toolchain: &Toolchain,
    sources: &LibrarySources<'_>,
) -> Result<SystemAnswer, NativeError> {
    let mut answer = SystemAnswer::default();
    let system = sources.system.clone().unwrap_or_default();
    if !system.pkg_config.is_empty() {
        answer = recall_or_ask(cache, sources.name, &system.pkg_config, &system.install)?;
    }
    let mut libs: Vec<String> = Vec::new();
    for lib in sources.units.iter().flat_map(|unit| &unit.system_libs).chain(&system.libs) {
        libs.push(library_name(sources.name, lib)?);
    }
    for lib in &libs {
        answer.add_link(format!("-l{lib}"));
    }
    let headers: Vec<&String> =
        sources.units.iter().flat_map(|unit| &unit.system_headers).chain(&system.headers).collect();
    let package = package_name(&system.install, &system.pkg_config, headers.first().copied(), libs.first());
    let missing = |missing| NativeError::MissingDependency {
        library: sources.name.to_owned(),
        missing,
        package: package.clone(),
        install: Box::new(system.install.clone()),
    };
    for header in headers {
        let mut places = answer.include_dirs.iter().chain(&toolchain.include_dirs);
        if !places.any(|directory| directory.join(header).is_file()) {
            return Err(missing(Missing::Header(header.clone())));
        }
    }
    for lib in &libs {
        if !library_exists(lib, &answer.link_args, &toolchain.library_dirs) {
            return Err(missing(Missing::Library(lib.clone())));
        }
    }
    Ok(answer)
}

/// `z` or `-lz`; whatever else begins with a dash, or could be a path or an option, is refused.
fn library_name(library: &str, given: &str) -> Result<String, NativeError> {
    let name = given.strip_prefix("-l").unwrap_or(given);
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '+' | '.');
    if name.is_empty() || name.starts_with('-') || !name.chars().all(allowed) {
        return Err(NativeError::InvalidSystemLibrary { library: library.to_owned(), flag: given.to_owned() });
    }
    Ok(name.to_owned())
}

fn library_exists(lib: &str, link_args: &[String], directories: &[PathBuf]) -> bool {
    let extra = link_args.iter().filter_map(|argument| argument.strip_prefix("-L")).map(Path::new);
    let mut all = extra.chain(directories.iter().map(PathBuf::as_path));
    all.any(|directory| ["so", "a"].iter().any(|kind| directory.join(format!("lib{lib}.{kind}")).exists()))
}

/// The manifest's name, else the first package, else the header's first path component.
fn package_name(install: &Install, packages: &[String], header: Option<&String>, lib: Option<&String>) -> String {
    let package = packages.first().and_then(|requirement| requirement.split_whitespace().next());
    let header = header.map(|header| header.split('/').next().unwrap_or(header).trim_end_matches(".h"));
    let name = install.name.as_deref().or(package).or(header).or(lib.map(String::as_str));
    name.unwrap_or_default().to_owned()
}

const VARIABLES: [&str; 5] = ["PKG_CONFIG", "PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR", "PKG_CONFIG_SYSROOT_DIR", "PATH"];

fn recall_or_ask(
    cache: &Store,
    library: &str,
    requirements: &[String],
    install: &Install,
) -> Result<SystemAnswer, NativeError> {
    let mut fields: Vec<Vec<u8>> = vec![b"pkg-config 2".to_vec(), requirements.join("\n").into_bytes()];
    fields.extend(VARIABLES.map(|name| std::env::var_os(name).unwrap_or_default().as_encoded_bytes().to_vec()));
    let key = Key::of(&fields.iter().map(Vec::as_slice).collect::<Vec<_>>());
    if let Lookup::Hit(entry) = cache.lookup(&key)?
        && let Some(answer) = recall(&entry.meta)
    {
        return Ok(answer);
    }
    let tool = PkgConfig::find(library)?;
    let mut answer = SystemAnswer::default();
    for requirement in requirements {
        tool.ask(library, requirement, install, &mut answer)?;
    }
    let mut writer = Writer::default();
    answer.packages = tool.files(requirements);
    writer.list(answer.packages.read.iter(), |writer, fact| fact.write(writer));
    writer.list(answer.packages.absent.iter(), |writer, path| writer.put(path.display()));
    writer.list(answer.include_dirs.iter(), |writer, path| writer.put(path.display()));
    writer.list(answer.defines.iter(), |writer, define| writer.put(define));
    writer.list(answer.link_args.iter(), |writer, argument| writer.put(argument));
    cache.publish(&key, &writer.finish(), &[])?;
    Ok(answer)
}

/// The earlier answer, if none of the places that it came from has changed since.
fn recall(meta: &str) -> Option<SystemAnswer> {
    let mut reader = Reader::new(meta);
    let read = reader.list(FileFact::read)?;
    let absent = reader.list(|reader| reader.text().map(PathBuf::from))?;
    if !read.iter().all(FileFact::holds) || absent.iter().any(|path| path.exists()) {
        return None;
    }
    Some(SystemAnswer {
        include_dirs: reader.list(|reader| reader.text().map(PathBuf::from))?,
        defines: reader.list(Reader::text)?,
        link_args: reader.list(Reader::text)?,
        packages: PackageFiles { read, absent },
    })
}

struct PkgConfig {
    program: PathBuf,
    /// Where it looks for packages: all that it may read beside itself.
    directories: Vec<PathBuf>,
    passed_over: Vec<PathBuf>,
}

impl PkgConfig {
    fn find(library: &str) -> Result<PkgConfig, NativeError> {
        let name = std::env::var_os("PKG_CONFIG").unwrap_or_else(|| OsString::from("pkg-config"));
        let mut places = candidates(&name, &std::env::var_os("PATH").unwrap_or_default());
        let found = places.iter().position(|place| place.is_file());
        let found = found.ok_or_else(|| NativeError::PkgConfigNotFound { library: library.to_owned() })?;
        let program = places.swap_remove(found);
        places.truncate(found);
        let mut tool = PkgConfig { program, directories: Vec::new(), passed_over: places };
        let built_in = tool.run(library, &["--variable", "pc_path", "pkg-config"])?.unwrap_or_default();
        let own = std::env::var("PKG_CONFIG_PATH").unwrap_or_default();
        let replaced = std::env::var("PKG_CONFIG_LIBDIR").unwrap_or(built_in);
        for list in [own, replaced] {
            tool.directories.extend(list.split(':').filter(|part| !part.is_empty()).map(PathBuf::from));
        }
        Ok(tool)
    }

    fn run(&self, library: &str, arguments: &[&str]) -> Result<Option<String>, NativeError> {
        let tool = Tool::new(&self.program).arguments(arguments).pass(&VARIABLES);
        match self.directories.iter().fold(tool, |tool, path| tool.may_read(path)).run() {
            Ok(finished) if finished.succeeded() => Ok(Some(finished.stdout.trim().to_owned())),
            Ok(_) => Ok(None),
            Err(Fault::Start { .. }) => Err(NativeError::PkgConfigNotFound { library: library.to_owned() }),
            Err(fault) => Err(fault.into()),
        }
    }

    /// One requirement, such as `openssl >= 3.0`. Tool, package and version have messages of their own.
    fn ask(
        &self,
        library: &str,
        requirement: &str,
        install: &Install,
        answer: &mut SystemAnswer,
    ) -> Result<(), NativeError> {
        let package = requirement.split_whitespace().next().unwrap_or_default();
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._+-".contains(letter);
        // Neither an option nor the path of a file.
        let unfit = package.is_empty() || package.starts_with('-') || !package.chars().all(is_plain);
        let version = if unfit { None } else { self.run(library, &["--modversion", package])? };
        let (owned, install) = (|text: &str| text.to_owned(), Box::new(install.clone()));
        let Some(version) = version else {
            return Err(NativeError::PkgConfigPackage { library: owned(library), package: owned(package), install });
        };
        if self.run(library, &["--exists", requirement])?.is_none() {
            let required = requirement[package.len()..].trim().to_owned();
            let (library, package) = (owned(library), owned(package));
            return Err(NativeError::PkgConfigVersion { library, package, version, required, install });
        }
        let flags = self.run(library, &["--cflags", "--libs", requirement])?.unwrap_or_default();
        for flag in split_words(&flags) {
            accept(library, &flag, answer)?;
        }
        Ok(())
    }

    /// Files whose change, and places where one that appears, can change an answer.
    fn files(&self, requirements: &[String]) -> PackageFiles {
        let mut files = package_files(requirements, &self.directories);
        files.read.extend(facts([self.program.clone()]));
        files.absent.extend(self.passed_over.iter().cloned());
        files
    }
}

/// The description of each package and of those that it requires, by name in the order of the directories. One whose
/// name ends in `-uninstalled` would be preferred.
fn package_files(requirements: &[String], directories: &[PathBuf]) -> PackageFiles {
    let first_word = |text: &str| text.split_whitespace().next().map(str::to_owned);
    let mut open: Vec<String> = requirements.iter().filter_map(|requirement| first_word(requirement)).collect();
    let mut seen = BTreeSet::new();
    let mut files = PackageFiles::default();
    while let Some(name) = open.pop() {
        if !seen.insert(name.clone()) || name.contains('/') {
            continue;
        }
        for place in [format!("{name}-uninstalled.pc"), format!("{name}.pc")] {
            for path in directories.iter().map(|directory| directory.join(&place)) {
                let Ok(fact) = FileFact::of(&path) else {
                    files.absent.push(path);
                    continue;
                };
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let lists = text.lines().filter_map(|line| line.strip_prefix("Requires")?.split_once(':'));
                // Versions and signs among the names name no file.
                let words = lists.flat_map(|(_, list)| list.split([',', ' ', '\t']).filter(|word| !word.is_empty()));
                open.extend(words.map(str::to_owned));
                files.read.push(fact);
                break;
            }
        }
    }
    files
}

/// `-I -L -l -D -pthread` and nothing else: a package must not smuggle options into the build.
fn accept(library: &str, flag: &str, answer: &mut SystemAnswer) -> Result<(), NativeError> {
    match flag.split_at_checked(2) {
        Some(("-I", path)) if !path.is_empty() => answer.include_dirs.push(path.into()),
        Some(("-D", define)) if !define.is_empty() => answer.defines.push(define.to_owned()),
        Some(("-L", path)) if !path.is_empty() => answer.add_link(flag.to_owned()),
        Some(("-l", name)) if library_name(library, name).is_ok() => answer.add_link(flag.to_owned()),
        _ if flag == "-pthread" => answer.add_link(flag.to_owned()),
        _ => {
            return Err(NativeError::InvalidSystemLibrary { library: library.to_owned(), flag: flag.to_owned() });
        }
    }
    Ok(())
}

/// pkg-config escapes spaces in paths with a backslash.
fn split_words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut characters) = (Vec::new(), String::new(), text.chars());
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.extend(characters.next()),
            character if character.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            character => word.push(character),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_library_names_are_accepted() {
        assert_eq!(library_name("a", "z").unwrap(), "z");
        assert_eq!(library_name("a", "-lz").unwrap(), "z");
        for bad in ["-Wl,x", "-l", "", "-L/x", "../z", "@file", "-l-x", "a b"] {
            let error = library_name("a", bad).unwrap_err();
            assert_eq!(error.message(), format!("Library 'a': invalid system library '{bad}'"));
        }
    }

    #[test]
    fn pkg_config_may_say_little() {
        let mut answer = SystemAnswer::default();
        for flag in split_words("-I/opt/with\\ space -DX=1 -L/l -lz -lz -pthread") {
            accept("a", &flag, &mut answer).unwrap();
        }
        assert_eq!(answer.include_dirs, [PathBuf::from("/opt/with space")]);
        assert_eq!(answer.link_args, ["-L/l", "-lz", "-pthread"]);
        assert!(accept("a", "-Wl,-rpath,/x", &mut answer).is_err());
        assert!(accept("a", "-fplugin=x", &mut answer).is_err());
    }

    /// A package requires others; each may appear in an earlier directory.
    #[test]
    fn an_answer_depends_on_required_packages() {
        let root = std::env::temp_dir().join(format!("coex-packages-{}", std::process::id()));
        let (early, late) = (root.join("early"), root.join("late"));
        std::fs::create_dir_all(&early).unwrap();
        std::fs::create_dir_all(&late).unwrap();
        std::fs::write(late.join("a.pc"), "Name: a\nRequires: b >= 1.0, c\nRequires.private: d\n").unwrap();
        std::fs::write(late.join("b.pc"), "Name: b\nRequires: a\n").unwrap();
        std::fs::write(early.join("d.pc"), "Name: d\n").unwrap();
        let files = package_files(&["a >= 2".to_owned()], &[early.clone(), late.clone()]);
        let mut read: Vec<&Path> = files.read.iter().map(|fact| fact.path.as_path()).collect();
        read.sort();
        assert_eq!(read, [early.join("d.pc"), late.join("a.pc"), late.join("b.pc")]);
        for absent in ["early/a.pc", "early/b.pc", "early/c.pc", "late/c.pc", "late/a-uninstalled.pc"] {
            assert!(files.absent.contains(&root.join(absent)), "{absent}");
        }
        assert!(!files.absent.contains(&late.join("d.pc")));
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_package_has_a_name_for_the_message() {
        let install = Install::default();
        let header = "openssl/ssl.h".to_owned();
        assert_eq!(package_name(&install, &[], Some(&header), None), "openssl");
        assert_eq!(package_name(&install, &["libssl >= 3".to_owned()], Some(&header), None), "libssl");
        let named = Install { name: Some("OpenSSL".to_owned()), ..install };
        assert_eq!(package_name(&named, &[], Some(&header), None), "OpenSSL");
    }
}
