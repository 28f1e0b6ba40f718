//! `coexc explain`: the page of a code.
//!
//! In: a code. Out: its page on standard output. The pages are carried in `pages`.

use super::args::Explain;
use super::pages::page;
use super::{exit, output};
use crate::diagnostics::codes::{ALL, Code};

pub(super) fn explain(arguments: &Explain) -> u8 {
    let Some(text) = &arguments.code else {
        let list: String = ALL.iter().map(|code| format!("{}  {}\n", code.as_str(), code.wording())).collect();
        return output::write(list.as_bytes());
    };
    let Some(code) = Code::parse(text) else {
        output::talk(&format!("error: There is no code '{text}'; 'coexc explain' lists them all\n"));
        return exit::USAGE;
    };
    // Escaped for the book, where it would be a tag of HTML.
    output::write(page(code).replace("\\<", "<").as_bytes())
}
