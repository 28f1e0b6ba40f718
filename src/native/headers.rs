//! System headers that a compilation read, and the places where it looked in vain.
//!
//! In: the dependency files that clang wrote, the sources, the search directories. Out: [`HeaderFacts`], checked on every
//! hit with one `stat` a file. Deliberately not here: files of the archive; they are part of the key.
//!
//! The second half is what most caches forget: a header that *appears* in an earlier directory, or one that
//! `__has_include` asked for, changes the meaning of unchanged sources. clang tells what it read, not where it looked;
//! that follows from the names in the text and the order of the directories. A place too many costs a compilation some
//! day, one too few would give a wrong object.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::codec::{Reader, Writer};
use super::files::{FileFact, Stamp};
use super::sources::SystemHeaders;

#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct HeaderFacts {
    read: Vec<FileFact>,
    /// Asked for by `__has_include`, there, and not read.
    found: Vec<PathBuf>,
    absent: Vec<PathBuf>,
}

/// A name that the preprocessor looked for.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Query {
    /// The directory of the including file comes first, for names in quotes.
    beside: Option<PathBuf>,
    name: PathBuf,
    /// By `__has_include` or `__has_embed`: it may well be absent.
    asked: bool,
}

impl HeaderFacts {
    /// `read`: absolute paths out of the dependency files. `search`: directories in the order in which clang looks.
    /// `since`: the file system's time when the compilation began; what changed later is named as the second result.
    pub(super) fn collect<'a>(
        read: &BTreeSet<PathBuf>,
        search: &[PathBuf],
        sources: impl Iterator<Item = &'a [u8]>,
        since: i128,
    ) -> io::Result<(HeaderFacts, Option<PathBuf>)> {
        let mut facts = Vec::new();
        let mut names = Names::default();
        for path in read {
            let (fact, text) = FileFact::with_bytes(path)?;
            names.add(&text, path.parent());
            facts.push(fact);
        }
        sources.for_each(|text| names.add(text, None));
        let mut queries = names.queries();
        // By the place where it was found: names that are not in any text are covered by this.
        for path in read {
            let names = search.iter().filter_map(|directory| path.strip_prefix(directory).ok());
            queries.extend(names.map(|name| Query { beside: None, name: name.to_owned(), asked: false }));
        }
        let (mut found, mut absent, mut edited) = (BTreeSet::new(), BTreeSet::new(), None);
        for query in &queries {
            for (place, is_file) in query.places(read, search) {
                match fs::metadata(&place).ok().filter(|_| is_file) {
                    None => absent.insert(place),
                    Some(metadata) => {
                        if Stamp::of(&metadata).changed_ns >= since {
                            edited = Some(place.clone());
                        }
                        query.asked && found.insert(place)
                    }
                };
            }
        }
        let edited = facts.iter().find(|fact| fact.stamp.changed_ns >= since).map(|fact| fact.path.clone()).or(edited);
        let facts =
            HeaderFacts { read: facts, found: found.into_iter().collect(), absent: absent.into_iter().collect() };
        Ok((facts, edited))
    }

    /// Why the facts hold no more, in the words of `coexc cache explain`.
    pub(super) fn broken(&self) -> Option<String> {
        let gone = || self.found.iter().find(|path| !path.is_file());
        let changed = self.read.iter().find(|fact| !fact.holds()).map(|fact| &fact.path).or_else(gone);
        let appeared = || self.absent.iter().find(|path| path.is_file());
        match changed {
            Some(path) => Some(format!("header-changed:{}", path.display())),
            None => appeared().map(|path| format!("header-appeared:{}", path.display())),
        }
    }

    /// Not every path is text, and the facts are kept as text.
    pub(super) fn can_be_kept(&self) -> bool {
        let read = self.read.iter().map(|fact| &fact.path);
        read.chain(&self.found).chain(&self.absent).all(|path| path.to_str().is_some())
    }

    pub(super) fn paths(&self) -> SystemHeaders {
        SystemHeaders { read: self.read.clone(), found: self.found.clone(), absent: self.absent.clone() }
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.list(self.read.iter(), |writer, fact| fact.write(writer));
        writer.list(self.found.iter(), |writer, path| writer.put(path.display()));
        writer.list(self.absent.iter(), |writer, path| writer.put(path.display()));
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<HeaderFacts> {
        let path = |reader: &mut Reader<'_>| reader.text().map(PathBuf::from);
        let read = reader.list(FileFact::read)?;
        Some(HeaderFacts { read, found: reader.list(path)?, absent: reader.list(path)? })
    }
}

