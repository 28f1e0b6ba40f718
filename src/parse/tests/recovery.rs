//! Several faults of one file are all told, each once and in order (reference 2.3, 8).

use super::{faults, parse};

#[test]
fn independent_faults() {
    let text = "\
func main() -> int
    x = * 3
    y = foo(1 2)
    if a b
       print(x)
    ~
    for in x
       y = 3
    ~
    z = 1 $ 2
    return 0
~
func broken(x int)
    print(x)
~
type T:
    x int
    y: int
~
";
    let (module, faults) = parse(text);
    assert_eq!(
        faults,
        [
            "E0201 2:9 Syntax error: unexpected '*'",
            "E0201 3:15 Syntax error: unexpected '2'",
            "E0201 4:10 Syntax error: unexpected 'b'",
            "E0201 7:9 Syntax error: unexpected 'in'",
            "E0201 10:11 Syntax error: unexpected '$'",
            "E0201 13:15 Syntax error: unexpected 'int'",
            "E0201 17:7 Syntax error: unexpected 'int'",
        ]
    );
    // The declarations around the faults are there.
    assert!(module.items.iter().any(|item| item.name().name.as_str() == "main"));
    assert!(module.items.iter().any(|item| item.name().name.as_str() == "T"));
}

#[test]
fn forgotten_closers() {
    let text = "func f()\n  if x\n    y = 2\n\nfunc g() -> int\n  return 1\n~\n";
    let (module, faults) = parse(text);
    assert_eq!(faults, ["E0201 5:1 Syntax error: unexpected 'func'"]);
    assert_eq!(module.items.len(), 2);
    let (module, faults) = parse("type T:\n  func f()\n    x = 1\n  func g() ~\n~\nfunc h() ~");
    assert_eq!(faults, ["E0201 4:3 Syntax error: unexpected 'func'"]);
    assert_eq!(module.items.len(), 2);
    assert_eq!(parse("func f(): x = 1").1, ["E0201 1:16 Syntax error: unexpected 'end of file'"]);
}

#[test]
fn superfluous_closers() {
    assert_eq!(parse("func f() ~ ~\nfunc g() ~").1, ["E0201 1:12 Syntax error: unexpected '~'"]);
    assert_eq!(
        faults("x = (1]\ny = 2)"),
        ["E0201 2:7 Syntax error: unexpected ']'", "E0201 3:1 Syntax error: unexpected 'y'"]
    );
}

#[test]
fn faults_name_what_was_expected() {
    let mut diagnostics = crate::diagnostics::Diagnostics::default();
    super::parse_module(crate::source::FileId(0), "func main()\n x = * 3\n~", &mut diagnostics);
    let list = diagnostics.into_sorted();
    assert_eq!(list[0].label.as_deref(), Some("expected an expression"));
    let mut diagnostics = crate::diagnostics::Diagnostics::default();
    super::parse_module(crate::source::FileId(0), "func main()\n if a && b\n ~\n~", &mut diagnostics);
    let list = diagnostics.into_sorted();
    assert_eq!((list.len(), list[0].helps.clone()), (1, vec!["write 'and'".to_owned()]));
}

#[test]
fn at_most_fifty_faults() {
    let text = format!("func main()\n{}~", "x = * 3\n".repeat(120));
    assert_eq!(parse(&text).1.len(), 50);
}
