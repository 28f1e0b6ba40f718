//! Matrices: cells, and grids computed by a formula.
//!
//! In: [`NextGrid`](ExprKind::NextGrid) and its operands. Out: for each formula of a matrix
//!
//! ```text
//! band(fiber, environment, runner)      strips of the runner, one after the other, with a poll after each
//!   edge.run, inner.run (…, from, to)   cells of a part of a row
//!     cell(…), inner cell(…)            the formula: tests whether neighbours exist; without the tests
//! ```
//!
//! A strip is a row, or a part of a long one. Where all neighbours of a cell exist that the formula asks for at constant
//! distances, the second form runs, which LLVM can vectorise. The runtime gives bands to workers as it gives them the
//! rounds of a collecting loop. Deliberately not here: which formulas may run side by side (pass `grids`).

use super::debug_info::Variables;
use super::emit::{Value, built};
use super::function::{Body, parameter};
use crate::ir::{
    ArithmeticOp, Definition, Expr, ExprKind, FuncId, Function, GridSize, LocalId, RuntimeFunction, visit,
};
use crate::source::Span;
use crate::types::TypeId;
use coex_runtime::abi::{ArrayObject, RangeRunner, task_flags};
use inkwell::IntPredicate;
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::types::{BasicMetadataTypeEnum, BasicType, BasicTypeEnum};
use inkwell::values::{BasicValue, FunctionValue, IntValue, PointerValue};
use std::mem::offset_of;

/// Cells between two looks at `poll`.
const STRIP: i64 = 4096;

/// Parameters of a formula of a matrix.
const GRID: LocalId = LocalId(0);
const X: LocalId = LocalId(1);
const Y: LocalId = LocalId(2);
const POSITION: usize = 3;

/// What the formula of one cell must know of the grid.
#[derive(Clone, Copy)]
struct Shape {
    item: TypeId,
    size: GridSize,
    /// Slots of items.
    stride: u32,
    has_references: bool,
}

/// How far from the borders a cell must be, for its neighbours to exist.
#[derive(Clone, Copy, Default)]
struct Margins {
    left: i64,
    right: i64,
    top: i64,
    bottom: i64,
}

/// Operations that are not worth a branch.
const CHEAP: u32 = 12;

/// The environment of a band: old grid, new grid, then the arguments.
const OLD: u64 = 0;
const NEW: u64 = 8;
const ARGS: u32 = 16;