impl Query {
    /// Places that decide the answer beside those that were read, and whether there is a file now.
    /// An absolute name is the same place in every directory.
    fn places(&self, read: &BTreeSet<PathBuf>, search: &[PathBuf]) -> Vec<(PathBuf, bool)> {
        let all: Vec<PathBuf> = self.beside.iter().chain(search).map(|directory| directory.join(&self.name)).collect();
        // `#include_next` goes on behind the first, so the last one that was read counts.
        let end = match all.iter().rposition(|place| read.contains(place)) {
            Some(last) => last,
            // In a branch that was not taken, or found in the archive before the system was looked at.
            None if !self.asked => usize::from(self.beside.is_some()),
            None => all.len(),
        };
        let mut places = Vec::new();
        for place in all.into_iter().take(end).filter(|place| !read.contains(place)) {
            let is_file = place.is_file();
            places.push((place, is_file));
            if is_file && self.asked {
                break;
            }
        }
        places
    }
}

/// Names in `#include`, `#embed`, `__has_include` and `__has_embed`, wherever they stand.
#[derive(Default)]
struct Names {
    queries: BTreeSet<Query>,
    /// Values of macros that could be names of headers, for `__has_include(MACRO)`.
    defined: Vec<(PathBuf, Option<PathBuf>)>,
    is_computed: bool,
}

impl Names {
    fn add(&mut self, text: &[u8], directory: Option<&Path>) {
        let text = String::from_utf8_lossy(text).replace("\\\r\n", "").replace("\\\n", "");
        for line in text.lines() {
            self.add_directive(line.trim_start(), directory);
            for question in ["__has_include", "__has_embed"] {
                for (at, _) in line.match_indices(question) {
                    let after = line[at + question.len()..].trim_start();
                    let next = after.strip_prefix("_next").unwrap_or(after).trim_start();
                    let Some(argument) = next.strip_prefix('(').map(str::trim_start) else { continue };
                    match quoted(argument) {
                        Some(name) => self.query(name, argument, directory, true),
                        None => self.is_computed = true,
                    }
                }
            }
        }
    }

    fn add_directive(&mut self, line: &str, directory: Option<&Path>) {
        let Some(directive) = line.strip_prefix('#').map(str::trim_start) else { return };
        let words = ["include_next", "include", "import", "embed"];
        if let Some(rest) = words.iter().find_map(|word| directive.strip_prefix(word)) {
            let rest = rest.trim_start();
            if let Some(name) = quoted(rest) {
                self.query(name, rest, directory, false);
            }
        } else if let Some(rest) = directive.strip_prefix("define")
            && let Some((_, value)) = rest.trim_start().split_once(char::is_whitespace)
            && let Some(name) = quoted(value.trim_start())
        {
            self.defined.push((name, directory.map(Path::to_owned)));
        }
    }

    fn query(&mut self, name: PathBuf, argument: &str, directory: Option<&Path>, asked: bool) {
        let beside = directory.filter(|_| argument.starts_with('"')).map(Path::to_owned);
        self.queries.insert(Query { beside, name, asked });
    }

    fn queries(mut self) -> BTreeSet<Query> {
        if self.is_computed {
            let names = self.defined.into_iter();
            self.queries.extend(names.map(|(name, beside)| Query { beside, name, asked: true }));
        }
        self.queries
    }
}

