//! json against a model made of Rust values, and against texts that are nearly json.
//!
//! All tests run on a fiber under the collector's eyes. `COEX_SOAK=n` makes those with random input n times as long as a
//! minute needs; without it they take a second.

use super::change::{coex_json_append, coex_json_remove, coex_json_set, coex_json_set_at};
use super::equal::equal;
use super::parse::{MOST_NESTED, describe, parse};
use super::*;
use crate::abi::{ArrayObject, JsonEntry, ProgramInfo, Shape, TypeInfo};
use crate::gc::{stress, tests as gc_tests};
use crate::string::valid_json;
use crate::value::fixture::Random;
use core::mem::offset_of;

static ELEMENT: Offsets<1> = Offsets([0]);
static LIST: Offsets<2> = Offsets([offset_of!(ListObject, root) as u32, offset_of!(ListObject, tail) as u32]);
static ARRAY_BASE: Offsets<1> = Offsets([offset_of!(ArrayObject, base) as u32]);
static TEXT_BASE: Offsets<1> = Offsets([offset_of!(StringObject, base) as u32]);
static OBJECT: Offsets<2> = Offsets([offset_of!(JsonObject, entries) as u32, offset_of!(JsonObject, index) as u32]);
static ENTRY: Offsets<2> = Offsets([0, 16]);

const fn row(shape: Shape, size: usize, element_size: usize, pointers: &'static [u32]) -> TypeInfo {
    let (pointer_count, pointers) = (pointers.len() as u32, pointers.as_ptr());
    TypeInfo {
        shape,
        size: size as u32,
        element_size: element_size as u32,
        pointer_count,
        pointers,
        name: c"test".as_ptr(),
    }
}

static TYPES: [TypeInfo; 16] = {
    let mut types = [const { row(Shape::Fixed, 16, 0, &[]) }; 16];
    types[type_id::STRING as usize] = row(Shape::String, size_of::<StringObject>(), 1, &TEXT_BASE.0);
    types[type_id::LIST as usize] = row(Shape::Fixed, size_of::<ListObject>(), 0, &LIST.0);
    types[type_id::LIST_NODE as usize] = row(Shape::Elements, 0, 8, &ELEMENT.0);
    types[type_id::ARRAY as usize] = row(Shape::Fixed, size_of::<ArrayObject>(), 0, &ARRAY_BASE.0);
    types[type_id::BYTES as usize] = row(Shape::Elements, 0, 1, &[]);
    types[type_id::JSON_ELEMENTS as usize] = row(Shape::Elements, 0, size_of::<JsonValue>(), &PART.0);
    types[type_id::JSON_OBJECT as usize] = row(Shape::Fixed, size_of::<JsonObject>(), 0, &OBJECT.0);
    types[type_id::JSON_ENTRIES as usize] = row(Shape::Elements, 0, size_of::<JsonEntry>(), &ENTRY.0);
    types
};

static INFO: ProgramInfo = gc_tests::program_of(&TYPES);

/// Runs on a fiber whose collector comes at every `every`th chance; 0: when memory is short.
fn on_fiber(every: u32, body: impl FnOnce(*mut Fiber) + 'static) {
    let _guard = gc_tests::lock();
    gc_tests::on_fiber(&INFO, move |fiber| {
        stress::set_every(every);
        stress::set_verify(every > 0);
        body(fiber);
        stress::set_every(0);
        stress::set_verify(false);
    });
}

fn rounds(usual: usize) -> usize {
    let soak = std::env::var("COEX_SOAK").ok().and_then(|factor| factor.parse::<usize>().ok());
    usual * soak.map_or(1, |factor| 60 * factor)
}

/// What a json value should be.
#[derive(Clone, Debug, PartialEq)]
enum Model {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Array(Vec<Model>),
    Object(Vec<(String, Model)>),
}

