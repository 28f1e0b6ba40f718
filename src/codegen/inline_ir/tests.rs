//! Blocks that are accepted and refused, and mutations of them.

use super::*;
use crate::source::FileId;
use std::time::{Duration, Instant};

fn block(params: &[(&str, InlineType)], result: InlineType, text: &str) -> InlineBlock {
    let params = params.iter().map(|(name, ty)| ((*name).to_owned(), *ty)).collect();
    InlineBlock { params, result, text: text.to_owned(), span: Span::new(FileId(0), 0, text.len() as u32 + 6) }
}

fn of_ints(text: &str) -> InlineBlock {
    block(&[("a", InlineType::Int(64)), ("b", InlineType::Int(64))], InlineType::Int(64), text)
}

/// The message, and what it is shown at.
fn refused(text: &str) -> (String, String) {
    match read(&Context::create(), &of_ints(text), "block") {
        Ok(_) => panic!("accepted: {text}"),
        Err(Refusal { message, at }) => (message, at.map(|at| text[at].to_owned()).unwrap_or_default()),
    }
}

const ACCEPTED: &[&str] = &[
    "ret i64 %a",
    "  %s = add nsw i64 %a, %b ; the sum\n  ret i64 %s",
    "%q = sdiv i64 %a, %b\n%r = urem i64 %q, %b\n%t = sub i64 %q, %r\nret i64 %t",
    "%c = icmp slt i64 %a, %b\nbr i1 %c, label %less, label %more\nless:\nret i64 %b\nmore:\nret i64 %a",
    "entry:\nbr label %head\nhead:\n%i = phi i64 [ 100, %entry ], [ %n, %head ]\n%n = sub i64 %i, 1\n%z = icmp eq i64 %n, 0\n\
     br i1 %z, label %out, label %head\nout:\nret i64 %n",
    "%v = alloca i64, align 8\nstore i64 %a, ptr %v, align 8\n%l = load i64, ptr %v, align 8\nret i64 %l",
    "%p = call i64 @llvm.ctpop.i64(i64 %a)\n%m = tail call i64 @llvm.smax.i64(i64 %p, i64 %b)\nret i64 %m",
    "%o = call { i64, i1 } @llvm.sadd.with.overflow.i64(i64 %a, i64 %b)\n%v = extractvalue { i64, i1 } %o, 0\nret i64 %v",
    "%v = insertelement <4 x i32> zeroinitializer, i32 7, i32 1\n%w = mul <4 x i32> %v, <i32 1, i32 2, i32 3, i32 4>\n\
     %x = call i32 @llvm.vector.reduce.add.v4i32(<4 x i32> %w)\n%y = sext i32 %x to i64\nret i64 %y",
    "switch i64 %a, label %other [ i64 0, label %zero\n i64 1, label %one ]\nzero:\nret i64 10\none:\nret i64 11\nother:\nret i64 %b",
    "%f = sitofp i64 %a to double\n%g = fmul fast double %f, 1.5e+3\n%s = call double @llvm.sqrt.f64(double %g)\n\
     %r = frem double %s, 0x4000000000000000\n%i = fptosi double %r to i64\nret i64 %i",
    "%t = shl i64 %a, 70\n%u = or disjoint i64 %t, poison\nret i64 %u",
];

#[test]
fn accepted_blocks_become_machine_code() {
    for text in ACCEPTED {
        let outcome = compile_alone(&of_ints(text));
        assert!(outcome.is_ok(), "{text}\n{outcome:?}");
    }
}

#[test]
fn refusals_name_the_word() {
    let shown_at = |text, message: &str, at: &str| {
        let (found, place) = refused(text);
        assert!(found.contains(message) && place == at, "{text}\n{found}, at '{place}'");
    };
    shown_at("ret i64 %nothing", "use of undefined value '%nothing'", "%nothing");
    shown_at("%s = ad i64 %a, %b\nret i64 %s", "found 'ad'", "ad");
    shown_at("%s = add i64 %a\nret i64 %s", "expected ','", "ret");
    shown_at("%s = add i32 %a, %b\nret i64 %s", "but expected 'i32'", "%a");
    shown_at("unreachable", "found 'unreachable'", "unreachable");
    shown_at("call void asm \"nop\", \"\"()\nret i64 1", "found 'asm'", "asm");
    shown_at("%x = call i64 @puts(i64 %a)\nret i64 %x", "the only symbols", "@puts");
    shown_at("%x = call i64 @llvm.read_register.i64(i64 %a)\nret i64 %x", "may call", "@llvm.read_register.i64");
    shown_at("call void @llvm.trap()\nret i64 1", "may call", "@llvm.trap");
    shown_at("%p = inttoptr i64 %a to ptr\n%v = load i64, ptr %p\nret i64 %v", "found 'inttoptr'", "inttoptr");
    shown_at("%x = zext i64 %a to i8388607\nret i64 1", "1 to 64 bits", "i8388607");
    shown_at("%x = add <999999999 x i64> splat (i64 1), splat (i64 2)\nret i64 1", "at most 64", "999999999");
    shown_at("%x = alloca [ 65 x i64]\nret i64 1", "at most 64", "65");
    shown_at("ret i64 1\n}\ndefine void @other() {\nret void", "closes nothing", "}");
    shown_at("; hidden \r } define void @other() {\nret i64 1", "closes nothing", "}");
    shown_at("%x = add i64 %a, ((((((((((1))))))))))\nret i64 %x", "nested too deep", "(");
    shown_at("ret i64 (1", "not closed", "(");
    shown_at("!x = !{}\nret i64 1", "no place", "!");
    shown_at("ret i64 \u{e9}", "no place", "\u{e9}");
}

