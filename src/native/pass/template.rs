//! The initial bytes of an instance, and the words in them that depend on where it lies.
//!
//! In: a [`Layout`]. Out: [`Template`]: one constant in which every address of a member is null, and a relocation for
//! each. Deliberately not here: how an instance is made from it (the runtime), see `LibraryDescriptor` in the ABI.

use inkwell::llvm_sys::{LLVMOpcode, LLVMTypeKind, LLVMValueKind};
use inkwell::module::Module;

use super::builder::Constants;
use super::layout::Layout;
use super::llvm::{DataLayout, Type, Value};
use super::{Refusal, origin};

pub(super) struct Template<'c> {
    /// A packed structure of `data_size` bytes.
    pub(super) value: Value<'c>,
    /// The word at `.0` becomes base + `.1`.
    pub(super) relocations: Vec<(u64, u64)>,
}

pub(super) fn build<'c>(module: &Module<'c>, layout: &Layout<'c>) -> Result<Template<'c>, Vec<Refusal>> {
    let mut maker =
        Maker { data: DataLayout::of(module), constants: Constants::of(module), layout, relocations: Vec::new() };
    let (mut fields, mut at, mut refusals) = (Vec::new(), 0, Vec::new());
    for member in layout.members.iter().filter(|member| member.offset < layout.data_size) {
        if member.offset > at {
            fields.push(maker.constants.zero_bytes(member.offset - at));
        }
        let Some(initial) = member.variable.initializer() else { continue };
        match maker.rebuild(initial, member.offset) {
            Ok(value) => fields.push(value),
            Err(Unsupported) => refusals.push(Refusal {
                place: origin::place(member.variable),
                message: format!(
                    "the initial value of '{}' computes with the address of a variable in a way that cannot be \
                     made private to an instance",
                    member.name
                ),
            }),
        }
        // The initial value may be shorter or longer than the variable's type: unions have types of their own.
        at = member.offset + maker.data.size(initial.ty());
    }
    if at < layout.data_size {
        fields.push(maker.constants.zero_bytes(layout.data_size - at));
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let value = maker.constants.structure(&fields, true);
    Ok(Template { value, relocations: maker.relocations })
}

struct Unsupported;

/// `base × factor + addend`: what a constant is worth when the instance lies at `base`.
struct Linear {
    factor: i64,
    addend: i64,
}

struct Maker<'l, 'm, 'c> {
    data: DataLayout<'c>,
    constants: Constants<'m, 'c>,
    layout: &'l Layout<'c>,
    relocations: Vec<(u64, u64)>,
}

impl<'c> Maker<'_, '_, 'c> {
    /// The same constant without addresses of members.
    fn rebuild(&mut self, value: Value<'c>, at: u64) -> Result<Value<'c>, Unsupported> {
        if !self.layout.mentions(value) {
            return Ok(value);
        }
        let ty = value.ty();
        match value.kind() {
            LLVMValueKind::LLVMConstantStructValueKind => {
                let fields = self.rebuild_all(value, |maker, index| at + maker.data.field_offset(ty, index))?;
                Ok(self.constants.structure_like(ty, &fields))
            }
            LLVMValueKind::LLVMConstantArrayValueKind => {
                let size = self.data.size(ty.element());
                let items = self.rebuild_all(value, |_, index| at + size * u64::from(index))?;
                Ok(self.constants.array(ty.element(), &items))
            }
            LLVMValueKind::LLVMConstantVectorValueKind => {
                let size = self.data.size(ty.element());
                let items = self.rebuild_all(value, |_, index| at + size * u64::from(index))?;
                Ok(self.constants.vector(&items))
            }
            _ => self.relocate(value, ty, at),
        }
    }

    fn rebuild_all(
        &mut self,
        value: Value<'c>,
        offset: impl Fn(&Self, u32) -> u64,
    ) -> Result<Vec<Value<'c>>, Unsupported> {
        (0..value.operand_count()).map(|index| self.rebuild(value.operand(index), offset(self, index))).collect()
    }

    fn relocate(&mut self, value: Value<'c>, ty: Type<'c>, at: u64) -> Result<Value<'c>, Unsupported> {
        let Linear { factor, addend } = self.evaluate(value)?;
        let is_int = ty.kind() == LLVMTypeKind::LLVMIntegerTypeKind;
        match factor {
            // A distance between two members.
            0 if is_int => Ok(self.constants.int_of(ty, addend as u64)),
            1 if self.data.size(ty) == 8 => {
                self.relocations.push((at, addend as u64));
                Ok(self.constants.null(ty))
            }
            _ => Err(Unsupported),
        }
    }

    fn evaluate(&self, value: Value<'c>) -> Result<Linear, Unsupported> {
        if let Some(offset) = self.layout.offset(value) {
            return Ok(Linear { factor: 1, addend: offset as i64 });
        }
        if let Some(number) = value.const_int() {
            return Ok(Linear { factor: 0, addend: number });
        }
        if value.kind() != LLVMValueKind::LLVMConstantExprValueKind {
            return Err(Unsupported);
        }
        let operand = |index| self.evaluate(value.operand(index));
        match value.const_opcode() {
            LLVMOpcode::LLVMGetElementPtr => {
                let base = operand(0)?;
                Ok(Linear { addend: base.addend.wrapping_add(self.gep_offset(value)?), ..base })
            }
            LLVMOpcode::LLVMPtrToInt | LLVMOpcode::LLVMBitCast | LLVMOpcode::LLVMIntToPtr => operand(0),
            // Only a distance survives being cut: a relocation needs the whole word.
            LLVMOpcode::LLVMTrunc => {
                operand(0).and_then(|sum| if sum.factor == 0 { Ok(sum) } else { Err(Unsupported) })
            }
            LLVMOpcode::LLVMAdd => {
                let (left, right) = (operand(0)?, operand(1)?);
                Ok(Linear { factor: left.factor + right.factor, addend: left.addend.wrapping_add(right.addend) })
            }
            LLVMOpcode::LLVMSub => {
                let (left, right) = (operand(0)?, operand(1)?);
                Ok(Linear { factor: left.factor - right.factor, addend: left.addend.wrapping_sub(right.addend) })
            }
            _ => Err(Unsupported),
        }
    }

    fn gep_offset(&self, gep: Value<'c>) -> Result<i64, Unsupported> {
        let (mut ty, mut offset) = (gep.gep_source(), 0i64);
        for position in 1..gep.operand_count() {
            let index = gep.operand(position).const_int().ok_or(Unsupported)?;
            if position == 1 {
                offset = offset.wrapping_add(index.wrapping_mul(self.data.size(ty) as i64));
            } else if ty.kind() == LLVMTypeKind::LLVMStructTypeKind {
                offset = offset.wrapping_add(self.data.field_offset(ty, index as u32) as i64);
                ty = ty.field(index as u32);
            } else {
                ty = ty.element();
                offset = offset.wrapping_add(index.wrapping_mul(self.data.size(ty) as i64));
            }
        }
        Ok(offset)
    }
}
