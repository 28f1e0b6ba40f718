//! The clang that compiles libraries: where it is, who it is, and where it looks.
//!
//! In: the environment. Out: [`Toolchain`]. What clang says of itself is asked once and kept in the cache together with
//! the files it depends on, so that a warm build starts no process. Deliberately not here: command lines (`compile`).
//!
//! The identity is the content of the *real* compiler: whatever `clang-22` leads to (a link, a wrapper script, a compiler
//! cache), its resource directory tells where the ELF file lies, and its libraries lie beside that.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::codec::{Reader, Writer};
use super::compile::ENVIRONMENT;
use super::error::NativeError;
use super::files::{FileFact, Held};
use super::store::{Key, Lookup, Store};
use crate::sandbox::{Fault, Tool};

/// The LLVM that this compiler is made with; bitcode of another one cannot be read.
pub const LLVM_MAJOR: &str = "22";

/// Smaller files are read as fast as an entry.
const WORTH_KEEPING: u64 = 1 << 20;

#[derive(Clone, Debug, PartialEq)]
pub struct Toolchain {
    /// What is run.
    pub clang: PathBuf,
    pub version: String,
    /// Content hash of the compiler.
    pub identity: String,
    /// Where `#include <…>` looks, in order.
    pub include_dirs: Vec<PathBuf>,
    /// Where it would look too if the directory existed.
    pub absent_include_dirs: Vec<PathBuf>,
    pub library_dirs: Vec<PathBuf>,
    /// The program as named, whatever it leads to, and its libraries.
    pub files: Vec<FileFact>,
    /// Where a program of a preferred name would be taken instead.
    pub passed_over: Vec<PathBuf>,
}

impl Toolchain {
    /// clang, which may use the program as named, the real compiler with its libraries, and the system's headers.
    pub(super) fn tool(&self) -> Tool {
        let tool = self.files.iter().fold(Tool::new(&self.clang), |tool, fact| tool.may_execute(&fact.path));
        self.include_dirs.iter().fold(tool, |tool, directory| tool.may_read(directory))
    }
}

/// `$COEX_CLANG`, else `clang-22`, else `clang` on the path; its version must be 22.
pub fn find_toolchain(cache: &Store) -> Result<Toolchain, NativeError> {
    find_in(cache, std::env::var_os("COEX_CLANG"), std::env::var_os("PATH").unwrap_or_default())
}

