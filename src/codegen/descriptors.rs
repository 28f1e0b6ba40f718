//! `TypeDesc` constants: what the runtime knows of a type to compare, hash, order, print and copy its values.
//!
//! In: types that runtime calls mention. Out: one private constant for each, and for every type in them. A descriptor
//! is declared when first mentioned and filled in at the end, so recursive types need no special care.
//! Deliberately not here: the collector's table, see `types_table`.

use super::context::Codegen;
use super::emit::Value;
use super::layout::{EnumWords, FieldPlace, Form};
use super::types_table::RowKey;
use crate::bug;
use crate::ir::{Case, Definition};
use crate::source::Symbol;
use crate::types::{Type, TypeId};
use coex_runtime::abi::{Kind, type_id};
use inkwell::module::Linkage;
use inkwell::types::StructType;
use inkwell::values::{BasicValue, GlobalValue, PointerValue, StructValue};
use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Descriptors<'ctx> {
    globals: HashMap<TypeId, GlobalValue<'ctx>>,
    /// Declared, in order; the first `filled` of them have their value.
    order: Vec<TypeId>,
}

/// Emits the value of every descriptor mentioned so far, and of those that these mention.
pub(super) fn define_all(codegen: &Codegen<'_, '_>) {
    let mut filled = 0;
    loop {
        let next = codegen.descriptors.borrow().order.get(filled).copied();
        let Some(ty) = next else { return };
        let value = codegen.describe(ty);
        codegen.descriptors.borrow().globals[&ty].set_initializer(&value);
        filled += 1;
    }
}

