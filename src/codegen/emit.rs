//! Short names for the instructions that the lowering uses.
//!
//! In: LLVM values. Out: LLVM values. inkwell reports a builder that stands nowhere, or operands of the wrong kind, as
//! errors; both are defects of ours, so they end in `bug!` here and nowhere else.
//! Deliberately not here: anything that knows Coex.

use crate::bug;
use inkwell::basic_block::BasicBlock;
use inkwell::builder::{Builder, BuilderError};
use inkwell::context::Context;
use inkwell::types::{BasicTypeEnum, FloatType, IntType, PointerType, VoidType};
use inkwell::values::{
    BasicValue, BasicValueEnum, CallSiteValue, FloatValue, FunctionValue, InstructionValue, IntValue, PointerValue,
    StructValue,
};
use inkwell::{AddressSpace, FloatPredicate, IntPredicate};

pub(super) type Value<'ctx> = BasicValueEnum<'ctx>;

/// The LLVM types that occur everywhere.
#[derive(Clone, Copy)]
pub(super) struct Scalars<'ctx> {
    pub(super) void: VoidType<'ctx>,
    pub(super) i1: IntType<'ctx>,
    pub(super) i8: IntType<'ctx>,
    pub(super) i32: IntType<'ctx>,
    pub(super) i64: IntType<'ctx>,
    pub(super) f64: FloatType<'ctx>,
    pub(super) ptr: PointerType<'ctx>,
}

impl<'ctx> Scalars<'ctx> {
    pub(super) fn new(context: &'ctx Context) -> Scalars<'ctx> {
        Scalars {
            void: context.void_type(),
            i1: context.bool_type(),
            i8: context.i8_type(),
            i32: context.i32_type(),
            i64: context.i64_type(),
            f64: context.f64_type(),
            ptr: context.ptr_type(AddressSpace::default()),
        }
    }

    pub(super) fn int(self, value: i64) -> IntValue<'ctx> {
        self.i64.const_int(value as u64, true)
    }

    pub(super) fn word32(self, value: u32) -> IntValue<'ctx> {
        self.i32.const_int(value.into(), false)
    }
}

/// A builder and the function it builds.
pub(super) struct Emit<'ctx> {
    pub(super) builder: Builder<'ctx>,
    pub(super) types: Scalars<'ctx>,
}

/// How many times the usual happens for one of the rare.
const RARELY: u32 = 1 << 20;

/// No object has as many elements.
const MOST_ELEMENTS: i64 = 1 << 48;

/// The value of a builder call that cannot fail on well-formed operands.
pub(super) fn built<T>(result: Result<T, BuilderError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => bug!("LLVM builder: {error}"),
    }
}

