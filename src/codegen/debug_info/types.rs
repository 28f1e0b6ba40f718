//! Types as debuggers know them: what a slot holds, by the layouts of `layout` and `abi`.
//!
//! In: types. Out: types of debug information, one for each. What stands behind a reference is a structure whose name ends with
//! what it is, as `List<int>.list`: that is what the script for gdb goes by, and each has its elements' types in it, so that
//! the script knows no layout. Deliberately not here: how values are printed (`printers.py`).

use super::DebugInfo;
use crate::codegen::context::Codegen;
use crate::codegen::layout::{EnumWords, FieldPlace, Form, Presence};
use crate::ir::{Case, Definition};
use crate::types::{self, AtomicKind, Type, TypeId};
use coex_runtime::abi::{
    ArrayObject, AtomicObject, ChannelObject, ClosureObject, ELEMENTS_OFFSET, HEADER_AUX_SHIFT, HEADER_TYPE_MASK,
    HEADER_TYPE_SHIFT, JSON_VIEW, JSON_VIEW_LEN_BITS, JsonEntry, JsonObject, JsonValue, LIST_FANOUT, ListObject,
    MapNode, MapObject, StringObject, list_leaf_len, map_entry_size, map_value_offset, type_id,
};
use inkwell::AddressSpace;
use inkwell::debug_info::{AsDIScope, DIFlags, DIFlagsConstants, DIType};
use std::mem::{offset_of, size_of};

/// What an object begins with.
const HEADER_BYTES: usize = 8;

/// DWARF's encodings of scalars.
mod encoding {
    pub(super) const BOOLEAN: u32 = 0x02;
    pub(super) const FLOAT: u32 = 0x04;
    pub(super) const SIGNED: u32 = 0x05;
    pub(super) const UNSIGNED: u32 = 0x07;
    pub(super) const UTF: u32 = 0x10;
}

/// A member of a structure; places and sizes in bytes.
struct Member<'ctx> {
    name: String,
    at: usize,
    size: usize,
    ty: DIType<'ctx>,
}

fn member<'ctx>(name: impl Into<String>, at: usize, size: usize, ty: DIType<'ctx>) -> Member<'ctx> {
    Member { name: name.into(), at, size, ty }
}