impl<'ctx> Body<'_, 'ctx> {
    pub(super) fn in_grid(&mut self, x: &Expr, y: &Expr, size: GridSize) -> Value<'ctx> {
        if self.inner_cells.is_some() && relative(x, X).is_some() && relative(y, Y).is_some() {
            return self.emit.types.i1.const_int(1, false).into();
        }
        let (x, y) = (self.int_value(x), self.int_value(y));
        let below = |value, limit| self.emit.compare(IntPredicate::ULT, value, self.emit.types.int(limit));
        self.emit.and(below(x, size.width), below(y, size.height)).into()
    }

    pub(super) fn grid_cell(&mut self, matrix: &Expr, index: &Expr, item: TypeId) -> Value<'ctx> {
        let data = match (self.inner_cells, &matrix.kind) {
            (Some(data), ExprKind::Local(GRID)) => data,
            _ => {
                let matrix = self.reference(matrix);
                self.data_of(matrix)
            }
        };
        let index = self.int_value(index);
        let stride = self.codegen.layout(item).slot.size;
        self.load_slot(item, self.emit.element(data, index, stride))
    }

    /// In the inner form of a formula: a few operations that cannot fail. They are done whether they are needed or not,
    /// since code without branches can be vectorised.
    pub(super) fn is_cheap(&self, expr: &Expr) -> bool {
        self.inner_cells.is_some() && self.costs(expr).is_some_and(|cost| cost <= CHEAP)
    }

    fn costs(&self, expr: &Expr) -> Option<u32> {
        if !expr.ty.is_some_and(|ty| self.codegen.layout(ty).is_scalar()) {
            return None;
        }
        let sum = |parts: &[&Expr]| parts.iter().try_fold(1, |sum, part| Some(sum + self.costs(part)?));
        match &expr.kind {
            ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Local(_) => Some(0),
            ExprKind::Arithmetic { op: ArithmeticOp::Divide | ArithmeticOp::Remainder, .. } => None,
            ExprKind::Arithmetic { left, right, .. }
            | ExprKind::Compare { left, right, .. }
            | ExprKind::Equal { left, right, .. }
            | ExprKind::And(left, right)
            | ExprKind::Or(left, right) => sum(&[left, right]),
            ExprKind::Not(operand) | ExprKind::Negate(operand) => sum(&[operand]),
            ExprKind::InGrid { x, y, .. } => relative(x, X).and(relative(y, Y)).map(|_| 0),
            // Of this cell, or behind a test that is always true here: other tests cost nothing that is allowed.
            ExprKind::GridCell { matrix, .. } => matches!(matrix.kind, ExprKind::Local(GRID)).then_some(1),
            ExprKind::If { condition, then, otherwise } => match condition.kind {
                ExprKind::InGrid { .. } => self.costs(condition).and(self.costs(then)),
                _ => sum(&[condition, then, otherwise]),
            },
            _ => None,
        }
    }

    fn data_of(&self, matrix: PointerValue<'ctx>) -> PointerValue<'ctx> {
        self.emit.load_ptr(self.emit.offset(matrix, offset_of!(ArrayObject, data) as u64))
    }

    pub(super) fn next_grid(
        &mut self,
        matrix: &Expr,
        cell: FuncId,
        args: &[Expr],
        parallel: bool,
        span: Span,
    ) -> Value<'ctx> {
        let types = self.emit.types;
        let grid = self.type_of(matrix);
        let shape = self.shape(grid);
        let old = self.reference(matrix);
        let values = self.values(args);
        let count = [self.fiber.into(), types.int(shape.size.cells()).into(), self.codegen.descriptor(grid).into()];
        let new = self.runtime_value(RuntimeFunction::MatrixNew, &count).into_pointer_value();
        let (places, bytes) = self.argument_places(cell);
        let memory = self.alloca(types.i64.array_type(bytes.div_ceil(8)).into());
        self.emit.store(self.emit.offset(memory, OLD), old);
        self.emit.store(self.emit.offset(memory, NEW), new);
        for ((value, arg), &at) in values.into_iter().zip(args).zip(&places) {
            self.store_slot(self.type_of(arg), self.emit.offset(memory, at.into()), value);
        }
        let strips = types.int(shape.size.height * strips_of_row(shape.size));
        let band = self.band(cell, shape);
        self.at_place(span);
        if parallel {
            let info = self.band_info(band, cell);
            let args = [self.fiber.into(), info.into(), memory.into(), strips.into(), self.codegen.site(span).into()];
            let results = self.runtime_value(RuntimeFunction::RangeRun, &args);
            self.runtime_call(RuntimeFunction::RangeFree, &[self.fiber.into(), results]);
        } else {
            let runner = self.temporary(size_of::<RangeRunner>() as u32);
            self.emit.store(self.emit.offset(runner.address, offset_of!(RangeRunner, next) as u64), types.int(0));
            self.emit.store(self.emit.offset(runner.address, offset_of!(RangeRunner, end) as u64), strips);
            let args = [self.fiber.into(), memory.into(), runner.address.into()];
            self.codegen.mark_call(self.emit.call(band, &args));
            self.release(runner);
        }
        self.fake_use(old);
        self.fake_use(new);
        new.into()
    }

    fn shape(&self, grid: TypeId) -> Shape {
        let Some(&Definition::Matrix { cell, size }) = self.codegen.program.definitions.get(&grid) else {
            crate::bug!("a grid of {}", self.codegen.type_name(grid))
        };
        let slot = &self.codegen.layout(cell).slot;
        Shape { item: cell, size, stride: slot.size, has_references: !slot.pointers.is_empty() }
    }

    /// Where the arguments lie in the environment, and its size.
    fn argument_places(&self, cell: FuncId) -> (Vec<u32>, u32) {
        let formula = self.codegen.program.function(cell);
        let mut size = ARGS;
        let mut place = |local: &LocalId| {
            let slot = &self.codegen.layout(formula.locals[local.0 as usize].ty).slot;
            let offset = size.next_multiple_of(slot.align.max(1));
            size = offset + slot.size;
            offset
        };
        let places = formula.params.iter().skip(POSITION).map(&mut place).collect();
        (places, size)
    }

    /// `abi::RangeInfo` without results.
    fn band_info(&self, band: FunctionValue<'ctx>, cell: FuncId) -> PointerValue<'ctx> {
        let name = &self.codegen.program.function(cell).name;
        let flags = if self.codegen.graph.is_deep(cell) { task_flags::RECURSIVE } else { 0 };
        let mut members: Vec<Value<'ctx>> = vec![band.as_global_value().as_pointer_value().into()];
        members.push(self.codegen.text_constant(name).into());
        members.extend([0, 0, flags, 0].map(|word| self.emit.types.word32(word).as_basic_value_enum()));
        self.codegen.constant("range", self.codegen.context.const_struct(&members, false).into()).as_pointer_value()
    }

    /// `void band(fiber, environment, runner)`
    fn band(&self, cell: FuncId, shape: Shape) -> FunctionValue<'ctx> {
        let codegen = self.codegen;
        let formula = codegen.program.function(cell);
        let name = format!("{}.band", codegen.function(cell).get_name().to_string_lossy());
        if let Some(known) = codegen.module.get_function(&name) {
            return known;
        }
        let func = codegen
            .declare(&name, self.emit.types.void.fn_type(&[BasicTypeEnum::from(self.emit.types.ptr).into(); 3], false));
        let mut band = Body::open(codegen, formula, func);
        band.describe_function(Some("band"), Variables::None);
        band.at_place(formula.span);
        let edge = band.run_of_cells(cell, shape, codegen.function(cell), false);
        let inner = band.inner_form(cell);
        let inner = band.run_of_cells(cell, shape, inner, true);
        band.strips(shape, [edge, inner], &margins(formula, shape.size));
        band.close();
        func
    }

    /// The formula with neighbours that exist; the address of the old cells is its last parameter.
    fn inner_form(&self, cell: FuncId) -> FunctionValue<'ctx> {
        let codegen = self.codegen;
        let edge = codegen.function(cell);
        let mut params = edge.get_type().get_param_types();
        params.push(BasicMetadataTypeEnum::from(self.emit.types.ptr));
        let signature = match edge.get_type().get_return_type() {
            Some(item) => item.fn_type(&params, false),
            None => crate::bug!("a formula without result"),
        };
        let func = codegen.declare(&format!("{}.inner", edge.get_name().to_string_lossy()), signature);
        let data = parameter(func, params.len() as u32 - 1).into_pointer_value();
        super::function::define_form(codegen, cell, func, Some(data));
        func
    }

    /// `void run(fiber, old, data, new, new data, y, from, to, arguments…)`
    fn run_of_cells(
        &self,
        cell: FuncId,
        shape: Shape,
        form: FunctionValue<'ctx>,
        takes_data: bool,
    ) -> FunctionValue<'ctx> {
        let (codegen, types) = (self.codegen, self.emit.types);
        let formula = codegen.program.function(cell);
        let mut params = vec![BasicTypeEnum::from(types.ptr); 5];
        params.extend([BasicTypeEnum::from(types.i64); 3]);
        let first_argument = params.len() as u32;
        let locals = formula.params.iter().skip(POSITION);
        params.extend(locals.map(|local| codegen.value_type(formula.locals[local.0 as usize].ty)));
        let signature: Vec<BasicMetadataTypeEnum<'ctx>> = params.iter().map(|param| (*param).into()).collect();
        let name = format!("{}.run", form.get_name().to_string_lossy());
        let func = codegen.declare(&name, types.void.fn_type(&signature, false));
        // The collector writes to cells that are references.
        if !shape.has_references {
            let noalias = codegen.context.create_enum_attribute(Attribute::get_named_enum_kind_id("noalias"), 0);
            func.add_attribute(AttributeLoc::Param(2), noalias);
            func.add_attribute(AttributeLoc::Param(4), noalias);
        }
        let mut run = Body::open(codegen, formula, func);
        run.describe_function(Some("run"), Variables::None);
        run.at_place(formula.span);
        let [old, data, new, new_data] = [1, 2, 3, 4].map(|index| parameter(func, index).into_pointer_value());
        let [y, from, to] = [5, 6, 7].map(|index| parameter(func, index).into_int_value());
        let arguments = (first_argument..params.len() as u32).map(|index| parameter(func, index));
        let mut operands: Vec<Value<'ctx>> = vec![run.fiber.into(), old.into(), y.into(), y.into()];
        operands.extend(arguments);
        operands.extend(takes_data.then_some(Value::from(data)));
        let row = run.multiply(y, types.int(shape.size.width));
        let x_slot = run.alloca(types.i64.into());
        run.emit.store(x_slot, from);
        let [head, round, exit] = std::array::from_fn(|_| run.new_block());
        run.emit.jump(head);
        run.emit.at(head);
        let x = run.emit.load_int(x_slot);
        let more = run.emit.compare(IntPredicate::SLT, x, to);
        run.emit.branch(more, round, exit);
        run.emit.at(round);
        operands[2] = x.into();
        let value = codegen.mark_call(run.emit.call(form, &operands)).try_as_basic_value().unwrap_basic();
        if shape.has_references {
            run.runtime_call(RuntimeFunction::MatrixBarrier, &[run.fiber.into(), new.into()]);
        }
        let at = run.emit.element(new_data, run.emit.add(row, x), shape.stride);
        run.store_slot(shape.item, at, value);
        let following = built(run.emit.builder.build_int_nsw_add(x, types.int(1), ""));
        run.emit.store(x_slot, following);
        run.emit.jump(head);
        run.emit.at(exit);
        built(run.emit.builder.build_return(None));
        run.close();
        func
    }

    fn multiply(&self, left: IntValue<'ctx>, right: IntValue<'ctx>) -> IntValue<'ctx> {
        built(self.emit.builder.build_int_mul(left, right, ""))
    }

    /// The body of a band.
    fn strips(&mut self, shape: Shape, [edge, inner]: [FunctionValue<'ctx>; 2], margins: &Margins) {
        let types = self.emit.types;
        let GridSize { width, height } = shape.size;
        let memory = parameter(self.func, 1).into_pointer_value();
        let runner = parameter(self.func, 2).into_pointer_value();
        let old = self.emit.load_ptr(self.emit.offset(memory, OLD));
        let new = self.emit.load_ptr(self.emit.offset(memory, NEW));
        let arguments = self.arguments_of_band(memory);
        let (index, chunk) = self.next_of_chunk(runner);
        let parts = types.int(strips_of_row(shape.size));
        let y = built(self.emit.builder.build_int_unsigned_div(index, parts, ""));
        let part = self.emit.sub(index, self.multiply(y, parts));
        let from = self.multiply(part, types.int(STRIP));
        let to = self.smaller(self.emit.add(from, types.int(STRIP)), types.int(width));
        let low = self.emit.compare(IntPredicate::SGE, y, types.int(margins.top));
        let high = self.emit.compare(IntPredicate::SLT, y, types.int(height - margins.bottom));
        let inside = self.emit.and(low, high);
        let first = self.larger(from, self.smaller(types.int(margins.left), to));
        let last = self.larger(first, self.smaller(types.int(width - margins.right), to));
        let first = self.emit.select(inside, first, to);
        let last = self.emit.select(inside, last, to);
        let (data, new_data) = (self.data_of(old), self.data_of(new));
        for (run, from, to) in [(edge, from, first), (inner, first, last), (edge, last, to)] {
            let mut operands: Vec<Value<'ctx>> = vec![self.fiber.into(), old.into(), data.into(), new.into()];
            operands.extend([Value::from(new_data), y.into(), from.into(), to.into()]);
            operands.extend_from_slice(&arguments);
            self.codegen.mark_call(self.emit.call(run, &operands));
        }
        self.fake_use(data);
        self.fake_use(new_data);
        self.poll();
        self.end_of_round(chunk);
        self.fake_use(old);
        self.fake_use(new);
        built(self.emit.builder.build_return(None));
    }

    fn arguments_of_band(&self, memory: PointerValue<'ctx>) -> Vec<Value<'ctx>> {
        let mut size = ARGS;
        let mut load = |local: &LocalId| {
            let ty = self.local_type(*local);
            let slot = &self.codegen.layout(ty).slot;
            let at = size.next_multiple_of(slot.align.max(1));
            size = at + slot.size;
            self.load_slot(ty, self.emit.offset(memory, at.into()))
        };
        self.ir.params.iter().skip(POSITION).map(&mut load).collect()
    }

    fn smaller(&self, left: IntValue<'ctx>, right: IntValue<'ctx>) -> IntValue<'ctx> {
        let less = self.emit.compare(IntPredicate::SLT, left, right);
        self.emit.select(less, left, right)
    }

    fn larger(&self, left: IntValue<'ctx>, right: IntValue<'ctx>) -> IntValue<'ctx> {
        let less = self.emit.compare(IntPredicate::SLT, left, right);
        self.emit.select(less, right, left)
    }
}

