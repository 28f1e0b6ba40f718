//! The notes of the reference's section 2.3.

use super::{body, codes, faults, parse, tree};

#[test]
fn closers_mix_and_follow_each_other() {
    assert_eq!(body("if a: if b: print(x) ~ end"), "if a\n  if b\n    (call print x)");
    assert_eq!(codes("if a: b ~ c"), ["E0201"]);
    assert_eq!(parse("func f() ~ func g() end").1, [""; 0]);
}

#[test]
fn blocks_open_with_a_colon_or_a_separator() {
    assert_eq!(faults("if a b ~"), ["E0201 2:6 Syntax error: unexpected 'b'"]);
    assert_eq!(
        body("if a ~\nfor x in y ~\nwhile c ~\nmatch v ~\nselect ~\nwithin 3 ~"),
        "if a\nfor x y\nwhile c\nmatch v\nselect\nwithin 3"
    );
    assert_eq!(body("if a:;\n b ~"), "if a\n  b");
    assert_eq!(parse("type T\n x: int\n~").1, ["E0201 1:7 Syntax error: unexpected 'end of line'"]);
    assert_eq!(body("match x case 1 ~ case _: y ~ ~"), "match x\n  case 1\n  case _\n    y");
}

#[test]
fn else_belongs_to_the_innermost() {
    assert_eq!(
        body("if a\n if b: c\n\n ; else: d ~\n else if e: f\n else\n g\n ~"),
        "if a\n  if b\n    c\n  else\n    d\nelse if e\n  f\nelse\n  g"
    );
    assert_eq!(body("within 1: a else: b ~"), "within 1\n  a\nelse\n  b");
    assert_eq!(body("if a: b\nelse\n if c: d ~\n~"), "if a\n  b\nelse\n  if c\n    d");
}

#[test]
fn the_first_colon_behind_a_question_mark_is_the_ternarys() {
    assert_eq!(body("if c ? a : b : stmt ~"), "if (?: c a b)\n  stmt");
    assert_eq!(
        body("x = {k: c ? a : b, m: d ? e : f ? g : h}"),
        "bind x = (json k: (?: c a b) m: (?: d e (?: f g h)))"
    );
    assert_eq!(body("x = v[c ? a : b : d]"), "bind x = (slice v (?: c a b) d)");
    assert_eq!(body("n = r ? r.unwrap() ! r"), "bind n = (?! r (call (. r unwrap)) r)");
}

#[test]
fn generic_applications() {
    assert_eq!(body("x = f<int>(a)"), "bind x = (call f<int> a)");
    assert_eq!(body("x = Map<string, List<int?>>()"), "bind x = (call Map<string, List<int?>>)");
    assert_eq!(body("x = a < b"), "bind x = (< a b)");
    assert_eq!(body("x = f(a < b, c > d)"), "bind x = (call f (< a b) (> c d))");
    assert_eq!(body("x = f(a < b, c > (d))"), "bind x = (call f (call a<b, c> d))");
    assert_eq!(body("x = f((a < b), c > (d))"), "bind x = (call f (< a b) (> c d))");
    assert_eq!(body("x = v.get<func(int) -> [m.T]>"), "bind x = (. v get<func(int) -> [m.T]>)");
    assert_eq!(body("x: Map<string, (int, b: int)?> = y"), "bind x: Map<string, (int, b: int)?> = y");
}

#[test]
fn brace_literals() {
    assert_eq!(
        body("x = {a: 1}\ny = {'a': 1}\nz = {(k): v}\nw = {}\ns = {1, 2,}"),
        "bind x = (json a: 1)\nbind y = (map \"a\" 1)\nbind z = (map k v)\nbind w = {}\nbind s = (set 1 2)"
    );
    assert_eq!(faults("x = {a: 1, 2: 3}"), ["E0203 2:12 Bare and expression keys cannot be mixed in one literal"]);
    assert_eq!(codes("x = {a: 1, 2}"), ["E0201"]);
    assert_eq!(body("x = {k: v for k in m}"), "bind x = (map k v (for k m))");
}

