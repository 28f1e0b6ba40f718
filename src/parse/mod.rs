//! Text to syntax tree.
//!
//! In: the text of a file. Out: an [`ast::Module`](crate::ast::Module), and faults of lexing and syntax (E01xx, E02xx).
//! The way: `lexer` makes tokens, `rewrite` settles what depends on context, ANTLR's parser (`tree`, `generated`) checks
//! the syntax, and `build_ast` turns its tree into ours; `recover` goes on behind faults. No type of ANTLR leaves this
//! module.
//! Deliberately not here: reading files, and any meaning of names.

mod build_ast;
mod generated;
mod lexer;
mod recover;
mod rewrite;
mod syntax_errors;
mod token;
mod tree;

#[cfg(test)]
mod tests;

use self::recover::Budget;
use self::rewrite::Rewritten;
use self::token::{Token, kind};
use crate::ast::Module;
use crate::diagnostics::Diagnostics;
use crate::source::{FileId, Symbol};

/// Tokens that are parsed at once: few enough for the caches, many enough to make the start of a parser cheap.
const CHUNK: usize = 8192;

/// The syntax tree of `text`. Statements with faults, which are reported, have stand-ins in it or are missing.
pub fn parse_module(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> Module {
    let module = Module { file, headers: Vec::new(), items: Vec::new() };
    let raw = lexer::lex(file, text, diagnostics);
    let Some(rewritten) = rewrite::rewrite(file, text, raw, diagnostics) else { return module };
    let mut parser = Parser { text, module, budget: Budget::new(), diagnostics };
    parser.chunks(&rewritten);
    parser.module
}

struct Parser<'a> {
    text: &'a str,
    module: Module,
    budget: Budget,
    diagnostics: &'a mut Diagnostics,
}

impl Parser<'_> {
    /// Parses the file piece by piece, each of some whole declarations.
    fn chunks(&mut self, rewritten: &Rewritten) {
        let Rewritten { tokens, declarations, .. } = rewritten;
        let end = tokens.len() - 1;
        let mut start = 0;
        let mut next = 0;
        while start < end {
            while next < declarations.len() && declarations[next] < start + CHUNK {
                next += 1;
            }
            // A declaration longer than a chunk stays whole.
            let first_behind = declarations.get(next).copied().unwrap_or(end);
            let last_inside = next.checked_sub(1).map_or(start, |index| declarations[index]);
            let stop = if (first_behind == end && end - start <= CHUNK) || last_inside <= start {
                first_behind
            } else {
                last_inside
            };
            // Faults without number in a long piece would cost the runtime time without end: look at parts first.
            let is_long = stop - start > 2 * CHUNK;
            if is_long || !self.piece(&tokens[start..stop], tokens[end]) {
                self.single_declarations(rewritten, start, stop);
            }
            start = stop;
            next = declarations.partition_point(|&declaration| declaration <= start);
        }
    }

    /// Parses `tokens`; false if they have faults, of which nothing is told yet.
    fn piece(&mut self, tokens: &[Token], eof: Token) -> bool {
        let (tree, faults) = tree::parse_tokens(&[tokens, &[eof]].concat());
        let Some(tree) = tree.filter(|_| faults.is_empty()) else { return false };
        build_ast::build(&tree, tokens, self.text, &mut self.module, self.diagnostics);
        true
    }

    /// The declarations of a piece with faults, one by one.
    fn single_declarations(&mut self, rewritten: &Rewritten, start: usize, stop: usize) {
        let Rewritten { tokens, declarations, .. } = rewritten;
        let eof = tokens[tokens.len() - 1];
        let inside = declarations.iter().copied().filter(|&index| start < index && index < stop);
        let mut begin = start;
        for end in inside.chain([stop]) {
            if self.budget.faults == 0 {
                return;
            }
            let place = tokens[end - 1].end;
            let eof = Token { start: place, end: place, ..eof };
            if !self.has_faults_early(rewritten, begin, end, eof) {
                self.declaration([&tokens[begin..end], &[eof]].concat());
            }
            begin = end;
        }
    }

    /// Parses growing parts of a long declaration, until one has faults; they are told, and the rest is left.
    fn has_faults_early(&mut self, rewritten: &Rewritten, begin: usize, end: usize, eof: Token) -> bool {
        let mut least = CHUNK / 8;
        for &(cut, open_blocks) in &rewritten.cuts {
            if cut <= begin + least || cut >= end {
                continue;
            }
            least = (cut - begin) * 8;
            let mut part = rewritten.tokens[begin..cut].to_vec();
            let place = rewritten.tokens[cut].start;
            let closer = Token { kind: kind::CLOSE, newline: false, start: place, end: place };
            part.extend(std::iter::repeat_n(closer, open_blocks));
            part.push(eof);
            if !tree::parse_tokens(&part).1.is_empty() {
                self.declaration(part);
                return true;
            }
        }
        false
    }

    fn declaration(&mut self, tokens: Vec<Token>) {
        let (tree, faults) = tree::parse_tokens(&tokens);
        let (tokens, tree) = match faults.into_iter().next() {
            None => (tokens, tree),
            Some(first) => {
                let Parser { text, module, budget, diagnostics } = self;
                let mut report = |tokens: &[Token], fault: &tree::Fault| {
                    diagnostics.push(syntax_errors::describe(module.file, text, tokens, fault));
                };
                let Some((tokens, tree)) = recover::recover(tokens, first, budget, &mut report) else { return };
                (tokens, Some(tree))
            }
        };
        if let Some(tree) = tree {
            build_ast::build(&tree, &tokens, self.text, &mut self.module, self.diagnostics);
        }
        // Stand-ins have no name.
        let nameless = Symbol::new("");
        self.module.items.retain(|item| item.name().name != nameless);
    }
}
