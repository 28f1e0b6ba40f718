//! Foreign handles stay in their context (language reference 11.5).
//!
//! In: arguments and receivers of task calls, captures, what tasks return. Out: E0708 with the founding note's text.
//! Deliberately not here: handles of the wrong library (`convert`), declared results of tasks (`signatures`).

use super::Checker;
use super::body::Body;
use super::decls::FnId;
use super::properties::Contains;
use crate::ast::{self, ExprKind as Ast};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{Expr, ExprKind, LocalId};
use crate::source::{Span, Symbol};
use crate::types::{self, FunctionKind, TypeId};

const MESSAGE: &str = "Task cannot access parent func's FFI handle";
pub(crate) const RESULT_MESSAGE: &str = "Task cannot return an FFI handle";

/// A value on its way into a task whose type is not known yet.
pub(crate) struct SendCheck {
    ty: TypeId,
    variable: Option<Symbol>,
    span: Span,
}

/// The paragraphs of the founding note; the first names the variable where there is one.
fn diagnostic(variable: Option<&str>, span: Span) -> Diagnostic {
    let what = match variable {
        Some(name) => format!("The variable '{name}' holds an FFI handle created in the parent func."),
        None => "The value holds an FFI handle created in the parent func.".to_owned(),
    };
    Diagnostic::new(Code::E0708, span, MESSAGE)
        .body(format!(
            "{what}\nTasks have isolated FFI instances and cannot use handles from parent scopes."
        ))
        .body("To use FFI in a task, call the extern function directly within the task:")
        .body(
            "    task for doc in docs\n        r = regex_compile(pattern)  # Creates task-local instance\n        result = regex_find_all(r, doc)\n        regex_free(r)\n        yield result\n    ~",
        )
        .body("This creates an isolated FFI instance per task, enabling safe parallel\nexecution of thread-unsafe foreign code.")
        .help("declare a 'task' of its own and call it: 'results = for doc in docs  find_in(doc) ~'")
}

/// Task parameters that hold handles, where no call has been reported.
pub(crate) fn report_uncalled_tasks(checker: &mut Checker) {
    for index in 0..checker.decls.functions.len() {
        let function = &checker.decls.functions[index];
        let crossing = function.kind() == FunctionKind::Task || function.isolated;
        if !crossing || function.handle_reported {
            continue;
        }
        let self_param = function.owner.filter(|_| function.is_instance).and_then(|owner| {
            let span = function.ast.self_param.unwrap_or(function.ast.name.span);
            Some((owner, span)).filter(|(owner, _)| checker.decls.types[owner.0 as usize].type_params.is_empty())
        });
        let mut params: Vec<(Symbol, TypeId, Span)> =
            function.params.iter().map(|param| (param.name, param.ty, param.span)).collect();
        if let Some((owner, span)) = self_param {
            let ty = checker.user_type(owner, Vec::new());
            params.insert(0, (checker.names.self_name, ty, span));
        }
        for (name, ty, span) in params {
            if checker.contains(ty, Contains::Handle) {
                checker.report(diagnostic(Some(name.as_str()), span));
                break;
            }
        }
    }
}

