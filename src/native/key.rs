//! What a library's object depends on, and nothing else.
//!
//! In: [`KeyInputs`], one field an input. Out: the [`Key`] of the store, and which input differs between two keys.
//! Deliberately not here: system headers, which are known only after a compilation: they stand in the entry (`record`)
//! and are checked on a hit.
//!
//! | input | why |
//! |---|---|
//! | schema | the meaning of the entry's text |
//! | compiler | the sources of this module, of the ABI and of `coex_ffi.h`, and the versions of all crates |
//! | clang | the real compiler's bytes |
//! | search | where it looks for headers |
//! | library | name and version stand in symbol names and in the descriptor |
//! | target, cpu | machine code |
//! | optimisation | the level, debug information, the control build |
//! | isolation | tier, threads, limits, the version of the pass |
//! | flags | the command line of each unit, in order |
//! | symbols | what is kept and exported |
//! | files | every file below `ffi/src`, and `coex_ffi.h` |
//! | pkg-config | its answer, and the system libraries |
//! | environment | the variables that clang reads and we let through |
//!
//! Not tracked: the order of files in the archive, times, the place of the archive, and all other variables: clang runs
//! without them, in a directory of its own.

use std::collections::BTreeMap;

use super::store::Key;

pub(super) const SCHEMA: u32 = 2;

#[derive(Clone, Debug, Default)]
pub(super) struct KeyInputs<'a> {
    pub(super) schema: u32,
    pub(super) compiler: String,
    pub(super) clang: String,
    /// Directories in which it looks for headers, in order.
    pub(super) search: Vec<String>,
    pub(super) library: [&'a str; 2],
    pub(super) target: String,
    pub(super) cpu: String,
    pub(super) optimisation: [String; 3],
    pub(super) isolation: Vec<String>,
    /// Command line of each unit's files, with a stand-in for the file.
    pub(super) flags: Vec<Vec<String>>,
    pub(super) symbols: Vec<String>,
    pub(super) files: BTreeMap<String, &'a [u8]>,
    pub(super) pkg_config: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
}

impl KeyInputs<'_> {
    pub(super) fn key(&self) -> Key {
        let mut hasher = blake3::Hasher::new();
        for (tag, hash) in self.fields() {
            update(&mut hasher, tag.as_bytes());
            hasher.update(hash.as_bytes());
        }
        Key(*hasher.finalize().as_bytes())
    }

    /// One hash an input, so that a miss can say which one changed. A file is an input of its own.
    pub(super) fn fields(&self) -> Vec<(String, blake3::Hash)> {
        let mut fields: Vec<(String, blake3::Hash)> = vec![
            field("schema", &[&self.schema.to_string()]),
            field("compiler", &[&self.compiler]),
            field("library", &self.library),
            field("target", &[&self.target]),
            field("cpu", &[&self.cpu]),
            field("optimisation", &self.optimisation),
            field("isolation", &self.isolation),
            field("symbols", &self.symbols),
            field("pkg-config", &self.pkg_config),
            field("clang", &[&self.clang]),
        ];
        for (name, value) in &self.environment {
            fields.push(field(&format!("environment:{name}"), &[value]));
        }
        for (index, unit) in self.flags.iter().enumerate() {
            fields.push(field(&format!("flags:{index}"), unit));
        }
        for (path, bytes) in &self.files {
            fields.push((format!("file:{path}"), blake3::hash(bytes)));
        }
        fields.extend(self.search.iter().map(|directory| field(&format!("search:{directory}"), &["there"])));
        fields.push(field("order", &self.search));
        fields
    }
}

