//! Reads one C function declaration: `int32_t f(const char *s, size_t n)`.
//!
//! In: the text of `@c`, of the manifest's `c`, or of a table row. Out: the function's name and signature.
//! Deliberately not here: C beyond prototypes: no arrays of arrays, no function pointers, no macros. Names of types that
//! are not known stand for opaque records, which are useful behind a pointer only.

use crate::native::{CSignature, CType};

/// Name and signature, or what is wrong with the text.
pub fn parse_declaration(text: &str) -> Result<(String, CSignature), String> {
    let mut reader = Reader { tokens: tokens(text)?, next: 0 };
    let base = reader.base_type()?;
    let result = reader.pointers(base);
    let name = reader.name().ok_or("the name of the function is missing")?;
    reader.expect("(")?;
    let mut signature = CSignature { result, params: Vec::new(), variadic: false };
    if !reader.take(")") {
        loop {
            if reader.take("...") {
                signature.variadic = true;
            } else {
                signature.params.push(reader.parameter()?);
            }
            if !reader.take(",") {
                break;
            }
        }
        reader.expect(")")?;
    }
    if signature.params == [CType::Void] {
        signature.params.clear();
    }
    if signature.params.contains(&CType::Void) {
        return Err("a parameter has type 'void'".to_owned());
    }
    reader.take(";");
    match reader.peek() {
        None => Ok((name, signature)),
        Some(rest) => Err(format!("'{rest}' behind the declaration")),
    }
}

/// A type alone: `uint16_t`, `struct node *`.
pub(super) fn parse_type(text: &str) -> Result<CType, String> {
    let mut reader = Reader { tokens: tokens(text)?, next: 0 };
    let base = reader.base_type()?;
    let ty = reader.pointers(base);
    match reader.peek() {
        None => Ok(ty),
        Some(rest) => Err(format!("'{rest}' behind the type")),
    }
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut list = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = if first.is_ascii_alphanumeric() || first == '_' {
            rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())
        } else if rest.starts_with("...") {
            3
        } else if "(),*;[]".contains(first) {
            1
        } else {
            return Err(format!("'{first}' has no place in a C prototype"));
        };
        list.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    Ok(list)
}

struct Reader {
    tokens: Vec<String>,
    next: usize,
}

impl Reader {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.next).map(String::as_str)
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.peek() == Some(token);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) {
            return Ok(());
        }
        Err(format!("expected '{token}', found '{}'", self.peek().unwrap_or("the end")))
    }

    fn name(&mut self) -> Option<String> {
        let word = self.peek().filter(|word| is_word(word))?.to_owned();
        self.next += 1;
        Some(word)
    }

    fn parameter(&mut self) -> Result<CType, String> {
        let base = self.base_type()?;
        let mut ty = self.pointers(base);
        self.name();
        if self.take("[") {
            self.name();
            self.expect("]")?;
            ty = CType::Pointer { to: Box::new(ty), is_const: false };
        }
        Ok(ty)
    }

    /// The words before the first `*` or name: qualifiers, `unsigned long`, `struct node`, `size_t`.
    fn base_type(&mut self) -> Result<CType, String> {
        let mut words: Vec<String> = Vec::new();
        while let Some(word) = self.peek().filter(|word| is_word(word)) {
            let word = word.to_owned();
            let qualifier = matches!(word.as_str(), "const" | "volatile" | "restrict" | "extern" | "static" | "inline");
            let tagged = words.last().is_some_and(|last| matches!(last.as_str(), "struct" | "union" | "enum"));
            let numeric = words.iter().all(|word| is_number_word(word)) && is_number_word(&word);
            if !(qualifier || words.is_empty() || tagged || numeric) {
                break;
            }
            self.next += 1;
            // Constness is no part of the agreement: a caller hands over a copy in any case.
            if !qualifier {
                words.push(word);
            }
        }
        named_type(&words).ok_or_else(|| "the type is missing".to_owned())
    }

    fn pointers(&mut self, mut ty: CType) -> CType {
        loop {
            if self.take("const") || self.take("restrict") || self.take("volatile") {
                continue;
            }
            if !self.take("*") {
                return ty;
            }
            ty = CType::Pointer { to: Box::new(ty), is_const: false };
        }
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// The name of a record, and not one that may stand for anything (`typedef`).
pub(super) fn is_tagged(name: &str) -> bool {
    name.starts_with("struct ") || name.starts_with("union ")
}

fn is_number_word(word: &str) -> bool {
    matches!(word, "unsigned" | "signed" | "char" | "short" | "int" | "long" | "double" | "float")
}

/// The C types of 64-bit Linux (LP64).
fn named_type(words: &[String]) -> Option<CType> {
    let name = words.join(" ");
    let int = |bits, signed| Some(CType::Int { bits, signed, name: name.clone() });
    let has = |word: &str| words.iter().any(|known| known == word);
    match words.first()?.as_str() {
        "struct" | "union" => return Some(CType::Opaque(name)),
        "enum" => return int(32, false),
        _ => {}
    }
    if words.iter().all(|word| is_number_word(word)) {
        if has("double") {
            let bits = if has("long") { 80 } else { 64 };
            return Some(CType::Float { bits, name });
        }
        if has("float") {
            return Some(CType::Float { bits: 32, name });
        }
        let signed = !has("unsigned");
        let bits = match () {
            () if has("char") => 8,
            () if has("short") => 16,
            () if has("long") => 64,
            () => 32,
        };
        return int(bits, signed);
    }
    match name.as_str() {
        "void" => Some(CType::Void),
        "_Bool" | "bool" => Some(CType::Bool),
        "int8_t" => int(8, true),
        "uint8_t" => int(8, false),
        "int16_t" => int(16, true),
        "uint16_t" | "in_port_t" => int(16, false),
        "int32_t" | "pid_t" | "key_t" | "clockid_t" | "wchar_t" => int(32, true),
        "uint32_t" | "uid_t" | "gid_t" | "mode_t" | "useconds_t" | "socklen_t" | "wint_t" | "id_t" => int(32, false),
        "int64_t" | "ssize_t" | "ptrdiff_t" | "intptr_t" | "off_t" | "time_t" | "clock_t" | "intmax_t"
        | "suseconds_t" | "blkcnt_t" | "blksize_t" => int(64, true),
        "uint64_t" | "size_t" | "uintptr_t" | "uintmax_t" | "dev_t" | "ino_t" | "nlink_t" => int(64, false),
        _ => Some(CType::Opaque(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_declaration;

    #[test]
    fn reads_prototypes() {
        let read = |text| parse_declaration(text).map(|(name, signature)| signature.declaration(&name));
        assert_eq!(read("int32_t f(const char *s, size_t n)").as_deref(), Ok("int32_t f(char *, size_t)"));
        assert_eq!(read("unsigned long long g(void);").as_deref(), Ok("unsigned long long g(void)"));
        assert_eq!(read("struct node *next(struct node *)").as_deref(), Ok("struct node *next(struct node *)"));
        assert_eq!(read("int printf(const char *, ...)").as_deref(), Ok("int printf(char *, ...)"));
        assert_eq!(read("double h(double xs[], int n)").as_deref(), Ok("double h(double *, int)"));
        assert!(read("int f(int").is_err());
        assert!(read("int (*f)(int)").is_err());
        assert!(read("").is_err());
        assert!(read("int f(int) {}").is_err());
    }
}
