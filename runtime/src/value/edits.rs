//! Changes in place: a variable with its token against copies taken of it, which must never change.

use super::fixture::{Desc, Random, collection, elements, int, keys, list, list_of, slot};
use crate::abi::{ArrayObject, Kind, ListObject, MapObject, StringObject};
use crate::slot::coex_edit_token;
use core::ptr::{null, null_mut};
use std::collections::{BTreeMap, BTreeSet};

/// A variable that is changed in place, and copies of it.
struct Variable<T, M> {
    object: *mut T,
    model: M,
    token: i64,
    copies: Vec<(*mut T, M)>,
}

impl<T, M: Clone + PartialEq + core::fmt::Debug> Variable<T, M> {
    fn new(object: *mut T, model: M) -> Variable<T, M> {
        Variable { object, model, token: 0, copies: Vec::new() }
    }

    fn token(&mut self) -> i64 {
        if self.token == 0 {
            self.token = coex_edit_token();
        }
        self.token
    }

    /// Now and then a copy is taken, or one is taken back: both end the ownership.
    fn exchange(&mut self, random: &mut Random, read: impl Fn(*mut T) -> M) {
        if random.below(40) == 0 {
            self.copies.push((self.object, self.model.clone()));
            self.token = 0;
        }
        if random.below(80) == 0 && !self.copies.is_empty() {
            let index = random.below(self.copies.len());
            (self.object, self.model) = self.copies[index].clone();
            self.token = 0;
        }
        if random.below(100) == 0 {
            assert_eq!(read(self.object), self.model);
            for (copy, model) in &self.copies {
                assert_eq!(read(*copy), *model);
            }
            if self.copies.len() > 8 {
                let victim = random.below(self.copies.len());
                self.copies.swap_remove(victim);
            }
        }
    }
}

#[test]
fn lists() {
    let (ty, mut random) = (list(int()), Random(31));
    for start in [0, 3, 64, 65, 5000] {
        let model: Vec<i64> = (0..start).collect();
        let mut variable: Variable<ListObject, Vec<i64>> = Variable::new(list_of(int(), &model), model);
        for _ in 0..6000 {
            let value = random.below(1000) as i64;
            let token = variable.token();
            // SAFETY: a list of ints.
            unsafe {
                if random.below(3) > 0 && !variable.model.is_empty() {
                    let index = random.below(variable.model.len());
                    variable.model[index] = value;
                    variable.object = crate::list::edit::coex_list_set_owned(
                        null_mut(),
                        variable.object,
                        index as i64,
                        slot(&value),
                        token,
                        ty,
                        null(),
                    );
                } else if random.below(30) == 0 {
                    let more: Vec<i64> = (0..random.below(300)).map(|_| random.below(1000) as i64).collect();
                    let right = list_of(int(), &more);
                    variable.model.extend(&more);
                    variable.object =
                        crate::list::edit::coex_list_concat_owned(null_mut(), variable.object, right, token, ty);
                    if random.below(3) == 0 {
                        // The right side may have become the result: it must not change.
                        variable.copies.push((right, more));
                    }
                } else if random.below(50) == 0 && !variable.model.is_empty() {
                    // Not an owned function: the result is another value.
                    variable.object = crate::list::edit::coex_list_pop(null_mut(), variable.object, ty, null());
                    variable.model.pop();
                    variable.token = 0;
                } else {
                    variable.model.push(value);
                    variable.object =
                        crate::list::edit::coex_list_append_owned(null_mut(), variable.object, slot(&value), token, ty);
                }
            }
            variable.exchange(&mut random, |object| elements::<i64>(object));
        }
    }
}

fn ints(array: *mut ArrayObject) -> Vec<i64> {
    // SAFETY: an array of ints.
    unsafe { (0..(*array).len as usize).map(|index| (*array).data.cast::<i64>().add(index).read()).collect() }
}

#[test]
fn arrays() {
    let (ty, mut random) = (collection(Kind::Array, &[int()]), Random(32));
    let mut variable: Variable<ArrayObject, Vec<i64>> = Variable::new(crate::array::empty(), Vec::new());
    for _ in 0..20_000 {
        let (value, token) = (random.below(1000) as i64, variable.token());
        // SAFETY: an array of ints.
        unsafe {
            if random.below(3) > 0 && !variable.model.is_empty() {
                let index = random.below(variable.model.len());
                variable.model[index] = value;
                variable.object = crate::array::coex_array_set_owned(
                    null_mut(),
                    variable.object,
                    index as i64,
                    slot(&value),
                    token,
                    ty,
                    null(),
                );
            } else if random.below(60) == 0 && variable.model.len() < 2000 {
                let more: Vec<i64> = (0..random.below(20)).map(|_| random.below(1000) as i64).collect();
                let right = crate::array::from_slots(null_mut(), int(), more.as_ptr().cast(), more.len());
                variable.model.extend(&more);
                variable.object = crate::array::coex_array_concat_owned(null_mut(), variable.object, right, token, ty);
                variable.copies.push((right, more));
            } else if random.below(60) == 0 {
                let (start, end) = (random.below(30) as i64, random.below(200) as i64);
                let (low, high) = crate::slot::resolve_slice(start, end, variable.model.len() as i64);
                variable.object = crate::array::coex_array_slice(null_mut(), variable.object, start, end, ty);
                variable.model = variable.model[low..high].to_vec();
                variable.token = 0;
            } else {
                variable.model.push(value);
                variable.object =
                    crate::array::coex_array_append_owned(null_mut(), variable.object, slot(&value), token, ty);
            }
        }
        variable.exchange(&mut random, ints);
    }
}

