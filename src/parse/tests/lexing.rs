//! Chapter 1 of the reference.

use super::{body, codes, faults, parse, tree};

#[test]
fn line_ends_are_lf_cr_and_crlf() {
    assert_eq!(tree("func f()\r\nx = 1\ry = 2\nz = 3\r\n~\r\n"), "func f\n  bind x = 1\n  bind y = 2\n  bind z = 3\n");
    assert_eq!(tree("\u{feff}func f() ~"), "func f\n");
    assert_eq!(tree("func f() ~ # no line end"), "func f\n");
    assert_eq!(
        parse("x = 1\r\n\u{e9}").1,
        ["E0401 1:1 Global variables are not allowed", "E0201 2:1 Syntax error: unexpected 'é'"]
    );
}

#[test]
fn line_ends_are_dropped_where_nothing_can_end() {
    assert_eq!(body("x = f(1,\n 2\n)"), "bind x = (call f 1 2)");
    assert_eq!(body("x = a\n  .b\n  .c(1)"), "bind x = (call (. (. a b) c) 1)");
    assert_eq!(body("x =\n 1 +\n 2"), "bind x = (+ 1 2)");
    assert_eq!(body("x = a and\n not\n b"), "bind x = (and a (not b))");
    assert_eq!(body("x = a.and\ny = 1"), "bind x = (. a and)\nbind y = 1");
    assert_eq!(faults("x = a ?\n b : c")[0], "E0201 2:8 Syntax error: unexpected 'end of line'");
    assert_eq!(body("a; b ;; \n ; c;"), "a\nb\nc");
}

#[test]
fn a_declaration_line_ends_open_brackets() {
    let (module, faults) = parse("func f()\n x = g(1, [2\nfunc h() ~\n");
    assert_eq!(
        faults,
        [
            "E0201 2:7 Syntax error: unexpected '('",
            "E0201 2:11 Syntax error: unexpected '['",
            "E0201 3:1 Syntax error: unexpected 'func'"
        ]
    );
    assert_eq!(module.items.len(), 2);
}

#[test]
fn comments() {
    assert_eq!(
        body("x = 1 # y\n## a\nb ## y = 2 ## c ## ; z = 3 #### ; s = '#'"),
        "bind x = 1\nbind y = 2\nbind z = 3\nbind s = \"#\""
    );
    assert_eq!(body("#@ note\nx ## line\nend ## y"), "x\ny");
    assert_eq!(parse("func f() ~\n  ## open").1, ["E0102 2:3 Unterminated block comment"]);
}

#[test]
fn reserved_words_are_member_names() {
    assert_eq!(body("x = s.int().type.end.self"), "bind x = (. (. (. (call (. s int)) type) end) self)");
    assert_eq!(body("f(if: 1, end: 2, nil: 3)"), "(call f if: 1 end: 2 nil: 3)");
    assert_eq!(body("j = {if: 1, type: 2}"), "bind j = (json if: 1 type: 2)");
    assert_eq!(codes("j = {true: 1}"), [""; 0]);
    assert_eq!(
        tree("type T:\n  type: int\n  case: string\n func end(self) ~\n~"),
        "type T\n  field type int\n  field case string\n  func end self\n"
    );
    assert_eq!(faults("if = 3"), ["E0201 2:4 Syntax error: unexpected '='"]);
    assert_eq!(parse("func if() ~").1, ["E0201 1:6 Syntax error: unexpected 'if'"]);
}

#[test]
fn contextual_words_are_identifiers_elsewhere() {
    for word in ["on", "off", "with", "fair", "random", "priority", "timeout", "init", "cycle", "printing", "debugging"]
    {
        assert_eq!(body(&format!("{word} = {word} + 1\nprint({word})\n{word}: int = 1")).lines().count(), 3, "{word}");
    }
    assert_eq!(body("replace = out\nwhile cycle cycle: ~\nreplace"), "bind replace = out\nwhile cycle cycle\nreplace");
    assert_eq!(body("select timeout timeout ~"), "select timeout timeout");
    assert_eq!(tree("extern f(out: out int, x: out) -> int ~"), "extern f (out out int) (x out) -> int\n");
    assert_eq!(
        tree("printing off\ndebugging\nreplace a with m.if\nfunc f() ~"),
        "printing off\ndebugging on\nreplace a with m.if\nfunc f\n"
    );
}

