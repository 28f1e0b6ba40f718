//! Bodies: the generic check of each, and the elaboration of each instance.
//!
//! In: signatures. Out: functions of the typed IR, and the finished program.
//! Deliberately not here: what statements mean.

use super::Checker;
use super::body::{Body, Frame};
use super::decls::FnId;
use super::fast_map::FastMap;
use super::types::{TypeEnv, parts};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{self, Definition, FuncId};
use crate::source::{Span, Symbol};
use crate::types::{self, Type, TypeId, display::type_name};
use std::collections::BTreeMap;

/// How deep instantiations may be nested (E0812).
const MAX_DEPTH: u32 = 200;

/// Elaborates every function without type parameters, checks every generic one, and follows the instances they need.
pub(crate) fn check_bodies(checker: &mut Checker) {
    for index in 0..checker.decls.functions.len() {
        let id = FnId(index as u32);
        let function = &checker.decls.functions[index];
        if checker.is_broken(function.ast.name.span.file) {
            continue;
        }
        let span = function.ast.name.span;
        if function.type_params.is_empty() {
            checker.instances.get(id, Vec::new(), 0, span);
        } else {
            generic_check(checker, id);
        }
    }
    while let Some(request) = checker.instances.open.pop_front() {
        let function = &checker.decls.functions[request.function.0 as usize];
        if function.faulty || checker.is_broken(function.ast.name.span.file) {
            continue;
        }
        if request.depth > MAX_DEPTH || super::sizes::too_large(checker, &request.args) {
            if !checker.instances.too_deep {
                checker.instances.too_deep = true;
                checker.error(Code::E0812, request.span, "Generic instantiation is too deep");
            }
            continue;
        }
        if !super::traits::check_bounds(checker, request.function, &request.args, request.span) {
            continue;
        }
        elaborate(checker, request);
    }
}

fn generic_check(checker: &mut Checker, id: FnId) {
    let params = checker.decls.functions[id.0 as usize].type_params.clone();
    let env = checker.identity_env(&params);
    let errors = checker.diagnostics.error_count();
    let mut body = new_body(checker, id, env, 0);
    body.generic = true;
    drop(body.run());
    if checker.diagnostics.error_count() > errors {
        checker.decls.functions[id.0 as usize].faulty = true;
    }
}

fn elaborate(checker: &mut Checker, request: super::instances::Request) {
    let super::instances::Request { function: id, args, id: func, depth, span } = request;
    let function = &checker.decls.functions[id.0 as usize];
    let env: TypeEnv = function.type_params.iter().map(|param| param.name).zip(args.iter().copied()).collect();
    let name = display_name(checker, id, &args);
    let mut body = new_body(checker, id, env, depth);
    body.instance = (!args.is_empty()).then(|| (name.clone(), span));
    let (finished, lambdas) = body.run();
    let mut finished = finished;
    finished.name = name;
    if let Some((decl, _)) = checker.matrix_of_formula(id) {
        let grid = checker.user_type(decl, Vec::new());
        let cell = checker.instances.reserve();
        let whole = super::matrix::grid_function(cell, &finished, grid);
        finished.name.push_str(".cell");
        checker.instances.functions[cell.0 as usize] = Some(finished);
        finished = whole;
    }
    checker.instances.functions[func.0 as usize] = Some(finished);
    for (id, lambda) in lambdas {
        checker.instances.functions[id.0 as usize] = Some(lambda);
    }
}

/// `Vec2.dot`, `heavier<int>`.
pub(crate) fn display_name(checker: &Checker, id: FnId, args: &[TypeId]) -> String {
    let function = &checker.decls.functions[id.0 as usize];
    let owned = function.owner.map_or(0, |owner| checker.decls.types[owner.0 as usize].type_params.len());
    let list = |args: &[TypeId]| {
        if args.is_empty() {
            return String::new();
        }
        let names: Vec<String> = args.iter().map(|arg| type_name(&checker.types, *arg)).collect();
        format!("<{}>", names.join(", "))
    };
    let (owner_args, own_args) = args.split_at(owned.min(args.len()));
    match function.owner {
        Some(owner) => {
            let owner = checker.decls.types[owner.0 as usize].name;
            format!("{owner}{}.{}{}", list(owner_args), function.name(), list(own_args))
        }
        None => format!("{}{}", function.name(), list(own_args)),
    }
}

