//! Reading numbers from the start of a string, and testing JSON.
//!
//! In: strings. Out: `int?`, `float?`, bool, after 9.6 and 16.2. Deliberately not here: panics of conversions.

use super::bytes;
use crate::abi::{StringObject, TypeDesc};
use crate::slot::{write_nil, write_some};
use core::ptr;

/// Writes a scalar optional; it never needs an allocation, hence no fiber.
unsafe fn write_optional<T>(desc: *const TypeDesc, value: Option<T>, out: *mut u8) {
    match value {
        Some(value) => write_some(ptr::null_mut(), desc, (&raw const value).cast(), out),
        None => write_nil(desc, out),
    }
}

/// Blanks and tabs, a sign, the digits as far as they go; `None` without digit or on overflow.
pub fn parse_int(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii_start_blanks();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let digits = &digits[..digits.iter().take_while(|byte| byte.is_ascii_digit()).count()];
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0i64, |value, byte| {
        let digit = (byte - b'0') as i64;
        let value = value.checked_mul(10)?;
        if negative { value.checked_sub(digit) } else { value.checked_add(digit) }
    })
}

trait Blanks {
    fn trim_ascii_start_blanks(&self) -> &Self;
}

impl Blanks for [u8] {
    fn trim_ascii_start_blanks(&self) -> &[u8] {
        let blanks = self.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        &self[blanks..]
    }
}

/// `0x` or nothing, then hexadecimal digits; more than sixteen are more than 64 bits.
fn parse_hex(text: &[u8]) -> Option<i64> {
    let digits_of = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let digits = match text {
        [b'0', b'x' | b'X', rest @ ..] if digits_of(rest) > 0 => rest,
        _ => text,
    };
    let digits = &digits[..digits_of(digits)];
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    let value = digits.iter().fold(0u64, |value, &byte| value << 4 | (byte as char).to_digit(16).unwrap_or(0) as u64);
    Some(value as i64)
}

/// The longest prefix that C's `strtod` accepts.
pub fn parse_float(text: &[u8]) -> Option<f64> {
    let mut terminated = text.to_vec();
    terminated.push(0);
    let start = terminated.as_ptr().cast();
    let mut end: *mut libc::c_char = ptr::null_mut();
    // SAFETY: the text is terminated by a NUL, `end` is written before it is read.
    let value = unsafe { libc::strtod(start, &mut end) };
    if end.cast_const() == start { None } else { Some(value) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_to_int(string: *const StringObject, ty: *const TypeDesc, out: *mut u8) {
    write_optional(ty, parse_int(bytes(string)), out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_to_int_hex(string: *const StringObject, ty: *const TypeDesc, out: *mut u8) {
    write_optional(ty, parse_hex(bytes(string)), out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_to_float(string: *const StringObject, ty: *const TypeDesc, out: *mut u8) {
    write_optional(ty, parse_float(bytes(string)), out);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_string_valid_json(string: *const StringObject) -> bool {
    valid_json(bytes(string))
}

/// One complete JSON text of RFC 8259. The open brackets are kept in a list, so depth costs no stack.
pub fn valid_json(text: &[u8]) -> bool {
    let mut scanner = Scanner { text, position: 0 };
    let mut open: Vec<u8> = Vec::new();
    loop {
        // A value is due here.
        scanner.skip_white();
        match scanner.peek() {
            Some(b'[') => {
                scanner.position += 1;
                scanner.skip_white();
                if !scanner.take(b']') {
                    open.push(b']');
                    continue;
                }
            }
            Some(b'{') => {
                scanner.position += 1;
                scanner.skip_white();
                if !scanner.take(b'}') {
                    open.push(b'}');
                    if !scanner.key() {
                        return false;
                    }
                    continue;
                }
            }
            _ => {
                if !scanner.scalar() {
                    return false;
                }
            }
        }
        // Behind a value: close what ends here, or go on after a comma.
        loop {
            scanner.skip_white();
            let Some(&close) = open.last() else { return scanner.position == text.len() };
            if scanner.take(close) {
                open.pop();
                continue;
            }
            if !scanner.take(b',') || (close == b'}' && !scanner.key()) {
                return false;
            }
            break;
        }
    }
}

struct Scanner<'a> {
    text: &'a [u8],
    position: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.position).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.position += found as usize;
        found
    }

    fn skip_white(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.position += 1;
        }
    }

    fn key(&mut self) -> bool {
        self.skip_white();
        if !self.string() {
            return false;
        }
        self.skip_white();
        self.take(b':')
    }

    fn scalar(&mut self) -> bool {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &[u8]) -> bool {
        let found = self.text[self.position..].starts_with(word);
        self.position += if found { word.len() } else { 0 };
        found
    }

    fn digits(&mut self) -> usize {
        let start = self.position;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.position += 1;
        }
        self.position - start
    }

    fn number(&mut self) -> bool {
        self.take(b'-');
        if !self.take(b'0') && self.digits() == 0 {
            return false;
        }
        if self.take(b'.') && self.digits() == 0 {
            return false;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.position += 1;
            let _ = self.take(b'+') || self.take(b'-');
            return self.digits() > 0;
        }
        true
    }

    fn string(&mut self) -> bool {
        if !self.take(b'"') {
            return false;
        }
        while let Some(byte) = self.peek() {
            self.position += 1;
            match byte {
                b'"' => return true,
                b'\\' => {
                    let escape = self.peek();
                    self.position += 1;
                    match escape {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                        Some(b'u') if self.four_hex() => {}
                        _ => return false,
                    }
                }
                0..0x20 => return false,
                _ => {}
            }
        }
        false
    }

    fn four_hex(&mut self) -> bool {
        let found =
            self.text.get(self.position..self.position + 4).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        self.position += 4 * found as usize;
        found
    }
}