impl<'ctx> Codegen<'_, 'ctx> {
    /// Address of the type's descriptor.
    pub(super) fn descriptor(&self, ty: TypeId) -> PointerValue<'ctx> {
        let mut descriptors = self.descriptors.borrow_mut();
        if let Some(global) = descriptors.globals.get(&ty) {
            return global.as_pointer_value();
        }
        let global = self.module.add_global(self.type_desc_type(), None, "type");
        global.set_linkage(Linkage::Private);
        global.set_constant(true);
        global.set_unnamed_addr(true);
        descriptors.globals.insert(ty, global);
        descriptors.order.push(ty);
        global.as_pointer_value()
    }

    pub(super) fn text_type(&self) -> StructType<'ctx> {
        self.context.struct_type(&[self.types.ptr.into(), self.types.i64.into()], false)
    }

    fn type_desc_type(&self) -> StructType<'ctx> {
        let (word, ptr) = (self.types.i32.into(), self.types.ptr.into());
        let text = self.text_type().into();
        let members = [word, word, word, word, ptr, word, word, word, word, text, ptr, ptr, word, word, ptr];
        self.context.struct_type(&members, false)
    }

    fn field_desc_type(&self) -> StructType<'ctx> {
        let word = self.types.i32.into();
        self.context.struct_type(&[self.text_type().into(), self.types.ptr.into(), word, word], false)
    }

    fn case_desc_type(&self) -> StructType<'ctx> {
        let word = self.types.i32.into();
        self.context.struct_type(&[self.text_type().into(), self.types.ptr.into(), word, word], false)
    }

    fn describe(&self, ty: TypeId) -> StructValue<'ctx> {
        let layout = self.layout(ty);
        let (kind, args) = self.kind_and_args(ty);
        let is_tree = matches!(kind, Kind::Map | Kind::Set);
        let fields = self.describe_fields(ty);
        let cases = self.describe_cases(ty);
        let args: Vec<Value<'ctx>> = args.into_iter().map(|arg| self.descriptor(arg).into()).collect();
        let word = |value: u32| self.types.word32(value).as_basic_value_enum();
        let members = [
            word(kind as u32),
            word(layout.slot.size),
            word(layout.slot.align),
            word(layout.boxed.into()),
            self.table_u32("pointers", &layout.slot.pointers).into(),
            word(layout.slot.pointers.len() as u32),
            word(match kind {
                Kind::Channel | Kind::Atomic => self.row(RowKey::Shared(ty)),
                _ if layout.boxed => self.row(RowKey::Object(ty)),
                _ => type_id::NONE,
            }),
            word(self.row(RowKey::Elements(ty))),
            word(if is_tree { self.row(RowKey::MapNode(ty)) } else { type_id::NONE }),
            self.text_constant(&self.type_name(ty)).into(),
            self.table("args", self.types.ptr.into(), &args).into(),
            self.table("fields", self.field_desc_type().into(), &fields).into(),
            word(match self.program.definitions.get(&ty) {
                Some(Definition::Matrix { size, .. }) => size.width as u32,
                _ => fields.len() as u32,
            }),
            word(cases.len() as u32),
            self.table("cases", self.case_desc_type().into(), &cases).into(),
        ];
        self.context.const_struct(&members, false)
    }

    fn kind_and_args(&self, ty: TypeId) -> (Kind, Vec<TypeId>) {
        match self.program.types.get(ty) {
            Type::Int | Type::Task(_) => (Kind::Int, vec![]),
            Type::Float => (Kind::Float, vec![]),
            Type::Bool => (Kind::Bool, vec![]),
            Type::Byte => (Kind::Byte, vec![]),
            Type::Char => (Kind::Char, vec![]),
            Type::String => (Kind::String, vec![]),
            Type::List(element) => (Kind::List, vec![*element]),
            Type::Array(element) => (Kind::Array, vec![*element]),
            Type::Map(key, value) => (Kind::Map, vec![*key, *value]),
            Type::Set(element) => (Kind::Set, vec![*element]),
            Type::Tuple(_) => (Kind::Tuple, vec![]),
            Type::Optional(inner) => (Kind::Optional, vec![*inner]),
            Type::Result(value, error) => (Kind::Enum, vec![*value, *error]),
            Type::Function { .. } => (Kind::Function, vec![]),
            Type::User { .. } => match self.program.definitions.get(&ty) {
                Some(Definition::Enum { .. }) => (Kind::Enum, vec![]),
                Some(Definition::Matrix { cell, .. }) => (Kind::Matrix, vec![*cell]),
                _ => (Kind::Record, vec![]),
            },
            Type::Handle(_) => (Kind::Handle, vec![]),
            Type::Posix => (Kind::Posix, vec![]),
            Type::Json => (Kind::Json, vec![]),
            Type::Channel(element) => (Kind::Channel, vec![*element]),
            Type::Atomic(_) => (Kind::Atomic, vec![]),
            Type::AtomicRef(inner) => (Kind::Atomic, vec![*inner]),
            Type::Param(_) | Type::Variable(_) | Type::Unknown => bug!("descriptor of {}", self.type_name(ty)),
        }
    }

    fn describe_fields(&self, ty: TypeId) -> Vec<Value<'ctx>> {
        let Form::Fields(places) = &self.layout(ty).form else { return Vec::new() };
        let describe = |(index, place): (usize, &FieldPlace)| {
            self.describe_field(&self.field_name(ty, index), place.ty, place.offset, type_id::NONE)
        };
        places.iter().enumerate().map(describe).collect()
    }

    /// Empty for an unnamed tuple item.
    fn field_name(&self, ty: TypeId, index: usize) -> String {
        match (self.program.types.get(ty), self.program.definitions.get(&ty)) {
            (Type::Tuple(items), _) => items[index].name.map(|name| name.to_string()).unwrap_or_default(),
            (_, Some(Definition::Record { fields, .. })) => fields[index].name.to_string(),
            _ => bug!("fields of {}", self.type_name(ty)),
        }
    }

    fn describe_field(&self, name: &str, ty: TypeId, offset: u32, boxed: u32) -> Value<'ctx> {
        let members = [
            self.text_constant(name).into(),
            self.descriptor(ty).into(),
            self.types.word32(offset).into(),
            self.types.word32(boxed).into(),
        ];
        self.context.const_struct(&members, false).into()
    }

    fn describe_cases(&self, ty: TypeId) -> Vec<Value<'ctx>> {
        let Form::Words(words) = &self.layout(ty).form else { return Vec::new() };
        let names = self.case_names(ty);
        (0..words.cases.len()).map(|case| self.describe_case(words, case, &names[case])).collect()
    }

    fn describe_case(&self, words: &EnumWords, case: usize, names: &CaseNames) -> Value<'ctx> {
        let places = &words.cases[case];
        let fields: Vec<_> = places
            .iter()
            .zip(&names.fields)
            .map(|(place, name)| {
                let boxed = if place.boxed { self.row(RowKey::Box(place.ty)) } else { type_id::NONE };
                self.describe_field(name, place.ty, place.word * 8, boxed)
            })
            .collect();
        let members = [
            self.text_constant(&names.case).into(),
            self.table("fields", self.field_desc_type().into(), &fields).into(),
            self.types.word32(fields.len() as u32).into(),
            self.types.word32(0).into(),
        ];
        self.context.const_struct(&members, false).into()
    }

    fn case_names(&self, ty: TypeId) -> Vec<CaseNames> {
        match self.program.definitions.get(&ty) {
            Some(Definition::Enum { cases }) => cases.iter().map(CaseNames::of).collect(),
            _ => ["Ok", "Err"].map(|case| CaseNames { case: case.into(), fields: vec![String::new()] }).into(),
        }
    }
}

struct CaseNames {
    case: String,
    fields: Vec<String>,
}

impl CaseNames {
    fn of(case: &Case) -> CaseNames {
        let name = |name: Symbol| name.to_string();
        CaseNames { case: name(case.name), fields: case.fields.iter().map(|field| name(field.name)).collect() }
    }
}