const WORDS: [&str; 14] = [
    "",
    "a",
    "id",
    "name",
    "some longer name of a member",
    "é",
    "日本語",
    "🦀",
    "quote \" and \\ backslash",
    "line\nbreak\r\t",
    "\u{0}\u{1f}\u{7f}",
    "\u{8}\u{c}/",
    "exactly8",
    "sixteen letters!",
];

fn model(random: &mut Random, depth: usize) -> Model {
    let kinds = if depth == 0 { 5 } else { 7 };
    let word = |random: &mut Random| WORDS[random.below(WORDS.len())].repeat(1 + random.below(2));
    match random.below(kinds) {
        0 => Model::Null,
        1 => Model::Bool(random.below(2) == 0),
        2 => Model::Int((random.next() as i64) >> random.below(64)),
        3 => match f64::from_bits(random.next()) {
            wild if wild.is_finite() && random.below(2) == 0 => Model::Float(wild),
            _ => Model::Float((random.next() as i64 >> 40) as f64 / 1000.0),
        },
        4 => Model::Text(word(random)),
        5 => Model::Array((0..random.below(6)).map(|_| model(random, depth - 1)).collect()),
        _ => {
            let mut members: Vec<(String, Model)> = Vec::new();
            for _ in 0..random.below(if depth > 2 { 20 } else { 5 }) {
                let key = word(random) + &random.below(9).to_string();
                let value = model(random, depth - 1);
                match members.iter_mut().find(|(known, _)| *known == key) {
                    Some(member) => member.1 = value,
                    None => members.push((key, value)),
                }
            }
            Model::Object(members)
        }
    }
}

/// The text of a model as somebody else would write it: with blanks, escapes that need not be, other forms of numbers.
fn foreign(model: &Model, random: &mut Random, out: &mut String) {
    let blank = |random: &mut Random, out: &mut String| out.push_str(["", "", " ", "\n\t", "\r\n"][random.below(5)]);
    let text = |text: &str, random: &mut Random, out: &mut String| {
        out.push('"');
        for character in text.chars() {
            let must = matches!(character, '"' | '\\') || (character as u32) < 0x20;
            if must || random.below(9) == 0 {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04X}"));
                }
            } else {
                out.push(character);
            }
        }
        out.push('"');
    };
    blank(random, out);
    match model {
        Model::Null => out.push_str("null"),
        Model::Bool(value) => out.push_str(&value.to_string()),
        Model::Int(value) => out.push_str(&value.to_string()),
        Model::Float(value) => match random.below(3) {
            0 => out.push_str(
                &format!("{value:e}").replace('e', "E").replace("E", if value.abs() >= 1.0 { "E+" } else { "E" }),
            ),
            1 => out.push_str(&format!("{value:e}")),
            _ => out.push_str(&format!("{value:?}")),
        },
        Model::Text(value) => text(value, random, out),
        Model::Array(parts) => {
            out.push('[');
            for (index, part) in parts.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                foreign(part, random, out);
            }
            blank(random, out);
            out.push(']');
        }
        Model::Object(members) => {
            out.push('{');
            for (index, (key, value)) in members.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                blank(random, out);
                text(key, random, out);
                blank(random, out);
                out.push(':');
                foreign(value, random, out);
            }
            blank(random, out);
            out.push('}');
        }
    }
    blank(random, out);
}

/// The model of a value.
unsafe fn read(value: JsonValue) -> Model {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("json strings are UTF-8");
    match value.kind() {
        JsonKind::Null => Model::Null,
        JsonKind::Bool => Model::Bool(value.word == 1),
        JsonKind::Int => Model::Int(value.int()),
        JsonKind::Float => Model::Float(value.float()),
        JsonKind::String => Model::Text(text(value.bytes())),
        JsonKind::Array => {
            let (elements, len) = value.elements();
            Model::Array((0..len).map(|index| read(*elements.add(index))).collect())
        }
        JsonKind::Object => {
            let object = value.object();
            let entry = |index: usize| *object::entries(object).add(index);
            let members = (0..(*object).len as usize).map(entry);
            Model::Object(members.map(|entry| (text(crate::string::bytes(entry.key)), read(entry.value))).collect())
        }
    }
}