impl<'ctx> DebugInfo<'ctx> {
    /// The type of a variable.
    pub(super) fn slot(&self, codegen: &Codegen<'_, 'ctx>, ty: TypeId) -> DIType<'ctx> {
        if let Some(&known) = self.types.borrow().get(&ty) {
            return known;
        }
        let name = codegen.type_name(ty);
        let named = |inner| {
            let (scope, file) = (self.unit.as_debug_info_scope(), self.unit.get_file());
            self.builder.create_typedef(inner, &name, file, 0, scope, 0)
        };
        // Only json and user types can hold themselves.
        if !matches!(codegen.program.types.get(ty), Type::Json | Type::User { .. }) {
            let made = self.make(codegen, ty, &name);
            let made = if codegen.layout(ty).is_scalar() { made } else { named(made).as_type() };
            self.types.borrow_mut().insert(ty, made);
            return made;
        }
        // SAFETY: replaced below, before anything is finished.
        let promised = unsafe { self.builder.create_placeholder_derived_type(codegen.context) };
        self.types.borrow_mut().insert(ty, promised.as_type());
        let made = named(self.make(codegen, ty, &name));
        self.types.borrow_mut().insert(ty, made.as_type());
        // SAFETY: the table has the type itself now, and metadata follows.
        unsafe { self.builder.replace_placeholder_derived_type(promised, made) };
        made.as_type()
    }

    fn make(&self, codegen: &Codegen<'_, 'ctx>, ty: TypeId, name: &str) -> DIType<'ctx> {
        match codegen.program.types.get(ty) {
            Type::Int => self.basic(name, 8, encoding::SIGNED),
            Type::Handle(_) | Type::Posix | Type::Task(_) => self.basic(name, 8, encoding::UNSIGNED),
            Type::Float => self.basic(name, 8, encoding::FLOAT),
            Type::Bool => self.basic(name, 1, encoding::BOOLEAN),
            Type::Byte => self.basic(name, 1, encoding::UNSIGNED),
            Type::Char => self.basic(name, 4, encoding::UTF),
            Type::String => self.pointer(self.string(name)),
            Type::List(item) => self.list(codegen, *item, name),
            Type::Array(item) => self.pointer(self.array(name, self.slot(codegen, *item))),
            Type::Map(key, value) => self.map(codegen, *key, Some(*value), name),
            Type::Set(item) => self.map(codegen, *item, None, name),
            Type::Function { .. } => {
                let code = member("code", offset_of!(ClosureObject, code), 8, self.pointer(self.word()));
                self.object(name, "function", size_of::<ClosureObject>(), vec![code])
            }
            Type::Channel(_) => {
                let word = |name, at| member(name, at, 8, self.int());
                let members = vec![
                    word("capacity", offset_of!(ChannelObject, capacity)),
                    word("len", offset_of!(ChannelObject, len)),
                    member("closed", offset_of!(ChannelObject, closed), 1, self.basic("bool", 1, encoding::BOOLEAN)),
                ];
                self.object(name, "channel", size_of::<ChannelObject>(), members)
            }
            Type::Atomic(kind) => {
                let (inner, size) = match kind {
                    AtomicKind::Int => (types::INT, 8),
                    AtomicKind::Float => (types::FLOAT, 8),
                    AtomicKind::Bool => (types::BOOL, 1),
                };
                let value = member("value", offset_of!(AtomicObject, value), size, self.slot(codegen, inner));
                self.object(name, "atomic", size_of::<AtomicObject>(), vec![value])
            }
            Type::AtomicRef(_) => {
                let value = member("value", offset_of!(AtomicObject, value), 8, self.pointer(self.word()));
                self.object(name, "atomic", size_of::<AtomicObject>(), vec![value])
            }
            Type::Json => self.json(codegen, ty, name),
            Type::Optional(_) | Type::Tuple(_) | Type::Result(..) | Type::User { .. } => {
                self.members(codegen, ty, name)
            }
            Type::Param(_) | Type::Variable(_) | Type::Unknown => crate::bug!("debug information of {name}"),
        }
    }

    // ---------------------------------------------------------------------------------------------------- building

    fn basic(&self, name: &str, bytes: u64, encoding: u32) -> DIType<'ctx> {
        match self.builder.create_basic_type(name, bytes * 8, encoding, DIFlags::ZERO) {
            Ok(ty) => ty.as_type(),
            Err(error) => crate::bug!("debug information of {name}: {error}"),
        }
    }

    fn int(&self) -> DIType<'ctx> {
        self.basic("int", 8, encoding::SIGNED)
    }

    fn word(&self) -> DIType<'ctx> {
        self.basic("word", 8, encoding::UNSIGNED)
    }

    fn half(&self) -> DIType<'ctx> {
        self.basic("half", 4, encoding::UNSIGNED)
    }

    fn pointer(&self, to: DIType<'ctx>) -> DIType<'ctx> {
        self.builder.create_pointer_type("", to, 64, 0, AddressSpace::default()).as_type()
    }

    fn several(&self, item: DIType<'ctx>, count: usize, bytes: usize) -> DIType<'ctx> {
        let range = 0..count as i64;
        self.builder.create_array_type(item, (count * bytes * 8) as u64, 0, std::slice::from_ref(&range)).as_type()
    }

    fn structure(&self, name: &str, bytes: usize, members: Vec<Member<'ctx>>) -> DIType<'ctx> {
        let (scope, file) = (self.unit.as_debug_info_scope(), self.unit.get_file());
        let members: Vec<DIType<'ctx>> = members
            .into_iter()
            .map(|Member { name, at, size, ty }| {
                let (size, at) = (size as u64 * 8, at as u64 * 8);
                self.builder.create_member_type(scope, &name, file, 0, size, 0, at, DIFlags::ZERO, ty).as_type()
            })
            .collect();
        let size = bytes as u64 * 8;
        self.builder
            .create_struct_type(scope, name, file, 0, size, 0, DIFlags::ZERO, None, &members, 0, None, "")
            .as_type()
    }

    /// A reference to an object of that kind.
    fn object(&self, name: &str, kind: &str, bytes: usize, members: Vec<Member<'ctx>>) -> DIType<'ctx> {
        self.pointer(self.structure(&format!("{name}.{kind}"), bytes, members))
    }

    // ------------------------------------------------------------------------------------------------- collections

    fn string(&self, name: &str) -> DIType<'ctx> {
        let members = vec![
            member("len", offset_of!(StringObject, len), 8, self.int()),
            member("chars", offset_of!(StringObject, chars), 8, self.int()),
            member("data", offset_of!(StringObject, data), 8, self.pointer(self.basic("byte", 1, encoding::UNSIGNED))),
        ];
        self.structure(&format!("{name}.string"), size_of::<StringObject>(), members)
    }

    fn list(&self, codegen: &Codegen<'_, 'ctx>, item: TypeId, name: &str) -> DIType<'ctx> {
        let bytes = codegen.layout(item).slot.size;
        let leaf = list_leaf_len(bytes) as usize;
        let (items, parts) = (leaf * bytes as usize, LIST_FANOUT * 8);
        let at = ELEMENTS_OFFSET as usize;
        // An inner node or a leaf.
        let members = vec![
            member("parts", at, parts, self.several(self.pointer(self.word()), LIST_FANOUT, 8)),
            member("items", at, items, self.several(self.slot(codegen, item), leaf, bytes as usize)),
        ];
        let part = self.object(name, "part", at + items.max(parts), members);
        let members = vec![
            member("len", offset_of!(ListObject, len), 8, self.int()),
            member("depth", offset_of!(ListObject, depth), 8, self.int()),
            member("root", offset_of!(ListObject, root), 8, part),
            member("tail", offset_of!(ListObject, tail), 8, part),
        ];
        self.object(name, "list", size_of::<ListObject>(), members)
    }

    fn array(&self, name: &str, item: DIType<'ctx>) -> DIType<'ctx> {
        let members = vec![
            member("len", offset_of!(ArrayObject, len), 8, self.int()),
            member("data", offset_of!(ArrayObject, data), 8, self.pointer(item)),
        ];
        self.structure(&format!("{name}.array"), size_of::<ArrayObject>(), members)
    }

    fn map(&self, codegen: &Codegen<'_, 'ctx>, key: TypeId, value: Option<TypeId>, name: &str) -> DIType<'ctx> {
        let slot = |ty: TypeId| (self.slot(codegen, ty), codegen.layout(ty).slot.size, codegen.layout(ty).slot.align);
        let (key, key_size, _) = slot(key);
        let mut entry = vec![member("key", 0, key_size as usize, key)];
        let mut bytes = map_entry_size(key_size, 0, 1);
        if let Some((value, size, align)) = value.map(slot) {
            entry.push(member("value", map_value_offset(key_size, align) as usize, size as usize, value));
            bytes = map_entry_size(key_size, size, align);
        }
        let entry = self.structure(&format!("{name}.entry"), bytes as usize, entry);
        let at = size_of::<MapNode>();
        let members = vec![
            member("aux", HEADER_AUX_SHIFT as usize / 8, 4, self.half()),
            member("entry_bitmap", offset_of!(MapNode, entry_bitmap), 4, self.half()),
            member("child_bitmap", offset_of!(MapNode, child_bitmap), 4, self.half()),
            member("entries", at, bytes as usize, self.several(entry, 1, bytes as usize)),
        ];
        let node = self.object(name, "node", at + bytes as usize, members);
        let members = vec![
            member("len", offset_of!(MapObject, len), 8, self.int()),
            member("root", offset_of!(MapObject, root), 8, node),
        ];
        self.object(name, if value.is_some() { "map" } else { "set" }, size_of::<MapObject>(), members)
    }

    /// What the part of a json value is, in all its forms at one place.
    fn json(&self, codegen: &Codegen<'_, 'ctx>, ty: TypeId, name: &str) -> DIType<'ctx> {
        let value = self.slot(codegen, ty);
        let entry = self.structure(
            "json.entry",
            size_of::<JsonEntry>(),
            vec![
                member("key", offset_of!(JsonEntry, key), 8, self.slot(codegen, types::STRING)),
                member("value", offset_of!(JsonEntry, value), size_of::<JsonValue>(), value),
            ],
        );
        let at = ELEMENTS_OFFSET as usize;
        let entries = self.several(entry, 1, size_of::<JsonEntry>());
        let entries = vec![member("items", at, size_of::<JsonEntry>(), entries)];
        let members = vec![
            member("len", offset_of!(JsonObject, len), 8, self.int()),
            member("entries", offset_of!(JsonObject, entries), 8, self.object("json", "entries", at, entries)),
        ];
        let members = self.structure("json.members", size_of::<JsonObject>(), members);
        let array = self.array(name, value);
        let part = vec![
            member("kind", HEADER_TYPE_SHIFT as usize / 8, 4, self.json_kind()),
            member("text", 0, size_of::<StringObject>(), self.string("string")),
            member("items", 0, size_of::<ArrayObject>(), array),
            member("members", 0, size_of::<JsonObject>(), members),
        ];
        let members = vec![
            member("word", offset_of!(JsonValue, word), 8, self.word()),
            member(
                "part",
                offset_of!(JsonValue, part),
                8,
                self.object("json", "part", size_of::<StringObject>(), part),
            ),
        ];
        self.structure("json.json", size_of::<JsonValue>(), members)
    }

    /// The kinds of parts by their type ids, and what else the script must know.
    fn json_kind(&self) -> DIType<'ctx> {
        let named = [
            ("string", type_id::STRING.into()),
            ("array", type_id::ARRAY.into()),
            ("object", type_id::JSON_OBJECT.into()),
            ("bool", type_id::JSON_BOOL.into()),
            ("int", type_id::JSON_INT.into()),
            ("float", type_id::JSON_FLOAT.into()),
            ("mask", HEADER_TYPE_MASK as i64),
            ("view_bits", JSON_VIEW_LEN_BITS.into()),
            ("view_mark", JSON_VIEW.trailing_zeros().into()),
        ];
        let (scope, file) = (self.unit.as_debug_info_scope(), self.unit.get_file());
        let named = named.map(|(name, value)| self.builder.create_enumerator(&format!("json.{name}"), value, true));
        self.builder.create_enumeration_type(scope, "json.kind", file, 0, 32, 0, &named, self.half()).as_type()
    }

    // ---------------------------------------------------------------------------------------------- types of parts

    /// Types with parts that the program names.
    fn members(&self, codegen: &Codegen<'_, 'ctx>, ty: TypeId, name: &str) -> DIType<'ctx> {
        let layout = codegen.layout(ty);
        let start = if layout.boxed { HEADER_BYTES } else { 0 };
        let (kind, members) = match &layout.form {
            Form::Fields(places) => ("record", self.fields(codegen, ty, places, start)),
            Form::Words(words) => ("enum", self.words(codegen, ty, name, words, start)),
            Form::Optional { inner, presence: Presence::Null } => return self.slot(codegen, *inner),
            Form::Optional { inner, presence } => {
                let size = codegen.layout(*inner).slot.size as usize;
                let mut members = vec![member("value", start, size, self.slot(codegen, *inner))];
                if *presence == Presence::Flag {
                    members.push(member("present", size, 1, self.basic("bool", 1, encoding::BOOLEAN)));
                }
                ("optional", members)
            }
            // A matrix: the rows are what its data consists of.
            _ => {
                let Some(Definition::Matrix { cell, size }) = codegen.program.definitions.get(&ty) else {
                    crate::bug!("debug information of {name}")
                };
                let bytes = codegen.layout(*cell).slot.size as usize;
                let row = self.several(self.slot(codegen, *cell), size.width as usize, bytes);
                return self.pointer(self.array(name, row));
            }
        };
        let bytes = layout.content.size as usize;
        if layout.boxed {
            return self.object(name, kind, HEADER_BYTES + bytes, members);
        }
        // What is no more than its members needs no printer.
        let name = if kind == "record" { name.to_owned() } else { format!("{name}.{kind}") };
        self.structure(&name, bytes, members)
    }

    fn fields(
        &self,
        codegen: &Codegen<'_, 'ctx>,
        ty: TypeId,
        places: &[FieldPlace],
        start: usize,
    ) -> Vec<Member<'ctx>> {
        let names: Vec<String> = match (codegen.program.types.get(ty), codegen.program.definitions.get(&ty)) {
            (Type::Tuple(items), _) => {
                let name = |(index, item): (usize, &types::TupleItem)| {
                    item.name.map_or_else(|| format!("_{index}"), |name| name.to_string())
                };
                items.iter().enumerate().map(name).collect()
            }
            (_, Some(Definition::Record { fields, .. })) => fields.iter().map(|field| field.name.to_string()).collect(),
            _ => crate::bug!("fields of {}", codegen.type_name(ty)),
        };
        let place = |(name, place): (String, &FieldPlace)| {
            let size = codegen.layout(place.ty).slot.size as usize;
            member(name, start + place.offset as usize, size, self.slot(codegen, place.ty))
        };
        names.into_iter().zip(places).map(place).collect()
    }

    /// The tag, and for each case its fields where they lie.
    fn words(
        &self,
        codegen: &Codegen<'_, 'ctx>,
        ty: TypeId,
        name: &str,
        words: &EnumWords,
        start: usize,
    ) -> Vec<Member<'ctx>> {
        let Some(Definition::Enum { cases }) = codegen.program.definitions.get(&ty) else {
            crate::bug!("cases of {name}")
        };
        let bytes = codegen.layout(ty).content.size as usize;
        let mut members = vec![member("tag", start, 8, self.tag(name, cases))];
        for (case, places) in cases.iter().zip(&words.cases) {
            let fields = case.fields.iter().zip(places).map(|(field, place)| {
                let slot = self.slot(codegen, place.ty);
                let size = codegen.layout(place.ty).slot.size as usize;
                let (size, slot) = if place.boxed {
                    let value = vec![member("value", HEADER_BYTES, size, slot)];
                    (8, self.object(&codegen.type_name(place.ty), "box", HEADER_BYTES + size, value))
                } else {
                    (size, slot)
                };
                member(field.name.as_str(), place.word as usize * 8, size, slot)
            });
            let fields = self.structure(&format!("{name}.{}", case.name), bytes, fields.collect());
            members.push(member(case.name.as_str(), start, bytes, fields));
        }
        members
    }

    fn tag(&self, name: &str, cases: &[Case]) -> DIType<'ctx> {
        let (scope, file) = (self.unit.as_debug_info_scope(), self.unit.get_file());
        let number = |(index, case): (usize, &Case)| {
            // With the type's name, since those of C's enumerations are names of their own.
            self.builder.create_enumerator(&format!("{name}.{}", case.name), index as i64, true)
        };
        let cases: Vec<_> = cases.iter().enumerate().map(number).collect();
        let word = self.word();
        self.builder.create_enumeration_type(scope, &format!("{name}.tag"), file, 0, 64, 0, &cases, word).as_type()
    }
}
