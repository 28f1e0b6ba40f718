//! The module under construction and everything that is made once for the whole of it.
//!
//! In: the program. Out: [`Codegen`]: LLVM types of Coex types, functions by id, constant tables by content. All
//! tables are looked up by key and walked in the order of creation, so the output is deterministic.
//! Deliberately not here: instructions.

use super::call_graph::CallGraph;
use super::debug_info::DebugInfo;
use super::emit::{Emit, Scalars, Value};
use super::layout::{Form, Layout, Layouts, Presence};
use super::{CodegenOptions, LibraryBinding, OptLevel, descriptors, foreign, literals, types_table};
use crate::bind::Binding;
use crate::ir::{ExternId, FuncId, Function, Program, RuntimeFunction};
use crate::source::SourceMap;
use crate::types::{FunctionKind, LibraryId, Type, TypeId, display};
use coex_runtime::abi::{ArrayObject, ListObject};
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::context::Context;
use inkwell::module::{Linkage, Module};
use inkwell::types::{BasicType, BasicTypeEnum, FunctionType, StructType};
use inkwell::values::{BasicValue, CallSiteValue, FunctionValue, GlobalValue, PointerValue};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};

pub(super) struct Codegen<'a, 'ctx> {
    pub(super) context: &'ctx Context,
    pub(super) module: Module<'ctx>,
    pub(super) types: Scalars<'ctx>,
    pub(super) program: &'a Program,
    pub(super) sources: &'a SourceMap,
    pub(super) natives: &'a [LibraryBinding],
    /// Indexed by `ExternId`.
    pub(super) bindings: &'a [Binding],
    pub(super) options: &'a CodegenOptions,
    pub(super) graph: CallGraph,
    pub(super) debug: Option<DebugInfo<'ctx>>,
    pub(super) attributes: Attributes,
    pub(super) rows: RefCell<types_table::Rows>,
    pub(super) descriptors: RefCell<descriptors::Descriptors<'ctx>>,
    pub(super) literals: RefCell<literals::Literals<'ctx>>,
    /// Extern functions that some call mentions, in the order of first mention.
    pub(super) externs: RefCell<Vec<(ExternId, FunctionValue<'ctx>)>>,
    /// Some call goes to a `coex_fast_*` function.
    pub(super) uses_fast_paths: Cell<bool>,
    /// Libraries whose leaves are called.
    pub(super) uses_leaves: RefCell<BTreeSet<LibraryId>>,
    layouts: Layouts,
    slot_types: Vec<OnceCell<BasicTypeEnum<'ctx>>>,
    functions: Vec<FunctionValue<'ctx>>,
    /// Of functions that stand in themselves: the form that takes the place of a call.
    unrolled: Vec<Option<FunctionValue<'ctx>>>,
    runtime: RefCell<HashMap<RuntimeFunction, FunctionValue<'ctx>>>,
}

/// Attributes that are used more than once.
pub(super) struct Attributes {
    pub(super) swiftself: Attribute,
    pub(super) nounwind: Attribute,
    pub(super) noreturn: Attribute,
    pub(super) cold: Attribute,
    pub(super) noinline: Attribute,
    pub(super) alwaysinline: Attribute,
    pub(super) zeroext: Attribute,
}

impl Attributes {
    fn new(context: &Context) -> Attributes {
        let attribute = |name| context.create_enum_attribute(Attribute::get_named_enum_kind_id(name), 0);
        Attributes {
            swiftself: attribute("swiftself"),
            nounwind: attribute("nounwind"),
            noreturn: attribute("noreturn"),
            cold: attribute("cold"),
            noinline: attribute("noinline"),
            alwaysinline: attribute("alwaysinline"),
            zeroext: attribute("zeroext"),
        }
    }
}

impl<'a, 'ctx> Codegen<'a, 'ctx> {
    pub(super) fn new(
        context: &'ctx Context,
        program: &'a Program,
        sources: &'a SourceMap,
        natives: &'a [LibraryBinding],
        bindings: &'a [Binding],
        options: &'a CodegenOptions,
    ) -> Codegen<'a, 'ctx> {
        let module = context.create_module("program");
        let paces: Vec<_> = bindings.iter().map(|binding| foreign::pace(binding, natives, options.opt)).collect();
        let mut codegen = Codegen {
            context,
            module,
            types: Scalars::new(context),
            program,
            sources,
            natives,
            bindings,
            options,
            graph: CallGraph::new(program, paces),
            debug: None,
            attributes: Attributes::new(context),
            rows: RefCell::default(),
            descriptors: RefCell::default(),
            literals: RefCell::default(),
            externs: RefCell::default(),
            uses_fast_paths: Cell::new(false),
            uses_leaves: RefCell::default(),
            layouts: Layouts::new(program),
            slot_types: vec![OnceCell::new(); program.types.len()],
            functions: Vec::new(),
            unrolled: Vec::new(),
            runtime: RefCell::default(),
        };
        codegen.functions = codegen.declare_functions();
        codegen.unrolled = codegen.declare_unrolled();
        if options.debug_info {
            let file = program.function(program.entry).span.file;
            let name = &sources.file(file).name;
            let optimised = options.opt != OptLevel::Debug;
            codegen.debug = Some(DebugInfo::new(&codegen.module, codegen.types, name, &options.directory, optimised));
        }
        codegen
    }

