//! What `coexc commentary` says beside warnings (language reference 12.6).
//!
//! In: the text of a file without errors. Out: notes `MOVE` and `KIND`, found from the tree and the words of a function,
//! and only where they are certain. Deliberately not here: warnings, and the lines of the file (`cli`).

use std::collections::HashSet;

use super::phases;
use super::run::on_large_stack;
use crate::ast::{Block, ExprKind, Function, FunctionKind, Item, Module, RightSide, Stmt, StmtKind, Unpack};
use crate::diagnostics::Diagnostics;
use crate::source::{FileId, SourceFile, Span, Symbol};

/// One note, and the line (from 1) that it concerns.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub line: u32,
    pub tag: &'static str,
    pub text: String,
}

pub fn notes(id: FileId, file: &SourceFile) -> Vec<Note> {
    on_large_stack(|| of_module(&phases::parse(id, &file.text, &mut Diagnostics::default()), file))
}

fn line(file: &SourceFile, span: Span) -> u32 {
    file.line_column(span.start).0
}

fn of_module(module: &Module, file: &SourceFile) -> Vec<Note> {
    let mut notes = Vec::new();
    let pure = pure_names(module);
    for item in &module.items {
        let functions = match item {
            Item::Function(function) => {
                if only_computes(function, &pure, &file.text) {
                    let text = format!("'{}' only computes: it can be a formula", function.name.name);
                    notes.push(Note { line: line(file, function.name.span), tag: "KIND", text });
                }
                std::slice::from_ref(function)
            }
            Item::Type(decl) => decl.methods.as_slice(),
            _ => continue,
        };
        for function in functions {
            let mut names: HashSet<Symbol> = function.params.iter().map(|param| param.name.name).collect();
            bound_names(&function.body, &mut names);
            moves(&function.body, function, &names, file, &mut notes);
        }
    }
    notes
}

/// Names of variables that a block and the blocks inside bind.
fn bound_names(block: &Block, names: &mut HashSet<Symbol>) {
    fn of_target(target: &Unpack, names: &mut HashSet<Symbol>) {
        match target {
            Unpack::Name(name) => drop(names.insert(name.name)),
            Unpack::Skip(_) => {}
            Unpack::Nested(parts, _) => parts.iter().for_each(|part| of_target(part, names)),
        }
    }
    for stmt in &block.stmts {
        match &stmt.kind {
            StmtKind::Bind { name, .. } => drop(names.insert(name.name)),
            StmtKind::Unpack { target, .. } => of_target(target, names),
            _ => {}
        }
        inner_blocks(stmt).into_iter().for_each(|inner| bound_names(inner, names));
    }
}

/// The blocks of a statement that run at most once for each time that the statement does.
fn inner_blocks(stmt: &Stmt) -> Vec<&Block> {
    match &stmt.kind {
        StmtKind::If { arms, otherwise } => arms.iter().map(|(_, block)| block).chain(otherwise).collect(),
        StmtKind::Match { arms, .. } => arms.iter().map(|arm| &arm.body).collect(),
        StmtKind::Within { body, otherwise, .. } => std::iter::once(body).chain(otherwise).collect(),
        _ => Vec::new(),
    }
}

/// `y = x` where x is not mentioned again. In loops the next round would mention it.
fn moves(block: &Block, function: &Function, names: &HashSet<Symbol>, file: &SourceFile, notes: &mut Vec<Note>) {
    for stmt in &block.stmts {
        if let StmtKind::Bind { name, moves: false, value: RightSide::Expr(value), .. } = &stmt.kind
            && let ExprKind::Name(from) = value.kind
            && from != name.name
            && names.contains(&from)
        {
            let rest = &file.text[stmt.span.end as usize..function.span.end as usize];
            if !words(rest).any(|(_, word)| word == from.as_str()) {
                let text = format!("'{from}' is not used again: '{} := {from}' moves it", name.name);
                notes.push(Note { line: line(file, stmt.span), tag: "MOVE", text });
            }
        }
        inner_blocks(stmt).into_iter().for_each(|inner| moves(inner, function, names, file, notes));
    }
}

/// What a formula may call by a bare name: formulas of the file, its types and cases, pure built-ins.
fn pure_names(module: &Module) -> HashSet<Symbol> {
    const BUILT_IN: &[&str] =
        &["str", "sqrt", "len", "panic", "Ok", "Err", "int", "float", "bool", "string", "byte", "char"];
    let mut names: HashSet<Symbol> = BUILT_IN.iter().map(|name| Symbol::new(name)).collect();
    let mut other = HashSet::new();
    for item in &module.items {
        match item {
            Item::Function(function) if function.kind == FunctionKind::Formula => {
                names.insert(function.name.name);
            }
            Item::Function(function) => drop(other.insert(function.name.name)),
            Item::Type(decl) => {
                names.insert(decl.name.name);
                names.extend(decl.cases.iter().map(|case| case.name.name));
            }
            _ => {}
        }
    }
    // A func of the name of a built-in is the one that is called.
    names.retain(|name| !other.contains(name));
    names
}

/// Whether a func would be accepted as a formula, as far as its words can prove it: constants, branches and results, no
/// loops, and calls of what is pure by name. Methods, subscripts and function values may be anything.
fn only_computes(function: &Function, pure: &HashSet<Symbol>, text: &str) -> bool {
    fn calm(block: &Block) -> bool {
        block.stmts.iter().all(|stmt| {
            let plain = match &stmt.kind {
                StmtKind::Bind { is_const, value, .. } => *is_const && matches!(value, RightSide::Expr(_)),
                StmtKind::Unpack { is_const, .. } => *is_const,
                StmtKind::Return(_) | StmtKind::If { .. } | StmtKind::Match { .. } => true,
                _ => false,
            };
            plain && inner_blocks(stmt).into_iter().all(calm)
        })
    }
    const NEVER: &[&str] = &["await", "for", "func", "task", "llvm_ir"];
    let name = function.name.name.as_str();
    if function.kind != FunctionKind::Func
        || function.result.is_none()
        || name == "main"
        || !function.annotations.is_empty()
        || !calm(&function.body)
    {
        return false;
    }
    let mut variables: HashSet<Symbol> = function.params.iter().map(|param| param.name.name).collect();
    bound_names(&function.body, &mut variables);
    let body = &text[function.body.span.start as usize..function.body.span.end as usize];
    let calls_values = body.contains(")(") || body.contains("](") || body.contains(">(");
    let mut is_pure = !calls_values && !subscripts(body);
    for (at, word) in words(body) {
        let behind = body[at + word.len()..].trim_start();
        let is_call =
            behind.starts_with('(') && !matches!(word, "and" | "or" | "not" | "return" | "if" | "match" | "in");
        let is_member = body[..at].trim_end().ends_with('.');
        let known = !is_member
            && (word == name || pure.contains(&Symbol::new(word)))
            && !variables.contains(&Symbol::new(word));
        is_pure &= !NEVER.contains(&word) && (!is_call || is_case(&body[..at]) || known);
    }
    is_pure
}

/// Behind `case` a parenthesis belongs to a pattern.
fn is_case(before: &str) -> bool {
    before.trim_end().ends_with("case")
}

fn subscripts(body: &str) -> bool {
    let mut before = ' ';
    body.chars().any(|character| {
        let found = character == '[' && (before.is_alphanumeric() || matches!(before, '_' | ')' | ']' | '"' | '\''));
        before = character;
        found
    })
}

/// Identifiers with their places.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(is_part)?;
        let length = text[start..].find(|character| !is_part(character)).unwrap_or(text.len() - start);
        at = start + length;
        Some((start, &text[start..at]))
    })
}
