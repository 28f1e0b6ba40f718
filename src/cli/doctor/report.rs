//! What the doctor has found, as text and for programs.
//!
//! In: findings. Out: text. Every fault says what is wrong, what that means, and how it is mended.

use crate::diagnostics::json;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Well,
    /// Builds work, or most of them.
    Note,
    /// Builds do not work.
    Fault,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            State::Well => "ok",
            State::Note => "note",
            State::Fault => "fault",
        }
    }
}

struct Finding {
    what: &'static str,
    state: State,
    found: String,
    means: String,
    /// A line each, commands as they are typed.
    mend: String,
}

#[derive(Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
}

/// Where texts begin, behind state and name.
const INDENT: usize = 22;

impl Report {
    pub(super) fn well(&mut self, what: &'static str, found: impl Into<String>) {
        self.add(what, State::Well, found.into(), "", "");
    }

    pub(super) fn note(&mut self, what: &'static str, found: impl Into<String>, means: &str, mend: &str) {
        self.add(what, State::Note, found.into(), means, mend);
    }

    pub(super) fn fault(&mut self, what: &'static str, found: impl Into<String>, means: &str, mend: &str) {
        self.add(what, State::Fault, found.into(), means, mend);
    }

    fn add(&mut self, what: &'static str, state: State, found: String, means: &str, mend: &str) {
        self.findings.push(Finding { what, state, found, means: means.to_owned(), mend: mend.to_owned() });
    }

    pub(super) fn is_well(&self) -> bool {
        self.findings.iter().all(|finding| finding.state != State::Fault)
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let indented = |text: &str, more: usize| text.replace('\n', &format!("\n{:1$}", "", INDENT + more));
            let found = indented(&finding.found, 0);
            text.push_str(&format!("{:<7}  {:<11}  {found}\n", finding.state.as_str(), finding.what));
            for (name, said) in [("means: ", &finding.means), ("mend:  ", &finding.mend)] {
                if !said.is_empty() {
                    text.push_str(&format!("{:INDENT$}{name}{}\n", "", indented(said, name.len())));
                }
            }
        }
        text
    }

    pub(super) fn json(&self) -> String {
        let line = |finding: &Finding| {
            let mend: Vec<String> = finding.mend.lines().map(|line| json::string(line.trim())).collect();
            let fields = [
                ("name", json::string(finding.what)),
                ("state", json::string(finding.state.as_str())),
                ("found", json::string(&finding.found)),
                ("means", json::string(&finding.means)),
                ("mend", json::array(&mend)),
            ];
            json::event("finding", &fields) + "\n"
        };
        self.findings.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_lines_and_objects() {
        let mut report = Report::default();
        report.well("llvm", "22");
        report.note("locale", "C", "marks look odd", "");
        assert!(report.is_well());
        report.fault("clang", "not found", "no C", "Debian: x\nFedora: y");
        assert!(!report.is_well());
        assert_eq!(
            report.text(),
            "ok       llvm         22\nnote     locale       C\n                      means: marks look odd\n\
             fault    clang        not found\n                      means: no C\n                      mend:  Debian: x\n\
             \x20                            Fedora: y\n"
        );
        let last = report.json().lines().last().map(str::to_owned).unwrap_or_default();
        assert!(last.contains(r#""kind":"finding","name":"clang","state":"fault","found":"not found""#), "{last}");
        assert!(last.ends_with(r#""mend":["Debian: x","Fedora: y"]}"#), "{last}");
    }
}