unsafe fn parsed(fiber: *mut Fiber, text: &str) -> Result<JsonValue, String> {
    let source = crate::string::from_bytes(fiber, text.as_bytes());
    parse(fiber, source).map_err(|fault| describe(text.as_bytes(), &fault))
}

unsafe fn text_of(value: JsonValue, indent: Option<i64>) -> String {
    let mut buffer = Vec::new();
    write::write(&mut buffer, value, indent);
    String::from_utf8(buffer).expect("json texts are UTF-8")
}

/// An int that stands for a float does not come back as one; all else does.
#[test]
fn values_survive_their_texts() {
    for every in [0, 3] {
        on_fiber(every, move |fiber| {
            let mut random = Random(31 + every as u64);
            for _ in 0..if every > 0 { 60 } else { rounds(1000) } {
                let model = model(&mut random, 4);
                let mut text = String::new();
                foreign(&model, &mut random, &mut text);
                // SAFETY: values of the fiber's heap; they lie on the stack.
                unsafe {
                    let value = parsed(fiber, &text).unwrap_or_else(|fault| panic!("{fault}: {text}"));
                    let exact = if let Model::Float(_) = model { value.kind() == JsonKind::Float } else { true };
                    if exact && !text.contains("E") && !text.contains('e') {
                        assert_eq!(read(value), model, "{text}");
                    }
                    let compact = text_of(value, None);
                    let again = parsed(fiber, &compact).unwrap_or_else(|fault| panic!("{fault}: {compact}"));
                    assert_eq!(read(again), read(value), "{compact}");
                    assert!(equal(value, again) || compact.contains("null"), "{compact}");
                    let pretty = text_of(value, Some(2));
                    let third = parsed(fiber, &pretty).unwrap_or_else(|fault| panic!("{fault}: {pretty}"));
                    assert_eq!(text_of(third, None), compact);
                    assert!(valid_json(compact.as_bytes()) && valid_json(pretty.as_bytes()));
                }
            }
        });
    }
}

#[test]
fn floats_survive_their_texts() {
    let mut random = Random(32);
    for round in 0..rounds(50_000) {
        let value = match round % 4 {
            0 => f64::from_bits(random.next()),
            1 => (random.next() as i64 >> 30) as f64 / 100.0,
            2 => random.next() as i64 as f64,
            _ => (random.next() % 1000) as f64 * 10f64.powi(random.below(60) as i32 - 30),
        };
        let mut text = Vec::new();
        write::write_float(&mut text, value);
        let text = String::from_utf8(text).expect("ASCII");
        if !value.is_finite() {
            assert_eq!(text, "null");
            continue;
        }
        assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(value.to_bits()), "{text}");
        assert!(text.contains(['.', 'e']) && valid_json(text.as_bytes()), "{text}");
        let shortest = format!("{value:e}").split('e').next().map(|digits| digits.matches(char::is_numeric).count());
        let digits = text.split('e').next().unwrap_or_default().replace(['.', '-'], "");
        let digits = digits.trim_matches('0').len();
        assert!(digits <= shortest.unwrap_or(17), "{text}");
    }
}

