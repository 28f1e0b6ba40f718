//! Traits as bounds (language reference 8.6, 8.7).
//!
//! In: type arguments and the bounds of their parameters. Out: E0810, E0811; calls of bound methods in generic bodies.
//! Deliberately not here: instantiation.

use super::Checker;
use super::args::Called;
use super::body::{Body, unknown};
use super::call::Written;
use super::decls::{FnId, TraitId, TypeParam};
use super::functions::display_name;
use crate::ast::Ident;
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{Expr, ExprKind};
use crate::source::{Span, Symbol};
use crate::types::{self, FunctionKind, Type, TypeId, display::type_name};

/// Whether every type argument satisfies its bounds; says so where one does not.
pub(crate) fn check_bounds(checker: &mut Checker, function: FnId, args: &[TypeId], span: Span) -> bool {
    let params = checker.decls.functions[function.0 as usize].type_params.clone();
    let instance = display_name(checker, function, args);
    bounds_hold(checker, &params, args, &instance, span)
}

/// The same for the type arguments of a user type.
pub(crate) fn check_type_bounds(checker: &mut Checker, decl: types::DeclId, args: &[TypeId], span: Span) -> bool {
    let params = checker.decls.types[decl.0 as usize].type_params.clone();
    let ty = checker.user_type(decl, args.to_vec());
    let instance = type_name(&checker.types, ty);
    bounds_hold(checker, &params, args, &instance, span)
}

fn bounds_hold(checker: &mut Checker, params: &[TypeParam], args: &[TypeId], instance: &str, span: Span) -> bool {
    let mut satisfied = true;
    for (param, &arg) in params.iter().zip(args) {
        for &bound in &param.bounds {
            let Some(missing) = missing_method(checker, arg, bound) else { continue };
            satisfied = false;
            let trait_name = checker.decls.traits[bound.0 as usize].ast.name.name;
            let shown = type_name(&checker.types, arg);
            let message = format!("Type '{shown}' does not satisfy trait '{trait_name}': missing method '{missing}'");
            checker
                .report(Diagnostic::new(Code::E0810, span, message).note(format!("needed by the instance {instance}")));
        }
    }
    satisfied
}

/// The first method of the trait that the type lacks, or has with another signature.
fn missing_method(checker: &mut Checker, ty: TypeId, bound: TraitId) -> Option<Symbol> {
    let count = checker.decls.traits[bound.0 as usize].methods.len();
    for index in 0..count {
        let method = &checker.decls.traits[bound.0 as usize].methods[index];
        let (name, kind, result) = (method.name, method.kind, method.result);
        let params: Vec<TypeId> = method.params.iter().map(|param| param.ty).collect();
        let has = match checker.types.get(ty).clone() {
            Type::User { decl, args, .. } => user_has(checker, decl, &args, name, kind, &params, result),
            _ => builtin_has(checker, ty, name, &params, result),
        };
        if !has {
            return Some(name);
        }
    }
    None
}

fn kind_fits(found: FunctionKind, wanted: FunctionKind) -> bool {
    found == wanted || (found == FunctionKind::Formula && wanted == FunctionKind::Func)
}

fn user_has(
    checker: &mut Checker,
    decl: types::DeclId,
    args: &[TypeId],
    name: Symbol,
    kind: FunctionKind,
    params: &[TypeId],
    result: Option<TypeId>,
) -> bool {
    if let (Some(matrix), true) =
        (&checker.decls.types[decl.0 as usize].matrix, super::matrix::METHODS.contains(&name.as_str()))
    {
        let (wanted, yields): (&[TypeId], _) = match name.as_str() {
            "get" => (&[types::INT, types::INT], matrix.cell),
            "width" | "height" => (&[], types::INT),
            // Nothing else of a matrix has a type that a trait could name.
            _ => return false,
        };
        return params == wanted && result == Some(yields) && kind_fits(FunctionKind::Formula, kind);
    }
    let Some(&method) = checker.decls.types[decl.0 as usize].methods.get(&name) else { return false };
    let function = &checker.decls.functions[method.0 as usize];
    if !kind_fits(function.kind(), kind) || function.params.len() != params.len() {
        return false;
    }
    let found: Vec<TypeId> = function.params.iter().map(|param| param.ty).collect();
    let found_result = function.result;
    let env = checker.owner_env(decl, args);
    let same = |checker: &mut Checker, found: TypeId, wanted: TypeId| {
        let found = checker.substitute(found, &env);
        // A type parameter of the trait itself stands for any type.
        found == wanted || checker.has_param(wanted)
    };
    found.into_iter().zip(params).all(|(found, wanted)| same(checker, found, *wanted))
        && match (found_result, result) {
            (Some(found), Some(wanted)) => same(checker, found, wanted),
            (None, None) => true,
            _ => false,
        }
}

/// Built-in types have their methods too; all of them are formulas.
fn builtin_has(checker: &mut Checker, ty: TypeId, name: Symbol, params: &[TypeId], result: Option<TypeId>) -> bool {
    use super::builtins::text::{Bindings, instantiate};
    let Some(method) = super::builtins::method(&checker.types, ty, name.as_str()) else { return false };
    if method.params.len() != params.len() || method.result.is_some() != result.is_some() {
        return false;
    }
    let table = &mut checker.types;
    let bindings = Bindings::new(method, Some(ty), table, &mut |table| table.intern(Type::Unknown));
    let same = |found: TypeId, wanted: TypeId| found == wanted || wanted == types::UNKNOWN;
    let fits = method.params.iter().zip(params).all(|((_, text), wanted)| {
        let found = instantiate(text, &bindings, table);
        same(found, *wanted)
    });
    fits && match (method.result, result) {
        (Some(text), Some(wanted)) => same(instantiate(text, &bindings, table), wanted),
        _ => true,
    }
}

impl<'a> Body<'_, 'a> {
    /// A method call on a value of parameter type, in the generic check.
    pub(crate) fn call_bound_method(
        &mut self,
        _receiver: Expr,
        param: Symbol,
        name: Ident,
        written: Written<'a>,
    ) -> Expr {
        let bounds = self.type_params.iter().find(|known| known.name == param).map(|known| known.bounds.clone());
        for bound in bounds.unwrap_or_default() {
            let methods = &self.c.decls.traits[bound.0 as usize].methods;
            let Some(method) = methods.iter().find(|method| method.name == name.name) else { continue };
            let (kind, result) = (method.kind, method.result);
            let names = method.params.iter().map(|param| (param.name, param.positional)).collect();
            let types: Vec<TypeId> = method.params.iter().map(|param| param.ty).collect();
            self.check_call_kind(kind, name.name.as_str(), name.span);
            let called = Called {
                name: name.name.as_str(),
                params: names,
                types: &types,
                optional: 0,
                cells: false,
                span: name.span,
            };
            let arguments = self.arguments(&called, written.args, None);
            self.set_last_call(kind, name.name);
            if arguments.is_none() {
                return unknown(written.span);
            }
            return Expr { kind: ExprKind::Zero, ty: result, span: written.span };
        }
        let message = format!("Type parameter '{param}' has no method '{}'; add a trait bound", name.name);
        self.error(Code::E0811, name.span, message);
        self.drop_args(written)
    }
}
