//! `llvm_ir` blocks: read, checked, made harmless, called.
//!
//! In: the blocks of a program. Out: faults with their places (E0511); a private function for each in the module under
//! construction. A block is read in steps, each of which keeps something from those behind it:
//!
//! ```text
//! text    words, sizes, nesting, symbols: what LLVM's reader never gets to see
//! LLVM    its reader and its verifier
//! harden  pointers, intrinsics, amount of code; then no operation is left that could do something undefined
//! ```
//!
//! Deliberately not here: inputs and hints (`check`).

mod harden;
mod text;

#[cfg(test)]
mod tests;

use super::CodegenError;
use super::context::Codegen;
use super::emit::{Value, built};
use super::function::Body;
use super::object::DiagnosticLog;
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{Expr, InlineBlock, InlineId, InlineType, Program};
use crate::source::Span;
use inkwell::context::Context;
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::module::{Linkage, Module};
use inkwell::types::BasicTypeEnum;
use inkwell::values::FunctionValue;

/// A fault, with the bytes of the text that it is about.
#[derive(Debug)]
struct Refusal {
    message: String,
    at: Option<std::ops::Range<usize>>,
}

impl Refusal {
    fn of(message: impl Into<String>) -> Refusal {
        Refusal { message: message.into(), at: None }
    }
}

/// The faults of all blocks, those of functions that nobody calls included.
pub fn check(program: &Program) -> Vec<Diagnostic> {
    let mut seen: Vec<Span> = Vec::new();
    let mut faults = Vec::new();
    for block in &program.inline_blocks {
        if seen.contains(&block.span) {
            continue;
        }
        seen.push(block.span);
        let context = Context::create();
        // Without it, LLVM would end the process at its first complaint.
        let log = DiagnosticLog::install(&context);
        let refused = read(&context, block, "block").map(|_| ()).and_then(|()| {
            log.check().map_err(|error| match error {
                CodegenError::Llvm(text) => Refusal::of(text),
                CodegenError::UnknownCpu(name) => Refusal::of(name),
            })
        });
        if let Err(refusal) = refused {
            faults.push(diagnostic(block, refusal));
        }
    }
    faults
}

fn diagnostic(block: &InlineBlock, refusal: Refusal) -> Diagnostic {
    // Behind the opening quotes.
    let start = block.span.start + 3;
    let place = match refusal.at {
        Some(at) => Span { start: start + at.start as u32, end: start + at.end as u32, ..block.span },
        None => block.span,
    };
    Diagnostic::new(Code::E0511, place, format!("Invalid LLVM IR: {}", refusal.message))
}

fn type_text(ty: InlineType) -> String {
    match ty {
        InlineType::Void => "void".into(),
        InlineType::Int(bits) => format!("i{bits}"),
        InlineType::Float => "float".into(),
        InlineType::Double => "double".into(),
    }
}

/// A module with the block as its one function, without undefined behaviour.
fn read<'ctx>(context: &'ctx Context, block: &InlineBlock, name: &str) -> Result<Module<'ctx>, Refusal> {
    text::check(&block.text)?;
    let params: Vec<String> =
        block.params.iter().map(|(register, ty)| format!("{} %{register}", type_text(*ty))).collect();
    let header = format!("define {} @\"{name}\"({}) {{\n", type_text(block.result), params.join(", "));
    let source = format!("{header}{}\n}}\n", block.text);
    let buffer = MemoryBuffer::create_from_memory_range_copy(source.as_bytes(), "llvm_ir");
    let module = context.create_module_from_ir(buffer).map_err(|message| located(&message.to_string(), &block.text))?;
    let Some(function) = module.get_function(name) else { return Err(Refusal::of("no function")) };
    harden::harden(&module, function)?;
    module.verify().map_err(|message| Refusal::of(first_line(&message.to_string())))?;
    Ok(module)
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or("not accepted").trim().to_owned()
}

