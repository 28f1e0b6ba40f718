//! Collections under a collector that runs at nearly every allocation: contents must survive whatever is not used.

use super::fixture::{Random, collection, list, new_string, slot};
use crate::abi::{
    ArrayObject, Fiber, Kind, ListObject, MapObject, ProgramInfo, Shape, StringObject, TypeDesc, TypeInfo, type_id,
};
use crate::gc::{stress, tests};
use core::mem::offset_of;
use std::collections::BTreeMap;

const STRINGS: u32 = type_id::FIRST_PROGRAM;
const NODES: u32 = STRINGS + 1;

struct Offsets<const N: usize>([u32; N]);
static ELEMENT: Offsets<1> = Offsets([0]);
static ENTRY: Offsets<2> = Offsets([0, 8]);
static LIST: Offsets<2> = Offsets([offset_of!(ListObject, root) as u32, offset_of!(ListObject, tail) as u32]);
static ARRAY: Offsets<1> = Offsets([offset_of!(ArrayObject, base) as u32]);
static MAP: Offsets<1> = Offsets([offset_of!(MapObject, root) as u32]);

const fn row(shape: Shape, size: usize, element_size: u32, pointers: &'static [u32]) -> TypeInfo {
    let (pointer_count, pointers) = (pointers.len() as u32, pointers.as_ptr());
    TypeInfo { shape, size: size as u32, element_size, pointer_count, pointers, name: c"test".as_ptr() }
}

static TYPES: [TypeInfo; 20] = {
    let mut types = [const { row(Shape::Fixed, 16, 0, &[]) }; 20];
    types[type_id::STRING as usize] = row(Shape::String, 0, 0, &[]);
    types[type_id::LIST as usize] = row(Shape::Fixed, size_of::<ListObject>(), 0, &LIST.0);
    types[type_id::LIST_NODE as usize] = row(Shape::Elements, 0, 8, &ELEMENT.0);
    types[type_id::ARRAY as usize] = row(Shape::Fixed, size_of::<ArrayObject>(), 0, &ARRAY.0);
    types[type_id::MAP as usize] = row(Shape::Fixed, size_of::<MapObject>(), 0, &MAP.0);
    types[type_id::BYTES as usize] = row(Shape::Elements, 0, 1, &[]);
    types[STRINGS as usize] = row(Shape::Elements, 0, 8, &ELEMENT.0);
    types[NODES as usize] = row(Shape::MapNode, 0, 16, &ENTRY.0);
    types[NODES as usize + 1] = row(Shape::MapNode, 0, 16, &[]);
    types[NODES as usize + 2] = row(Shape::Elements, 0, 8, &[]);
    types
};

static INFO: ProgramInfo = tests::program_of(&TYPES);

fn under_stress(every: u32, body: impl FnOnce(*mut Fiber) + 'static) {
    let _guard = tests::lock();
    tests::on_fiber(&INFO, move |fiber| {
        stress::set_every(every);
        stress::set_verify(true);
        body(fiber);
        stress::set_every(0);
        stress::set_verify(false);
    });
}

/// The string type whose lists the collector knows.
fn string_type() -> &'static TypeDesc {
    let plain = super::fixture::text();
    // SAFETY: descriptors are plain data.
    let copy = unsafe { core::ptr::read(plain) };
    Box::leak(Box::new(TypeDesc { element_type: STRINGS, ..copy }))
}

fn map_type(kind: Kind) -> &'static TypeDesc {
    let args: &[&'static TypeDesc] = &[string_type(), string_type()];
    // SAFETY: descriptors are plain data.
    let copy = unsafe { core::ptr::read(collection(kind, args)) };
    Box::leak(Box::new(TypeDesc { node_type: NODES, ..copy }))
}

unsafe fn string(fiber: *mut Fiber, content: &str) -> *mut StringObject {
    crate::string::from_bytes(fiber, content.as_bytes())
}

unsafe fn check_list(object: *const ListObject, model: &[String]) {
    assert_eq!(super::fixture::strings(object), model);
}

/// Different lengths, so that views and flat texts occur.
fn content(number: usize) -> String {
    format!("{number} {}", "filler ".repeat(number % 9))
}

