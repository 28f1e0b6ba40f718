//! From the text of a manifest to [`Manifest`]: which keys there are, table by table.
//!
//! In: TOML text. Out: the manifest, or nothing when a part that everything depends on is wrong.
//! All faults of one manifest are reported together.

use std::collections::BTreeMap;

use semver::{Version, VersionReq};
use toml::de::DeTable;

use super::reader::{Report, Table};
use super::rules;
use super::{Install, Isolation, Limits, Located, Manifest, Owns, SymbolEntry, System, Unit};
use crate::diagnostics::{Code, Diagnostic, Diagnostics};
use crate::source::{FileId, Span};

/// `library` names it in messages until its own name is known.
pub fn parse(file: FileId, text: &str, library: &str, diagnostics: &mut Diagnostics) -> Option<Manifest> {
    let errors_before = diagnostics.error_count();
    let mut report = Report { file, library: library.to_owned(), diagnostics };
    let root = match DeTable::parse(text) {
        Ok(root) => root,
        Err(error) => {
            not_toml(&mut report, &error);
            return None;
        }
    };
    // A fault of the whole file is shown at its first byte, not as an excerpt of everything.
    let start = report.span(0..0);
    let mut root = Table::new("", start, root.get_ref());
    let manifest = manifest(&mut report, &mut root);
    root.finish(&mut report);
    // Numbers are looked at when they are wanted, those of unknown keys never: this reads them all.
    if report.diagnostics.error_count() == errors_before
        && let Err(error) = toml::from_str::<toml::Table>(text)
    {
        not_toml(&mut report, &error);
    }
    manifest.filter(|_| diagnostics.error_count() == errors_before)
}

fn not_toml(report: &mut Report, error: &toml::de::Error) {
    let span = report.span(error.span().unwrap_or(0..0));
    report.invalid(span, error.message().trim().replace('\n', ", "));
}

fn manifest(report: &mut Report, root: &mut Table) -> Option<Manifest> {
    let Some(mut library) = root.table(report, "library") else {
        report.invalid(root.span, "table 'library' is missing");
        return None;
    };
    let name = library.required(report, "name");
    if let Some(name) = &name {
        if rules::is_library_name(&name.value) {
            report.library = name.value.clone();
        } else {
            report.invalid(name.span, format!("'{}' is not a library name ([a-z][a-z0-9_-]{{0,63}})", name.value));
        }
    }
    let version = library.required(report, "version").and_then(|text| version(report, &text));
    let description = library.plain_string(report, "description");
    let authors = library.strings(report, "authors").unwrap_or_default();
    let license = library.plain_string(report, "license");
    let source = paths(library.strings(report, "source"), report);
    let coex = library.string(report, "coex").and_then(|text| requirement(report, &text));
    let depends = depends(report, &mut library);
    library.finish(report);
    let (units, system) = foreign(report, root);
    check_unique_symbols(report, &units);
    Some(Manifest {
        name: name?,
        version: version?,
        description,
        authors: authors.into_iter().map(|author| author.value).collect(),
        license,
        source,
        coex,
        depends,
        units,
        system,
    })
}

fn version(report: &mut Report, text: &Located<String>) -> Option<Located<Version>> {
    match Version::parse(&text.value) {
        Ok(value) => Some(Located { value, span: text.span }),
        Err(error) => {
            report.invalid(text.span, format!("'{}' is not a semantic version: {error}", text.value));
            None
        }
    }
}

fn requirement(report: &mut Report, text: &Located<String>) -> Option<Located<VersionReq>> {
    match VersionReq::parse(&text.value) {
        Ok(value) => Some(Located { value, span: text.span }),
        Err(error) => {
            report.invalid(text.span, format!("'{}' is not a version requirement: {error}", text.value));
            None
        }
    }
}

fn depends(report: &mut Report, library: &mut Table) -> BTreeMap<String, Located<VersionReq>> {
    let mut depends = BTreeMap::new();
    for (name, text) in library.string_map(report, "depends") {
        if !rules::is_library_name(&name.value) {
            report.invalid(name.span, format!("'{}' is not a library name ([a-z][a-z0-9_-]{{0,63}})", name.value));
        }
        if let Some(requirement) = requirement(report, &text) {
            depends.insert(name.value, requirement);
        }
    }
    depends
}

