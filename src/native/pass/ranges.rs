//! Between which numbers a value lies, and which memory an address names.
//!
//! In: values of one function without cycles. Out: intervals that hold for every argument and every content of memory,
//! whatever the flags of instructions promise. Deliberately not here: what follows from them (`leaves`).

use inkwell::llvm_sys::{LLVMOpcode, LLVMTypeKind};

use super::llvm::{DataLayout, Value};

/// Enough for what a short function computes; deeper values may be anything.
const MAX_DEPTH: u32 = 6;

/// Both ends included. Integers are read as signed numbers of their width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) low: i128,
    pub(super) high: i128,
}

impl Range {
    fn of_bits(bits: u32) -> Range {
        Range { low: -(1 << (bits - 1)), high: (1 << (bits - 1)) - 1 }
    }

    fn fits(self, bits: u32) -> Range {
        let all = Range::of_bits(bits);
        if self.low >= all.low && self.high <= all.high { self } else { all }
    }

    fn union(self, other: Range) -> Range {
        Range { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    fn plus(self, other: Range) -> Range {
        Range { low: self.low + other.low, high: self.high + other.high }
    }

    fn times(self, factor: i128) -> Range {
        let (a, b) = (self.low * factor, self.high * factor);
        Range { low: a.min(b), high: a.max(b) }
    }

    fn is_natural(self) -> bool {
        self.low >= 0
    }
}

/// What an address points into.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Root<'c> {
    Instance,
    Constant(Value<'c>),
}

/// `root` plus a number of bytes.
#[derive(Clone, Copy)]
pub(super) struct Address<'c> {
    pub(super) root: Root<'c>,
    pub(super) offset: Range,
}

pub(super) fn range(value: Value<'_>) -> Range {
    range_at(value, 0)
}

/// Of an integer of at most 64 bits.
fn range_at(value: Value<'_>, depth: u32) -> Range {
    use LLVMOpcode::*;
    let bits = value.ty().int_bits().unwrap_or(64);
    let all = Range::of_bits(bits);
    if let Some(number) = value.const_int() {
        return Range { low: number.into(), high: number.into() };
    }
    if !value.is_instruction() || depth > MAX_DEPTH {
        return all;
    }
    let of = |index: u32| range_at(value.operand(index), depth + 1);
    let constant = || value.operand(1).const_int().map(i128::from);
    match value.opcode() {
        LLVMAdd => of(0).plus(of(1)).fits(bits),
        LLVMSub => of(0).plus(of(1).times(-1)).fits(bits),
        LLVMMul => constant().map_or(all, |factor| of(0).times(factor).fits(bits)),
        LLVMShl => small(constant(), bits).map_or(all, |count| of(0).times(1 << count).fits(bits)),
        LLVMAnd => and(of(0), of(1)).unwrap_or(all),
        LLVMOr | LLVMXor => or(of(0), of(1)).unwrap_or(all),
        LLVMLShr => match small(constant(), bits) {
            Some(count) if of(0).is_natural() => Range { low: of(0).low >> count, high: of(0).high >> count },
            Some(count) if count > 0 => Range { low: 0, high: (1 << (bits - count)) - 1 },
            _ => all,
        },
        LLVMAShr => {
            small(constant(), bits).map_or(all, |count| Range { low: of(0).low >> count, high: of(0).high >> count })
        }
        LLVMURem => match constant() {
            Some(divisor) if divisor > 0 => Range { low: 0, high: divisor - 1 },
            _ => all,
        },
        LLVMSRem => match constant() {
            Some(divisor) if divisor > 0 && of(0).is_natural() => Range { low: 0, high: divisor - 1 },
            Some(divisor) if divisor > 0 => Range { low: 1 - divisor, high: divisor - 1 },
            _ => all,
        },
        LLVMZExt => {
            let from = value.operand(0).ty().int_bits().unwrap_or(64);
            if of(0).is_natural() { of(0) } else { Range { low: 0, high: (1 << from) - 1 } }
        }
        LLVMSExt => of(0),
        LLVMTrunc => of(0).fits(bits),
        LLVMSelect => of(1).union(of(2)),
        LLVMPHI => {
            let ranges = value.incoming().into_iter().map(|(from, _)| range_at(from, depth + 1));
            ranges.reduce(Range::union).unwrap_or(all)
        }
        LLVMCall => minimum(&value.callee().name(), of(0), of(1)).unwrap_or(all),
        _ => all,
    }
}

/// The distance of a shift by a constant, where it has a meaning.
fn small(constant: Option<i128>, bits: u32) -> Option<u32> {
    constant.and_then(|count| u32::try_from(count).ok()).filter(|count| *count < bits)
}

fn and(left: Range, right: Range) -> Option<Range> {
    let highs = [left, right].into_iter().filter(|range| range.is_natural()).map(|range| range.high);
    highs.min().map(|high| Range { low: 0, high })
}

fn or(left: Range, right: Range) -> Option<Range> {
    let high = (left.high.max(right.high) + 1) as u128;
    (left.is_natural() && right.is_natural())
        .then(|| Range { low: 0, high: high.next_power_of_two().cast_signed() - 1 })
}

fn minimum(name: &str, left: Range, right: Range) -> Option<Range> {
    if name.starts_with("llvm.umin.") {
        return and(left, right);
    }
    if name.starts_with("llvm.smin.") {
        return Some(Range { low: left.low.min(right.low), high: left.high.min(right.high) });
    }
    let is_max = name.starts_with("llvm.smax.");
    is_max.then(|| Range { low: left.low.max(right.low), high: left.high.max(right.high) })
}

/// Where an address points to; `None` if that is not known. `is_base` tells which value is the base of the instance.
pub(super) fn address<'c>(
    value: Value<'c>,
    data: DataLayout<'c>,
    is_base: &impl Fn(Value<'c>) -> bool,
) -> Option<Address<'c>> {
    address_at(value, data, is_base, 0)
}

