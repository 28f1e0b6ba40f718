//! The plan for each value of a foreign call (language reference 11.3 to 11.6).
//!
//! In: an extern and the C signature that counts. Out: one plan a parameter and one for the result, or a [`Fault`].
//! Deliberately not here: messages (`super`), instructions (codegen).

use super::declaration::is_tagged;
use super::structs::{StructPlan, struct_plan};
use super::{is_byte_buffer, long};
use crate::ir::{ErrorRule, Extern, ExternParam, Ownership, Program};
use crate::native::{CLeaf, CSignature, CType};
use crate::types::{Type, TypeId};

/// Everything codegen needs to call one extern.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The symbol to call, as the linker knows it.
    pub symbol: String,
    pub library: Option<crate::types::LibraryId>,
    /// One for each Coex parameter, in order; buffers take two C parameters.
    pub params: Vec<ParamPlan>,
    pub result: ResultPlan,
    pub signature: CSignature,
    /// The manifest names this function as the `release` of some symbol: its handle argument is closed by a call.
    pub closes_handle: bool,
    /// The C function is a leaf, which a call may have inlined.
    pub leaf: Option<CLeaf>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ParamPlan {
    /// int, byte or char; a value that does not fit panics with `c_name`.
    Int {
        bits: u32,
        signed: bool,
        c_name: String,
    },
    Bool {
        bits: u32,
    },
    Float {
        bits: u32,
    },
    /// NUL-terminated copy; NULL for nil.
    String {
        nullable: bool,
    },
    /// Copy and length.
    Buffer {
        array: bool,
        length_bits: u32,
    },
    /// `token`: an `int64_t` of `coex_ffi_handle_new`, else the C pointer. NULL or 0 for the nil handle, and for nil.
    Handle {
        token: bool,
        nullable: bool,
    },
    /// By value.
    Struct(StructPlan),
    OutInt {
        bits: u32,
        signed: bool,
    },
    OutBool {
        bits: u32,
    },
    OutFloat {
        bits: u32,
    },
    /// `truncate`: a non-negative int result is the new length (`len_result`).
    OutBuffer {
        array: bool,
        length_bits: u32,
        truncate: bool,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum ResultPlan {
    Plain(SuccessPlan),
    Fallible { rule: ErrorRule, success: SuccessPlan, failure: Failure },
}

#[derive(Clone, Debug, PartialEq)]
pub enum SuccessPlan {
    Nothing,
    /// int, byte or char.
    Int {
        bits: u32,
        signed: bool,
    },
    Bool {
        bits: u32,
    },
    /// Ok carries no C value.
    True,
    Float {
        bits: u32,
    },
    /// NULL is nil if nullable, else a panic.
    String {
        nullable: bool,
        owner: Owner,
    },
    /// From a `coex_bytes *`.
    Bytes {
        array: bool,
    },
    /// NULL and 0 are nil if nullable, else the nil handle. `release`: link name of the function that releases handles
    /// still open when the instance ends.
    Handle {
        token: bool,
        nullable: bool,
        release: Option<String>,
    },
    /// By value.
    Struct(StructPlan),
}

/// Who frees a returned string.
#[derive(Clone, Debug, PartialEq)]
pub enum Owner {
    Borrowed,
    /// The instance's `free`.
    Free,
    /// Link name of a function of the library that takes the pointer.
    Function(String),
}

/// What an Err carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    Code,
    /// Link name of `const char *f(int64_t)`, else `error <code>`.
    Text {
        error_text: Option<String>,
    },
}

/// Why there is no plan.
pub(super) enum Fault {
    Mismatch(String),
    CannotCross(TypeId),
    Rule(String),
    MissingHelper(String),
}

type Link<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(super) fn plan(
    program: &Program,
    external: &Extern,
    signature: &CSignature,
    link: Link<'_>,
) -> Result<(Vec<ParamPlan>, ResultPlan), Fault> {
    let mut c_params = signature.params.iter();
    let mut params = Vec::new();
    for param in &external.params {
        let (Some(first), needs_length) = (c_params.next(), is_byte_buffer(program, param.ty).is_some()) else {
            return Err(count_mismatch(program, external, signature));
        };
        let length = if needs_length { c_params.next() } else { None };
        if needs_length && length.is_none() {
            return Err(count_mismatch(program, external, signature));
        }
        params.push(param_plan(program, external, param, first, length)?);
    }
    if c_params.next().is_some() {
        return Err(count_mismatch(program, external, signature));
    }
    let result = result_plan(program, external, &signature.result, link)?;
    Ok((params, result))
}

fn count_mismatch(program: &Program, external: &Extern, signature: &CSignature) -> Fault {
    let wanted: usize =
        external.params.iter().map(|param| if is_byte_buffer(program, param.ty).is_some() { 2 } else { 1 }).sum();
    let plural = if wanted == 1 { "" } else { "s" };
    Fault::Mismatch(format!("it passes {wanted} C argument{plural}, C takes {}", signature.params.len()))
}

fn param_plan(
    program: &Program,
    external: &Extern,
    param: &ExternParam,
    c: &CType,
    length: Option<&CType>,
) -> Result<ParamPlan, Fault> {
    let differs = || Fault::Mismatch(format!("parameter '{}' is '{c}' in C", param.name));
    if let (Some(array), Some(length)) = (is_byte_buffer(program, param.ty), length) {
        let CType::Int { bits: length_bits, .. } = *length else {
            return Err(Fault::Mismatch(format!("the length of '{}' is '{length}' in C", param.name)));
        };
        if !c.is_pointer() {
            return Err(differs());
        }
        let truncate = external.rules.len_result;
        return Ok(if param.out {
            ParamPlan::OutBuffer { array, length_bits, truncate }
        } else {
            ParamPlan::Buffer { array, length_bits }
        });
    }
    if param.out {
        return out_plan(program, param, c).ok_or_else(differs);
    }
    let plan = match (program.types.get(param.ty), c) {
        (Type::Int | Type::Byte | Type::Char, CType::Int { bits, signed, name }) => {
            ParamPlan::Int { bits: *bits, signed: *signed, c_name: name.clone() }
        }
        (Type::Int | Type::Byte | Type::Char, CType::Bool) => {
            ParamPlan::Int { bits: 8, signed: false, c_name: "_Bool".to_owned() }
        }
        (Type::Bool, CType::Int { bits, .. }) => ParamPlan::Bool { bits: *bits },
        (Type::Bool, CType::Bool) => ParamPlan::Bool { bits: 8 },
        (Type::Float, CType::Float { bits: bits @ (32 | 64), .. }) => ParamPlan::Float { bits: *bits },
        (Type::String, c) if may_be_text(c) => ParamPlan::String { nullable: false },
        (Type::Handle(_), CType::Pointer { .. }) => ParamPlan::Handle { token: false, nullable: false },
        (Type::Handle(_), CType::Int { bits: 64, .. }) => ParamPlan::Handle { token: true, nullable: false },
        (Type::Optional(inner), _) => return optional_param(program, param.ty, *inner, c).ok_or_else(differs)?,
        (Type::User { .. }, _) => ParamPlan::Struct(by_value(program, param.ty, c)?),
        (Type::Int | Type::Byte | Type::Char | Type::Bool | Type::Float | Type::String | Type::Handle(_), _) => {
            return Err(differs());
        }
        _ => return Err(Fault::CannotCross(param.ty)),
    };
    Ok(plan)
}

fn by_value(program: &Program, ty: TypeId, c: &CType) -> Result<StructPlan, Fault> {
    match struct_plan(program, ty, c) {
        Some(plan) => plan.map_err(Fault::Mismatch),
        None => Err(Fault::CannotCross(ty)),
    }
}

/// `string?` and `handle?`; the outer `None` is a mismatch with C.
fn optional_param(program: &Program, ty: TypeId, inner: TypeId, c: &CType) -> Option<Result<ParamPlan, Fault>> {
    match (program.types.get(inner), c) {
        (Type::String, c) if may_be_text(c) => Some(Ok(ParamPlan::String { nullable: true })),
        (Type::Handle(_), CType::Pointer { .. }) => Some(Ok(ParamPlan::Handle { token: false, nullable: true })),
        (Type::Handle(_), CType::Int { bits: 64, .. }) => Some(Ok(ParamPlan::Handle { token: true, nullable: true })),
        (Type::String | Type::Handle(_), _) => None,
        _ => Some(Err(Fault::CannotCross(ty))),
    }
}

fn out_plan(program: &Program, param: &ExternParam, c: &CType) -> Option<ParamPlan> {
    let CType::Pointer { to, .. } = c else { return None };
    Some(match (program.types.get(param.ty), &**to) {
        (Type::Int, CType::Int { bits, signed, .. }) => ParamPlan::OutInt { bits: *bits, signed: *signed },
        (Type::Bool, CType::Int { bits, .. }) => ParamPlan::OutBool { bits: *bits },
        (Type::Bool, CType::Bool) => ParamPlan::OutBool { bits: 8 },
        (Type::Float, CType::Float { bits: bits @ (32 | 64), .. }) => ParamPlan::OutFloat { bits: *bits },
        _ => return None,
    })
}

fn result_plan(program: &Program, external: &Extern, c: &CType, link: Link<'_>) -> Result<ResultPlan, Fault> {
    let Some(ty) = external.result else {
        // A C result that nobody wants is dropped, as in C.
        return Ok(ResultPlan::Plain(SuccessPlan::Nothing));
    };
    let Type::Result(value, error) = *program.types.get(ty) else {
        return success_plan(program, external, ty, c, link).map(ResultPlan::Plain);
    };
    let Some(rule) = external.rules.error else {
        return Err(Fault::Rule("its result is a Result".to_owned()));
    };
    let helper = |name: &String| link(name).ok_or_else(|| Fault::MissingHelper(name.clone()));
    let failure = match program.types.get(error) {
        Type::Int => Failure::Code,
        Type::String => Failure::Text { error_text: external.rules.error_text.as_ref().map(helper).transpose()? },
        _ => return Err(Fault::Rule("its error side must be int or string".to_owned())),
    };
    let fits = match rule {
        ErrorRule::Negative | ErrorRule::Nonzero => matches!(c, CType::Int { .. } | CType::Bool),
        ErrorRule::Null => c.is_pointer(),
        ErrorRule::Errno => c.is_pointer() || matches!(c, CType::Int { signed: true, .. }),
        ErrorRule::Fail => true,
    };
    if !fits {
        return Err(Fault::Mismatch(format!("its 'error' rule does not fit the C result '{c}'")));
    }
    let no_value = rule == ErrorRule::Nonzero || (rule == ErrorRule::Fail && *c == CType::Void);
    let success = match program.types.get(value) {
        Type::Bool if no_value => SuccessPlan::True,
        _ if no_value => return Err(Fault::Rule("Ok carries no C value here, so it must be bool".to_owned())),
        _ => success_plan(program, external, value, c, link)?,
    };
    Ok(ResultPlan::Fallible { rule, success, failure })
}

fn success_plan(
    program: &Program,
    external: &Extern,
    ty: TypeId,
    c: &CType,
    link: Link<'_>,
) -> Result<SuccessPlan, Fault> {
    let differs = || Fault::Mismatch(format!("the result is '{c}' in C"));
    let helper = |name: &String| link(name).ok_or_else(|| Fault::MissingHelper(name.clone()));
    if let Some(array) = is_byte_buffer(program, ty) {
        return if may_be_bytes(c) { Ok(SuccessPlan::Bytes { array }) } else { Err(differs()) };
    }
    let (base, nullable) = match program.types.get(ty) {
        Type::Optional(inner) => (*inner, true),
        _ => (ty, false),
    };
    Ok(match (program.types.get(base), c) {
        (Type::String, c) if may_be_text(c) => {
            let owner = match &external.rules.owns {
                Ownership::Borrowed => Owner::Borrowed,
                Ownership::Free => Owner::Free,
                Ownership::Function(name) => Owner::Function(helper(name)?),
            };
            SuccessPlan::String { nullable, owner }
        }
        (Type::Handle(_), CType::Pointer { .. } | CType::Int { bits: 64, .. }) => {
            let release = external.rules.release.as_ref().map(helper).transpose()?;
            SuccessPlan::Handle { token: !c.is_pointer(), nullable, release }
        }
        (Type::String | Type::Handle(_), _) => return Err(differs()),
        _ if nullable => return Err(Fault::CannotCross(ty)),
        (Type::Int | Type::Byte | Type::Char, CType::Int { bits, signed, .. }) => {
            SuccessPlan::Int { bits: *bits, signed: *signed }
        }
        (Type::Int | Type::Byte | Type::Char, CType::Bool) => SuccessPlan::Int { bits: 8, signed: false },
        (Type::Bool, CType::Int { bits, .. }) => SuccessPlan::Bool { bits: *bits },
        (Type::Bool, CType::Bool) => SuccessPlan::Bool { bits: 8 },
        (Type::Float, CType::Float { bits: bits @ (32 | 64), .. }) => SuccessPlan::Float { bits: *bits },
        (Type::User { .. }, _) => SuccessPlan::Struct(by_value(program, ty, c)?),
        (Type::Int | Type::Byte | Type::Char | Type::Bool | Type::Float, _) => return Err(differs()),
        _ => return Err(Fault::CannotCross(ty)),
    })
}

/// A pointer to `char`, or to something whose name says nothing.
fn may_be_text(c: &CType) -> bool {
    let CType::Pointer { to, .. } = c else { return false };
    match &**to {
        CType::Int { bits, .. } => *bits == 8,
        CType::Opaque(name) => !is_tagged(name),
        other => *other == CType::Void,
    }
}

/// What `coex_ffi_bytes` yields, or a pointer to something whose name says nothing.
fn may_be_bytes(c: &CType) -> bool {
    let CType::Pointer { to, .. } = c else { return false };
    match &**to {
        CType::Opaque(name) => name == "struct coex_bytes" || !is_tagged(name),
        other => *other == CType::Void,
    }
}

/// The first column of the table of 11.3: the C types where nothing says more.
pub(super) fn default_signature(program: &Program, external: &Extern) -> CSignature {
    let pointer = |to: CType| CType::Pointer { to: Box::new(to), is_const: false };
    let int = |bits, signed, name: &str| CType::Int { bits, signed, name: name.to_owned() };
    let mut params = Vec::new();
    for param in &external.params {
        let plain = default_type(program, param.ty);
        if is_byte_buffer(program, param.ty).is_some() {
            params.push(pointer(int(8, false, "uint8_t")));
            params.push(long());
        } else if param.out {
            params.push(pointer(plain));
        } else {
            params.push(plain);
        }
    }
    let result = match external.result.map(|ty| (ty, program.types.get(ty))) {
        None => CType::Void,
        Some((_, Type::Result(value, _))) => match external.rules.error {
            Some(ErrorRule::Nonzero) => int(32, true, "int"),
            _ => default_type(program, *value),
        },
        Some((ty, _)) => default_type(program, ty),
    };
    CSignature { result, params, variadic: false }
}

pub(super) fn default_type(program: &Program, ty: TypeId) -> CType {
    let pointer = |to: CType| CType::Pointer { to: Box::new(to), is_const: false };
    let int = |bits, signed, name: &str| CType::Int { bits, signed, name: name.to_owned() };
    match program.types.get(ty) {
        Type::Int => long(),
        Type::Byte => int(8, false, "uint8_t"),
        Type::Char => int(32, false, "uint32_t"),
        Type::Bool => int(32, true, "int"),
        Type::Float => CType::Float { bits: 64, name: "double".to_owned() },
        Type::String => pointer(int(8, true, "char")),
        Type::Optional(inner) => default_type(program, *inner),
        Type::List(_) | Type::Array(_) => pointer(CType::Opaque("coex_bytes".to_owned())),
        Type::User { name, .. } => CType::Opaque(name.to_string()),
        _ => pointer(CType::Void),
    }
}
