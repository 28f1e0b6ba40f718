//! What an `llvm_ir` block may be made of, before LLVM sees it.
//!
//! In: the text. Out: a refusal of the first word, symbol or size that is not allowed. LLVM's reader is not made for
//! hostile text: it nests without limit, makes constants of gigabytes, and knows ways to reach memory, symbols and the
//! process. So only the words of arithmetic, control flow and local variables are let through.
//! Deliberately not here: syntax and types (LLVM), pointers (`harden`).

use super::Refusal;
use std::ops::Range;

const MOST_BYTES: usize = 64 << 10;
const MOST_WORD_BYTES: usize = 100;
/// Of brackets of all kinds.
const MOST_NESTING: usize = 8;
const MOST_BITS: u64 = 64;
/// Of vectors and arrays.
const MOST_ELEMENTS: u64 = 64;

/// Control; whole numbers; floating point; conversions; vectors and aggregates; local variables; promises, whose
/// breaking leaves a result undetermined (`harden`); types and constants.
const WORDS: &str = "
    ret br switch label to phi select freeze call tail
    add sub mul udiv sdiv urem srem shl lshr ashr and or xor icmp eq ne ugt uge ult ule sgt sge slt sle
    fadd fsub fmul fdiv frem fneg fcmp oeq ogt oge olt ole one ord ueq une uno
    trunc zext sext fptrunc fpext fptoui fptosi uitofp sitofp bitcast
    extractelement insertelement shufflevector extractvalue insertvalue x
    alloca load store align volatile ptr
    nsw nuw exact disjoint nneg samesign fast nnan ninf nsz arcp contract afn reassoc
    void float double true false undef poison zeroinitializer splat
";

/// Behind `llvm.`, followed by a type.
const INTRINSICS: &str = "
    abs smax smin umax umin ctpop ctlz cttz bswap bitreverse fshl fshr sadd.with.overflow uadd.with.overflow
    ssub.with.overflow usub.with.overflow smul.with.overflow umul.with.overflow sadd.sat uadd.sat ssub.sat usub.sat
    sshl.sat ushl.sat sqrt fabs floor ceil trunc rint nearbyint round roundeven copysign minnum maxnum minimum
    maximum fma fmuladd pow exp exp2 log log2 log10 sin cos fptosi.sat fptoui.sat canonicalize is.fpclass
    vector.reduce.add vector.reduce.mul vector.reduce.and vector.reduce.or vector.reduce.xor vector.reduce.smax
    vector.reduce.smin vector.reduce.umax vector.reduce.umin vector.reduce.fadd vector.reduce.fmul
    vector.reduce.fmax vector.reduce.fmin
";

pub(super) fn check(text: &str) -> Result<(), Refusal> {
    if text.len() > MOST_BYTES {
        return Err(Refusal::of(format!("the text has more than {MOST_BYTES} bytes")));
    }
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, brackets: Vec::new() };
    while reader.at < reader.bytes.len() {
        reader.piece()?;
    }
    match reader.brackets.pop() {
        Some((_, at)) => Err(refuse("this bracket is not closed", at..at + 1)),
        None => Ok(()),
    }
}

fn refuse(message: impl Into<String>, at: Range<usize>) -> Refusal {
    Refusal { message: message.into(), at: Some(at) }
}

struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    brackets: Vec<(u8, usize)>,
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

