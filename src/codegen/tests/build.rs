//! Short names for pieces of the typed IR.

use crate::ir::*;
use crate::source::{FileId, Span};
use crate::types::{BOOL, FLOAT, FunctionKind, INT, STRING, Type, TypeId, TypeTable};
use std::collections::BTreeMap;

pub(super) fn span() -> Span {
    Span::new(FileId(0), 0, 1)
}

pub(super) fn expr(ty: impl Into<Option<TypeId>>, kind: ExprKind) -> Expr {
    Expr { kind, ty: ty.into(), span: span() }
}

pub(super) fn int(value: i64) -> Expr {
    expr(INT, ExprKind::Int(value))
}

pub(super) fn float(value: f64) -> Expr {
    expr(FLOAT, ExprKind::Float(value))
}

pub(super) fn boolean(value: bool) -> Expr {
    expr(BOOL, ExprKind::Bool(value))
}

pub(super) fn text(value: &str) -> Expr {
    expr(STRING, ExprKind::Str(value.into()))
}

pub(super) fn arith(op: ArithmeticOp, left: Expr, right: Expr) -> Expr {
    expr(left.ty, ExprKind::Arithmetic { op, left: Box::new(left), right: Box::new(right) })
}

pub(super) fn add(left: Expr, right: Expr) -> Expr {
    arith(ArithmeticOp::Add, left, right)
}

pub(super) fn less(left: Expr, right: Expr) -> Expr {
    expr(BOOL, ExprKind::Compare { op: CompareOp::Less, left: Box::new(left), right: Box::new(right) })
}

pub(super) fn equal(left: Expr, right: Expr) -> Expr {
    expr(BOOL, ExprKind::Equal { left: Box::new(left), right: Box::new(right), negate: false })
}

pub(super) fn runtime(ty: impl Into<Option<TypeId>>, function: RuntimeFunction, args: Vec<Expr>) -> Expr {
    expr(ty, ExprKind::Runtime { function, args })
}

pub(super) fn call(ty: impl Into<Option<TypeId>>, func: FuncId, args: Vec<Expr>) -> Expr {
    expr(ty, ExprKind::Call { func, args })
}

pub(super) fn stmt(kind: StmtKind) -> Stmt {
    Stmt { kind, span: span() }
}

pub(super) fn print(value: Expr) -> Stmt {
    stmt(StmtKind::Expr(runtime(None, RuntimeFunction::Print, vec![value])))
}

pub(super) fn ret(value: Expr) -> Stmt {
    stmt(StmtKind::Return(Some(value)))
}

/// A function in the making.
pub(super) struct Func {
    pub(super) function: Function,
}

impl Func {
    pub(super) fn new(name: &str, result: Option<TypeId>) -> Func {
        Func {
            function: Function {
                name: name.into(),
                kind: FunctionKind::Func,
                isolated: false,
                params: vec![],
                captures: vec![],
                locals: vec![],
                result,
                body: vec![],
                span: span(),
            },
        }
    }

    pub(super) fn local(&mut self, name: &str, ty: TypeId) -> LocalId {
        self.function.locals.push(Local { name: name.into(), ty, scope: None });
        LocalId(self.function.locals.len() as u32 - 1)
    }

    pub(super) fn param(&mut self, name: &str, ty: TypeId) -> LocalId {
        let local = self.local(name, ty);
        self.function.params.push(local);
        local
    }

    pub(super) fn capture(&mut self, name: &str, ty: TypeId) -> LocalId {
        let local = self.local(name, ty);
        self.function.captures.push(local);
        local
    }

    pub(super) fn get(&self, local: LocalId) -> Expr {
        expr(self.function.locals[local.0 as usize].ty, ExprKind::Local(local))
    }

    pub(super) fn set(&mut self, local: LocalId, value: Expr) {
        self.push(stmt(StmtKind::Assign { local, value }));
    }

    pub(super) fn push(&mut self, stmt: Stmt) {
        self.function.body.push(stmt);
    }

    /// Prints the value.
    pub(super) fn show(&mut self, value: Expr) {
        self.push(print(value));
    }
}

/// A program whose entry is the last function; it returns 0 by itself.
pub(super) fn program(
    types: TypeTable,
    definitions: BTreeMap<TypeId, Definition>,
    mut functions: Vec<Func>,
) -> Program {
    let entry = FuncId(functions.len() as u32 - 1);
    if let Some(main) = functions.last_mut() {
        main.function.result = Some(INT);
        main.push(ret(int(0)));
    }
    let functions = functions.into_iter().map(|func| func.function).collect();
    Program { types, definitions, functions, externs: vec![], inline_blocks: vec![], libraries: vec![], entry }
}

pub(super) fn user(types: &mut TypeTable, number: u32, name: &str) -> TypeId {
    types.intern(Type::User { decl: crate::types::DeclId(number), name: name.into(), args: vec![] })
}

pub(super) fn field(name: &str, ty: TypeId) -> Field {
    Field { name: name.into(), ty }
}
