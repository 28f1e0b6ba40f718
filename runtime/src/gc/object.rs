//! Size and references of an object, by the type table.
//!
//! In: a header and its `TypeInfo`. Out: bytes, and every slot that holds a reference; addresses derived from a reference
//! follow it when it changes. Deliberately not here: whether the object is alive.

use crate::abi::{
    ArrayObject, ELEMENTS_OFFSET, HEADER_AUX_SHIFT, HEADER_TYPE_MASK, HEADER_TYPE_SHIFT, LARGE_OBJECT_BYTES, MapNode,
    Shape, StringObject, TypeInfo, type_id,
};
use core::mem::offset_of;

#[inline]
pub(crate) fn type_of(header: u64) -> u32 {
    ((header >> HEADER_TYPE_SHIFT) & HEADER_TYPE_MASK) as u32
}

#[inline]
pub(crate) fn aux_of(header: u64) -> usize {
    (header >> HEADER_AUX_SHIFT) as usize
}

/// A `Fixed` type in two words: what marking asks most.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// 0: look into the type table.
    pub(crate) size: u32,
    /// Bit n: word n is a reference.
    pub(crate) words: u64,
}

/// The tables that tell about objects.
#[derive(Clone, Copy)]
pub(crate) struct Types {
    pub(crate) plans: *const Plan,
    pub(crate) rows: *const TypeInfo,
    pub(crate) count: usize,
}

impl Types {
    #[inline]
    fn plan(self, object: usize, header: u64) -> Plan {
        let id = type_of(header) as usize;
        if id >= self.count {
            super::corrupted(object);
        }
        // SAFETY: there are as many plans as rows.
        unsafe { *self.plans.add(id) }
    }

    #[inline]
    fn row(self, header: u64) -> &'static TypeInfo {
        // SAFETY: `plan` has checked the number of the row; the table is constant.
        unsafe { &*self.rows.add(type_of(header) as usize) }
    }

    /// Bytes of the object.
    ///
    /// # Safety
    /// `object` starts with `header`.
    #[inline]
    pub(crate) unsafe fn size(self, object: usize, header: u64) -> usize {
        match self.plan(object, header).size {
            // SAFETY: the caller's promise.
            0 => unsafe { size(object, header, self.row(header)) },
            size => size as usize,
        }
    }

    /// Whether objects of this type have references.
    #[inline]
    pub(crate) fn has_references(self, object: usize, header: u64) -> bool {
        let plan = self.plan(object, header);
        plan.words != 0 || plan.size == 0 && has_references(self.row(header))
    }

    /// Calls `visit` with every slot that holds a reference or null; addresses that are derived from a reference follow
    /// when `visit` changes it.
    ///
    /// # Safety
    /// `object` is a complete object with this header.
    #[inline]
    pub(crate) unsafe fn for_each_slot(self, object: usize, header: u64, mut visit: impl FnMut(*mut usize)) {
        let plan = self.plan(object, header);
        // SAFETY: the slots are words of the object.
        unsafe {
            if plan.size != 0 {
                let mut words = plan.words;
                while words != 0 {
                    visit((object as *mut usize).add(words.trailing_zeros() as usize));
                    words &= words - 1;
                }
                return;
            }
            let (base, data) = match type_of(header) {
                type_id::STRING => (offset_of!(StringObject, base), offset_of!(StringObject, data)),
                type_id::ARRAY => (offset_of!(ArrayObject, base), offset_of!(ArrayObject, data)),
                _ => return for_each_reference(object, header, self.row(header), visit),
            };
            let (base, data) = ((object + base) as *mut usize, (object + data) as *mut usize);
            let before = *base;
            visit(base);
            *data = (*data).wrapping_add((*base).wrapping_sub(before));
        }
    }
}

fn has_references(info: &TypeInfo) -> bool {
    info.pointer_count != 0 || !matches!(info.shape, Shape::Fixed | Shape::Elements)
}

