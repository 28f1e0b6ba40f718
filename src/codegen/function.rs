//! One function: prologue, locals, body, epilogue.
//!
//! In: a function of the typed IR. Out: its LLVM body. Locals are allocas of the entry block, which LLVM turns into
//! registers. Deliberately not here: statements and expressions.

use super::context::Codegen;
use super::debug_info::{Scopes, Variables};
use super::emit::{Emit, Value, built};
use super::types_table::object_size;
use super::windows::Windows;
use super::within::Outlined;
use crate::ir::{FuncId, Function, LocalId};
use crate::source::Span;
use crate::types::{FunctionKind, TypeId};
use coex_runtime::abi::offset;
use inkwell::IntPredicate;
use inkwell::basic_block::BasicBlock;
use inkwell::intrinsics::Intrinsic;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{BasicValue, FunctionValue, IntValue, PointerValue};

/// State while one function is lowered.
pub(super) struct Body<'a, 'ctx> {
    pub(super) codegen: &'a Codegen<'a, 'ctx>,
    pub(super) emit: Emit<'ctx>,
    pub(super) ir: &'a Function,
    /// `None` in functions that are not the program's own.
    pub(super) id: Option<FuncId>,
    pub(super) func: FunctionValue<'ctx>,
    pub(super) fiber: PointerValue<'ctx>,
    pub(super) locals: Vec<PointerValue<'ctx>>,
    pub(super) loops: Vec<LoopTargets<'ctx>>,
    /// The function runs under a root of its own.
    pub(super) has_root: bool,
    /// Open scopes, with the place whose barrier they wait at.
    pub(super) scopes: Vec<(PointerValue<'ctx>, Span)>,
    /// This is the body of a `within`, as a function of its own.
    pub(super) outlined: Option<Outlined<'ctx>>,
    /// The form of a formula of a matrix for cells whose neighbours exist: where the old cells lie.
    pub(super) inner_cells: Option<PointerValue<'ctx>>,
    /// Of the loops that are being lowered.
    pub(super) windows: Windows<'ctx>,
    /// Variables of loops of which the second form is being lowered, see `windows`.
    pub(super) without_windows: Vec<LocalId>,
    /// How many of these loops are lowered in two forms.
    pub(super) forms: u32,
    /// Where places of debug information belong to.
    pub(super) places: Option<Scopes<'ctx>>,
    /// Builds allocas, at the end of the entry block.
    entry: Emit<'ctx>,
    /// Where the code begins, behind the allocas.
    start: BasicBlock<'ctx>,
    /// Temporaries that nobody uses at the moment, by size in words.
    free_temporaries: Vec<Vec<PointerValue<'ctx>>>,
}

#[derive(Clone, Copy)]
pub(super) struct LoopTargets<'ctx> {
    pub(super) next: BasicBlock<'ctx>,
    pub(super) exit: BasicBlock<'ctx>,
}

/// Memory of the frame, given back by `release`.
pub(super) struct Temporary<'ctx> {
    pub(super) address: PointerValue<'ctx>,
    words: usize,
}

/// Where the captures of a lambda lie in its closure object.
pub(super) struct CapturePlaces {
    pub(super) offsets: Vec<u32>,
    /// Of the whole object.
    pub(super) size: u32,
}

impl<'ctx> Codegen<'_, 'ctx> {
    pub(super) fn capture_places(&self, id: FuncId) -> CapturePlaces {
        let function = self.program.function(id);
        let mut size = 16u32;
        let mut place = |local: &LocalId| {
            let slot = &self.layout(function.locals[local.0 as usize].ty).slot;
            let offset = size.next_multiple_of(slot.align.max(1));
            size = offset + slot.size;
            offset
        };
        let offsets = function.captures.iter().map(&mut place).collect();
        CapturePlaces { offsets, size: object_size(size - 8) }
    }
}

pub(super) fn define<'a, 'ctx>(codegen: &'a Codegen<'a, 'ctx>, id: FuncId) {
    define_form(codegen, id, codegen.function(id), None);
    if let Some(again) = codegen.unrolled(id) {
        define_form(codegen, id, again, None);
    }
}

