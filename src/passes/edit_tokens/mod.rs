//! Lets `m = m.set(k, v)` and its like change the collection in place where no other reference can see it.
//!
//! In: a program. Out: the same, with such assignments as calls of the `…Owned` runtime functions. Each variable that
//! is updated so gets a companion `$edit`: the token that marks the parts made for it, 0 for none. The update takes a
//! fresh token if there is none, and changes what carries it. Whatever could keep a reference to the collection sets the
//! token to 0 *before* it happens: then all parts made so far belong to nobody, and the next update copies again what
//! it changes. Uses that only look ([`uses::looked_at`]) leave the token; every other use counts as one that keeps.
//!
//! Resets stand before the statement in which something is kept, so an update must be a statement of the same block. The
//! statements inside of an expression are a block of their own: there only variables that occur nowhere else are
//! updated in place ([`scopes`]). Deliberately not here: nested collections, uses in other functions.

mod functions;
mod scopes;
mod uses;

use self::functions::owned_form;
use self::uses::{Candidates, Uses, as_local, count, looked_at};
use crate::ir::visit::{Visitor, expr_parts, stmt_parts};
use crate::ir::{Block, Expr, ExprKind, Function, Local, LocalId, Program, RuntimeFunction, Stmt, StmtKind};
use crate::source::{Span, Symbol};
use crate::types::{BOOL, INT};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn run(mut program: Program) -> Program {
    program.functions.iter_mut().for_each(rewrite);
    program
}

fn rewrite(function: &mut Function) {
    let mut candidates = Candidates::default();
    candidates.block(&mut function.body);
    let updated: BTreeSet<LocalId> = candidates.updated.difference(&candidates.bound).copied().collect();
    if updated.is_empty() {
        return;
    }
    let mut uses = Uses::default();
    uses.block(&mut function.body);
    let mut tokens = BTreeMap::new();
    for &local in &updated {
        let token = LocalId(function.locals.len() as u32);
        function.locals.push(Local { name: Symbol::new("$edit"), ty: INT, scope: None });
        tokens.insert(local, token);
    }
    let rewriter = Rewriter { tokens: &tokens, uses: &uses, scope: updated };
    function.body = rewriter.rewrite_scope(std::mem::take(&mut function.body), function.span);
}

struct Rewriter<'a> {
    /// The token's variable of each variable that is updated.
    tokens: &'a BTreeMap<LocalId, LocalId>,
    /// Of the whole function.
    uses: &'a Uses,
    /// The variables that statements of this block update.
    scope: BTreeSet<LocalId>,
}

impl Rewriter<'_> {
    fn rewrite_block(&self, block: Block) -> Block {
        let mut result = Vec::with_capacity(block.len());
        for stmt in block {
            self.rewrite_stmt(stmt, &mut result);
        }
        result
    }

    fn rewrite_stmt(&self, mut stmt: Stmt, result: &mut Block) {
        let span = stmt.span;
        match &mut stmt.kind {
            StmtKind::Assign { local, value } => {
                let local = *local;
                if let ExprKind::Block { stmts, value: last } = &mut value.kind {
                    let mut disturbed = self.rewrite_tail(stmts, last);
                    disturbed.extend(self.scope.get(&local));
                    stmts.append(&mut self.resets(&disturbed, span));
                } else if self.scope.contains(&local)
                    && let Some(token) = self.tokens.get(&local)
                    && let Some(rest) = self.update_parts(local, value)
                {
                    result.extend(self.resets(&rest, span));
                    result.push(take_token(*token, span));
                    own(value, *token);
                } else {
                    let mut disturbed = self.disturbed(|finder| finder.expr(value));
                    disturbed.extend(self.scope.get(&local));
                    result.extend(self.resets(&disturbed, span));
                }
            }
            // A cancellation falls between statements or into a wait: the tokens are as right there as anywhere.
            StmtKind::Within { duration, body, otherwise, .. } => {
                result.extend(self.resets(&self.disturbed(|finder| finder.expr(duration)), span));
                *body = self.rewrite_block(std::mem::take(body));
                *otherwise = self.rewrite_block(std::mem::take(otherwise));
            }
            StmtKind::Scope(body) => *body = self.rewrite_block(std::mem::take(body)),
            StmtKind::Pend { .. } => crate::bug!("a pending binding after the pass 'tasks'"),
            StmtKind::Expr(Expr { kind: ExprKind::Block { stmts, value }, .. })
            | StmtKind::Return(Some(Expr { kind: ExprKind::Block { stmts, value }, .. })) => {
                let disturbed = self.rewrite_tail(stmts, value);
                stmts.append(&mut self.resets(&disturbed, span));
            }
            StmtKind::Expr(value) | StmtKind::Return(Some(value)) => {
                result.extend(self.resets(&self.disturbed(|finder| finder.expr(value)), span));
            }
            StmtKind::If { arms, otherwise } => {
                let conditions = self.disturbed(|finder| arms.iter_mut().for_each(|(when, _)| finder.expr(when)));
                result.extend(self.resets(&conditions, span));
                for (_, block) in arms {
                    *block = self.rewrite_block(std::mem::take(block));
                }
                *otherwise = self.rewrite_block(std::mem::take(otherwise));
            }
            StmtKind::While { condition, body } => {
                // Evaluated before every round, and once more before the end.
                let disturbed = self.disturbed(|finder| finder.expr(condition));
                let mut block = self.resets(&disturbed, span);
                block.append(&mut self.rewrite_block(std::mem::take(body)));
                *body = block;
                result.push(stmt);
                result.extend(self.resets(&disturbed, span));
                return;
            }
            StmtKind::For { body, .. } => {
                let inner = std::mem::take(body);
                // Without its body, the statement is what is evaluated once. The iteration goes on over the old parts.
                let disturbed = self.disturbed(|finder| stmt_parts(&mut stmt, finder));
                result.extend(self.resets(&disturbed, span));
                if let StmtKind::For { body, .. } = &mut stmt.kind {
                    *body = self.rewrite_block(inner);
                }
            }
            StmtKind::Return(None) | StmtKind::Break | StmtKind::Continue => {}
        }
        result.push(stmt);
    }

    /// The block that is the whole value of a statement: its own statements are as good as those around it. Yields what its
    /// value disturbs.
    fn rewrite_tail(&self, stmts: &mut Block, value: &mut Option<Box<Expr>>) -> BTreeSet<LocalId> {
        *stmts = self.rewrite_block(std::mem::take(stmts));
        self.disturbed(|finder| value.iter_mut().for_each(|value| finder.expr(value)))
    }

    /// If this is an update of `local` that may be made in place: the other variables that its operands disturb.
    fn update_parts(&self, local: LocalId, value: &mut Expr) -> Option<BTreeSet<LocalId>> {
        let ExprKind::Runtime { function, args } = &mut value.kind else { return None };
        owned_form(*function)?;
        let (receiver, operands) = args.split_first_mut()?;
        if as_local(receiver) != Some(local) {
            return None;
        }
        let disturbed = self.disturbed(|finder| operands.iter_mut().for_each(|operand| finder.expr(operand)));
        (!disturbed.contains(&local)).then_some(disturbed)
    }

    fn disturbed(&self, walk: impl FnOnce(&mut Finder)) -> BTreeSet<LocalId> {
        let mut finder = Finder { rewriter: self, found: BTreeSet::new() };
        walk(&mut finder);
        finder.found
    }

    fn resets(&self, locals: &BTreeSet<LocalId>, span: Span) -> Block {
        let reset = |local: &LocalId| {
            let value = Expr { kind: ExprKind::Int(0), ty: Some(INT), span };
            Stmt { kind: StmtKind::Assign { local: self.tokens[local], value }, span }
        };
        locals.iter().map(reset).collect()
    }
}