    pub(super) fn emit(&self) -> Emit<'ctx> {
        Emit::new(self.context, self.types)
    }

    // --------------------------------------------------------------------------------------------------- types

    pub(super) fn layout(&self, ty: TypeId) -> &Layout {
        self.layouts.get(self.program, ty)
    }

    pub(super) fn type_name(&self, ty: TypeId) -> String {
        display::type_name(&self.program.types, ty)
    }

    /// How a value lies in a local, a field or an element.
    pub(super) fn slot_type(&self, ty: TypeId) -> BasicTypeEnum<'ctx> {
        *self.slot_types[ty.0 as usize].get_or_init(|| {
            let layout = self.layout(ty);
            if layout.boxed { self.types.ptr.into() } else { self.content_type(ty) }
        })
    }

    /// The members of a type; for a boxed one, what lies from offset 8 of its object.
    pub(super) fn content_type(&self, ty: TypeId) -> BasicTypeEnum<'ctx> {
        let types = self.types;
        match &self.layout(ty).form {
            Form::Int => types.i64.into(),
            Form::Float => types.f64.into(),
            Form::Bool | Form::Byte => types.i8.into(),
            Form::Char => types.i32.into(),
            Form::Reference | Form::Optional { presence: Presence::Null, .. } => types.ptr.into(),
            Form::Json => self.context.struct_type(&[types.i64.into(), types.ptr.into()], false).into(),
            Form::Fields(places) => {
                let members: Vec<_> = places.iter().map(|place| self.slot_type(place.ty)).collect();
                self.context.struct_type(&members, false).into()
            }
            Form::Words(words) => self.words_type(words.references, words.scalars).into(),
            Form::Optional { inner, presence: Presence::Boxed } => self.slot_type(*inner),
            Form::Optional { inner, presence: Presence::Flag } => {
                self.context.struct_type(&[self.slot_type(*inner), types.i8.into()], false).into()
            }
        }
    }

    fn words_type(&self, references: u32, scalars: u32) -> StructType<'ctx> {
        let mut members: Vec<BasicTypeEnum<'ctx>> = vec![self.types.i64.into()];
        members.extend((0..references).map(|_| BasicTypeEnum::from(self.types.ptr)));
        members.extend((0..scalars).map(|_| BasicTypeEnum::from(self.types.i64)));
        self.context.struct_type(&members, false)
    }

    /// How a value travels in registers: as in its slot, but a bool is one bit.
    pub(super) fn value_type(&self, ty: TypeId) -> BasicTypeEnum<'ctx> {
        match self.layout(ty).form {
            Form::Bool => self.types.i1.into(),
            _ => self.slot_type(ty),
        }
    }

    // ----------------------------------------------------------------------------------------------- functions

    /// The fiber, then `leading` pointers, then the values.
    pub(super) fn signature(&self, leading: usize, params: &[TypeId], result: Option<TypeId>) -> FunctionType<'ctx> {
        let pointers = std::iter::repeat_n(BasicTypeEnum::from(self.types.ptr), 1 + leading);
        let params: Vec<_> =
            pointers.chain(params.iter().map(|&param| self.value_type(param))).map(Into::into).collect();
        match result {
            Some(result) => self.value_type(result).fn_type(&params, false),
            None => self.types.void.fn_type(&params, false),
        }
    }

    fn declare_functions(&self) -> Vec<FunctionValue<'ctx>> {
        let mut names = HashSet::new();
        let declare = |(index, function): (usize, &Function)| {
            let mut name = format!("coex.{}", function.name);
            if !names.insert(name.clone()) {
                name = format!("{name}.{index}");
            }
            let params: Vec<TypeId> =
                function.params.iter().map(|local| function.locals[local.0 as usize].ty).collect();
            let closure = usize::from(self.graph.is_lambda(FuncId(index as u32)));
            let declared = self.declare(&name, self.signature(closure, &params, function.result));
            for (position, &param) in params.iter().enumerate() {
                self.mark_object(declared, AttributeLoc::Param((1 + closure + position) as u32), param);
            }
            if let Some(result) = function.result {
                self.mark_object(declared, AttributeLoc::Return, result);
            }
            let id = FuncId(index as u32);
            if self.graph.is_recursive(id) && !self.graph.may_lose_a_call(id) {
                let no_loops = self.context.create_string_attribute("disable-tail-calls", "true");
                declared.add_attribute(AttributeLoc::Function, no_loops);
            }
            declared
        };
        self.program.functions.iter().enumerate().map(declare).collect()
    }

    /// What is read of a list or an array in each round of a loop may then be read once before it.
    fn mark_object(&self, function: FunctionValue<'ctx>, at: AttributeLoc, ty: TypeId) {
        let size = match self.program.types.get(ty) {
            Type::List(_) => size_of::<ListObject>(),
            Type::Array(_) => size_of::<ArrayObject>(),
            _ => return,
        };
        let kind = Attribute::get_named_enum_kind_id("dereferenceable");
        function.add_attribute(at, self.context.create_enum_attribute(kind, size as u64));
    }

    /// An internal function of the program whose first parameter is the fiber.
    pub(super) fn declare(&self, name: &str, signature: FunctionType<'ctx>) -> FunctionValue<'ctx> {
        let function = self.module.add_function(name, signature, Some(Linkage::Internal));
        function.add_attribute(AttributeLoc::Param(0), self.attributes.swiftself);
        function.add_attribute(AttributeLoc::Function, self.attributes.nounwind);
        function
    }

    /// The fiber travels in r13: what a call of a Coex function must say.
    pub(super) fn mark_call(&self, call: CallSiteValue<'ctx>) -> CallSiteValue<'ctx> {
        call.add_attribute(AttributeLoc::Param(0), self.attributes.swiftself);
        call
    }

    /// Recursive functions that are called much do little between two calls of themselves. A copy of the body in the place of
    /// each such call halves the calls and the looks at the stack.
    fn declare_unrolled(&self) -> Vec<Option<FunctionValue<'ctx>>> {
        let declare = |(index, function): (usize, &Function)| {
            let unrolls = self.options.opt != OptLevel::Debug
                && function.kind != FunctionKind::Task
                && !function.isolated
                && self.graph.is_worth_unrolling(FuncId(index as u32));
            unrolls.then(|| {
                let whole = self.functions[index];
                let name = format!("{}.again", whole.get_name().to_string_lossy());
                let again = self.declare(&name, whole.get_type());
                again.add_attribute(AttributeLoc::Function, self.attributes.alwaysinline);
                again
            })
        };
        self.program.functions.iter().enumerate().map(declare).collect()
    }

    pub(super) fn unrolled(&self, id: FuncId) -> Option<FunctionValue<'ctx>> {
        self.unrolled[id.0 as usize]
    }

    pub(super) fn function(&self, id: FuncId) -> FunctionValue<'ctx> {
        self.functions[id.0 as usize]
    }

    /// The declaration of a runtime function, made at its first use.
    pub(super) fn runtime(&self, function: RuntimeFunction) -> FunctionValue<'ctx> {
        if let Some(&declared) = self.runtime.borrow().get(&function) {
            return declared;
        }
        let declared = super::runtime_calls::declare(self, function);
        self.runtime.borrow_mut().insert(function, declared);
        declared
    }

    // ----------------------------------------------------------------------------------------------- constants

    /// A private constant whose address does not matter.
    pub(super) fn constant(&self, name: &str, value: Value<'ctx>) -> GlobalValue<'ctx> {
        let global = self.module.add_global(value.get_type(), None, name);
        global.set_linkage(Linkage::Private);
        global.set_constant(true);
        global.set_unnamed_addr(true);
        global.set_initializer(&value);
        global
    }

    /// Address of a constant array, null when it is empty.
    pub(super) fn table(&self, name: &str, element: BasicTypeEnum<'ctx>, values: &[Value<'ctx>]) -> PointerValue<'ctx> {
        if values.is_empty() {
            return self.types.ptr.const_null();
        }
        let array = const_array(element, values);
        self.constant(name, array).as_pointer_value()
    }

    pub(super) fn table_u32(&self, name: &str, values: &[u32]) -> PointerValue<'ctx> {
        let values: Vec<_> = values.iter().map(|&value| self.types.word32(value).as_basic_value_enum()).collect();
        self.table(name, self.types.i32.into(), &values)
    }
}

/// All values are constants of type `element`.
pub(super) fn const_array<'ctx>(element: BasicTypeEnum<'ctx>, values: &[Value<'ctx>]) -> Value<'ctx> {
    macro_rules! array {
        ($ty:expr, $convert:ident) => {{
            let values: Vec<_> = values.iter().map(|value| value.$convert()).collect();
            $ty.const_array(&values).into()
        }};
    }
    match element {
        BasicTypeEnum::IntType(ty) => array!(ty, into_int_value),
        BasicTypeEnum::FloatType(ty) => array!(ty, into_float_value),
        BasicTypeEnum::PointerType(ty) => array!(ty, into_pointer_value),
        BasicTypeEnum::StructType(ty) => array!(ty, into_struct_value),
        BasicTypeEnum::ArrayType(ty) => array!(ty, into_array_value),
        BasicTypeEnum::VectorType(ty) => array!(ty, into_vector_value),
        BasicTypeEnum::ScalableVectorType(_) => crate::bug!("a table of scalable vectors"),
    }
}
