//! `llvm_ir` blocks (language reference 5.12).
//!
//! In: inputs, hints and the text. Out: the block in the program's list, and an evaluation of it; E0305, E0407, E0510,
//! E0706. Deliberately not here: what the text says; LLVM reads it in `codegen`.

use super::body::{Body, unknown};
use crate::ast;
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{self, Expr, ExprKind, InlineId, InlineType};
use crate::source::Span;
use crate::types::{self, Type, TypeId};

/// The register of an input, with its type.
type Input = (String, InlineType);

impl<'a> Body<'_, 'a> {
    pub(crate) fn inline_ir(&mut self, block: &'a ast::LlvmIr, span: Span) -> Expr {
        if self.in_formula() {
            self.error(Code::E0706, span, "llvm_ir is not allowed in a formula");
            return unknown(span);
        }
        let inputs: Vec<Option<(Expr, Input)>> = block.inputs.iter().map(|input| self.inline_input(input)).collect();
        let result = match &block.output {
            None => Some(InlineType::Void),
            Some((_, hint)) => self.inline_hint(hint),
        };
        let (Some(inputs), Some(result)) = (inputs.into_iter().collect::<Option<Vec<_>>>(), result) else {
            return unknown(span);
        };
        let (args, params) = inputs.into_iter().unzip();
        let id = InlineId(self.c.inline_blocks.len() as u32);
        let (text, text_span) = (block.text.clone(), block.text_span);
        self.c.inline_blocks.push(ir::InlineBlock { params, result, text, span: text_span });
        Expr { kind: ExprKind::Inline { block: id, args }, ty: value_type(result), span }
    }

    /// A local variable of a plain type.
    fn inline_input(&mut self, input: &ast::LlvmInput) -> Option<(Expr, Input)> {
        let name = input.variable;
        let Some(local) = self.lookup(name.name) else {
            self.undeclared(name.name, name.span);
            return None;
        };
        self.check_moved(name.name, local, name.span);
        let value = self.local_expr(local, name.span);
        let ty = value.ty?;
        let (default, is_float) = match self.shape(ty) {
            Type::Int => (InlineType::Int(64), false),
            Type::Byte => (InlineType::Int(8), false),
            Type::Char => (InlineType::Int(32), false),
            Type::Bool => (InlineType::Int(1), false),
            Type::Float => (InlineType::Double, true),
            Type::Unknown => return None,
            Type::Param(_) if self.generic => return None,
            Type::Variable(_) => {
                self.still_open(&value, name.span);
                return None;
            }
            _ => {
                let found = self.type_name(ty);
                let message = format!("Type mismatch: expected int, byte, char, bool or float, found {found}");
                self.error(Code::E0305, name.span, message);
                return None;
            }
        };
        let ty = match &input.hint {
            None => default,
            Some(hint) => {
                let written = self.inline_hint(hint)?;
                let fits = match written {
                    InlineType::Int(_) => !is_float,
                    InlineType::Float | InlineType::Double => is_float,
                    InlineType::Void => false,
                };
                if !fits {
                    self.unsupported_hint(hint, "it does not agree with the type of the variable");
                    return None;
                }
                written
            }
        };
        Some((value, (input.register.to_string(), ty)))
    }

    fn inline_hint(&mut self, hint: &ast::Ident) -> Option<InlineType> {
        let known = match hint.name.as_str() {
            "i1" => InlineType::Int(1),
            "i8" => InlineType::Int(8),
            "i16" => InlineType::Int(16),
            "i32" => InlineType::Int(32),
            "i64" => InlineType::Int(64),
            "float" => InlineType::Float,
            "double" => InlineType::Double,
            "void" => InlineType::Void,
            _ => {
                self.unsupported_hint(hint, "expected i1, i8, i16, i32, i64, float, double or void");
                return None;
            }
        };
        Some(known)
    }

    fn unsupported_hint(&mut self, hint: &ast::Ident, label: &str) {
        let message = format!("Unsupported LLVM type hint '{}'", hint.name);
        self.report(Diagnostic::new(Code::E0510, hint.span, message).label(label));
    }
}

fn value_type(result: InlineType) -> Option<TypeId> {
    match result {
        InlineType::Void => None,
        InlineType::Int(1) => Some(types::BOOL),
        InlineType::Int(_) => Some(types::INT),
        InlineType::Float | InlineType::Double => Some(types::FLOAT),
    }
}
