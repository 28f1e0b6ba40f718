//! Tricks in C and assembly.

use super::Outcome::{self, Harmless, Refused};
use super::{Stage, Trick};

const FAILED: Outcome = Refused(1, "error[E1114]: FFI compilation failed for 'evil'");

#[test]
fn sources_read_nothing_of_the_users() {
    macro_rules! kept {
        ($text:literal) => {
            concat!($text, "\nint probe(void) { __asm__ volatile(\"\" :: \"r\"(stolen)); return 1; }\n")
        };
    }
    Stage::play_all(&[
        Trick::new("an absolute path", kept!("#include \"{HOME}/secret.h\""), FAILED).noticed(),
        Trick::new("a path that shows in messages", "#include \"/etc/passwd\"\n", FAILED),
        Trick::new("a path in angles", kept!("#include <{HOME}/secret.h>"), FAILED),
        Trick::new("up and down", kept!("#include \"../../../../../../../../../../..{HOME}/secret.h\""), FAILED)
            .noticed(),
        Trick::new("include_next", kept!("#include_next \"{HOME}/secret.h\""), FAILED),
        Trick::new("import", kept!("#import \"{HOME}/secret.h\""), FAILED),
        Trick::new(
            "a name made by macros",
            kept!("#define TEXT(x) #x\n#define NAME(x) TEXT(x)\n#include NAME({HOME}/secret.h)"),
            FAILED,
        )
        .noticed(),
        Trick::new("embed", kept!("static const char stolen[] = {\n#embed \"{HOME}/secret.txt\"\n};"), FAILED)
            .noticed(),
        Trick::new(
            "embed in parts",
            kept!("static const char stolen[] = {\n#embed \"/etc/passwd\" limit(40) prefix(1,) if_empty(2)\n};"),
            FAILED,
        ),
        Trick::new(
            "embed of a device",
            kept!("static const char stolen[] = {\n#embed \"/dev/zero\" limit(9)\n};"),
            FAILED,
        ),
        Trick::new("the build's environment", "#include \"/proc/self/environ\"\n", FAILED),
        Trick::new("a terminal", "#include \"/dev/tty\"\n", FAILED),
        Trick::new("standard input", "#include \"/dev/stdin\"\n", FAILED),
        Trick::new("the cache", "#include \"../../../../CACHEDIR.TAG\"\n", FAILED),
        Trick::new("the project", "#include \"{ROOT}/t1/main.coex\"\n", FAILED),
        Trick::new("modules", "#pragma clang module load secret\n@import std;\n", FAILED),
        Trick::new("a false place", "#line 1 \"{HOME}/secret.txt\"\n#error shown\n", FAILED),
        Trick::new("a line marker", "# 1 \"{HOME}/secret.txt\" 1 3\nint probe(void) { return x; }\n", FAILED),
    ]);
}

#[test]
fn sources_learn_nothing_of_the_users() {
    macro_rules! asks {
        ($question:literal) => {
            concat!(
                "#if ",
                $question,
                "\nstatic const char seen[] = \"SEEN-BY-A-STRANGER\";\n#else\nstatic const char seen[] = \"nothing\";\n",
                "#endif\nint probe(void) { __asm__ volatile(\"\" :: \"r\"(seen)); return 1; }\n"
            )
        };
    }
    Stage::play_all(&[
        Trick::new("does a file exist", asks!("__has_include(\"{HOME}/secret.h\")"), FAILED).noticed(),
        Trick::new("does a file exist to embed", asks!("__has_embed(\"{HOME}/secret.txt\")"), FAILED).noticed(),
        Trick::new(
            "does a directory exist",
            asks!("__has_include(\"{HOME}/private/../../../../../../../../../usr/include/stdio.h\")"),
            Refused(1, "lies outside of the library"),
        )
        .noticed(),
        Trick::new(
            "does a directory exist, from here",
            asks!(
                "__has_include(\"../../../../../../../../../../../../..{HOME}/private/../../../../../../../../../usr/include/stdio.h\")"
            ),
            Refused(1, "lies outside of the library"),
        ),
        Trick::new("what is the date of a file", "#pragma GCC dependency \"{HOME}/secret.h\"\n", FAILED),
    ]);
}

#[test]
fn assembly_reads_nothing_and_repeats_nothing() {
    const REFUSED: Outcome = Refused(1, "which is not supported");
    macro_rules! file {
        ($text:literal) => {
            concat!("__asm__(", $text, ");\nint probe(void) { return 1; }\n")
        };
    }
    macro_rules! inline {
        ($text:literal) => {
            concat!("int probe(void) { __asm__ volatile(", $text, "); return 1; }\n")
        };
    }
    Stage::play_all(&[
        Trick::new("incbin in a file", file!(r#"".incbin \"{HOME}/secret.txt\"""#), FAILED),
        Trick::new(
            "incbin in a function",
            inline!(r#"".pushsection .rodata; .incbin \"{HOME}/secret.txt\"; .popsection""#),
            REFUSED,
        ),
        Trick::new("incbin in capitals", inline!(r#"".INCBIN \"{HOME}/secret.txt\"""#), REFUSED),
        Trick::new("include of assembly", file!(r#"".include \"{HOME}/secret.txt\"""#), FAILED),
        Trick::new(
            "a directive in pieces",
            file!(r#"".macro m a b\n.\\a\\b \"{HOME}/secret.txt\"\n.endm\nm inc bin""#),
            FAILED,
        ),
        Trick::new(
            "an operand as directive",
            "extern int trick __asm__(\".incbin\");\nint probe(void) { __asm__ volatile(\"%c0 \\\"{HOME}/secret.txt\\\"\" :: \"i\"(&trick)); return 1; }\n",
            Refused(1, "begins a statement with an operand"),
        ),
        Trick::new("endless repetition", inline!(r#"".rept 2000000000; nop; .endr""#), REFUSED),
        Trick::new("endless space", inline!(r#"".space 1 << 40""#), REFUSED),
        Trick::new("endless alignment", inline!(r#"".p2align 31""#), Refused(1, "aligns to more than")),
    ]);
}

#[test]
fn nothing_of_a_library_runs_while_it_is_built() {
    Stage::play_all(&[
        Trick::new(
            "a constructor",
            "#include <stdio.h>\n__attribute__((constructor)) static void early(void) { fopen(\"{ROOT}/pwned\", \"w\"); }\nint probe(void) { return 1; }\n",
            Harmless,
        ),
        Trick::new(
            "the linker is to take a file",
            "#pragma comment(lib, \"{HOME}/secret.txt\")\nint probe(void) { return 1; }\n",
            Harmless,
        ),
        Trick::new(
            "options in a pragma",
            "#pragma clang attribute push\n#pragma GCC optimize (\"-fplugin={HOME}/x.so\")\n_Pragma(\"clang __debug plugin\")\nint probe(void) { return 1; }\n",
            FAILED,
        ),
        Trick::new("clang crashes", "#pragma clang __debug crash\nint probe(void) { return 1; }\n", FAILED),
    ]);
}