/// `token = token == 0 ? fresh : token`
fn take_token(token: LocalId, span: Span) -> Stmt {
    let expr = |ty, kind| Expr { kind, ty: Some(ty), span };
    let present = || Box::new(expr(INT, ExprKind::Local(token)));
    let none = Box::new(expr(INT, ExprKind::Int(0)));
    let condition = Box::new(expr(BOOL, ExprKind::Equal { left: present(), right: none, negate: false }));
    let fresh = ExprKind::Runtime { function: RuntimeFunction::EditToken, args: Vec::new() };
    let then = Box::new(expr(INT, fresh));
    let value = expr(INT, ExprKind::If { condition, then, otherwise: present() });
    Stmt { kind: StmtKind::Assign { local: token, value }, span }
}

/// Makes the update's call the owned one.
fn own(value: &mut Expr, token: LocalId) {
    let span = value.span;
    if let ExprKind::Runtime { function, args } = &mut value.kind
        && let Some(owned) = owned_form(*function)
    {
        *function = owned;
        args.push(Expr { kind: ExprKind::Local(token), ty: Some(INT), span });
    }
}

/// Collects the updated variables that an expression may keep a reference to, or assigns.
struct Finder<'a> {
    rewriter: &'a Rewriter<'a>,
    found: BTreeSet<LocalId>,
}

impl Finder<'_> {
    fn add(&mut self, local: LocalId) {
        if self.rewriter.scope.contains(&local) {
            self.found.insert(local);
        }
    }

    /// Whether `alias`, assigned in this block, is only looked at, and only here: `m.get(k, d)` makes such ones.
    fn is_passing(&self, alias: LocalId, inside: &Uses) -> bool {
        let whole = &self.rewriter.uses;
        !self.rewriter.tokens.contains_key(&alias)
            && count(&whole.assigned, alias) == 1
            && count(&inside.read, alias) == count(&whole.used, alias)
    }
}

impl Visitor for Finder<'_> {
    fn stmt(&mut self, stmt: &mut Stmt) {
        if let StmtKind::Assign { local, .. } = &stmt.kind {
            self.add(*local);
        }
        stmt_parts(stmt, self);
    }

    fn expr(&mut self, expr: &mut Expr) {
        let mut looked_at = looked_at(expr);
        if !looked_at.is_empty() {
            looked_at.retain(|operand| as_local(operand).is_none());
            return looked_at.into_iter().for_each(|operand| self.expr(operand));
        }
        match &mut expr.kind {
            ExprKind::Local(local) => self.add(*local),
            ExprKind::Block { stmts, value } => {
                let mut inside = Uses::default();
                inside.block(stmts);
                value.iter_mut().for_each(|value| inside.expr(value));
                for stmt in stmts {
                    match &stmt.kind {
                        StmtKind::Assign { local, value }
                            if as_local(value).is_some() && self.is_passing(*local, &inside) => {}
                        _ => self.stmt(stmt),
                    }
                }
                value.iter_mut().for_each(|value| self.expr(value));
            }
            _ => expr_parts(expr, self),
        }
    }
}
