//! Checks that a program obeys the rules of the typed IR.
//!
//! In: a program. Out: the first violation, as text for a defect report. Run after `check` and after each pass in debug
//! builds. Deliberately not here: rules of the language; a violation is always a defect of the compiler.

use super::*;
use crate::types::display::type_name;
use crate::types::{self, Type};
use coex_runtime::exports::{Pass, Returns};

/// A description of the first violation.
pub fn verify(program: &Program) -> Result<(), String> {
    let entry = program.functions.get(program.entry.0 as usize).ok_or("no entry function")?;
    if !entry.params.is_empty() || entry.result != Some(types::INT) {
        return Err("the entry function must be () -> int".into());
    }
    for function in &program.functions {
        let verifier = Verifier { program, function };
        verifier
            .signature()
            .and_then(|()| verifier.block(&function.body, 0))
            .map_err(|fault| format!("in {}: {fault}", function.name))?;
    }
    Ok(())
}

struct Verifier<'a> {
    program: &'a Program,
    function: &'a Function,
}

type Verdict = Result<(), String>;

impl Verifier<'_> {
    fn signature(&self) -> Verdict {
        for (index, param) in self.function.params.iter().enumerate() {
            if param.0 as usize != index {
                return Err(format!("parameter {index} is local {}", param.0));
            }
        }
        for local in &self.function.locals {
            self.known(local.ty).map_err(|fault| format!("local {}: {fault}", local.name))?;
        }
        self.function.result.map_or(Ok(()), |ty| self.known(ty))
    }

    /// No inference variable, type parameter or unknown type is left.
    fn known(&self, ty: TypeId) -> Verdict {
        let parts: Vec<TypeId> = match self.program.types.get(ty) {
            Type::Variable(_) | Type::Param(_) | Type::Unknown => {
                return Err(format!("type {} is not known", type_name(&self.program.types, ty)));
            }
            Type::List(t)
            | Type::Array(t)
            | Type::Set(t)
            | Type::Optional(t)
            | Type::Channel(t)
            | Type::AtomicRef(t) => vec![*t],
            Type::Task(result) => result.iter().copied().collect(),
            Type::Map(k, v) | Type::Result(k, v) => vec![*k, *v],
            Type::Tuple(items) => items.iter().map(|item| item.ty).collect(),
            Type::Function { params, result, .. } => params.iter().chain(result).copied().collect(),
            Type::User { .. } if !self.program.definitions.contains_key(&ty) => {
                return Err(format!("type {} has no definition", type_name(&self.program.types, ty)));
            }
            _ => Vec::new(),
        };
        parts.into_iter().try_for_each(|part| self.known(part))
    }

    fn local(&self, id: LocalId) -> Result<TypeId, String> {
        match self.function.locals.get(id.0 as usize) {
            Some(local) => Ok(local.ty),
            None => Err(format!("local {} does not exist", id.0)),
        }
    }

    fn block(&self, block: &[Stmt], loops: usize) -> Verdict {
        block.iter().try_for_each(|stmt| self.stmt(stmt, loops))
    }

    fn stmt(&self, stmt: &Stmt, loops: usize) -> Verdict {
        match &stmt.kind {
            StmtKind::Assign { local, value } => {
                let wanted = self.local(*local)?;
                self.typed(value, wanted, loops, "assignment")
            }
            StmtKind::Pend { local, value } => {
                let wanted = self.local(*local)?;
                self.typed(value, wanted, loops, "pending binding")
            }
            StmtKind::Within { duration, body, otherwise, .. } => {
                self.typed(duration, types::INT, loops, "duration")?;
                self.block(body, loops)?;
                self.block(otherwise, loops)
            }
            StmtKind::Expr(value) => self.expr(value, loops),
            StmtKind::If { arms, otherwise } => {
                for (condition, body) in arms {
                    self.typed(condition, types::BOOL, loops, "condition")?;
                    self.block(body, loops)?;
                }
                self.block(otherwise, loops)
            }
            StmtKind::While { condition, body } => {
                self.typed(condition, types::BOOL, loops, "condition")?;
                self.block(body, loops + 1)
            }
            StmtKind::For { iteration, body } => {
                self.iteration(iteration, loops)?;
                self.block(body, loops + 1)
            }
            StmtKind::Scope(body) => self.block(body, loops),
            StmtKind::Return(value) => match (value, self.function.result) {
                (None, None) => Ok(()),
                (Some(value), Some(ty)) => self.typed(value, ty, loops, "return"),
                _ => Err("return does not fit the function's result".into()),
            },
            StmtKind::Break | StmtKind::Continue if loops == 0 => Err("break or continue outside of a loop".into()),
            StmtKind::Break | StmtKind::Continue => Ok(()),
        }
    }

    fn iteration(&self, iteration: &Iteration, loops: usize) -> Verdict {
        match iteration {
            Iteration::Range { local, start, end, step } => {
                self.same(self.local(*local)?, types::INT, "range variable")?;
                self.typed(start, types::INT, loops, "range start")?;
                self.typed(end, types::INT, loops, "range end")?;
                step.as_ref().map_or(Ok(()), |step| self.typed(step, types::INT, loops, "range step"))
            }
            Iteration::List { local, list: over }
            | Iteration::Array { local, array: over }
            | Iteration::Set { local, set: over }
            | Iteration::MapKeys { local, map: over }
            | Iteration::String { local, string: over } => {
                self.expr(over, loops)?;
                let item = match over.ty.map(|ty| self.program.types.get(ty)) {
                    Some(Type::List(t) | Type::Array(t) | Type::Set(t) | Type::Map(t, _)) => *t,
                    Some(Type::String) => types::INT,
                    _ => return Err("iteration over something else".into()),
                };
                self.same(self.local(*local)?, item, "loop variable")
            }
            Iteration::Channel { received, local, channel } => {
                let item = self.local(*local)?;
                self.received(channel, *received, loops)?;
                match self.program.types.get(self.local(*received)?) {
                    Type::Optional(inner) => self.same(item, *inner, "loop variable"),
                    _ => Ok(()),
                }
            }
            Iteration::MapEntries { key, value, map } => {
                self.expr(map, loops)?;
                let Some(Type::Map(k, v)) = map.ty.map(|ty| self.program.types.get(ty)) else {
                    return Err("entries of something else".into());
                };
                self.same(self.local(*key)?, *k, "key")?;
                self.same(self.local(*value)?, *v, "value")
            }
        }
    }

    fn same(&self, found: TypeId, wanted: TypeId, what: &str) -> Verdict {
        if found == wanted || self.alike(found, wanted) {
            return Ok(());
        }
        let name = |ty| type_name(&self.program.types, ty);
        Err(format!("{what}: expected {}, found {}", name(wanted), name(found)))
    }

    /// Names of tuple items do not take part in type equality (reference 8.4).
    fn alike(&self, found: TypeId, wanted: TypeId) -> bool {
        let pair = |a: &TypeId, b: &TypeId| a == b || self.alike(*a, *b);
        match (self.program.types.get(found), self.program.types.get(wanted)) {
            (Type::Tuple(a), Type::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| pair(&a.ty, &b.ty)),
            (Type::List(a), Type::List(b))
            | (Type::Array(a), Type::Array(b))
            | (Type::Set(a), Type::Set(b))
            | (Type::Optional(a), Type::Optional(b))
            | (Type::Channel(a), Type::Channel(b))
            | (Type::AtomicRef(a), Type::AtomicRef(b)) => pair(a, b),
            (Type::Map(a, x), Type::Map(b, y)) | (Type::Result(a, x), Type::Result(b, y)) => pair(a, b) && pair(x, y),
            // A formula is a func; items of a function type may differ in names only.
            (Type::Function { params: a, .. }, Type::Function { params: b, .. }) => a.len() == b.len(),
            _ => false,
        }
    }

    fn typed(&self, expr: &Expr, wanted: TypeId, loops: usize, what: &str) -> Verdict {
        self.expr(expr, loops)?;
        match expr.ty {
            Some(ty) => self.same(ty, wanted, what),
            None => Err(format!("{what}: an expression without value")),
        }
    }

    fn all(&self, list: &[Expr], loops: usize) -> Verdict {
        list.iter().try_for_each(|expr| self.expr(expr, loops))
    }

    fn expr(&self, expr: &Expr, loops: usize) -> Verdict {
        expr.ty.map_or(Ok(()), |ty| self.known(ty))?;
        match &expr.kind {
            ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Str(_) => self.valued(expr),
            ExprKind::Nil | ExprKind::Zero | ExprKind::FunctionValue(_) => self.valued(expr),
            ExprKind::Local(id) => self.local(*id).and_then(|ty| self.same(ty, expr.ty.unwrap_or(ty), "local")),
            ExprKind::Closure { captures, .. } => self.all(captures, loops),
            ExprKind::Arithmetic { left, right, .. } | ExprKind::Bits { left, right, .. } => {
                self.operands(left, right, expr.ty.ok_or("arithmetic without type")?, loops)
            }
            ExprKind::Compare { left, right, .. } | ExprKind::Equal { left, right, .. } => {
                self.operands(left, right, left.ty.ok_or("comparison of nothing")?, loops)
            }
            ExprKind::And(left, right) | ExprKind::Or(left, right) => self.operands(left, right, types::BOOL, loops),
            ExprKind::Not(operand) => self.typed(operand, types::BOOL, loops, "condition"),
            ExprKind::If { condition, then, otherwise } => self.choice(condition, [then, otherwise], loops),
            ExprKind::Block { stmts, value } => {
                self.block(stmts, loops)?;
                value.as_ref().map_or(Ok(()), |value| self.expr(value, loops))
            }
            ExprKind::Call { func, args } => self.call(*func, args, loops),
            ExprKind::CallValue { callee, args } => self.expr(callee, loops).and_then(|()| self.all(args, loops)),
            ExprKind::Spawn { func, args } => self.spawn(expr, *func, args, loops),
            ExprKind::SpawnValue { callee, args } => self.spawn_value(expr, callee, args, loops),
            ExprKind::Join(task) => self.pending(task, expr.ty).and_then(|()| self.expr(task, loops)),
            ExprKind::DropTask(task) => self.drop_task(task, loops),
            ExprKind::Collect { iteration, body, value, .. } => self.collect(expr, iteration, body, value, loops),
            ExprKind::CallExtern { callee, args } => self.extern_call(*callee, args, loops),
            ExprKind::Runtime { function, args } => self.runtime(*function, args, expr, loops),
            ExprKind::Aggregate(items)
            | ExprKind::ListLiteral(items)
            | ExprKind::ArrayLiteral(items)
            | ExprKind::SetLiteral(items)
            | ExprKind::Case { args: items, .. } => self.valued(expr).and_then(|()| self.all(items, loops)),
            ExprKind::MapLiteral(entries) => entries.iter().try_for_each(|(key, value)| {
                self.expr(key, loops)?;
                self.expr(value, loops)
            }),
            ExprKind::WithField { base, value, .. } => self.expr(base, loops).and_then(|()| self.expr(value, loops)),
            ExprKind::Negate(base)
            | ExprKind::Math { operand: base, .. }
            | ExprKind::Field { base, .. }
            | ExprKind::Tag(base)
            | ExprKind::Payload { base, .. }
            | ExprKind::Some(base)
            | ExprKind::IsSome(base)
            | ExprKind::Unwrap(base)
            | ExprKind::UnwrapUnchecked(base)
            | ExprKind::Cell(base)
            | ExprKind::Convert { operand: base, .. } => self.valued(expr).and_then(|()| self.expr(base, loops)),
            ExprKind::Inline { block, args } => self.inline(expr, block.0 as usize, args, loops),
            ExprKind::InGrid { x, y, .. } => self.operands(x, y, types::INT, loops),
            ExprKind::GridCell { matrix, index } => self.grid_cell(expr, matrix, index, loops),
            ExprKind::NextGrid { matrix, cell, args, .. } => self.next_grid(expr, matrix, *cell, args, loops),
            ExprKind::Atomic { cell, operands, .. } => self.atomic(cell, operands, loops),
            ExprKind::Select { cases, timeout, memory, .. } => self.select(cases, timeout, *memory, loops),
        }
    }

    fn operands(&self, left: &Expr, right: &Expr, ty: TypeId, loops: usize) -> Verdict {
        self.typed(left, ty, loops, "left operand")?;
        self.typed(right, ty, loops, "right operand")
    }

    fn choice(&self, condition: &Expr, branches: [&Expr; 2], loops: usize) -> Verdict {
        self.typed(condition, types::BOOL, loops, "condition")?;
        branches.into_iter().try_for_each(|branch| self.expr(branch, loops))
    }

    fn spawn(&self, expr: &Expr, func: FuncId, args: &[Expr], loops: usize) -> Verdict {
        let result = self.program.functions.get(func.0 as usize).ok_or("spawn of a missing function")?.result;
        self.pending(expr, result).and_then(|()| self.call(func, args, loops))
    }

    fn spawn_value(&self, expr: &Expr, callee: &Expr, args: &[Expr], loops: usize) -> Verdict {
        let Some(Type::Function { result, .. }) = callee.ty.map(|ty| self.program.types.get(ty)) else {
            return Err("spawn of something else".into());
        };
        self.pending(expr, *result)?;
        self.expr(callee, loops).and_then(|()| self.all(args, loops))
    }

    fn drop_task(&self, task: &Expr, loops: usize) -> Verdict {
        match task.ty.map(|ty| self.program.types.get(ty)) {
            Some(Type::Task(_)) => self.expr(task, loops),
            _ => Err("drop of something that is not pending".into()),
        }
    }

    fn collect(&self, expr: &Expr, iteration: &Iteration, body: &[Stmt], value: &Expr, loops: usize) -> Verdict {
        self.iteration(iteration, loops)?;
        self.block(body, loops + 1)?;
        let Some(Type::List(item)) = expr.ty.map(|ty| self.program.types.get(ty)) else {
            return Err("a collecting loop makes a list".into());
        };
        self.typed(value, *item, loops + 1, "collected value")
    }

    fn inline(&self, expr: &Expr, block: usize, args: &[Expr], loops: usize) -> Verdict {
        let block = self.program.inline_blocks.get(block).ok_or("a missing llvm_ir block")?;
        if block.params.len() != args.len() || (block.result == InlineType::Void) != expr.ty.is_none() {
            return Err("an llvm_ir block with other arguments or another result".into());
        }
        self.all(args, loops)
    }

    fn atomic(&self, cell: &Expr, operands: &[Expr], loops: usize) -> Verdict {
        self.expr(cell, loops)?;
        match cell.ty.map(|ty| self.program.types.get(ty)) {
            Some(Type::Atomic(_)) => self.all(operands, loops),
            _ => Err("an atomic operation on something else".into()),
        }
    }

    fn select(&self, cases: &[SelectCase], timeout: &Expr, memory: Option<LocalId>, loops: usize) -> Verdict {
        self.typed(timeout, types::INT, loops, "timeout")?;
        memory.map_or(Ok(()), |local| self.same(self.local(local)?, types::INT, "memory of a select"))?;
        cases.iter().try_for_each(|case| self.select_case(case, loops))
    }

    fn select_case(&self, case: &SelectCase, loops: usize) -> Verdict {
        match (&case.source, case.out) {
            (SelectSource::Channel(channel), Some(out)) => self.received(channel, out, loops),
            (SelectSource::Call(call), out) => {
                self.expr(call, loops)?;
                match (&call.kind, out, call.ty) {
                    (ExprKind::CallExtern { .. }, Some(out), Some(ty)) => self.same(self.local(out)?, ty, "result"),
                    (ExprKind::CallExtern { .. }, None, _) => Ok(()),
                    _ => Err("a case of select that is no call of C, or without result".into()),
                }
            }
            (SelectSource::Exhausted, None) => Ok(()),
            _ => Err("a case of select with a wrong variable".into()),
        }
    }

    fn received(&self, channel: &Expr, out: LocalId, loops: usize) -> Verdict {
        self.expr(channel, loops)?;
        let element = match channel.ty.map(|ty| self.program.types.get(ty)) {
            Some(Type::Channel(element)) => *element,
            _ => return Err("something is received from something else than a channel".into()),
        };
        match self.program.types.get(self.local(out)?) {
            Type::Optional(found) => self.same(*found, element, "received value"),
            _ => Err("what is received is an optional".into()),
        }
    }

    fn valued(&self, expr: &Expr) -> Verdict {
        if expr.ty.is_some() { Ok(()) } else { Err(format!("{:?} has no type", std::mem::discriminant(&expr.kind))) }
    }

    /// The expression is a pending call with this result.
    fn pending(&self, task: &Expr, result: Option<TypeId>) -> Verdict {
        match (task.ty.map(|ty| self.program.types.get(ty)), result) {
            (Some(Type::Task(Some(found))), Some(wanted)) => self.same(*found, wanted, "result of a task"),
            (Some(Type::Task(None)), None) => Ok(()),
            _ => Err("a pending call of another type".into()),
        }
    }

    fn call(&self, func: FuncId, args: &[Expr], loops: usize) -> Verdict {
        let callee = self.program.functions.get(func.0 as usize).ok_or("call of a missing function")?;
        if callee.params.len() != args.len() {
            return Err(format!("{} takes {} arguments, {} given", callee.name, callee.params.len(), args.len()));
        }
        callee
            .params
            .iter()
            .zip(args)
            .try_for_each(|(param, arg)| self.typed(arg, callee.locals[param.0 as usize].ty, loops, "argument"))
    }

    /// Cell type and size of a matrix.
    fn grid(&self, matrix: &Expr) -> Result<(TypeId, GridSize), String> {
        match matrix.ty.and_then(|ty| self.program.definitions.get(&ty)) {
            Some(Definition::Matrix { cell, size }) => Ok((*cell, *size)),
            _ => Err("a cell of something else".into()),
        }
    }

    fn grid_cell(&self, expr: &Expr, matrix: &Expr, index: &Expr, loops: usize) -> Verdict {
        self.expr(matrix, loops)?;
        self.typed(index, types::INT, loops, "number of a cell")?;
        self.same(expr.ty.ok_or("a cell without type")?, self.grid(matrix)?.0, "cell")
    }

    fn next_grid(&self, expr: &Expr, matrix: &Expr, cell: FuncId, args: &[Expr], loops: usize) -> Verdict {
        let (item, _) = self.grid(matrix)?;
        self.typed(matrix, expr.ty.ok_or("a grid without type")?, loops, "grid")?;
        self.all(args, loops)?;
        let function = self.program.functions.get(cell.0 as usize).ok_or("a missing formula")?;
        if function.params.len() != args.len() + 3 {
            return Err(format!("{} does not take a position and {} arguments", function.name, args.len()));
        }
        self.same(function.result.ok_or("a formula without result")?, item, "formula of a matrix")
    }

    fn extern_call(&self, callee: ExternId, args: &[ExternArg], loops: usize) -> Verdict {
        let external = self.program.externs.get(callee.0 as usize).ok_or("call of a missing extern")?;
        if external.params.len() != args.len() {
            return Err(format!("extern {} takes {} arguments", external.name, external.params.len()));
        }
        external.params.iter().zip(args).try_for_each(|(param, arg)| match arg {
            ExternArg::Value(value) => self.typed(value, param.ty, loops, "argument"),
            ExternArg::Out(local) => self.local(*local).and_then(|ty| self.same(ty, param.ty, "out argument")),
        })
    }

    fn runtime(&self, function: RuntimeFunction, args: &[Expr], expr: &Expr, loops: usize) -> Verdict {
        let added = |pass: &&Pass| !matches!(pass, Pass::Fiber | Pass::Type | Pass::ResultType | Pass::Site);
        let wanted = function.params().iter().filter(added).count();
        if wanted != args.len() {
            return Err(format!("{function:?} takes {wanted} arguments, {} given", args.len()));
        }
        let has_value = !matches!(function.returns(), Returns::Nothing | Returns::Never);
        if has_value != expr.ty.is_some() && function.returns() != Returns::Never {
            return Err(format!("{function:?}: result and type do not agree"));
        }
        self.all(args, loops)
    }
}
