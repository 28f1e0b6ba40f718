//! How diagnostics look to people.
//!
//! In: diagnostics and the sources they point into. Out: text in the form of language reference 15.1. This is the one
//! place that knows miette: a [`Diagnostic`] is shown to it as `miette::Diagnostic`, and [`CoexHandler`] is the
//! `miette::ReportHandler` that prints the form. Deliberately not here: whether there is a terminal (`cli`), and JSON.
//!
//! ```text
//! error[E0407]: Undeclared identifier 'totl'
//!   --> main.coex:4:11
//!    |
//!  4 |     print(totl)
//!    |           ^^^^
//!   help: a variable named 'total' is in scope
//! ```

use std::fmt::{self, Display, Write};

use miette::{LabeledSpan, MietteError, MietteSpanContents, ReportHandler, SourceCode, SourceSpan, SpanContents};

use super::{Diagnostic, Severity};
use crate::source::{SourceFile, SourceMap, Span};

/// More errors than these help nobody.
pub const MAX_SHOWN: usize = 50;
/// Longer source lines are shown as a window around the marked place.
const MAX_LINE_CHARS: usize = 120;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paint {
    Plain,
    Colour,
}

/// All diagnostics, sorted already, and the line that counts them.
pub fn render_all(diagnostics: &[Diagnostic], sources: &SourceMap, paint: Paint) -> String {
    let mut text = String::new();
    let (mut errors, mut warnings) = (0, 0);
    for diagnostic in diagnostics {
        let count = match diagnostic.severity() {
            Severity::Error => &mut errors,
            Severity::Warning => &mut warnings,
        };
        *count += 1;
        if *count <= MAX_SHOWN {
            text.push_str(&render(diagnostic, sources, paint));
            text.push('\n');
        }
    }
    for (count, what) in [(warnings, "warning"), (errors, "error")] {
        if count > 0 {
            let plural = if count == 1 { "" } else { "s" };
            let _ = writeln!(text, "{count} {what}{plural}");
        }
    }
    text
}

/// One diagnostic, ending in a line end.
pub fn render(diagnostic: &Diagnostic, sources: &SourceMap, paint: Paint) -> String {
    let shown = Shown::new(diagnostic, sources);
    Wrapped { handler: CoexHandler { paint }, shown: &shown }.to_string()
}

/// A diagnostic as miette sees it.
#[derive(Debug)]
struct Shown<'a> {
    diagnostic: &'a Diagnostic,
    source: Option<Excerpted<'a>>,
    asides: Vec<Aside<'a>>,
}

/// Everything after the first excerpt, in the order of printing.
#[derive(Debug)]
struct Aside<'a> {
    text: &'a str,
    kind: AsideKind<'a>,
}

#[derive(Debug)]
enum AsideKind<'a> {
    /// Another place.
    Place(Excerpted<'a>),
    /// A paragraph of the founding note.
    Paragraph,
    Note,
    Help,
}

/// A source file for miette, and the place in it that is meant.
#[derive(Clone, Copy)]
struct Excerpted<'a> {
    file: &'a SourceFile,
    span: Span,
}

impl<'a> Excerpted<'a> {
    fn new(span: Span, sources: &'a SourceMap) -> Excerpted<'a> {
        Excerpted { file: sources.file(span.file), span }
    }

    fn label(&self, text: Option<String>) -> LabeledSpan {
        let length = self.span.end.saturating_sub(self.span.start) as usize;
        LabeledSpan::new_primary_with_span(text, (self.span.start as usize, length))
    }
}

impl fmt::Debug for Excerpted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{:?}", self.file.name, self.span)
    }
}

impl SourceCode for Excerpted<'_> {
    /// The line in which the span starts, without its end; this form never shows more.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        _before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let offset = span.offset().min(self.file.text.len());
        let (line, column) = self.file.line_column(offset as u32);
        let text = self.file.line(line);
        let start = text.as_ptr() as usize - self.file.text.as_ptr() as usize;
        let (line, column) = (line as usize - 1, column as usize - 1);
        let place = SourceSpan::from((start, text.len()));
        let contents = MietteSpanContents::new_named(self.file.name.clone(), text.as_bytes(), place, line, column, 1);
        Ok(Box::new(contents))
    }
}

impl<'a> Shown<'a> {
    fn new(diagnostic: &'a Diagnostic, sources: &'a SourceMap) -> Shown<'a> {
        let aside = |kind| move |text: &'a String| Aside { text, kind };
        let mut asides = Vec::new();
        for (span, text) in &diagnostic.secondary {
            asides.push(Aside { text, kind: AsideKind::Place(Excerpted::new(*span, sources)) });
        }
        asides.extend(diagnostic.body.iter().map(|text| aside(AsideKind::Paragraph)(text)));
        asides.extend(diagnostic.notes.iter().map(|text| aside(AsideKind::Note)(text)));
        asides.extend(diagnostic.helps.iter().map(|text| aside(AsideKind::Help)(text)));
        let source = diagnostic.primary.map(|span| Excerpted::new(span, sources));
        Shown { diagnostic, source, asides }
    }
}

