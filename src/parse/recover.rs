//! Goes on behind a syntax error.
//!
//! In: the tokens of one declaration that do not parse. Out: a diagnostic for each statement, member or header line with a
//! fault, and the tree of the declaration with harmless stand-ins in their places.
//! Only this way is every fault of its own: the first fault of a statement is reported, the statement is replaced (a
//! header by the shortest one that opens the same block, so that the closers still fit), and the declaration is parsed
//! again. The runtime's own recovery guesses, and reports the consequences of its guesses.
//! Deliberately not here: unbalanced brackets and blocks, which `rewrite` has mended before.

use antlr4_runtime::tree::ParsedFile;

use super::rewrite::ASSIGNS;
use super::token::{FUNCTION_KINDS, KindSet, Token, kind};
use super::tree::{Fault, parse_tokens};

/// What recovery may cost for one file: faults told, and tokens parsed again.
pub(super) struct Budget {
    pub faults: usize,
    pub tokens: usize,
}

impl Budget {
    pub(super) fn new() -> Budget {
        // The compiler prints at most 50 faults.
        Budget { faults: 50, tokens: 4_000_000 }
    }

    fn parse(&mut self, tokens: &[Token]) -> (Option<ParsedFile>, Vec<Fault>) {
        self.tokens = self.tokens.saturating_sub(tokens.len());
        parse_tokens(tokens)
    }

    fn is_spent(&self) -> bool {
        self.faults == 0 || self.tokens == 0
    }
}

/// A fault, and the tokens it was found in.
pub(super) type Report<'a> = dyn FnMut(&[Token], &Fault) + 'a;

/// Reports the faults of `tokens`, of which `first` is the first; the mended tokens and their tree, if there is one.
pub(super) fn recover(
    mut tokens: Vec<Token>,
    first: Fault,
    budget: &mut Budget,
    report: &mut Report<'_>,
) -> Option<(Vec<Token>, ParsedFile)> {
    let mut fault = first;
    loop {
        if tokens[fault.token].start < tokens[fault.token].end || tokens[fault.token].kind == kind::SEP {
            report(&tokens, &fault);
        }
        budget.faults -= 1;
        if budget.is_spent() {
            return None;
        }
        let region = Region::around(&tokens, fault.token);
        let behind = tokens.len() - region.end;
        let mut best: Option<Attempt> = None;
        for stand_in in region.stand_ins(&tokens) {
            let mended = region.replace(&tokens, &stand_in);
            let (tree, faults) = budget.parse(&mended);
            let next = faults.into_iter().next();
            let left = next.as_ref().map_or(0, |fault| mended.len() - fault.token);
            // An attempt is worth something only if the parser gets past the replaced part.
            if (left <= behind || next.is_none()) && best.as_ref().is_none_or(|best| left < best.left) {
                best = Some(Attempt { tokens: mended, tree, next, left });
            }
            if best.as_ref().is_some_and(|best| best.left == 0) || budget.is_spent() {
                break;
            }
        }
        let attempt = best?;
        tokens = attempt.tokens;
        match attempt.next {
            None => return attempt.tree.map(|tree| (tokens, tree)),
            Some(next) => fault = next,
        }
    }
}

struct Attempt {
    tokens: Vec<Token>,
    tree: Option<ParsedFile>,
    next: Option<Fault>,
    /// Tokens behind the next fault.
    left: usize,
}

/// Between two of these stands a statement, a member or the header of a block.
const BOUNDARIES: KindSet = KindSet::new(&[kind::SEP, kind::OPEN, kind::CLOSE]);

/// The tokens that are replaced: `start..end`.
struct Region {
    start: usize,
    end: usize,
}

impl Region {
    fn around(tokens: &[Token], fault: usize) -> Region {
        let last = tokens.len() - 1;
        let before = |index: usize| BOUNDARIES.contains(tokens[index].kind);
        let mut start = (0..fault.min(last)).rev().find(|&index| before(index)).map_or(0, |index| index + 1);
        // An `else` begins its line without a separator before it.
        if let Some(index) =
            (start..fault).rev().find(|&index| matches!(tokens[index].kind, kind::ELSE | kind::ELSE_IF))
        {
            start = index;
        }
        let ends = |index: &usize| {
            BOUNDARIES.contains(tokens[*index].kind)
                || (*index > start && matches!(tokens[*index].kind, kind::ELSE | kind::ELSE_IF))
        };
        let mut end = (fault..last).find(ends).unwrap_or(last);
        // A colon that opens no block goes with the rest of its line.
        let opens_nothing = header(tokens, start).is_none();
        if end < last && tokens[end].kind == kind::OPEN && opens_nothing {
            let stops = |index: &usize| matches!(tokens[*index].kind, kind::SEP | kind::CLOSE);
            end = (end + 1..last).find(stops).unwrap_or(last);
        }
        Region { start, end }
    }