#[test]
fn refusals_of_the_whole_block() {
    let says = |text: &str, message: &str| {
        let (found, _) = refused(text);
        assert!(found.contains(message), "{text}\n{found}");
    };
    says("", "requires at least one basic block");
    says("%x = add i64 1, 2", "expected instruction opcode");
    says("ret i32 1", "");
    says("%v = alloca i64\n%p = load ptr, ptr %v\nret i64 1", "alloca of their type");
    says("%v = alloca i32\n%p = load i64, ptr %v\nret i64 1", "alloca of their type");
    says("%v = alloca i64\nstore i64 1, ptr undef\nret i64 1", "alloca of their type");
    says("%v = alloca i64\n%p = load i64, ptr %v, align 4096\nret i64 1", "alloca of their type");
    says("%v = alloca i64\n%w = select i1 true, ptr %v, ptr %v\nret i64 1", "not a value");
    says("%v = alloca i64, i64 %a\nret i64 1", "for one value");
    says("br label %l\nl:\n%v = alloca i64\nbr label %l", "first block");
    says("%v = alloca [64 x [64 x i64]]\nret i64 1", "at most 64 parts");
    says("%v = insertvalue [8 x [9 x i64]] poison, i64 1, 0, 0\nret i64 1", "at most 64 parts");
    says(&"%_ = add i64 1, 2\n".repeat(5000), "more than");
    let many: String = (0..1000).map(|at| format!("%v{at} = sdiv <64 x i8> undef, undef\n")).collect();
    says(&format!("{many}ret i64 1"), "too much");
    let twice = block(&[("a", InlineType::Int(8)), ("a", InlineType::Int(8))], InlineType::Void, "ret void");
    assert!(read(&Context::create(), &twice, "block").is_err());
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit.max(1)
    }
}

/// Words and separators of a text, which put together again are the text.
fn pieces(text: &str) -> Vec<&str> {
    text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '%' | '@' | '.' | '_'))).collect()
}

fn mutated(random: &mut Random, pool: &[&str]) -> String {
    let mut parts = pieces(ACCEPTED[random.below(ACCEPTED.len())]);
    for _ in 0..=random.below(4) {
        let (at, other) = (random.below(parts.len()), pool[random.below(pool.len())]);
        match random.below(5) {
            0 if parts.len() > 1 => drop(parts.remove(at)),
            1 => parts.insert(at, other),
            2 => {
                let twice = parts[at];
                parts.insert(at, twice);
            }
            3 => {
                let with = random.below(parts.len());
                parts.swap(at, with);
            }
            _ => parts[at] = other,
        }
    }
    parts.concat()
}

/// Whatever a text is, it is refused, or becomes code soon. `COEX_SOAK=n` takes n percent of a million texts.
#[test]
fn mutations_end_in_a_refusal_or_in_code() {
    const STRANGE: &[&str] = &[
        "undef ",
        "poison ",
        "i1 ",
        "i63 ",
        "-1",
        "0",
        "9223372036854775807",
        "<3 x i7> ",
        "[3 x i8] ",
        "{ i1, double } ",
        "splat (i8 3) ",
        "true ",
        "@llvm.abs.i64",
        "@llvm.fshl.v2i9",
        "@llvm.ctlz.i13",
        "%a",
        "%b",
        "nuw ",
        "exact ",
        "ptr ",
        "\n",
        "}",
        "{",
        "(",
        ")",
        "label %head ",
        "float ",
        "0xFFF8000000000001 ",
    ];
    let mut pool: Vec<&str> = ACCEPTED.iter().flat_map(|text| pieces(text)).collect();
    pool.extend(STRANGE);
    let percent: Option<usize> = std::env::var("COEX_SOAK").ok().and_then(|text| text.parse().ok());
    let rounds = percent.map_or(5_000, |percent| 10_000 * percent.max(1));
    let mut random = Random(7 + rounds as u64);
    let mut compiled = 0;
    for _ in 0..rounds {
        let text = mutated(&mut random, &pool);
        let candidate = of_ints(&text);
        let start = Instant::now();
        if read(&Context::create(), &candidate, "block").is_ok() {
            let outcome = compile_alone(&candidate);
            assert!(outcome.is_ok(), "{text}\n{outcome:?}");
            compiled += 1;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "slow: {text}");
    }
    assert!(compiled > rounds / 20, "only {compiled} of {rounds} were accepted");
}