fn strips_of_row(size: GridSize) -> i64 {
    (size.width + STRIP - 1) / STRIP
}

/// The distance of a coordinate from that of the cell, where it is constant.
fn relative(expr: &Expr, own: LocalId) -> Option<i64> {
    match &expr.kind {
        ExprKind::Local(local) if *local == own => Some(0),
        ExprKind::Arithmetic { op: ArithmeticOp::Add, left, right } => match (&left.kind, &right.kind) {
            (ExprKind::Local(local), ExprKind::Int(distance)) if *local == own => Some(*distance),
            _ => None,
        },
        _ => None,
    }
}

/// Of all tests at constant distances; clamped, so that a far neighbour leaves no inner cells.
fn margins(formula: &Function, size: GridSize) -> Margins {
    struct Finder(Margins, GridSize);
    impl visit::Visitor for Finder {
        fn expr(&mut self, expr: &mut Expr) {
            if let ExprKind::InGrid { x, y, .. } = &expr.kind
                && let (Some(dx), Some(dy)) = (relative(x, X), relative(y, Y))
            {
                let (most, size) = (&mut self.0, self.1);
                most.left = most.left.max(dx.saturating_neg().min(size.width));
                most.right = most.right.max(dx.min(size.width));
                most.top = most.top.max(dy.saturating_neg().min(size.height));
                most.bottom = most.bottom.max(dy.min(size.height));
            }
            visit::expr_parts(expr, self);
        }
    }
    let mut finder = Finder(Margins::default(), size);
    visit::Visitor::block(&mut finder, &mut formula.body.clone());
    finder.0
}
