//! Lists against Rust's vectors.

use super::build::{coex_list_range, from_run};
use super::convert::{coex_list_copy_bytes, coex_list_join, coex_list_to_array};
use super::edit::*;
use super::search::*;
use super::sort::coex_list_sort;
use super::*;
use crate::value::fixture::{
    Desc, Random, elements, int, list, list_of, new_string, record, rust_string, scalar, slot, text,
};
use core::ptr::{null, null_mut};

/// A slot type with a way to make values.
trait Element: Copy + PartialEq + core::fmt::Debug {
    fn desc() -> Desc;
    fn make(number: u64) -> Self;
}

impl Element for i64 {
    fn desc() -> Desc {
        int()
    }
    fn make(number: u64) -> i64 {
        number as i64 % 50
    }
}

impl Element for u8 {
    fn desc() -> Desc {
        scalar(crate::abi::Kind::Byte)
    }
    fn make(number: u64) -> u8 {
        number as u8
    }
}

/// Four ints: the largest inline record, 16 to a leaf.
impl Element for [i64; 4] {
    fn desc() -> Desc {
        record("Four", &[("a", int()), ("b", int()), ("c", int()), ("d", int())])
    }
    fn make(number: u64) -> [i64; 4] {
        [number as i64 % 7, 2, 3, number as i64]
    }
}

fn run_script<T: Element>(seed: u64, steps: usize, limit: usize) {
    let mut random = Random(seed);
    let (element, ty) = (T::desc(), list(T::desc()));
    // Old versions must stay as they were.
    let mut kept: Vec<(*mut ListObject, Vec<T>)> = vec![(empty(), Vec::new())];
    for _ in 0..steps {
        let (object, model) = kept[random.below(kept.len())].clone();
        let (next, expected) = step(&mut random, object, model, element, ty, limit);
        assert_eq!(elements::<T>(next), expected);
        if kept.len() > 20 {
            let victim = random.below(kept.len());
            kept.swap_remove(victim);
        }
        kept.push((next, expected));
        for (object, model) in &kept {
            assert_eq!(elements::<T>(*object).len(), model.len());
        }
    }
    for (object, model) in &kept {
        assert_eq!(elements::<T>(*object), *model);
    }
}

fn step<T: Element>(
    random: &mut Random,
    object: *mut ListObject,
    mut model: Vec<T>,
    element: Desc,
    ty: Desc,
    limit: usize,
) -> (*mut ListObject, Vec<T>) {
    let value = T::make(random.next());
    let place = random.below(model.len() + 1);
    let fresh: Vec<T> = (0..random.below(limit)).map(|_| T::make(random.next())).collect();
    let (start, end) = (random.below(2 * model.len() + 3) as i64 - model.len() as i64 - 1, random.below(limit) as i64);
    let (low, high) = crate::slot::resolve_slice(start, end, model.len() as i64);
    // SAFETY: all values are of the type of `ty`.
    unsafe {
        match random.below(10) {
            0 | 1 => {
                let mut object = object;
                for value in fresh {
                    object = coex_list_append(null_mut(), object, slot(&value), ty);
                    model.push(value);
                }
                (object, model)
            }
            2 if place < model.len() => {
                model[place] = value;
                let index = if random.below(2) == 0 { place as i64 } else { place as i64 - model.len() as i64 };
                (coex_list_set(null_mut(), object, index, slot(&value), ty, null()), model)
            }
            3 if !model.is_empty() => {
                let (mut object, count) = (object, random.below(model.len()) + 1);
                for _ in 0..count {
                    object = coex_list_pop(null_mut(), object, ty, null());
                    model.pop();
                }
                (object, model)
            }
            4 => {
                model.insert(place, value);
                (coex_list_insert(null_mut(), object, place as i64, slot(&value), ty, null()), model)
            }
            5 if place < model.len() => {
                model.remove(place);
                (coex_list_remove(null_mut(), object, place as i64, ty, null()), model)
            }
            6 => {
                let right = list_of(element, &fresh);
                model.extend_from_slice(&fresh);
                (coex_list_concat(null_mut(), object, right, ty), model)
            }
            7 => (coex_list_slice(null_mut(), object, start, end, ty), model[low..high].to_vec()),
            8 => {
                let count = fresh.len().min(high - low);
                model[low..low + count].copy_from_slice(&fresh[..count]);
                (coex_list_set_slice(null_mut(), object, start, end, list_of(element, &fresh), ty), model)
            }
            _ => {
                model.reverse();
                (coex_list_reverse(null_mut(), object, ty), model)
            }
        }
    }
}

#[test]
fn random_operations_on_ints() {
    run_script::<i64>(1, 400, 300);
    run_script::<i64>(2, 60, 5000);
}

#[test]
fn random_operations_on_bytes() {
    run_script::<u8>(3, 300, 2000);
}

#[test]
fn random_operations_on_records() {
    run_script::<[i64; 4]>(4, 300, 100);
    run_script::<[i64; 4]>(5, 30, 4000);
}

