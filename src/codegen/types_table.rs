//! The program's type table: how the collector finds size and references of every kind of object.
//!
//! In: which objects the program creates (rows are asked for while code is generated). Out: the constant array of
//! `TypeInfo`, its fixed rows first. Deliberately not here: what equality or printing need, see `descriptors`.

use super::context::Codegen;
use super::emit::Value;
use crate::bug;
use crate::ir::FuncId;
use crate::types::{Type, TypeId};
use coex_runtime::abi::{
    ArrayObject, AtomicObject, ChannelObject, JsonEntry, JsonObject, JsonValue, ListObject, MapObject, Shape,
    StringObject, map_entry_size, map_value_offset, type_id,
};
use inkwell::types::StructType;
use inkwell::values::{BasicValue, PointerValue};
use std::collections::HashMap;
use std::mem::{offset_of, size_of};

/// What an object of a program's own row is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum RowKey {
    /// Header, then the content of a boxed type.
    Object(TypeId),
    /// Header, then a slot of the type: a boxed payload field.
    Box(TypeId),
    /// Leaves and buffers of slots of the type.
    Elements(TypeId),
    /// Tree nodes of this Map or Set type.
    MapNode(TypeId),
    Closure(FuncId),
    /// A channel or an atomic cell.
    Shared(TypeId),
}

#[derive(Default)]
pub(super) struct Rows {
    ids: HashMap<RowKey, u32>,
    keys: Vec<RowKey>,
}

/// One row before it becomes a constant.
struct Row {
    shape: Shape,
    size: u32,
    element_size: u32,
    pointers: Vec<u32>,
    name: String,
}

impl<'ctx> Codegen<'_, 'ctx> {
    /// The type id of such objects.
    pub(super) fn row(&self, key: RowKey) -> u32 {
        let mut rows = self.rows.borrow_mut();
        if let Some(&id) = rows.ids.get(&key) {
            return id;
        }
        let id = type_id::FIRST_PROGRAM + rows.keys.len() as u32;
        rows.ids.insert(key, id);
        rows.keys.push(key);
        id
    }

    fn type_info_type(&self) -> StructType<'ctx> {
        let (word, ptr) = (self.types.i32.into(), self.types.ptr.into());
        self.context.struct_type(&[word, word, word, word, ptr, ptr], false)
    }

    fn row_of(&self, key: RowKey) -> Row {
        let shifted = |pointers: &[u32]| pointers.iter().map(|pointer| pointer + 8).collect::<Vec<_>>();
        match key {
            RowKey::Object(ty) => {
                let content = &self.layout(ty).content;
                Row::fixed(object_size(content.size), shifted(&content.pointers), self.type_name(ty))
            }
            RowKey::Box(ty) => {
                let slot = &self.layout(ty).slot;
                Row::fixed(object_size(slot.size), shifted(&slot.pointers), self.type_name(ty))
            }
            RowKey::Elements(ty) => {
                let slot = &self.layout(ty).slot;
                let name = format!("[{}]", self.type_name(ty));
                Row { shape: Shape::Elements, size: 0, element_size: slot.size, pointers: slot.pointers.clone(), name }
            }
            RowKey::MapNode(ty) => self.map_node_row(ty),
            RowKey::Closure(func) => {
                let function = self.program.function(func);
                let places = self.capture_places(func);
                let pointers = places
                    .offsets
                    .iter()
                    .zip(&function.captures)
                    .flat_map(|(offset, local)| {
                        let layout = self.layout(function.locals[local.0 as usize].ty);
                        layout.slot.pointers.iter().map(move |pointer| pointer + offset)
                    })
                    .collect();
                Row::fixed(places.size, pointers, function.name.clone())
            }
            RowKey::Shared(ty) => {
                let (size, pointers) = match self.program.types.get(ty) {
                    Type::Channel(_) => (size_of::<ChannelObject>(), vec![offset_of!(ChannelObject, ring) as u32]),
                    Type::AtomicRef(_) => (size_of::<AtomicObject>(), vec![offset_of!(AtomicObject, value) as u32]),
                    _ => (size_of::<AtomicObject>(), Vec::new()),
                };
                Row::fixed(size as u32, pointers, self.type_name(ty))
            }
        }
    }

    fn map_node_row(&self, ty: TypeId) -> Row {
        let name = format!("{} node", self.type_name(ty));
        let (key, value) = match *self.program.types.get(ty) {
            Type::Map(key, value) => (key, Some(value)),
            Type::Set(element) => (element, None),
            _ => bug!("tree nodes of {name}"),
        };
        let mut pointers = self.layout(key).slot.pointers.clone();
        let entry = self.entry_places(key, value);
        if let Some(value) = value {
            pointers.extend(self.layout(value).slot.pointers.iter().map(|pointer| pointer + entry.value_offset));
        }
        Row { shape: Shape::MapNode, size: 0, element_size: entry.size, pointers, name }
    }

    /// Where key and value lie in an entry of a map node.
    pub(super) fn entry_places(&self, key: TypeId, value: Option<TypeId>) -> EntryPlaces {
        let key = self.layout(key).slot.size;
        let (size, align) = value.map_or((0, 1), |value| {
            let slot = &self.layout(value).slot;
            (slot.size, slot.align)
        });
        EntryPlaces { value_offset: map_value_offset(key, align), size: map_entry_size(key, size, align) }
    }
}