#[test]
fn changes_are_those_of_a_model() {
    for every in [0, 2] {
        on_fiber(every, move |fiber| {
            let mut random = Random(33);
            let (mut value, mut model) = (JsonValue::empty_object(), Vec::<(String, Model)>::new());
            let mut versions = Vec::new();
            // The stack must refer to what is kept.
            let mut kept = [JsonValue::NULL; 16];
            for round in 0..if every > 0 { 700 } else { rounds(5000) } {
                let key = format!("key {}", random.below(60));
                let number = Model::Int(round as i64);
                // SAFETY: values of the fiber's heap; they lie on the stack.
                unsafe {
                    let name = crate::string::from_bytes(fiber, key.as_bytes());
                    let place = model.iter().position(|(known, _)| *known == key);
                    let slot = (&raw mut value).cast::<u8>();
                    match random.below(3) {
                        0 => {
                            coex_json_remove(fiber, slot, name, ptr::null(), slot);
                            place.map(|place| model.remove(place));
                        }
                        _ => {
                            let part = JsonValue::from_int(round as i64);
                            coex_json_set(fiber, slot, name, (&raw const part).cast(), ptr::null(), slot);
                            match place {
                                Some(place) => model[place].1 = number,
                                None => model.push((key, number)),
                            }
                        }
                    }
                    if round % 40 == 0 {
                        assert_eq!(read(value), Model::Object(model.clone()));
                        kept[versions.len() % 16] = value;
                        versions.push(model.clone());
                        for (back, then) in versions.iter().rev().take(16).enumerate() {
                            let version = kept[(versions.len() - 1 - back) % 16];
                            assert_eq!(read(version), Model::Object(then.clone()));
                        }
                    }
                    for (key, number) in model.iter().take(3) {
                        assert_eq!(read(member(value, key.as_bytes())), *number);
                    }
                    assert_eq!(member(value, b"key 60").kind(), JsonKind::Null);
                }
            }
            core::hint::black_box(&mut kept);
        });
    }
}

#[test]
fn arrays_grow_and_share() {
    on_fiber(2, |fiber| {
        let (mut value, mut model) = (JsonValue::NULL, Vec::new());
        for round in 0..300i64 {
            // SAFETY: values of the fiber's heap; they lie on the stack.
            unsafe {
                let text = crate::string::from_bytes(fiber, format!("element {round}").as_bytes());
                let (slot, part) = ((&raw mut value).cast::<u8>(), JsonValue::from_string(text));
                let (before, null) = (value, JsonValue::NULL);
                coex_json_append(fiber, slot, (&raw const part).cast(), ptr::null(), slot);
                model.push(Model::Text(format!("element {round}")));
                if round % 7 == 3 {
                    coex_json_set_at(fiber, slot, round / 2, (&raw const null).cast(), ptr::null(), slot);
                    model[round as usize / 2] = Model::Null;
                    assert_eq!(before.elements().1, round as usize);
                }
                assert_eq!(read(value), Model::Array(model.clone()));
            }
        }
    });
}

/// Texts of the well-known kinds that parsers disagree about, with what RFC 8259 says.
/// Whoever only looks and whoever makes values of it judge each text alike, and what is written is judged as good again.
fn judged(is_valid: bool, texts: &'static [&'static str]) {
    on_fiber(0, move |fiber| {
        for text in texts {
            assert_eq!(valid_json(text.as_bytes()), is_valid, "{text:?}");
            // SAFETY: values of the fiber's heap.
            let found = unsafe { parsed(fiber, text).map(|value| text_of(value, None)) };
            assert_eq!(found.is_ok(), is_valid, "{text:?}: {found:?}");
            let again = found.map(|text| valid_json(text.as_bytes()));
            assert_eq!(again.unwrap_or(is_valid), is_valid);
        }
    });
}

