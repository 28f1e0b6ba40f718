//! json texts to values: RFC 8259, one pass over the bytes.
//!
//! In: a string. Out: a value, or an error with line and column. Open containers lie on a list, so depth costs no stack.
//! Elements and members that are read wait in one object, `scratch`, until their container ends; strings without escapes
//! are views of the text; keys that have been met lately are shared.
//! Deliberately not here: `validjson`, which builds nothing (`string`).

use super::object::{self, Hasher};
use super::{JsonValue, json_type};
use crate::abi::{
    ELEMENTS_OFFSET, Elements, Fiber, JSON_VIEW, JSON_VIEW_LEN_BITS, JsonEntry, StringObject, TypeDesc, header, type_id,
};
use crate::list::slots;
use crate::slot::{allocate, aux, keep};
use core::ptr;

/// Containers in each other.
pub const MOST_NESTED: usize = 512;

/// Positions of strings that a view can say.
const MOST_VIEWED: usize = 1 << (63 - JSON_VIEW_LEN_BITS);

pub struct Fault {
    /// Byte position in the text.
    pub at: usize,
    pub what: &'static str,
}

struct Open {
    /// Its first entry in `scratch`.
    start: usize,
    is_object: bool,
}

struct Parser<'a> {
    fiber: *mut Fiber,
    source: *mut StringObject,
    text: &'a [u8],
    at: usize,
    open: Vec<Open>,
    /// Entries of open containers, one behind the other; an element has no key.
    scratch: *mut Elements,
    top: usize,
    /// References to keys, by hash; null where there is none.
    keys: *mut Elements,
    hasher: Hasher,
}

/// The value of a complete text.
///
/// # Safety
/// As for all functions of the value modules.
pub unsafe fn parse(fiber: *mut Fiber, source: *mut StringObject) -> Result<JsonValue, Fault> {
    let text = crate::string::bytes(source);
    let shared = (text.len() / 16).next_power_of_two().clamp(8, 1024);
    let keys = allocate(fiber, ELEMENTS_OFFSET as usize + 8 * shared, header(type_id::LIST_NODE, shared as u32));
    ptr::write_bytes(keys.add(8), 0, ELEMENTS_OFFSET as usize + 8 * shared - 8);
    let scratch = object::new_entries(fiber, 16, 0);
    let (keys, open) = (keys.cast(), Vec::new());
    let mut parser = Parser { fiber, source, text, at: 0, open, scratch, top: 0, keys, hasher: Hasher::new() };
    let result = parser.document();
    // Until here the collector must see them.
    keep(parser.scratch);
    keep(parser.keys);
    keep(source);
    result
}