/// (tag, length, bytes) each: no two lists of values hash alike.
fn update(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

fn field(tag: &str, values: &[impl AsRef<str>]) -> (String, blake3::Hash) {
    let mut hasher = blake3::Hasher::new();
    update(&mut hasher, &(values.len() as u64).to_le_bytes());
    for value in values {
        update(&mut hasher, value.as_ref().as_bytes());
    }
    (tag.to_owned(), hasher.finalize())
}

/// The first difference, in the words of `coexc cache explain`.
pub(super) fn explain(old: &[(String, String)], new: &[(String, blake3::Hash)]) -> Option<String> {
    let of = |tag: &str| old.iter().find(|(other, _)| other == tag).map(|(_, hash)| hash.as_str());
    let is_new = |tag: &str| of(tag).is_none();
    let differs = |(tag, hash): &&(String, blake3::Hash)| of(tag) != Some(hash.to_hex().as_str());
    let mut changed = new.iter().filter(differs).map(|(tag, _)| tag.as_str());
    let first = changed.next();
    let gone = || old.iter().find(|(tag, _)| !new.iter().any(|(other, _)| other == tag)).map(|(tag, _)| tag.as_str());
    // The order of directories differs as well when one of them came or went.
    let tag = first.filter(|tag| *tag != "order").or_else(gone).or(first)?;
    Some(match tag.split_once(':') {
        Some(("file", path)) => format!("source-changed:{path}"),
        Some(("search", directory)) if is_new(tag) => format!("header-appeared:{directory}"),
        Some(("search", directory)) => format!("header-changed:{directory}"),
        Some(("environment", name)) => format!("env-changed:{name}"),
        Some(_) => "flag-changed".to_owned(),
        None => match tag {
            "compiler" | "clang" | "order" | "schema" => "compiler-changed".to_owned(),
            "target" | "cpu" | "optimisation" => "flag-changed".to_owned(),
            other => format!("{other}-changed"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> KeyInputs<'static> {
        KeyInputs {
            schema: SCHEMA,
            compiler: "coexc".to_owned(),
            clang: "hash".to_owned(),
            search: vec!["/usr/include".to_owned()],
            library: ["regex", "1.0.0"],
            target: "x86_64-unknown-linux-gnu".to_owned(),
            cpu: "x86-64".to_owned(),
            optimisation: ["O2".to_owned(), "strip".to_owned(), "private".to_owned()],
            isolation: vec!["instance".to_owned()],
            flags: vec![vec!["-DA=1".to_owned(), "-DB".to_owned()]],
            symbols: vec!["f".to_owned()],
            files: BTreeMap::from([("a.c".to_owned(), b"int a;".as_slice())]),
            pkg_config: vec!["-lz".to_owned()],
            environment: vec![("CPATH".to_owned(), String::new())],
        }
    }

    /// The change gives another key, and the miss is explained by it.
    fn changes(change: impl FnOnce(&mut KeyInputs<'static>), reason: &str) {
        let (old, mut new) = (inputs(), inputs());
        change(&mut new);
        assert_ne!(old.key(), new.key());
        let fields: Vec<(String, String)> =
            old.fields().into_iter().map(|(tag, hash)| (tag, hash.to_hex().to_string())).collect();
        assert_eq!(explain(&fields, &new.fields()).as_deref(), Some(reason));
        assert_eq!(explain(&fields, &old.fields()), None);
    }

    #[test]
    fn equal_inputs_give_equal_keys() {
        assert_eq!(inputs().key(), inputs().key());
    }

    #[test]
    fn schema_changes_key() {
        changes(|inputs| inputs.schema += 1, "compiler-changed");
    }

    #[test]
    fn compiler_changes_key() {
        changes(|inputs| inputs.compiler.push('x'), "compiler-changed");
    }

    #[test]
    fn clang_changes_key() {
        changes(|inputs| inputs.clang.push('x'), "compiler-changed");
    }

    #[test]
    fn search_changes_key() {
        let early = || "/usr/local/include".to_owned();
        changes(|inputs| inputs.search.insert(0, early()), "header-appeared:/usr/local/include");
        changes(|inputs| inputs.search.clear(), "header-changed:/usr/include");
        let with_two = || KeyInputs { search: vec![early(), "/usr/include".to_owned()], ..inputs() };
        let mut turned = with_two();
        turned.search.reverse();
        assert_ne!(with_two().key(), turned.key());
    }

    #[test]
    fn library_changes_key() {
        changes(|inputs| inputs.library[0] = "regexp", "library-changed");
        changes(|inputs| inputs.library = ["regex1", ".0.0"], "library-changed");
    }

    #[test]
    fn target_changes_key() {
        changes(|inputs| inputs.target = "aarch64-unknown-linux-gnu".to_owned(), "flag-changed");
    }

    #[test]
    fn cpu_changes_key() {
        changes(|inputs| inputs.cpu = "x86-64-v3".to_owned(), "flag-changed");
    }

    #[test]
    fn optimisation_changes_key() {
        changes(|inputs| inputs.optimisation[0] = "O3".to_owned(), "flag-changed");
    }

    #[test]
    fn isolation_changes_key() {
        changes(|inputs| inputs.isolation[0] = "shared".to_owned(), "isolation-changed");
    }

    #[test]
    fn flags_change_key() {
        changes(|inputs| inputs.flags[0].reverse(), "flag-changed");
        changes(|inputs| inputs.flags[0] = vec!["-DA=1-DB".to_owned()], "flag-changed");
        changes(|inputs| inputs.flags.push(Vec::new()), "flag-changed");
    }

    #[test]
    fn symbols_change_key() {
        changes(|inputs| inputs.symbols.push("g".to_owned()), "symbols-changed");
    }

    #[test]
    fn files_change_key() {
        changes(|inputs| inputs.files.insert("a.c".to_owned(), b"int b;").map_or((), |_| ()), "source-changed:a.c");
        changes(|inputs| inputs.files.insert("b.h".to_owned(), b"").map_or((), |_| ()), "source-changed:b.h");
    }

    #[test]
    fn a_removed_file_changes_key() {
        changes(|inputs| inputs.files.clear(), "source-changed:a.c");
    }

    #[test]
    fn pkg_config_changes_key() {
        changes(|inputs| inputs.pkg_config[0] = "-lz2".to_owned(), "pkg-config-changed");
    }

    #[test]
    fn environment_changes_key() {
        changes(|inputs| inputs.environment[0].1 = "/opt/include".to_owned(), "env-changed:CPATH");
    }
}
