//! Precedence: a flat list of operands and operators becomes a tree (reference 2.2, `disjunction` to `productExpr`).
//!
//! In: the items of an `expr` rule. Out: one expression. Chains are built in a loop, so their length costs no stack.
//! Deliberately not here: types of operands.

use super::stmt::MAX_CHAIN;
use super::{Builder, NO_TOKEN};
use crate::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::diagnostics::{Code, Diagnostic};
use crate::parse::token::{Token, kind};

pub(super) enum Item {
    /// `not`, which binds less than comparisons.
    Not(Token),
    Operand(Expr),
    Operator(Token),
}

const NEGATION: u8 = 3;
const COMPARISON: u8 = 5;
const RANGE: u8 = 6;

/// How tightly an operator binds, from `or` to products.
fn precedence(token_kind: u8) -> u8 {
    match token_kind {
        kind::OR => 1,
        kind::AND => 2,
        kind::COALESCE => 4,
        kind::RANGE => RANGE,
        kind::PLUS | kind::MINUS => 7,
        kind::STAR | kind::SLASH | kind::PERCENT => 8,
        _ => COMPARISON,
    }
}

fn binary_op(token_kind: u8) -> BinaryOp {
    match token_kind {
        kind::PLUS => BinaryOp::Add,
        kind::MINUS => BinaryOp::Subtract,
        kind::STAR => BinaryOp::Multiply,
        kind::SLASH => BinaryOp::Divide,
        kind::PERCENT => BinaryOp::Remainder,
        kind::EQUAL => BinaryOp::Equal,
        kind::NOT_EQUAL => BinaryOp::NotEqual,
        kind::LESS => BinaryOp::Less,
        kind::GREATER => BinaryOp::Greater,
        kind::LESS_EQUAL => BinaryOp::LessEqual,
        kind::GREATER_EQUAL => BinaryOp::GreaterEqual,
        kind::AND => BinaryOp::And,
        kind::OR => BinaryOp::Or,
        _ => BinaryOp::Coalesce,
    }
}

pub(super) struct Items {
    iter: std::iter::Peekable<std::vec::IntoIter<Item>>,
}

impl Builder<'_> {
    pub(super) fn combine(&mut self, items: Vec<Item>) -> Expr {
        self.binary(&mut Items { iter: items.into_iter().peekable() }, 0)
    }

    fn binary(&mut self, items: &mut Items, min: u8) -> Expr {
        let mut left = self.operand_or_not(items, min);
        let mut members = 0;
        let mut compared = false;
        let mut ranged = false;
        while let Some(&Item::Operator(token)) = items.iter.peek() {
            let level = precedence(token.kind);
            if level < min {
                break;
            }
            items.iter.next();
            members += 1;
            if members == MAX_CHAIN + 1 {
                self.chain_too_long(token);
                items.iter.by_ref().for_each(drop);
                break;
            }
            // A looser operator ends the comparison or range to its left.
            compared &= level >= COMPARISON;
            ranged &= level >= RANGE;
            let right = self.binary(items, level + 1);
            if level == COMPARISON && std::mem::replace(&mut compared, true) {
                self.diagnostics.push(
                    Diagnostic::new(Code::E0202, self.span(token), "Comparisons cannot be chained")
                        .label("a second comparison")
                        .help("write 'a < b and b < c'"),
                );
            }
            if level == RANGE && std::mem::replace(&mut ranged, true) {
                self.unexpected(token, "a range has two ends");
            }
            left = self.join(left, token, right);
        }
        left
    }

    fn join(&mut self, left: Expr, token: Token, right: Expr) -> Expr {
        let span = left.span.to(right.span);
        let (left, right) = (Box::new(left), Box::new(right));
        let kind = if token.kind == kind::RANGE {
            ExprKind::Range { start: left, end: right }
        } else {
            ExprKind::Binary { op: binary_op(token.kind), op_span: self.span(token), left, right }
        };
        Expr { kind, span }
    }

    fn operand_or_not(&mut self, items: &mut Items, min: u8) -> Expr {
        match items.iter.next() {
            Some(Item::Operand(expr)) => expr,
            Some(Item::Not(token)) => {
                if min > NEGATION {
                    self.unexpected(token, "'not' binds less than this operator; put it into parentheses");
                }
                let operand = self.binary(items, NEGATION);
                let op_span = self.span(token);
                let span = op_span.to(operand.span);
                Expr { kind: ExprKind::Unary { op: UnaryOp::Not, op_span, operand: Box::new(operand) }, span }
            }
            _ => Expr { kind: ExprKind::Error, span: self.span(NO_TOKEN) },
        }
    }
}
