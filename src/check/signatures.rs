//! Signatures of functions, members of types and traits.
//!
//! In: declarations with their names entered. Out: their types filled in; E0803, E0806, E0708 of declarations.
//! Deliberately not here: bodies.

use super::Checker;
use super::decls::*;
use super::properties::Contains;
use super::scope::Found;
use super::types::TypeEnv;
use crate::ast;
use crate::diagnostics::{Code, Diagnostic};
use crate::source::{Span, Symbol};
use crate::types::{self, DeclId, FunctionKind, Type, TypeId};

/// Lowers every signature.
pub(crate) fn lower_all(checker: &mut Checker) {
    for index in 0..checker.decls.types.len() {
        lower_type_params(checker, index);
    }
    for index in 0..checker.decls.types.len() {
        lower_members(checker, index);
    }
    for index in 0..checker.decls.traits.len() {
        lower_trait(checker, index);
    }
    for index in 0..checker.decls.functions.len() {
        lower_function(checker, index);
    }
    super::externs::lower_all(checker);
    for index in 0..checker.decls.types.len() {
        containment(checker, index);
    }
    super::matrix::check_cells(checker);
    for (ty, span) in std::mem::take(&mut checker.decls.key_checks) {
        checker.check_key(ty, span);
    }
    for (ty, span) in std::mem::take(&mut checker.decls.shared_checks) {
        checker.check_shared(ty, span);
    }
    task_results(checker);
}

impl Checker<'_> {
    /// E0311.
    pub(crate) fn check_key(&mut self, ty: TypeId, span: Span) -> bool {
        if !self.contains(ty, Contains::NotKey) {
            return true;
        }
        let name = types::display::type_name(&self.types, ty);
        self.error(Code::E0311, span, format!("Type '{name}' cannot be a Map key or Set element"));
        false
    }

    fn bounds(&mut self, params: &[ast::TypeParam], scope: ScopeId) -> Vec<TypeParam> {
        let mut lowered = Vec::new();
        for param in params {
            let mut bounds = Vec::new();
            for bound in &param.bounds {
                match self.type_entity(scope, bound.name) {
                    Found::One(Entity::Trait(id)) => bounds.push(id),
                    _ if self.names_incomplete(scope) => {}
                    _ => {
                        let message = format!("Unknown type '{}'", bound.name);
                        self.report(Diagnostic::new(Code::E0301, bound.span, message).label("no trait of this name"));
                    }
                }
            }
            lowered.push(TypeParam { name: param.name.name, bounds });
        }
        lowered
    }

    fn lower_params(&mut self, params: &[ast::Param], scope: ScopeId, env: &TypeEnv) -> Vec<ParamSig> {
        let lower = |param: &ast::Param| ParamSig {
            name: param.name.name,
            positional: param.positional,
            ty: self.lower_type(&param.ty, scope, env),
            span: param.name.span,
        };
        params.iter().map(lower).collect()
    }

    /// Type parameters of a type with the arguments of one instance.
    pub(crate) fn owner_env(&self, decl: DeclId, args: &[TypeId]) -> TypeEnv {
        let params = &self.decls.types[decl.0 as usize].type_params;
        params.iter().map(|param| param.name).zip(args.iter().copied()).collect()
    }
}

fn lower_type_params(checker: &mut Checker, index: usize) {
    let (ast, scope) = (checker.decls.types[index].ast, checker.decls.types[index].scope);
    if let Some(ast) = ast {
        checker.decls.types[index].type_params = checker.bounds(&ast.type_params, scope);
    }
}

fn lower_members(checker: &mut Checker, index: usize) {
    let (ast, scope) = (checker.decls.types[index].ast, checker.decls.types[index].scope);
    let Some(ast) = ast else { return super::matrix::lower_cell(checker, index) };
    let params = checker.decls.types[index].type_params.clone();
    let env = checker.identity_env(&params);
    let mut fields = Vec::new();
    for field in &ast.fields {
        let ty = checker.lower_type(&field.ty, scope, &env);
        fields.push(FieldSig { name: field.name.name, ty, span: field.name.span });
    }
    let mut cases = Vec::new();
    for case in &ast.cases {
        let mut payload = Vec::new();
        for (name, ty) in &case.fields {
            let ty = checker.lower_type(ty, scope, &env);
            payload.push(FieldSig { name: name.name, ty, span: name.span });
        }
        cases.push(CaseSig { name: case.name.name, fields: payload });
    }
    let declared = &mut checker.decls.types[index];
    declared.field_index = fields.iter().enumerate().map(|(index, field)| (field.name, index as u32)).collect();
    declared.fields = fields;
    declared.cases = cases;
    if ast::annotation(&ast.annotations, "c_layout").is_some() {
        super::externs::check_layout(checker, index);
    }
}

fn lower_trait(checker: &mut Checker, index: usize) {
    let (ast, scope) = (checker.decls.traits[index].ast, checker.decls.traits[index].scope);
    let mut methods = Vec::new();
    let own = checker.bounds(&ast.type_params, scope);
    for method in &ast.methods {
        let mut all = own.clone();
        all.extend(checker.bounds(&method.type_params, scope));
        let env = checker.identity_env(&all);
        let params = checker.lower_params(&method.params, scope, &env);
        let result = method.result.as_ref().map(|result| checker.lower_type(result, scope, &env));
        methods.push(TraitMethod { name: method.name.name, kind: method.kind, params, result });
    }
    checker.decls.traits[index].methods = methods;
}