/// Paths below a fixed directory, `./` removed.
fn paths(list: Option<Vec<Located<String>>>, report: &mut Report) -> Vec<Located<String>> {
    let mut paths = list.unwrap_or_default();
    for path in &mut paths {
        if !rules::is_inner_path(&path.value) {
            report.invalid(path.span, format!("'{}' is not a path inside the library", path.value));
        }
        let parts: Vec<&str> = path.value.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        path.value = if parts.is_empty() { ".".to_owned() } else { parts.join("/") };
    }
    paths
}

fn foreign(report: &mut Report, root: &mut Table) -> (Vec<Unit>, Option<System>) {
    let (mut units, mut system) = (Vec::new(), None);
    let Some(mut table) = root.table(report, "ffi") else { return (units, system) };
    for (id, value) in table.take_all() {
        let Some(inner) = table.as_table(report, &id.value, value) else { continue };
        if id.value == "system" {
            system = Some(system_table(report, inner));
            continue;
        }
        if !rules::is_unit_id(&id.value) {
            report.invalid(id.span, format!("'{}' is not a name for a foreign unit", id.value));
        }
        units.push(unit(report, id, inner));
    }
    (units, system)
}

fn unit(report: &mut Report, id: Located<String>, mut table: Table) -> Unit {
    let source = paths(table.strings(report, "source"), report);
    let headers = paths(table.strings(report, "headers"), report);
    let defines = defines(report, &mut table);
    let c_standard = table.string(report, "c_standard");
    if let Some(standard) = c_standard.as_ref().filter(|standard| !rules::is_c_standard(&standard.value)) {
        report.invalid(standard.span, format!("'{}' is not a C standard (c99, c11, gnu17, …)", standard.value));
    }
    let system_headers = system_headers(table.strings(report, "system_headers"), report);
    let system_libs = system_libs(table.strings(report, "system_libs"), report);
    let isolation = isolation(report, &mut table);
    let threads = table.flag(report, "threads").unwrap_or(false);
    let limits = limits(report, &mut table);
    let symbols = table.tables(report, "symbols").into_iter().filter_map(|entry| symbol(report, entry)).collect();
    table.finish(report);
    let c_standard = c_standard.map(|standard| standard.value);
    Unit { id, source, headers, defines, c_standard, system_headers, system_libs, isolation, threads, limits, symbols }
}

fn defines(report: &mut Report, table: &mut Table) -> BTreeMap<String, String> {
    let mut defines = BTreeMap::new();
    for (name, value) in table.string_map(report, "defines") {
        if !rules::is_c_name(&name.value) {
            report.invalid(name.span, format!("'{}' is not a C identifier", name.value));
        }
        if value.value.chars().any(char::is_control) {
            report.invalid(value.span, format!("the value of '{}' has a control character", name.value));
        }
        defines.insert(name.value, value.value);
    }
    defines
}

fn system_headers(list: Option<Vec<Located<String>>>, report: &mut Report) -> Vec<String> {
    let list = list.unwrap_or_default();
    for header in &list {
        let is_plain = rules::is_inner_path(&header.value) && !header.value.contains(['"', '<', '>', '\n']);
        if !is_plain || header.value.starts_with('-') {
            report.invalid(header.span, format!("'{}' is not the name of a header", header.value));
        }
    }
    list.into_iter().map(|header| header.value).collect()
}

fn system_libs(list: Option<Vec<Located<String>>>, report: &mut Report) -> Vec<String> {
    let mut names = Vec::new();
    for text in list.unwrap_or_default() {
        match rules::system_library(&text.value) {
            Some(name) => names.push(name.to_owned()),
            None => {
                let message = format!("Library '{}': invalid system library '{}'", report.library, text.value);
                report.diagnostics.push(Diagnostic::new(Code::E1112, text.span, message));
            }
        }
    }
    names
}

fn isolation(report: &mut Report, table: &mut Table) -> Located<Isolation> {
    let Some(text) = table.string(report, "isolation") else {
        return Located { value: Isolation::Instance, span: table.span };
    };
    let value = one_of(report, &text, "an isolation", &rules::ISOLATIONS).unwrap_or(Isolation::Instance);
    Located { value, span: text.span }
}