/// Gives a declaration the body of a function.
pub(super) fn define_form<'a, 'ctx>(
    codegen: &'a Codegen<'a, 'ctx>,
    id: FuncId,
    func: FunctionValue<'ctx>,
    inner_cells: Option<PointerValue<'ctx>>,
) {
    let ir = codegen.program.function(id);
    let mut body = Body::open(codegen, ir, func);
    body.inner_cells = inner_cells;
    body.id = Some(id);
    body.has_root = (ir.kind == FunctionKind::Task || ir.isolated) && !codegen.natives.is_empty();
    body.locals = ir.locals.iter().map(|local| body.alloca(codegen.slot_type(local.ty))).collect();
    body.describe_function(None, Variables::Whole);
    body.prologue(id);
    body.at_place(ir.span);
    let mut before = 0;
    // A form that stands in the function itself calls it, and that looks.
    if codegen.graph.is_recursive(id) && codegen.unrolled(id) != Some(func) {
        before = codegen.graph.statements_before_recursion(&ir.body);
        body.block(&ir.body[..before]);
        body.check_stack();
    }
    body.block(&ir.body[before..]);
    let end = ir.span.end.saturating_sub(1).max(ir.span.start);
    body.at_place(Span { start: end, ..ir.span });
    body.fall_off();
    body.close();
}

pub(super) fn parameter<'ctx>(func: FunctionValue<'ctx>, index: u32) -> Value<'ctx> {
    match func.get_nth_param(index) {
        Some(value) => value,
        None => crate::bug!("function has no parameter {index}"),
    }
}

impl<'a, 'ctx> Body<'a, 'ctx> {
    /// An empty body; `ir` is what messages and the result type come from.
    pub(super) fn open(codegen: &'a Codegen<'a, 'ctx>, ir: &'a Function, func: FunctionValue<'ctx>) -> Body<'a, 'ctx> {
        let (entry, emit) = (codegen.emit(), codegen.emit());
        entry.at(codegen.context.append_basic_block(func, "entry"));
        let start = codegen.context.append_basic_block(func, "");
        emit.at(start);
        Body {
            codegen,
            emit,
            ir,
            id: None,
            func,
            fiber: parameter(func, 0).into_pointer_value(),
            locals: Vec::new(),
            loops: Vec::new(),
            has_root: false,
            scopes: Vec::new(),
            outlined: None,
            inner_cells: None,
            windows: Windows::new(),
            without_windows: Vec::new(),
            forms: 0,
            places: None,
            entry,
            start,
            free_temporaries: Vec::new(),
        }
    }

    /// Joins the allocas to the code; everything has been built.
    pub(super) fn close(self) {
        self.entry.jump(self.start);
    }

    fn prologue(&mut self, id: FuncId) {
        let is_lambda = self.codegen.graph.is_lambda(id);
        if self.has_root {
            self.enter_root();
        }
        let first = 1 + u32::from(is_lambda);
        for (index, &local) in self.ir.params.iter().enumerate() {
            self.set_local(local, parameter(self.func, first + index as u32));
        }
        if is_lambda {
            let closure = parameter(self.func, 1).into_pointer_value();
            let places = self.codegen.capture_places(id);
            for (&local, &at) in self.ir.captures.iter().zip(&places.offsets) {
                let ty = self.local_type(local);
                let value = self.load_slot(ty, self.emit.offset(closure, at.into()));
                self.set_local(local, value);
            }
        }
    }

    /// Functions that may call themselves again panic before the stack ends; here they poll too.
    fn check_stack(&mut self) {
        let limit = self.emit.load_int(self.emit.offset(self.fiber, offset::FIBER_STACK_CHECK as u64));
        let low = self.emit.compare(IntPredicate::ULT, self.stack_pointer(), limit);
        let (overflow, fine) = (self.new_block(), self.new_block());
        self.emit.branch_rarely(low, overflow, fine);
        self.emit.at(overflow);
        self.look_at_stack();
        self.emit.jump(fine);
        self.emit.at(fine);
    }