fn lower_function(checker: &mut Checker, index: usize) {
    let (ast, scope) = (checker.decls.functions[index].ast, checker.decls.functions[index].scope);
    let owner = checker.decls.functions[index].owner;
    let mut type_params =
        owner.map(|owner| checker.decls.types[owner.0 as usize].type_params.clone()).unwrap_or_default();
    type_params.extend(checker.bounds(&ast.type_params, scope));
    let env = checker.identity_env(&type_params);
    let params = checker.lower_params(&ast.params, scope, &env);
    let result = ast.result.as_ref().map(|result| checker.lower_type(result, scope, &env));
    let result = super::matrix::formula_result(checker, FnId(index as u32), result).or(result);
    twice(checker, &params);
    if let (Some(owner), true) = (owner, checker.decls.functions[index].is_instance) {
        for param in &params {
            if checker.decls.types[owner.0 as usize].field_index.contains_key(&param.name) {
                let message = format!("Parameter '{0}' hides field '{0}'", param.name);
                checker.error(Code::E0806, param.span, message);
            }
        }
    }
    let function = &mut checker.decls.functions[index];
    function.type_params = type_params;
    function.params = params;
    function.result = result;
}

fn twice(checker: &mut Checker, params: &[ParamSig]) {
    for (index, param) in params.iter().enumerate() {
        if let Some(first) = params[..index].iter().find(|other| other.name == param.name) {
            let name = ast::Ident { name: param.name, span: param.span };
            already_declared(checker, name, first.span);
        }
    }
}

/// A type that contains itself without an indirection (8.1).
fn containment(checker: &mut Checker, index: usize) {
    let id = DeclId(index as u32);
    let mut seen = Vec::new();
    let fields = checker.decls.types[index].fields.clone();
    if let Some(matrix) = &checker.decls.types[index].matrix
        && contains_directly(checker, matrix.cell, id, &mut seen)
    {
        let message = format!("Type '{}' contains itself", matrix.ast.name.name);
        return checker.error(Code::E0803, matrix.ast.name.span, message);
    }
    for field in fields {
        if contains_directly(checker, field.ty, id, &mut seen) {
            let name: Symbol = checker.decls.types[index].name;
            let diagnostic = Diagnostic::new(Code::E0803, field.span, format!("Type '{name}' contains itself"))
                .help(format!("make the field optional or a list: '{}: {name}?'", field.name));
            checker.report(diagnostic);
            return;
        }
    }
}

fn contains_directly(checker: &Checker, ty: TypeId, wanted: DeclId, seen: &mut Vec<DeclId>) -> bool {
    match checker.types.get(ty) {
        Type::User { decl, .. } if *decl == wanted => true,
        Type::User { decl, args, .. } => {
            let params = &checker.decls.types[decl.0 as usize].type_params;
            let held = |param: &TypeParam| holds_param(checker, *decl, param.name, &mut Vec::new());
            let through = |(param, arg): (_, &TypeId)| held(param) && contains_directly(checker, *arg, wanted, seen);
            if params.iter().zip(args).any(through) {
                return true;
            }
            if seen.contains(decl) {
                return false;
            }
            seen.push(*decl);
            let declared = &checker.decls.types[decl.0 as usize];
            let cell = declared.matrix.as_ref().map(|matrix| matrix.cell);
            let members = declared.fields.iter().map(|field| field.ty).chain(cell);
            members.into_iter().any(|member| contains_directly(checker, member, wanted, seen))
        }
        Type::Tuple(items) => items.iter().any(|item| contains_directly(checker, item.ty, wanted, seen)),
        Type::Result(value, error) => {
            contains_directly(checker, *value, wanted, seen) || contains_directly(checker, *error, wanted, seen)
        }
        _ => false,
    }
}

/// Whether values of the generic type hold one of its parameter, as `held: T` does and `held: [T]` does not.
fn holds_param(checker: &Checker, decl: DeclId, param: Symbol, seen: &mut Vec<(DeclId, Symbol)>) -> bool {
    fn holds(checker: &Checker, ty: TypeId, param: Symbol, seen: &mut Vec<(DeclId, Symbol)>) -> bool {
        match checker.types.get(ty) {
            Type::Param(name) => *name == param,
            Type::User { decl, args, .. } => {
                let params = &checker.decls.types[decl.0 as usize].type_params;
                (params.iter().zip(args)).any(|(inner, arg)| {
                    holds(checker, *arg, param, seen) && holds_param(checker, *decl, inner.name, seen)
                })
            }
            Type::Tuple(items) => items.iter().any(|item| holds(checker, item.ty, param, seen)),
            Type::Result(value, error) => holds(checker, *value, param, seen) || holds(checker, *error, param, seen),
            _ => false,
        }
    }
    if seen.contains(&(decl, param)) {
        return false;
    }
    seen.push((decl, param));
    let fields = &checker.decls.types[decl.0 as usize].fields;
    fields.iter().any(|field| holds(checker, field.ty, param, seen))
}

/// Results of tasks must be sendable; handles may not leave an `@isolated` func.
fn task_results(checker: &mut Checker) {
    for index in 0..checker.decls.functions.len() {
        let function = &checker.decls.functions[index];
        let task = function.kind() == FunctionKind::Task;
        if !(task || function.isolated) {
            continue;
        }
        let (Some(result), Some(written)) = (function.result, function.ast.result.as_ref()) else { continue };
        if checker.contains(result, Contains::Handle) {
            checker.error(Code::E0708, written.span, super::handles::RESULT_MESSAGE);
        }
    }
}
