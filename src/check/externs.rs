//! Signatures of C functions.
//!
//! In: `extern` declarations and the symbols of manifests. Out: `ir::Extern`s; E1101, E1102, E1107, E1108.
//! Deliberately not here: C types and their agreement (`native`), calls (`call`).

use super::Checker;
use super::decls::ScopeId;
use super::manifest_symbols;
use crate::ast::{self, TypeExpr, TypeExprKind};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{self, ErrorRule, ExternId, ExternRules};
use crate::source::{FileId, Span, Symbol};
use crate::types::{self, LibraryId, Type, TypeId};

/// Fills the table of externs, in the order of their ids.
pub(crate) fn lower_all(checker: &mut Checker) {
    for index in 0..checker.decls.externs.len() {
        let declaration = &checker.decls.externs[index];
        let (name, library) = (declaration.name, declaration.library);
        let (facts, scope) = (declaration.facts, declaration.scope);
        let declarations = declaration.declarations.clone();
        let rules = facts.map(|facts| facts.rules.clone()).unwrap_or_default();
        let c_declaration = facts.and_then(|facts| facts.c_declaration.clone());
        let external = match declarations.first() {
            Some(&(ast, scope)) => {
                let mut lowered = declared(checker, ast, scope, rules);
                lowered.library = library;
                let annotated = ast::annotation(&ast.annotations, "c").and_then(|found| found.text.clone());
                if let Some(facts) = facts {
                    manifest_symbols::compare(checker, &lowered, facts, scope);
                }
                lowered.c_declaration = annotated.map(|(text, _)| text).or(c_declaration);
                lowered
            }
            None => from_manifest(checker, name, library, facts, scope, rules, c_declaration),
        };
        for &(other, scope) in declarations.iter().skip(1) {
            agree(checker, &external, other, scope);
        }
        checker.externs.push(external);
    }
}

fn declared(checker: &mut Checker, ast: &ast::Extern, scope: ScopeId, rules: ExternRules) -> ir::Extern {
    let external = signature(checker, ast, scope, rules);
    for (param, written) in external.params.iter().zip(&ast.params) {
        let fits = if param.out { fits_out(checker, param.ty) } else { fits_param(checker, param.ty) };
        if !fits {
            cannot_cross(checker, param.ty, written.ty.span);
        }
    }
    if let (Some(result), Some(written)) = (external.result, &ast.result) {
        check_result(checker, &external, result, written);
    }
    external
}

fn signature(checker: &mut Checker, ast: &ast::Extern, scope: ScopeId, rules: ExternRules) -> ir::Extern {
    let env = Vec::new();
    let mut params = Vec::new();
    for param in &ast.params {
        let ty = checker.lower_type(&param.ty, scope, &env);
        params.push(ir::ExternParam { name: param.name.name, ty, out: param.out });
    }
    let result = ast.result.as_ref().map(|result| checker.lower_type(result, scope, &env));
    ir::Extern { name: ast.name.name, library: None, params, result, c_declaration: None, rules, span: ast.name.span }
}

fn agree(checker: &mut Checker, first: &ir::Extern, ast: &ast::Extern, scope: ScopeId) {
    let other = signature(checker, ast, scope, ExternRules::default());
    let shape = |external: &ir::Extern| external.params.iter().map(|param| (param.ty, param.out)).collect::<Vec<_>>();
    if shape(first) == shape(&other) && first.result == other.result {
        return;
    }
    let message = format!("Conflicting declarations of extern '{}'", ast.name.name);
    checker
        .report(Diagnostic::new(Code::E1101, ast.name.span, message).secondary(first.span, "declared otherwise here"));
}

/// A symbol without an `extern`: its types are those that the manifest names.
fn from_manifest(
    checker: &mut Checker,
    name: Symbol,
    library: Option<LibraryId>,
    facts: Option<&crate::resolve::SymbolFacts>,
    scope: ScopeId,
    rules: ExternRules,
    c_declaration: Option<String>,
) -> ir::Extern {
    let mut params = Vec::new();
    let mut result = None;
    if let Some(facts) = facts {
        for (index, text) in facts.params.iter().flatten().enumerate() {
            let (out, text) = manifest_param(text);
            let ty = manifest_type(checker, text, scope);
            params.push(ir::ExternParam { name: Symbol::new(&format!("p{}", index + 1)), ty, out });
        }
        result = facts.returns.as_ref().map(|text| manifest_type(checker, text, scope));
    }
    let span = Span::new(FileId(0), 0, 0);
    ir::Extern { name, library, params, result, c_declaration, rules, span }
}

/// Whether a parameter of a manifest is an `out` one, and the text of its type.
pub(super) fn manifest_param(text: &str) -> (bool, &str) {
    match text.trim().strip_prefix("out ") {
        Some(rest) => (true, rest),
        None => (false, text.trim()),
    }
}

