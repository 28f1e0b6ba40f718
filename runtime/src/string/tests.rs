//! Strings against Rust's `str`.

use super::change::*;
use super::search::*;
use super::split::*;
use super::*;
use crate::abi::Kind;
use crate::value::fixture::{
    Random, elements, list, list_of, new_string, optional, rust_string, scalar, strings, text as text_type,
};
use core::ptr::{null, null_mut};

const SAMPLES: [&str; 12] = [
    "",
    "a",
    "hello world",
    "  blanks\t\n ",
    "äöü",
    "日本語 text",
    "🦀🦀x",
    "a,b,,c",
    "line\r\nnext\n",
    "\u{a0}nb\u{3000}",
    "Straße ﬁ İ ǅ",
    "the quick brown fox jumps over the lazy dog, twice, for a view",
];

fn chars(content: &str) -> Vec<char> {
    content.chars().collect()
}

fn part(content: &str, start: usize, end: usize) -> String {
    chars(content)[start..end].iter().collect()
}

#[test]
fn positions_and_slices() {
    for sample in SAMPLES {
        let (object, all) = (new_string(sample), chars(sample));
        let len = all.len() as i64;
        // SAFETY: strings.
        unsafe {
            assert_eq!(coex_string_len(object), len);
            for index in 0..len {
                assert_eq!(coex_string_get(null_mut(), object, index, null()), all[index as usize] as i64);
                assert_eq!(coex_string_get(null_mut(), object, index - len, null()), all[index as usize] as i64);
            }
            for start in -len - 2..len + 3 {
                for end in -len - 2..len + 3 {
                    let (low, high) = resolve_slice(start, end, len);
                    let slice = coex_string_slice(null_mut(), object, start, end);
                    assert_eq!(rust_string(slice), part(sample, low, high));
                    let set = coex_string_set_slice(null_mut(), object, start, end, new_string("<é>"));
                    assert_eq!(rust_string(set), part(sample, 0, low) + "<é>" + &part(sample, high, all.len()));
                }
            }
            let (mut position, mut seen) = (0, Vec::new());
            loop {
                match coex_string_next(object, &mut position) {
                    -1 => break,
                    code => seen.push(code as u32),
                }
            }
            assert_eq!(seen, all.iter().map(|&character| character as u32).collect::<Vec<_>>());
        }
    }
}

#[test]
fn views_of_views() {
    let long = "0123456789".repeat(20);
    // SAFETY: strings.
    unsafe {
        let whole = new_string(&long);
        let outer = coex_string_slice(null_mut(), whole, 10, 150);
        let inner = coex_string_slice(null_mut(), outer, 5, 100);
        assert_eq!((*inner).base, whole.cast());
        assert_eq!(rust_string(inner), long[15..110]);
    }
}

#[test]
fn searching() {
    let needles = ["", "a", "o", "the", "🦀", "语", "ö", ",", "lazy dog", "x"];
    for sample in SAMPLES {
        for needle in needles {
            let (object, wanted) = (new_string(sample), new_string(needle));
            let index =
                |position: Option<usize>| position.map_or(-1, |position| sample[..position].chars().count() as i64);
            // SAFETY: strings.
            unsafe {
                assert_eq!(coex_string_contains(object, wanted), sample.contains(needle));
                assert_eq!(coex_string_starts_with(object, wanted), sample.starts_with(needle));
                assert_eq!(coex_string_ends_with(object, wanted), sample.ends_with(needle));
                assert_eq!(coex_string_find(object, wanted), index(sample.find(needle)));
                assert_eq!(coex_string_find_last(object, wanted), index(sample.rfind(needle)));
                let count = if needle.is_empty() { 0 } else { sample.matches(needle).count() as i64 };
                assert_eq!(coex_string_count(object, wanted), count);
                let replaced = coex_string_replace(null_mut(), object, wanted, new_string("[é]"));
                let expected = if needle.is_empty() { sample.to_owned() } else { sample.replace(needle, "[é]") };
                assert_eq!(rust_string(replaced), expected);
                let pieces = coex_string_split(null_mut(), object, wanted, list(text_type()));
                let expected: Vec<_> = if needle.is_empty() { vec![sample] } else { sample.split(needle).collect() };
                assert_eq!(strings(pieces), expected);
            }
        }
    }
}

