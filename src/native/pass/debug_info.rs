//! What clang's debug information says: types of functions, places of functions and variables.
//!
//! In: functions and variables of a module compiled with `-g`. Out: [`CSignature`]s and (file, line) pairs; what is said of
//! variables is corrected when they move.
//! Deliberately not here: comparing signatures (`check`).

use std::ptr;

use inkwell::llvm_sys::core::*;
use inkwell::llvm_sys::debuginfo::*;
use inkwell::llvm_sys::prelude::*;
use inkwell::module::Module;

use super::llvm::{Value, globals};
use crate::native::signature::{CField, CSignature, CType};

mod tag {
    pub(super) const ARRAY: u16 = 0x01;
    pub(super) const ENUM: u16 = 0x04;
    pub(super) const POINTER: u16 = 0x0f;
    pub(super) const STRUCT: u16 = 0x13;
    pub(super) const TYPEDEF: u16 = 0x16;
    pub(super) const UNION: u16 = 0x17;
    pub(super) const BASE: u16 = 0x24;
    pub(super) const CONST: u16 = 0x26;
    pub(super) const VOLATILE: u16 = 0x35;
    pub(super) const RESTRICT: u16 = 0x37;
    pub(super) const ATOMIC: u16 = 0x47;
}

/// DWARF's steps from an address to a variable.
mod operation {
    pub(super) const DEREF: u64 = 0x06;
    pub(super) const PLUS: u64 = 0x23;
}

/// Where something is defined; an empty file when clang did not say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: u32,
}

impl Place {
    /// `file:line: ` in front of a message, or nothing.
    pub(super) fn prefix(&self) -> String {
        if self.file.is_empty() { String::new() } else { format!("{}:{}: ", self.file, self.line) }
    }
}

/// A metadata node of the context that `Value`s borrow.
#[derive(Clone, Copy)]
struct Node {
    raw: LLVMMetadataRef,
    context: LLVMContextRef,
}

impl Node {
    fn is(self, kind: LLVMMetadataKind) -> bool {
        // SAFETY: a live node.
        unsafe { LLVMGetMetadataKind(self.raw) as u32 == kind as u32 }
    }

    fn is_type(self) -> bool {
        let kinds = [
            LLVMMetadataKind::LLVMDIBasicTypeMetadataKind,
            LLVMMetadataKind::LLVMDIDerivedTypeMetadataKind,
            LLVMMetadataKind::LLVMDICompositeTypeMetadataKind,
            LLVMMetadataKind::LLVMDISubroutineTypeMetadataKind,
        ];
        kinds.into_iter().any(|kind| self.is(kind))
    }

    fn is_function_type(self) -> bool {
        self.is(LLVMMetadataKind::LLVMDISubroutineTypeMetadataKind)
    }

    fn is_list(self) -> bool {
        self.is(LLVMMetadataKind::LLVMMDTupleMetadataKind)
    }

    /// Operands that are nodes; strings and other leaves are left out, absent ones are `None`.
    fn operands(self) -> Vec<Option<Node>> {
        // SAFETY: a live node; the vector has room for the stated number.
        let values = unsafe {
            let value = LLVMMetadataAsValue(self.context, self.raw);
            let mut values = vec![ptr::null_mut(); LLVMGetMDNodeNumOperands(value) as usize];
            LLVMGetMDNodeOperands(value, values.as_mut_ptr());
            values
        };
        values
            .into_iter()
            // SAFETY: a live operand; null stands for an absent one.
            .map(|value| (!value.is_null()).then(|| unsafe { LLVMValueAsMetadata(value) }))
            .map(|raw| raw.map(|raw| Node { raw, context: self.context }))
            .collect()
    }

    fn tag(self) -> u16 {
        // SAFETY: a live node.
        unsafe { LLVMGetDINodeTag(self.raw) }
    }

    fn name(self) -> String {
        let mut length = 0;
        // SAFETY: a live type node; the text is copied.
        unsafe { text_of(LLVMDITypeGetName(self.raw, &mut length), length) }
    }

    fn size_bytes(self) -> u64 {
        // SAFETY: a live type node.
        unsafe { LLVMDITypeGetSizeInBits(self.raw) / 8 }
    }

    /// What a derived type is made from: the first type behind file, scope and name.
    fn base(self) -> Option<Node> {
        self.operands().into_iter().skip(3).flatten().find(|node| node.is_type())
    }

    fn elements(self) -> Vec<Node> {
        let list = self.operands().into_iter().skip(3).flatten().find(|node| node.is_list());
        list.map(|list| list.operands().into_iter().flatten().collect()).unwrap_or_default()
    }
}