fn new_body<'c, 'a>(checker: &'c mut Checker<'a>, id: FnId, env: TypeEnv, depth: u32) -> Body<'c, 'a> {
    let function = &checker.decls.functions[id.0 as usize];
    let (scope, owner, instance, span) = (function.scope, function.owner, function.is_instance, function.ast.span);
    let type_params = function.type_params.clone();
    let (kind, name, result) = (function.kind(), function.name(), checker.body_result(id));
    let result = result.map(|result| checker.substitute(result, &env));
    let self_ty = owner.map(|owner| {
        let count = checker.decls.types[owner.0 as usize].type_params.len();
        let args = env.iter().take(count).map(|(_, ty)| *ty).collect();
        checker.user_type(owner, args)
    });
    let frame = Frame {
        kind,
        name,
        is_lambda: false,
        locals: Vec::new(),
        infos: Vec::new(),
        params: Vec::new(),
        captures: Vec::new(),
        result,
        loops: Vec::new(),
        withins: Vec::new(),
        handle_closures: Vec::new(),
        select_memories: Vec::new(),
        cycles: Vec::new(),
    };
    Body {
        c: checker,
        function: id,
        scope,
        env,
        type_params,
        generic: false,
        instance: None,
        depth,
        owner,
        self_ty: self_ty.filter(|_| instance),
        vars: Vec::new(),
        frames: vec![frame],
        names: FastMap::default(),
        undo: Vec::new(),
        block: 0,
        blocks: 0,
        region: span,
        statement: span,
        deferred: Vec::new(),
        lambdas: Vec::new(),
        moved: Vec::new(),
        key_checks: Vec::new(),
        send_checks: Vec::new(),
        shared_checks: Vec::new(),
        cycle_checks: Vec::new(),
        json_checks: Vec::new(),
        bound_checks: Vec::new(),
        last_call: super::stmt::LastCall::Effect,
        case_parts: None,
        before_coalesce: Vec::new(),
    }
}

impl<'a> Body<'_, 'a> {
    /// Elaborates the body and solves its types.
    fn run(mut self) -> (ir::Function, Vec<(FuncId, ir::Function)>) {
        let ast = self.c.decls.functions[self.function.0 as usize].ast;
        let params = self.c.decls.functions[self.function.0 as usize].params.clone();
        let formula = self.in_formula();
        if let Some(self_ty) = self.self_ty {
            let name = self.c.names.self_name;
            let local = self.add_local(name, self_ty, ast.self_param.unwrap_or(ast.name.span), true);
            self.bind_name(name, local);
            self.frame().params.push(local);
        }
        if self.c.matrix_of_formula(self.function).is_some() {
            for name in [self.c.names.x, self.c.names.y] {
                let local = self.add_local(name, types::INT, ast.name.span, true);
                self.bind_name(name, local);
                self.frame().params.push(local);
            }
        }
        for param in params {
            let env = std::mem::take(&mut self.env);
            let ty = self.c.substitute(param.ty, &env);
            self.env = env;
            let local = self.add_local(param.name, ty, param.span, formula);
            self.bind_name(param.name, local);
            self.frame().params.push(local);
        }
        let mut out = Vec::new();
        let falls = self.block(&ast.body, &mut out);
        if falls && self.frame().result.is_some_and(|result| result != types::UNKNOWN) {
            self.missing_return(ast.name.span, ast.name.name);
        }
        self.finish(out, ast.span)
    }

    fn missing_return(&mut self, span: Span, name: Symbol) {
        let diagnostic = Diagnostic::new(Code::E0611, span, format!("Missing return in '{name}'"))
            .label("a path reaches the end without 'return'");
        self.report(diagnostic);
    }
}

