//! The text of values (13.2): for `print` and `debug`, and for `String.from`.
//!
//! In: a slot and its type. Out: bytes behind those of a buffer. Driven by an explicit stack, so depth costs no stack.
//! Deliberately not here: where printed text goes, see `io`.

#![allow(unsafe_op_in_unsafe_fn, reason = "one contract for the value modules, stated in `slot`")]

use crate::abi::{
    ArrayObject, Fiber, FieldDesc, JsonValue, Kind, ListObject, MapIter, MapObject, Site, StringObject, Text, TypeDesc,
};
use crate::list;
use crate::map::iter;
use crate::map::layout::Layout;
use crate::slot::{argument, optional_value, reference};
use crate::value::{contents, field_slot};

/// The two columns of 13.2: they differ in floats.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Floats as `%f`.
    Print,
    /// Floats as `%g`.
    Convert,
}

/// What is left to write, each thing after those above it on the stack.
enum Piece {
    Value(*const u8, *const TypeDesc),
    Close(u8),
    Fields {
        base: *const u8,
        fields: *const FieldDesc,
        index: u32,
        count: u32,
        named: bool,
    },
    List {
        list: *const ListObject,
        index: usize,
        desc: *const TypeDesc,
    },
    Run {
        data: *const u8,
        index: usize,
        count: usize,
        desc: *const TypeDesc,
    },
    Entries {
        iter: Box<MapIter>,
        first: bool,
        desc: *const TypeDesc,
    },
    /// Cells of a matrix, `width` on a line.
    Grid {
        data: *const u8,
        index: usize,
        count: usize,
        width: usize,
        desc: *const TypeDesc,
    },
}

/// Appends the text of the value in `slot`.
pub unsafe fn write(buffer: &mut Vec<u8>, slot: *const u8, desc: *const TypeDesc, style: Style) {
    if simple(buffer, slot, desc, style) {
        return;
    }
    let mut work = Vec::new();
    compound(buffer, &mut work, slot, desc);
    while let Some(piece) = work.pop() {
        match piece {
            Piece::Value(slot, desc) => value(buffer, &mut work, slot, desc, style),
            Piece::Close(bracket) => buffer.push(bracket),
            Piece::Fields { base, fields, index, count, named } => {
                next_field(buffer, &mut work, base, fields, index, count, named);
            }
            Piece::List { list, index, desc } => {
                separate(buffer, index);
                if index + 1 < (*list).len as usize {
                    work.push(Piece::List { list, index: index + 1, desc });
                }
                value(buffer, &mut work, list::slot(list, (*desc).size as usize, index), desc, style);
            }
            Piece::Run { data, index, count, desc } => {
                separate(buffer, index);
                if index + 1 < count {
                    work.push(Piece::Run { data, index: index + 1, count, desc });
                }
                value(buffer, &mut work, data.add(index * (*desc).size as usize), desc, style);
            }
            Piece::Grid { data, index, count, width, desc } => {
                if index > 0 {
                    buffer.push(if index % width == 0 { b'\n' } else { b' ' });
                }
                if index + 1 < count {
                    work.push(Piece::Grid { data, index: index + 1, count, width, desc });
                }
                value(buffer, &mut work, data.add(index * (*desc).size as usize), desc, style);
            }
            Piece::Entries { iter, first, desc } => next_entry(buffer, &mut work, iter, first, desc, style),
        }
    }
}

fn separate(buffer: &mut Vec<u8>, index: usize) {
    if index > 0 {
        buffer.extend_from_slice(b", ");
    }
}

unsafe fn value(buffer: &mut Vec<u8>, work: &mut Vec<Piece>, slot: *const u8, desc: *const TypeDesc, style: Style) {
    if !simple(buffer, slot, desc, style) {
        compound(buffer, work, slot, desc);
    }
}

/// Writes a value without parts; false if it has parts.
unsafe fn simple(buffer: &mut Vec<u8>, slot: *const u8, desc: *const TypeDesc, style: Style) -> bool {
    match (*desc).kind {
        Kind::Int => write_int(buffer, slot.cast::<i64>().read_unaligned()),
        Kind::Byte => write_int(buffer, *slot as i64),
        Kind::Char => write_int(buffer, slot.cast::<u32>().read_unaligned() as i64),
        Kind::Float => write_float(buffer, slot.cast::<f64>().read_unaligned(), style),
        Kind::Bool => buffer.extend_from_slice(if *slot != 0 { b"true" } else { b"false" }),
        Kind::String => buffer.extend_from_slice(crate::string::bytes(reference(slot).cast::<StringObject>())),
        Kind::Json => crate::json::write::write_plain(buffer, JsonValue::read(slot)),
        Kind::Function | Kind::Handle | Kind::Posix | Kind::Channel | Kind::Atomic => {
            // Checked programs cannot print these (E1301).
            buffer.push(b'<');
            buffer.extend_from_slice(bytes_of((*desc).name));
            buffer.push(b'>');
        }
        _ => return false,
    }
    true
}