impl Parser<'_> {
    fn fault<T>(&self, what: &'static str) -> Result<T, Fault> {
        Err(Fault { at: self.at, what })
    }

    #[inline]
    fn peek(&self) -> u8 {
        // No text holds this byte outside of strings.
        self.text.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    fn skip_white(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\t' | b'\r') {
            self.at += 1;
        }
    }

    unsafe fn document(&mut self) -> Result<JsonValue, Fault> {
        loop {
            self.skip_white();
            let mut value = match self.peek() {
                b'"' => self.string()?,
                b'{' => {
                    self.begin(true)?;
                    if self.peek() != b'}' {
                        self.key()?;
                        continue;
                    }
                    self.end()
                }
                b'[' => {
                    self.begin(false)?;
                    if self.peek() != b']' {
                        continue;
                    }
                    self.end()
                }
                b't' => self.word(b"true", JsonValue::from_bool(true))?,
                b'f' => self.word(b"false", JsonValue::from_bool(false))?,
                b'n' => self.word(b"null", JsonValue::NULL)?,
                b'-' | b'0'..=b'9' => self.number()?,
                _ if self.at == self.text.len() => return self.fault("unexpected end of text"),
                _ => return self.fault("expected a value"),
            };
            // Behind a value: close what ends here, or go on after a comma.
            loop {
                self.skip_white();
                let Some(open) = self.open.last() else {
                    return if self.at == self.text.len() {
                        Ok(value)
                    } else {
                        self.fault("expected the end of the text")
                    };
                };
                let is_object = open.is_object;
                self.put(value, is_object);
                match (self.peek(), is_object) {
                    (b',', true) => {
                        self.at += 1;
                        self.skip_white();
                        self.key()?;
                        break;
                    }
                    (b',', false) => {
                        self.at += 1;
                        break;
                    }
                    (b'}', true) | (b']', false) => value = self.end(),
                    _ if self.at == self.text.len() => return self.fault("unexpected end of text"),
                    (_, true) => return self.fault("expected ',' or '}'"),
                    (_, false) => return self.fault("expected ',' or ']'"),
                }
            }
        }
    }

    fn begin(&mut self, is_object: bool) -> Result<(), Fault> {
        if self.open.len() == MOST_NESTED {
            return self.fault("nested too deeply");
        }
        self.open.push(Open { start: self.top, is_object });
        self.at += 1;
        self.skip_white();
        Ok(())
    }

    #[inline]
    unsafe fn entry(&self, index: usize) -> *mut JsonEntry {
        slots(self.scratch).cast::<JsonEntry>().add(index)
    }

    /// Makes room for one more entry.
    #[inline]
    unsafe fn reserve(&mut self) {
        if self.top == aux(self.scratch.cast()) as usize {
            self.grow();
        }
    }

    #[cold]
    unsafe fn grow(&mut self) {
        let larger = object::new_entries(self.fiber, 2 * self.top, 0);
        ptr::copy_nonoverlapping(self.entry(0), slots(larger).cast(), self.top);
        self.scratch = larger;
    }

    /// A value read: of the key on top, or an element.
    #[inline]
    unsafe fn put(&mut self, value: JsonValue, is_object: bool) {
        // The stack refers to `scratch`, so it needs no barrier: see `gc::remember`.
        if is_object {
            (*self.entry(self.top - 1)).value = value;
            return;
        }
        self.reserve();
        self.entry(self.top).write(JsonEntry { key: ptr::null_mut(), value });
        self.top += 1;
    }

    /// The innermost container is complete.
    unsafe fn end(&mut self) -> JsonValue {
        self.at += 1;
        let Some(Open { start, is_object }) = self.open.pop() else { unreachable!() };
        let len = self.top - start;
        self.top = start;
        if is_object {
            if len == 0 {
                return JsonValue::empty_object();
            }
            let buffer = object::new_entries(self.fiber, len, len);
            ptr::copy_nonoverlapping(self.entry(start), slots(buffer).cast(), len);
            return JsonValue::from_object(object::from_entries(self.fiber, buffer, len));
        }
        let array = crate::array::with_len(self.fiber, json_type(), len);
        let to = (*array).data.cast::<JsonValue>();
        for index in 0..len {
            to.add(index).write((*self.entry(start + index)).value);
        }
        JsonValue::from_array(array)
    }

    /// A key with its colon.
    unsafe fn key(&mut self) -> Result<(), Fault> {
        if self.peek() != b'"' {
            return if self.at == self.text.len() {
                self.fault("unexpected end of text")
            } else {
                self.fault("expected a key in quotes")
            };
        }
        let start = self.at + 1;
        let end = self.scan(start)?;
        let key = if self.text[end] == b'"' {
            self.at = end + 1;
            self.shared_key(&self.text[start..end])
        } else {
            let bytes = self.unescape(start, end)?;
            crate::string::from_bytes(self.fiber, &bytes)
        };
        self.skip_white();
        if self.peek() != b':' {
            return self.fault("expected ':'");
        }
        self.at += 1;
        self.reserve();
        self.entry(self.top).write(JsonEntry { key, value: JsonValue::NULL });
        self.top += 1;
        Ok(())
    }

    /// The same object as for an equal key that came before, most of the time.
    unsafe fn shared_key(&self, bytes: &[u8]) -> *mut StringObject {
        let mask = aux(self.keys.cast()) as usize - 1;
        let place = slots(self.keys).cast::<*mut StringObject>().add(self.hasher.hash(bytes) as usize & mask);
        let known = *place;
        if !known.is_null() && object::same_text(known, bytes) {
            return known;
        }
        let fresh = crate::string::from_bytes(self.fiber, bytes);
        // As for `scratch`.
        *place = fresh;
        fresh
    }

    unsafe fn string(&mut self) -> Result<JsonValue, Fault> {
        let start = self.at + 1;
        let end = self.scan(start)?;
        if self.text[end] != b'"' {
            let bytes = self.unescape(start, end)?;
            return Ok(JsonValue::from_string(crate::string::from_bytes(self.fiber, &bytes)));
        }
        self.at = end + 1;
        let len = end - start;
        if len == 0 {
            return Ok(JsonValue::from_string(crate::string::empty()));
        }
        if len >= 1 << JSON_VIEW_LEN_BITS || start >= MOST_VIEWED {
            return Ok(JsonValue::from_string(crate::string::view(self.fiber, self.source, start, end)));
        }
        let word = JSON_VIEW | (start as u64) << JSON_VIEW_LEN_BITS | len as u64;
        Ok(JsonValue { word, part: self.source.cast() })
    }

    /// The position of the quote or backslash that follows; a control character and the end of the text are faults.
    #[inline]
    fn scan(&mut self, start: usize) -> Result<usize, Fault> {
        let at = super::write::plain_until(self.text, start);
        match self.text.get(at) {
            Some(b'"' | b'\\') => Ok(at),
            None => {
                self.at = at;
                self.fault("unexpected end of text")
            }
            Some(_) => {
                self.at = at;
                self.fault("control character in a string")
            }
        }
    }

    /// The contents of a string that has an escape at `at`, to its quote.
    #[cold]
    fn unescape(&mut self, start: usize, mut at: usize) -> Result<Vec<u8>, Fault> {
        let mut bytes = self.text[start..at].to_vec();
        loop {
            self.at = at;
            if self.text[at] == b'"' {
                self.at += 1;
                return Ok(bytes);
            }
            let escape = self.text.get(at + 1).copied().unwrap_or(0);
            let plain = match escape {
                b'"' | b'\\' | b'/' => escape,
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'u' => {
                    let (code, end) = self.code_point(at)?;
                    bytes.extend_from_slice(code.encode_utf8(&mut [0; 4]).as_bytes());
                    at = self.plain_run(end, &mut bytes)?;
                    continue;
                }
                _ => return self.fault("unknown escape in a string"),
            };
            bytes.push(plain);
            at = self.plain_run(at + 2, &mut bytes)?;
        }
    }

    fn plain_run(&mut self, from: usize, bytes: &mut Vec<u8>) -> Result<usize, Fault> {
        let end = self.scan(from)?;
        bytes.extend_from_slice(&self.text[from..end]);
        Ok(end)
    }

    /// `\uXXXX`, or two of them that are a surrogate pair; half a pair stands for no character.
    fn code_point(&self, at: usize) -> Result<(char, usize), Fault> {
        let Some(first) = self.four_digits(at) else { return self.fault("unknown escape in a string") };
        if let (0xD800..0xDC00, Some(second @ 0xDC00..0xE000)) = (first, self.four_digits(at + 6)) {
            let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            return Ok((char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), at + 12));
        }
        Ok((char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), at + 6))
    }

    fn four_digits(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |code, &byte| Some(code << 4 | (byte as char).to_digit(16)?))
    }

    fn word(&mut self, word: &[u8], value: JsonValue) -> Result<JsonValue, Fault> {
        if !self.text[self.at..].starts_with(word) {
            return self.fault("expected a value");
        }
        self.at += word.len();
        Ok(value)
    }

    /// Reads digits, at least one, into a number of which the first 19 count; says how many.
    #[inline]
    fn digits(&mut self, number: &mut u64) -> Result<usize, Fault> {
        let start = self.at;
        while let digit @ b'0'..=b'9' = self.peek() {
            *number = number.wrapping_mul(10).wrapping_add((digit - b'0') as u64);
            self.at += 1;
        }
        if self.at == start { self.fault("expected a digit") } else { Ok(self.at - start) }
    }

    fn number(&mut self) -> Result<JsonValue, Fault> {
        let start = self.at;
        let negative = self.peek() == b'-';
        self.at += negative as usize;
        let mut digits = 0u64;
        let first = self.peek();
        let mut count = self.digits(&mut digits)?;
        if first == b'0' && count > 1 {
            self.at = start + negative as usize + 1;
            return self.fault("number begins with 0");
        }
        let mut exponent = 0i64;
        let is_int = !matches!(self.peek(), b'.' | b'e' | b'E');
        if is_int && count <= 18 {
            let value = digits as i64;
            return Ok(JsonValue::from_int(if negative { -value } else { value }));
        }
        if self.peek() == b'.' {
            self.at += 1;
            let places = self.digits(&mut digits)?;
            count += places;
            exponent = -(places as i64);
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            let below = self.peek() == b'-';
            self.at += matches!(self.peek(), b'-' | b'+') as usize;
            let mut scale = 0u64;
            let places = self.digits(&mut scale)?;
            let scale = if places > 9 { i64::MAX / 4 } else { scale as i64 };
            exponent += if below { -scale } else { scale };
        }
        // SAFETY: digits, signs, a point.
        let text = unsafe { core::str::from_utf8_unchecked(&self.text[start..self.at]) };
        if is_int && let Ok(value) = text.parse::<i64>() {
            return Ok(JsonValue::from_int(value));
        }
        let value = match count <= 19 {
            true => quick_float(digits, exponent, negative),
            false => None,
        };
        let value = value.or_else(|| text.parse::<f64>().ok()).unwrap_or(f64::INFINITY);
        if value.is_infinite() {
            self.at = start;
            return self.fault("number out of range");
        }
        Ok(JsonValue::from_float(value))
    }
}