#[test]
fn var_is_refused() {
    assert_eq!(faults("var x: int = 1\ny = 2"), ["E0103 2:1 'var' is not used in Coex; write 'x = value'"]);
}

#[test]
fn operators() {
    assert_eq!(body("b = x<-1"), "bind b = (< x (- 1))");
    assert_eq!(body("select case v <- ch ~ case _<-ch ~ ~"), "select\n  case v <- ch\n  case _ <- ch");
    assert_eq!(body("x = a %b"), "bind x = (% a b)");
    assert_eq!(
        body("x = llvm_ir (a -> %a, b -> %0: i8) -> %r: float \"\"\"x\ny\"\"\" % c"),
        "bind x = (% (llvm_ir (a %a) (b %0: i8) -> %r: float \"x\\ny\") c)"
    );
    assert_eq!(codes("x: List<int>= []"), ["E0201"]);
}

#[test]
fn numbers() {
    assert_eq!(
        body("x = 0xFFFFFFFFFFFFFFFF + 0b101 + 1.5e-3 + 2e10 + 1..5"),
        "bind x = (.. (+ (+ (+ (+ 0xffffffffffffffff 0x5) 0.0015) 20000000000.0) 1) 5)"
    );
    assert_eq!(body("x = -9223372036854775808"), "bind x = (- 9223372036854775808)");
    for text in
        ["9223372036854775808", "-9223372036854775808.abs()", "0x1FFFFFFFFFFFFFFFF", "1e999", "- -9223372036854775809"]
    {
        assert_eq!(codes(&format!("x = {text}")), ["E0104"], "{text}");
    }
    assert_eq!(body("x = t.0.1"), "bind x = (. (. t 0) 1)");
    assert_eq!(codes("x = 1_000"), ["E0201"]);
}

#[test]
fn strings() {
    assert_eq!(
        body(r#"x = "a\n\t\r\b\f\"\'\\\x41\u00e9\101\0" + 'q"'"#),
        "bind x = (+ \"a\\n\\t\\r\\u{8}\\u{c}\\\"'\\\\AéA\\0\" \"q\\\"\")"
    );
    assert_eq!(faults("s = \"abc\nt = 1"), ["E0105 2:5 Unterminated string literal"]);
    assert_eq!(faults("s = 'a\\q'"), ["E0106 2:7 Invalid escape sequence '\\q'"]);
    for text in ["\\ud800", "\\400", "\\x4", "\\u12", "\\z"] {
        assert_eq!(codes(&format!("s = '{text}'")), ["E0106"], "{text}");
    }
    assert_eq!(codes("s = \"\"\"raw\"\"\""), ["E0201"]);
}

#[test]
fn the_documentation_lists_all_reserved_words() {
    let quoted = |text: &'static str, mark: &'static str| {
        let mut words: Vec<_> = text.split(mark).skip(1).filter_map(|rest| rest.split(['"', '`']).next()).collect();
        words.sort_unstable();
        words.dedup();
        words
    };
    let mut known = quoted(include_str!("../token.rs"), "b\"");
    known.retain(|word| *word != "_");
    let index = include_str!("../../../docs/language/index.md");
    let (_, rest) = index.split_once("## Keywords").expect("the heading");
    let (table, _) = rest.split_once("\n\nKeywords only").expect("the table's end");
    let mut listed: Vec<_> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next()).collect();
    listed = listed.iter().flat_map(|words| words.split("`, `")).map(|word| word.trim_matches('`')).collect();
    listed.sort_unstable();
    assert_eq!(known, listed);
    let page = include_str!("../../../docs/language/source-text.md");
    let (_, rest) = page.split_once("Reserved words cannot").expect("the paragraph");
    let block = rest.split("```").nth(1).expect("the block");
    // The first line says what kind of block it is.
    let (_, words) = block.split_once('\n').expect("a line");
    let mut listed: Vec<_> = words.split_whitespace().collect();
    listed.sort_unstable();
    assert_eq!(known, listed);
}
