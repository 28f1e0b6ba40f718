//! System headers that a compilation read, and the places where it looked in vain.
//!
//! In: the dependency files that clang wrote, the sources, the search directories. Out: [`HeaderFacts`], checked on every
//! hit with one `stat` a file. Deliberately not here: files of the archive; they are part of the key.
//!
//! The second half is what most caches forget: a header that *appears* in an earlier directory, or one that
//! `__has_include` asked for, changes the meaning of unchanged sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::codec::{Reader, Writer};
use super::files::FileFact;
use super::sources::SystemHeaders;

#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct HeaderFacts {
    present: Vec<FileFact>,
    absent: Vec<PathBuf>,
}

impl HeaderFacts {
    /// `read`: absolute paths out of the dependency files. `search`: directories in the order in which clang looks.
    pub(super) fn collect<'a>(
        read: &BTreeSet<PathBuf>,
        search: &[PathBuf],
        sources: impl Iterator<Item = (&'a String, &'a Vec<u8>)> + Clone,
    ) -> std::io::Result<HeaderFacts> {
        let mut names = BTreeSet::new();
        for path in read {
            let under = search.iter().filter_map(|directory| path.strip_prefix(directory).ok());
            names.extend(under.map(Path::to_owned));
            names.extend(
                included_names(&fs::read(path)?).into_iter().filter(|name| name.asked_only).map(|name| name.path),
            );
        }
        let in_archive = |name: &Path| sources.clone().any(|(path, _)| Path::new(path).ends_with(name));
        for (_, text) in sources.clone() {
            names.extend(included_names(text).into_iter().map(|name| name.path).filter(|name| !in_archive(name)));
        }
        let mut absent = BTreeSet::new();
        for name in &names {
            absent.extend(search.iter().map(|directory| directory.join(name)).take_while(|path| !path.exists()));
        }
        let present = read.iter().map(|path| FileFact::of(path)).collect::<std::io::Result<Vec<FileFact>>>()?;
        Ok(HeaderFacts { present, absent: absent.into_iter().collect() })
    }

    /// Why the facts hold no more, in the words of `coexc cache explain`.
    pub(super) fn broken(&self) -> Option<String> {
        let changed = self.present.iter().find(|fact| !fact.holds());
        let appeared = || self.absent.iter().find(|path| path.exists());
        match changed {
            Some(fact) => Some(format!("header-changed:{}", fact.path.display())),
            None => appeared().map(|path| format!("header-appeared:{}", path.display())),
        }
    }

    pub(super) fn paths(&self) -> SystemHeaders {
        let read = self.present.iter().map(|fact| fact.path.clone()).collect();
        SystemHeaders { read, absent: self.absent.clone() }
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.list(self.present.iter(), |writer, fact| fact.write(writer));
        writer.list(self.absent.iter(), |writer, path| writer.put(path.display()));
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<HeaderFacts> {
        let present = reader.list(FileFact::read)?;
        let absent = reader.list(|reader| reader.text().map(PathBuf::from))?;
        Some(HeaderFacts { present, absent })
    }
}

struct IncludedName {
    path: PathBuf,
    /// Named by `__has_include` or `__has_embed`: it may well be absent.
    asked_only: bool,
}

/// Names in `#include`, `#embed`, `__has_include` and `__has_embed`, wherever they stand.
fn included_names(text: &[u8]) -> Vec<IncludedName> {
    let text = String::from_utf8_lossy(text);
    let mut names = Vec::new();
    for line in text.lines() {
        let directive = line.trim_start().strip_prefix('#').map(str::trim_start).unwrap_or_default();
        let rest = directive.strip_prefix("include").or_else(|| directive.strip_prefix("embed"));
        if let Some(path) = rest.and_then(quoted) {
            names.push(IncludedName { path, asked_only: false });
        }
        for question in ["__has_include", "__has_embed"] {
            for (at, _) in line.match_indices(question) {
                let after = line[at + question.len()..].trim_start();
                let argument = after.strip_prefix("_next").unwrap_or(after).trim_start().strip_prefix('(');
                if let Some(path) = argument.and_then(quoted) {
                    names.push(IncludedName { path, asked_only: true });
                }
            }
        }
    }
    names
}

