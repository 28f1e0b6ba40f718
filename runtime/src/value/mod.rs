//! Equality and canonical order of values of any type.
//!
//! In: two slots of one type. Out: whether they are equal (3.7), or how they are ordered. Both walk the two values side
//! by side with an explicit stack of what is left to do, so no depth of nesting overflows a stack.
//! Submodules: `hash`, and `canonical` for the one form of keys.

#![allow(unsafe_op_in_unsafe_fn, reason = "one contract for the value modules, stated in `slot`")]

pub mod canonical;
pub mod hash;

pub use canonical::{SlotBuffer, canonical_key};
pub use hash::hash;

use crate::abi::{ArrayObject, FieldDesc, JsonValue, Kind, ListObject, MapNode, MapObject, TypeDesc};
use crate::list;
use crate::map::layout::{Layout, child, child_count, entry, entry_count};
use crate::slot::{argument, optional_value, reference};
use core::cmp::Ordering;

/// Which of the two relations is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// `==`: NaN differs from itself.
    Equality,
    /// Canonical order, in which NaN equals itself: of `sort` and of keys.
    Order,
}

/// What is left to compare, each thing after those above it on the stack.
enum Step {
    Value {
        left: *const u8,
        right: *const u8,
        desc: *const TypeDesc,
    },
    /// Elements in a row.
    Run {
        left: *const u8,
        right: *const u8,
        count: usize,
        desc: *const TypeDesc,
    },
    /// Elements `index..end` of two lists; `desc` is the element's.
    List {
        left: *const ListObject,
        right: *const ListObject,
        index: usize,
        end: usize,
        desc: *const TypeDesc,
    },
    /// Nodes at the same place of two maps or sets; `desc` is the map's.
    Node {
        left: *const MapNode,
        right: *const MapNode,
        desc: *const TypeDesc,
    },
    /// The answer, if all before it was equal.
    Verdict(Ordering),
}

/// Equality of `==`.
#[inline]
pub unsafe fn equal(left: *const u8, right: *const u8, desc: *const TypeDesc) -> bool {
    match simple(left, right, desc, Relation::Equality) {
        Some(answer) => answer.is_eq(),
        None => walk(left, right, desc, Relation::Equality).is_eq(),
    }
}

/// Canonical order.
#[inline]
pub unsafe fn compare(left: *const u8, right: *const u8, desc: *const TypeDesc) -> Ordering {
    match simple(left, right, desc, Relation::Order) {
        Some(answer) => answer,
        None => walk(left, right, desc, Relation::Order),
    }
}

/// Whether two keys are the same key.
#[inline]
pub unsafe fn same_key(left: *const u8, right: *const u8, desc: *const TypeDesc) -> bool {
    compare(left, right, desc).is_eq()
}

#[inline]
unsafe fn order<T: Ord>(left: *const u8, right: *const u8) -> Ordering {
    left.cast::<T>().read_unaligned().cmp(&right.cast::<T>().read_unaligned())
}

fn order_floats(left: f64, right: f64, relation: Relation) -> Ordering {
    match left.partial_cmp(&right) {
        Some(answer) => answer,
        None if relation == Relation::Equality => Ordering::Less,
        None => left.is_nan().cmp(&right.is_nan()),
    }
}

/// The answer for values without parts.
#[inline]
unsafe fn simple(left: *const u8, right: *const u8, desc: *const TypeDesc, relation: Relation) -> Option<Ordering> {
    Some(match (*desc).kind {
        Kind::Int => order::<i64>(left, right),
        Kind::String => {
            let (left, right) = (reference(left).cast(), reference(right).cast());
            match relation {
                Relation::Equality if crate::string::equal(left, right) => Ordering::Equal,
                Relation::Equality => Ordering::Less,
                Relation::Order => crate::string::compare(left, right),
            }
        }
        Kind::Float => {
            order_floats(left.cast::<f64>().read_unaligned(), right.cast::<f64>().read_unaligned(), relation)
        }
        Kind::Bool | Kind::Byte => order::<u8>(left, right),
        Kind::Char => order::<u32>(left, right),
        // Neither a key nor ordered.
        Kind::Json if crate::json::equal::equal(JsonValue::read(left), JsonValue::read(right)) => Ordering::Equal,
        Kind::Json => Ordering::Less,
        // By identity.
        Kind::Function | Kind::Handle | Kind::Posix | Kind::Channel | Kind::Atomic => order::<u64>(left, right),
        _ => return None,
    })
}