impl<'a> Body<'_, 'a> {
    /// Receiver and arguments of a call of a task, or of an `@isolated` func, and what it yields.
    pub(crate) fn check_sent(
        &mut self,
        function: FnId,
        receiver: Option<&Expr>,
        values: &[Expr],
        args: &'a [ast::Arg],
        (result, span): (Option<TypeId>, Span),
    ) {
        let mut found = receiver.is_some_and(|receiver| self.check_sent_value(receiver, None, receiver.span));
        found |= self.check_sent_values(values, args);
        if found {
            self.c.decls.functions[function.0 as usize].handle_reported = true;
            return;
        }
        // A result that says it holds a handle is reported where it is declared.
        let declared = self.c.decls.functions[function.0 as usize].result;
        if let (Some(declared), Some(result)) = (declared, result)
            && self.c.has_param(declared)
        {
            let result = self.resolve(result);
            if self.c.contains(result, Contains::Handle) {
                self.error(Code::E0708, span, RESULT_MESSAGE);
            }
        }
    }

    pub(crate) fn check_sent_values(&mut self, values: &[Expr], args: &'a [ast::Arg]) -> bool {
        let mut found = false;
        for (index, value) in values.iter().enumerate() {
            // Values are in parameter order; an argument with the same place in the source names itself.
            let arg = args.iter().find(|arg| arg.value.span == value.span).or(args.get(index));
            let name = arg.and_then(|arg| variable_of(&arg.value));
            let span = arg.map_or(value.span, |arg| arg.value.span);
            found |= self.check_sent_value(value, name, span);
        }
        found
    }

    fn check_sent_value(&mut self, value: &Expr, name: Option<Symbol>, span: Span) -> bool {
        let Some(ty) = value.ty else { return false };
        let ty = self.resolve(ty);
        if self.c.has_variable(ty) {
            self.send_checks.push(SendCheck { ty, variable: name, span });
        }
        if !self.c.contains(ty, Contains::Handle) && !self.captures_handle(value) {
            return false;
        }
        let name = name.or_else(|| self.local_name(value));
        self.report(diagnostic(name.map(Symbol::as_str), span));
        true
    }

    fn local_name(&mut self, value: &Expr) -> Option<Symbol> {
        let ExprKind::Local(local) = value.kind else { return None };
        let name = self.frame().locals[local.0 as usize].name;
        (!name.as_str().starts_with('$')).then_some(name)
    }

    /// What was sent before its type was known.
    pub(crate) fn finish_send_checks(&mut self) {
        for check in std::mem::take(&mut self.send_checks) {
            let ty = self.resolve(check.ty);
            if self.c.contains(ty, Contains::Handle) {
                self.report(diagnostic(check.variable.map(Symbol::as_str), check.span));
            }
        }
    }

    /// A lambda made here, or held by a variable of this body, that captures a handle; also as a part of a value made here.
    pub(crate) fn captures_handle(&mut self, value: &Expr) -> bool {
        match &value.kind {
            ExprKind::Closure { captures, .. } => captures.iter().any(|captured| {
                let ty = self.resolve(captured.ty.unwrap_or(types::UNKNOWN));
                self.c.contains(ty, Contains::Handle) || self.captures_handle(captured)
            }),
            ExprKind::Convert { operand, .. } | ExprKind::Some(operand) => self.captures_handle(operand),
            ExprKind::Local(local) => self.frame().handle_closures.contains(local),
            ExprKind::If { then, otherwise, .. } => self.captures_handle(then) || self.captures_handle(otherwise),
            ExprKind::Block { value: Some(value), .. } => self.captures_handle(value),
            ExprKind::Aggregate(items)
            | ExprKind::Case { args: items, .. }
            | ExprKind::ListLiteral(items)
            | ExprKind::ArrayLiteral(items) => items.iter().any(|item| self.captures_handle(item)),
            ExprKind::MapLiteral(entries) => entries.iter().any(|(_, value)| self.captures_handle(value)),
            _ => false,
        }
    }

    /// A task lambda must not capture a handle.
    pub(crate) fn check_task_lambda(&mut self, captures: &[(LocalId, LocalId)], span: Span) {
        for (outer, _) in captures {
            let local = self.frame().locals[outer.0 as usize].clone();
            let ty = self.resolve(local.ty);
            if self.c.contains(ty, Contains::Handle) || self.frame().handle_closures.contains(outer) {
                self.report(diagnostic(Some(local.name.as_str()), span));
            }
        }
    }

    /// A task's result whose type does not say that it holds a handle.
    pub(crate) fn check_returned(&mut self, value: &Expr, span: Span) {
        let leaves =
            self.frame().kind == FunctionKind::Task || self.c.decls.functions[self.function.0 as usize].isolated;
        if leaves && self.captures_handle(value) {
            self.error(Code::E0708, span, RESULT_MESSAGE);
        }
    }
}

/// The variable that an argument is, or is a part of.
fn variable_of(arg: &ast::Expr) -> Option<Symbol> {
    match &arg.kind {
        Ast::Name(name) => Some(*name),
        Ast::Group(inner)
        | Ast::Member { base: inner, .. }
        | Ast::Position { base: inner, .. }
        | Ast::Index { base: inner, .. } => variable_of(inner),
        _ => None,
    }
}