/// `<name>` or `"name"` at the start.
fn quoted(text: &str) -> Option<PathBuf> {
    let text = text.strip_prefix("_next").unwrap_or(text).trim_start();
    let close = match text.chars().next()? {
        '<' => '>',
        '"' => '"',
        _ => return None,
    };
    let (name, _) = text[1..].split_once(close)?;
    (!name.is_empty() && !Path::new(name).is_absolute()).then(|| PathBuf::from(name))
}

/// The files that a dependency file names, without its target.
pub(super) fn dependencies(depfile: &str) -> Vec<String> {
    let Some((_, list)) = depfile.split_once(": ") else { return Vec::new() };
    let (mut names, mut name) = (Vec::new(), String::new());
    let mut characters = list.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some('\n')) | ('\\', Some('\r')) => {}
            ('\\', Some(next @ (' ' | '#' | '\\'))) => {
                name.push(*next);
                characters.next();
            }
            ('$', Some('$')) => {
                name.push('$');
                characters.next();
            }
            (character, _) if character.is_whitespace() => {
                if !name.is_empty() {
                    names.push(std::mem::take(&mut name));
                }
            }
            (character, _) => name.push(character),
        }
    }
    names.extend((!name.is_empty()).then_some(name));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependency_files_are_read() {
        let text = "a.bc: ffi/src/a.c \\\n  /usr/include/stdio.h /with\\ space/x.h \\\n /a$$b.h\n";
        assert_eq!(dependencies(text), ["ffi/src/a.c", "/usr/include/stdio.h", "/with space/x.h", "/a$b.h"]);
    }

    #[test]
    fn names_are_found_wherever_they_stand() {
        let text =
            b"#include <a.h>\n  # include \"b/c.h\"\n#if __has_include(<d.h>) && __has_include(\"e.h\")\n# embed <f>\n";
        let names: Vec<PathBuf> = included_names(text).into_iter().map(|name| name.path).collect();
        assert_eq!(names, ["a.h", "b/c.h", "d.h", "e.h", "f"].map(PathBuf::from));
    }

    #[test]
    fn a_changed_and_an_appearing_header_are_noticed() {
        let root = std::env::temp_dir().join(format!("coex-headers-{}", std::process::id()));
        let (early, late) = (root.join("early"), root.join("late"));
        fs::create_dir_all(&early).unwrap();
        fs::create_dir_all(&late).unwrap();
        let header = late.join("x.h");
        fs::write(&header, "int x;\n#if __has_include(<maybe.h>)\n#endif\n").unwrap();
        let sources = std::collections::BTreeMap::from([("a.c".to_owned(), b"#include <x.h>\n".to_vec())]);
        let search = [early.clone(), late.clone()];
        let collect = || HeaderFacts::collect(&BTreeSet::from([header.clone()]), &search, sources.iter()).unwrap();
        let facts = collect();
        assert_eq!(facts.broken(), None);
        for appearing in [early.join("x.h"), late.join("maybe.h")] {
            fs::write(&appearing, "").unwrap();
            assert_eq!(facts.broken(), Some(format!("header-appeared:{}", appearing.display())));
            fs::remove_file(appearing).unwrap();
        }
        let mut writer = Writer::default();
        facts.write(&mut writer);
        assert_eq!(HeaderFacts::read(&mut Reader::new(&writer.finish())), Some(facts.clone()));
        fs::write(&header, "int y;").unwrap();
        assert_eq!(facts.broken(), Some(format!("header-changed:{}", header.display())));
        fs::remove_dir_all(root).unwrap();
    }
}
