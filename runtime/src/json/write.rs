//! The text of json values: compact, or with one element a line.
//!
//! In: a value. Out: bytes behind those of a buffer. Driven by an explicit stack, so depth costs no stack.

use super::{JsonKind, JsonValue, object};
use crate::abi::{Fiber, JsonEntry, StringObject};
use crate::slot::keep;
use crate::text::write_int;

/// The first position from `at` on whose byte cannot stand in a string as it is: a quote, a backslash, a control
/// character. Eight bytes at a time.
#[inline]
pub fn plain_until(text: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    while let Some(bytes) = text.get(at..at + 8) {
        let word = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
        let controls = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (zeros(word ^ (ONES * b'"' as u64)) | zeros(word ^ (ONES * b'\\' as u64)) | controls) & HIGH;
        if found != 0 {
            // Below the first one found nothing has been borrowed.
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while at < text.len() && text[at] >= 0x20 && !matches!(text[at], b'"' | b'\\') {
        at += 1;
    }
    at
}

/// A string in quotes.
pub fn write_string(buffer: &mut Vec<u8>, text: &[u8]) {
    buffer.push(b'"');
    let mut start = 0;
    loop {
        let end = plain_until(text, start);
        buffer.extend_from_slice(&text[start..end]);
        let Some(&byte) = text.get(end) else { break };
        match byte {
            b'"' | b'\\' => buffer.extend_from_slice(&[b'\\', byte]),
            8 => buffer.extend_from_slice(b"\\b"),
            12 => buffer.extend_from_slice(b"\\f"),
            b'\n' => buffer.extend_from_slice(b"\\n"),
            b'\r' => buffer.extend_from_slice(b"\\r"),
            b'\t' => buffer.extend_from_slice(b"\\t"),
            _ => {
                let digit = |value: u8| b"0123456789abcdef"[value as usize];
                buffer.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
        }
        start = end + 1;
    }
    buffer.push(b'"');
}

/// The shortest decimal form that reads back equal. Numbers from 1e21 on and those below 1e-6 have an exponent; it or a
/// point says that this is a float.
pub fn write_float(buffer: &mut Vec<u8>, value: f64) {
    use std::io::Write as _;
    if !value.is_finite() {
        return buffer.extend_from_slice(b"null");
    }
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-6..1e21).contains(&magnitude) {
        // Small whole numbers need no search for their digits.
        if magnitude < 1e15 && value.trunc() == value && (value != 0.0 || value.is_sign_positive()) {
            write_int(buffer, value as i64);
            return buffer.extend_from_slice(b".0");
        }
        // `Debug` writes whole numbers with a point; a `Vec` takes everything.
        let _ = match magnitude == 0.0 || (1e-4..1e16).contains(&magnitude) {
            true => write!(buffer, "{value:?}"),
            false if value.trunc() == value => write!(buffer, "{value}.0"),
            false => write!(buffer, "{value}"),
        };
        return;
    }
    let start = buffer.len();
    let _ = write!(buffer, "{value:e}");
    // Rust writes `1e21`.
    if magnitude >= 1.0
        && let Some(place) = buffer[start..].iter().position(|byte| *byte == b'e')
    {
        buffer.insert(start + place + 1, b'+');
    }
}

/// What is left to write of an open container.
enum Rest {
    Elements { next: *const JsonValue, left: usize },
    Members { next: *const JsonEntry, left: usize },
}

struct Writer<'a> {
    buffer: &'a mut Vec<u8>,
    open: Vec<Rest>,
    /// Blanks for each level; negative: everything on one line.
    indent: i64,
}

/// Appends the text of a value. Nothing is allocated for the collector meanwhile.
///
/// # Safety
/// As for all functions of the value modules.
pub unsafe fn write(buffer: &mut Vec<u8>, value: JsonValue, indent: Option<i64>) {
    let mut writer = Writer { buffer, open: Vec::new(), indent: indent.map_or(-1, |indent| indent.max(0)) };
    writer.value(value);
    while let Some(rest) = writer.open.last_mut() {
        let (value, key, is_last_done) = match rest {
            Rest::Elements { left: 0, .. } => (JsonValue::NULL, None, Some(b']')),
            Rest::Members { left: 0, .. } => (JsonValue::NULL, None, Some(b'}')),
            Rest::Elements { next, left } => {
                let value = **next;
                (*next, *left) = (next.add(1), *left - 1);
                (value, None, None)
            }
            Rest::Members { next, left } => {
                let entry = **next;
                (*next, *left) = (next.add(1), *left - 1);
                (entry.value, Some(entry.key), None)
            }
        };
        if let Some(bracket) = is_last_done {
            writer.open.pop();
            writer.new_line();
            writer.buffer.push(bracket);
            continue;
        }
        // Only the first follows its bracket.
        if !matches!(writer.buffer.last(), Some(b'[' | b'{')) {
            writer.buffer.push(b',');
        }
        writer.new_line();
        if let Some(key) = key {
            write_string(writer.buffer, crate::string::bytes(key));
            writer.buffer.extend_from_slice(if writer.indent < 0 { b":" } else { b": " });
        }
        writer.value(value);
    }
}

impl Writer<'_> {
    fn new_line(&mut self) {
        if self.indent >= 0 {
            let blanks = self.open.len() * self.indent as usize;
            self.buffer.push(b'\n');
            self.buffer.resize(self.buffer.len() + blanks, b' ');
        }
    }

    unsafe fn value(&mut self, value: JsonValue) {
        match value.kind() {
            JsonKind::Null => self.buffer.extend_from_slice(b"null"),
            JsonKind::Bool => self.buffer.extend_from_slice(if value.word != 0 { b"true" } else { b"false" }),
            JsonKind::Int => write_int(self.buffer, value.int()),
            JsonKind::Float => write_float(self.buffer, value.float()),
            JsonKind::String => write_string(self.buffer, value.bytes()),
            JsonKind::Array => match value.elements() {
                (_, 0) => self.buffer.extend_from_slice(b"[]"),
                (next, left) => {
                    self.buffer.push(b'[');
                    self.open.push(Rest::Elements { next, left });
                }
            },
            JsonKind::Object => match (*value.object()).len as usize {
                0 => self.buffer.extend_from_slice(b"{}"),
                left => {
                    self.buffer.push(b'{');
                    self.open.push(Rest::Members { next: object::entries(value.object()), left });
                }
            },
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_text(fiber: *mut Fiber, value: *const u8) -> *mut StringObject {
    let mut buffer = Vec::new();
    let value = JsonValue::read(value);
    write(&mut buffer, value, None);
    keep(value.part);
    crate::string::from_bytes(fiber, &buffer)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_pretty(fiber: *mut Fiber, value: *const u8, indent: i64) -> *mut StringObject {
    let mut buffer = Vec::new();
    let value = JsonValue::read(value);
    write(&mut buffer, value, Some(indent));
    keep(value.part);
    crate::string::from_bytes(fiber, &buffer)
}

/// The contents of a string, the text of anything else.
pub unsafe fn write_plain(buffer: &mut Vec<u8>, value: JsonValue) {
    match value.kind() {
        JsonKind::String => buffer.extend_from_slice(value.bytes()),
        _ => write(buffer, value, None),
    }
}
