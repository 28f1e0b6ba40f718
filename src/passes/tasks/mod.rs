//! Says when tasks are joined (language reference 7.5, 10.5).
//!
//! In: a program whose task calls are spawns inside of joins, and whose bindings to task calls are `Pend`s. Out: the same
//! with plain assignments. Each `Pend` gets a companion variable for the pending call, null when there is none: whatever
//! evaluates the variable joins first, whatever rebinds it drops the call. Functions and `within` bodies that spawn become
//! scopes. Deliberately not here: what spawning and joining do (codegen, runtime).

mod collect;
mod operands;

use super::mentions::{self, Mentions};
use crate::ir::visit::{Visitor, expr_parts, iteration_parts};
use crate::ir::{Block, Expr, ExprKind, ExternArg, Function, Iteration, Local, LocalId, Program, Stmt, StmtKind};
use crate::source::{Span, Symbol};
use crate::types::{BOOL, FunctionKind, TypeId, TypeTable};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn run(mut program: Program) -> Program {
    let formulas: Vec<bool> = program.functions.iter().map(|function| function.kind == FunctionKind::Formula).collect();
    for function in &mut program.functions {
        rewrite(function, &mut program.types, &formulas);
    }
    program
}

fn rewrite(function: &mut Function, types: &mut TypeTable, formulas: &[bool]) {
    let mut body = std::mem::take(&mut function.body);
    if !mentions::concerns_tasks(&mut body) {
        function.body = body;
        return;
    }
    let mut rewriter = Rewriter {
        types,
        formulas,
        locals: &mut function.locals,
        total: Mentions::default(),
        companions: BTreeMap::new(),
        owners: BTreeMap::new(),
        uninitialised: BTreeSet::new(),
        loops: 0,
        withins: Vec::new(),
    };
    Splitter { rewriter: &mut rewriter }.block(&mut body);
    let mut total = rewriter.mentions();
    total.block(&mut body);
    function.params.iter().chain(&function.captures).for_each(|local| total.add(*local));
    rewriter.total = total;
    let span = function.span;
    let body = rewriter.rewrite_block(body);
    let mut whole = rewriter.initialise(|_, _| true, span);
    whole.extend(scoped(body, span));
    function.body = whole;
}

/// A scope from the first statement that spawns on, if there is one: paths that end before it need none.
fn scoped(mut body: Block, span: Span) -> Block {
    operands::DirectCalls.block(&mut body);
    let Some(first) = body.iter_mut().position(mentions::spawns) else { return body };
    let rest = body.split_off(first);
    body.push(Stmt { kind: StmtKind::Scope(rest), span });
    body
}

/// One binding of a variable to a task call.
struct Companion {
    /// The pending call, or null.
    task: LocalId,
    /// The value of the variable: a join of `task` and the conversions that follow it.
    value: Expr,
}

/// A `within` body that is open at this point.
struct OpenWithin {
    /// Variables that are mentioned outside of it too.
    outer: BTreeSet<LocalId>,
    /// Of those, the ones that the body binds to task calls.
    bound: BTreeSet<LocalId>,
    /// Loops that are open around it.
    loops: usize,
}

struct Rewriter<'a> {
    types: &'a mut TypeTable,
    /// Which functions are formulas.
    formulas: &'a [bool],
    locals: &'a mut Vec<Local>,
    /// In the whole function.
    total: Mentions,
    companions: BTreeMap<LocalId, Vec<Companion>>,
    /// The variable of each companion.
    owners: BTreeMap<LocalId, LocalId>,
    /// Companions whose first null nobody has stored yet.
    uninitialised: BTreeSet<LocalId>,
    loops: usize,
    withins: Vec<OpenWithin>,
}

/// Separates the spawns of pending bindings from what follows the join: `Pend` then binds the companion to the spawn.
struct Splitter<'r, 'a> {
    rewriter: &'r mut Rewriter<'a>,
}

impl Visitor for Splitter<'_, '_> {
    fn stmt(&mut self, stmt: &mut Stmt) {
        crate::ir::visit::stmt_parts(stmt, self);
        let StmtKind::Pend { local, value } = &mut stmt.kind else { return };
        let Some(pending) = value.pending_call().and_then(|call| call.ty) else {
            crate::bug!("a pending binding without a task call")
        };
        let task = self.rewriter.local("$task", pending);
        let Some(spawn) = value.take_pending_call(read(task, pending, value.span)) else {
            crate::bug!("a pending binding without a task call")
        };
        let companion = Companion { task, value: std::mem::replace(value, spawn) };
        self.rewriter.owners.insert(task, *local);
        self.rewriter.companions.entry(*local).or_default().push(companion);
        self.rewriter.uninitialised.insert(task);
        *local = task;
    }

    fn expr(&mut self, expr: &mut Expr) {
        expr_parts(expr, self);
    }
}

