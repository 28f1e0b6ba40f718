//! Lists for people or for machines.
//!
//! In: rows, each as a line of text and as fields. Out: lines on standard output, or one JSON object a row. Deliberately
//! not here: what the rows are about.

use super::args::MessageFormat;
use super::exit;
use super::output::{self, Style};
use crate::diagnostics::json;
use crate::packages::identity::PackageId;
use crate::packages::index::Release;
use crate::packages::lock::{Lock, Locked};
use crate::packages::printable;

/// One line, or one object of a kind; values are JSON already.
pub(super) struct Row {
    text: String,
    kind: &'static str,
    fields: Vec<(&'static str, String)>,
}

impl Row {
    /// `text` without the end of the line.
    pub(super) fn new(text: String, kind: &'static str, fields: Vec<(&'static str, String)>) -> Row {
        Row { text, kind, fields }
    }
}

/// Writes all rows; the status is that of writing.
pub(super) fn write(rows: &[Row], style: &Style) -> u8 {
    if style.format == MessageFormat::Json {
        rows.iter().for_each(|row| style.event(row.kind, &row.fields));
        return exit::SUCCESS;
    }
    output::write(rows.iter().map(|row| row.text.clone() + "\n").collect::<String>().as_bytes())
}

/// Says something that is no fault.
pub(super) fn warn(warning: &str, style: &Style) {
    match style.format {
        MessageFormat::Human | MessageFormat::Sarif => output::talk(&format!("warning: {warning}\n")),
        MessageFormat::Json => style.event("warning", &[("message", json::string(warning))]),
    }
}

fn identity(id: &PackageId) -> Vec<(&'static str, String)> {
    vec![("name", json::string(&id.name)), ("version", json::string(&id.version.to_string()))]
}

fn optional(text: Option<String>) -> String {
    text.map_or_else(|| "null".to_owned(), |text| json::string(&text))
}

/// `package-change`, a row a package that is other than before. `before` and `version` are null where there is none.
pub(super) fn changes(before: &Lock, after: &Lock) -> Vec<Row> {
    let version = |locked: Option<&Locked>| optional(locked.map(|locked| locked.id.version.to_string()));
    let row = |(name, text): (String, String)| {
        let (old, new) = (before.packages.get(&name), after.packages.get(&name));
        let fields = vec![("name", json::string(&name)), ("before", version(old)), ("version", version(new))];
        Row::new(text, "package-change", fields)
    };
    before.differences(after).into_iter().map(row).collect()
}

/// `package-change` of a registry.
pub(super) fn published(id: &PackageId) -> Row {
    let mut fields = identity(id);
    fields.push(("before", "null".to_owned()));
    Row::new(format!("+ {id}"), "package-change", fields)
}

/// `package`, a row a package of the lock file.
pub(super) fn locked(locked: &Locked) -> Row {
    let wanted = locked.wanted.as_ref().map(ToString::to_string);
    let why = wanted.as_ref().map_or("needed by others".to_owned(), |wanted| format!("asked for: {wanted}"));
    let text = format!("{} ({why}) {}", locked.id, locked.source.text());
    let mut fields = identity(&locked.id);
    fields.extend([
        ("source", json::string(&locked.source.text())),
        ("tree", json::string(locked.tree.to_hex().as_str())),
        ("wanted", optional(wanted)),
        ("signer", optional(locked.signer.clone())),
    ]);
    Row::new(text, "package", fields)
}

/// `release`, a row a version of a package, newest first.
pub(super) fn release(release: &Release) -> Row {
    let mut text = format!("{}  {} bytes, tree {}", release.id.version, release.size, release.tree.to_hex());
    let mut depends = Vec::new();
    for (wanted, requirement) in &release.depends {
        text.push_str(&format!("\n  needs {wanted} {requirement}"));
        depends.push(format!("{}:{}", json::string(wanted), json::string(&requirement.to_string())));
    }
    if let Some(signer) = &release.signer {
        text.push_str(&format!("\n  signed by {signer}"));
    }
    if let Some(reason) = &release.yanked {
        text.push_str(&format!("\n  taken back: {}", printable(reason)));
    }
    let mut fields = identity(&release.id);
    fields.extend([
        ("size", release.size.to_string()),
        ("published", release.published.to_string()),
        ("tree", json::string(release.tree.to_hex().as_str())),
        ("depends", format!("{{{}}}", depends.join(","))),
        ("description", json::string(&release.description)),
        ("signer", optional(release.signer.clone())),
        ("taken_back", optional(release.yanked.clone())),
    ]);
    Row::new(text, "release", fields)
}

/// `package-found`, a row a package that fits a search.
pub(super) fn found(id: &PackageId, description: &str) -> Row {
    let mut fields = identity(id);
    fields.push(("description", json::string(description)));
    Row::new(format!("{id}  {}", printable(description)).trim_end().to_owned(), "package-found", fields)
}

/// `verdict`, a row an archive that is what it should be; faults are diagnostics.
pub(super) fn verdict(path: &std::path::Path, name: &str, version: &str, text: String, tree: &blake3::Hash) -> Row {
    let fields = vec![
        ("path", json::string(&path.to_string_lossy())),
        ("name", json::string(name)),
        ("version", json::string(version)),
        ("tree", json::string(tree.to_hex().as_str())),
    ];
    Row::new(text, "verdict", fields)
}

/// `artifact`, a row a file that was written.
pub(super) fn artifact(path: &std::path::Path) -> Row {
    let text = path.display().to_string();
    let fields = vec![("path", json::string(&path.to_string_lossy())), ("changed", "true".to_owned())];
    Row::new(text, "artifact", fields)
}