/// The few types that can cross, as a manifest writes them. An unknown name stays unknown: `native` compares.
pub(super) fn manifest_type(checker: &mut Checker, text: &str, scope: ScopeId) -> TypeId {
    let text = text.trim();
    if let Some(inner) = text.strip_suffix('?') {
        let inner = manifest_type(checker, inner, scope);
        return checker.types.optional(inner);
    }
    if let Some(args) = text.strip_prefix("Result<").and_then(|rest| rest.strip_suffix('>'))
        && let Some((value, error)) = args.rsplit_once(',')
    {
        let value = manifest_type(checker, value, scope);
        let error = manifest_type(checker, error, scope);
        return checker.types.intern(Type::Result(value, error));
    }
    match text {
        "int" => types::INT,
        "float" => types::FLOAT,
        "bool" => types::BOOL,
        "byte" => types::BYTE,
        "char" => types::CHAR,
        "string" | "String" => types::STRING,
        "handle" => {
            let library = checker.library_of(scope);
            checker.types.intern(Type::Handle(library))
        }
        "[byte]" | "List<byte>" => checker.types.list(types::BYTE),
        "Array<byte>" => checker.types.array(types::BYTE),
        other => match checker.type_entity(scope, Symbol::new(other)) {
            super::scope::Found::One(super::decls::Entity::Type(decl)) => checker.user_type(decl, Vec::new()),
            _ => types::UNKNOWN,
        },
    }
}

fn is_bytes(checker: &Checker, ty: TypeId) -> bool {
    matches!(checker.types.get(ty), Type::List(types::BYTE) | Type::Array(types::BYTE))
}

fn has_layout(checker: &Checker, ty: TypeId) -> bool {
    let Type::User { decl, .. } = checker.types.get(ty) else { return false };
    let ast = checker.decls.types[decl.0 as usize].ast;
    ast.is_some_and(|ast| ast::annotation(&ast.annotations, "c_layout").is_some())
}

fn fits_param(checker: &Checker, ty: TypeId) -> bool {
    match checker.types.get(ty) {
        Type::Int | Type::Float | Type::Bool | Type::Byte | Type::Char | Type::String => true,
        Type::Handle(_) | Type::Unknown => true,
        Type::Optional(inner) => matches!(checker.types.get(*inner), Type::String | Type::Handle(_)),
        _ => is_bytes(checker, ty) || has_layout(checker, ty),
    }
}

fn fits_out(checker: &Checker, ty: TypeId) -> bool {
    matches!(checker.types.get(ty), Type::Int | Type::Float | Type::Bool | Type::Unknown) || is_bytes(checker, ty)
}

fn cannot_cross(checker: &mut Checker, ty: TypeId, span: Span) {
    let name = types::display::type_name(&checker.types, ty);
    let mut diagnostic = Diagnostic::new(Code::E1102, span, format!("Type '{name}' cannot cross the foreign boundary"));
    if let Type::User { decl, .. } = *checker.types.get(ty)
        && !checker.decls.types[decl.0 as usize].is_enum()
    {
        diagnostic = diagnostic.help("a type marked @c_layout crosses as a C struct");
    }
    checker.report(diagnostic);
}

fn check_result(checker: &mut Checker, external: &ir::Extern, result: TypeId, written: &TypeExpr) {
    let Type::Result(value, error) = *checker.types.get(result) else {
        if !fits_param(checker, result) {
            cannot_cross(checker, result, written.span);
        }
        return;
    };
    let Some(rule) = external.rules.error else {
        let message = format!("Extern '{}' needs an 'error' rule in the manifest", external.name);
        let help = format!(
            "the entry of '{}' in [[ffi.….symbols]] says how it fails: error = \"fail\", \"negative\", \"nonzero\", \
             \"null\" or \"errno\"",
            external.name
        );
        checker.report(Diagnostic::new(Code::E1107, written.span, message).help(help));
        return;
    };
    let value_fits = match rule {
        ErrorRule::Nonzero => value == types::BOOL,
        ErrorRule::Negative => value == types::INT,
        _ => fits_param(checker, value),
    };
    if !value_fits {
        let message = format!("Extern '{}' needs an 'error' rule in the manifest", external.name);
        let name = types::display::type_name(&checker.types, value);
        let diagnostic = Diagnostic::new(Code::E1107, written.span, message)
            .label(format!("this rule cannot give an Ok of type {name}"));
        checker.report(diagnostic);
    } else if error != types::INT && error != types::STRING {
        let span = match &written.kind {
            TypeExprKind::Named { args, .. } if args.len() == 2 => args[1].span,
            _ => written.span,
        };
        cannot_cross(checker, error, span);
    }
}

/// E1108: field types of a `@c_layout` type.
pub(crate) fn check_layout(checker: &mut Checker, index: usize) {
    let fields = checker.decls.types[index].fields.clone();
    for field in fields {
        let plain = matches!(
            checker.types.get(field.ty),
            Type::Int | Type::Float | Type::Bool | Type::Byte | Type::Handle(_) | Type::Unknown
        );
        if !plain && !has_layout(checker, field.ty) {
            let message = format!("Field '{}' cannot be part of a C layout", field.name);
            checker.error(Code::E1108, field.span, message);
        }
    }
}

impl Checker<'_> {
    pub(crate) fn external(&self, id: ExternId) -> &ir::Extern {
        &self.externs[id.0 as usize]
    }
}