/// `digits` times a power of ten, where both are floats exactly: then the one rounding is right.
fn quick_float(digits: u64, exponent: i64, negative: bool) -> Option<f64> {
    const POWERS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ];
    if digits > 1 << 53 {
        return None;
    }
    let power = *POWERS.get(exponent.unsigned_abs() as usize)?;
    let value = if exponent < 0 { digits as f64 / power } else { digits as f64 * power };
    Some(if negative { -value } else { value })
}

/// `line L, column C: what`; columns count code points.
pub fn describe(text: &[u8], fault: &Fault) -> String {
    let before = &text[..fault.at.min(text.len())];
    let mut line = 1;
    let mut start = 0;
    for (index, &byte) in before.iter().enumerate() {
        if byte == b'\n' || (byte == b'\r' && before.get(index + 1).or(text.get(index + 1)) != Some(&b'\n')) {
            line += 1;
            start = index + 1;
        }
    }
    let column = crate::string::count_chars(&before[start..]) + 1;
    format!("line {line}, column {column}: {}", fault.what)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_json_parse(
    fiber: *mut Fiber,
    source: *mut StringObject,
    ty: *const TypeDesc,
    out: *mut u8,
) {
    match parse(fiber, source) {
        Ok(value) => crate::slot::write_ok_value(fiber, ty, (&raw const value).cast(), out),
        Err(fault) => {
            let text = describe(crate::string::bytes(source), &fault);
            keep(source);
            crate::slot::write_err(fiber, ty, &text, out);
        }
    }
}
