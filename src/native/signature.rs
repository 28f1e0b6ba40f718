//! C types and signatures, as the compiler compares and prints them.
//!
//! In: nothing (the pass fills them in from clang's debug information). Out: [`CSignature`] and its C spelling.
//! Deliberately not here: Coex types, and which of them fit which C type (`check`).

use std::fmt::{self, Display};

/// A C function of a library that Coex code may call.
#[derive(Clone, Debug, PartialEq)]
pub struct CFunction {
    /// The symbol in the library's object.
    pub link_name: String,
    pub signature: CSignature,
    /// Archive-relative path of the definition.
    pub file: String,
    pub line: u32,
    /// The function is proven to be a leaf.
    pub leaf: Option<CLeaf>,
}

/// A function that needs no transition: its code is among the library's leaves (`NativeLibrary::leaves`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CLeaf {
    /// Its first parameter is the base of the instance.
    pub needs_instance: bool,
}

/// The name of a leaf in the bitcode of its library's leaves.
pub fn leaf_symbol(link_name: &str) -> String {
    format!("leaf.{link_name}")
}

#[derive(Clone, Debug, PartialEq)]
pub struct CSignature {
    pub result: CType,
    pub params: Vec<CType>,
    pub variadic: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum CType {
    Void,
    Bool,
    /// Also enums and `char`. `name` is the spelling in the source: `int32_t`, `unsigned int`, `enum color`.
    Int {
        bits: u32,
        signed: bool,
        name: String,
    },
    Float {
        bits: u32,
        name: String,
    },
    /// A record behind a pointer is `Opaque`.
    Pointer {
        to: Box<CType>,
        is_const: bool,
    },
    Struct {
        name: String,
        size: u64,
        align: u64,
        fields: Vec<CField>,
    },
    /// Only its name is known or wanted: `struct node`, `FILE`, `int (int)`, unions, arrays, vectors.
    Opaque(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct CField {
    pub name: String,
    pub ty: CType,
    pub offset: u64,
}

impl CType {
    /// `char *`, `const char *`, and the signed and unsigned kinds of char.
    pub fn is_char_pointer(&self) -> bool {
        matches!(self, CType::Pointer { to, .. } if matches!(**to, CType::Int { bits: 8, .. }))
    }

    pub fn is_pointer(&self) -> bool {
        matches!(self, CType::Pointer { .. })
    }

    /// Equal apart from the spelling: `int` and `int32_t` agree, `int` and `unsigned` do not.
    pub fn agrees_with(&self, other: &CType) -> bool {
        match (self, other) {
            (CType::Void, CType::Void) | (CType::Bool, CType::Bool) => true,
            (CType::Int { bits, signed, .. }, CType::Int { bits: other_bits, signed: other_signed, .. }) => {
                bits == other_bits && signed == other_signed
            }
            (CType::Float { bits, .. }, CType::Float { bits: other, .. }) => bits == other,
            (CType::Pointer { .. }, CType::Pointer { .. }) => true,
            (CType::Struct { size, fields, .. }, CType::Struct { size: other_size, fields: other_fields, .. }) => {
                size == other_size
                    && fields.len() == other_fields.len()
                    && fields
                        .iter()
                        .zip(other_fields)
                        .all(|(left, right)| left.offset == right.offset && left.ty.agrees_with(&right.ty))
            }
            (CType::Opaque(left), CType::Opaque(right)) => left == right,
            _ => false,
        }
    }
}

impl CSignature {
    /// The declaration of a function of this type, as a C programmer writes it.
    pub fn declaration(&self, name: &str) -> String {
        let result = self.result.to_string();
        let space = if result.ends_with('*') { "" } else { " " };
        format!("{result}{space}{name}({})", self.parameter_list())
    }

    fn parameter_list(&self) -> String {
        let mut params: Vec<String> = self.params.iter().map(CType::to_string).collect();
        if self.variadic {
            params.push("...".to_owned());
        }
        if params.is_empty() { "void".to_owned() } else { params.join(", ") }
    }
}

impl Display for CSignature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.result, self.parameter_list())
    }
}

impl Display for CType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CType::Void => formatter.write_str("void"),
            CType::Bool => formatter.write_str("_Bool"),
            CType::Int { name, .. } | CType::Float { name, .. } | CType::Struct { name, .. } | CType::Opaque(name) => {
                formatter.write_str(name)
            }
            CType::Pointer { to, is_const } => {
                if *is_const {
                    formatter.write_str("const ")?;
                }
                let space = if to.is_pointer() { "" } else { " " };
                write!(formatter, "{to}{space}*")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(bits: u32, signed: bool, name: &str) -> CType {
        CType::Int { bits, signed, name: name.to_owned() }
    }

    fn pointer(to: CType, is_const: bool) -> CType {
        CType::Pointer { to: Box::new(to), is_const }
    }

    #[test]
    fn prints_the_c_spelling() {
        let text = pointer(int(8, true, "char"), true);
        let signature = CSignature {
            result: pointer(CType::Opaque("struct node".to_owned()), false),
            params: vec![text.clone(), int(32, true, "int32_t"), pointer(text, false)],
            variadic: true,
        };
        assert_eq!(signature.declaration("find"), "struct node *find(const char *, int32_t, const char **, ...)");
        let none = CSignature { result: CType::Void, params: vec![], variadic: false };
        assert_eq!(none.to_string(), "void (void)");
    }

    #[test]
    fn agreement_ignores_the_spelling_only() {
        assert!(int(32, true, "int").agrees_with(&int(32, true, "int32_t")));
        assert!(!int(32, true, "int").agrees_with(&int(32, false, "unsigned int")));
        assert!(!int(32, true, "int").agrees_with(&pointer(CType::Void, false)));
    }
}