/// `<name>` or `"name"` at the start.
fn quoted(text: &str) -> Option<PathBuf> {
    let close = match text.chars().next()? {
        '<' => '>',
        '"' => '"',
        _ => return None,
    };
    let (name, _) = text[1..].split_once(close)?;
    (!name.is_empty()).then(|| PathBuf::from(name))
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

    fn facts_of(read: &[&PathBuf], search: &[PathBuf], source: &str, since: i128) -> (HeaderFacts, Option<PathBuf>) {
        let read = read.iter().map(|path| (*path).clone()).collect();
        HeaderFacts::collect(&read, search, std::iter::once(source.as_bytes()), since).unwrap()
    }

    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str) -> Tree {
            let root = std::env::temp_dir().join(format!("coex-headers-{name}-{}", std::process::id()));
            for directory in ["early", "late", "other"] {
                fs::create_dir_all(root.join(directory)).unwrap();
            }
            Tree(root)
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            fs::write(self.0.join(name), text).unwrap();
            self.0.join(name)
        }

        fn search(&self) -> [PathBuf; 2] {
            [self.0.join("early"), self.0.join("late")]
        }

        #[track_caller]
        fn appears(&self, facts: &HeaderFacts, name: &str) {
            assert_eq!(facts.broken(), None);
            let path = self.write(name, "");
            assert_eq!(facts.broken(), Some(format!("header-appeared:{}", path.display())));
            fs::remove_file(path).unwrap();
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const LATER: i128 = i128::MAX;

    #[test]
    fn names_are_found_wherever_they_stand() {
        let mut names = Names::default();
        let text = "#include <a.h>\n  # include \"b/c.h\"\n#if __has_include(<d.h>) && __has_include ( \"e.h\")\n\
                    # embed <f>\n#include_next<g.h>\n#if __has_include( \\\n <h.h>)\n";
        names.add(text.as_bytes(), None);
        let names: Vec<PathBuf> = names.queries().into_iter().map(|query| query.name).collect();
        assert_eq!(names, ["a.h", "b/c.h", "d.h", "e.h", "f", "g.h", "h.h"].map(PathBuf::from));
    }

    #[test]
    fn a_changed_and_an_appearing_header_are_noticed() {
        let tree = Tree::new("appear");
        let header = tree.write("late/x.h", "int x;\n#if __has_include(<maybe.h>)\n#endif\n");
        let (facts, edited) = facts_of(&[&header], &tree.search(), "#include <x.h>\n", LATER);
        assert_eq!(edited, None);
        for appearing in ["early/x.h", "early/maybe.h", "late/maybe.h"] {
            tree.appears(&facts, appearing);
        }
        // A directory of this name is no header.
        fs::create_dir(tree.0.join("early/x.h")).unwrap();
        assert_eq!(facts.broken(), None);
        let mut writer = Writer::default();
        facts.write(&mut writer);
        assert_eq!(HeaderFacts::read(&mut Reader::new(&writer.finish())), Some(facts.clone()));
        tree.write("late/x.h", "int y;");
        assert_eq!(facts.broken(), Some(format!("header-changed:{}", header.display())));
    }

    #[test]
    fn what_was_asked_for_and_is_there_must_stay() {
        let tree = Tree::new("stay");
        let found = tree.write("late/there.h", "");
        let (facts, _) = facts_of(&[], &tree.search(), "#if __has_include(<there.h>)\n#endif\n", LATER);
        tree.appears(&facts, "early/there.h");
        tree.write("late/there.h", "other bytes, and nobody reads them");
        assert_eq!(facts.broken(), None);
        fs::remove_file(&found).unwrap();
        assert_eq!(facts.broken(), Some(format!("header-changed:{}", found.display())));
    }

    /// `"b.h"` in a header of the system looks beside it before anything else, the archive included.
    #[test]
    fn a_header_that_appears_beside_its_includer_is_noticed() {
        let tree = Tree::new("beside");
        let (first, second) = (tree.write("late/a.h", "#include \"b.h\"\n"), tree.write("other/b.h", ""));
        let search = [tree.0.join("early"), tree.0.join("late"), tree.0.join("other")];
        let (facts, _) = facts_of(&[&first, &second], &search, "#include <a.h>\n", LATER);
        tree.appears(&facts, "late/b.h");
        // Found in the archive: nothing of the system was read.
        let (facts, _) = facts_of(&[&first], &tree.search(), "#include <a.h>\n", LATER);
        tree.appears(&facts, "late/b.h");
    }

    #[test]
    fn the_next_header_has_places_between() {
        let tree = Tree::new("next");
        let (first, last) = (tree.write("early/x.h", "#include_next <x.h>\n"), tree.write("other/x.h", ""));
        let search = [tree.0.join("early"), tree.0.join("late"), tree.0.join("other")];
        let (facts, _) = facts_of(&[&first, &last], &search, "#include <x.h>\n", LATER);
        tree.appears(&facts, "late/x.h");
    }

    #[test]
    fn a_name_behind_a_macro_is_a_name() {
        let tree = Tree::new("macro");
        let source = "#define NAME <maybe.h>\n#if __has_include(NAME)\n#endif\n";
        let (facts, _) = facts_of(&[], &tree.search(), source, LATER);
        tree.appears(&facts, "late/maybe.h");
    }

    #[test]
    fn what_changes_while_clang_runs_is_named() {
        let tree = Tree::new("edited");
        let header = tree.write("late/x.h", "");
        assert_eq!(facts_of(&[&header], &tree.search(), "", 0).1, Some(header.clone()));
        // A tick of the clock later.
        std::thread::sleep(std::time::Duration::from_millis(50));
        let shadow = tree.write("early/x.h", "");
        let after_both = Stamp::of(&fs::metadata(&shadow).unwrap()).changed_ns + 1;
        assert_eq!(facts_of(&[&header], &tree.search(), "", after_both).1, None);
        assert_eq!(facts_of(&[&header], &tree.search(), "", after_both - 1).1, Some(shadow));
    }
}
