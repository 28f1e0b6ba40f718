//! Arrays against Rust's vectors.

use super::*;
use crate::value::fixture::{Random, collection, int, slot};
use core::ptr::{null, null_mut};

fn contents(array: *const ArrayObject) -> Vec<i64> {
    // SAFETY: the tests use arrays of ints.
    unsafe { core::slice::from_raw_parts((*array).data.cast::<i64>(), (*array).len as usize).to_vec() }
}

#[test]
fn random_operations() {
    let ty = collection(crate::abi::Kind::Array, &[int()]);
    let mut random = Random(77);
    let mut kept: Vec<(*mut ArrayObject, Vec<i64>)> = vec![(empty(), Vec::new())];
    for _ in 0..3000 {
        let (object, mut model) = kept[random.below(kept.len())].clone();
        let value = random.below(1000) as i64;
        let place = random.below(model.len());
        let (start, end) = (random.below(40) as i64 - 20, random.below(40) as i64 - 10);
        let (low, high) = resolve_slice(start, end, model.len() as i64);
        let other = kept[random.below(kept.len())].clone();
        // SAFETY: all values are ints.
        let next = unsafe {
            match random.below(6) {
                0 => {
                    model.push(value);
                    coex_array_append(null_mut(), object, slot(&value), ty)
                }
                1 if !model.is_empty() => {
                    model[place] = value;
                    coex_array_set(null_mut(), object, place as i64, slot(&value), ty, null())
                }
                2 if model.len() < 200 => {
                    model.extend_from_slice(&other.1);
                    coex_array_concat(null_mut(), object, other.0, ty)
                }
                3 => {
                    model = model[low..high].to_vec();
                    coex_array_slice(null_mut(), object, start, end, ty)
                }
                4 => {
                    let count = other.1.len().min(high - low);
                    model[low..low + count].copy_from_slice(&other.1[..count]);
                    coex_array_set_slice(null_mut(), object, start, end, other.0, ty)
                }
                _ => {
                    model.sort();
                    coex_array_sort(null_mut(), object, ty)
                }
            }
        };
        assert_eq!(contents(next), model);
        if kept.len() > 30 {
            let victim = random.below(kept.len());
            kept.swap_remove(victim);
        }
        kept.push((next, model));
    }
    for (object, model) in kept {
        assert_eq!(contents(object), model);
        // SAFETY: all values are ints.
        unsafe {
            let reversed = coex_array_reverse(null_mut(), object, ty);
            assert_eq!(contents(reversed), model.iter().rev().copied().collect::<Vec<_>>());
            let list = coex_array_to_list(null_mut(), object, ty);
            assert_eq!(crate::value::fixture::elements::<i64>(list), model);
        }
    }
}

#[test]
fn filling() {
    let ty = collection(crate::abi::Kind::Array, &[int()]);
    // SAFETY: all values are ints.
    unsafe {
        assert_eq!(contents(coex_array_fill(null_mut(), 5, slot(&7i64), ty, null())), [7; 5]);
        assert_eq!(contents(coex_array_fill(null_mut(), 0, slot(&7i64), ty, null())), [0i64; 0]);
    }
}