impl Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(self.diagnostic.code.as_str()))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity() {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let source = self.source.as_ref()?;
        Some(Box::new(std::iter::once(source.label(self.diagnostic.label.clone()))))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        Some(Box::new(self.asides.iter().map(|aside| aside as &dyn miette::Diagnostic)))
    }
}

impl Display for Aside<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text)
    }
}

impl std::error::Error for Aside<'_> {}

impl miette::Diagnostic for Aside<'_> {
    /// Tells the handler how to introduce the text.
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        match self.kind {
            AsideKind::Note => Some(Box::new("note")),
            AsideKind::Help => Some(Box::new("help")),
            AsideKind::Place(_) | AsideKind::Paragraph => None,
        }
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Advice)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        match &self.kind {
            AsideKind::Place(source) => Some(source),
            _ => None,
        }
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        match &self.kind {
            AsideKind::Place(source) => Some(Box::new(std::iter::once(source.label(Some(self.text.to_owned()))))),
            _ => None,
        }
    }
}

/// Prints the form of the language reference.
struct CoexHandler {
    paint: Paint,
}

struct Wrapped<'a> {
    handler: CoexHandler,
    shown: &'a Shown<'a>,
}

impl Display for Wrapped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handler.debug(self.shown, formatter)
    }
}

impl ReportHandler for CoexHandler {
    fn debug(&self, diagnostic: &dyn miette::Diagnostic, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, style) = match diagnostic.severity() {
            Some(miette::Severity::Warning) => ("warning", Style::Warning),
            _ => ("error", Style::Error),
        };
        let code = diagnostic.code().map_or_else(String::new, |code| format!("[{code}]"));
        let message = printable(&diagnostic.to_string());
        let head = self.painted(style, &format!("{word}{code}"));
        writeln!(out, "{head}{} {}", self.painted(Style::Strong, ":"), self.painted(Style::Strong, &message))?;
        self.excerpt(diagnostic, "-->", '^', style, out)?;
        let mut after_paragraph = false;
        for aside in diagnostic.related().into_iter().flatten() {
            after_paragraph = self.aside(aside, after_paragraph, out)?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Style {
    Error,
    Warning,
    Strong,
    Frame,
}

impl CoexHandler {
    fn painted(&self, style: Style, text: &str) -> String {
        let code = match (self.paint, style) {
            (Paint::Plain, _) => return text.to_owned(),
            (Paint::Colour, Style::Error) => "1;31",
            (Paint::Colour, Style::Warning) => "1;33",
            (Paint::Colour, Style::Strong) => "1",
            (Paint::Colour, Style::Frame) => "1;34",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Returns whether it was a paragraph: what follows one stands after an empty line.
    fn aside(
        &self,
        aside: &dyn miette::Diagnostic,
        after_paragraph: bool,
        out: &mut fmt::Formatter<'_>,
    ) -> Result<bool, fmt::Error> {
        if aside.source_code().is_some() {
            self.excerpt(aside, ":::", '-', Style::Frame, out)?;
            return Ok(false);
        }
        let text = aside.to_string();
        let Some(word) = aside.code() else {
            writeln!(out, "\n{}", text.lines().map(printable).collect::<Vec<_>>().join("\n"))?;
            return Ok(true);
        };
        if after_paragraph {
            writeln!(out)?;
        }
        let word = format!("{word}:");
        let mut lines = text.lines();
        writeln!(out, "  {} {}", self.painted(Style::Strong, &word), printable(lines.next().unwrap_or_default()))?;
        for line in lines {
            writeln!(out, "        {}", printable(line))?;
        }
        Ok(false)
    }

    /// `--> file:line:column` and the source line with its mark.
    fn excerpt(
        &self,
        diagnostic: &dyn miette::Diagnostic,
        arrow: &str,
        mark: char,
        style: Style,
        out: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let (Some(source), Some(mut labels)) = (diagnostic.source_code(), diagnostic.labels()) else { return Ok(()) };
        let Some(label) = labels.next() else { return Ok(()) };
        let Ok(contents) = source.read_span(label.inner(), 0, 0) else { return Ok(()) };
        let (line, column) = (contents.line() + 1, contents.column() + 1);
        let name = contents.name().unwrap_or_default();
        writeln!(out, "  {} {}:{line}:{column}", self.painted(Style::Frame, arrow), printable(name))?;
        let text = String::from_utf8_lossy(contents.data());
        // The span may reach over the line's end; the mark does not.
        let first_byte = label.offset() - contents.span().offset().min(label.offset());
        let last_byte = (first_byte + label.len()).min(text.len());
        let marked = text.get(first_byte.min(text.len())..last_byte).map_or(0, |part| part.chars().count());
        let view = View::new(&text, contents.column(), marked);
        let number = line.to_string();
        let empty = " ".repeat(number.len());
        let bar = self.painted(Style::Frame, "|");
        writeln!(out, " {empty} {bar}")?;
        writeln!(out, " {} {bar} {}", self.painted(Style::Frame, &number), view.text)?;
        let marks = mark.to_string().repeat(view.mark_width);
        let label = label.label().map_or_else(String::new, |text| format!(" {}", printable(text)));
        let under = self.painted(style, &format!("{marks}{label}"));
        writeln!(out, " {empty} {bar} {}{under}", " ".repeat(view.mark_column))
    }
}

/// A source line made fit for a terminal: tabs widened, control characters replaced, long lines cut around the mark.
struct View {
    text: String,
    mark_column: usize,
    mark_width: usize,
}

impl View {
    fn new(line: &str, column: usize, marked: usize) -> View {
        let start = if line.chars().count() > MAX_LINE_CHARS { column.saturating_sub(MAX_LINE_CHARS / 3) } else { 0 };
        let mut view = View { text: String::new(), mark_column: 0, mark_width: 0 };
        let mut width = 0;
        if start > 0 {
            view.text.push('…');
            width = 1;
        }
        let mut mark_end = None;
        for (index, character) in line.chars().enumerate().skip(start) {
            if index == column {
                view.mark_column = width;
            }
            if index == column + marked {
                mark_end = Some(width);
            }
            if index - start >= MAX_LINE_CHARS {
                view.text.push('…');
                break;
            }
            if character == '\t' {
                view.text.push_str("    ");
                width += 4;
            } else {
                view.text.push(harmless(character));
                width += 1;
            }
        }
        // A place at the end of the line.
        if column >= line.chars().count() {
            view.mark_column = width;
        }
        view.mark_width = mark_end.unwrap_or(width).saturating_sub(view.mark_column).max(1);
        view
    }
}

/// Names and texts of strangers must not steer a terminal or reorder a line.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character == '\n' { '\n' } else { harmless(character) }).collect()
}

fn harmless(character: char) -> char {
    let reorders = matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}');
    if character.is_control() || reorders { '\u{FFFD}' } else { character }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::Code;

    fn shown(text: &str, start: usize, end: usize, build: impl Fn(Diagnostic) -> Diagnostic) -> String {
        let mut sources = SourceMap::default();
        let file = sources.add("main.coex", text);
        let span = Span::new(file, start as u32, end as u32);
        let diagnostic = build(Diagnostic::new(Code::E0407, span, "Undeclared identifier 'totl'"));
        render(&diagnostic, &sources, Paint::Plain)
    }

    #[test]
    fn prints_the_form_of_the_reference() {
        let text = "func main()\n    total = 1\n\n    print(totl)\n~\n";
        let at = text.find("totl").expect("is there");
        let help = |diagnostic: Diagnostic| diagnostic.help("a variable named 'total' is in scope");
        assert_eq!(
            shown(text, at, at + 4, help),
            "error[E0407]: Undeclared identifier 'totl'\n  --> main.coex:4:11\n   |\n 4 |     print(totl)\n   \
             |           ^^^^\n  help: a variable named 'total' is in scope\n"
        );
    }

    #[test]
    fn paragraphs_of_the_note_stand_unindented() {
        let text = shown("x\n", 0, 1, |diagnostic| diagnostic.body("First.").body("Second\n  line.").help("do it"));
        assert!(text.ends_with("   | ^\n\nFirst.\n\nSecond\n  line.\n\n  help: do it\n"), "{text}");
    }

    #[test]
    fn survives_every_place() {
        let text = "a\tb\u{1b}[31m\n\n日本語\r\n";
        for start in 0..=text.len() {
            for end in start..=text.len() {
                if text.is_char_boundary(start) && text.is_char_boundary(end) {
                    assert!(!shown(text, start, end, |diagnostic| diagnostic).contains('\u{1b}'));
                }
            }
        }
        let long = "x".repeat(10_000);
        assert!(shown(&long, 9_000, 9_004, |diagnostic| diagnostic).lines().all(|line| line.chars().count() < 140));
    }

    #[test]
    fn stops_after_fifty_errors() {
        let list: Vec<Diagnostic> =
            (0..60).map(|index| Diagnostic::without_place(Code::E0001, format!("n{index}"))).collect();
        let text = render_all(&list, &SourceMap::default(), Paint::Plain);
        assert_eq!(text.matches("error[E0001]").count(), 50);
        assert!(text.ends_with("\n60 errors\n"));
    }
}