pub(super) struct EntryPlaces {
    pub(super) value_offset: u32,
    pub(super) size: u32,
}

impl Row {
    fn fixed(size: u32, pointers: Vec<u32>, name: impl Into<String>) -> Row {
        Row { shape: Shape::Fixed, size, element_size: 0, pointers, name: name.into() }
    }

    fn elements(element_size: u32, pointers: Vec<u32>, name: &str) -> Row {
        Row { shape: Shape::Elements, size: 0, element_size, pointers, name: name.into() }
    }
}

/// Bytes of an object with a header and `content` bytes.
pub(super) fn object_size(content: u32) -> u32 {
    (8 + content).next_multiple_of(8).max(coex_runtime::abi::MIN_OBJECT_BYTES as u32)
}

/// The row that every program has under this type id.
fn builtin_row(id: u32) -> Row {
    match id {
        type_id::STRING => Row {
            shape: Shape::String,
            size: size_of::<StringObject>() as u32,
            element_size: 1,
            pointers: vec![offset_of!(StringObject, base) as u32],
            name: "string".into(),
        },
        type_id::LIST => Row::fixed(
            size_of::<ListObject>() as u32,
            vec![offset_of!(ListObject, root) as u32, offset_of!(ListObject, tail) as u32],
            "List",
        ),
        type_id::LIST_NODE => Row::elements(8, vec![0], "List node"),
        type_id::ARRAY => {
            Row::fixed(size_of::<ArrayObject>() as u32, vec![offset_of!(ArrayObject, base) as u32], "Array")
        }
        type_id::MAP => Row::fixed(size_of::<MapObject>() as u32, vec![offset_of!(MapObject, root) as u32], "Map"),
        type_id::BYTES => Row::elements(1, Vec::new(), "bytes"),
        type_id::JSON_ELEMENTS => {
            Row::elements(size_of::<JsonValue>() as u32, vec![offset_of!(JsonValue, part) as u32], "[json]")
        }
        type_id::JSON_OBJECT => Row::fixed(
            size_of::<JsonObject>() as u32,
            vec![offset_of!(JsonObject, entries) as u32, offset_of!(JsonObject, index) as u32],
            "json object",
        ),
        type_id::JSON_ENTRIES => Row::elements(
            size_of::<JsonEntry>() as u32,
            vec![
                offset_of!(JsonEntry, key) as u32,
                (offset_of!(JsonEntry, value) + offset_of!(JsonValue, part)) as u32,
            ],
            "json members",
        ),
        _ => Row::fixed(coex_runtime::abi::MIN_OBJECT_BYTES as u32, Vec::new(), "unused"),
    }
}

/// Emits the table and says how many rows it has; no row may be asked for afterwards.
pub(super) fn define<'ctx>(codegen: &Codegen<'_, 'ctx>) -> (PointerValue<'ctx>, u32) {
    let keys = std::mem::take(&mut codegen.rows.borrow_mut().keys);
    let rows = (0..type_id::FIRST_PROGRAM).map(builtin_row);
    let rows = rows.chain(keys.into_iter().map(|key| codegen.row_of(key)));
    let values: Vec<Value<'_>> = rows
        .map(|row| {
            let pointers = codegen.table_u32("pointers", &row.pointers);
            let word = |value| codegen.types.word32(value).as_basic_value_enum();
            let fields = [
                word(row.shape as u32),
                word(row.size),
                word(row.element_size),
                word(row.pointers.len() as u32),
                pointers.into(),
                codegen.text(&row.name).into(),
            ];
            codegen.context.const_struct(&fields, false).into()
        })
        .collect();
    (codegen.table("types", codegen.type_info_type().into(), &values), values.len() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_words_and_at_least_two() {
        assert_eq!((object_size(0), object_size(8), object_size(33)), (16, 16, 48));
    }
}