/// One of a few words.
fn one_of<T: Copy>(report: &mut Report, text: &Located<String>, what: &str, words: &[(&str, T)]) -> Option<T> {
    let found = words.iter().find(|(word, _)| *word == text.value);
    if found.is_none() {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        report.invalid(text.span, format!("'{}' is not {what} ({})", text.value, words.join(", ")));
    }
    found.map(|(_, value)| *value)
}

fn limits(report: &mut Report, table: &mut Table) -> Limits {
    let Some(mut inner) = table.table(report, "limits") else { return Limits::default() };
    let limits = Limits {
        instances: inner.count(report, "instances"),
        handles: inner.count(report, "handles"),
        arena_bytes: inner.count(report, "arena_bytes"),
    };
    inner.finish(report);
    limits
}

fn symbol(report: &mut Report, mut table: Table) -> Option<SymbolEntry> {
    let span = table.span;
    let name = c_name(table.required(report, "name"), report);
    let params = types(table.strings(report, "params"), report);
    let returns = table.string(report, "returns");
    let returns = types(returns.map(|text| vec![text]), report).and_then(|mut list| list.pop());
    let c = table.string(report, "c");
    let owns = owns(report, &mut table);
    let error = table.string(report, "error");
    let error = error.and_then(|text| one_of(report, &text, "an error rule", &rules::ERROR_RULES));
    let error_text = c_name(table.string(report, "error_text"), report);
    let len_result = table.flag(report, "len_result").unwrap_or(false);
    let release = c_name(table.string(report, "release"), report);
    table.finish(report);
    Some(SymbolEntry { name: name?, params, returns, c, owns, error, error_text, len_result, release, span })
}

fn c_name(text: Option<Located<String>>, report: &mut Report) -> Option<Located<String>> {
    let text = text?;
    if !rules::is_c_name(&text.value) {
        report.invalid(text.span, format!("'{}' is not a C identifier", text.value));
    }
    Some(text)
}

fn types(list: Option<Vec<Located<String>>>, report: &mut Report) -> Option<Vec<Located<String>>> {
    let list = list?;
    for text in &list {
        if !rules::is_type_text(&text.value) {
            report.invalid(text.span, format!("'{}' is not a type", text.value));
        }
    }
    Some(list)
}

fn owns(report: &mut Report, table: &mut Table) -> Owns {
    let Some(text) = table.string(report, "owns") else { return Owns::Borrowed };
    match text.value.as_str() {
        "borrowed" => Owns::Borrowed,
        "free" => Owns::Free,
        _ => c_name(Some(text), report).map_or(Owns::Borrowed, Owns::Function),
    }
}

fn check_unique_symbols(report: &mut Report, units: &[Unit]) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for symbol in units.iter().flat_map(|unit| &unit.symbols) {
        if let Some(first) = seen.insert(&symbol.name.value, symbol.name.span) {
            let message = format!(
                "Manifest of '{}' is not valid: symbol '{}' is described twice",
                report.library, symbol.name.value
            );
            let diagnostic = Diagnostic::new(Code::E1408, symbol.name.span, message);
            report.diagnostics.push(diagnostic.secondary(first, "first here"));
        }
    }
}

fn system_table(report: &mut Report, mut table: Table) -> System {
    let headers = system_headers(table.strings(report, "headers"), report);
    let libs = system_libs(table.strings(report, "libs"), report);
    let pkg_config = table.strings(report, "pkg_config").unwrap_or_default();
    for requirement in &pkg_config {
        if !rules::is_pkg_config_requirement(&requirement.value) {
            report.invalid(requirement.span, format!("'{}' is not a pkg-config requirement", requirement.value));
        }
    }
    let thread_safe = table.flag(report, "thread_safe");
    let install = match table.table(report, "install") {
        Some(mut inner) => {
            let install = Install {
                name: inner.plain_string(report, "name"),
                debian: inner.plain_string(report, "debian"),
                macos: inner.plain_string(report, "macos"),
                fedora: inner.plain_string(report, "fedora"),
            };
            inner.finish(report);
            install
        }
        None => Install::default(),
    };
    table.finish(report);
    System { headers, libs, pkg_config, thread_safe, install }
}
