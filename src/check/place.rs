//! Assignment to places and compound assignment (language reference 6.3, 4.5).
//!
//! In: a variable with steps and a new value. Out: the variable rebound to a changed copy; E0406, E0601 to E0603.
//! Deliberately not here: reading places (`members`, `index`).

use super::body::{Body, assign, copy, make, unknown};
use super::json::{KeyKind, json_call};
use super::matrix_values::Position;
use crate::ast::{self, BinaryOp, ExprKind as Ast, Ident, RightSide};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{self, Expr, ExprKind, LocalId, RuntimeFunction};
use crate::source::Span;
use crate::types::{self, DeclId, Type, TypeId};

/// One step of a place as written.
pub(crate) enum Step<'a> {
    Field(Ident),
    Position(u32, Span),
    Index(&'a [ast::Expr]),
    Slice(Option<&'a ast::Expr>, Option<&'a ast::Expr>),
}

/// A step with its subscripts evaluated and the value it is applied to.
pub(crate) struct Level {
    base: Expr,
    /// The optional around the base, which the changed value goes back into.
    optional: Option<TypeId>,
    access: Access,
    span: Span,
}

pub(crate) enum Access {
    /// Record or tuple field, with its type.
    Field(u32, TypeId),
    /// List, Array, Map: the function that stores, key, element type.
    Element(RuntimeFunction, Expr, TypeId),
    /// List, Array, string.
    Range(RuntimeFunction, Expr, Expr),
    /// Member or element of json.
    Json(KeyKind, Expr),
    /// A cell of a matrix, with its type.
    Cell(DeclId, Position, TypeId),
    /// `set` or `setrange` of a user type.
    Protocol(DeclId, &'static str, Vec<(Expr, Span)>),
}

impl<'a> Body<'_, 'a> {
    pub(crate) fn assign_place(
        &mut self,
        place: &'a ast::Expr,
        op_span: Span,
        value: &'a RightSide,
        out: &mut ir::Block,
    ) {
        let Some((base, steps)) = self.place_base(place) else {
            self.right_side(value, None, out);
            return;
        };
        let Some((local, levels)) = self.levels(base, &steps, false, out) else {
            self.right_side(value, None, out);
            return;
        };
        let Some(target) = self.target_type(&levels) else {
            // `set` of a user type: its parameter says the type.
            let value = self.right_side(value, None, out);
            self.store(local, levels, value, op_span, out);
            return;
        };
        let value = self.right_side(value, Some(target), out);
        let span = value.span;
        let value = self.convert(value, target, span);
        self.store(local, levels, value, op_span, out);
    }

    /// `p op= e`.
    pub(crate) fn compound(
        &mut self,
        place: &'a ast::Expr,
        op: BinaryOp,
        op_span: Span,
        value: &'a ast::Expr,
        out: &mut ir::Block,
    ) {
        let Some((base, steps)) = self.place_base(place) else {
            self.expr(value, None);
            return;
        };
        if steps.is_empty() {
            let Some(local) = self.assignable(base) else {
                self.expr(value, None);
                return;
            };
            self.check_moved(base.name, local, base.span);
            let left = self.local_expr(local, base.span);
            let result = self.combine(left, op, op_span, value);
            let target = self.local_type(local);
            let result = self.convert(result, target, op_span);
            let local = self.written(local);
            out.push(assign(local, result));
            return;
        }
        let Some((local, levels)) = self.levels(base, &steps, true, out) else {
            self.expr(value, None);
            return;
        };
        let Some(last) = levels.last() else { return };
        let left = self.read_level(last, last.span);
        let target = left.ty.unwrap_or(types::UNKNOWN);
        let result = self.combine(left, op, op_span, value);
        let result = self.convert(result, target, op_span);
        self.store(local, levels, result, op_span, out);
    }