#[test]
fn changing() {
    for sample in SAMPLES {
        let object = new_string(sample);
        // SAFETY: strings.
        unsafe {
            assert_eq!(rust_string(coex_string_trim(null_mut(), object)), sample.trim());
            assert_eq!(rust_string(coex_string_trim_start(null_mut(), object)), sample.trim_start());
            assert_eq!(rust_string(coex_string_trim_end(null_mut(), object)), sample.trim_end());
            let reversed: String = sample.chars().rev().collect();
            assert_eq!(rust_string(coex_string_reverse(null_mut(), object)), reversed);
            assert_eq!(rust_string(coex_string_repeat(null_mut(), object, 3)), sample.repeat(3));
            assert_eq!(rust_string(coex_string_repeat(null_mut(), object, -1)), "");
            let lines: Vec<_> = sample.lines().collect();
            assert_eq!(strings(coex_string_lines(null_mut(), object, list(text_type()))), lines);
            let singles: Vec<_> = sample.chars().map(String::from).collect();
            assert_eq!(strings(coex_string_chars(null_mut(), object, list(text_type()))), singles);
            let bytes = coex_string_bytes(null_mut(), object, list(scalar(Kind::Byte)));
            assert_eq!(elements::<u8>(bytes), sample.as_bytes());
            assert_eq!(rust_string(coex_string_from_bytes(null_mut(), bytes)), sample);
            let joined = concat(null_mut(), object, new_string("ü!"));
            assert_eq!(rust_string(joined), format!("{sample}ü!"));
        }
    }
}

#[test]
fn simple_case_mapping() {
    let upper = |content: &str| {
        // SAFETY: strings.
        rust_string(unsafe { coex_string_upper(null_mut(), new_string(content)) })
    };
    let lower = |content: &str| {
        // SAFETY: strings.
        rust_string(unsafe { coex_string_lower(null_mut(), new_string(content)) })
    };
    assert_eq!(upper("straße ñ abc ǆ ᾀ"), "STRAßE Ñ ABC Ǆ ᾈ");
    assert_eq!(lower("ÀÉ İ ABC Σ"), "àé i abc σ");
    assert_eq!(upper("plain Ascii 1"), "PLAIN ASCII 1");
}

#[test]
fn padding_and_hex() {
    // SAFETY: strings.
    unsafe {
        let (object, star) = (new_string("né"), new_string("*"));
        assert_eq!(rust_string(coex_string_pad_left(null_mut(), object, 5, star)), "***né");
        assert_eq!(rust_string(coex_string_pad_right(null_mut(), object, 4, star)), "né**");
        assert_eq!(rust_string(coex_string_pad_right(null_mut(), object, 1, star)), "né");
        assert_eq!(rust_string(coex_string_from_hex(null_mut(), 255)), "ff");
        assert_eq!(rust_string(coex_string_from_hex(null_mut(), -1)), "ffffffffffffffff");
    }
}

#[test]
fn invalid_bytes_become_replacement_characters() {
    let bytes = list_of(scalar(Kind::Byte), b"a\xFF\xC3(\xE2\x82z");
    // SAFETY: a list of bytes.
    let object = unsafe { coex_string_from_bytes(null_mut(), bytes) };
    assert_eq!(rust_string(object), "a\u{FFFD}\u{FFFD}(\u{FFFD}z");
}

