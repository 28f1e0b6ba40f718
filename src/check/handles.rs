//! Foreign handles stay in their context (language reference 11.5).
//!
//! In: arguments of task calls, captures. Out: E0708 with the founding note's text.
//! Deliberately not here: handles of the wrong library (`convert`), results of tasks (`signatures`).

use super::Checker;
use super::body::Body;
use super::decls::FnId;
use super::properties::Contains;
use crate::ast::{self, ExprKind as Ast};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{Expr, ExprKind, LocalId};
use crate::source::Span;
use crate::types::{self, FunctionKind};

const MESSAGE: &str = "Task cannot access parent func's FFI handle";

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
}

/// Task parameters that hold handles, where no call has been reported.
pub(crate) fn report_uncalled_tasks(checker: &mut Checker) {
    for index in 0..checker.decls.functions.len() {
        let function = &checker.decls.functions[index];
        let crossing = function.kind() == FunctionKind::Task || function.isolated;
        if !crossing || function.handle_reported {
            continue;
        }
        let params = function.params.clone();
        for param in params {
            if checker.contains(param.ty, Contains::Handle) {
                checker.report(diagnostic(Some(param.name.as_str()), param.span));
                break;
            }
        }
    }
}

impl<'a> Body<'_, 'a> {
    /// Arguments of a task call, or of an `@isolated` func.
    pub(crate) fn check_sent(&mut self, function: FnId, values: &[Expr], args: &'a [ast::Arg]) {
        if self.check_sent_values(values, args) {
            self.c.decls.functions[function.0 as usize].handle_reported = true;
        }
    }

    pub(crate) fn check_sent_values(&mut self, values: &[Expr], args: &'a [ast::Arg]) -> bool {
        let mut found = false;
        for (index, value) in values.iter().enumerate() {
            let Some(ty) = value.ty else { continue };
            let ty = self.resolve(ty);
            if !self.c.contains(ty, Contains::Handle) && !self.captures_handle(value) {
                continue;
            }
            // Values are in parameter order; an argument with the same place in the source names itself.
            let arg = args.iter().find(|arg| arg.value.span == value.span).or(args.get(index));
            let name = arg.and_then(|arg| match arg.value.kind {
                Ast::Name(name) => Some(name.as_str()),
                _ => None,
            });
            let span = arg.map_or(value.span, |arg| arg.value.span);
            self.report(diagnostic(name, span));
            found = true;
        }
        found
    }

    /// A lambda made here, or held by a variable of this body, that captures a handle.
    pub(crate) fn captures_handle(&mut self, value: &Expr) -> bool {
        match &value.kind {
            ExprKind::Closure { captures, .. } => captures.iter().any(|captured| {
                let ty = self.resolve(captured.ty.unwrap_or(types::UNKNOWN));
                self.c.contains(ty, Contains::Handle) || self.captures_handle(captured)
            }),
            ExprKind::Convert { operand, .. } => self.captures_handle(operand),
            ExprKind::Local(local) => self.frame().handle_closures.contains(local),
            _ => false,
        }
    }

    /// A task lambda must not capture a handle.
    pub(crate) fn check_task_lambda(&mut self, captures: &[(LocalId, LocalId)], span: Span) {
        for (outer, _) in captures {
            let local = self.frame().locals[outer.0 as usize].clone();
            let ty = self.resolve(local.ty);
            if self.c.contains(ty, Contains::Handle) {
                self.report(diagnostic(Some(local.name.as_str()), span));
            }
        }
    }
}
