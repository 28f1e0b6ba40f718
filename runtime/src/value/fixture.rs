//! Types and values for the tests of the value modules.
//!
//! In: Rust values. Out: leaked [`TypeDesc`]s laid out as the compiler does it, objects, and readable text of them.

use crate::abi::{CaseDesc, FieldDesc, INLINE_BYTES, Kind, ListObject, MapObject, StringObject, Text, TypeDesc};
use crate::string;
use core::ptr;

pub(crate) type Desc = &'static TypeDesc;

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn name(name: &str) -> Text {
    let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
    Text { data: name.as_ptr(), len: name.len() as u64 }
}

fn plain(kind: Kind, size: u32, align: u32, text: &str) -> TypeDesc {
    TypeDesc {
        kind,
        size,
        align,
        boxed: 0,
        pointers: ptr::null(),
        pointer_count: 0,
        object_type: 20,
        element_type: 21,
        node_type: 22,
        name: name(text),
        args: ptr::null(),
        fields: ptr::null(),
        field_count: 0,
        case_count: 0,
        cases: ptr::null(),
    }
}

pub(crate) fn scalar(kind: Kind) -> Desc {
    leak(match kind {
        Kind::Int => plain(kind, 8, 8, "int"),
        Kind::Float => plain(kind, 8, 8, "float"),
        Kind::Bool => plain(kind, 1, 1, "bool"),
        Kind::Byte => plain(kind, 1, 1, "byte"),
        Kind::Char => plain(kind, 4, 4, "char"),
        Kind::String => plain(kind, 8, 8, "string"),
        Kind::Posix => plain(kind, 8, 8, "posix"),
        _ => unreachable!(),
    })
}

pub(crate) fn int() -> Desc {
    scalar(Kind::Int)
}

pub(crate) fn text() -> Desc {
    scalar(Kind::String)
}

fn with_args(mut desc: TypeDesc, args: &[Desc]) -> TypeDesc {
    let args: Vec<*const TypeDesc> = args.iter().map(|arg| ptr::from_ref(*arg)).collect();
    desc.args = args.leak().as_ptr();
    desc
}

pub(crate) fn collection(kind: Kind, args: &[Desc]) -> Desc {
    let mut desc = with_args(plain(kind, 8, 8, "Collection"), args);
    desc.pointers = leak(0u32);
    desc.pointer_count = 1;
    leak(desc)
}

pub(crate) fn matrix(args: &[Desc], width: u32) -> Desc {
    let mut desc = with_args(plain(Kind::Matrix, 8, 8, "Matrix"), args);
    desc.pointers = leak(0u32);
    desc.pointer_count = 1;
    desc.field_count = width;
    leak(desc)
}

pub(crate) fn list(element: Desc) -> Desc {
    collection(Kind::List, &[element])
}

fn is_reference(desc: Desc) -> bool {
    // SAFETY: an optional has one argument.
    if desc.kind == Kind::Optional && desc.boxed == 0 && unsafe { (**desc.args).size } == desc.size {
        return true;
    }
    desc.boxed != 0
        || matches!(desc.kind, Kind::String | Kind::List | Kind::Array | Kind::Matrix | Kind::Map | Kind::Set)
}

pub(crate) fn optional(inner: Desc) -> Desc {
    let size = (inner.size + 1).next_multiple_of(inner.align);
    let mut desc = match is_reference(inner) {
        true => plain(Kind::Optional, 8, 8, "T?"),
        false if size > INLINE_BYTES => plain(Kind::Optional, 8, 8, "T?"),
        false => plain(Kind::Optional, size, inner.align, "T?"),
    };
    desc.boxed = (!is_reference(inner) && size > INLINE_BYTES) as u32;
    leak(with_args(desc, &[inner]))
}

