//! Input that wants to harm: no text makes the parser panic, overflow its stack or hang.

use super::{EVERYTHING, codes, parse};

/// A deterministic stream of numbers.
struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// Runs on the stack the compiler runs on.
fn with_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(1 << 30).spawn(run);
    thread.expect("a thread starts").join().expect("the parser does not panic");
}

#[test]
fn truncated_sources() {
    with_stack(|| {
        for end in (0..EVERYTHING.len()).step_by(97).filter(|&end| EVERYTHING.is_char_boundary(end)) {
            parse(&EVERYTHING[..end]);
            parse(&EVERYTHING[end..]);
        }
    });
}

#[test]
fn mutated_sources() {
    with_stack(|| {
        let mut random = Xorshift(0x2545_F491_4F6C_DD1D);
        let lines: Vec<&str> = EVERYTHING.lines().collect();
        let words: Vec<&str> = EVERYTHING.split_inclusive([' ', '(', ')', ':', ',']).collect();
        for _ in 0..150 {
            let mut text = String::new();
            match random.below(3) {
                0 => {
                    for _ in 0..random.below(60) {
                        text.push_str(lines[random.below(lines.len())]);
                        text.push('\n');
                    }
                }
                1 => {
                    let start = random.below(words.len());
                    for word in words.iter().skip(start).take(120) {
                        match random.below(12) {
                            0 => {}
                            1 => text.push_str(words[random.below(words.len())]),
                            _ => text.push_str(word),
                        }
                    }
                }
                _ => {
                    for _ in 0..random.below(80) {
                        text.push_str(words[random.below(words.len())]);
                    }
                }
            }
            parse(&text);
        }
    });
}

#[test]
fn random_bytes() {
    with_stack(|| {
        let mut random = Xorshift(88_172_645_463_325_252);
        for _ in 0..150 {
            let bytes: Vec<u8> = (0..random.below(300)).map(|_| random.below(256) as u8).collect();
            parse(&String::from_utf8_lossy(&bytes));
            let ascii: String = bytes.iter().map(|byte| char::from(byte & 0x7F)).collect();
            parse(&ascii);
        }
    });
}

#[test]
fn deep_nesting() {
    with_stack(|| {
        let nested = |open: &str, middle: &str, close: &str, depth: usize| {
            codes(&format!("{}{middle}{}", open.repeat(depth), close.repeat(depth)))
        };
        for (open, middle, close) in
            [("x = (", "1", ")"), ("x = [", "1", "]"), ("x = f(", "1", ")"), ("x = -", "1", ""), ("if a: ", "b", "~ ")]
        {
            let (head, open) = open.split_once("= ").map_or(("", open), |(_, open)| ("x = ", open));
            let text = |depth: usize| format!("{head}{}{middle}{}", open.repeat(depth), close.repeat(depth));
            assert_eq!(codes(&text(990)), [""; 0], "{open}");
            assert_eq!(codes(&text(1001)), ["E0204"], "{open}");
            assert_eq!(codes(&text(100_000)), ["E0204"], "{open}");
        }
        assert_eq!(nested("x: ", "int", " = 1", 1), [""; 0]);
        for (open, close) in [("[", "]"), ("List<", ">"), ("(", ")"), ("func() -> ", "")] {
            let text = |depth: usize| format!("x: {}int{} = 1", open.repeat(depth), close.repeat(depth));
            assert_eq!(codes(&text(900)), [""; 0], "{open}");
            assert_eq!(codes(&text(100_000)), ["E0204"], "{open}");
        }
        let ternaries = format!("x = {}1", "a ? b : ".repeat(30_000));
        assert_eq!(codes(&ternaries), ["E0204"]);
        let lambdas = format!("x = {}1", "func() => ".repeat(30_000));
        assert_eq!(codes(&lambdas), ["E0204"]);
        codes(&"(".repeat(30_000));
        codes(&"a<".repeat(30_000));
        codes(&"a<(b<[".repeat(30_000));
    });
}

#[test]
fn long_chains() {
    with_stack(|| {
        let sum = |members: usize| format!("x = 1{}", " + 1".repeat(members));
        assert_eq!(codes(&sum(10_000)), [""; 0]);
        assert_eq!(codes(&sum(10_001)), ["E0204"]);
        assert_eq!(codes(&sum(100_000)), ["E0204"]);
        let postfix = |members: usize| format!("x = a{}", ".b".repeat(members));
        assert_eq!(codes(&postfix(10_000)), [""; 0]);
        assert_eq!(codes(&postfix(10_001)), ["E0204"]);
        let elses = |members: usize| format!("if a: b{} ~", "\nelse if c: d".repeat(members));
        assert_eq!(codes(&elses(10_000)), [""; 0]);
        assert_eq!(codes(&elses(10_001)), ["E0204"]);
        let list = format!("x = [{}]", "1, ".repeat(30_000));
        assert_eq!(codes(&list), [""; 0]);
    });
}

/// Faults without end in one declaration; with time that grew by their square, this test would not end.
#[test]
fn many_faults_are_not_all_looked_at() {
    with_stack(|| {
        let text = format!("func main()\n{}~", "x = * 3\n".repeat(6_000));
        assert_eq!(parse(&text).1.len(), 50);
        let text = "x = * 3\n".repeat(6_000);
        parse(&text);
        parse(&") ] }".repeat(30_000));
        parse(&"~ ".repeat(30_000));
    });
}