#[test]
fn numbers_at_the_start() {
    for (content, expected) in [
        ("12abc", Some(12)),
        ("  \t-5", Some(-5)),
        ("+7", Some(7)),
        ("", None),
        ("-", None),
        ("- 1", None),
        ("9223372036854775807", Some(i64::MAX)),
        ("9223372036854775808", None),
        ("-9223372036854775808", Some(i64::MIN)),
        ("\n1", None),
        ("x1", None),
    ] {
        assert_eq!(parse_int(content.as_bytes()), expected, "{content:?}");
        let mut out = [0i64; 2];
        // SAFETY: an int optional.
        unsafe { parse::coex_string_to_int(new_string(content), optional(scalar(Kind::Int)), (&raw mut out).cast()) };
        assert_eq!((out[0], out[1] & 0xFF), (expected.unwrap_or(0), expected.is_some() as i64));
    }
    let hex = |content: &str| {
        let mut out = [0i64; 2];
        // SAFETY: an int optional.
        unsafe {
            parse::coex_string_to_int_hex(new_string(content), optional(scalar(Kind::Int)), (&raw mut out).cast())
        };
        (out[1] != 0).then_some(out[0])
    };
    assert_eq!(hex("0xff"), Some(255));
    assert_eq!(hex("FFFFFFFFFFFFFFFF"), Some(-1));
    assert_eq!(hex("0xZ"), Some(0));
    assert_eq!(hex("g"), None);
    assert_eq!(hex("11112222333344445"), None);
    assert_eq!(parse_float(b"1.5e3x"), Some(1500.0));
    assert_eq!(parse_float(b" inf"), Some(f64::INFINITY));
    assert!(parse_float(b"nan").is_some_and(f64::is_nan));
    assert_eq!(parse_float(b"abc"), None);
    assert_eq!(parse_float(b""), None);
}

#[test]
fn json_texts() {
    for valid in [
        "1",
        " [1, 2.5e-3, -0, {\"a\": [true, false, null], \"b\\u12aF\\n\": \"ü\"}] ",
        "{}",
        "[]",
        "\"\"",
        "0.5",
        "[[[]]]",
    ] {
        assert!(valid_json(valid.as_bytes()), "{valid}");
    }
    for invalid in [
        "",
        "01",
        "1.",
        ".5",
        "[1,]",
        "{\"a\"}",
        "{\"a\":1,}",
        "[1 2]",
        "\"a",
        "\"\\x\"",
        "nul",
        "[1]]",
        "{1:2}",
        "+1",
        "1e",
        "\"\t\"",
        "'a'",
        "[",
        "{",
        "\"\\",
    ] {
        assert!(!valid_json(invalid.as_bytes()), "{invalid}");
    }
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    assert!(valid_json(deep.as_bytes()));
}

#[test]
fn order_is_that_of_code_points() {
    let mut random = Random(3);
    let alphabet = ['a', 'b', 'é', '\u{FFFD}', '🦀'];
    let mut word = || (0..random.below(4)).map(|_| alphabet[random.below(5)]).collect::<String>();
    for _ in 0..2000 {
        let (left, right) = (word(), word());
        // SAFETY: strings.
        unsafe {
            let (one, other) = (new_string(&left), new_string(&right));
            assert_eq!(coex_string_compare(one, other).signum(), chars(&left).cmp(&chars(&right)) as i64);
            assert_eq!(coex_string_equal(one, other), left == right);
        }
    }
}

#[test]
fn repeated_concatenation_shares_no_text() {
    let mut random = Random(17);
    let mut kept: Vec<(*mut StringObject, String)> = vec![(empty(), String::new())];
    for _ in 0..3000 {
        let (object, mut model) = kept[random.below(kept.len())].clone();
        let piece = SAMPLES[random.below(SAMPLES.len())];
        model.push_str(piece);
        // SAFETY: strings.
        let joined = unsafe { coex_string_concat(null_mut(), object, new_string(piece)) };
        assert_eq!(rust_string(joined), model);
        if kept.len() > 20 {
            let victim = random.below(kept.len());
            kept.swap_remove(victim);
        }
        kept.push((joined, model));
    }
    for (object, model) in kept {
        assert_eq!(rust_string(object), model);
    }
}
