//! Expressions and types as text.
//!
//! In: expressions and types. Out: one line each. Deliberately not here: statements.

use std::fmt::Write as _;

use crate::ast::*;

pub(super) fn show_expr(expr: &Expr) -> String {
    let mut out = String::new();
    write_expr(&mut out, expr);
    out
}

pub(super) fn show_int(literal: IntLiteral) -> String {
    match literal {
        IntLiteral::Decimal(value) => value.to_string(),
        IntLiteral::Pattern(bits) => format!("{bits:#x}"),
    }
}

/// `(head part part …)`.
fn write_list<'a>(out: &mut String, head: &str, parts: impl IntoIterator<Item = &'a Expr>) {
    out.push('(');
    out.push_str(head);
    for part in parts {
        out.push(' ');
        write_expr(out, part);
    }
    out.push(')');
}

fn write_expr(out: &mut String, expr: &Expr) {
    match &expr.kind {
        ExprKind::Int(literal) => out.push_str(&show_int(*literal)),
        ExprKind::Float(value) => {
            let _ = write!(out, "{value:?}");
        }
        ExprKind::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        ExprKind::Str(text) => {
            let _ = write!(out, "{text:?}");
        }
        ExprKind::Nil => out.push_str("nil"),
        ExprKind::Name(name) => out.push_str(name.as_str()),
        ExprKind::Generic { name, type_args } => {
            let _ = write!(out, "{}{}", name.name, show_type_args(type_args));
        }
        ExprKind::SelfValue => out.push_str("self"),
        ExprKind::Cell => out.push_str("cell"),
        ExprKind::Group(inner) => write_expr(out, inner),
        ExprKind::Tuple(items) => {
            out.push_str("(tuple");
            for item in items {
                write_named(out, item.name, &item.value);
            }
            out.push(')');
        }
        ExprKind::List(items) => write_list(out, "list", items),
        ExprKind::Set(items) => write_list(out, "set", items),
        ExprKind::Map(items) => write_list(out, "map", items.iter().flat_map(|(key, value)| [key, value])),
        ExprKind::Json(items) => {
            out.push_str("(json");
            for (name, value) in items {
                write_named(out, Some(*name), value);
            }
            out.push(')');
        }
        ExprKind::EmptyBraces => out.push_str("{}"),
        ExprKind::ListComprehension { element, clauses } => write_comprehension(out, "list", &[element], clauses),
        ExprKind::SetComprehension { element, clauses } => write_comprehension(out, "set", &[element], clauses),
        ExprKind::MapComprehension { key, value, clauses } => write_comprehension(out, "map", &[key, value], clauses),
        ExprKind::Unary { op, operand, .. } => {
            let head = match op {
                UnaryOp::Negate => "-",
                UnaryOp::Not => "not",
                UnaryOp::Await => "await",
            };
            write_list(out, head, [&**operand]);
        }
        ExprKind::Binary { op, left, right, .. } => write_list(out, op.as_str(), [&**left, &**right]),
        ExprKind::Range { start, end } => write_list(out, "..", [&**start, &**end]),
        ExprKind::Ternary { condition, then, otherwise, exit } => {
            let head = if *exit { "?!" } else { "?:" };
            write_list(out, head, [&**condition, &**then, &**otherwise]);
        }
        _ => write_postfix(out, expr),
    }
}

/// What has a base or arguments.
fn write_postfix(out: &mut String, expr: &Expr) {
    match &expr.kind {
        ExprKind::Member { base, name, type_args } => {
            write_list(out, ".", [&**base]);
            out.pop();
            let _ = write!(out, " {}{})", name.name, show_type_args(type_args));
        }
        ExprKind::Position { base, position, .. } => {
            write_list(out, ".", [&**base]);
            out.pop();
            let _ = write!(out, " {position})");
        }
        ExprKind::Index { base, indices } => {
            write_list(out, "index", std::iter::once(&**base).chain(indices));
        }
        ExprKind::Slice { base, start, end } => {
            write_list(out, "slice", [&**base]);
            out.pop();
            for bound in [start, end] {
                out.push(' ');
                match bound {
                    Some(bound) => write_expr(out, bound),
                    None => out.push('_'),
                }
            }
            out.push(')');
        }
        ExprKind::Call { callee, args, .. } => {
            write_list(out, "call", [&**callee]);
            out.pop();
            write_args(out, args);
        }
        ExprKind::Cast { operand, ty } => {
            write_list(out, "as", [&**operand]);
            out.pop();
            let _ = write!(out, " {})", show_type(ty));
        }
        ExprKind::PrimitiveCall { ty, arg } => write_list(out, &show_type(ty), [&**arg]),
        ExprKind::JsonCall { name, args } => {
            let _ = write!(out, "(json.{}", name.name);
            write_args(out, args);
        }
        ExprKind::Lambda(lambda) => {
            let params: Vec<String> = lambda.params.iter().map(show_param).collect();
            write_list(out, &format!("{} ({})", lambda.kind.as_str(), params.join(" ")), [&lambda.body]);
        }
        ExprKind::LlvmIr(ir) => out.push_str(&show_llvm(ir)),
        _ => out.push_str("<error>"),
    }
}

