//! Values of matrix types: cells, built-in methods, the statement form, `cell` and `self` in formulas (language
//! reference 9.9).
//!
//! In: expressions whose base is a matrix. Out: tests of positions and reads of cells; E0504, E0506, E0905.
//! Deliberately not here: declarations (`matrix`), places with several steps (`place`).

use super::args::Called;
use super::body::{Body, assign, copy, make, unknown};
use super::call::Written;
use super::matrix::METHODS;
use super::tasks::at_once;
use crate::ast::{self, ExprKind as Ast, Ident};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{self, ArithmeticOp, Expr, ExprKind, GridSize, LocalId, RuntimeFunction, Stmt, StmtKind};
use crate::source::{Span, Symbol};
use crate::types::{self, DeclId, Type, TypeId};

/// A position: two int expressions that may be evaluated more than once.
pub(crate) struct Position {
    pub(crate) x: Expr,
    pub(crate) y: Expr,
}

impl<'a> Body<'_, 'a> {
    pub(crate) fn matrix_size(&self, decl: DeclId) -> Option<GridSize> {
        self.c.decls.types[decl.0 as usize].matrix.as_ref().map(|matrix| matrix.size)
    }

    fn cell_type(&self, decl: DeclId) -> TypeId {
        self.c.decls.types[decl.0 as usize].matrix.as_ref().map_or(types::UNKNOWN, |matrix| matrix.cell)
    }

    /// The declaration of a matrix type.
    pub(crate) fn as_matrix(&self, ty: TypeId) -> Option<DeclId> {
        match *self.shape(ty) {
            Type::User { decl, .. } if self.c.decls.types[decl.0 as usize].matrix.is_some() => Some(decl),
            _ => None,
        }
    }

    // ------------------------------------------------------------------------------------------- tests and reads

    fn in_grid(&self, at: &Position, size: GridSize, span: Span) -> Expr {
        let kind = ExprKind::InGrid { x: Box::new(at.x.clone()), y: Box::new(at.y.clone()), size };
        make(kind, types::BOOL, span)
    }

    fn number_of(&self, at: &Position, size: GridSize, span: Span) -> Expr {
        if size.height == 1 {
            return at.x.clone();
        }
        let width = Box::new(self.int(size.width, span));
        let kind = ExprKind::Arithmetic { op: ArithmeticOp::Multiply, left: Box::new(at.y.clone()), right: width };
        let row = Box::new(make(kind, types::INT, span));
        let kind = ExprKind::Arithmetic { op: ArithmeticOp::Add, left: row, right: Box::new(at.x.clone()) };
        make(kind, types::INT, span)
    }

    /// The cell at a position of a matrix in a local. Outside it is the zero value; directly left of `??`, nil.
    pub(crate) fn read_cell(&mut self, matrix: Expr, at: &Position, span: Span) -> Expr {
        let Some(decl) = matrix.ty.and_then(|ty| self.as_matrix(ty)) else { return unknown(span) };
        let (Some(size), cell) = (self.matrix_size(decl), self.cell_type(decl)) else { return unknown(span) };
        let index = Box::new(self.number_of(at, size, span));
        let read = make(ExprKind::GridCell { matrix: Box::new(matrix), index }, cell, span);
        let condition = Box::new(self.in_grid(at, size, span));
        let is_optional = matches!(self.shape(cell), Type::Optional(_));
        let (ty, then, otherwise) = if self.before_coalesce.contains(&span) && !is_optional {
            let optional = self.c.types.optional(cell);
            (optional, make(ExprKind::Some(Box::new(read)), optional, span), make(ExprKind::Nil, optional, span))
        } else {
            (cell, read, make(ExprKind::Zero, cell, span))
        };
        make(ExprKind::If { condition, then: Box::new(then), otherwise: Box::new(otherwise) }, ty, span)
    }

    /// The operand directly left of `??`, where reads outside of a grid are absent.
    pub(crate) fn left_of_coalesce(&mut self, ast: &'a ast::Expr, expected: Option<TypeId>) -> Expr {
        let mark = self.before_coalesce.len();
        let mut at = ast;
        loop {
            at = match &at.kind {
                Ast::Group(inner) => inner,
                // `a ?? b ?? c`: b stands left of a `??` too; a is found when the inner one is elaborated.
                Ast::Binary { op: ast::BinaryOp::Coalesce, right, .. } => right,
                _ => break,
            };
        }
        self.before_coalesce.push(at.span);
        // What is open would become an optional too, and the whole is none.
        let expected = expected.filter(|ty| !self.is_open(*ty)).map(|ty| self.c.types.optional(ty));
        let value = self.expr(ast, expected);
        self.before_coalesce.truncate(mark);
        value
    }

    /// `m[x, y]`, `m[x]`: the subscripts of a matrix, each evaluated once, in order.
    pub(crate) fn subscripts(
        &mut self,
        decl: DeclId,
        indices: &'a [ast::Expr],
        span: Span,
        out: &mut ir::Block,
    ) -> Option<Position> {
        let size = self.matrix_size(decl)?;
        let fits = indices.len() == 2 || (indices.len() == 1 && size.height == 1);
        if !fits {
            indices.iter().for_each(|index| drop(self.expr(index, None)));
            let wanted = if size.height == 1 { "1 to 2" } else { "2" };
            let message = format!("Wrong arguments for 'get': expected {wanted}, found {}", indices.len());
            self.error(Code::E0506, span, message);
            return None;
        }
        let mut parts = Vec::new();
        for index in indices {
            let value = at_once(self.expr_to(index, types::INT));
            parts.push(self.to_temp(value, out));
        }
        let mut parts = parts.into_iter();
        let x = parts.next()?;
        Some(Position { x, y: parts.next().unwrap_or_else(|| self.int(0, span)) })
    }

    /// `m[x, y]` as a value.
    pub(crate) fn matrix_index(&mut self, base: Expr, decl: DeclId, indices: &'a [ast::Expr], span: Span) -> Expr {
        let mut out = Vec::new();
        let matrix = self.to_temp(base, &mut out);
        let Some(at) = self.subscripts(decl, indices, span, &mut out) else { return unknown(span) };
        let value = self.read_cell(matrix, &at, span);
        behind(out, value)
    }

    // -------------------------------------------------------------------------------------- `cell` and `self`

    /// The old grid and the position, inside of a matrix formula.
    fn here(&mut self, span: Span) -> Option<(DeclId, Expr, Position)> {
        let (x, y, grid) = (self.c.names.x, self.c.names.y, self.c.names.self_name);
        let (x, y, grid) = (self.lookup(x)?, self.lookup(y)?, self.lookup(grid)?);
        let grid = self.local_expr(grid, span);
        let decl = self.as_matrix(grid.ty?)?;
        Some((decl, grid, Position { x: self.local_expr(x, span), y: self.local_expr(y, span) }))
    }

    /// `cell`
    pub(crate) fn cell_value(&mut self, span: Span) -> Expr {
        let Some((decl, grid, at)) = self.here(span) else { return self.no_cell(span) };
        let Some(size) = self.matrix_size(decl) else { return unknown(span) };
        let index = Box::new(self.number_of(&at, size, span));
        make(ExprKind::GridCell { matrix: Box::new(grid), index }, self.cell_type(decl), span)
    }

    fn no_cell(&mut self, span: Span) -> Expr {
        self.error(Code::E0905, span, "'cell' is only available in matrix formulas");
        unknown(span)
    }

    /// `cell[dx, dy]`
    pub(crate) fn neighbour(&mut self, base: Span, indices: &'a [ast::Expr], span: Span) -> Expr {
        let Some((decl, grid, here)) = self.here(base) else {
            indices.iter().for_each(|index| drop(self.expr(index, None)));
            return self.no_cell(base);
        };
        let mut out = Vec::new();
        let Some(offset) = self.subscripts(decl, indices, span, &mut out) else { return unknown(span) };
        let moved = |from: Expr, by: Expr| match by.kind {
            ExprKind::Int(0) => from,
            _ => {
                let kind = ExprKind::Arithmetic { op: ArithmeticOp::Add, left: Box::new(from), right: Box::new(by) };
                make(kind, types::INT, span)
            }
        };
        let at = Position { x: moved(here.x, offset.x), y: moved(here.y, offset.y) };
        let value = self.read_cell(grid, &at, span);
        behind(out, value)
    }

    /// `self.x`, `self.y`, `self.width`, `self.height` in a matrix formula.
    pub(crate) fn own_position(&mut self, base: &ast::Expr, name: Ident, span: Span) -> Option<Expr> {
        if !matches!(base.kind, Ast::SelfValue) {
            return None;
        }
        let (decl, _, at) = self.here(span)?;
        let size = self.matrix_size(decl)?;
        match name.name.as_str() {
            "x" => Some(at.x),
            "y" => Some(at.y),
            "width" => Some(self.int(size.width, span)),
            "height" => Some(self.int(size.height, span)),
            _ => None,
        }
    }

    // ------------------------------------------------------------------------------------------------- methods

    /// `M.new()`
    pub(crate) fn matrix_static(&mut self, decl: DeclId, name: Ident, written: Written<'a>) -> Expr {
        let owner = self.c.decls.types[decl.0 as usize].name;
        match name.name.as_str() {
            "new" => {
                let called = Called {
                    name: "new",
                    params: Vec::new(),
                    types: &[],
                    optional: 0,
                    cells: false,
                    span: written.name_span,
                };
                if self.arguments(&called, written.args, None).is_none() {
                    return unknown(written.span);
                }
                self.last_call = super::stmt::LastCall::Pure { name: name.name, changes: false };
                let ty = self.c.user_type(decl, Vec::new());
                make(ExprKind::Zero, ty, written.span)
            }
            text if METHODS.contains(&text) => {
                let message = format!("'{text}' is an instance method of '{owner}'");
                let diagnostic =
                    Diagnostic::new(Code::E0805, name.span, message).help("call it on a value of the type");
                self.report(diagnostic);
                self.drop_args(written)
            }
            text => {
                let message = format!("Undefined method '{text}' on type '{owner}'");
                self.error(Code::E0504, name.span, message);
                self.drop_args(written)
            }
        }
    }

    /// Built-in methods; `None` for the others.
    pub(crate) fn matrix_method(
        &mut self,
        receiver: Expr,
        decl: DeclId,
        name: Ident,
        written: Written<'a>,
    ) -> Result<Expr, Expr> {
        let Some(size) = self.matrix_size(decl) else { return Err(receiver) };
        let span = written.span;
        let mut out = Vec::new();
        match name.name.as_str() {
            "width" | "height" => {
                let Some(_) = self.cell_arguments(decl, name, written, &mut out) else { return Ok(unknown(span)) };
                let number = if name.name.as_str() == "width" { size.width } else { size.height };
                if !matches!(receiver.kind, ExprKind::Local(_)) {
                    out.push(Stmt { kind: StmtKind::Expr(receiver), span });
                }
                Ok(behind(out, self.int(number, span)))
            }
            "get" => {
                let matrix = self.to_temp(receiver, &mut out);
                let Some((at, _)) = self.cell_arguments(decl, name, written, &mut out) else {
                    return Ok(unknown(span));
                };
                let value = self.read_cell(matrix, &at, span);
                Ok(behind(out, value))
            }
            "set" => {
                let ty = receiver.ty.unwrap_or(types::UNKNOWN);
                let matrix = self.to_temp(receiver, &mut out);
                let Some((at, Some(value))) = self.cell_arguments(decl, name, written, &mut out) else {
                    return Ok(unknown(span));
                };
                let changed = self.with_cell(copy(&matrix), &at, size, value, span);
                let condition = Box::new(self.in_grid(&at, size, span));
                let kind = ExprKind::If { condition, then: Box::new(changed), otherwise: Box::new(matrix) };
                Ok(behind(out, make(kind, ty, span)))
            }
            "new" => {
                out.push(Stmt { kind: StmtKind::Expr(receiver), span });
                let fresh = self.matrix_static(decl, name, written);
                Ok(behind(out, fresh))
            }
            _ => Err(receiver),
        }
    }

    fn with_cell(&self, matrix: Expr, at: &Position, size: GridSize, value: Expr, span: Span) -> Expr {
        let ty = matrix.ty.unwrap_or(types::UNKNOWN);
        let index = self.number_of(at, size, span);
        let kind = ExprKind::Runtime { function: RuntimeFunction::ArraySet, args: vec![matrix, index, value] };
        make(kind, ty, span)
    }

    /// Arguments of `get`, `set`, `width` and `height`, in temporaries.
    fn cell_arguments(
        &mut self,
        decl: DeclId,
        name: Ident,
        written: Written<'a>,
        out: &mut ir::Block,
    ) -> Option<(Position, Option<Expr>)> {
        let size = self.matrix_size(decl)?;
        let text = name.name.as_str();
        let (is_set, is_get) = (text == "set", text == "get");
        let labelled =
            |label: &str| written.args.iter().any(|arg| arg.name.is_some_and(|name| name.name.as_str() == label));
        let values = usize::from(is_set);
        // In a row, y may be omitted wherever the value is not taken for it.
        let without_y = size.height == 1 && !labelled("y") && written.args.len() == 1 + values;
        let mut params = Vec::new();
        if is_set || is_get {
            params.push(("x", types::INT));
            if !without_y {
                params.push(("y", types::INT));
            }
        }
        if is_set {
            params.push(("v", self.cell_type(decl)));
        }
        let tys: Vec<TypeId> = params.iter().map(|(_, ty)| *ty).collect();
        let called = Called {
            name: text,
            params: params.iter().map(|(name, _)| (Symbol::new(name), false)).collect(),
            types: &tys,
            optional: 0,
            cells: false,
            span: written.name_span,
        };
        let (before, values) = self.arguments(&called, written.args, None)?;
        self.last_call = super::stmt::LastCall::Pure { name: name.name, changes: is_set };
        out.extend(before);
        let mut parts = Vec::new();
        for value in values {
            parts.push(match value.pending_call() {
                Some(_) => self.argument_temp(value, out),
                None => self.to_temp(value, out),
            });
        }
        let value = if is_set { parts.pop() } else { None };
        let mut parts = parts.into_iter();
        let x = parts.next().unwrap_or_else(|| self.int(0, written.span));
        let y = parts.next().unwrap_or_else(|| self.int(0, written.span));
        Some((Position { x, y }, value))
    }

    // ------------------------------------------------------------------------------- assignment, statement form

    /// `local[x, y] = value`, where nothing happens outside.
    pub(crate) fn store_cell(
        &mut self,
        local: LocalId,
        decl: DeclId,
        at: &Position,
        value: Expr,
        span: Span,
        out: &mut ir::Block,
    ) {
        let Some(size) = self.matrix_size(decl) else { return };
        let value = self.to_temp(value, out);
        let matrix = self.local_expr(local, span);
        let changed = self.with_cell(matrix, at, size, value, span);
        let arms = vec![(self.in_grid(at, size, span), vec![assign(local, changed)])];
        out.push(Stmt { kind: StmtKind::If { arms, otherwise: Vec::new() }, span });
    }

    /// A matrix with a cell replaced, or the matrix where there is no such cell; all parts are paths or temporaries.
    pub(crate) fn changed_cell(&mut self, base: Expr, decl: DeclId, at: &Position, value: Expr, span: Span) -> Expr {
        let Some(size) = self.matrix_size(decl) else { return unknown(span) };
        let ty = base.ty.unwrap_or(types::UNKNOWN);
        let mut out = Vec::new();
        let value = self.to_temp(value, &mut out);
        let base = self.to_temp(base, &mut out);
        let changed = self.with_cell(copy(&base), at, size, value, span);
        let condition = Box::new(self.in_grid(at, size, span));
        let kind = ExprKind::If { condition, then: Box::new(changed), otherwise: Box::new(base) };
        behind(out, make(kind, ty, span))
    }

    /// `place.set(x, y, v)` and `place.formula(…)` as whole statements rebind the place.
    pub(crate) fn matrix_statement(&mut self, expr: &'a ast::Expr, out: &mut ir::Block) -> bool {
        let Ast::Call { callee, args, .. } = &expr.kind else { return false };
        let Ast::Member { base, name, type_args } = &callee.kind else { return false };
        let Some(decl) = self.place_type(base).and_then(|ty| {
            let inner = match *self.shape(ty) {
                Type::Optional(inner) => inner,
                _ => ty,
            };
            self.as_matrix(inner)
        }) else {
            return false;
        };
        let is_set = name.name.as_str() == "set";
        if !is_set && !self.c.decls.types[decl.0 as usize].methods.contains_key(&name.name) {
            return false;
        }
        let written = Written { args, type_args, name_span: name.span, span: expr.span, expected: None };
        self.rebind_matrix(base, decl, *name, written, is_set, out);
        true
    }

    fn rebind_matrix(
        &mut self,
        place: &'a ast::Expr,
        decl: DeclId,
        name: Ident,
        written: Written<'a>,
        is_set: bool,
        out: &mut ir::Block,
    ) {
        let Some((base, steps)) = self.place_base(place) else { return };
        if !steps.is_empty() {
            let Some((local, levels)) = self.levels(base, &steps, true, out) else { return };
            let Some(last) = levels.last() else { return };
            let old = self.read_level(last, name.span);
            let target = old.ty.unwrap_or(types::UNKNOWN);
            let old = self.unwrapped(old);
            let changed = self.call_on_value(old, name, written);
            let changed = self.convert(changed, target, name.span);
            return self.store(local, levels, changed, name.span, out);
        }
        let Some(local) = self.assignable(base) else { return };
        self.check_moved(base.name, local, base.span);
        let target = self.local_type(local);
        if is_set && self.as_matrix(target).is_some() && !self.is_cycle_variable(local) {
            if let Some((at, Some(value))) = self.cell_arguments(decl, name, written, out) {
                self.store_cell(local, decl, &at, value, written.span, out);
            }
            return;
        }
        let old = self.local_expr(local, base.span);
        let old = self.unwrapped(old);
        let changed = self.call_on_value(old, name, written);
        let changed = self.convert(changed, target, name.span);
        let local = self.written(local);
        out.push(assign(local, changed));
    }

    /// The type of a place that may be assigned, found without elaborating anything.
    fn place_type(&mut self, place: &ast::Expr) -> Option<TypeId> {
        if let Ast::Name(name) = place.kind {
            let local = self.rebindable(name)?;
            let is_const = self.frame().infos[local.0 as usize].is_const;
            return (!is_const).then(|| self.local_type(local));
        }
        let (Ast::Member { base, .. } | Ast::Position { base, .. } | Ast::Index { base, .. }) = &place.kind else {
            return None;
        };
        let outer = self.place_type(base)?;
        let outer = match *self.shape(outer) {
            Type::Optional(inner) => inner,
            _ => outer,
        };
        match (&place.kind, self.shape(outer).clone()) {
            (Ast::Member { name, .. }, Type::User { decl, args, .. }) => {
                let declared = &self.c.decls.types[decl.0 as usize];
                let field = declared.fields[*declared.field_index.get(&name.name)? as usize].ty;
                let env = self.c.owner_env(decl, &args);
                Some(self.c.substitute(field, &env))
            }
            (Ast::Member { name, .. }, Type::Tuple(items)) => {
                items.iter().find(|item| item.name == Some(name.name)).map(|item| item.ty)
            }
            (Ast::Position { position, .. }, Type::Tuple(items)) => items.get(*position as usize).map(|item| item.ty),
            (Ast::Index { .. }, Type::List(item) | Type::Array(item) | Type::Map(_, item)) => Some(item),
            (Ast::Index { .. }, Type::User { decl, .. }) => {
                self.c.decls.types[decl.0 as usize].matrix.as_ref().map(|matrix| matrix.cell)
            }
            _ => None,
        }
    }
}

/// The value after the statements that prepare it.
fn behind(stmts: ir::Block, value: Expr) -> Expr {
    if stmts.is_empty() {
        return value;
    }
    let (ty, span) = (value.ty, value.span);
    Expr { kind: ExprKind::Block { stmts, value: Some(Box::new(value)) }, ty, span }
}