fn find_in(cache: &Store, chosen: Option<OsString>, path: OsString) -> Result<Toolchain, NativeError> {
    let chosen = chosen.filter(|name| !name.is_empty());
    let names: Vec<OsString> = match &chosen {
        Some(name) => vec![name.clone()],
        None => vec!["clang-22".into(), "clang".into()],
    };
    let (mut wrong_version, mut broken, mut passed_over) = (None, None, Vec::new());
    for name in &names {
        let candidates = candidates(name, &path);
        let Some(at) = candidates.iter().position(|candidate| candidate.is_file()) else {
            passed_over.extend(candidates);
            continue;
        };
        passed_over.extend_from_slice(&candidates[..at]);
        match recall_or_ask(cache, &candidates[at]) {
            Ok(toolchain) => return Ok(Toolchain { passed_over, ..toolchain }),
            Err(error @ NativeError::ClangVersion { .. }) => wrong_version = Some(error),
            Err(error @ NativeError::ClangBroken { .. }) => broken = broken.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    let searched = names.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    Err(wrong_version.or(broken).unwrap_or(NativeError::ClangNotFound { searched }))
}

/// Where a program may be, in order: a name with a slash is a path; any other is looked up in the directories of `path`.
pub(super) fn candidates(name: &OsString, path: &OsString) -> Vec<PathBuf> {
    let direct = Path::new(name);
    if direct.components().count() > 1 {
        // clang is started in another directory.
        return vec![std::path::absolute(direct).unwrap_or_else(|_| direct.to_owned())];
    }
    std::env::split_paths(path).map(|directory| directory.join(name)).collect()
}

/// The first of these that is there.
pub fn find_program(name: &OsString, path: &OsString) -> Option<PathBuf> {
    candidates(name, path).into_iter().find(|candidate| candidate.is_file())
}

fn recall_or_ask(cache: &Store, clang: &Path) -> Result<Toolchain, NativeError> {
    // These change where clang looks.
    let paths = ENVIRONMENT.map(|name| std::env::var_os(name).unwrap_or_default());
    let [first, second] = [&paths[0], &paths[1]].map(|value| value.as_encoded_bytes());
    let key = Key::of(&[b"toolchain 2", clang.as_os_str().as_encoded_bytes(), first, second]);
    if let Lookup::Hit(entry) = cache.lookup(&key)?
        && let Some(toolchain) = read(clang, &entry.meta)
        && toolchain.files.iter().all(FileFact::holds)
        && toolchain.absent_include_dirs.iter().all(|directory| !directory.exists())
    {
        return Ok(toolchain);
    }
    let toolchain = ask(cache, clang)?;
    cache.publish(&key, &write(&toolchain), &[])?;
    Ok(toolchain)
}

fn ask(cache: &Store, clang: &Path) -> Result<Toolchain, NativeError> {
    let version_text = run(clang, &["--version"])?.0;
    let version = version_of(&version_text).ok_or_else(|| broken(clang, "it is not clang"))?;
    if version.split('.').next() != Some(LLVM_MAJOR) {
        return Err(NativeError::ClangVersion { path: clang.display().to_string(), version });
    }
    let (_, search) = run(clang, &["-E", "-x", "c", "-v", "-"])?;
    let (include_dirs, absent_include_dirs) = include_directories(&search);
    let library_dirs = library_directories(&run(clang, &["-print-search-dirs"])?.0);
    let resources = run(clang, &["-print-resource-dir"])?.0;
    let files = compiler_files(clang, Path::new(resources.trim()));
    let files = files.iter().filter_map(|path| known_fact(cache, path).transpose());
    let files = files.collect::<Result<Vec<FileFact>, NativeError>>()?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(version_text.as_bytes());
    for file in &files {
        hasher.update(file.hash.as_bytes());
    }
    let identity = hasher.finalize().to_hex().to_string();
    let passed_over = Vec::new();
    let clang = clang.to_owned();
    Ok(Toolchain { clang, version, identity, include_dirs, absent_include_dirs, library_dirs, files, passed_over })
}

/// A file of the compiler that can be read. Wrappers, links and other places for headers lead to the same 200 MB, which
/// are read once.
fn known_fact(cache: &Store, path: &Path) -> Result<Option<FileFact>, NativeError> {
    let key = Key::of(&[b"file 1", path.as_os_str().as_encoded_bytes()]);
    if let Lookup::Hit(entry) = cache.lookup(&key)?
        && let Some(fact) = FileFact::read(&mut Reader::new(&entry.meta))
        && fact.path == path
        && fact.compare() == Held::AtSight
    {
        return Ok(Some(fact));
    }
    let Ok(fact) = FileFact::of(path) else { return Ok(None) };
    if fact.stamp.size >= WORTH_KEEPING && !fact.stamp.is_young() {
        let mut writer = Writer::default();
        fact.write(&mut writer);
        cache.publish(&key, &writer.finish(), &[])?;
    }
    Ok(Some(fact))
}

/// Standard output and standard error of a successful run.
fn run(clang: &Path, arguments: &[&str]) -> Result<(String, String), NativeError> {
    match Tool::new(clang).arguments(arguments).pass(&ENVIRONMENT).trusts_scripts().run() {
        Ok(finished) if finished.succeeded() => Ok((finished.stdout, finished.stderr)),
        Ok(finished) => Err(broken(clang, &format!("it {}", finished.fault()))),
        Err(Fault::Start { reason, .. }) => Err(broken(clang, &reason)),
        Err(fault) => Err(fault.into()),
    }
}

fn broken(clang: &Path, reason: &str) -> NativeError {
    NativeError::ClangBroken { path: clang.display().to_string(), reason: reason.to_owned() }
}

/// `Debian clang version 22.1.8 (…)` and the like; other compilers say other things.
fn version_of(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("clang version ")?;
    rest.split([' ', '\n', '-', '+']).next().map(str::to_owned)
}

fn include_directories(text: &str) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let found = text
        .lines()
        .skip_while(|line| !line.starts_with("#include <...>"))
        .skip(1)
        .take_while(|line| line.starts_with(' '))
        .map(|line| PathBuf::from(line.trim()))
        .collect();
    let absent = text
        .lines()
        .filter_map(|line| line.strip_prefix("ignoring nonexistent directory \"")?.strip_suffix('"'))
        .map(PathBuf::from)
        .collect();
    (found, absent)
}

fn library_directories(text: &str) -> Vec<PathBuf> {
    let line = text.lines().find_map(|line| line.strip_prefix("libraries: =")).unwrap_or_default();
    line.split(':').filter(|part| !part.is_empty()).map(PathBuf::from).collect()
}

/// What is run, the real compiler, and its libraries.
fn compiler_files(clang: &Path, resources: &Path) -> Vec<PathBuf> {
    let mut files = vec![clang.to_owned()];
    // …/lib/clang/22 → …
    let Some(prefix) = resources.ancestors().nth(3) else { return files };
    files.extend(["bin/clang", "bin/clang-22"].map(|name| prefix.join(name)));
    let libraries = fs::read_dir(prefix.join("lib")).into_iter().flatten().flatten().map(|item| item.path());
    files.extend(libraries.filter(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        (name.starts_with("libclang-cpp.so") || name.starts_with("libLLVM")) && name.contains(".so")
    }));
    // Links to one file count once. The program as named stays: it may be a wrapper, or a link that leads to another
    // compiler tomorrow.
    let mut real: Vec<PathBuf> = files.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    real.push(clang.to_owned());
    real.sort();
    real.dedup();
    real
}

