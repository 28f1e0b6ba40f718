//! Which assembly of a library LLVM's assembler is given.
//!
//! In: the text of an `asm` statement, or that of a file. Out: what is refused in it. The assembler runs in this process
//! and is a language of its own: `.incbin` reads files, `.rept` and `.space` make gigabytes of one line, `.macro` and
//! operands can put together the name of either. So directives are allowed by name, and stand where they can be seen.
//! Deliberately not here: assembly that names variables (`checks`).

/// Directives that name, place and describe, and that say bytes one by one; `.cfi_…` beside them.
const ALLOWED: [&str; 55] = [
    ".2byte",
    ".4byte",
    ".8byte",
    ".addrsig",
    ".addrsig_sym",
    ".align",
    ".ascii",
    ".asciz",
    ".att_syntax",
    ".balign",
    ".bss",
    ".byte",
    ".code64",
    ".comm",
    ".data",
    ".double",
    ".equ",
    ".float",
    ".global",
    ".globl",
    ".hidden",
    ".hword",
    ".ident",
    ".int",
    ".intel_syntax",
    ".internal",
    ".lcomm",
    ".local",
    ".long",
    ".octa",
    ".p2align",
    ".popsection",
    ".previous",
    ".protected",
    ".pushsection",
    ".quad",
    ".reloc",
    ".section",
    ".set",
    ".short",
    ".single",
    ".size",
    ".sleb128",
    ".string",
    ".subsection",
    ".symver",
    ".tbss",
    ".tdata",
    ".text",
    ".type",
    ".uleb128",
    ".value",
    ".weak",
    ".weakref",
    ".word",
];

/// Only machines write more, and bombs.
const MAX_BYTES: usize = 1 << 20;

const MAX_ALIGNMENT: u64 = 4096;

/// The first thing that is wrong, as the rest of "assembly in …".
pub(super) fn fault(text: &str) -> Option<String> {
    if text.len() > MAX_BYTES {
        return Some(format!("is longer than {} KiB", MAX_BYTES >> 10));
    }
    // The assembler knows directives in capitals too.
    let text = text.to_ascii_lowercase();
    // What stands in a comment is looked at as well: that refuses more, never less.
    let lines = text.split(['\n', '\r', ';']).flat_map(|line| line.split("*/")).flat_map(|part| part.split("/*"));
    lines.map(start).find_map(of_statement)
}

/// The statement without labels and prefixes in braces.
fn start(statement: &str) -> &str {
    let mut rest = statement.trim();
    loop {
        let end = rest.find(|letter: char| !is_of_name(letter)).unwrap_or(rest.len());
        let label = rest[end..].trim_start().strip_prefix(':').filter(|_| end > 0);
        let prefix = || rest.strip_prefix('{')?.split_once('}').map(|(_, after)| after);
        match label.or_else(prefix) {
            Some(after) => rest = after.trim_start(),
            None => return rest,
        }
    }
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || "_.@".contains(letter)
}

fn of_statement(statement: &str) -> Option<String> {
    // Alternatives for the two syntaxes of x86.
    if let Some(alternatives) = statement.strip_prefix("$(") {
        return alternatives.split("$|").flat_map(|part| part.split("$)")).map(start).find_map(of_statement);
    }
    // An operand or a string here could be the name of a directive.
    if statement.starts_with(['$', '"', '\\', '{']) {
        return Some("begins a statement with an operand or a string".to_owned());
    }
    if !statement.starts_with('.') {
        return None;
    }
    let end = statement.find(|letter: char| letter.is_whitespace() || letter == ',').unwrap_or(statement.len());
    let (word, rest) = statement.split_at(end);
    let is_assignment = word.chars().all(is_of_name) && rest.trim_start().starts_with('=');
    if is_assignment || word.starts_with(".cfi_") && word.chars().all(is_of_name) {
        return None;
    }
    if !ALLOWED.contains(&word) {
        return Some(format!("uses '{}', which is not supported", word.escape_default()));
    }
    let amount = rest.trim().split([',', ' ', '\t']).next().unwrap_or_default().parse::<u64>();
    let bytes = match word {
        ".p2align" => amount.map(|power| 1u64.checked_shl(power.min(63) as u32).unwrap_or(u64::MAX)),
        ".align" | ".balign" => amount,
        _ => return None,
    };
    let is_fit = bytes.is_ok_and(|bytes| bytes <= MAX_ALIGNMENT);
    (!is_fit).then(|| format!("aligns to more than {MAX_ALIGNMENT} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libraries_write_is_assembled() {
        for text in [
            "",
            "cpuid",
            "lock; cmpxchgq $2, $1\n\tsetz $0",
            "1:\tpause\n\tjmp 1b",
            "movq %fs:$1, $0 # a comment",
            ".byte 0x0f, 0x01, 0xd0",
            ".p2align 4,,15\n.Lloop: dec $0; jnz .Lloop",
            ".globl f\n.type f, @function\nf:\n.cfi_startproc\nret\n.cfi_endproc\n.size f, .-f",
            ".pushsection .note.x, \"a\"\n.long 1f - .\n.popsection\n1:",
            ".symver memcpy, memcpy@GLIBC_2.2.5",
            "/* a comment */ nop\n// another\n# third",
            "{vex} vaddps %xmm0, %xmm1, %xmm2",
            ".Lsize = . - .Lstart",
            "add$(l $1, $0$| $0, $1$)",
            "$(movl $1, $0$|mov $0, $1$)",
        ] {
            assert_eq!(fault(text), None, "{text}");
        }
    }

    #[test]
    fn what_reads_repeats_or_hides_is_refused() {
        for text in [
            ".incbin \"/etc/passwd\"",
            "nop; .INCBIN \"/etc/passwd\"",
            "a: b: .incbin \"x\"",
            "/* x */ .incbin \"x\"",
            "/* x\n*/.incbin \"x\"",
            "{vex} .incbin \"x\"",
            ".include \"x\"",
            ".macro m a b\n.\\a\\b \"x\"\n.endm\nm inc bin",
            ".rept 1000000000\nnop\n.endr",
            ".irpc x,ab\n.endr",
            ".space 1<<40",
            ".skip 99999999999",
            ".zero 99999999999",
            ".fill 1<<30, 8, 1",
            ".org 1<<40",
            ".p2align 31",
            ".p2align 99",
            ".balign 1<<31",
            "${0:c} \"x\"",
            "nop\n$0 $1",
            "x: $0",
            ".inc${0:c} \"x\"",
            ".$(incbin$|nop$) \"x\"",
            "nop; $(nop$|.incbin \"x\"$)",
            "\".incbin\" \"x\"",
            "\\x",
        ] {
            assert!(fault(text).is_some(), "{text}");
        }
        assert!(fault(&"nop;".repeat(300_000)).is_some());
    }
}