/// `llvm_ir:3:5: error: expected type`: the first line of the text is the second of what LLVM reads.
fn located(message: &str, text: &str) -> Refusal {
    let first = first_line(message);
    let Some((place, what)) = first.split_once(": error: ") else { return Refusal::of(first) };
    let mut numbers = place.rsplit(':').map(|number| number.parse::<usize>().ok());
    let (Some(Some(column)), Some(Some(line))) = (numbers.next(), numbers.next()) else { return Refusal::of(what) };
    let mut start = 0;
    for _ in 2..line {
        match text[start..].find('\n') {
            Some(length) => start += length + 1,
            None => start = text.len(),
        }
    }
    // Faults of the header, such as a register that is given twice, are shown at the whole text.
    if line < 2 {
        return Refusal::of(what);
    }
    let mut at = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let rest = &text[at..];
    let length = rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | ')' | '(')).unwrap_or(rest.len());
    let length = if length == 0 { rest.chars().next().map_or(0, char::len_utf8) } else { length };
    Refusal { message: what.to_owned(), at: Some(at..at + length) }
}

/// Links every block into the module; `check` has found no fault.
pub(super) fn link(codegen: &Codegen<'_, '_>, log: &DiagnosticLog) -> Result<(), CodegenError> {
    for (index, block) in codegen.program.inline_blocks.iter().enumerate() {
        let name = function_name(InlineId(index as u32));
        let module = read(codegen.context, block, &name).map_err(|refusal| CodegenError::Llvm(refusal.message))?;
        module.set_triple(&codegen.module.get_triple());
        module.set_data_layout(&codegen.module.get_data_layout());
        codegen.module.link_in_module(module).map_err(|error| CodegenError::Llvm(error.to_string()))?;
        if let Some(function) = codegen.module.get_function(&name) {
            function.set_linkage(Linkage::Private);
        }
    }
    if !codegen.program.inline_blocks.is_empty() {
        log.attach(codegen.context);
    }
    Ok(())
}

fn function_name(id: InlineId) -> String {
    format!("coex.llvm_ir.{}", id.0)
}

impl<'ctx> Body<'_, 'ctx> {
    pub(super) fn inline_block(&mut self, id: InlineId, args: &[Expr]) -> Option<Value<'ctx>> {
        let block = &self.codegen.program.inline_blocks[id.0 as usize];
        let function: FunctionValue<'ctx> = match self.codegen.module.get_function(&function_name(id)) {
            Some(function) => function,
            None => crate::bug!("an llvm_ir block that was not linked"),
        };
        let values = self.values(args);
        let operands: Vec<Value<'ctx>> = values
            .into_iter()
            .zip(function.get_param_iter())
            .map(|(value, param)| self.as_input(value, param))
            .collect();
        let result = self.emit.call(function, &operands).try_as_basic_value().basic()?;
        Some(match (block.result, result) {
            // One bit is a bool as it is.
            (InlineType::Int(1), bit) => bit,
            (_, Value::IntValue(value)) => {
                built(self.emit.builder.build_int_s_extend(value, self.emit.types.i64, "")).into()
            }
            (_, Value::FloatValue(value)) => {
                built(self.emit.builder.build_float_ext(value, self.emit.types.f64, "")).into()
            }
            (_, other) => other,
        })
    }

    fn as_input(&self, value: Value<'ctx>, param: Value<'ctx>) -> Value<'ctx> {
        match (value, param.get_type()) {
            (Value::IntValue(value), BasicTypeEnum::IntType(ty)) => self.emit.resize(value, ty).into(),
            (Value::FloatValue(value), BasicTypeEnum::FloatType(ty)) => {
                built(self.emit.builder.build_float_trunc(value, ty, "")).into()
            }
            _ => value,
        }
    }
}

/// Machine code of a block alone, for tests of what LLVM does with it.
#[cfg(test)]
fn compile_alone(block: &InlineBlock) -> Result<usize, CodegenError> {
    let options = super::CodegenOptions { opt: super::OptLevel::O2, ..super::CodegenOptions::default() };
    let machine = super::object::target_machine(&options)?;
    let context = Context::create();
    let log = DiagnosticLog::install(&context);
    let module = read(&context, block, "block").map_err(|refusal| CodegenError::Llvm(refusal.message))?;
    super::object::set_target(&module, &machine);
    let bytes = super::object::to_object(&module, &machine, options.opt)?;
    log.check()?;
    Ok(bytes.len())
}