    fn replace(&self, tokens: &[Token], stand_in: &[u8]) -> Vec<Token> {
        let place = tokens[self.start].start;
        let supplied = |&kind: &u8| Token { kind, newline: false, start: place, end: place };
        let mut mended = tokens[..self.start].to_vec();
        let mut rest = &tokens[self.end..];
        if stand_in.last() == Some(&kind::OPEN) && matches!(rest[0].kind, kind::OPEN | kind::SEP) {
            rest = &rest[1..];
        }
        if stand_in.is_empty() {
            // Two separators, or one before a closer, would be a fault.
            let needless = |kind: u8| matches!(kind, kind::SEP | kind::OPEN);
            let leads = mended.last().is_none_or(|token| needless(token.kind));
            if leads && needless(rest[0].kind) {
                rest = &rest[1..];
            } else if mended.last().is_some_and(|token| token.kind == kind::SEP) && rest[0].kind == kind::CLOSE {
                mended.pop();
            }
        }
        mended.extend(stand_in.iter().map(supplied));
        let begin = mended.len();
        mended.extend_from_slice(rest);
        if stand_in.is_empty() && mended[begin].kind == kind::OPEN {
            mended[begin].kind = kind::SEP;
        }
        mended
    }

    /// What may stand in the place of the region, the likeliest first.
    fn stand_ins(&self, tokens: &[Token]) -> Vec<Vec<u8>> {
        use kind::*;
        let name = IDENT;
        if let Some(keyword) = header(tokens, self.start) {
            let header = match keyword {
                ELSE_IF => vec![ELSE_IF, IF, name],
                ELSE => vec![ELSE],
                FOR => vec![FOR, name, IN, name],
                SELECT => vec![SELECT],
                CASE => vec![CASE, name],
                TYPE | TRAIT => vec![keyword, name, OPEN],
                MATRIX => vec![MATRIX, name, LBRACKET, name, RBRACKET, OPEN],
                EXTERN => vec![EXTERN, name, LPAREN, RPAREN],
                _ if FUNCTION_KINDS.contains(keyword) => vec![keyword, name, LPAREN, RPAREN],
                _ => vec![keyword, name],
            };
            // A block that may not stand here at all becomes one that may.
            return vec![header, vec![IF, name], vec![FUNC, name, LPAREN, RPAREN], Vec::new()];
        }
        vec![
            vec![name],
            vec![name, COLON, T_INT],
            Vec::new(),
            vec![FUNC, name, LPAREN, RPAREN],
            vec![TYPE, COLON, T_INT],
        ]
    }
}

/// The keyword of the block whose header begins at `start`, if one does.
fn header(tokens: &[Token], start: usize) -> Option<u8> {
    let mut index = start;
    while tokens[index].kind == kind::AT {
        index += 2;
        if tokens.get(index).is_some_and(|token| token.kind == kind::LPAREN) {
            index += 3;
        }
        if index >= tokens.len() {
            return None;
        }
    }
    let first = tokens[index].kind;
    let next = tokens.get(index + 1).map_or(kind::EOF, |token| token.kind);
    let is_header = match first {
        kind::TYPE => next != kind::COLON,
        kind::FORMULA | kind::TASK | kind::FUNC => next != kind::LPAREN,
        _ => HEADERS.contains(first),
    };
    if is_header {
        return Some(first);
    }
    // `xs = for …`, and where no loop may collect, as in `xs += for …`: it has a closer all the same.
    let line = tokens[index..].iter().take_while(|token| !BOUNDARIES.contains(token.kind));
    let mut before = kind::EOF;
    for token in line {
        if token.kind == kind::FOR && ASSIGNS.contains(before) {
            return Some(kind::FOR);
        }
        before = token.kind;
    }
    None
}

const HEADERS: KindSet = KindSet::new(&[
    kind::IF,
    kind::ELSE,
    kind::ELSE_IF,
    kind::FOR,
    kind::WHILE,
    kind::MATCH,
    kind::SELECT,
    kind::WITHIN,
    kind::CASE,
    kind::EXTERN,
    kind::TRAIT,
    kind::MATRIX,
]);
