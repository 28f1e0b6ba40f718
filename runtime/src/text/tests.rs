//! Text of values against 13.2 and the C library.

use super::*;
use crate::value::fixture::{
    Desc, Random, choice, collection, int, list, list_of, matrix, new_string, optional, record, result, scalar, slot,
    text,
};

fn printed<T>(value: T, desc: Desc, style: Style) -> String {
    let mut buffer = Vec::new();
    // SAFETY: the test pairs types and values.
    unsafe { write(&mut buffer, slot(&value), desc, style) };
    String::from_utf8(buffer).unwrap_or_default()
}

fn print<T>(value: T, desc: Desc) -> String {
    printed(value, desc, Style::Print)
}

#[test]
fn scalars() {
    let mut random = Random(8);
    for _ in 0..1000 {
        let number = (random.next() << 8 ^ random.next()) as i64 >> random.below(63);
        assert_eq!(print(number, int()), number.to_string());
    }
    assert_eq!(print(i64::MIN, int()), i64::MIN.to_string());
    assert_eq!(print(true, scalar(Kind::Bool)), "true");
    assert_eq!(print(200u8, scalar(Kind::Byte)), "200");
    assert_eq!(print('é', scalar(Kind::Char)), "233");
    assert_eq!(print(new_string("héllo"), text()), "héllo");
}

#[test]
fn floats() {
    let float = scalar(Kind::Float);
    for (value, print_text, convert_text) in [
        (2.75, "2.750000", "2.75"),
        (3.0, "3.000000", "3"),
        (-0.0, "-0.000000", "-0"),
        (1e21, "1000000000000000000000.000000", "1e+21"),
        (1e20, "100000000000000000000.000000", "1e+20"),
        (1e-10, "0.000000", "1e-10"),
        (0.0078125, "0.007812", "0.0078125"),
        (f64::INFINITY, "inf", "inf"),
        (f64::NEG_INFINITY, "-inf", "-inf"),
        (-f64::NAN, "nan", "nan"),
    ] {
        assert_eq!(print(value, float), print_text);
        assert_eq!(printed(value, float, Style::Convert), convert_text);
    }
    assert_eq!(print(f64::MAX, float).len(), 309 + 7);
    assert_eq!(print(-f64::MAX, float).len(), 310 + 7);
    let mut random = Random(6);
    for _ in 0..2000 {
        let value = f64::from_bits(random.next() << 8 ^ random.next());
        if value.is_finite() {
            // Rust's formatting is exact as well.
            assert_eq!(print(value, float), format!("{value:.6}"));
        }
    }
}

#[test]
fn collections() {
    let strings = list_of(text(), &["a", "b c", ""].map(new_string));
    assert_eq!(print(strings, list(text())), "[a, b c, ]");
    assert_eq!(print(list_of::<i64>(int(), &[]), list(int())), "[]");
    let nested = list_of(list(int()), &[list_of(int(), &[1i64, 2]), list_of::<i64>(int(), &[])]);
    assert_eq!(print(nested, list(list(int()))), "[[1, 2], []]");
    let many: Vec<i64> = (0..1000).collect();
    assert_eq!(print(list_of(int(), &many), list(int())), format!("{many:?}"));
    let floats = list_of(scalar(Kind::Float), &[1.5, 2.0]);
    assert_eq!(print(floats, list(scalar(Kind::Float))), "[1.500000, 2.000000]");
    assert_eq!(printed(floats, list(scalar(Kind::Float)), Style::Convert), "[1.5, 2]");
    let (map, fiber) = (collection(Kind::Map, &[int(), text()]), core::ptr::null_mut());
    assert_eq!(print(crate::map::empty(), map), "{}");
    // SAFETY: types and values agree.
    unsafe {
        let one = crate::map::coex_map_set(fiber, crate::map::empty(), slot(&1i64), slot(&new_string("x")), map);
        assert_eq!(print(one, map), "{1: x}");
        let set = collection(Kind::Set, &[int()]);
        let two = crate::set::coex_set_from(fiber, slot(&[7i64, 7]), 2, set);
        assert_eq!(print(two, set), "{7}");
        let array = collection(Kind::Array, &[int()]);
        let three = crate::array::from_slots(fiber, int(), slot(&[1i64, 2, 3]), 3);
        assert_eq!(print(three, array), "[1, 2, 3]");
        assert_eq!(print(crate::array::empty(), array), "[]");
        let grid = |width| matrix(&[int()], width);
        assert_eq!(print(three, grid(3)), "1 2 3");
        assert_eq!(print(three, grid(1)), "1\n2\n3");
        let other = crate::array::from_slots(fiber, int(), slot(&[1i64, 2, 3]), 3);
        let less = crate::array::from_slots(fiber, int(), slot(&[1i64, 0, 3]), 3);
        let equal =
            |right: &*mut crate::abi::ArrayObject| crate::value::coex_value_equal(slot(&three), slot(right), grid(3));
        assert_eq!((equal(&other), equal(&less)), (true, false));
    }
}

#[test]
fn aggregates() {
    assert_eq!(print((1i64, new_string("a")), record("", &[("", int()), ("", text())])), "(1, a)");
    assert_eq!(print([1i64, 2], record("", &[("q", int()), ("r", int())])), "(q: 1, r: 2)");
    assert_eq!(print([1i64, 2], record("Point", &[("x", int()), ("y", int())])), "Point(x: 1, y: 2)");
    assert_eq!(print([1i64], record("Box<int>", &[("x", int())])), "Box(x: 1)");
    let outcome = choice("Outcome", &[("Done", &[]), ("Failed", &[("code", int()), ("why", text())])]);
    assert_eq!(print((0i64, core::ptr::null_mut::<u8>(), 0i64), outcome), "Done");
    assert_eq!(print((1i64, new_string("x"), 2i64), outcome), "Failed(code: 2, why: x)");
    assert_eq!(print((0i64, core::ptr::null_mut::<u8>(), 5i64), result(int())), "Ok(5)");
    assert_eq!(print((1i64, new_string("e"), 0i64), result(int())), "Err(e)");
    assert_eq!(print([0i64, 0], optional(int())), "nil");
    assert_eq!(print([4i64, 1], optional(int())), "4");
    assert_eq!(print(core::ptr::null_mut::<u8>(), optional(text())), "nil");
    assert_eq!(print(new_string("s"), optional(text())), "s");
}