unsafe fn walk(left: *const u8, right: *const u8, desc: *const TypeDesc, relation: Relation) -> Ordering {
    let mut work = Vec::new();
    let mut answer = visit(&mut work, left, right, desc, relation);
    while answer.is_eq() {
        let Some(step) = work.pop() else { break };
        answer = match step {
            Step::Value { left, right, desc } => visit(&mut work, left, right, desc, relation),
            Step::Run { left, right, count, desc } => visit_run(&mut work, left, right, count, desc, relation),
            Step::List { left, right, index, end, desc } => {
                let size = (*desc).size as usize;
                let count =
                    ((1 << list::leaf_bits(size)) - (index & ((1 << list::leaf_bits(size)) - 1))).min(end - index);
                if index + count < end {
                    work.push(Step::List { left, right, index: index + count, end, desc });
                }
                let (left, right) = (list::slot(left, size, index), list::slot(right, size, index));
                if left == right && relation == Relation::Order {
                    continue;
                }
                visit_run(&mut work, left, right, count, desc, relation)
            }
            Step::Node { left, right, desc } => visit_node(&mut work, left, right, desc, relation),
            Step::Verdict(verdict) => verdict,
        };
    }
    answer
}

unsafe fn visit(
    work: &mut Vec<Step>,
    left: *const u8,
    right: *const u8,
    desc: *const TypeDesc,
    relation: Relation,
) -> Ordering {
    if let Some(answer) = simple(left, right, desc, relation) {
        return answer;
    }
    // A value is the same key as itself, however large it is.
    let word = |slot: *const u8| slot.cast::<u64>().read_unaligned();
    if relation == Relation::Order && (*desc).size == 8 && word(left) == word(right) {
        return Ordering::Equal;
    }
    match (*desc).kind {
        Kind::List => {
            let (left, right) = (reference(left).cast::<ListObject>(), reference(right).cast::<ListObject>());
            let lengths = (*left).len.cmp(&(*right).len);
            let end = (*left).len.min((*right).len) as usize;
            if !lengths.is_eq() {
                if relation == Relation::Equality {
                    return lengths;
                }
                work.push(Step::Verdict(lengths));
            }
            if end > 0 {
                work.push(Step::List { left, right, index: 0, end, desc: argument(desc, 0) });
            }
            Ordering::Equal
        }
        Kind::Array | Kind::Matrix => {
            let (left, right) = (reference(left).cast::<ArrayObject>(), reference(right).cast::<ArrayObject>());
            let lengths = (*left).len.cmp(&(*right).len);
            if !lengths.is_eq() {
                if relation == Relation::Equality {
                    return lengths;
                }
                work.push(Step::Verdict(lengths));
            }
            let count = (*left).len.min((*right).len) as usize;
            visit_run(work, (*left).data, (*right).data, count, argument(desc, 0), relation)
        }
        Kind::Map | Kind::Set => {
            let (left, right) = (reference(left).cast::<MapObject>(), reference(right).cast::<MapObject>());
            if (*left).len == (*right).len && (*left).len > 0 {
                work.push(Step::Node { left: (*left).root, right: (*right).root, desc });
            }
            (*left).len.cmp(&(*right).len)
        }
        Kind::Optional => {
            let (left, right) = (optional_value(desc, left), optional_value(desc, right));
            if !left.is_null() && !right.is_null() {
                work.push(Step::Value { left, right, desc: argument(desc, 0) });
            }
            (!left.is_null()).cmp(&!right.is_null())
        }
        Kind::Enum => {
            let (left, right) = (contents(desc, left), contents(desc, right));
            let (left_case, right_case) = (left.cast::<u64>().read_unaligned(), right.cast::<u64>().read_unaligned());
            if left_case != right_case {
                return left_case.cmp(&right_case);
            }
            let case = (*desc).cases.add(left_case as usize);
            visit_fields(work, left, right, (*case).fields, (*case).field_count, relation)
        }
        _ => {
            let (left, right) = (contents(desc, left), contents(desc, right));
            visit_fields(work, left, right, (*desc).fields, (*desc).field_count, relation)
        }
    }
}

