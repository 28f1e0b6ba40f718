//! Hashes of keys.
//!
//! In: a slot of a type that keys may have. Out: 64 bits that depend on the contents alone: not on addresses, the run or
//! the machine, because the iteration order of maps follows from them. -0.0 hashes as 0.0, all NaN alike.

use super::{contents, field_slot};
use crate::abi::{ArrayObject, FieldDesc, Kind, ListObject, StringObject, TypeDesc};
use crate::list;
use crate::slot::{argument, optional_value, reference};

const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
const MULTIPLIER: u64 = 0xA076_1D64_78BD_642F;

/// A bijection, so that integers never collide.
#[inline]
pub(crate) fn scramble(value: u64) -> u64 {
    let value = (value ^ (value >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let value = (value ^ (value >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    value ^ (value >> 32)
}

#[inline]
fn mix(state: u64, word: u64) -> u64 {
    let product = ((state ^ word) as u128).wrapping_mul(MULTIPLIER as u128);
    ((product as u64) ^ (product >> 64) as u64).wrapping_add(SEED)
}

pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut state = mix(SEED, bytes.len() as u64);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        state = mix(state, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    scramble(mix(state, u64::from_le_bytes(last)))
}

/// The bits that stand for a float key.
#[inline]
pub(super) fn canonical_bits(value: f64) -> u64 {
    match value {
        0.0 => 0,
        value if value.is_nan() => f64::NAN.to_bits() & !(1 << 63),
        value => value.to_bits(),
    }
}

/// The hash of a value without parts.
#[inline]
unsafe fn simple(slot: *const u8, desc: *const TypeDesc) -> Option<u64> {
    Some(match (*desc).kind {
        Kind::Int => scramble(slot.cast::<u64>().read_unaligned()),
        Kind::String => hash_bytes(crate::string::bytes(reference(slot).cast::<StringObject>())),
        Kind::Float => scramble(canonical_bits(slot.cast::<f64>().read_unaligned())),
        Kind::Bool | Kind::Byte => scramble(*slot as u64),
        Kind::Char => scramble(slot.cast::<u32>().read_unaligned() as u64),
        Kind::List | Kind::Array | Kind::Matrix | Kind::Tuple | Kind::Record | Kind::Enum | Kind::Optional => {
            return None;
        }
        // Maps and whatever has identity are never keys (E0311).
        _ => 0,
    })
}

/// What is left to feed.
enum Step {
    Value(*const u8, *const TypeDesc),
    Run(*const u8, usize, *const TypeDesc),
    List(*const ListObject, usize, *const TypeDesc),
}

pub unsafe fn hash(slot: *const u8, desc: *const TypeDesc) -> u64 {
    if let Some(answer) = simple(slot, desc) {
        return answer;
    }
    let mut state = SEED;
    let mut work = vec![Step::Value(slot, desc)];
    while let Some(step) = work.pop() {
        match step {
            Step::Value(slot, desc) => state = feed(&mut work, state, slot, desc),
            Step::Run(slot, count, desc) => {
                if count > 1 {
                    work.push(Step::Run(slot.add((*desc).size as usize), count - 1, desc));
                }
                state = feed(&mut work, state, slot, desc);
            }
            Step::List(list, index, desc) => {
                if index + 1 < (*list).len as usize {
                    work.push(Step::List(list, index + 1, desc));
                }
                state = feed(&mut work, state, list::slot(list, (*desc).size as usize, index), desc);
            }
        }
    }
    scramble(state)
}

unsafe fn feed(work: &mut Vec<Step>, state: u64, slot: *const u8, desc: *const TypeDesc) -> u64 {
    if let Some(part) = simple(slot, desc) {
        return mix(state, part);
    }
    match (*desc).kind {
        Kind::List => {
            let list = reference(slot).cast::<ListObject>();
            if (*list).len > 0 {
                work.push(Step::List(list, 0, argument(desc, 0)));
            }
            mix(state, (*list).len as u64)
        }
        Kind::Array | Kind::Matrix => {
            let array = reference(slot).cast::<ArrayObject>();
            if (*array).len > 0 {
                work.push(Step::Run((*array).data, (*array).len as usize, argument(desc, 0)));
            }
            mix(state, (*array).len as u64)
        }
        Kind::Optional => {
            let value = optional_value(desc, slot);
            if !value.is_null() {
                work.push(Step::Value(value, argument(desc, 0)));
            }
            mix(state, !value.is_null() as u64)
        }
        Kind::Enum => {
            let base = contents(desc, slot);
            let tag = base.cast::<u64>().read_unaligned();
            let case = (*desc).cases.add(tag as usize);
            push_fields(work, base, (*case).fields, (*case).field_count);
            mix(state, tag)
        }
        _ => {
            push_fields(work, contents(desc, slot), (*desc).fields, (*desc).field_count);
            state
        }
    }
}

unsafe fn push_fields(work: &mut Vec<Step>, base: *const u8, fields: *const FieldDesc, count: u32) {
    for index in (0..count as usize).rev() {
        let field = fields.add(index);
        work.push(Step::Value(field_slot(base, field), (*field).desc));
    }
}