#[test]
fn lists_of_strings() {
    under_stress(1, |fiber| {
        let (ty, mut random, mut model) = (list(string_type()), Random(21), Vec::<String>::new());
        let (mut object, mut old) = (crate::list::empty(), crate::list::empty());
        let mut old_model = Vec::new();
        for round in 0..700 {
            let value = content(round);
            let place = random.below(model.len());
            // SAFETY: a list of strings.
            unsafe {
                let (fresh, site) = (string(fiber, &value), core::ptr::null());
                match random.below(12) {
                    0 if !model.is_empty() => {
                        object = crate::list::edit::coex_list_set(fiber, object, place as i64, slot(&fresh), ty, site);
                        model[place] = value;
                    }
                    1 if !model.is_empty() => {
                        object = crate::list::edit::coex_list_remove(fiber, object, place as i64, ty, site);
                        model.remove(place);
                    }
                    2 => {
                        let whole = fresh;
                        let part = crate::string::coex_string_slice(fiber, whole, 1, 60);
                        object =
                            crate::list::edit::coex_list_insert(fiber, object, place as i64, slot(&part), ty, site);
                        model.insert(place, value.chars().skip(1).take(59).collect());
                    }
                    3 if model.len() < 600 => {
                        object = crate::list::edit::coex_list_concat(fiber, object, old, ty);
                        model.extend_from_slice(&old_model);
                    }
                    4 => (old, old_model) = (object, model.clone()),
                    5 => {
                        object = crate::list::edit::coex_list_reverse(fiber, object, ty);
                        model.reverse();
                    }
                    6 => {
                        object = crate::list::sort::coex_list_sort(fiber, object, ty);
                        model.sort();
                    }
                    7 if model.len() > 300 => {
                        object = crate::list::edit::coex_list_slice(fiber, object, 7, 200, ty);
                        model = model[7..200].to_vec();
                    }
                    8 => {
                        let joined = crate::list::convert::coex_list_join(fiber, object, string(fiber, "|"));
                        object = crate::string::split::coex_string_split(fiber, joined, string(fiber, "|"), ty);
                        if model.is_empty() {
                            model.push(String::new());
                        }
                    }
                    9 => {
                        let array = crate::list::convert::coex_list_to_array(fiber, object, ty);
                        let array = crate::array::coex_array_append(fiber, array, slot(&fresh), ty);
                        object = crate::array::coex_array_to_list(fiber, array, ty);
                        model.push(value);
                    }
                    _ => {
                        object = crate::list::edit::coex_list_append(fiber, object, slot(&fresh), ty);
                        model.push(value);
                    }
                }
                if round % 50 == 0 {
                    check_list(object, &model);
                    check_list(old, &old_model);
                }
            }
        }
    });
}

#[test]
fn maps_of_strings() {
    under_stress(2, |fiber| {
        let (ty, mut random, mut model) = (map_type(Kind::Map), Random(22), BTreeMap::<String, String>::new());
        let mut map = crate::map::empty();
        let (mut old, mut old_model) = (map, model.clone());
        for round in 0..900 {
            let (name, value) = (content(random.below(300)), content(round));
            // SAFETY: a map of strings.
            unsafe {
                let (key, fresh) = (string(fiber, &name), string(fiber, &value));
                match random.below(8) {
                    0 | 1 => {
                        map = crate::map::coex_map_remove(fiber, map, slot(&key), ty);
                        model.remove(&name);
                    }
                    2 if round % 20 == 0 => {
                        map = crate::map::coex_map_merge(fiber, map, old, ty);
                        model.extend(old_model.clone());
                    }
                    3 if round % 20 == 0 => (old, old_model) = (map, model.clone()),
                    _ => {
                        map = crate::map::coex_map_set(fiber, map, slot(&key), slot(&fresh), ty);
                        model.insert(name, value);
                    }
                }
                if round % 100 == 0 {
                    for (map, model) in [(map, &model), (old, &old_model)] {
                        assert_eq!((*map).len as usize, model.len());
                        for (name, value) in model {
                            let (key, mut out) = (new_string(name), core::ptr::null::<StringObject>());
                            let site = core::ptr::null();
                            crate::map::coex_map_index(fiber, map, slot(&key), ty, site, (&raw mut out).cast());
                            assert_eq!(crate::string::text(out), value);
                        }
                    }
                }
            }
        }
    });
}