impl<'ctx> Emit<'ctx> {
    pub(super) fn new(context: &'ctx Context, types: Scalars<'ctx>) -> Emit<'ctx> {
        Emit { builder: context.create_builder(), types }
    }

    pub(super) fn at(&self, block: BasicBlock<'ctx>) {
        self.builder.position_at_end(block);
    }

    pub(super) fn block(&self) -> BasicBlock<'ctx> {
        match self.builder.get_insert_block() {
            Some(block) => block,
            None => bug!("no block to build in"),
        }
    }

    // ------------------------------------------------------------------------------------------------- memory

    pub(super) fn load(&self, ty: impl Into<BasicTypeEnum<'ctx>>, address: PointerValue<'ctx>) -> Value<'ctx> {
        built(self.builder.build_load(ty.into(), address, ""))
    }

    pub(super) fn load_int(&self, address: PointerValue<'ctx>) -> IntValue<'ctx> {
        self.load(self.types.i64, address).into_int_value()
    }

    /// The length of an object: LLVM may know that it is not negative.
    pub(super) fn load_len(&self, address: PointerValue<'ctx>) -> IntValue<'ctx> {
        let len = self.load_int(address);
        let context = self.types.i64.get_context();
        let range = context.metadata_node(&[self.types.int(0).into(), self.types.int(MOST_ELEMENTS).into()]);
        let marked = len.as_instruction_value().map(|load| load.set_metadata(range, context.get_kind_id("range")));
        if !matches!(marked, Some(Ok(()))) {
            bug!("a length without a range");
        }
        len
    }

    pub(super) fn load_ptr(&self, address: PointerValue<'ctx>) -> PointerValue<'ctx> {
        self.load(self.types.ptr, address).into_pointer_value()
    }

    pub(super) fn store(&self, address: PointerValue<'ctx>, value: impl BasicValue<'ctx>) -> InstructionValue<'ctx> {
        built(self.builder.build_store(address, value))
    }

    /// `base` plus a constant number of bytes.
    pub(super) fn offset(&self, base: PointerValue<'ctx>, bytes: u64) -> PointerValue<'ctx> {
        if bytes == 0 {
            return base;
        }
        let bytes = self.types.i64.const_int(bytes, false);
        // SAFETY: the layouts of `abi` and `layout` place the address inside the object.
        built(unsafe { self.builder.build_in_bounds_gep(self.types.i8, base, &[bytes], "") })
    }

    /// Address of element `index` of elements of `stride` bytes.
    pub(super) fn element(&self, base: PointerValue<'ctx>, index: IntValue<'ctx>, stride: u32) -> PointerValue<'ctx> {
        let element = self.types.i8.array_type(stride);
        // SAFETY: callers stay below the number of elements.
        built(unsafe { self.builder.build_in_bounds_gep(element, base, &[index], "") })
    }

    // ------------------------------------------------------------------------------------------------ numbers

    pub(super) fn add(&self, left: IntValue<'ctx>, right: IntValue<'ctx>) -> IntValue<'ctx> {
        built(self.builder.build_int_add(left, right, ""))
    }

    pub(super) fn sub(&self, left: IntValue<'ctx>, right: IntValue<'ctx>) -> IntValue<'ctx> {
        built(self.builder.build_int_sub(left, right, ""))
    }

    pub(super) fn and(&self, left: IntValue<'ctx>, right: IntValue<'ctx>) -> IntValue<'ctx> {
        built(self.builder.build_and(left, right, ""))
    }

    pub(super) fn or(&self, left: IntValue<'ctx>, right: IntValue<'ctx>) -> IntValue<'ctx> {
        built(self.builder.build_or(left, right, ""))
    }

    pub(super) fn not(&self, value: IntValue<'ctx>) -> IntValue<'ctx> {
        built(self.builder.build_not(value, ""))
    }

    pub(super) fn compare(
        &self,
        predicate: IntPredicate,
        left: IntValue<'ctx>,
        right: IntValue<'ctx>,
    ) -> IntValue<'ctx> {
        built(self.builder.build_int_compare(predicate, left, right, ""))
    }

    pub(super) fn compare_float(
        &self,
        predicate: FloatPredicate,
        left: FloatValue<'ctx>,
        right: FloatValue<'ctx>,
    ) -> IntValue<'ctx> {
        built(self.builder.build_float_compare(predicate, left, right, ""))
    }

    pub(super) fn same_address(&self, left: PointerValue<'ctx>, right: PointerValue<'ctx>) -> IntValue<'ctx> {
        built(self.builder.build_int_compare(IntPredicate::EQ, left, right, ""))
    }

    pub(super) fn is_null(&self, value: PointerValue<'ctx>) -> IntValue<'ctx> {
        built(self.builder.build_is_null(value, ""))
    }

    pub(super) fn is_zero(&self, value: IntValue<'ctx>) -> IntValue<'ctx> {
        self.compare(IntPredicate::EQ, value, value.get_type().const_zero())
    }

    pub(super) fn is_not_zero(&self, value: IntValue<'ctx>) -> IntValue<'ctx> {
        self.compare(IntPredicate::NE, value, value.get_type().const_zero())
    }

    pub(super) fn select(
        &self,
        condition: IntValue<'ctx>,
        then: IntValue<'ctx>,
        otherwise: IntValue<'ctx>,
    ) -> IntValue<'ctx> {
        built(self.builder.build_select(condition, then, otherwise, "")).into_int_value()
    }

    /// Zero-extends or truncates; the same width is left alone.
    pub(super) fn resize(&self, value: IntValue<'ctx>, ty: IntType<'ctx>) -> IntValue<'ctx> {
        let (have, want) = (value.get_type().get_bit_width(), ty.get_bit_width());
        match have.cmp(&want) {
            std::cmp::Ordering::Less => built(self.builder.build_int_z_extend(value, ty, "")),
            std::cmp::Ordering::Equal => value,
            std::cmp::Ordering::Greater => built(self.builder.build_int_truncate(value, ty, "")),
        }
    }

    // --------------------------------------------------------------------------------------------- aggregates

    pub(super) fn extract(&self, aggregate: StructValue<'ctx>, index: u32) -> Value<'ctx> {
        built(self.builder.build_extract_value(aggregate, index, ""))
    }

    pub(super) fn insert(
        &self,
        aggregate: StructValue<'ctx>,
        value: impl BasicValue<'ctx>,
        index: u32,
    ) -> StructValue<'ctx> {
        built(self.builder.build_insert_value(aggregate, value, index, "")).into_struct_value()
    }

    // ------------------------------------------------------------------------------------------- control flow

    pub(super) fn jump(&self, target: BasicBlock<'ctx>) {
        built(self.builder.build_unconditional_branch(target));
    }

    pub(super) fn branch(&self, condition: IntValue<'ctx>, then: BasicBlock<'ctx>, otherwise: BasicBlock<'ctx>) {
        built(self.builder.build_conditional_branch(condition, then, otherwise));
    }

    /// A branch to what happens once in a long time: it stands apart, and the way past it is laid out as if there were none.
    pub(super) fn branch_rarely(&self, condition: IntValue<'ctx>, rare: BasicBlock<'ctx>, usual: BasicBlock<'ctx>) {
        self.branch_seldom(condition, rare, usual, RARELY);
    }

    /// A branch to what happens once in `usually` times.
    pub(super) fn branch_seldom(
        &self,
        condition: IntValue<'ctx>,
        rare: BasicBlock<'ctx>,
        usual: BasicBlock<'ctx>,
        usually: u32,
    ) {
        let branch = built(self.builder.build_conditional_branch(condition, rare, usual));
        let context = self.types.i64.get_context();
        let weights = [
            context.metadata_string("branch_weights").into(),
            self.types.word32(1).into(),
            self.types.word32(usually).into(),
        ];
        let refused = branch.set_metadata(context.metadata_node(&weights), context.get_kind_id("prof"));
        if refused.is_err() {
            bug!("a branch without weights");
        }
    }

    pub(super) fn unreachable(&self) {
        built(self.builder.build_unreachable());
    }

    pub(super) fn call(&self, function: FunctionValue<'ctx>, args: &[Value<'ctx>]) -> CallSiteValue<'ctx> {
        let args: Vec<_> = args.iter().map(|&arg| arg.into()).collect();
        built(self.builder.build_call(function, &args, ""))
    }

    pub(super) fn phi(&self, incoming: &[(Value<'ctx>, BasicBlock<'ctx>)]) -> Value<'ctx> {
        let phi = built(self.builder.build_phi(incoming[0].0.get_type(), ""));
        for (value, block) in incoming {
            phi.add_incoming(&[(value, *block)]);
        }
        phi.as_basic_value()
    }
}

/// The value of the type whose bits the program never looks at: results of code that does not return.
pub(super) fn poison<'ctx>(ty: BasicTypeEnum<'ctx>) -> Value<'ctx> {
    match ty {
        BasicTypeEnum::IntType(ty) => ty.get_poison().into(),
        BasicTypeEnum::FloatType(ty) => ty.get_poison().into(),
        BasicTypeEnum::PointerType(ty) => ty.get_poison().into(),
        BasicTypeEnum::StructType(ty) => ty.get_poison().into(),
        BasicTypeEnum::ArrayType(ty) => ty.get_poison().into(),
        BasicTypeEnum::VectorType(ty) => ty.get_poison().into(),
        BasicTypeEnum::ScalableVectorType(ty) => ty.get_poison().into(),
    }
}

/// All bits zero: nil, false, 0.
pub(super) fn zero<'ctx>(ty: BasicTypeEnum<'ctx>) -> Value<'ctx> {
    ty.const_zero()
}