#[test]
fn valid_texts() {
    judged(
        true,
        &[
            "null",
            "true",
            "false",
            "0",
            "-0",
            "-1",
            "0.0",
            "1e1",
            "1E1",
            "1e+1",
            "1e-1",
            "0e0",
            "0E+9",
            "-0.0e-0",
            "\"\"",
            "\" \"",
            "\"\\u0000\"",
            "\"\\uFFFF\"",
            "\"\\ud834\\uDD1E\"",
            "\"\\uD834\"",
            "\"\\uDD1E\\uD834\"",
            "\"\u{7f}\"",
            "\"\u{2028}\"",
            "\"\u{10FFFF}\"",
            "\"/\\/\"",
            "[]",
            "[ ]",
            "[\n1\r\n,\t2 ]",
            "[[]]",
            "{}",
            "{\"\":{}}",
            "{\"a\":1,\"a\":2}",
            "{\"a\":[{}]}",
            " 1 ",
            "\t1\n",
            "123456789012345678901234567890",
            "1e308",
            "5e-324",
            "1e-999",
            "0.1e1",
            "-9223372036854775808",
            "9223372036854775808",
            "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        ],
    );
}

#[test]
fn invalid_words_and_numbers() {
    judged(
        false,
        &[
            "",
            " ",
            "n",
            "nul",
            "nulll",
            "True",
            "tru",
            "FALSE",
            "00",
            "01",
            "-",
            "--1",
            "-01",
            "+1",
            "1.",
            ".1",
            "-.1",
            "1.e1",
            "1e",
            "1e+",
            "1ee1",
            "1e1.5",
            "0x10",
            "1_000",
            "1a",
            "Infinity",
            "-Infinity",
            "NaN",
            "nan",
        ],
    );
}

#[test]
fn invalid_strings() {
    judged(
        false,
        &[
            "\"",
            "\"a",
            "'a'",
            "\"\\\"",
            "\"\\a\"",
            "\"\\x00\"",
            "\"\\U0041\"",
            "\"\\u\"",
            "\"\\u00\"",
            "\"\\u004\"",
            "\"\\u00g0\"",
            "\"\\u+041\"",
            "\"\n\"",
            "\"\t\"",
            "\"\0\"",
            "\"\u{1f}\"",
        ],
    );
}

#[test]
fn invalid_lists() {
    judged(
        false,
        &["[", "]", "[[]", "[]]", "[1", "[1,", "[1,]", "[,]", "[,1]", "[1,,2]", "[1 2]", "[1:2]", "[\"a\"", "[1}"],
    );
}

#[test]
fn invalid_objects() {
    judged(
        false,
        &[
            "{",
            "}",
            "{]",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "{,}",
            "{,\"a\":1}",
            "{\"a\" 1}",
            "{\"a\"=1}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":1,,\"b\":2}",
            "{a:1}",
            "{1:1}",
            "{'a':1}",
            "{null:1}",
            "{\"a\"}",
            "{\"a\":1]",
            "{:1}",
        ],
    );
}

#[test]
fn invalid_surroundings() {
    judged(
        false,
        &[
            "\u{FEFF}1",
            "\u{FEFF}",
            "1 2",
            "1,",
            "[] []",
            "{}{}",
            "// c\n1",
            "1 // c",
            "/**/1",
            "[1] #",
            "\u{A0}1",
            "\u{B}1",
            "\u{C}1",
            "1\0",
            "\0",
            "\u{85}",
            "undefined",
            "[undefined]",
            "(1)",
            "\\u0031",
            "[\\n]",
            "\"a\" \"b\"",
            "[\"a\":1]",
            "\u{2028}1",
        ],
    );
}

#[test]
fn limits_have_places() {
    on_fiber(0, |fiber| {
        let fault = |text: &str| {
            // SAFETY: values of the fiber's heap.
            unsafe { parsed(fiber, text).map(|_| ()).err().unwrap_or_default() }
        };
        assert_eq!(fault("1e309"), "line 1, column 1: number out of range");
        assert_eq!(fault("[1,\n \"é\", -1e999]"), "line 2, column 7: number out of range");
        assert_eq!(fault("[\r\n\r1\n,]"), "line 4, column 2: expected a value");
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(fault(&nested(MOST_NESTED)), "");
        assert_eq!(fault(&nested(MOST_NESTED + 1)), "line 1, column 513: nested too deeply");
        assert_eq!(fault(&"{\"a\":[".repeat(10_000_000 / 6)), "line 1, column 1537: nested too deeply");
    });
}

/// Whatever the bytes are: a value or a fault within the text, and the verdict of `validjson`.
#[test]
fn random_bytes_do_no_harm() {
    const PIECES: [&str; 30] = [
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\\",
        "\\u",
        "\\ud800",
        "\\udc00",
        "0",
        "1",
        "-",
        ".",
        "e",
        "E+",
        "null",
        "true",
        "fals",
        " ",
        "\n",
        "\"k\":",
        "[1,2]",
        "{\"x\":1}",
        "é",
        "\u{1}",
        "9223372036854775807",
        "\u{FEFF}",
    ];
    on_fiber(0, |fiber| {
        let mut random = Random(34);
        for round in 0..rounds(30_000) {
            let text: String = match round % 3 {
                0 => (0..random.below(12)).map(|_| PIECES[random.below(PIECES.len())]).collect(),
                1 => {
                    let bytes: Vec<u8> = (0..random.below(40)).map(|_| random.next() as u8).collect();
                    String::from_utf8_lossy(&bytes).into_owned()
                }
                // A good text with one character changed, left out or doubled.
                _ => {
                    let mut text = String::new();
                    foreign(&model(&mut random, 3), &mut random, &mut text);
                    let mut characters: Vec<char> = text.chars().collect();
                    let place = random.below(characters.len().max(1));
                    match random.below(4) {
                        0 => drop(characters.get(place).copied().map(|one| characters.insert(place, one))),
                        1 => characters.truncate(place),
                        2 if place < characters.len() => drop(characters.remove(place)),
                        _ => {
                            let piece = PIECES[random.below(PIECES.len())];
                            characters.splice(place..place, piece.chars());
                        }
                    }
                    characters.into_iter().collect()
                }
            };
            // SAFETY: values of the fiber's heap.
            unsafe {
                let source = crate::string::from_bytes(fiber, text.as_bytes());
                match parse(fiber, source) {
                    Ok(value) => {
                        assert!(valid_json(text.as_bytes()), "{text:?}");
                        let compact = text_of(value, None);
                        assert!(valid_json(compact.as_bytes()), "{text:?} gives {compact:?}");
                    }
                    Err(fault) => {
                        let limit = matches!(fault.what, "number out of range" | "nested too deeply");
                        assert!(limit || !valid_json(text.as_bytes()), "{text:?}: {}", fault.what);
                        assert!(fault.at <= text.len());
                        describe(text.as_bytes(), &fault);
                    }
                }
            }
        }
    });
}

#[test]
fn plain_runs_end_where_they_should() {
    let mut random = Random(35);
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..random.below(40))
            .map(|_| if random.below(12) == 0 { random.next() as u8 } else { b'a' + random.below(26) as u8 })
            .collect();
        let start = random.below(bytes.len() + 1);
        let expected = (start..bytes.len()).find(|&at| bytes[at] < 0x20 || matches!(bytes[at], b'"' | b'\\'));
        assert_eq!(write::plain_until(&bytes, start), expected.unwrap_or(bytes.len()));
    }
}