    fn combine(&mut self, left: Expr, op: BinaryOp, op_span: Span, value: &'a ast::Expr) -> Expr {
        let hint = match self.shape(left.ty.unwrap_or(types::UNKNOWN)) {
            Type::List(_) | Type::Array(_) => left.ty,
            _ => None,
        };
        let right = self.expr(value, hint);
        if self.is_atomic_compound(&left, op_span) {
            return unknown(op_span);
        }
        self.arithmetic(op, op_span, left, right)
    }

    /// The variable a place begins with, and its steps.
    pub(crate) fn place_base(&mut self, place: &'a ast::Expr) -> Option<(Ident, Vec<Step<'a>>)> {
        let mut steps = Vec::new();
        let mut at = place;
        loop {
            at = match &at.kind {
                Ast::Member { base, name, .. } => {
                    steps.push(Step::Field(*name));
                    base
                }
                Ast::Position { base, position, position_span } => {
                    steps.push(Step::Position(*position, *position_span));
                    base
                }
                Ast::Index { base, indices } => {
                    match indices.as_slice() {
                        [ast::Expr { kind: Ast::Range { start, end }, .. }] => {
                            steps.push(Step::Slice(Some(start), Some(end)));
                        }
                        _ => steps.push(Step::Index(indices)),
                    }
                    base
                }
                Ast::Slice { base, start, end } => {
                    steps.push(Step::Slice(start.as_deref(), end.as_deref()));
                    base
                }
                Ast::Name(name) => {
                    steps.reverse();
                    return Some((Ident { name: *name, span: at.span }, steps));
                }
                Ast::SelfValue => {
                    self.error(Code::E0602, at.span, "Methods cannot change 'self'; return a new value");
                    return None;
                }
                // The parser has said it.
                _ => return None,
            };
        }
    }

    /// A place with steps and without subscripts: a part of a variable, which can be read and stored apart.
    pub(crate) fn part_of_variable(&mut self, place: &'a ast::Expr) -> Option<(Ident, Vec<Step<'a>>)> {
        let mut at = place;
        while let Ast::Member { base, .. } | Ast::Position { base, .. } = &at.kind {
            at = base;
        }
        let Ast::Name(name) = at.kind else { return None };
        // Anything else with a dot is no place: a member of a type or a module.
        self.rebindable(name)?;
        self.place_base(place).filter(|(_, steps)| !steps.is_empty())
    }

