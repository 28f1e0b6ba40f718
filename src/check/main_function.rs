//! The entry of a program (language reference 7.6).
//!
//! In: the declared `main`. Out: a function without parameters that calls it with what it asks for and yields the exit
//! status; E0403, E0709, E0710. Deliberately not here: how the process starts.

use super::Checker;
use super::decls::Entity;
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{self, Expr, ExprKind, FuncId, RuntimeFunction, Stmt, StmtKind};
use crate::resolve::UnitKind;
use crate::source::{Span, Symbol};
use crate::types::{self, FunctionKind, TypeId};

pub(crate) fn entry(checker: &mut Checker) -> Option<FuncId> {
    let program = checker.sources.units.iter().position(|unit| unit.kind == UnitKind::Program)?;
    let found = checker.decls.units[program].values.get(&Symbol::new("main")).copied();
    let Some((Entity::Function(main), _)) = found else {
        if !checker.decls.units[program].has_broken_file {
            let file = checker.sources.units[program].files.first().map(|file| file.ast.file);
            let diagnostic = match file {
                Some(file) => Diagnostic::new(Code::E0403, Span::new(file, 0, 0), "Program has no 'main' function"),
                None => Diagnostic::without_place(Code::E0403, "Program has no 'main' function"),
            };
            checker.report(diagnostic.help("add 'func main()'"));
        }
        return None;
    };
    let function = &checker.decls.functions[main.0 as usize];
    let (span, ast) = (function.ast.name.span, function.ast);
    let (kind, params, result) = (function.kind(), function.params.clone(), function.result);
    if kind != FunctionKind::Func {
        checker.error(Code::E0709, span, "'main' must be a func");
    }
    for param in &ast.type_params {
        let message = format!("Invalid parameter '{}' of 'main'", param.name.name);
        checker.error(Code::E0710, param.name.span, message);
    }
    let strings = checker.types.list(types::STRING);
    let mut args = Vec::new();
    for param in &params {
        match value_of(param.name.as_str(), param.ty, strings, span) {
            Some(value) => args.push(value),
            None if param.ty == types::UNKNOWN => {}
            None => {
                let message = format!("Invalid parameter '{}' of 'main'", param.name);
                let diagnostic = Diagnostic::new(Code::E0710, param.span, message)
                    .help("it may have 'args: [string]', 'stdin: posix', 'stdout: posix' and 'stderr: posix'");
                checker.report(diagnostic);
            }
        }
    }
    if result.is_some_and(|result| result != types::INT && result != types::UNKNOWN) {
        let written = ast.result.as_ref().map_or(span, |result| result.span);
        checker.error(Code::E0305, written, {
            let found = types::display::type_name(&checker.types, result.unwrap_or(types::UNKNOWN));
            format!("Type mismatch: expected int, found {found}")
        });
    }
    if checker.diagnostics.has_errors() {
        return None;
    }
    Some(synthesise(checker, main, args, result, span))
}

fn value_of(name: &str, ty: TypeId, strings: TypeId, span: Span) -> Option<Expr> {
    let standard = |descriptor| {
        let argument = Expr { kind: ExprKind::Int(descriptor), ty: Some(types::INT), span };
        (RuntimeFunction::PosixStandard, vec![argument], types::POSIX)
    };
    let (function, args, wanted) = match name {
        "args" => (RuntimeFunction::ProgramArgs, Vec::new(), strings),
        "stdin" => standard(0),
        "stdout" => standard(1),
        "stderr" => standard(2),
        _ => return None,
    };
    (ty == wanted).then_some(Expr { kind: ExprKind::Runtime { function, args }, ty: Some(ty), span })
}

fn synthesise(
    checker: &mut Checker,
    main: super::decls::FnId,
    args: Vec<Expr>,
    result: Option<TypeId>,
    span: Span,
) -> FuncId {
    let func = checker.instances.get(main, Vec::new(), 0, span);
    let call = Expr { kind: ExprKind::Call { func, args }, ty: result, span };
    let body = if result.is_some() {
        vec![Stmt { kind: StmtKind::Return(Some(call)), span }]
    } else {
        let zero = Expr { kind: ExprKind::Int(0), ty: Some(types::INT), span };
        vec![Stmt { kind: StmtKind::Expr(call), span }, Stmt { kind: StmtKind::Return(Some(zero)), span }]
    };
    let entry = checker.instances.reserve();
    checker.instances.functions[entry.0 as usize] = Some(ir::Function {
        name: "$entry".to_owned(),
        kind: FunctionKind::Func,
        isolated: false,
        params: Vec::new(),
        captures: Vec::new(),
        locals: Vec::new(),
        result: Some(types::INT),
        body,
        span,
    });
    entry
}