fn write_args(out: &mut String, args: &[Arg]) {
    for arg in args {
        write_named(out, arg.name, &arg.value);
    }
    out.push(')');
}

fn write_named(out: &mut String, name: Option<Ident>, value: &Expr) {
    out.push(' ');
    if let Some(name) = name {
        let _ = write!(out, "{}: ", name.name);
    }
    write_expr(out, value);
}

fn write_comprehension(out: &mut String, head: &str, elements: &[&Expr], clauses: &[Clause]) {
    write_list(out, head, elements.iter().copied());
    out.pop();
    for clause in clauses {
        let _ = write!(out, " (for {} ", show_binder(&clause.binder));
        write_expr(out, &clause.iterable);
        if let Some(filter) = &clause.filter {
            out.push_str(" if ");
            write_expr(out, filter);
        }
        out.push(')');
    }
    out.push(')');
}

pub(super) fn show_binder(binder: &Binder) -> String {
    match binder {
        Binder::Name(name) => name.name.to_string(),
        Binder::Skip(_) => "_".to_owned(),
        Binder::Nested(parts, _) => format!("({})", parts.iter().map(show_binder).collect::<Vec<_>>().join(" ")),
    }
}

pub(super) fn show_param(param: &Param) -> String {
    let mark = if param.positional { "_ " } else { "" };
    format!("({mark}{} {})", param.name.name, show_type(&param.ty))
}

pub(super) fn show_llvm(ir: &LlvmIr) -> String {
    let mut text = "(llvm_ir".to_owned();
    for input in &ir.inputs {
        let hint = input.hint.map_or(String::new(), |hint| format!(": {}", hint.name));
        let _ = write!(text, " ({} %{}{hint})", input.variable.name, input.register);
    }
    if let Some((register, hint)) = &ir.output {
        let _ = write!(text, " -> %{register}: {}", hint.name);
    }
    let _ = write!(text, " {:?})", ir.text);
    text
}

fn show_type_args(args: &[TypeExpr]) -> String {
    let shown: Vec<String> = args.iter().map(show_type).collect();
    if shown.is_empty() { String::new() } else { format!("<{}>", shown.join(", ")) }
}

/// A type in the notation of the language.
pub(super) fn show_type(ty: &TypeExpr) -> String {
    let primitive = match &ty.kind {
        TypeExprKind::Int => "int",
        TypeExprKind::Float => "float",
        TypeExprKind::Bool => "bool",
        TypeExprKind::String => "string",
        TypeExprKind::Byte => "byte",
        TypeExprKind::Char => "char",
        TypeExprKind::Json => "json",
        TypeExprKind::AtomicInt => "atomic_int",
        TypeExprKind::AtomicFloat => "atomic_float",
        TypeExprKind::AtomicBool => "atomic_bool",
        TypeExprKind::Named { module, name, args } => {
            let module = module.map_or(String::new(), |module| format!("{}.", module.name));
            return format!("{module}{}{}", name.name, show_type_args(args));
        }
        TypeExprKind::List(element) => return format!("[{}]", show_type(element)),
        TypeExprKind::Optional(inner) => {
            let shown = show_type(inner);
            let is_function = matches!(inner.kind, TypeExprKind::Function { .. });
            return if is_function { format!("({shown})?") } else { format!("{shown}?") };
        }
        TypeExprKind::Tuple(items) => {
            let shown = items
                .iter()
                .map(|(name, ty)| name.map_or(show_type(ty), |name| format!("{}: {}", name.name, show_type(ty))));
            return format!("({})", shown.collect::<Vec<_>>().join(", "));
        }
        TypeExprKind::Function { kind, params, result } => {
            let params: Vec<String> = params.iter().map(show_type).collect();
            let result = result.as_ref().map_or(String::new(), |result| format!(" -> {}", show_type(result)));
            return format!("{}({}){result}", kind.as_str(), params.join(", "));
        }
    };
    primitive.to_owned()
}