    pub(crate) fn read_part(&mut self, base: Ident, steps: &[Step<'a>], out: &mut ir::Block) -> Option<Expr> {
        let (_, levels) = self.levels(base, steps, true, out)?;
        let last = levels.last()?;
        Some(self.read_level(last, last.span))
    }

    pub(crate) fn store_part(&mut self, base: Ident, steps: &[Step<'a>], value: Expr, out: &mut ir::Block) {
        if let Some((local, levels)) = self.levels(base, steps, false, out) {
            let span = value.span;
            self.store(local, levels, value, span, out);
        }
    }

    /// The variable of a place, if it may change.
    pub(crate) fn assignable(&mut self, base: Ident) -> Option<LocalId> {
        let Some(local) = self.rebindable(base.name) else {
            if self.own_field(base.name, base.span).is_some() {
                self.error(Code::E0602, base.span, "Methods cannot change 'self'; return a new value");
            } else {
                self.undeclared(base.name, base.span);
            }
            return None;
        };
        self.check_rebind(local, base).then_some(local)
    }

    pub(crate) fn levels(
        &mut self,
        base: Ident,
        steps: &[Step<'a>],
        reads_last: bool,
        out: &mut ir::Block,
    ) -> Option<(LocalId, Vec<Level>)> {
        let local = self.assignable(base)?;
        self.check_moved(base.name, local, base.span);
        let mut current = self.local_expr(local, base.span);
        let mut levels: Vec<Level> = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            let again = reads_last || index + 1 < steps.len();
            let ty = current.ty.unwrap_or(types::UNKNOWN);
            let optional = matches!(self.shape(ty), Type::Optional(_)).then_some(ty);
            current = self.unwrapped(current);
            if again || optional.is_some() {
                current = self.to_temp(current, out);
            }
            let level = self.level(current, optional, step, again, base.span, out)?;
            if index + 1 < steps.len() {
                current = self.read_level(&level, level.span);
            } else {
                current = unknown(base.span);
            }
            levels.push(level);
        }
        Some((local, levels))
    }

    /// One step; `again`: it is read before it is stored, so its parts must be temporaries.
    fn level(
        &mut self,
        base: Expr,
        optional: Option<TypeId>,
        step: &Step<'a>,
        again: bool,
        span: Span,
        out: &mut ir::Block,
    ) -> Option<Level> {
        let ty = base.ty.unwrap_or(types::UNKNOWN);
        let shape = self.shape(ty).clone();
        if matches!(shape, Type::Unknown) || (self.generic && matches!(shape, Type::Param(_))) {
            self.step_faults(step);
            return None;
        }
        if matches!(shape, Type::Variable(_)) {
            self.still_open(&base, span);
            return None;
        }
        // Its `len` may be asked, which counts negative bounds from the end.
        let is_asked = matches!((step, &shape), (Step::Slice(..), Type::User { .. }));
        let base = if is_asked && !matches!(base.kind, ExprKind::Local(_)) { self.to_temp(base, out) } else { base };
        let (access, span) = match step {
            Step::Field(name) if shape == Type::Json => {
                let key = make(ExprKind::Str(name.name.to_string()), types::STRING, name.span);
                (Access::Json(KeyKind::Name, key), name.span)
            }
            Step::Field(name) => {
                let read = self.field(readable(&base), *name, name.span);
                let ExprKind::Field { index, .. } = read.kind else {
                    if matches!(shape, Type::Result(..)) {
                        let owner = self.short_name(ty);
                        let message = format!("Undefined field '{}' on type '{owner}'", name.name);
                        self.error(Code::E0505, name.span, message);
                    }
                    return None;
                };
                (Access::Field(index, read.ty?), name.span)
            }
            Step::Position(position, at) => {
                let read = self.position_of(readable(&base), *position, *at, *at);
                let ExprKind::Field { index, .. } = read.kind else { return None };
                (Access::Field(index, read.ty?), *at)
            }
            Step::Index(indices) => self.index_access(&shape, ty, indices, again, span, out)?,
            Step::Slice(start, end) => self.slice_access(&base, &shape, ty, (*start, *end), again, span, out)?,
        };
        Some(Level { base, optional, access, span })
    }

    fn step_faults(&mut self, step: &Step<'a>) {
        match step {
            Step::Index(indices) => indices.iter().for_each(|index| drop(self.expr(index, None))),
            Step::Slice(start, end) => {
                start.iter().chain(end).for_each(|bound| drop(self.expr(bound, None)));
            }
            Step::Field(_) | Step::Position(..) => {}
        }
    }

    fn index_access(
        &mut self,
        shape: &Type,
        ty: TypeId,
        indices: &'a [ast::Expr],
        again: bool,
        span: Span,
        out: &mut ir::Block,
    ) -> Option<(Access, Span)> {
        let at = indices.first().map_or(span, |index| index.span);
        if let Some(decl) = self.as_matrix(ty) {
            let position = self.subscripts(decl, indices, span, out)?;
            let cell = self.c.decls.types[decl.0 as usize].matrix.as_ref()?.cell;
            return Some((Access::Cell(decl, position, cell), at));
        }
        if let Type::User { decl, .. } = *shape {
            let mut args = Vec::new();
            for index in indices {
                let mut value = self.consumed(index, None);
                if again {
                    value = self.to_temp(value, out);
                }
                args.push((value, index.span));
            }
            if self.protocol(decl, "set").is_none() {
                self.not_indexable(ty, span, span);
                return None;
            }
            return Some((Access::Protocol(decl, "set", args), at));
        }
        if let (Type::Json, [index]) = (shape, indices) {
            let index_value = self.consumed(index, None);
            let (kind, mut key) = self.json_key(index_value, at);
            if again || kind == KeyKind::Json {
                key = self.to_temp(key, out);
            }
            return Some((Access::Json(kind, key), at));
        }
        let (function, key, element) = match *shape {
            Type::List(element) => (RuntimeFunction::ListSet, types::INT, element),
            Type::Array(element) => (RuntimeFunction::ArraySet, types::INT, element),
            Type::Map(key, value) => (RuntimeFunction::MapSet, key, value),
            Type::String => {
                self.step_faults(&Step::Index(indices));
                let message = "Characters of a string cannot be assigned; use slice assignment";
                self.error(Code::E0603, at, message);
                return None;
            }
            _ => {
                self.step_faults(&Step::Index(indices));
                self.not_indexable(ty, span, span);
                return None;
            }
        };
        let [index] = indices else {
            self.step_faults(&Step::Index(indices));
            self.not_indexable(ty, span, span);
            return None;
        };
        let mut index_value = super::tasks::at_once(self.expr_to(index, key));
        if again {
            index_value = self.to_temp(index_value, out);
        }
        Some((Access::Element(function, index_value, element), at))
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one step")]
    fn slice_access(
        &mut self,
        base: &Expr,
        shape: &Type,
        ty: TypeId,
        (start, end): (Option<&'a ast::Expr>, Option<&'a ast::Expr>),
        again: bool,
        span: Span,
        out: &mut ir::Block,
    ) -> Option<(Access, Span)> {
        if let Type::User { decl, .. } = *shape {
            if self.protocol(decl, "setrange").is_none() {
                self.step_faults(&Step::Slice(start, end));
                self.not_indexable(ty, span, span);
                return None;
            }
            let bounds = self.protocol_bounds(decl, &readable(base), start, end, span, out);
            return Some((Access::Protocol(decl, "setrange", bounds), span));
        }
        let function = match shape {
            Type::List(_) => RuntimeFunction::ListSetSlice,
            Type::Array(_) => RuntimeFunction::ArraySetSlice,
            Type::String => RuntimeFunction::StringSetSlice,
            _ => {
                self.step_faults(&Step::Slice(start, end));
                self.not_indexable(ty, span, span);
                return None;
            }
        };
        let (mut start, mut end) = self.bounds(start, end, span);
        if again {
            start = self.to_temp(start, out);
            end = self.to_temp(end, out);
        }
        Some((Access::Range(function, start, end), span))
    }

    /// The type a stored value must have; nothing where a method decides.
    fn target_type(&self, levels: &[Level]) -> Option<TypeId> {
        let last = levels.last()?;
        match &last.access {
            Access::Field(_, ty) | Access::Element(_, _, ty) | Access::Cell(_, _, ty) => Some(*ty),
            Access::Json(..) => Some(types::JSON),
            Access::Range(..) => last.base.ty,
            Access::Protocol(..) => None,
        }
    }

    /// The value of a place step, whose parts are temporaries.
    pub(crate) fn read_level(&mut self, level: &Level, span: Span) -> Expr {
        let base = copy(&level.base);
        match &level.access {
            Access::Field(index, ty) => make(ExprKind::Field { base: Box::new(base), index: *index }, *ty, span),
            Access::Element(_, key, _) => self.element(base, (copy(key), span), span),
            Access::Json(_, key) => self.json_element(base, (copy_key(key), span), span),
            Access::Range(function, start, end) => {
                let function = match function {
                    RuntimeFunction::ListSetSlice => RuntimeFunction::ListSlice,
                    RuntimeFunction::ArraySetSlice => RuntimeFunction::ArraySlice,
                    _ => RuntimeFunction::StringSlice,
                };
                let ty = base.ty.unwrap_or(types::UNKNOWN);
                make(ExprKind::Runtime { function, args: vec![base, copy(start), copy(end)] }, ty, span)
            }
            Access::Cell(_, at, _) => self.read_cell(base, at, span),
            Access::Protocol(decl, store, args) => {
                let read = if *store == "set" { "get" } else { "getrange" };
                let args = args.iter().map(|(value, span)| (copy(value), *span)).collect();
                let Some(method) = self.protocol(*decl, read) else {
                    let ty = base.ty.unwrap_or(types::UNKNOWN);
                    return self.not_indexable(ty, span, span);
                };
                self.call_method(method, base, args, span).filter(|call| call.ty.is_some()).unwrap_or(unknown(span))
            }
        }
    }

    /// Rebuilds the values from the inside out and rebinds the variable.
    pub(crate) fn store(
        &mut self,
        local: LocalId,
        levels: Vec<Level>,
        value: Expr,
        op_span: Span,
        out: &mut ir::Block,
    ) {
        let mut value = value;
        // Without a detour, so that it can be done in place.
        if let [Level { base, optional: None, access: Access::Cell(decl, at, _), span }] = levels.as_slice()
            && matches!(base.kind, ExprKind::Local(base) if base == local)
            && !self.is_cycle_variable(local)
        {
            return self.store_cell(local, *decl, at, value, *span, out);
        }
        for level in levels.into_iter().rev() {
            let Some(changed) = self.changed(level, value, op_span) else { return };
            value = changed;
        }
        let target = self.local_type(local);
        let value = self.convert(value, target, op_span);
        let local = self.written(local);
        out.push(assign(local, value));
    }

    fn changed(&mut self, level: Level, value: Expr, op_span: Span) -> Option<Expr> {
        let Level { base, optional, access, span } = level;
        let ty = base.ty?;
        let changed = match access {
            Access::Field(index, _) => {
                make(ExprKind::WithField { base: Box::new(base), index, value: Box::new(value) }, ty, span)
            }
            Access::Element(function, key, _) => {
                make(ExprKind::Runtime { function, args: vec![base, key, value] }, ty, span)
            }
            Access::Json(kind, key) => {
                let (function, key) = match kind {
                    KeyKind::Name => (RuntimeFunction::JsonSet, key),
                    KeyKind::Index => (RuntimeFunction::JsonSetAt, key),
                    // A json key names a member.
                    KeyKind::Json => {
                        let text = make(
                            ExprKind::Runtime { function: RuntimeFunction::JsonToString, args: vec![key] },
                            types::STRING,
                            span,
                        );
                        (RuntimeFunction::JsonSet, text)
                    }
                };
                json_call(function, vec![base, key, value], op_span)
            }
            Access::Range(function, start, end) => {
                make(ExprKind::Runtime { function, args: vec![base, start, end, value] }, ty, span)
            }
            Access::Cell(decl, at, _) => self.changed_cell(base, decl, &at, value, span),
            Access::Protocol(decl, store, mut args) => {
                let value_span = value.span;
                args.push((value, value_span));
                let method = self.protocol(decl, store)?;
                let call = self.call_method(method, base, args, span)?;
                let returns_itself = call.ty.is_some_and(|found| self.unify(found, ty));
                if !returns_itself {
                    let owner = self.c.decls.types[decl.0 as usize].name;
                    let message = format!("Method '{store}' of '{owner}' must return '{owner}' to allow assignment");
                    let declared = self.c.decls.functions[method.0 as usize].ast.name.span;
                    let diagnostic =
                        Diagnostic::new(Code::E0601, op_span, message).secondary(declared, "declared here");
                    self.report(diagnostic);
                    return None;
                }
                call
            }
        };
        Some(match optional {
            Some(optional) => make(ExprKind::Some(Box::new(changed)), optional, span),
            None => changed,
        })
    }
}

/// A key that is written in the program or stored in a temporary.
fn copy_key(key: &Expr) -> Expr {
    match &key.kind {
        ExprKind::Str(text) => Expr { kind: ExprKind::Str(text.clone()), ..*key },
        _ => copy(key),
    }
}

/// The base for a look at its fields; only its type matters when it is no path.
fn readable(base: &Expr) -> Expr {
    match base.kind {
        ExprKind::Local(_) => copy(base),
        _ => Expr { kind: ExprKind::Zero, ty: base.ty, span: base.span },
    }
}