/// Puts the program together.
pub(crate) fn into_program(
    mut checker: Checker,
    definitions: BTreeMap<TypeId, Definition>,
    entry: FuncId,
) -> ir::Program {
    let missing = |index| move || crate::bug!("function {index} was never elaborated");
    let functions = std::mem::take(&mut checker.instances.functions);
    let functions =
        functions.into_iter().enumerate().map(|(index, function)| function.unwrap_or_else(missing(index))).collect();
    ir::Program {
        types: checker.types,
        definitions,
        functions,
        externs: checker.externs,
        inline_blocks: checker.inline_blocks,
        libraries: checker.sources.libraries.iter().map(|library| library.name).collect(),
        entry,
    }
}

/// Members of every user type and Result that occurs; looking at one can bring more.
pub(crate) fn definitions(checker: &mut Checker) -> BTreeMap<TypeId, Definition> {
    let mut depths: Vec<u32> = Vec::new();
    let mut definitions = BTreeMap::new();
    let mut index = 0;
    while index < checker.types.len() {
        let id = TypeId(index as u32);
        index += 1;
        let inner = parts(checker.types.get(id)).into_iter().map(|part| depths[part.0 as usize]).max();
        depths.push(inner.map_or(0, |depth| depth + 1));
        if !checker.is_concrete(id) {
            continue;
        }
        if depths[id.0 as usize] > MAX_DEPTH {
            // A type whose members are instances of itself with ever larger arguments.
            if let Type::User { decl, .. } = *checker.types.get(id) {
                let span = checker.decls.types[decl.0 as usize].ast.map(|ast| ast.name.span);
                if let Some(span) = span {
                    checker.error(Code::E0812, span, "Generic instantiation is too deep");
                    break;
                }
            }
        }
        let definition = match checker.types.get(id).clone() {
            Type::Result(value, error) => {
                let case = |name: &str, field: &str, ty| ir::Case {
                    name: Symbol::new(name),
                    fields: vec![ir::Field { name: Symbol::new(field), ty }],
                };
                Definition::Enum { cases: vec![case("Ok", "value", value), case("Err", "error", error)] }
            }
            Type::User { decl, args, .. } => {
                let env = checker.owner_env(decl, &args);
                user_definition(checker, decl, &env)
            }
            _ => continue,
        };
        definitions.insert(id, definition);
    }
    super::sizes::report(checker, &definitions);
    definitions
}

fn user_definition(checker: &mut Checker, decl: crate::types::DeclId, env: &TypeEnv) -> Definition {
    let declared = &checker.decls.types[decl.0 as usize];
    if let Some(matrix) = &declared.matrix {
        return Definition::Matrix { cell: matrix.cell, size: matrix.size };
    }
    let (fields, cases) = (declared.fields.clone(), declared.cases.clone());
    let ast = declared.ast;
    let mut lower = |fields: &[super::decls::FieldSig]| -> Vec<ir::Field> {
        let lower =
            |field: &super::decls::FieldSig| ir::Field { name: field.name, ty: checker.substitute(field.ty, env) };
        fields.iter().map(lower).collect()
    };
    if !cases.is_empty() {
        let cases = cases.iter().map(|case| ir::Case { name: case.name, fields: lower(&case.fields) }).collect();
        return Definition::Enum { cases };
    }
    let c_layout = ast.filter(|ast| crate::ast::annotation(&ast.annotations, "c_layout").is_some()).map(|ast| {
        let named = |field: &crate::ast::Field| {
            let annotation = crate::ast::annotation(&field.annotations, "c")?;
            annotation.text.as_ref().map(|(text, _)| text.clone())
        };
        ir::CLayout { field_types: ast.fields.iter().map(named).collect() }
    });
    Definition::Record { fields: lower(&fields), c_layout }
}
