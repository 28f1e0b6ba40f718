//! `--emit=ir`: the typed IR as text.
//!
//! In: a program. Out: one statement a line, expressions in prefix form, locals as `name.id`, types where they are not
//! obvious. Deliberately not here: a reader for this text.

use super::*;
use crate::types::display::type_name;
use std::fmt::Write;

/// All definitions, externs and functions of a program.
pub fn print_program(program: &Program) -> String {
    let mut printer = Printer { program, out: String::new() };
    for (ty, definition) in &program.definitions {
        printer.definition(*ty, definition);
    }
    for external in &program.externs {
        printer.external(external);
    }
    for (index, function) in program.functions.iter().enumerate() {
        printer.function(FuncId(index as u32), function);
    }
    printer.out
}

struct Printer<'a> {
    program: &'a Program,
    out: String,
}

impl Printer<'_> {
    fn ty(&self, ty: TypeId) -> String {
        type_name(&self.program.types, ty)
    }

    fn result(&self, ty: Option<TypeId>) -> String {
        ty.map(|ty| format!(" -> {}", self.ty(ty))).unwrap_or_default()
    }

    fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.out, "{:indent$}{text}", "", indent = depth * 2);
    }

    fn definition(&mut self, ty: TypeId, definition: &Definition) {
        let name = self.ty(ty);
        let fields = |printer: &Self, fields: &[Field]| {
            let texts = fields.iter().map(|field| format!("{}: {}", field.name, printer.ty(field.ty)));
            texts.collect::<Vec<_>>().join(", ")
        };
        let text = match definition {
            Definition::Record { fields: list, .. } => format!("record {name} {{{}}}", fields(self, list)),
            Definition::Enum { cases } => {
                let texts = cases.iter().map(|case| format!("{}({})", case.name, fields(self, &case.fields)));
                format!("enum {name} {{{}}}", texts.collect::<Vec<_>>().join(" | "))
            }
            Definition::Matrix { cell, size } => {
                format!("matrix {name} {} x {} of {}", size.width, size.height, self.ty(*cell))
            }
        };
        self.line(0, &text);
    }

    fn external(&mut self, external: &Extern) {
        let params = external
            .params
            .iter()
            .map(|param| format!("{}: {}{}", param.name, if param.out { "out " } else { "" }, self.ty(param.ty)));
        let params = params.collect::<Vec<_>>().join(", ");
        let library = external.library.map(|id| format!("{}.", self.program.libraries[id.0 as usize]));
        let text = format!(
            "extern {}{}({params}){}",
            library.unwrap_or_default(),
            external.name,
            self.result(external.result)
        );
        self.line(0, &text);
    }

    fn function(&mut self, id: FuncId, function: &Function) {
        let param = |local: &LocalId| {
            let found = &function.locals[local.0 as usize];
            format!("{}.{}: {}", found.name, local.0, self.ty(found.ty))
        };
        let params = function.params.iter().map(param).collect::<Vec<_>>().join(", ");
        let captures = function.captures.iter().map(param).collect::<Vec<_>>().join(", ");
        let captures = if captures.is_empty() { captures } else { format!(" captures ({captures})") };
        let text = format!(
            "\n{} f{} {}({params}){}{captures}",
            function.kind.as_str(),
            id.0,
            function.name,
            self.result(function.result)
        );
        self.line(0, &text);
        self.block(function, 1, &function.body);
    }

    fn block(&mut self, function: &Function, depth: usize, block: &[Stmt]) {
        for stmt in block {
            self.stmt(function, depth, stmt);
        }
    }

    fn stmt(&mut self, function: &Function, depth: usize, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Assign { local, value } => {
                let text = format!("{} = {}", self.local(function, *local), self.expr(function, depth, value));
                self.line(depth, &text);
            }
            StmtKind::Pend { local, value } => {
                let text = format!("{} = pending {}", self.local(function, *local), self.expr(function, depth, value));
                self.line(depth, &text);
            }
            StmtKind::Within { duration, body, otherwise, shared } => {
                let duration = self.expr(function, depth, duration);
                let text = format!("within {duration}{}", self.shared(function, shared));
                self.line(depth, &text);
                self.block(function, depth + 1, body);
                if !otherwise.is_empty() {
                    self.line(depth, "else");
                    self.block(function, depth + 1, otherwise);
                }
            }
            StmtKind::Expr(value) => {
                let text = self.expr(function, depth, value);
                self.line(depth, &text);
            }
            StmtKind::If { arms, otherwise } => {
                for (index, (condition, body)) in arms.iter().enumerate() {
                    let word = if index == 0 { "if" } else { "else if" };
                    let text = format!("{word} {}", self.expr(function, depth, condition));
                    self.line(depth, &text);
                    self.block(function, depth + 1, body);
                }
                if !otherwise.is_empty() {
                    self.line(depth, "else");
                    self.block(function, depth + 1, otherwise);
                }
            }
            StmtKind::While { condition, body } => {
                let text = format!("while {}", self.expr(function, depth, condition));
                self.line(depth, &text);
                self.block(function, depth + 1, body);
            }
            StmtKind::For { iteration, body } => {
                let text = format!("for {}", self.iteration(function, depth, iteration));
                self.line(depth, &text);
                self.block(function, depth + 1, body);
            }
            StmtKind::Scope(body) => {
                self.line(depth, "scope");
                self.block(function, depth + 1, body);
            }
            StmtKind::Return(None) => self.line(depth, "return"),
            StmtKind::Return(Some(value)) => {
                let text = format!("return {}", self.expr(function, depth, value));
                self.line(depth, &text);
            }
            StmtKind::Break => self.line(depth, "break"),
            StmtKind::Continue => self.line(depth, "continue"),
        }
    }

    fn iteration(&self, function: &Function, depth: usize, iteration: &Iteration) -> String {
        let expr = |expr: &Expr| self.expr(function, depth, expr);
        let local = |id: &LocalId| self.local(function, *id);
        match iteration {
            Iteration::Range { local: id, start, end, step } => {
                let step = step.as_ref().map(|step| format!(" step {}", expr(step))).unwrap_or_default();
                format!("{} in range {} .. {}{step}", local(id), expr(start), expr(end))
            }
            Iteration::List { local: id, list } => format!("{} in list {}", local(id), expr(list)),
            Iteration::Array { local: id, array } => format!("{} in array {}", local(id), expr(array)),
            Iteration::Set { local: id, set } => format!("{} in set {}", local(id), expr(set)),
            Iteration::MapKeys { local: id, map } => format!("{} in keys {}", local(id), expr(map)),
            Iteration::MapEntries { key, value, map } => {
                format!("{}, {} in entries {}", local(key), local(value), expr(map))
            }
            Iteration::Channel { local: id, channel, .. } => format!("{} in channel {}", local(id), expr(channel)),
            Iteration::String { local: id, string } => format!("{} in string {}", local(id), expr(string)),
        }
    }

    fn local(&self, function: &Function, id: LocalId) -> String {
        format!("{}.{}", function.locals[id.0 as usize].name, id.0)
    }

    /// What a body that becomes a function of its own shares with the function around it.
    fn shared(&self, function: &Function, locals: &[LocalId]) -> String {
        let names: Vec<String> = locals.iter().map(|id| self.local(function, *id)).collect();
        if names.is_empty() { String::new() } else { format!(" sharing {}", names.join(" ")) }
    }

    fn expr(&self, function: &Function, depth: usize, expr: &Expr) -> String {
        let one = |expr: &Expr| self.expr(function, depth, expr);
        let many = |list: &[Expr]| list.iter().map(one).collect::<Vec<_>>().join(", ");
        let ty = expr.ty.map(|ty| self.ty(ty)).unwrap_or_else(|| "none".into());
        match &expr.kind {
            ExprKind::Int(value) => value.to_string(),
            ExprKind::Float(value) => format!("{value:?}"),
            ExprKind::Bool(value) => value.to_string(),
            ExprKind::Str(text) => format!("{text:?}"),
            ExprKind::Nil => format!("nil:{ty}"),
            ExprKind::Zero => format!("zero:{ty}"),
            ExprKind::Local(id) => self.local(function, *id),
            ExprKind::FunctionValue(id) => format!("function f{}", id.0),
            ExprKind::Closure { func, captures } => format!("closure f{}({})", func.0, many(captures)),
            ExprKind::Arithmetic { op, left, right } => format!("{op:?}:{ty}({}, {})", one(left), one(right)),
            ExprKind::Negate(operand) => format!("Negate:{ty}({})", one(operand)),
            ExprKind::Bits { op, left, right } => format!("Bits{op:?}({}, {})", one(left), one(right)),
            ExprKind::Compare { op, left, right } => format!("{op:?}({}, {})", one(left), one(right)),
            ExprKind::Equal { left, right, negate } => {
                format!("{}({}, {})", if *negate { "NotEqual" } else { "Equal" }, one(left), one(right))
            }
            ExprKind::And(left, right) => format!("({} and {})", one(left), one(right)),
            ExprKind::Or(left, right) => format!("({} or {})", one(left), one(right)),
            ExprKind::Not(operand) => format!("not {}", one(operand)),
            ExprKind::If { condition, then, otherwise } => {
                format!("({} ? {} : {})", one(condition), one(then), one(otherwise))
            }
            ExprKind::Block { stmts, value } => self.inner_block(function, depth, stmts, value.as_deref()),
            ExprKind::Math { op, operand } => format!("{op:?}({})", one(operand)),
            ExprKind::Call { func, args } => {
                format!("f{}.{}({})", func.0, self.program.function(*func).name, many(args))
            }
            ExprKind::CallValue { callee, args } => format!("call {}({})", one(callee), many(args)),
            ExprKind::Spawn { func, args } => {
                format!("spawn f{}.{}({})", func.0, self.program.function(*func).name, many(args))
            }
            ExprKind::SpawnValue { callee, args } => format!("spawn {}({})", one(callee), many(args)),
            ExprKind::Join(task) => format!("join({})", one(task)),
            ExprKind::DropTask(task) => format!("drop({})", one(task)),
            ExprKind::Collect { iteration, body, value, shared } => {
                let iteration = self.iteration(function, depth, iteration);
                let shared = self.shared(function, shared);
                format!("collect {iteration}{shared} {}", self.inner_block(function, depth, body, Some(value)))
            }
            ExprKind::CallExtern { callee, args } => {
                let args = args.iter().map(|arg| match arg {
                    ExternArg::Value(value) => one(value),
                    ExternArg::Out(id) => format!("out {}", self.local(function, *id)),
                });
                let args = args.collect::<Vec<_>>().join(", ");
                format!("extern {}({args})", self.program.external(*callee).name)
            }
            ExprKind::Runtime { function: callee, args } => format!("{callee:?}:{ty}({})", many(args)),
            ExprKind::Aggregate(items) => format!("{ty}{{{}}}", many(items)),
            ExprKind::Case { case, args } => format!("{ty}.{case}({})", many(args)),
            ExprKind::Field { base, index } => format!("{}.{index}", one(base)),
            ExprKind::WithField { base, index, value } => format!("{} with .{index} = {}", one(base), one(value)),
            ExprKind::Tag(base) => format!("Tag({})", one(base)),
            ExprKind::Payload { base, case, field } => format!("Payload({}, {case}.{field})", one(base)),
            ExprKind::Some(value) => format!("Some:{ty}({})", one(value)),
            ExprKind::IsSome(value) => format!("IsSome({})", one(value)),
            ExprKind::Unwrap(value) => format!("Unwrap({})", one(value)),
            ExprKind::UnwrapUnchecked(value) => format!("UnwrapUnchecked({})", one(value)),
            ExprKind::ListLiteral(items) => format!("{ty}[{}]", many(items)),
            ExprKind::ArrayLiteral(items) => format!("{ty}[{}]", many(items)),
            ExprKind::SetLiteral(items) => format!("{ty}{{{}}}", many(items)),
            ExprKind::MapLiteral(entries) => {
                let entries = entries.iter().map(|(key, value)| format!("{}: {}", one(key), one(value)));
                format!("{ty}{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
            ExprKind::Convert { conversion, operand } => format!("{conversion:?}({})", one(operand)),
            ExprKind::Inline { block, args } => format!("llvm_ir {}:{ty}({})", block.0, many(args)),
            ExprKind::InGrid { x, y, size } => {
                format!("InGrid({}, {}; {} x {})", one(x), one(y), size.width, size.height)
            }
            ExprKind::GridCell { matrix, index } => format!("GridCell({}, {})", one(matrix), one(index)),
            ExprKind::NextGrid { matrix, cell, args, parallel } => {
                let word = if *parallel { "parallel " } else { "" };
                let args = [&**matrix].into_iter().chain(args).map(one).collect::<Vec<_>>().join(", ");
                format!("{word}grid of f{}.{}({args})", cell.0, self.program.function(*cell).name)
            }
            ExprKind::Cell(value) => format!("Cell:{ty}({})", one(value)),
            ExprKind::Atomic { op, cell, operands } => {
                format!(
                    "Atomic{op:?}:{ty}({})",
                    [&**cell].into_iter().chain(operands).map(one).collect::<Vec<_>>().join(", ")
                )
            }
            ExprKind::Select { cases, strategy, timeout, .. } => {
                let cases = cases.iter().map(|case| {
                    let out = case.out.map_or("_".to_string(), |out| self.local(function, out).to_string());
                    format!("{out} <- {}", case.expr().map_or("exhausted".to_string(), one))
                });
                format!("Select{strategy:?}({}; {})", one(timeout), cases.collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// `do`, the statements on lines of their own, then the value.
    fn inner_block(&self, function: &Function, depth: usize, stmts: &[Stmt], value: Option<&Expr>) -> String {
        let mut inner = Printer { program: self.program, out: String::new() };
        inner.block(function, depth + 1, stmts);
        let value = value.map(|value| inner.expr(function, depth + 1, value)).unwrap_or_default();
        format!("do\n{}{:indent$}yield {value}", inner.out, "", indent = (depth + 1) * 2)
    }
}