impl Rewriter<'_> {
    /// To count with.
    fn mentions(&self) -> Mentions {
        Mentions::with_owners(self.owners.clone())
    }

    fn local(&mut self, name: &str, ty: TypeId) -> LocalId {
        let local = LocalId(self.locals.len() as u32);
        self.locals.push(Local { name: Symbol::new(name), ty, scope: None });
        local
    }

    /// Stores null in the companions that nobody has initialised and that `which` takes by companion and variable.
    fn initialise(&mut self, which: impl Fn(LocalId, LocalId) -> bool, span: Span) -> Block {
        let found: Vec<LocalId> =
            self.uninitialised.iter().copied().filter(|task| which(*task, self.owners[task])).collect();
        self.uninitialised.retain(|task| !found.contains(task));
        found.into_iter().map(|task| self.clear(task, span)).collect()
    }

    fn clear(&self, task: LocalId, span: Span) -> Stmt {
        let ty = self.locals[task.0 as usize].ty;
        assign(task, Expr { kind: ExprKind::Nil, ty: Some(ty), span })
    }

    /// `if task is pending  inner  task = null`
    fn if_pending(&self, task: LocalId, inner: Stmt) -> Stmt {
        let span = inner.span;
        let word = read(task, self.locals[task.0 as usize].ty, span);
        let condition = Expr { kind: ExprKind::IsSome(Box::new(word)), ty: Some(BOOL), span };
        let arms = vec![(condition, vec![inner, self.clear(task, span)])];
        Stmt { kind: StmtKind::If { arms, otherwise: Vec::new() }, span }
    }

    /// Afterwards the variable has its value. Who waits does so at `span`; what is converted has the place of the binding.
    fn joins(&self, local: LocalId, span: Span) -> Block {
        let companions = self.companions.get(&local).map_or(&[][..], Vec::as_slice);
        let join = |one: &Companion| {
            let mut value = one.value.clone();
            WaitsAt(span).expr(&mut value);
            self.if_pending(one.task, assign(local, value))
        };
        companions.iter().map(join).collect()
    }

    /// Afterwards the variable is not pending, and its value is what was stored last.
    fn drops(&self, local: LocalId, span: Span) -> Block {
        let companions = self.companions.get(&local).map_or(&[][..], Vec::as_slice);
        let forget = |one: &Companion| {
            let task = Box::new(read(one.task, self.locals[one.task.0 as usize].ty, span));
            let drop = Expr { kind: ExprKind::DropTask(task), ty: None, span };
            self.if_pending(one.task, Stmt { kind: StmtKind::Expr(drop), span })
        };
        companions.iter().map(forget).collect()
    }

    fn rewrite_block(&mut self, block: Block) -> Block {
        let mut out = Vec::with_capacity(block.len());
        for stmt in block {
            self.rewrite_stmt(stmt, &mut out);
        }
        out
    }

    fn rewrite_loop(&mut self, body: Block, first: Block) -> Block {
        self.loops += 1;
        let mut out = first;
        out.append(&mut self.rewrite_block(body));
        self.loops -= 1;
        out
    }

    fn rewrite_stmt(&mut self, mut stmt: Stmt, out: &mut Block) {
        let span = stmt.span;
        match &mut stmt.kind {
            StmtKind::Assign { local, value } => {
                let local = *local;
                self.expr(value);
                // The passes that follow look for updates directly in assignments.
                if let ExprKind::Block { stmts, value: Some(inner) } = &mut value.kind {
                    out.append(stmts);
                    *value = (**inner).clone();
                }
                out.push(stmt);
                out.append(&mut self.drops(local, span));
                return;
            }
            StmtKind::Pend { local, value } => {
                let (task, mut spawn) = (*local, value.clone());
                return self.bind_pending(task, &mut spawn, span, out);
            }
            StmtKind::Expr(value) => self.rewrite_dropped(value),
            StmtKind::If { arms, otherwise } => {
                for (condition, block) in arms {
                    self.expr(condition);
                    *block = self.rewrite_block(std::mem::take(block));
                }
                *otherwise = self.rewrite_block(std::mem::take(otherwise));
            }
            StmtKind::While { condition, body } => {
                self.expr(condition);
                *body = self.rewrite_loop(std::mem::take(body), Vec::new());
            }
            StmtKind::For { iteration, body } => self.rewrite_for(iteration, body, span),
            StmtKind::Within { .. } => return self.rewrite_within(stmt, out),
            StmtKind::Scope(body) => *body = self.rewrite_block(std::mem::take(body)),
            StmtKind::Return(Some(value)) => self.expr(value),
            StmtKind::Break | StmtKind::Continue => {
                // Bindings to variables from outside belong to the bodies that are left here.
                for within in self.withins.iter().rev().take_while(|within| within.loops == self.loops) {
                    within.bound.iter().for_each(|local| out.append(&mut self.joins(*local, span)));
                }
            }
            StmtKind::Return(None) => {}
        }
        out.push(stmt);
    }

    fn rewrite_for(&mut self, iteration: &mut Iteration, body: &mut Block, span: Span) {
        iteration_parts(iteration, self);
        let fresh = iteration.locals().into_iter().flat_map(|local| self.drops(local, span)).collect();
        *body = self.rewrite_loop(std::mem::take(body), fresh);
    }

    /// A value that nobody wants.
    fn rewrite_dropped(&mut self, value: &mut Expr) {
        let (is_call, ty, span) =
            (matches!(value.kind, ExprKind::Join(_) | ExprKind::Block { .. }), value.ty, value.span);
        let nothing = Expr { kind: ExprKind::Zero, ty, span };
        if let Some(mut spawn) = is_call.then(|| value.take_pending_call(nothing)).flatten() {
            self.expr(&mut spawn);
            *value = Expr { kind: ExprKind::DropTask(Box::new(spawn)), ty: None, span };
            return;
        }
        self.expr(value);
    }

    fn bind_pending(&mut self, task: LocalId, spawn: &mut Expr, span: Span, out: &mut Block) {
        let owner = self.owners[&task];
        if let Some(within) = self.withins.last()
            && within.outer.contains(&owner)
        {
            // When the body is cancelled, the variable has the value of its earlier child.
            out.append(&mut self.joins(owner, span));
            self.expr(spawn);
            out.push(assign(task, spawn.clone()));
            return;
        }
        self.expr(spawn);
        let pending = self.locals[task.0 as usize].ty;
        let fresh = self.local("$task", pending);
        out.push(assign(fresh, spawn.clone()));
        // The operands may have asked for the earlier value.
        out.append(&mut self.drops(owner, span));
        out.push(assign(task, read(fresh, pending, span)));
    }

    fn rewrite_within(&mut self, stmt: Stmt, out: &mut Block) {
        let span = stmt.span;
        let StmtKind::Within { mut duration, mut body, otherwise, shared } = stmt.kind else { return };
        self.expr(&mut duration);
        let mut inside = self.mentions();
        inside.block(&mut body);
        let outer: BTreeSet<LocalId> = inside.locals().filter(|local| self.total.beyond(&inside, *local)).collect();
        let mut bound = mentions::Bound::default();
        bound.block(&mut body);
        let bound_tasks = bound.tasks;
        let bound = bound_tasks.iter().map(|task| self.owners[task]).filter(|owner| outer.contains(owner)).collect();
        self.withins.push(OpenWithin { outer, bound, loops: self.loops });
        let mut body = self.rewrite_block(body);
        let Some(within) = self.withins.pop() else { crate::bug!("no 'within' is open") };
        within.bound.iter().for_each(|local| body.append(&mut self.joins(*local, span)));
        let inner = |task: LocalId, owner: LocalId| bound_tasks.contains(&task) && !within.outer.contains(&owner);
        let mut body = scoped(body, span);
        let mut first = self.initialise(inner, span);
        first.append(&mut body);
        // The children of a cancelled body are gone; a call from before it is joined as ever.
        let lost = bound_tasks.iter().filter(|task| within.outer.contains(&self.owners[task]));
        let mut rest: Block = lost.map(|task| self.clear(*task, span)).collect();
        rest.append(&mut self.rewrite_block(otherwise));
        out.push(Stmt { kind: StmtKind::Within { duration, body: first, otherwise: rest, shared }, span });
    }
}