fn map_entries(map: *mut MapObject, ty: Desc) -> BTreeMap<i64, i64> {
    keys::<[i64; 2]>(map, ty).into_iter().map(|[key, value]| (key, value)).collect()
}

#[test]
fn maps_and_sets() {
    let (map_type, set_type) = (collection(Kind::Map, &[int(), int()]), collection(Kind::Set, &[int()]));
    let mut random = Random(33);
    let mut map: Variable<MapObject, BTreeMap<i64, i64>> = Variable::new(crate::map::empty(), BTreeMap::new());
    let mut set: Variable<MapObject, BTreeSet<i64>> = Variable::new(crate::map::empty(), BTreeSet::new());
    for round in 0..30_000 {
        let range = if round % 10_000 < 5000 { 40 } else { 2000 };
        let (key, value) = (random.below(range) as i64, random.below(1000) as i64);
        let (map_token, set_token) = (map.token(), set.token());
        // SAFETY: maps and sets of ints.
        unsafe {
            if random.below(5) < 3 {
                map.model.insert(key, value);
                map.object = crate::map::coex_map_set_owned(
                    null_mut(),
                    map.object,
                    slot(&key),
                    slot(&value),
                    map_token,
                    map_type,
                );
                set.model.insert(key);
                set.object = crate::set::coex_set_add_owned(null_mut(), set.object, slot(&key), set_token, set_type);
            } else {
                map.model.remove(&key);
                map.object = crate::map::coex_map_remove_owned(null_mut(), map.object, slot(&key), map_token, map_type);
                set.model.remove(&key);
                set.object = crate::set::coex_set_remove_owned(null_mut(), set.object, slot(&key), set_token, set_type);
            }
            assert_eq!((*map.object).len as usize, map.model.len());
        }
        map.exchange(&mut random, |object| map_entries(object, map_type));
        set.exchange(&mut random, |object| keys::<i64>(object, set_type).into_iter().collect());
    }
}

#[test]
fn strings() {
    let pieces = ["", "a", "piece ", "é", "…!", "0123456789012345678901234567890123456789"];
    let mut random = Random(34);
    let start = super::fixture::new_string("start");
    let mut variable: Variable<StringObject, String> = Variable::new(start, "start".to_owned());
    for _ in 0..20_000 {
        let token = variable.token();
        // SAFETY: strings.
        unsafe {
            if random.below(20) == 0 {
                // A part of the text, as a view of its buffer; it may become the variable.
                let (start, end) = (random.below(50) as i64, random.below(200) as i64);
                let part = crate::string::coex_string_slice(null_mut(), variable.object, start, end);
                let (low, high) = crate::slot::resolve_slice(start, end, variable.model.chars().count() as i64);
                let model: String = variable.model.chars().skip(low).take(high - low).collect();
                variable.token = 0;
                match random.below(4) {
                    0 => (variable.object, variable.model) = (part, model),
                    _ => variable.copies.push((part, model)),
                }
            } else if random.below(10) == 0 && !variable.copies.is_empty() {
                // Somebody else appends to a copy.
                let copy = random.below(variable.copies.len());
                let (object, model) = variable.copies[copy].clone();
                let longer = crate::string::concat(null_mut(), object, super::fixture::new_string("other"));
                variable.copies.push((longer, model + "other"));
            } else {
                let piece = pieces[random.below(pieces.len())];
                let right = super::fixture::new_string(piece);
                variable.model.push_str(piece);
                variable.object = crate::string::coex_string_concat_owned(null_mut(), variable.object, right, token);
            }
            assert_eq!((*variable.object).chars as usize, variable.model.chars().count());
        }
        variable.exchange(&mut random, |object| super::fixture::rust_string(object).to_owned());
        if variable.model.len() > 5000 {
            (variable.object, variable.model, variable.token) = (start, "start".to_owned(), 0);
        }
    }
}
