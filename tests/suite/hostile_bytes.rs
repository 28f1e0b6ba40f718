//! Bytes of any sort from outside a program: read as text, number and json, they give values or errors, never a crash;
//! what they give is what Rust's library reads from them.

use std::io::Write;
use std::process::Stdio;

use crate::random_programs::random::Random;
use crate::sandbox::{Ran, Sandbox};

const PROGRAM: &str = r#"
func main(stdin: posix) -> int
    path = "input"
    whole = posix.open(path, "r").unwrap()
    bytes: [byte] = []
    while true
        piece = whole.read(1000).unwrap()
        if piece.len() == 0: break ~
        bytes = bytes + piece
    ~
    whole.close()
    text = String.from_bytes(bytes)
    again = posix.open(path, "r").unwrap()
    print(again.read_all().unwrap() == text)
    again.close()
    piped = stdin.read_all().unwrap()
    print(piped == text)
    print(bytes.len())
    print(text.len())
    print(text.int())
    print(text.int_hex().is_nil())
    print(text.bytes().len())
    # All of these only have to end.
    n = text.float().is_nil() ? 0 : 1
    n += text.upper().len() + text.lower().len() + text.trim().len() + text.reverse().len()
    n += text.split(" ").len() + text.lines().len() + text.chars().len() + text.find("a").unwrap_or(0)
    n += text[1:-1].len() + text.replace("a", "bb").len() + text.pad_left(40, "é").len() + text.count("\n")
    n += (text as int?).unwrap_or(1).bit_and(1) + ((text as float?) == nil ? 1 : 0)
    parsed = json.parse(text)
    if parsed
        j = parsed.unwrap()
        back = json.parse(j.text()).unwrap()
        print(j == back and text.validjson() and json.parse(j.pretty()).unwrap() == j)
        n += j.len() + j.keys().len() + (j as string).len()
        print((j as int?) == nil or n > 0)
    else
        fault = parsed.unwrap_err()
        # Deeper than what is read, but well formed.
        deep = fault.contains("nested too deeply")
        print(fault.starts_with("line ") and (deep or not text.validjson()))
    ~
    lines = posix.open(path, "r").unwrap()
    count = 0
    while lines.read_line().unwrap() != nil
        count += 1
    ~
    print(count)
    return n >= 0 ? 0 : 1
~
"#;

/// What makes bytes interesting for one of the readers.
const PIECES: &[&str] = &[
    "0",
    "1",
    "-",
    "+",
    ".",
    "e",
    "E",
    "9223372036854775807",
    "9223372036854775808",
    "1e308",
    "1e999",
    "0x",
    "ff",
    "inf",
    "nan",
    " ",
    "\t",
    "\n",
    "\r\n",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    "\"",
    "\\",
    "\\u",
    "d83d",
    "\\ude00",
    "true",
    "false",
    "null",
    "a",
    "é",
    "日本",
    "😀",
    "\u{feff}",
    "\0",
    "\u{7f}",
];

fn input(random: &mut Random) -> Vec<u8> {
    match random.below(5) {
        0 => (0..random.below(200)).map(|_| random.next() as u8).collect(),
        // Lead and continuation bytes of UTF-8, in any order.
        1 => (0..random.below(60)).map(|_| 0x7F_u8.wrapping_add(random.below(130) as u8)).collect(),
        2 => {
            let depth = [3, 400, 511, 512, 513, 100_000][random.below(6)];
            let (open, close) = [("[", "]"), ("{\"a\":", "}"), ("[[],", "]")][random.below(3)];
            let close = if random.chance(70) { close } else { "" };
            format!("{}1{}", open.repeat(depth), close.repeat(depth)).into_bytes()
        }
        _ => {
            let mut bytes: Vec<u8> = Vec::new();
            for _ in 0..random.below(30) {
                bytes.extend_from_slice(random.pick(PIECES).as_bytes());
            }
            if random.chance(30) && !bytes.is_empty() {
                let at = random.below(bytes.len());
                bytes[at] = random.next() as u8;
            }
            bytes
        }
    }
}

/// Blanks, a sign, digits: the longest such prefix, if it fits.
fn integer(text: &str) -> Option<i64> {
    let text = text.trim_start_matches([' ', '\t']);
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => ("-", &text[1..]),
        Some(b'+') => ("", &text[1..]),
        _ => ("", text),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    format!("{sign}{}", &digits[..end]).parse().ok()
}

fn run(sandbox: &Sandbox, bytes: &[u8]) -> Ran {
    sandbox.write("input", bytes);
    let mut command = sandbox.command("timeout");
    command.arg("20").arg(sandbox.path("main")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that has ended does not read: its status says more.
    let _ = stdin.write_all(bytes);
    drop(stdin);
    let output = child.wait_with_output().expect("ends");
    Ran {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn any_bytes_are_read_without_harm() {
    let sandbox = Sandbox::new();
    sandbox.write("main.coex", PROGRAM);
    for level in ["-O0", "-O2"] {
        let built = sandbox.coexc(&["build", level, "main.coex"]);
        assert_eq!(built.status, 0, "{}", built.stderr);
        for seed in 0..150 {
            let bytes = input(&mut Random::new(seed));
            let ran = run(&sandbox, &bytes);
            let text = String::from_utf8_lossy(&bytes);
            assert_eq!(ran.status, 0, "seed {seed} at {level}: {}", ran.stderr);
            let lines: Vec<&str> = ran.stdout.lines().collect();
            assert_eq!(lines[..2], ["true", "true"], "seed {seed}: text of the file, and of the pipe");
            let number = integer(&text).map_or("nil".to_owned(), |number| number.to_string());
            let expected = [bytes.len().to_string(), text.chars().count().to_string(), number];
            assert_eq!(lines[2..5], expected, "seed {seed}: {text:?}");
            assert_eq!(lines[6], text.len().to_string(), "seed {seed}");
            assert!(lines[7..lines.len() - 1].iter().all(|line| *line == "true"), "seed {seed}: {}", ran.stdout);
        }
    }
}
