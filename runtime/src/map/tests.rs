//! Maps and sets against Rust's own.

use super::*;
use crate::abi::{Kind, MapNode, StringObject};
use crate::set::*;
use crate::value::equal;
use crate::value::fixture::{
    Desc, Random, collection, elements, int, keys, list, new_string, optional, scalar, slot, text,
};
use core::cell::Cell;
use core::ptr::{null, null_mut};
use std::collections::{BTreeMap, BTreeSet};

thread_local! {
    /// Bits of hashes that count, for this test.
    pub(super) static HASH_MASK: Cell<u64> = const { Cell::new(u64::MAX) };
}

fn map_type() -> Desc {
    collection(Kind::Map, &[int(), int()])
}

/// The one form: no node below the root with a single entry and nothing else; collisions in order.
fn check_form(node: *const MapNode, layout: &Layout, root: bool) -> usize {
    // SAFETY: the node is of the layout.
    unsafe {
        let (entries, children_count) = (layout::entry_count(node), layout::child_count(node));
        assert!(entries + children_count > 0);
        assert!(root || entries + children_count > 1 || children_count == 1);
        assert_eq!((*node).entry_bitmap & (*node).child_bitmap, 0);
        if is_collision(node) {
            let keys: Vec<i64> = (0..entries).map(|index| entry(node, layout, index).cast::<i64>().read()).collect();
            assert!(entries > 1 && keys.is_sorted());
        }
        let below: usize =
            (0..children_count).map(|index| check_form(layout::child(node, layout, index), layout, false)).sum();
        entries + below
    }
}

fn check(map: *mut MapObject, model: &BTreeMap<i64, i64>, ty: Desc) {
    // SAFETY: the map is of ints.
    unsafe {
        assert_eq!((*map).len as usize, model.len());
        let layout = Layout::of(ty);
        if !model.is_empty() {
            assert_eq!(check_form((*map).root, &layout, true), model.len());
        }
        let (list_type, mut pairs) = (list(int()), Vec::new());
        let keys = elements::<i64>(coex_map_keys(null_mut(), map, ty, list_type));
        let values = elements::<i64>(coex_map_values(null_mut(), map, ty, list_type));
        pairs.extend(keys.into_iter().zip(values));
        pairs.sort();
        assert_eq!(pairs, model.iter().map(|(key, value)| (*key, *value)).collect::<Vec<_>>());
    }
}

fn run_script(seed: u64, steps: usize, range: usize) {
    let (ty, mut random) = (map_type(), Random(seed));
    let mut kept: Vec<(*mut MapObject, BTreeMap<i64, i64>)> = vec![(empty(), BTreeMap::new())];
    for _ in 0..steps {
        let (mut map, mut model) = kept[random.below(kept.len())].clone();
        // SAFETY: all values are ints.
        unsafe {
            match random.below(4) {
                0 | 1 => {
                    for _ in 0..random.below(range) {
                        let (key, value) = (random.below(range) as i64, random.below(50) as i64);
                        map = coex_map_set(null_mut(), map, slot(&key), slot(&value), ty);
                        model.insert(key, value);
                    }
                }
                2 => {
                    for _ in 0..random.below(range) {
                        let key = random.below(range) as i64;
                        map = coex_map_remove(null_mut(), map, slot(&key), ty);
                        model.remove(&key);
                    }
                }
                _ => {
                    let other = &kept[random.below(kept.len())];
                    map = coex_map_merge(null_mut(), map, other.0, ty);
                    model.extend(other.1.iter());
                }
            }
            for key in 0..range as i64 {
                let expected = model.get(&key);
                assert_eq!(coex_map_has(map, slot(&key), ty), expected.is_some());
                let mut out = [0i64; 2];
                let optional = optional(int());
                coex_map_get(null_mut(), map, slot(&key), ty, optional, (&raw mut out).cast());
                assert_eq!(out[1] & 0xFF, expected.is_some() as i64);
                assert_eq!(out[0], expected.copied().unwrap_or(0));
            }
        }
        check(map, &model, ty);
        if kept.len() > 12 {
            let victim = random.below(kept.len());
            kept.swap_remove(victim);
        }
        kept.push((map, model));
    }
    for (map, model) in &kept {
        check(*map, model, ty);
        rebuilt_is_same(*map, model, ty);
        for (other, other_model) in &kept {
            // SAFETY: both are of the type.
            assert_eq!(unsafe { equal(slot(map), slot(other), ty) }, model == other_model);
        }
    }
}

/// Built in another order, the map is equal and iterates alike.
fn rebuilt_is_same(map: *mut MapObject, model: &BTreeMap<i64, i64>, ty: Desc) {
    let entries: Vec<[i64; 2]> = model.iter().rev().map(|(key, value)| [*key, *value]).collect();
    // SAFETY: the entries are pairs of ints, as the layout has them.
    unsafe {
        let rebuilt = coex_map_from(null_mut(), entries.as_ptr().cast(), entries.len() as i64, ty);
        assert!(equal(slot(&map), slot(&rebuilt), ty));
        assert_eq!(keys::<i64>(map, ty), keys::<i64>(rebuilt, ty));
    }
}