/// The plan of the row with this number.
pub(crate) fn plan(id: u32, info: &TypeInfo) -> Plan {
    let none = Plan { size: 0, words: 0 };
    if info.shape != Shape::Fixed || info.size as u64 > LARGE_OBJECT_BYTES || id == type_id::ARRAY {
        return none;
    }
    let mut words = 0;
    for index in 0..info.pointer_count as usize {
        // SAFETY: the table has `pointer_count` offsets.
        let offset = unsafe { *info.pointers.add(index) };
        if offset >= 512 || offset % 8 != 0 {
            return none;
        }
        words |= 1 << (offset / 8);
    }
    Plan { size: round(info.size as usize) as u32, words }
}

#[inline]
const fn round(size: usize) -> usize {
    let size = (size + 7) & !7;
    if size < 16 { 16 } else { size }
}

/// Number of entries of a tree node.
#[inline]
unsafe fn entries(object: usize, header: u64) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        let node = object as *const MapNode;
        if (*node).entry_bitmap | (*node).child_bitmap == 0 {
            aux_of(header)
        } else {
            (*node).entry_bitmap.count_ones() as usize
        }
    }
}

/// Bytes of the object, rounded as the allocator does.
///
/// # Safety
/// `object` starts with `header`, and `info` is its row.
#[inline]
pub(crate) unsafe fn size(object: usize, header: u64, info: &TypeInfo) -> usize {
    match info.shape {
        Shape::Fixed => round(info.size as usize),
        Shape::Elements => round(ELEMENTS_OFFSET as usize + aux_of(header) * info.element_size as usize),
        // SAFETY: the caller's promise.
        Shape::String => unsafe {
            let string = object as *const StringObject;
            let text = if (*string).base.is_null() { (*string).len as usize + 1 } else { 0 };
            round(size_of::<StringObject>() + text)
        },
        // SAFETY: the caller's promise.
        Shape::MapNode => unsafe {
            let node = object as *const MapNode;
            match (*node).entry_bitmap | (*node).child_bitmap {
                0 => round(size_of::<MapNode>() + aux_of(header) * info.element_size as usize),
                _ => size_of::<MapNode>() + aux_of(header) * 8,
            }
        },
    }
}

/// Where the child references of a tree node start.
#[inline]
unsafe fn children_offset(object: usize, header: u64, info: &TypeInfo) -> usize {
    // SAFETY: the caller's promise.
    let entries = unsafe { entries(object, header) };
    (size_of::<MapNode>() + entries * info.element_size as usize + 7) & !7
}

/// Calls `visit` with every word that is a reference (or null).
///
/// # Safety
/// As [`size`]; the object is complete.
#[inline]
pub(crate) unsafe fn for_each_reference(
    object: usize,
    header: u64,
    info: &TypeInfo,
    mut visit: impl FnMut(*mut usize),
) {
    // SAFETY: the offsets of the table lie within the object.
    unsafe {
        let offsets = if info.pointer_count == 0 {
            &[]
        } else {
            core::slice::from_raw_parts(info.pointers, info.pointer_count as usize)
        };
        match info.shape {
            Shape::Fixed => {
                for &offset in offsets {
                    visit((object + offset as usize) as *mut usize);
                }
            }
            Shape::Elements => {
                let first = object + ELEMENTS_OFFSET as usize;
                if offsets == [0] && info.element_size == 8 {
                    // Lists of references, and their inner nodes.
                    for index in 0..aux_of(header) {
                        visit((first as *mut usize).add(index));
                    }
                } else if !offsets.is_empty() {
                    visit_rows(first, aux_of(header), info.element_size as usize, offsets, &mut visit);
                }
            }
            Shape::String => visit(&raw mut (*(object as *mut StringObject)).base as *mut usize),
            Shape::MapNode => {
                let first = object + size_of::<MapNode>();
                if !offsets.is_empty() {
                    let count = entries(object, header);
                    visit_rows(first, count, info.element_size as usize, offsets, &mut visit);
                }
                let children = (object + children_offset(object, header, info)) as *mut usize;
                for index in 0..(*(object as *const MapNode)).child_bitmap.count_ones() as usize {
                    visit(children.add(index));
                }
            }
        }
    }
}

#[inline]
fn visit_rows(first: usize, count: usize, bytes: usize, offsets: &[u32], visit: &mut impl FnMut(*mut usize)) {
    for row in 0..count {
        for &offset in offsets {
            visit((first + row * bytes + offset as usize) as *mut usize);
        }
    }
}
