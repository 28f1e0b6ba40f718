//! Function values made in place (language reference 5.11).
//!
//! In: a lambda. Out: an IR function and a closure of the captured values; E0708 for captured handles.
//! Deliberately not here: named functions as values (`expr`).

use super::body::{Body, Frame, make};
use super::handles::RESULT_MESSAGE;
use super::properties::Contains;
use crate::ast;
use crate::diagnostics::Code;
use crate::ir::{self, Expr, ExprKind, Stmt, StmtKind};
use crate::source::{Span, Symbol};
use crate::types::{self, FunctionKind, Type, TypeId};

impl<'a> Body<'_, 'a> {
    pub(crate) fn lambda(&mut self, lambda: &'a ast::Lambda, span: Span) -> Expr {
        let outer_name = self.frame().name;
        let moved = std::mem::take(&mut self.moved);
        self.frames.push(Frame {
            kind: lambda.kind,
            name: Symbol::new("lambda"),
            is_lambda: true,
            locals: Vec::new(),
            infos: Vec::new(),
            params: Vec::new(),
            captures: Vec::new(),
            result: None,
            loops: Vec::new(),
            withins: Vec::new(),
            handle_closures: Vec::new(),
            select_memories: Vec::new(),
            cycles: Vec::new(),
        });
        let mark = self.enter_block();
        let mut params: Vec<TypeId> = Vec::new();
        for param in &lambda.params {
            let ty = self.lower_type(&param.ty);
            let local = self.add_local(param.name.name, ty, param.name.span, lambda.kind == FunctionKind::Formula);
            self.bind_name(param.name.name, local);
            self.frame().params.push(local);
            params.push(ty);
        }
        let value = self.in_region(lambda.body.span, |this| this.expr_or_nothing(&lambda.body, None));
        let result = value.ty;
        self.leave_block(mark);
        self.moved = moved;
        let Some(frame) = self.frames.pop() else { crate::bug!("the lambda's frame is gone") };
        let body_span = lambda.body.span;
        let body = match result {
            Some(_) => vec![Stmt { kind: StmtKind::Return(Some(value)), span: body_span }],
            None => vec![Stmt { kind: StmtKind::Expr(value), span: body_span }],
        };
        self.captured_moves(&frame.captures, span);
        let captures: Vec<Expr> = frame.captures.iter().map(|(outer, _)| self.local_expr(*outer, span)).collect();
        if lambda.kind == FunctionKind::Task {
            self.check_task_lambda(&frame.captures, span);
            let result = self.resolve(result.unwrap_or(types::UNKNOWN));
            if self.c.contains(result, Contains::Handle) {
                self.error(Code::E0708, body_span, RESULT_MESSAGE);
            }
        }
        let func = self.new_func_id();
        let function = ir::Function {
            name: format!("{outer_name}.lambda"),
            kind: lambda.kind,
            isolated: false,
            params: frame.params,
            captures: frame.captures.iter().map(|(_, inner)| *inner).collect(),
            locals: frame.locals,
            result,
            body,
            span,
        };
        self.lambdas.push((func, function));
        let ty = self.c.types.intern(Type::Function { kind: lambda.kind, params, result });
        make(ExprKind::Closure { func, captures }, ty, span)
    }
}