fn write(toolchain: &Toolchain) -> String {
    let mut writer = Writer::default();
    writer.put(&toolchain.version);
    writer.put(&toolchain.identity);
    for list in [&toolchain.include_dirs, &toolchain.absent_include_dirs, &toolchain.library_dirs] {
        writer.list(list.iter(), |writer, path| writer.put(path.display()));
    }
    writer.list(toolchain.files.iter(), |writer, file| file.write(writer));
    writer.finish()
}

fn read(clang: &Path, meta: &str) -> Option<Toolchain> {
    let mut reader = Reader::new(meta);
    let path = |reader: &mut Reader<'_>| reader.text().map(PathBuf::from);
    Some(Toolchain {
        clang: clang.to_owned(),
        version: reader.text()?,
        identity: reader.text()?,
        include_dirs: reader.list(path)?,
        absent_include_dirs: reader.list(path)?,
        library_dirs: reader.list(path)?,
        files: reader.list(FileFact::read)?,
        passed_over: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn scratch(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("coex-toolchain-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn script(path: &Path, text: &str) {
        fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn the_real_compiler_is_found_once() {
        let directory = scratch("real");
        let cache = Store::open(&directory.join("cache")).unwrap();
        let first = find_toolchain(&cache).unwrap();
        assert_eq!(first.version.split('.').next(), Some("22"));
        assert!(first.include_dirs.iter().any(|path| path.join("stdio.h").exists()));
        assert!(first.library_dirs.iter().any(|path| path.join("libc.so.6").exists()));
        assert!(first.files.len() >= 2);
        assert_eq!(find_toolchain(&cache).unwrap(), first);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_wrapper_does_not_hide_the_compiler() {
        let directory = scratch("wrapper");
        let cache = Store::open(&directory.join("cache")).unwrap();
        let wrapper = directory.join("clang-22");
        script(&wrapper, "exec /usr/bin/env clang-22 \"$@\"");
        let toolchain = find_in(&cache, Some(wrapper.into()), OsString::new()).unwrap();
        assert!(toolchain.files.len() >= 3);
        fs::remove_dir_all(directory).unwrap();
    }

    /// A compiler of its own under a wrapper, a link, and a first place on the path.
    #[test]
    fn another_compiler_behind_the_same_name_is_noticed() {
        let directory = scratch("replaced");
        let cache = Store::open(&directory.join("cache")).unwrap();
        let asked = std::process::Command::new("clang-22").arg("-print-resource-dir").output().unwrap().stdout;
        let resources = String::from_utf8(asked).unwrap();
        let installed = Path::new(resources.trim()).ancestors().nth(3).unwrap().to_owned();
        let own = |name: &str| {
            let prefix = directory.join(name);
            fs::create_dir_all(prefix.join("bin")).unwrap();
            std::os::unix::fs::symlink(installed.join("lib"), prefix.join("lib")).unwrap();
            fs::copy(fs::canonicalize(installed.join("bin/clang")).unwrap(), prefix.join("bin/clang-22")).unwrap();
            prefix.join("bin/clang-22")
        };
        let (first, second) = (own("first"), own("second"));
        let wrapper = directory.join("wrapper");
        script(&wrapper, &format!("exec {} \"$@\"", first.display()));
        let link = directory.join("link");
        std::os::unix::fs::symlink(&first, &link).unwrap();
        let identity = |name: &Path| find_in(&cache, Some(name.to_owned().into()), OsString::new()).unwrap().identity;
        let (by_wrapper, by_link) = (identity(&wrapper), identity(&link));
        assert_eq!((identity(&wrapper), identity(&link)), (by_wrapper.clone(), by_link.clone()));
        // The loader does not look at what stands behind a program: another compiler that works.
        let mut bytes = fs::read(&first).unwrap();
        bytes.extend_from_slice(b"other");
        fs::write(&first, &bytes).unwrap();
        assert_ne!(identity(&wrapper), by_wrapper);
        let changed = identity(&link);
        assert_ne!(changed, by_link);
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&second, &link).unwrap();
        assert_ne!(identity(&link), changed);
        let path = std::env::join_paths([directory.join("early"), directory.join("second/bin")]).unwrap();
        let found = find_in(&cache, None, path).unwrap();
        assert_eq!((found.clang, found.passed_over), (second, vec![directory.join("early/clang-22")]));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn another_version_and_none_are_told_apart() {
        let directory = scratch("version");
        let cache = Store::open(&directory.join("cache")).unwrap();
        let path: OsString = directory.clone().into();
        let error = find_in(&cache, None, path.clone()).unwrap_err();
        assert_eq!(error.message(), "clang 22 not found");
        script(&directory.join("clang"), "echo 'Debian clang version 14.0.6'");
        let error = find_in(&cache, None, path).unwrap_err();
        assert_eq!(error.message(), "clang has version 14.0.6, 22 is needed");
        fs::remove_dir_all(directory).unwrap();
    }
}