impl Reader<'_> {
    fn piece(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        match self.bytes[start] {
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b'=' => self.at += 1,
            // LLVM's comments end at either.
            b';' => self.at = self.text[start..].find(['\n', '\r']).map_or(self.bytes.len(), |length| start + length),
            b'(' | b'[' | b'{' | b'<' => self.open()?,
            b')' | b']' | b'}' | b'>' => self.close()?,
            b'%' => {
                self.at += 1;
                if self.word().is_empty() {
                    return Err(refuse("a register has a name of letters, digits, '.', '_' and '-'", start..self.at));
                }
            }
            b'@' => self.symbol()?,
            b'+' => {
                self.at += 1;
                self.word();
            }
            byte if is_word(byte) => self.named()?,
            _ => {
                let length = self.text[start..].chars().next().map_or(1, char::len_utf8);
                return Err(refuse("this character has no place in an llvm_ir block", start..start + length));
            }
        }
        if self.at - start > MOST_WORD_BYTES && self.bytes[start] != b';' {
            return Err(refuse("this word is too long", start..self.at));
        }
        Ok(())
    }

    /// Letters, digits and what else belongs to names and numbers, from here on.
    fn word(&mut self) -> String {
        let start = self.at;
        while self.at < self.bytes.len() && is_word(self.bytes[self.at]) {
            self.at += 1;
            // `1.0e+3`
            let exponent = self.bytes[start].is_ascii_digit() || self.bytes[start] == b'-';
            if exponent && matches!(self.bytes[self.at - 1], b'e' | b'E') && self.bytes.get(self.at) == Some(&b'+') {
                self.at += 1;
            }
        }
        self.text[start..self.at].to_owned()
    }

    fn open(&mut self) -> Result<(), Refusal> {
        let (start, byte) = (self.at, self.bytes[self.at]);
        if self.brackets.len() == MOST_NESTING {
            return Err(refuse("brackets are nested too deep", start..start + 1));
        }
        self.brackets.push((byte, start));
        self.at += 1;
        if !matches!(byte, b'[' | b'<') {
            return Ok(());
        }
        // `<4 x i32>`, but also `[ i64 0, label %a ]` and `<i32 1, i32 2>`.
        let from = self.at + self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let digits = self.bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let count = &self.text[from..from + digits];
        let is_type = self.text[from + digits..].trim_start().starts_with('x');
        if !is_type || count.parse::<u64>().is_ok_and(|count| count <= MOST_ELEMENTS) {
            return Ok(());
        }
        Err(refuse(format!("vectors and arrays have at most {MOST_ELEMENTS} elements"), from..from + digits))
    }

    fn close(&mut self) -> Result<(), Refusal> {
        let (at, byte) = (self.at, self.bytes[self.at]);
        let wanted = match byte {
            b')' => b'(',
            b']' => b'[',
            b'}' => b'{',
            _ => b'<',
        };
        match self.brackets.pop() {
            Some((open, _)) if open == wanted => {
                self.at += 1;
                Ok(())
            }
            _ => Err(refuse("this bracket closes nothing", at..at + 1)),
        }
    }

    fn symbol(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        self.at += 1;
        let name = self.word();
        let Some(intrinsic) = name.strip_prefix("llvm.") else {
            return Err(refuse("the only symbols of an llvm_ir block are intrinsics: @llvm.…", start..self.at));
        };
        let known = |base: &str| intrinsic.strip_prefix(base).is_some_and(is_type_suffix);
        if !INTRINSICS.split_whitespace().any(known) {
            let message = format!("the intrinsic 'llvm.{intrinsic}' is not one that an llvm_ir block may call");
            return Err(refuse(message, start..self.at));
        }
        Ok(())
    }

    fn named(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        let word = self.word();
        let first = self.bytes[start];
        if first.is_ascii_digit() || first == b'-' {
            // A number, or the label `12:`.
            if self.bytes.get(self.at) == Some(&b':') {
                self.at += 1;
            }
            return Ok(());
        }
        if self.bytes.get(self.at) == Some(&b':') {
            self.at += 1;
            return Ok(());
        }
        if let Some(bits) = word.strip_prefix('i')
            && !bits.is_empty()
            && bits.bytes().all(|byte| byte.is_ascii_digit())
        {
            return match bits.parse::<u64>() {
                Ok(bits) if (1..=MOST_BITS).contains(&bits) => Ok(()),
                _ => Err(refuse(format!("integers have 1 to {MOST_BITS} bits"), start..self.at)),
            };
        }
        if WORDS.split_whitespace().any(|known| known == word) {
            return Ok(());
        }
        Err(refuse(
            format!("expected an instruction, a type or a constant that is allowed here, found '{word}'"),
            start..self.at,
        ))
    }
}

/// `.i32`, `.v4f64`, `.i32.f64`
fn is_type_suffix(text: &str) -> bool {
    let plain = |part: &str| {
        let part = match part.strip_prefix('v') {
            Some(vector) => vector.trim_start_matches(|c: char| c.is_ascii_digit()),
            None => part,
        };
        matches!(part, "f32" | "f64")
            || part.strip_prefix('i').is_some_and(|bits| bits.parse::<u64>().is_ok_and(|bits| bits <= MOST_BITS))
    };
    text.strip_prefix('.').is_some_and(|rest| rest.split('.').all(plain))
}