#[test]
fn deep_trees() {
    let ty = list(int());
    // SAFETY: all values are ints.
    unsafe {
        let mut object = empty();
        for value in 0..200_000i64 {
            object = coex_list_append(null_mut(), object, slot(&value), ty);
        }
        assert_eq!((*object).depth, 3);
        let built = coex_list_range(null_mut(), 0, 200_000, 1, ty, null());
        assert!(crate::value::equal(slot(&object), slot(&built), ty));
        for index in (0..200_000).step_by(997) {
            let mut out = 0i64;
            coex_list_get(null_mut(), object, index - 200_000, ty, null(), (&raw mut out).cast());
            assert_eq!(out, index);
        }
        let mut shrunk = object;
        for length in (0..200_000i64).rev() {
            shrunk = coex_list_pop(null_mut(), shrunk, ty, null());
            assert_eq!((*shrunk).len, length);
        }
        assert_eq!((*object).len, 200_000);
    }
}

#[test]
fn appending_twice_to_one_list() {
    let ty = list(int());
    // SAFETY: all values are ints.
    unsafe {
        let base = list_of(int(), &[1i64, 2, 3]);
        let one = coex_list_append(null_mut(), base, slot(&10i64), ty);
        let other = coex_list_append(null_mut(), base, slot(&20i64), ty);
        assert_eq!(elements::<i64>(one), [1, 2, 3, 10]);
        assert_eq!(elements::<i64>(other), [1, 2, 3, 20]);
    }
}

#[test]
fn leaves_cover_the_list() {
    let ty = list(int());
    // SAFETY: the leaf addresses are those of ints.
    unsafe {
        let object = coex_list_range(null_mut(), 0, 1000, 1, ty, null());
        let (mut index, mut seen) = (0, Vec::new());
        loop {
            let mut count = 0i64;
            let leaf = coex_list_leaf(object, index, ty, &mut count).cast::<i64>();
            if count == 0 {
                break;
            }
            seen.extend_from_slice(core::slice::from_raw_parts(leaf, count as usize));
            index += count;
        }
        assert_eq!(seen, (0..1000).collect::<Vec<i64>>());
    }
}

#[test]
fn searching_and_sorting() {
    let mut random = Random(9);
    let values: Vec<i64> = (0..700).map(|_| random.below(100) as i64).collect();
    let (object, ty) = (list_of(int(), &values), list(int()));
    // SAFETY: all values are ints or strings as their types say.
    unsafe {
        for wanted in 0..101i64 {
            let position = values.iter().position(|value| *value == wanted).map_or(-1, |position| position as i64);
            assert_eq!(coex_list_index_of(object, slot(&wanted), ty), position);
            assert_eq!(coex_list_contains(object, slot(&wanted), ty), position >= 0);
            let count = values.iter().filter(|value| **value == wanted).count() as i64;
            assert_eq!(coex_list_count(object, slot(&wanted), ty), count);
        }
        let mut sorted = values.clone();
        sorted.sort();
        assert_eq!(elements::<i64>(coex_list_sort(null_mut(), object, ty)), sorted);
        let words = ["pear", "apple", "", "äpfel", "apples", "fig"];
        let objects = words.map(new_string);
        let list_type = list(text());
        let sorted = coex_list_sort(null_mut(), list_of(text(), &objects), list_type);
        let mut expected = words.to_vec();
        expected.sort();
        assert_eq!(crate::value::fixture::strings(sorted), expected);
        let joined = coex_list_join(null_mut(), sorted, new_string(", "));
        assert_eq!(rust_string(joined), expected.join(", "));
    }
}

#[test]
fn stable_sort_of_records() {
    // -0.0 equals 0.0, so the order of the two shows stability.
    let float = scalar(crate::abi::Kind::Float);
    let values = [2.0, 0.0, f64::NAN, -0.0, -1.0, f64::INFINITY, f64::NEG_INFINITY];
    // SAFETY: all values are floats.
    unsafe {
        let sorted = elements::<f64>(coex_list_sort(null_mut(), list_of(float, &values), list(float)));
        assert_eq!(format!("{sorted:?}"), "[-inf, -1.0, 0.0, -0.0, 2.0, inf, NaN]");
    }
}

#[test]
fn conversions() {
    let byte = u8::desc();
    let bytes: Vec<u8> = (0..3000).map(|number| number as u8).collect();
    // SAFETY: the buffers have the lengths of the lists.
    unsafe {
        let object = from_run(null_mut(), byte, bytes.as_ptr(), bytes.len());
        let mut copy = vec![0; bytes.len()];
        coex_list_copy_bytes(object, copy.as_mut_ptr());
        assert_eq!(copy, bytes);
        let array = coex_list_to_array(null_mut(), object, list(byte));
        assert_eq!(core::slice::from_raw_parts((*array).data, bytes.len()), bytes);
        let down = coex_list_range(null_mut(), 5, -5, -3, list(int()), null());
        assert_eq!(elements::<i64>(down), [5, 2, -1, -4]);
        let edge = coex_list_range(null_mut(), i64::MAX - 3, i64::MAX, 2, list(int()), null());
        assert_eq!(elements::<i64>(edge), [i64::MAX - 3, i64::MAX - 1]);
    }
}