#[test]
fn random_operations() {
    run_script(11, 120, 60);
    run_script(12, 12, 3000);
}

#[test]
fn random_operations_with_poor_hashes() {
    for mask in [0, 1, 0x1F, 0xF800_0000_0000_0000, 0x8000_0000_0000_0001] {
        HASH_MASK.with(|cell| cell.set(mask));
        run_script(13, 60, 40);
    }
    HASH_MASK.with(|cell| cell.set(u64::MAX));
}

#[test]
fn string_keys_and_values() {
    let ty = collection(Kind::Map, &[text(), text()]);
    let mut map = empty();
    // SAFETY: keys and values are strings.
    unsafe {
        for number in 0..2000 {
            let (key, value) = (new_string(&format!("key {number}")), new_string(&format!("{number}")));
            map = coex_map_set(null_mut(), map, slot(&key), slot(&value), ty);
        }
        for number in 0..2000 {
            let key = new_string(&format!("key {number}"));
            let mut out: *mut StringObject = null_mut();
            coex_map_index(null_mut(), map, slot(&key), ty, null(), (&raw mut out).cast());
            assert_eq!(crate::value::fixture::rust_string(out), number.to_string());
        }
    }
}

#[test]
fn float_keys_have_one_form() {
    let float = scalar(Kind::Float);
    let ty = collection(Kind::Set, &[float]);
    let values = [0.0, -0.0, f64::NAN, -f64::NAN, 1.0];
    // SAFETY: all values are floats.
    unsafe {
        let set = coex_set_from(null_mut(), values.as_ptr().cast(), 5, ty);
        assert_eq!((*set).len, 3);
        let zero = keys::<f64>(set, ty).into_iter().find(|key| *key == 0.0);
        assert_eq!(zero.map(f64::to_bits), Some(0));
        assert!(coex_set_has(set, slot(&-0.0f64), ty) && coex_set_has(set, slot(&f64::NAN), ty));
        assert!(equal(slot(&set), slot(&set), ty));
        let nested = collection(Kind::Set, &[list(float)]);
        let key = crate::value::fixture::list_of(float, &[-0.0f64, 2.0]);
        let set = coex_set_add(null_mut(), empty(), slot(&key), nested);
        let stored = elements::<f64>(keys::<*const ListObject>(set, nested)[0]);
        assert_eq!(stored.iter().map(|value| value.to_bits()).collect::<Vec<_>>(), [0, 2f64.to_bits()]);
        assert!(coex_set_has(set, slot(&key), nested));
    }
}

#[test]
fn set_operations() {
    let ty = collection(Kind::Set, &[int()]);
    let mut random = Random(5);
    for _ in 0..100 {
        let mut make = || (0..random.below(80)).map(|_| random.below(100) as i64).collect::<Vec<_>>();
        let (left, right) = (make(), make());
        let (left_model, right_model) =
            (left.iter().copied().collect::<BTreeSet<_>>(), right.iter().copied().collect::<BTreeSet<_>>());
        let sorted = |set| keys::<i64>(set, ty).into_iter().collect::<BTreeSet<_>>();
        // SAFETY: all values are ints.
        unsafe {
            let left = coex_set_from(null_mut(), left.as_ptr().cast(), left.len() as i64, ty);
            let right = coex_set_from(null_mut(), right.as_ptr().cast(), right.len() as i64, ty);
            assert_eq!(sorted(coex_set_union(null_mut(), left, right, ty)), &left_model | &right_model);
            let both = coex_set_intersection(null_mut(), left, right, ty);
            assert_eq!(sorted(both), &left_model & &right_model);
            assert_eq!(sorted(coex_set_difference(null_mut(), left, right, ty)), &left_model - &right_model);
            assert!(coex_set_is_subset(both, left, ty));
            assert_eq!(coex_set_is_subset(left, right, ty), left_model.is_subset(&right_model));
            let union = coex_set_union(null_mut(), left, right, ty);
            let other_union = coex_set_union(null_mut(), right, left, ty);
            assert!(equal(slot(&union), slot(&other_union), ty));
            let listed = elements::<i64>(coex_set_to_list(null_mut(), left, ty, list(int())));
            assert_eq!(listed, keys::<i64>(left, ty));
        }
    }
}

#[test]
fn large_values_are_boxed_in_their_optional() {
    let wide = crate::value::fixture::record("Wide", &[("a", int()), ("b", int()), ("c", int()), ("d", int())]);
    let ty = collection(Kind::Map, &[int(), wide]);
    // SAFETY: the slots have the sizes of their types.
    unsafe {
        let map = coex_map_set(null_mut(), empty(), slot(&1i64), slot(&[1i64, 2, 3, 4]), ty);
        let mut out: *const [i64; 5] = null();
        coex_map_get(null_mut(), map, slot(&1i64), ty, optional(wide), (&raw mut out).cast());
        assert_eq!(out.read()[1..], [1, 2, 3, 4]);
        coex_map_get(null_mut(), map, slot(&2i64), ty, optional(wide), (&raw mut out).cast());
        assert!(out.is_null());
    }
}
