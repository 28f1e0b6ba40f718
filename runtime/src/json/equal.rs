//! Equality of json values (3.7): by value, `1` equals `1.0`, the order of members does not count.
//!
//! In: two values. Out: whether they are equal. Driven by an explicit stack, so depth costs no stack.

use super::{JsonKind, JsonValue, object};

fn same_number(int: i64, float: f64) -> bool {
    // Below 2^63 every whole float is an int exactly.
    const END: f64 = 9_223_372_036_854_775_808.0;
    (-END..END).contains(&float) && float.trunc() == float && float as i64 == int
}

/// # Safety
/// As for all functions of the value modules.
pub unsafe fn equal(left: JsonValue, right: JsonValue) -> bool {
    let mut work = vec![(left, right)];
    while let Some((left, right)) = work.pop() {
        let same = match (left.kind(), right.kind()) {
            (JsonKind::Int, JsonKind::Float) => same_number(left.int(), right.float()),
            (JsonKind::Float, JsonKind::Int) => same_number(right.int(), left.float()),
            (JsonKind::Float, JsonKind::Float) => left.float() == right.float(),
            (JsonKind::String, JsonKind::String) => left.bytes() == right.bytes(),
            (JsonKind::Array, JsonKind::Array) => {
                let ((ours, len), (theirs, other)) = (left.elements(), right.elements());
                if len == other {
                    work.extend((0..len).map(|index| (*ours.add(index), *theirs.add(index))));
                }
                len == other
            }
            (JsonKind::Object, JsonKind::Object) => {
                let (ours, theirs) = (left.object(), right.object());
                (*ours).len == (*theirs).len
                    && (0..(*ours).len as usize).all(|index| {
                        let entry = *object::entries(ours).add(index);
                        let found = object::find(theirs, crate::string::bytes(entry.key));
                        if let Some(position) = found {
                            work.push((entry.value, (*object::entries(theirs).add(position)).value));
                        }
                        found.is_some()
                    })
            }
            (one, other) => one == other && left.word == right.word,
        };
        if !same {
            return false;
        }
    }
    true
}