unsafe fn text_of(text: *const std::ffi::c_char, length: usize) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller passes a text of LLVM with its length.
    String::from_utf8_lossy(unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length) }).into_owned()
}

fn file_of(scope: LLVMMetadataRef) -> String {
    // SAFETY: a live scope node; its file may be absent.
    unsafe {
        let file = LLVMDIScopeGetFile(scope);
        if file.is_null() {
            return String::new();
        }
        let mut length = 0;
        let text = LLVMDIFileGetFilename(file, &mut length);
        text_of(text, length as usize)
    }
}

/// The C type of a defined function.
pub(super) fn signature(context: LLVMContextRef, function: Value<'_>) -> Option<CSignature> {
    // SAFETY: a live function; null when it has no debug information.
    let subprogram = unsafe { LLVMGetSubprogram(function.raw()) };
    if subprogram.is_null() {
        return None;
    }
    let node = Node { raw: subprogram, context };
    let ty = node.operands().into_iter().flatten().find(|operand| operand.is_function_type())?;
    let list = ty.operands().into_iter().flatten().find(|operand| operand.is_list())?;
    let mut types = list.operands();
    // `...` and the missing prototype of an old-style definition both end the list with an absent type.
    if types.len() > 1 && types.last().is_some_and(Option::is_none) {
        types.pop();
    }
    let mut types = types.into_iter().map(|node| node.map_or(CType::Void, |node| c_type(node, true)));
    let result = types.next().unwrap_or(CType::Void);
    Some(CSignature { result, params: types.collect(), variadic: function.value_type().is_variadic() })
}

pub(super) fn function_place(function: Value<'_>) -> Place {
    // SAFETY: a live function and its node.
    unsafe {
        let subprogram = LLVMGetSubprogram(function.raw());
        if subprogram.is_null() {
            return Place::default();
        }
        Place { file: file_of(subprogram), line: LLVMDISubprogramGetLine(subprogram) }
    }
}

pub(super) fn variable_place(variable: Value<'_>) -> Place {
    // SAFETY: live nodes of the variable's context.
    let place = |node| unsafe {
        let described = LLVMDIGlobalVariableExpressionGetVariable(node);
        let file = LLVMDIVariableGetFile(described);
        let mut length = 0;
        let text = if file.is_null() { ptr::null() } else { LLVMDIFileGetFilename(file, &mut length) };
        Place { file: text_of(text, length as usize), line: LLVMDIVariableGetLine(described) }
    };
    described(variable).last().map(place).unwrap_or_default()
}

/// What is said of a variable.
fn described(variable: Value<'_>) -> impl Iterator<Item = LLVMMetadataRef> {
    let kind = LLVMMetadataKind::LLVMDIGlobalVariableExpressionMetadataKind as u32;
    let nodes = variable.attached().into_iter().map(|(_, node)| node);
    // SAFETY: live nodes of the variable's context.
    nodes.filter(move |node| unsafe { LLVMGetMetadataKind(*node) as u32 == kind })
}

/// What is said of a variable that becomes a part of the instance, at an offset.
pub(super) struct Moved {
    described: LLVMMetadataRef,
    offset: u64,
}

impl Moved {
    pub(super) fn of(variable: Value<'_>, offset: u64) -> Vec<Moved> {
        described(variable).map(|described| Moved { described, offset }).collect()
    }
}

/// Says of variables that they lie at their offset from where the thread-local points: so a debugger shows those of the
/// instance that the thread has installed.
pub(super) fn moved_variables(module: &Module<'_>, moved: Vec<Moved>) {
    let base = globals(module).into_iter().find(|global| global.name() == coex_runtime::abi::INSTANCE_BASE_SYMBOL);
    let Some(base) = base else { return };
    // SAFETY: nodes of the module's context; the builder is disposed of after its last use.
    unsafe {
        let context = LLVMGetModuleContext(module.as_mut_ptr());
        let builder = LLVMCreateDIBuilderDisallowUnresolved(module.as_mut_ptr());
        for Moved { described, offset } in moved {
            let whole = LLVMMetadataAsValue(context, LLVMDIGlobalVariableExpressionGetExpression(described));
            // Of a variable that LLVM has divided nobody knows where the parts are.
            if Value::new(whole).text() != "!DIExpression()" {
                continue;
            }
            let mut steps = [operation::DEREF, operation::PLUS, offset];
            let place = LLVMDIBuilderCreateExpression(builder, steps.as_mut_ptr(), steps.len());
            LLVMReplaceMDNodeOperandWith(LLVMMetadataAsValue(context, described), 1, place);
            LLVMGlobalAddDebugInfo(base.raw(), described);
        }
        LLVMDisposeDIBuilder(builder);
    }
}