fn address_at<'c>(
    value: Value<'c>,
    data: DataLayout<'c>,
    is_base: &impl Fn(Value<'c>) -> bool,
    depth: u32,
) -> Option<Address<'c>> {
    let at = |value| address_at(value, data, is_base, depth + 1);
    let start = Range { low: 0, high: 0 };
    if depth > MAX_DEPTH {
        return None;
    }
    if value.is_global_variable() {
        return Some(Address { root: Root::Constant(value), offset: start });
    }
    if value.is_element_address() {
        let Address { root, offset } = at(value.operand(0))?;
        return Some(Address { root, offset: offset.plus(element_offset(value, data)?) });
    }
    if !value.is_instruction() {
        return None;
    }
    match value.opcode() {
        LLVMOpcode::LLVMSelect => join(at(value.operand(1))?, at(value.operand(2))?),
        LLVMOpcode::LLVMPHI => {
            let mut known = value.incoming().into_iter().map(|(from, _)| at(from));
            let first = known.next()??;
            known.try_fold(first, |all, next| join(all, next?))
        }
        _ if is_base(value) => Some(Address { root: Root::Instance, offset: start }),
        _ => None,
    }
}

fn join<'c>(left: Address<'c>, right: Address<'c>) -> Option<Address<'c>> {
    (left.root == right.root).then(|| Address { root: left.root, offset: left.offset.union(right.offset) })
}

/// The bytes that `getelementptr` adds.
fn element_offset<'c>(gep: Value<'c>, data: DataLayout<'c>) -> Option<Range> {
    let (mut ty, mut offset) = (gep.gep_source(), Range { low: 0, high: 0 });
    for position in 1..gep.operand_count() {
        let index = gep.operand(position);
        index.ty().int_bits().filter(|bits| *bits <= 64)?;
        if position == 1 {
            offset = offset.plus(range(index).times(data.size(ty).into()));
            continue;
        }
        match ty.kind() {
            LLVMTypeKind::LLVMStructTypeKind => {
                let field = u32::try_from(index.const_int()?).ok()?;
                let at = i128::from(data.field_offset(ty, field));
                offset = offset.plus(Range { low: at, high: at });
                ty = ty.field(field);
            }
            LLVMTypeKind::LLVMArrayTypeKind => {
                ty = ty.element();
                offset = offset.plus(range(index).times(data.size(ty).into()));
            }
            _ => return None,
        }
    }
    Some(offset)
}