/// Where the fields of an aggregate are.
#[inline]
pub unsafe fn contents(desc: *const TypeDesc, slot: *const u8) -> *const u8 {
    if (*desc).boxed != 0 { reference(slot).add(crate::slot::BOX_OFFSET) } else { slot }
}

/// Where the slot of a field is.
#[inline]
pub unsafe fn field_slot(base: *const u8, field: *const FieldDesc) -> *const u8 {
    let at = base.add((*field).offset as usize);
    if (*field).boxed != 0 { reference(at).add(crate::slot::BOX_OFFSET) } else { at }
}

/// Simple fields at once, the rest from the first field with parts on is put off.
unsafe fn visit_fields(
    work: &mut Vec<Step>,
    left: *const u8,
    right: *const u8,
    fields: *const FieldDesc,
    count: u32,
    relation: Relation,
) -> Ordering {
    for index in 0..count as usize {
        let field = fields.add(index);
        match simple(field_slot(left, field), field_slot(right, field), (*field).desc, relation) {
            Some(Ordering::Equal) => {}
            Some(answer) => return answer,
            None => {
                for later in (index..count as usize).rev() {
                    let field = fields.add(later);
                    let (left, right) = (field_slot(left, field), field_slot(right, field));
                    work.push(Step::Value { left, right, desc: (*field).desc });
                }
                break;
            }
        }
    }
    Ordering::Equal
}

unsafe fn visit_run(
    work: &mut Vec<Step>,
    left: *const u8,
    right: *const u8,
    count: usize,
    desc: *const TypeDesc,
    relation: Relation,
) -> Ordering {
    let size = (*desc).size as usize;
    for index in 0..count {
        let (one, other) = (left.add(index * size), right.add(index * size));
        match simple(one, other, desc, relation) {
            Some(Ordering::Equal) => {}
            Some(answer) => return answer,
            None => {
                let rest = count - index - 1;
                if rest > 0 {
                    work.push(Step::Run { left: one.add(size), right: other.add(size), count: rest, desc });
                }
                work.push(Step::Value { left: one, right: other, desc });
                break;
            }
        }
    }
    Ordering::Equal
}

/// Equal maps have the same tree, so nodes are compared place by place. Maps have no order: `Less` means different.
unsafe fn visit_node(
    work: &mut Vec<Step>,
    left: *const MapNode,
    right: *const MapNode,
    desc: *const TypeDesc,
    relation: Relation,
) -> Ordering {
    let layout = Layout::of(desc);
    // Values that may hold a NaN must be looked at even if the two are one object.
    let reflexive = relation == Relation::Order
        || layout.value.is_null()
        || matches!((*layout.value).kind, Kind::Int | Kind::Bool | Kind::Byte | Kind::Char | Kind::String);
    if left == right && reflexive {
        return Ordering::Equal;
    }
    if (*left).entry_bitmap != (*right).entry_bitmap
        || (*left).child_bitmap != (*right).child_bitmap
        || entry_count(left) != entry_count(right)
    {
        return Ordering::Less;
    }
    for index in 0..entry_count(left) {
        let (one, other) = (entry(left, &layout, index), entry(right, &layout, index));
        if !same_key(one, other, layout.key) {
            return Ordering::Less;
        }
        if !layout.value.is_null() {
            let (one, other) = (one.add(layout.value_offset), other.add(layout.value_offset));
            match simple(one, other, layout.value, relation) {
                Some(Ordering::Equal) => {}
                Some(answer) => return answer,
                None => work.push(Step::Value { left: one, right: other, desc: layout.value }),
            }
        }
    }
    for index in 0..child_count(left) {
        let (left, right) = (child(left, &layout, index), child(right, &layout, index));
        work.push(Step::Node { left, right, desc });
    }
    Ordering::Equal
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_value_equal(left: *const u8, right: *const u8, ty: *const TypeDesc) -> bool {
    equal(left, right, ty)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_value_compare(left: *const u8, right: *const u8, ty: *const TypeDesc) -> i64 {
    compare(left, right, ty) as i64
}

#[cfg(test)]
mod collected;
#[cfg(test)]
mod edits;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
