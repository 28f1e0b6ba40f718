//! Equality, order and hashes of nested values.

use super::*;
use crate::value::fixture::{
    Desc, choice, collection, int, list, list_of, new_string, optional, record, scalar, slot, text,
};

fn order<T>(left: T, right: T, desc: Desc) -> Ordering {
    // SAFETY: the test pairs types and values.
    unsafe {
        let answer = compare(slot(&left), slot(&right), desc);
        assert_eq!(answer, compare(slot(&right), slot(&left), desc).reverse());
        assert_eq!(answer.is_eq(), equal(slot(&left), slot(&right), desc));
        if answer.is_eq() {
            assert_eq!(hash(slot(&left), desc), hash(slot(&right), desc));
        }
        answer
    }
}

#[test]
fn scalars() {
    assert_eq!(order(-1i64, 1, int()), Ordering::Less);
    assert_eq!(order(200u8, 100, scalar(Kind::Byte)), Ordering::Greater);
    assert_eq!(order(false, true, scalar(Kind::Bool)), Ordering::Less);
    assert_eq!(order('é', 'z', scalar(Kind::Char)), Ordering::Greater);
    assert_eq!(order(new_string("ab"), new_string("abc"), text()), Ordering::Less);
    assert_eq!(order(0.0, -0.0, scalar(Kind::Float)), Ordering::Equal);
}

#[test]
fn nan() {
    let (float, nan) = (scalar(Kind::Float), f64::NAN);
    // SAFETY: floats.
    unsafe {
        assert!(!equal(slot(&nan), slot(&nan), float));
        assert!(compare(slot(&nan), slot(&nan), float).is_eq());
        assert!(compare(slot(&1.0f64), slot(&nan), float).is_lt());
        assert_eq!(hash(slot(&nan), float), hash(slot(&-nan), float));
        let values = list_of(float, &[nan]);
        assert!(!equal(slot(&values), slot(&values), list(float)));
    }
}

#[test]
fn sequences() {
    let (inner, ty) = (list(int()), list(list(int())));
    let make = |rows: &[&[i64]]| list_of(inner, &rows.iter().map(|row| list_of(int(), row)).collect::<Vec<_>>());
    let samples: Vec<Vec<&[i64]>> =
        vec![vec![], vec![&[]], vec![&[1]], vec![&[1], &[]], vec![&[1], &[2, 3]], vec![&[1, 2]], vec![&[2]]];
    for left in &samples {
        for right in &samples {
            assert_eq!(order(make(left), make(right), ty), left.cmp(right));
        }
    }
    let long: Vec<i64> = (0..5000).collect();
    let mut other = long.clone();
    other[4321] = 0;
    assert_eq!(order(list_of(int(), &long), list_of(int(), &other), inner), Ordering::Greater);
}

#[test]
fn aggregates() {
    let pair = record("", &[("", list(int())), ("", int())]);
    let make = |values: &[i64], number: i64| (list_of(int(), values), number);
    assert_eq!(order(make(&[1], 2), make(&[1], 3), pair), Ordering::Less);
    assert_eq!(order(make(&[2], 2), make(&[1], 3), pair), Ordering::Greater);
    let maybe = optional(int());
    assert_eq!(order([0i64, 0], [-5, 1], maybe), Ordering::Less);
    assert_eq!(order([-5i64, 1], [-5, 1], maybe), Ordering::Equal);
    let shape = choice("Shape", &[("Dot", &[]), ("Line", &[("name", text()), ("length", int())])]);
    let line = |name: &str, length: i64| (1i64, new_string(name), length);
    assert_eq!(order((0i64, core::ptr::null_mut(), 0), line("a", -1), shape), Ordering::Less);
    assert_eq!(order(line("a", 1), line("a", 2), shape), Ordering::Less);
    assert_eq!(order(line("b", 1), line("a", 2), shape), Ordering::Greater);
}

#[test]
fn a_long_chain_needs_no_stack() {
    // type Node: value: int, next: Node?
    struct Chain(TypeDesc, TypeDesc);
    let chain: &'static mut Chain =
        Box::leak(Box::new(Chain(TypeDesc { boxed: 1, ..copy_of(record("Node", &[])) }, copy_of(optional(text())))));
    let (node, maybe) = (&raw mut chain.0, &raw mut chain.1);
    let fields = vec![
        FieldDesc { name: int().name, desc: int(), offset: 0, boxed: 0 },
        FieldDesc { name: int().name, desc: maybe, offset: 8, boxed: 0 },
    ];
    // SAFETY: the descriptors are leaked, and changed before they are used.
    unsafe {
        (*node).size = 8;
        (*node).fields = fields.leak().as_ptr();
        (*node).field_count = 2;
        (*maybe).args = vec![node.cast_const()].leak().as_ptr();
        let build = || {
            let mut head: *mut [u64; 3] = core::ptr::null_mut();
            for number in 0..1_000_000u64 {
                head = Box::leak(Box::new([0, number, head as u64]));
            }
            head
        };
        let (one, other) = (build(), build());
        assert!(equal(slot(&one), slot(&other), maybe));
        assert!(compare(slot(&one), slot(&other), node).is_eq());
        assert_eq!(hash(slot(&one), node), hash(slot(&other), node));
        let mut printed = Vec::new();
        crate::text::write(&mut printed, slot(&one), maybe, crate::text::Style::Print);
        assert!(printed.ends_with(b")))))") && printed.windows(5).any(|window| window == b" nil)"));
    }
}

fn copy_of(desc: Desc) -> TypeDesc {
    // SAFETY: descriptors are plain data.
    unsafe { core::ptr::read(desc) }
}

#[test]
fn maps_of_maps() {
    let (inner, empty) = (collection(Kind::Map, &[int(), int()]), crate::map::empty());
    let ty = collection(Kind::Map, &[text(), inner]);
    // SAFETY: types and values agree.
    unsafe {
        let fiber = core::ptr::null_mut();
        let small = |value: i64| crate::map::coex_map_set(fiber, empty, slot(&1i64), slot(&value), inner);
        let make = |value| crate::map::coex_map_set(fiber, empty, slot(&new_string("k")), slot(&small(value)), ty);
        assert!(equal(slot(&make(1)), slot(&make(1)), ty));
        assert!(!equal(slot(&make(1)), slot(&make(2)), ty));
        assert!(!equal(slot(&make(1)), slot(&empty), ty));
    }
}
