//! Text to syntax tree.
//!
//! In: the text of a file. Out: an [`ast::Module`], and faults of lexing and syntax (E01xx, E02xx).
//! The way: `lexer` makes tokens, `rewrite` settles what depends on context, ANTLR's parser (`tree`, `generated`) checks
//! the syntax, and `build_ast` turns its tree into ours. No type of ANTLR leaves this module.
//! Deliberately not here: reading files, and any meaning of names.

mod build_ast;
mod generated;
mod lexer;
mod rewrite;
mod syntax_errors;
mod token;
mod tree;

use crate::ast::Module;
use crate::diagnostics::Diagnostics;
use crate::source::FileId;

/// The syntax tree of `text`. Parts with faults, which are reported, are missing from it.
pub fn parse_module(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> Module {
    let mut module = Module { file, headers: Vec::new(), items: Vec::new() };
    let raw = lexer::lex(file, text, diagnostics);
    let Some(rewritten) = rewrite::rewrite(file, text, raw, diagnostics) else { return module };
    let (tree, faults) = tree::parse_tokens(&rewritten.tokens);
    for fault in &faults {
        diagnostics.push(syntax_errors::describe(file, text, &rewritten.tokens, fault));
    }
    if let (Some(tree), true) = (tree, faults.is_empty()) {
        build_ast::build(&tree, &rewritten.tokens, text, &mut module, diagnostics);
    }
    module
}

#[cfg(test)]
mod tests;
