//! Comprehensions (language reference 5.10): loops that build a collection.
//!
//! In: elements and clauses. Out: a block of an empty collection, nested loops and the collection.
//! Collecting loops (6.7) are the same with statements. Deliberately not here: plain loops.

use super::body::{Body, assign, make};
use crate::ast::{self, Clause};
use crate::ir::{self, Expr, ExprKind, LocalId, RuntimeFunction, Stmt, StmtKind};
use crate::source::Span;
use crate::types::{self, Type, TypeId};

/// What the innermost loop does.
type Inner<'f, B> = Box<dyn FnOnce(&mut B, &mut ir::Block) + 'f>;

impl<'a> Body<'_, 'a> {
    pub(crate) fn list_comprehension(
        &mut self,
        element: &'a ast::Expr,
        clauses: &'a [Clause],
        span: Span,
        expected: Option<TypeId>,
    ) -> Expr {
        let wanted = match self.expected_shape(expected) {
            Some(Type::List(element) | Type::Array(element) | Type::Set(element)) => Some(element),
            _ => None,
        };
        let item = self.element_type(wanted, span);
        let ty = self.c.types.list(item);
        self.comprehension(ty, ExprKind::ListLiteral(Vec::new()), clauses, span, |this, result, out| {
            let value = this.comprehended(element, wanted, item);
            this.add(RuntimeFunction::ListAppend, result, vec![value], span, out);
        })
    }

    pub(crate) fn set_comprehension(
        &mut self,
        element: &'a ast::Expr,
        clauses: &'a [Clause],
        span: Span,
        expected: Option<TypeId>,
    ) -> Expr {
        let wanted = match self.expected_shape(expected) {
            Some(Type::List(element) | Type::Array(element) | Type::Set(element)) => Some(element),
            _ => None,
        };
        let item = self.element_type(wanted, span);
        let ty = self.c.types.intern(Type::Set(item));
        self.key_checks.push((item, element.span));
        self.comprehension(ty, ExprKind::SetLiteral(Vec::new()), clauses, span, |this, result, out| {
            let value = this.comprehended(element, wanted, item);
            this.add(RuntimeFunction::SetAdd, result, vec![value], span, out);
        })
    }

    pub(crate) fn map_comprehension(
        &mut self,
        key: &'a ast::Expr,
        value: &'a ast::Expr,
        clauses: &'a [Clause],
        span: Span,
        expected: Option<TypeId>,
    ) -> Expr {
        let (wanted_key, wanted_value) = match self.expected_shape(expected) {
            Some(Type::Map(key, value)) => (Some(key), Some(value)),
            _ => (None, None),
        };
        let key_ty = self.element_type(wanted_key, span);
        let value_ty = self.element_type(wanted_value, span);
        let ty = self.c.types.intern(Type::Map(key_ty, value_ty));
        self.key_checks.push((key_ty, key.span));
        self.comprehension(ty, ExprKind::MapLiteral(Vec::new()), clauses, span, |this, result, out| {
            let key = this.comprehended(key, wanted_key, key_ty);
            let value = this.comprehended(value, wanted_value, value_ty);
            this.add(RuntimeFunction::MapSet, result, vec![key, value], span, out);
        })
    }

    fn element_type(&mut self, wanted: Option<TypeId>, span: Span) -> TypeId {
        match wanted {
            Some(wanted) if !self.is_open(wanted) => wanted,
            _ => self.fresh_for(span, "comprehension"),
        }
    }

    fn comprehended(&mut self, ast: &'a ast::Expr, wanted: Option<TypeId>, item: TypeId) -> Expr {
        let value = self.expr(ast, wanted);
        self.convert(value, item, ast.span)
    }

    /// `result = function(result, values…)`
    fn add(&mut self, function: RuntimeFunction, result: LocalId, values: Vec<Expr>, span: Span, out: &mut ir::Block) {
        let ty = self.local_type(result);
        let mut args = vec![self.local_expr(result, span)];
        args.extend(values);
        out.push(assign(result, make(ExprKind::Runtime { function, args }, ty, span)));
    }

    fn comprehension(
        &mut self,
        ty: TypeId,
        empty: ExprKind,
        clauses: &'a [Clause],
        span: Span,
        inner: impl FnOnce(&mut Self, LocalId, &mut ir::Block),
    ) -> Expr {
        let result = self.temp(ty, span);
        let mut stmts = vec![assign(result, make(empty, ty, span))];
        self.clauses(clauses, span, &mut stmts, Box::new(|this, out| inner(this, result, out)));
        let value = Some(Box::new(self.local_expr(result, span)));
        make(ExprKind::Block { stmts, value }, ty, span)
    }

    /// Nested loops, the first clause outermost. A box, so that the closure types of the recursion stay finite.
    fn clauses(&mut self, clauses: &'a [Clause], span: Span, out: &mut ir::Block, inner: Inner<'_, Self>) {
        let Some((clause, rest)) = clauses.split_first() else { return inner(self, out) };
        let walk = self.walk(&clause.iterable, &clause.binder);
        let filtered = |this: &mut Self, body: &mut ir::Block| match &clause.filter {
            Some(filter) => {
                let condition = this.condition_of(filter);
                let mut kept = Vec::new();
                this.clauses(rest, span, &mut kept, inner);
                let kind = StmtKind::If { arms: vec![(condition, kept)], otherwise: Vec::new() };
                body.push(Stmt { kind, span });
            }
            None => this.clauses(rest, span, body, inner),
        };
        self.in_region(span, |this| this.for_loop(walk, &clause.binder, span, out, filtered));
    }

    /// `x = for p in it … e ~`: the loop, and the list it makes.
    pub(crate) fn collect(
        &mut self,
        binder: &'a ast::Binder,
        iterable: &'a ast::Expr,
        body: &'a ast::Block,
        span: Span,
        expected: Option<TypeId>,
        out: &mut ir::Block,
    ) -> Expr {
        use crate::diagnostics::Code;
        let wanted = match self.expected_shape(expected) {
            Some(Type::List(element) | Type::Array(element) | Type::Set(element)) => Some(element),
            _ => None,
        };
        let item = self.element_type(wanted, span);
        let ty = self.c.types.list(item);
        let result = self.temp(ty, span);
        let mut loops = Vec::new();
        let mut children = None;
        let walk = self.walk(iterable, binder);
        let rounds = |this: &mut Self, stmts: &mut ir::Block| {
            let mark = this.enter_block();
            match body.stmts.split_last() {
                Some((ast::Stmt { kind: ast::StmtKind::Expr(last), .. }, before)) => {
                    this.stmts(before, stmts);
                    let value = this.expr(last, wanted);
                    let is_task = super::tasks::is_task_call(&value);
                    let value = this.convert(value, item, last.span);
                    if is_task && value.pending_call().is_some() {
                        children = Some(value);
                    } else {
                        this.add(RuntimeFunction::ListAppend, result, vec![value], span, stmts);
                    }
                }
                last => {
                    this.stmts(&body.stmts, stmts);
                    let at = last.map_or(body.span, |(last, _)| last.span);
                    this.error(Code::E0606, at, "Body of a collecting loop must end with an expression");
                    this.unify(item, types::UNKNOWN);
                }
            }
            this.leave_block(mark);
        };
        self.in_region(body.span, |this| this.for_loop(walk, binder, span, &mut loops, rounds));
        if let Some(value) = children
            && let Some(Stmt { kind: StmtKind::For { iteration, body }, .. }) = loops.pop()
        {
            let (iteration, value) = (Box::new(iteration), Box::new(value));
            return make(ExprKind::Collect { iteration, body, value, shared: Vec::new() }, ty, span);
        }
        out.push(assign(result, make(ExprKind::ListLiteral(Vec::new()), ty, span)));
        out.append(&mut loops);
        self.local_expr(result, span)
    }
}