    fn stack_pointer(&self) -> IntValue<'ctx> {
        let register = if cfg!(target_arch = "x86_64") { "rsp" } else { "sp" };
        let name = self.codegen.context.metadata_string(register);
        let node = self.codegen.context.metadata_node(&[name.into()]);
        let read = self.codegen.intrinsic("llvm.read_register", &[self.emit.types.i64.into()]);
        built(self.emit.builder.build_call(read, &[node.into()], ""))
            .try_as_basic_value()
            .unwrap_basic()
            .into_int_value()
    }

    /// The end of the body: a return when there is no result; `check` has proved that it is not reached otherwise.
    fn fall_off(&mut self) {
        match self.ir.result {
            Some(_) => self.emit.unreachable(),
            None => self.leave(None),
        }
    }

    pub(super) fn leave(&mut self, value: Option<Value<'ctx>>) {
        self.leave_scopes();
        if self.return_outlined(value) {
            return;
        }
        if self.has_root {
            self.leave_root();
        }
        built(self.emit.builder.build_return(value.as_ref().map(|value| value as &dyn BasicValue<'ctx>)));
    }

    // ------------------------------------------------------------------------------------------ blocks and frame

    pub(super) fn new_block(&self) -> BasicBlock<'ctx> {
        self.codegen.context.append_basic_block(self.func, "")
    }

    /// Code behind a return or panic still has to go somewhere; LLVM drops the block.
    pub(super) fn start_dead_code(&self) {
        self.emit.at(self.new_block());
    }

    pub(super) fn alloca(&self, ty: BasicTypeEnum<'ctx>) -> PointerValue<'ctx> {
        built(self.entry.builder.build_alloca(ty, ""))
    }

    /// Where allocas are; nothing stands before them.
    pub(super) fn entry_block(&self) -> BasicBlock<'ctx> {
        self.entry.block()
    }

    /// Stores before anything else happens.
    pub(super) fn at_entry(&self, address: PointerValue<'ctx>, value: Value<'ctx>) {
        self.entry.store(address, value);
    }

    pub(super) fn temporary(&mut self, bytes: u32) -> Temporary<'ctx> {
        let words = bytes.div_ceil(8).max(1) as usize;
        let free = self.free_temporaries.get_mut(words).and_then(Vec::pop);
        let address = free.unwrap_or_else(|| self.alloca(self.emit.types.i64.array_type(words as u32).into()));
        Temporary { address, words }
    }

    pub(super) fn release(&mut self, temporary: Temporary<'ctx>) {
        if self.free_temporaries.len() <= temporary.words {
            self.free_temporaries.resize_with(temporary.words + 1, Vec::new);
        }
        self.free_temporaries[temporary.words].push(temporary.address);
    }

    // ---------------------------------------------------------------------------------------------- locals, slots

    pub(super) fn local_type(&self, local: LocalId) -> TypeId {
        self.ir.locals[local.0 as usize].ty
    }

    pub(super) fn set_local(&self, local: LocalId, value: Value<'ctx>) {
        self.store_slot(self.local_type(local), self.locals[local.0 as usize], value);
    }

    pub(super) fn get_local(&self, local: LocalId) -> Value<'ctx> {
        self.load_slot(self.local_type(local), self.locals[local.0 as usize])
    }

    pub(super) fn load_slot(&self, ty: TypeId, address: PointerValue<'ctx>) -> Value<'ctx> {
        let value = self.emit.load(self.codegen.slot_type(ty), address);
        self.from_slot(ty, value)
    }

    pub(super) fn store_slot(&self, ty: TypeId, address: PointerValue<'ctx>, value: Value<'ctx>) {
        self.emit.store(address, self.to_slot(ty, value));
    }

    /// A bool is one bit in registers and a byte in memory; all else is the same.
    pub(super) fn to_slot(&self, ty: TypeId, value: Value<'ctx>) -> Value<'ctx> {
        match (value, self.codegen.slot_type(ty)) {
            (Value::IntValue(bit), BasicTypeEnum::IntType(slot)) => self.emit.resize(bit, slot).into(),
            _ => value,
        }
    }

    pub(super) fn from_slot(&self, ty: TypeId, value: Value<'ctx>) -> Value<'ctx> {
        match (value, self.codegen.value_type(ty)) {
            (Value::IntValue(byte), BasicTypeEnum::IntType(wanted)) => self.emit.resize(byte, wanted).into(),
            _ => value,
        }
    }
}

impl<'ctx> Codegen<'_, 'ctx> {
    pub(super) fn intrinsic(&self, name: &str, types: &[BasicTypeEnum<'ctx>]) -> FunctionValue<'ctx> {
        match Intrinsic::find(name).and_then(|intrinsic| intrinsic.get_declaration(&self.module, types)) {
            Some(declaration) => declaration,
            None => crate::bug!("LLVM has no intrinsic {name}"),
        }
    }
}