#[test]
fn numbers_are_equal_by_value() {
    // SAFETY: scalars.
    unsafe {
        let (int, float) = (JsonValue::from_int, JsonValue::from_float);
        assert!(equal(int(1), float(1.0)) && equal(float(-0.0), int(0)));
        assert!(!equal(int(9_007_199_254_740_993), float(9_007_199_254_740_992.0)));
        assert!(!equal(int(i64::MAX), float(9_223_372_036_854_775_808.0)));
        assert!(equal(int(i64::MIN), float(-9_223_372_036_854_775_808.0)));
        assert!(!equal(float(f64::NAN), float(f64::NAN)));
        assert!(!equal(JsonValue::from_bool(true), int(1)) && !equal(JsonValue::NULL, int(0)));
    }
}

#[test]
fn keys_hash_by_content() {
    let hasher = object::Hasher::new();
    let text = b"a text that is longer than two words of eight bytes, for all branches";
    for len in 0..text.len() {
        let copy = text[..len].to_vec();
        assert_eq!(hasher.hash(&text[..len]), hasher.hash(&copy));
        if len > 0 {
            let mut other = copy.clone();
            other[len / 2] ^= 1;
            assert_ne!(hasher.hash(&copy), hasher.hash(&other), "{len}");
        }
    }
}