/// `whole`: records are described with their fields; behind a pointer only by name.
fn c_type(node: Node, whole: bool) -> CType {
    match node.tag() {
        tag::BASE => base_type(node),
        tag::TYPEDEF => match (node.base(), node.name()) {
            // `va_list` and the like keep their name.
            (None, name) => CType::Opaque(name),
            (Some(base), name) => renamed(c_type(base, whole), name),
        },
        tag::POINTER => pointer(node.base()),
        tag::ENUM => {
            let base = node.base().map(|base| c_type(base, whole));
            let signed = matches!(base, Some(CType::Int { signed: true, .. }));
            CType::Int { bits: node.size_bytes() as u32 * 8, signed, name: format!("enum {}", node.name()) }
        }
        tag::STRUCT if whole => structure(node),
        tag::STRUCT => CType::Opaque(format!("struct {}", node.name())),
        tag::UNION => CType::Opaque(format!("union {}", node.name())),
        tag::ARRAY => {
            let element = node.base().map_or(CType::Void, |base| c_type(base, false));
            CType::Opaque(format!("{element} [{}]", node.size_bytes()))
        }
        tag::CONST | tag::VOLATILE | tag::RESTRICT | tag::ATOMIC => {
            node.base().map_or(CType::Void, |base| c_type(base, whole))
        }
        _ if node.is_function_type() => function_type(node),
        _ => CType::Opaque(node.name()),
    }
}

fn base_type(node: Node) -> CType {
    let (name, bits) = (node.name(), node.size_bytes() as u32 * 8);
    match name.as_str() {
        "_Bool" | "bool" => CType::Bool,
        "float" | "double" | "long double" | "_Float16" | "__float128" | "_Float128" => CType::Float { bits, name },
        text if text.starts_with("complex") || text.starts_with("_Complex") => CType::Opaque(name),
        // Debug information has no access to the encoding here; the name tells it. Plain char is signed on x86-64.
        text => {
            let unsigned = text.starts_with("unsigned") || matches!(text, "char8_t" | "char16_t" | "char32_t");
            CType::Int { bits, signed: !unsigned, name }
        }
    }
}

fn pointer(target: Option<Node>) -> CType {
    let (mut target, mut is_const) = (target, false);
    while let Some(node) = target {
        match node.tag() {
            tag::CONST => is_const = true,
            tag::VOLATILE | tag::RESTRICT => {}
            _ => break,
        }
        target = node.base();
    }
    let to = target.map_or(CType::Void, |node| c_type(node, false));
    CType::Pointer { to: Box::new(to), is_const }
}

fn structure(node: Node) -> CType {
    let fields: Vec<CField> = node
        .elements()
        .into_iter()
        .filter(|member| member.is_type())
        .map(|member| CField {
            name: member.name(),
            // SAFETY: a live member node.
            offset: unsafe { LLVMDITypeGetOffsetInBits(member.raw) } / 8,
            ty: member.base().map_or(CType::Void, |base| c_type(base, true)),
        })
        .collect();
    let align = fields.iter().map(|field| alignment(&field.ty)).max().unwrap_or(1);
    CType::Struct { name: format!("struct {}", node.name()), size: node.size_bytes(), align, fields }
}

fn alignment(ty: &CType) -> u64 {
    match ty {
        CType::Int { bits, .. } | CType::Float { bits, .. } => u64::from(*bits / 8).clamp(1, 16),
        CType::Pointer { .. } => 8,
        CType::Struct { align, .. } => *align,
        CType::Bool | CType::Void | CType::Opaque(_) => 1,
    }
}

fn function_type(node: Node) -> CType {
    let list = node.operands().into_iter().flatten().find(|operand| operand.is_list());
    let types = list.map(Node::operands).unwrap_or_default();
    let mut names = types.into_iter().map(|node| node.map_or(CType::Void, |node| c_type(node, false)).to_string());
    let result = names.next().unwrap_or_default();
    let params: Vec<String> = names.collect();
    CType::Opaque(format!("{result} ({})", if params.is_empty() { "void".to_owned() } else { params.join(", ") }))
}

/// A typedef names the type that it stands for; pointers keep their own spelling.
fn renamed(ty: CType, new: String) -> CType {
    match ty {
        CType::Int { bits, signed, .. } => CType::Int { bits, signed, name: new },
        CType::Float { bits, .. } => CType::Float { bits, name: new },
        CType::Struct { size, align, fields, .. } => CType::Struct { name: new, size, align, fields },
        CType::Opaque(_) => CType::Opaque(new),
        other => other,
    }
}