unsafe fn compound(buffer: &mut Vec<u8>, work: &mut Vec<Piece>, slot: *const u8, desc: *const TypeDesc) {
    match (*desc).kind {
        Kind::List => {
            let list = reference(slot).cast::<ListObject>();
            buffer.push(b'[');
            work.push(Piece::Close(b']'));
            if (*list).len > 0 {
                work.push(Piece::List { list, index: 0, desc: argument(desc, 0) });
            }
        }
        Kind::Array => {
            let array = reference(slot).cast::<ArrayObject>();
            buffer.push(b'[');
            work.push(Piece::Close(b']'));
            if (*array).len > 0 {
                let (data, count) = ((*array).data, (*array).len as usize);
                work.push(Piece::Run { data, index: 0, count, desc: argument(desc, 0) });
            }
        }
        Kind::Matrix => {
            let array = reference(slot).cast::<ArrayObject>();
            let (data, count, width) = ((*array).data, (*array).len as usize, (*desc).field_count as usize);
            work.push(Piece::Grid { data, index: 0, count, width, desc: argument(desc, 0) });
        }
        Kind::Map | Kind::Set => {
            buffer.push(b'{');
            work.push(Piece::Close(b'}'));
            let iter = Box::new(iter::start(reference(slot).cast::<MapObject>()));
            work.push(Piece::Entries { iter, first: true, desc });
        }
        Kind::Optional => match optional_value(desc, slot) {
            value if value.is_null() => buffer.extend_from_slice(b"nil"),
            value => work.push(Piece::Value(value, argument(desc, 0))),
        },
        Kind::Enum => {
            let base = contents(desc, slot);
            let case = (*desc).cases.add(base.cast::<u64>().read_unaligned() as usize);
            buffer.extend_from_slice(bytes_of((*case).name));
            if (*case).field_count > 0 {
                let named = !bytes_of((*desc).name).starts_with(b"Result<");
                open_fields(buffer, work, base, (*case).fields, (*case).field_count, named);
            }
        }
        kind => {
            if kind == Kind::Record {
                let name = bytes_of((*desc).name);
                let plain = name.iter().position(|&byte| byte == b'<').unwrap_or(name.len());
                buffer.extend_from_slice(&name[..plain]);
            }
            open_fields(buffer, work, contents(desc, slot), (*desc).fields, (*desc).field_count, true);
        }
    }
}

unsafe fn bytes_of<'a>(text: Text) -> &'a [u8] {
    if text.len == 0 { b"" } else { core::slice::from_raw_parts(text.data, text.len as usize) }
}

unsafe fn open_fields(
    buffer: &mut Vec<u8>,
    work: &mut Vec<Piece>,
    base: *const u8,
    fields: *const FieldDesc,
    count: u32,
    named: bool,
) {
    buffer.push(b'(');
    work.push(Piece::Close(b')'));
    if count > 0 {
        work.push(Piece::Fields { base, fields, index: 0, count, named });
    }
}

unsafe fn next_field(
    buffer: &mut Vec<u8>,
    work: &mut Vec<Piece>,
    base: *const u8,
    fields: *const FieldDesc,
    index: u32,
    count: u32,
    named: bool,
) {
    let field = fields.add(index as usize);
    separate(buffer, index as usize);
    if named && (*field).name.len > 0 {
        buffer.extend_from_slice(bytes_of((*field).name));
        buffer.extend_from_slice(b": ");
    }
    if index + 1 < count {
        work.push(Piece::Fields { base, fields, index: index + 1, count, named });
    }
    work.push(Piece::Value(field_slot(base, field), (*field).desc));
}

unsafe fn next_entry(
    buffer: &mut Vec<u8>,
    work: &mut Vec<Piece>,
    mut iter: Box<MapIter>,
    first: bool,
    desc: *const TypeDesc,
    style: Style,
) {
    let layout = Layout::of(desc);
    let entry = iter::next(&mut iter, &layout);
    if entry.is_null() {
        return;
    }
    separate(buffer, !first as usize);
    work.push(Piece::Entries { iter, first: false, desc });
    if layout.value.is_null() {
        return value(buffer, work, entry, layout.key, style);
    }
    // Keys hold no maps, so this nests at most once.
    write(buffer, entry, layout.key, style);
    buffer.extend_from_slice(b": ");
    value(buffer, work, entry.add(layout.value_offset), layout.value, style);
}

pub fn write_int(buffer: &mut Vec<u8>, value: i64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        buffer.push(b'-');
    }
    buffer.extend_from_slice(&digits[start..]);
}

/// As C's `%f` or `%g` in the "C" locale.
pub fn write_float(buffer: &mut Vec<u8>, value: f64, style: Style) {
    if value.is_nan() {
        return buffer.extend_from_slice(b"nan");
    }
    let format = if style == Style::Print { c"%f" } else { c"%g" };
    // The largest double has 309 digits before the point.
    let mut text = [0u8; 340];
    // SAFETY: the buffer has room for every double in both formats, and its size is passed.
    let len = unsafe { libc::snprintf(text.as_mut_ptr().cast(), text.len(), format.as_ptr(), value) };
    let text = &mut text[..usize::try_from(len).unwrap_or(0)];
    // C code of the program may have set a locale with another decimal point.
    if let Some(comma) = text.iter_mut().find(|byte| **byte == b',') {
        *comma = b'.';
    }
    buffer.extend_from_slice(text);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_value_to_string(
    fiber: *mut Fiber,
    value: *const u8,
    ty: *const TypeDesc,
) -> *mut StringObject {
    if (*ty).kind == Kind::String {
        return reference(value).cast();
    }
    let mut buffer = Vec::new();
    write(&mut buffer, value, ty, Style::Convert);
    crate::string::from_bytes(fiber, &buffer)
}

/// `unwrap of Err: E`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_panic_unwrap_err(
    fiber: *mut Fiber,
    error: *const u8,
    ty: *const TypeDesc,
    site: *const Site,
) -> ! {
    let mut line = b"unwrap of Err: ".to_vec();
    write(&mut line, error, ty, Style::Convert);
    crate::slot::fail(fiber, site, &String::from_utf8_lossy(&line))
}

#[cfg(test)]
mod tests;