/// A tuple (without a name) or a record.
pub(crate) fn record(title: &str, fields: &[(&str, Desc)]) -> Desc {
    let (mut at, mut align) = (0, 1);
    let mut laid_out = Vec::new();
    for (field, desc) in fields {
        at = u32::next_multiple_of(at, desc.align);
        laid_out.push(FieldDesc { name: name(field), desc: *desc, offset: at, boxed: 0 });
        at += desc.size;
        align = align.max(desc.align);
    }
    let size = at.next_multiple_of(align);
    let kind = if title.is_empty() { Kind::Tuple } else { Kind::Record };
    let mut desc = if size > INLINE_BYTES { plain(kind, 8, 8, title) } else { plain(kind, size, align, title) };
    desc.boxed = (size > INLINE_BYTES) as u32;
    desc.field_count = laid_out.len() as u32;
    desc.fields = laid_out.leak().as_ptr();
    leak(desc)
}

/// An enum without inline aggregates in its cases.
pub(crate) fn choice(title: &str, cases: &[(&str, &[(&str, Desc)])]) -> Desc {
    let references = |fields: &[(&str, Desc)]| fields.iter().filter(|field| is_reference(field.1)).count() as u32;
    let most = cases.iter().map(|case| references(case.1)).max().unwrap_or(0);
    let scalars = cases.iter().map(|case| case.1.len() as u32 - references(case.1)).max().unwrap_or(0);
    let described: Vec<CaseDesc> = cases
        .iter()
        .map(|(case, fields)| {
            let (mut reference, mut other) = (8, 8 + most * 8);
            let fields: Vec<FieldDesc> = fields
                .iter()
                .map(|(field, desc)| {
                    let next = if is_reference(desc) { &mut reference } else { &mut other };
                    *next += 8;
                    FieldDesc { name: name(field), desc: *desc, offset: *next - 8, boxed: 0 }
                })
                .collect();
            let field_count = fields.len() as u32;
            CaseDesc { name: name(case), fields: fields.leak().as_ptr(), field_count, reserved: 0 }
        })
        .collect();
    let size = 8 * (1 + most + scalars);
    let mut desc = plain(Kind::Enum, if size > INLINE_BYTES { 8 } else { size }, 8, title);
    desc.boxed = (size > INLINE_BYTES) as u32;
    desc.case_count = described.len() as u32;
    desc.cases = described.leak().as_ptr();
    leak(desc)
}

pub(crate) fn result(ok: Desc) -> Desc {
    choice("Result<T, string>", &[("Ok", &[("value", ok)]), ("Err", &[("error", text())])])
}

/// Address of a Rust value as a slot.
pub(crate) fn slot<T>(value: &T) -> *const u8 {
    ptr::from_ref(value).cast()
}

pub(crate) fn new_string(content: &str) -> *mut StringObject {
    // SAFETY: tests allocate without a fiber.
    unsafe { string::from_bytes(ptr::null_mut(), content.as_bytes()) }
}

pub(crate) fn rust_string(object: *const StringObject) -> String {
    // SAFETY: the object is a string; its cached length is checked against its text.
    unsafe {
        let content = string::text(object).to_owned();
        assert_eq!((*object).chars as usize, content.chars().count());
        assert_eq!(core::str::from_utf8(string::bytes(object)), Ok(content.as_str()));
        content
    }
}

/// The elements of a list of slots of type `T`.
pub(crate) fn elements<T: Copy>(list: *const ListObject) -> Vec<T> {
    // SAFETY: the test knows the element type.
    unsafe {
        let all = 0..(*list).len as usize;
        all.map(|index| crate::list::slot(list, size_of::<T>(), index).cast::<T>().read_unaligned()).collect()
    }
}

pub(crate) fn strings(list: *const ListObject) -> Vec<String> {
    elements::<*const StringObject>(list).into_iter().map(rust_string).collect()
}

pub(crate) fn list_of<T: Copy>(element: Desc, values: &[T]) -> *mut ListObject {
    // SAFETY: the slots are those of a slice.
    unsafe { crate::list::from_run(ptr::null_mut(), element, values.as_ptr().cast(), values.len()) }
}

/// Keys in iteration order.
pub(crate) fn keys<T: Copy>(map: *const MapObject, desc: Desc) -> Vec<T> {
    let mut keys = Vec::new();
    // SAFETY: the test knows the key type.
    unsafe {
        crate::map::iter::for_each(map, &crate::map::layout::Layout::of(desc), |entry| {
            keys.push(entry.cast::<T>().read_unaligned());
        });
    }
    keys
}

/// xorshift, with a fixed start for each test.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 8
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}