impl Visitor for Rewriter<'_> {
    fn block(&mut self, block: &mut Block) {
        *block = self.rewrite_block(std::mem::take(block));
    }

    fn expr(&mut self, expr: &mut Expr) {
        let span = expr.span;
        match &mut expr.kind {
            ExprKind::Local(local) if self.companions.contains_key(local) => {
                let before = self.joins(*local, span);
                wrap(expr, before);
            }
            ExprKind::Collect { .. } => self.collect(expr),
            ExprKind::CallExtern { args, .. } => {
                let outs = args.iter().filter_map(|arg| match arg {
                    ExternArg::Out(local) => Some(*local),
                    ExternArg::Value(_) => None,
                });
                let before: Block = outs.flat_map(|local| self.joins(local, span)).collect();
                expr_parts(expr, self);
                self.run_side_by_side(expr, span);
                if !before.is_empty() {
                    wrap(expr, before);
                }
            }
            _ => {
                expr_parts(expr, self);
                self.run_side_by_side(expr, span);
            }
        }
    }
}

/// Gives a join the place of its use.
struct WaitsAt(Span);

impl Visitor for WaitsAt {
    fn expr(&mut self, expr: &mut Expr) {
        if let ExprKind::Join(_) = expr.kind {
            expr.span = self.0;
        }
        expr_parts(expr, self);
    }
}

fn read(local: LocalId, ty: TypeId, span: Span) -> Expr {
    Expr { kind: ExprKind::Local(local), ty: Some(ty), span }
}

fn assign(local: LocalId, value: Expr) -> Stmt {
    let span = value.span;
    Stmt { kind: StmtKind::Assign { local, value }, span }
}

/// Puts statements before the expression.
fn wrap(expr: &mut Expr, before: Block) {
    let (ty, span) = (expr.ty, expr.span);
    let inner = std::mem::replace(expr, Expr { kind: ExprKind::Zero, ty, span });
    expr.kind = ExprKind::Block { stmts: before, value: Some(Box::new(inner)) };
}
