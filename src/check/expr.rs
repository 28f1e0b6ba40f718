//! Expressions: one function that dispatches, and names.
//!
//! In: a syntax tree and the type that is expected, a hint. Out: typed IR, not yet converted to that type.
//! Deliberately not here: the constructs, each in a file of its own.

use super::body::{Body, make, unknown};
use super::decls::{Entity, FnId};
use super::scope::Found;
use super::tasks::at_once;
use crate::ast::{self, ExprKind as Ast, UnaryOp};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{Expr, ExprKind};
use crate::source::{Span, Symbol};
use crate::types::{self, FunctionKind, Type, TypeId};

impl<'a> Body<'_, 'a> {
    /// An expression that must have a value (E0302).
    pub(crate) fn expr(&mut self, ast: &'a ast::Expr, expected: Option<TypeId>) -> Expr {
        let value = self.expr_or_nothing(ast, expected);
        if value.ty.is_some() {
            return value;
        }
        let name = callee_name(ast);
        self.error(Code::E0302, ast.span, format!("Function '{name}' does not return a value"));
        unknown(ast.span)
    }

    /// An expression converted to a type.
    pub(crate) fn expr_to(&mut self, ast: &'a ast::Expr, target: TypeId) -> Expr {
        let value = self.expr(ast, Some(target));
        self.convert(value, target, ast.span)
    }

    pub(crate) fn condition_of(&mut self, ast: &'a ast::Expr) -> Expr {
        let value = self.expr(ast, Some(types::BOOL));
        self.condition(value, ast.span)
    }

    /// The expected type without its optional layer, for literals.
    pub(crate) fn expected_shape(&self, expected: Option<TypeId>) -> Option<Type> {
        let ty = expected?;
        match self.shape(ty) {
            Type::Optional(inner) => Some(self.shape(*inner).clone()),
            other => Some(other.clone()),
        }
    }

    pub(crate) fn expr_or_nothing(&mut self, ast: &'a ast::Expr, expected: Option<TypeId>) -> Expr {
        let span = ast.span;
        match &ast.kind {
            Ast::Int(literal) => self.int_literal(*literal, false, span),
            Ast::Float(value) => make(ExprKind::Float(*value), types::FLOAT, span),
            Ast::Bool(value) => make(ExprKind::Bool(*value), types::BOOL, span),
            Ast::Str(text) => make(ExprKind::Str(text.clone()), types::STRING, span),
            Ast::Nil => self.nil(span),
            Ast::Name(name) => self.name(*name, span, expected),
            Ast::Generic { name, type_args } => self.generic_name(*name, type_args, span),
            Ast::SelfValue => self.self_value(span),
            Ast::Cell => self.cell_value(span),
            Ast::Group(inner) => self.expr_or_nothing(inner, expected),
            Ast::Tuple(items) => self.tuple(items, span, expected),
            Ast::List(items) => self.list(items, span, expected),
            Ast::Set(items) => self.set(items, span, expected),
            Ast::Map(entries) => self.map(entries, span, expected),
            Ast::Json(entries) => self.json_object(entries, span),
            Ast::EmptyBraces => self.empty_braces(span, expected),
            Ast::ListComprehension { element, clauses } => self.list_comprehension(element, clauses, span, expected),
            Ast::SetComprehension { element, clauses } => self.set_comprehension(element, clauses, span, expected),
            Ast::MapComprehension { key, value, clauses } => {
                self.map_comprehension(key, value, clauses, span, expected)
            }
            Ast::Unary { op: UnaryOp::Negate, op_span, operand } => self.negate(operand, *op_span, span),
            Ast::Unary { op: UnaryOp::Not, operand, .. } => {
                let operand = self.condition_of(operand);
                make(ExprKind::Not(Box::new(operand)), types::BOOL, span)
            }
            Ast::Unary { op: UnaryOp::Await, op_span, operand } => {
                self.effect_in_formula("await", *op_span);
                at_once(self.expr_or_nothing(operand, expected))
            }
            Ast::Binary { op, op_span, left, right } => self.binary(*op, *op_span, left, right, span, expected),
            Ast::Range { start, end } => {
                self.expr_to(start, types::INT);
                self.expr_to(end, types::INT);
                self.error(Code::E0502, span, "A range is not a value here");
                unknown(span)
            }
            Ast::Ternary { condition, then, otherwise, exit: false } => {
                self.ternary(condition, then, otherwise, span, expected)
            }
            Ast::Ternary { condition, then, otherwise, exit: true } => {
                self.exit_ternary(condition, then, otherwise, span, expected)
            }
            Ast::Member { base, name, type_args } => self.member(base, *name, type_args, span, expected),
            Ast::Position { base, position, position_span } => self.position(base, *position, *position_span, span),
            Ast::Index { base, indices } => self.index(base, indices, span),
            Ast::Slice { base, start, end } => self.slice(base, start.as_deref(), end.as_deref(), span),
            Ast::Call { callee, args, args_span } => self.call(callee, args, *args_span, span, expected),
            Ast::Cast { operand, ty } => self.cast(operand, ty, span),
            Ast::PrimitiveCall { ty, arg } if is_atomic(ty) => self.new_cell(ty, arg, span),
            Ast::PrimitiveCall { ty, arg } => self.cast(arg, ty, span),
            Ast::JsonCall { name, args } => self.json_static(*name, args, span, expected),
            Ast::Lambda(lambda) => self.lambda(lambda, span),
            Ast::LlvmIr(block) => self.inline_ir(block, span),
            Ast::Error => unknown(span),
        }
    }

    fn self_value(&mut self, span: Span) -> Expr {
        match self.lookup(self.c.names.self_name) {
            Some(local) => self.local_expr(local, span),
            None => {
                self.error(Code::E0407, span, "Undeclared identifier 'self'");
                unknown(span)
            }
        }
    }

    /// A bare name read as a value.
    fn name(&mut self, name: Symbol, span: Span, expected: Option<TypeId>) -> Expr {
        if let Some(local) = self.lookup(name) {
            self.check_moved(name, local, span);
            return self.local_expr(local, span);
        }
        if let Some(field) = self.own_field(name, span) {
            return field;
        }
        match self.c.value_entity(self.scope, name) {
            Found::One(Entity::Function(id)) => return self.function_value(id, Vec::new(), span),
            Found::One(Entity::Extern(_)) => {
                let message = format!("Extern function '{name}' is not a value");
                let diagnostic = Diagnostic::new(Code::E0509, span, message).help("write a lambda that calls it");
                self.report(diagnostic);
                return unknown(span);
            }
            Found::One(Entity::Type(_) | Entity::Trait(_)) => {
                if let Some(case) = self.unqualified_case(name, span, expected) {
                    return case;
                }
                let message = format!("Undeclared identifier '{name}'");
                self.report(Diagnostic::new(Code::E0407, span, message).label("this is a type, not a value"));
                return unknown(span);
            }
            Found::Ambiguous(names) => {
                self.error(Code::E1204, span, format!("'{name}' is ambiguous: {}", names.join(", ")));
                return unknown(span);
            }
            Found::None => {}
        }
        if let Some(case) = self.unqualified_case(name, span, expected) {
            return case;
        }
        if super::builtins::function(name.as_str()).is_some() || name.as_str() == "len" {
            self.error(Code::E0512, span, format!("Built-in '{name}' is not a value; write a lambda"));
            return unknown(span);
        }
        self.undeclared(name, span);
        unknown(span)
    }

    /// A field of the receiver, by its bare name.
    pub(crate) fn own_field(&mut self, name: Symbol, span: Span) -> Option<Expr> {
        let owner = self.owner?;
        let index = *self.c.decls.types[owner.0 as usize].field_index.get(&name)?;
        let receiver = self.lookup(self.c.names.self_name)?;
        let base = self.local_expr(receiver, span);
        Some(self.field_at(base, index, span))
    }

    /// E0407 with a hint (1.4).
    pub(crate) fn undeclared(&mut self, name: Symbol, span: Span) {
        if self.c.names_incomplete(self.scope) {
            return;
        }
        let mut diagnostic = Diagnostic::new(Code::E0407, span, format!("Undeclared identifier '{name}'"));
        match name.as_str() {
            "elif" => diagnostic = diagnostic.help("write 'else if'"),
            "null" | "None" | "NULL" | "undefined" => diagnostic = diagnostic.help("write 'nil'"),
            "loop" => diagnostic = diagnostic.help("write 'while true'"),
            text => {
                let globals = self.c.global_names(self.scope);
                let builtin = ["print", "debug", "range", "str", "sqrt", "len", "sleep", "panic"];
                if let Some(near) = crate::diagnostics::nearest(text, self.visible_names()) {
                    diagnostic = diagnostic.help(format!("a variable named '{near}' is in scope"));
                } else if let Some(near) = crate::diagnostics::nearest(text, globals.chain(builtin)) {
                    diagnostic = diagnostic.help(format!("a function or type named '{near}' exists"));
                }
            }
        }
        self.report(diagnostic);
    }

    fn generic_name(&mut self, name: ast::Ident, type_args: &'a [ast::TypeExpr], span: Span) -> Expr {
        match self.c.value_entity(self.scope, name.name) {
            Found::One(Entity::Function(id)) => {
                let args = self.lower_types(type_args);
                self.function_value(id, args, span)
            }
            Found::One(_) => {
                let message = format!("Undeclared identifier '{}'", name.name);
                self.report(Diagnostic::new(Code::E0407, name.span, message).label("this is not a value"));
                unknown(span)
            }
            _ => {
                self.undeclared(name.name, name.span);
                unknown(span)
            }
        }
    }

    pub(crate) fn lower_types(&mut self, types: &[ast::TypeExpr]) -> Vec<TypeId> {
        types.iter().map(|ty| self.lower_type(ty)).collect()
    }

    pub(crate) fn lower_type(&mut self, ty: &ast::TypeExpr) -> TypeId {
        // What a body writes wrongly is said once, in its generic check.
        let env = std::mem::take(&mut self.env);
        let lowered = self.c.lower_type(ty, self.scope, &env);
        self.env = env;
        if !self.c.decls.key_checks.is_empty() {
            let mut checks = std::mem::take(&mut self.c.decls.key_checks);
            self.key_checks.append(&mut checks);
        }
        self.shared_checks.append(&mut self.c.decls.shared_checks);
        lowered
    }

    /// A named function as a value.
    pub(crate) fn function_value(&mut self, id: FnId, args: Vec<TypeId>, span: Span) -> Expr {
        let function = &self.c.decls.functions[id.0 as usize];
        let (kind, name) = (function.kind(), function.name());
        let type_params = function.type_params.clone();
        if type_params.len() != args.len() {
            let open = type_params.get(args.len()).map_or(name, |param| param.name);
            let message = format!("Cannot infer type argument '{open}' of '{name}'");
            let diagnostic = Diagnostic::new(Code::E0809, span, message)
                .help("a generic function used as a value needs its type arguments");
            self.report(diagnostic);
            return unknown(span);
        }
        let params: Vec<TypeId> = function.params.iter().map(|param| param.ty).collect();
        let result = function.result;
        let env = type_params.iter().map(|param| param.name).zip(args.iter().copied()).collect();
        let params = params.into_iter().map(|param| self.c.substitute(param, &env)).collect();
        let result = result.map(|result| self.c.substitute(result, &env));
        let ty = self.c.types.intern(Type::Function { kind, params, result });
        let target = self.target(id, args, span);
        make(ExprKind::FunctionValue(target), ty, span)
    }

    /// E0705 for operations that a formula must not have.
    pub(crate) fn effect_in_formula(&mut self, what: &str, span: Span) -> bool {
        let found = self.in_formula();
        if found {
            let formula = self.frame().name;
            self.error(Code::E0705, span, format!("Formula '{formula}' cannot use {what}"));
        }
        found
    }

    /// E0702: what a formula may call.
    pub(crate) fn check_call_kind(&mut self, kind: FunctionKind, name: &str, span: Span) {
        if kind == FunctionKind::Formula || !self.in_formula() {
            return;
        }
        let formula = self.frame().name;
        let message = format!("Formula '{formula}' cannot call {} '{name}'", kind.as_str());
        self.error(Code::E0702, span, message);
    }
}

fn is_atomic(ty: &ast::TypeExpr) -> bool {
    use ast::TypeExprKind::{AtomicBool, AtomicFloat, AtomicInt};
    matches!(ty.kind, AtomicInt | AtomicFloat | AtomicBool)
}

/// How messages name a called thing.
pub(crate) fn callee_name(ast: &ast::Expr) -> String {
    match &ast.kind {
        Ast::Call { callee, .. } => callee_name(callee),
        Ast::Name(name) => name.to_string(),
        Ast::Generic { name, .. } | Ast::Member { name, .. } => name.name.to_string(),
        Ast::Group(inner) => callee_name(inner),
        Ast::Unary { operand, .. } => callee_name(operand),
        Ast::LlvmIr(_) => "llvm_ir".to_owned(),
        _ => "expression".to_owned(),
    }
}