/// Variables with tokens and copies taken of them: old objects that are changed in place refer to young ones.
#[test]
fn changes_in_place() {
    under_stress(1, |fiber| {
        let (ty, map_ty, mut random) = (list(string_type()), map_type(Kind::Map), Random(23));
        let (mut items, mut items_model, mut items_token) = (crate::list::empty(), Vec::<String>::new(), 0);
        let (mut map, mut map_model, mut map_token) = (crate::map::empty(), BTreeMap::<String, String>::new(), 0);
        let (mut joined, mut joined_model, mut joined_token) = (crate::string::empty(), String::new(), 0);
        let (mut old_items, mut old_items_model) = (items, items_model.clone());
        let (mut old_map, mut old_map_model) = (map, map_model.clone());
        let (mut old_joined, mut old_joined_model) = (joined, joined_model.clone());
        for round in 0..1500 {
            let (name, value) = (content(random.below(200)), content(round));
            for token in [&mut items_token, &mut map_token, &mut joined_token] {
                if *token == 0 {
                    *token = crate::slot::coex_edit_token();
                }
            }
            // SAFETY: lists, maps and strings of the types.
            unsafe {
                let (key, fresh, site) = (string(fiber, &name), string(fiber, &value), core::ptr::null());
                let place = random.below(items_model.len());
                if random.below(3) == 0 && !items_model.is_empty() {
                    let (index, fresh) = (place as i64, slot(&fresh));
                    items = crate::list::edit::coex_list_set_owned(fiber, items, index, fresh, items_token, ty, site);
                    items_model[place] = value.clone();
                } else if random.below(40) == 0 {
                    items = crate::list::edit::coex_list_concat_owned(fiber, items, old_items, items_token, ty);
                    items_model.extend(old_items_model.iter().cloned());
                } else {
                    items = crate::list::edit::coex_list_append_owned(fiber, items, slot(&fresh), items_token, ty);
                    items_model.push(value.clone());
                }
                if random.below(3) == 0 {
                    map = crate::map::coex_map_remove_owned(fiber, map, slot(&key), map_token, map_ty);
                    map_model.remove(&name);
                } else {
                    map = crate::map::coex_map_set_owned(fiber, map, slot(&key), slot(&fresh), map_token, map_ty);
                    map_model.insert(name, value.clone());
                }
                joined = crate::string::coex_string_concat_owned(fiber, joined, fresh, joined_token);
                joined_model.push_str(&value);
                if random.below(60) == 0 {
                    (old_items, old_items_model, items_token) = (items, items_model.clone(), 0);
                    (old_map, old_map_model, map_token) = (map, map_model.clone(), 0);
                    (old_joined, old_joined_model, joined_token) = (joined, joined_model.clone(), 0);
                }
                if items_model.len() > 3000 {
                    (items, items_model, items_token) = (crate::list::empty(), Vec::new(), 0);
                }
                if round % 50 == 0 {
                    check_list(items, &items_model);
                    check_list(old_items, &old_items_model);
                    assert_eq!(crate::string::text(joined), joined_model);
                    assert_eq!(crate::string::text(old_joined), old_joined_model);
                    for (map, model) in [(map, &map_model), (old_map, &old_map_model)] {
                        assert_eq!((*map).len as usize, model.len());
                        for (name, value) in model {
                            let key = new_string(name);
                            let entry = crate::map::find::coex_map_find_string(map, key, 16);
                            let found = entry.add(8).cast::<*const StringObject>().read();
                            assert_eq!(crate::string::text(found), value);
                        }
                    }
                }
            }
        }
    });
}

/// Nanoseconds that this thread has run.
fn processor_time() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: written by the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// `cargo test --release -p coex-runtime -- --ignored --nocapture cost_of_collections`
#[test]
#[ignore = "a measurement"]
fn cost_of_collections() {
    const COUNT: i64 = 1_000_000;
    let int = super::fixture::int();
    let map_type = collection(Kind::Map, &[int, int]);
    // SAFETY: descriptors are plain data.
    let map_type = Box::leak(Box::new(TypeDesc { node_type: NODES + 1, ..unsafe { core::ptr::read(map_type) } }));
    // SAFETY: descriptors are plain data.
    let element = Box::leak(Box::new(TypeDesc { element_type: NODES + 2, ..unsafe { core::ptr::read(int) } }));
    let list_type = list(element);
    let _guard = tests::lock();
    tests::on_fiber(&INFO, move |fiber| {
        let time = |name: &str, act: &mut dyn FnMut()| {
            let start = processor_time();
            act();
            println!("{name}: {:.1} ns", (processor_time() - start) as f64 / COUNT as f64);
        };
        // SAFETY: lists and maps of ints.
        unsafe {
            let (mut object, mut map, mut sum) = (crate::list::empty(), crate::map::empty(), 0i64);
            let site = core::ptr::null();
            time("list append", &mut || {
                for value in 0..COUNT {
                    object = crate::list::edit::coex_list_append(fiber, object, slot(&value), list_type);
                }
            });
            time("list get", &mut || {
                for index in 0..COUNT {
                    let mut out = 0i64;
                    let index = index.wrapping_mul(7919) % COUNT;
                    crate::list::coex_list_get(fiber, object, index, list_type, site, (&raw mut out).cast());
                    sum += out;
                }
            });
            time("map set", &mut || {
                for key in 0..COUNT {
                    map = crate::map::coex_map_set(fiber, map, slot(&key), slot(&key), map_type);
                }
            });
            time("map index", &mut || {
                for key in 0..COUNT {
                    let mut out = 0i64;
                    crate::map::coex_map_index(fiber, map, slot(&key), map_type, site, (&raw mut out).cast());
                    sum += out;
                }
            });
            let mut small = crate::map::empty();
            time("small map set", &mut || {
                for key in 0..COUNT {
                    let key = key & 63;
                    small = crate::map::coex_map_set(fiber, small, slot(&key), slot(&key), map_type);
                }
            });
            let mut printed = Vec::new();
            time("text of ints", &mut || {
                crate::text::write(&mut printed, slot(&object), list_type, crate::text::Style::Print);
            });
            core::hint::black_box((sum, small, printed));
        }
    });
}