#[test]
fn tuples_and_lambdas() {
    assert_eq!(body("x = (e)\ny = (a: 1, 2,)"), "bind x = e\nbind y = (tuple a: 1 2)");
    assert_eq!(faults("x = (a: 1)"), ["E0201 2:6 Syntax error: unexpected 'a'"]);
    assert_eq!(body("f = c ? func(x: int) => x + 1 : g"), "bind f = (?: c (func ((x int)) (+ x 1)) g)");
    assert_eq!(codes("x = 1 + func() => 2"), ["E0201"]);
    assert_eq!(body("x = (func() => 2)()"), "bind x = (call (func () 2))");
}

#[test]
fn left_sides() {
    assert_eq!(
        body("v.f[2].0 = e\n(a, (_, b)) = t\nx := y\nv.a += 1"),
        "assign (. (index (. v f) 2) 0) = e\nunpack (a (_ b)) = t\nbind x := y\nassign (. v a) += 1"
    );
    assert_eq!(faults("f(x) = 1"), ["E0201 2:6 Syntax error: unexpected '='"]);
    assert_eq!(faults("a.b: int = 1"), ["E0201 2:4 Syntax error: unexpected ':'"]);
    assert_eq!(faults("self.x = 1"), ["E0602 2:1 Methods cannot change 'self'; return a new value"]);
    assert_eq!(codes("x = _"), ["E0201"]);
    assert_eq!(codes("(a, b) := c"), ["E0201"]);
    assert_eq!(codes("v.x = for i in xs: i ~"), ["E0201"]);
    assert_eq!(body("x = for i in xs: i ~"), "bind x = for i xs\n  i");
}

#[test]
fn casts_take_the_question_mark() {
    assert_eq!(
        body("x = y as int? ?? 3\nz = (y as bool) ? a : b"),
        "bind x = (?? (as y int?) 3)\nbind z = (?: (as y bool) a b)"
    );
    assert_eq!(codes("x = y as bool ? a : b"), ["E0201"]);
    assert_eq!(body("x = y as m.T == nil"), "bind x = (== (as y m.T) nil)");
}

#[test]
fn precedence() {
    assert_eq!(
        body("x = a or b and not c == d + e * -f ?? g"),
        "bind x = (or a (and b (not (?? (== c (+ d (* e (- f)))) g))))"
    );
    assert_eq!(body("x = a - b - c"), "bind x = (- (- a b) c)");
    assert_eq!(body("x = await f() + 1"), "bind x = (+ (await (call f)) 1)");
    assert_eq!(faults("x = 0 < x < 9"), ["E0202 2:11 Comparisons cannot be chained"]);
    assert_eq!(codes("x = a == not b"), ["E0201"]);
    assert_eq!(codes("x = a..b..c"), ["E0201"]);
    assert_eq!(codes("x = a < b and c < d"), [""; 0]);
}

#[test]
fn declarations() {
    assert_eq!(
        tree(
            "type Vec<T: A + B>:\n @c(\"i\")\n x: T\n case Some(v: T)\n func add(self, _ o: Vec<T>) -> Vec<T>: return o ~\n~"
        ),
        "type Vec<T: A + B>\n  @c \"i\"\n  field x T\n  case Some (v T)\n  func add self (_ o Vec<T>) -> Vec<T>\n    return o\n"
    );
    assert_eq!(
        tree("trait S<T>:\n func u(self) -> int; task v<U>(x: U)\n~"),
        "trait S<T>\n  func u self -> int\n  task v<U> (x U)\n"
    );
    assert_eq!(
        tree("matrix M[2, n]:\n type: List<int>?\n init: a ? b : c\n formula f() -> int: return cell ~\n~"),
        "matrix M 2 n\n  type List<int>?\n  init (?: a b c)\n  formula f -> int\n    return cell\n"
    );
    assert_eq!(
        tree("@a @b(\"x\")\n\nextern f(x: [byte]) -> (int, string)? ~"),
        "@a\n@b \"x\"\nextern f (x [byte]) -> (int, string)?\n"
    );
    assert_eq!(parse("limit = 5\nfunc f() ~").1, ["E0401 1:1 Global variables are not allowed"]);
    assert_eq!(parse("@x\ntrait T: ~").1, ["E0201 1:1 Syntax error: unexpected '@'"]);
    assert_eq!(parse("func f(self) ~").1, ["E0201 1:8 Syntax error: unexpected 'self'"]);
}

#[test]
fn one_line_programs() {
    assert_eq!(
        tree("func main() -> int: x = 2; print(x * x); return 0 ~"),
        "func main -> int\n  bind x = 2\n  (call print (* x x))\n  return 0\n"
    );
}
