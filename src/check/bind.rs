//! Local variables: scopes, look-up with capture, bindings, destructuring (language reference 4.2, 4.3, 6.2).
//!
//! In: names and values. Out: locals of the frame and assignments; E0404 to E0406, E0508, E0701, W0801.
//! Deliberately not here: places with steps (`place`), moves (`moves`).

use super::body::{Binding, Body, assign, make};
use crate::ast::{Binder, Ident, Unpack};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{self, Expr, ExprKind, LocalId};
use crate::source::{Span, Symbol};
use crate::types::{Type, TypeId};

/// Where a block began.
pub(crate) struct Mark {
    undo: usize,
    block: u32,
}

impl<'a> Body<'_, 'a> {
    pub(crate) fn enter_block(&mut self) -> Mark {
        let mark = Mark { undo: self.undo.len(), block: self.block };
        self.blocks += 1;
        self.block = self.blocks;
        mark
    }

    pub(crate) fn leave_block(&mut self, mark: Mark) {
        for (name, before) in self.undo.drain(mark.undo..).rev() {
            match before {
                Some(binding) => self.names.insert(name, binding),
                None => self.names.remove(&name),
            };
        }
        self.block = mark.block;
    }

    /// A new variable in the current block.
    pub(crate) fn declare(&mut self, name: Ident, ty: TypeId, is_const: bool) -> LocalId {
        let local = self.add_local(name.name, ty, name.span, is_const);
        self.bind_name(name.name, local);
        self.warn_hidden_field(name);
        local
    }

    /// A new variable that has its name behind the statement.
    fn declare_behind(&mut self, name: Ident, ty: TypeId, is_const: bool) -> LocalId {
        let local = self.declare(name, ty, is_const);
        let behind = self.statement.end;
        if let Some(scope) = &mut self.frame().locals[local.0 as usize].scope {
            scope.start = behind.clamp(scope.start, scope.end);
        }
        local
    }

    /// Elaborates something whose variables have their names in that text.
    pub(crate) fn in_region<T>(&mut self, region: Span, act: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.region, region);
        let result = act(self);
        self.region = outer;
        result
    }

    pub(crate) fn bind_name(&mut self, name: Symbol, local: LocalId) {
        let binding = Binding { frame: self.frames.len() as u32 - 1, local, block: self.block };
        let before = self.names.insert(name, binding);
        self.undo.push((name, before));
    }

    fn warn_hidden_field(&mut self, name: Ident) {
        let Some(owner) = self.owner else { return };
        let instance = self.c.decls.functions[self.function.0 as usize].is_instance;
        if instance && self.c.decls.types[owner.0 as usize].field_index.contains_key(&name.name) {
            self.error(Code::W0801, name.span, format!("Local '{0}' hides field '{0}'", name.name));
        }
    }

    /// The variable as a local of the innermost frame; a lambda captures it.
    pub(crate) fn lookup(&mut self, name: Symbol) -> Option<LocalId> {
        let binding = *self.names.get(&name)?;
        let innermost = self.frames.len() - 1;
        let mut local = binding.local;
        for frame in binding.frame as usize + 1..=innermost {
            local = self.capture(frame, local);
        }
        Some(local)
    }

    fn capture(&mut self, frame: usize, outer: LocalId) -> LocalId {
        if let Some((_, inner)) = self.frames[frame].captures.iter().find(|(known, _)| *known == outer) {
            return *inner;
        }
        let local = self.frames[frame - 1].locals[outer.0 as usize].clone();
        let span = self.frames[frame - 1].infos[outer.0 as usize].span;
        let target = &mut self.frames[frame];
        let inner = LocalId(target.locals.len() as u32);
        target.locals.push(local);
        target.infos.push(super::body::LocalInfo { span, is_const: true, loop_depth: 0 });
        target.captures.push((outer, inner));
        if self.frames[frame - 1].handle_closures.contains(&outer) {
            self.frames[frame].handle_closures.push(inner);
        }
        inner
    }

    /// The variable that `x = e` would rebind.
    pub(crate) fn rebindable(&mut self, name: Symbol) -> Option<LocalId> {
        let binding = *self.names.get(&name)?;
        // A lambda body holds no statements, so a binding of an outer frame is never met here.
        (binding.frame as usize == self.frames.len() - 1).then_some(binding.local)
    }

    /// E0406, and E0701 for parameters of formulas; false when the variable may not change.
    pub(crate) fn check_rebind(&mut self, local: LocalId, name: Ident) -> bool {
        let frame = self.frame();
        if !frame.infos[local.0 as usize].is_const {
            return true;
        }
        if self.in_formula() && self.frame().params.contains(&local) {
            self.requires_const(name);
            return false;
        }
        let declared = self.frame().infos[local.0 as usize].span;
        let diagnostic = Diagnostic::new(Code::E0406, name.span, format!("Cannot reassign const '{}'", name.name))
            .secondary(declared, "declared here");
        self.report(diagnostic);
        false
    }

    pub(crate) fn requires_const(&mut self, name: Ident) {
        let formula = self.frame().name;
        let message = format!("Binding '{}' in formula '{formula}' requires const", name.name);
        let diagnostic =
            Diagnostic::new(Code::E0701, name.span, message).help(format!("write 'const {} = …'", name.name));
        self.report(diagnostic);
    }

    /// `const` declares; E0405 when the block has one of the name.
    pub(crate) fn check_const_once(&mut self, name: Ident) {
        let Some(&binding) = self.names.get(&name.name) else { return };
        if binding.block != self.block || binding.frame as usize != self.frames.len() - 1 {
            return;
        }
        let earlier = self.frame().infos[binding.local.0 as usize].span;
        let message = format!("Constant '{}' is already declared in this block", name.name);
        self.report(Diagnostic::new(Code::E0405, name.span, message).secondary(earlier, "first declared here"));
    }

    /// Binds one name to a value by the rule of `x = e` or `const x = e`; `ty` is the written type.
    pub(crate) fn bind(&mut self, name: Ident, is_const: bool, value: Expr, out: &mut ir::Block) {
        self.bind_value(name, is_const, value, false, out);
    }

    /// `pending`: the whole right side is a task call, which the variable waits for when it is evaluated (7.5).
    pub(crate) fn bind_value(&mut self, name: Ident, is_const: bool, value: Expr, pending: bool, out: &mut ir::Block) {
        let Some(ty) = value.ty else { return };
        if is_const {
            self.check_const_once(name);
            let local = self.declare_behind(name, ty, true);
            self.store_local(local, value, pending, out);
            return;
        }
        if let Some(local) = self.rebindable(name.name) {
            if self.check_rebind(local, name) {
                let target = self.local_type(local);
                let span = value.span;
                let value = self.convert(value, target, span);
                self.store_local(local, value, pending, out);
                self.restore(local);
            }
            return;
        }
        if self.in_formula() {
            self.requires_const(name);
        }
        let local = self.declare_behind(name, ty, false);
        self.store_local(local, value, pending, out);
    }

    fn store_local(&mut self, local: LocalId, value: Expr, pending: bool, out: &mut ir::Block) {
        if self.captures_handle(&value) {
            self.frame().handle_closures.push(local);
        }
        let local = self.written(local);
        out.push(super::tasks::store(local, value, pending));
    }

    /// `(a, (b, _)) = e`.
    pub(crate) fn unpack(&mut self, target: &Unpack, is_const: bool, value: Expr, out: &mut ir::Block) {
        match target {
            Unpack::Name(name) => self.bind(*name, is_const, value, out),
            Unpack::Skip(_) => {}
            Unpack::Nested(parts, span) => {
                let Some(items) = self.tuple_parts(value, parts.len(), *span, out) else {
                    parts.iter().for_each(|part| self.unpack(part, is_const, super::body::unknown(*span), out));
                    return;
                };
                for (part, item) in parts.iter().zip(items) {
                    self.unpack(part, is_const, item, out);
                }
            }
        }
    }

    /// Names of a `for`, new in the current block.
    pub(crate) fn binder(&mut self, binder: &Binder, value: Expr, out: &mut ir::Block) {
        match binder {
            Binder::Name(name) => {
                let Some(ty) = value.ty else { return };
                let local = self.declare(*name, ty, self.in_formula());
                out.push(assign(local, value));
            }
            Binder::Skip(_) => {}
            Binder::Nested(parts, span) => {
                let Some(items) = self.tuple_parts(value, parts.len(), *span, out) else {
                    parts.iter().for_each(|part| self.binder(part, super::body::unknown(*span), out));
                    return;
                };
                for (part, item) in parts.iter().zip(items) {
                    self.binder(part, item, out);
                }
            }
        }
    }

    /// The items of a tuple value; E0508 when it has another number of them.
    fn tuple_parts(&mut self, value: Expr, count: usize, span: Span, out: &mut ir::Block) -> Option<Vec<Expr>> {
        let value = self.unwrapped(value);
        let ty = self.shallow(value.ty?);
        let items = match self.c.types.get(ty).clone() {
            Type::Tuple(items) => items,
            Type::Unknown => return None,
            Type::Param(_) if self.generic => return None,
            Type::Variable(_) => {
                let name = self.type_name(ty);
                self.error(Code::E0303, span, format!("Cannot infer the type of '{name}'; add an annotation"));
                return None;
            }
            _ => {
                let found = self.type_name(ty);
                let diagnostic = Diagnostic::new(Code::E0508, span, format!("Pattern has {count} parts, value has 1"))
                    .label(format!("the value is {found}"));
                self.report(diagnostic);
                return None;
            }
        };
        if items.len() != count {
            let message = format!("Pattern has {count} parts, value has {}", items.len());
            self.error(Code::E0508, span, message);
            return None;
        }
        // All of the value is evaluated before the first name changes.
        let local = self.temp(ty, value.span);
        out.push(assign(local, value));
        let mut parts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let base = Box::new(self.local_expr(local, span));
            parts.push(make(ExprKind::Field { base, index: index as u32 }, item.ty, span));
        }
        Some(parts)
    }

    /// All names visible, for hints.
    pub(crate) fn visible_names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.names.keys().map(|name| name.as_str())
    }
}
