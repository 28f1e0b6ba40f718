//! One program per construct.

use super::build::*;
use super::{OptLevel, described, panics, prints, same_twice};
use crate::ir::*;
use crate::types::{BOOL, BYTE, FLOAT, FunctionKind, INT, STRING, Type, TypeTable};
use std::collections::BTreeMap;

fn main_only(types: TypeTable, main: Func) -> Program {
    program(types, BTreeMap::new(), vec![main])
}

#[test]
fn prints_a_sum() {
    let mut main = Func::new("main", None);
    main.show(add(int(1), int(2)));
    prints(&main_only(TypeTable::default(), main), "sum", "3\n");
}

#[test]
fn prints_scalars() {
    let mut main = Func::new("main", None);
    main.show(float(1.5));
    main.show(boolean(true));
    main.show(text("héllo"));
    main.show(expr(BYTE, ExprKind::Int(200)));
    prints(&main_only(TypeTable::default(), main), "scalars", "1.500000\ntrue\nhéllo\n200\n");
}

#[test]
fn divides_with_care() {
    let mut main = Func::new("main", None);
    let local = main.local("d", INT);
    main.set(local, int(-1));
    for op in [ArithmeticOp::Divide, ArithmeticOp::Remainder] {
        main.show(arith(op, int(i64::MIN), main.get(local)));
        main.show(arith(op, int(-7), int(2)));
    }
    main.show(arith(ArithmeticOp::Remainder, float(7.5), float(2.0)));
    let expected = "-9223372036854775808\n-3\n0\n-1\n1.500000\n";
    prints(&main_only(TypeTable::default(), main), "divide", expected);
}

#[test]
fn division_by_zero_panics() {
    let mut main = Func::new("main", None);
    main.show(arith(ArithmeticOp::Divide, int(1), int(0)));
    panics(&main_only(TypeTable::default(), main), "divide_zero", "division by zero");
}

/// `fib` by recursion, and the stack check in it.
#[test]
fn recursion() {
    let fib_id = FuncId(0);
    let mut fib = Func::new("fib", Some(INT));
    let n = fib.param("n", INT);
    let small = stmt(StmtKind::If { arms: vec![(less(fib.get(n), int(2)), vec![ret(fib.get(n))])], otherwise: vec![] });
    fib.push(small);
    let before = |by: i64| call(INT, fib_id, vec![add(expr(INT, ExprKind::Local(n)), int(-by))]);
    fib.push(ret(add(before(1), before(2))));
    let mut main = Func::new("main", None);
    main.show(call(INT, fib_id, vec![int(25)]));
    prints(&program(TypeTable::default(), BTreeMap::new(), vec![fib, main]), "fib", "75025\n");
}

#[test]
fn endless_recursion_panics() {
    let id = FuncId(0);
    let mut down = Func::new("down", Some(INT));
    let n = down.param("n", INT);
    down.push(ret(add(call(INT, id, vec![add(down.get(n), int(1))]), down.get(n))));
    let mut main = Func::new("main", None);
    main.show(call(INT, id, vec![int(0)]));
    panics(&program(TypeTable::default(), BTreeMap::new(), vec![down, main]), "overflow", "stack overflow");
}

#[test]
fn loops_over_ranges() {
    let mut main = Func::new("main", None);
    let (i, total) = (main.local("i", INT), main.local("total", INT));
    for (start, end, step) in [(0, 10, None), (5, 5, None), (10, 0, Some(-3)), (0, 10, Some(4))] {
        main.set(total, int(0));
        let body = vec![
            stmt(StmtKind::If {
                arms: vec![(equal(main.get(i), int(7)), vec![stmt(StmtKind::Continue)])],
                otherwise: vec![],
            }),
            stmt(StmtKind::Assign { local: total, value: add(main.get(total), main.get(i)) }),
        ];
        let iteration = Iteration::Range { local: i, start: int(start), end: int(end), step: step.map(int) };
        main.push(stmt(StmtKind::For { iteration, body }));
        main.show(main.get(total));
    }
    prints(&main_only(TypeTable::default(), main), "ranges", "38\n0\n15\n12\n");
}

#[test]
fn lists_of_strings() {
    let mut types = TypeTable::default();
    let strings = types.list(STRING);
    let mut main = Func::new("main", None);
    let (xs, x, i) = (main.local("xs", strings), main.local("x", STRING), main.local("i", INT));
    main.set(xs, expr(strings, ExprKind::ListLiteral(vec![text("a"), text("b")])));
    let body = vec![stmt(StmtKind::Assign {
        local: xs,
        value: runtime(
            strings,
            RuntimeFunction::ListAppend,
            vec![main.get(xs), runtime(STRING, RuntimeFunction::ValueToString, vec![main.get(i)])],
        ),
    })];
    let iteration = Iteration::Range { local: i, start: int(0), end: int(1000), step: None };
    main.push(stmt(StmtKind::For { iteration, body }));
    main.show(runtime(INT, RuntimeFunction::ListLen, vec![main.get(xs)]));
    main.show(runtime(STRING, RuntimeFunction::ListGet, vec![main.get(xs), int(500)]));
    main.show(runtime(STRING, RuntimeFunction::ListGet, vec![main.get(xs), int(-1)]));
    let chars = main.local("chars", INT);
    main.set(chars, int(0));
    let len = runtime(INT, RuntimeFunction::StringLen, vec![main.get(x)]);
    let body = vec![stmt(StmtKind::Assign { local: chars, value: add(main.get(chars), len) })];
    main.push(stmt(StmtKind::For { iteration: Iteration::List { local: x, list: main.get(xs) }, body }));
    main.show(main.get(chars));
    let equal_lists = equal(
        expr(strings, ExprKind::ListLiteral(vec![text("a")])),
        runtime(strings, RuntimeFunction::ListSlice, vec![main.get(xs), int(0), int(1)]),
    );
    main.show(equal_lists);
    prints(&main_only(types, main), "strings", "1002\n498\n999\n2892\ntrue\n");
}

#[test]
fn index_out_of_range_panics() {
    let mut types = TypeTable::default();
    let ints = types.list(INT);
    let mut main = Func::new("main", None);
    let list = expr(ints, ExprKind::ListLiteral((0..5).map(int).collect()));
    main.show(runtime(INT, RuntimeFunction::ListGet, vec![list, int(5)]));
    panics(&main_only(types, main), "index", "index 5 out of range for length 5");
}

/// A record in registers, one behind a reference, a recursive one.
#[test]
fn records() {
    let mut types = TypeTable::default();
    let point = user(&mut types, 0, "Point");
    let wide = user(&mut types, 1, "Wide");
    let node = user(&mut types, 2, "Node");
    let next = types.optional(node);
    let definitions = BTreeMap::from([
        (point, Definition::Record { fields: vec![field("x", INT), field("ok", BOOL)], c_layout: None }),
        (
            wide,
            Definition::Record {
                fields: vec![field("a", INT), field("p", point), field("s", STRING), field("f", FLOAT)],
                c_layout: None,
            },
        ),
        (node, Definition::Record { fields: vec![field("value", INT), field("next", next)], c_layout: None }),
    ]);
    let get = |ty, base, index| expr(ty, ExprKind::Field { base: Box::new(base), index });
    let mut main = Func::new("main", None);
    let w = main.local("w", wide);
    let p = expr(point, ExprKind::Aggregate(vec![int(7), boolean(true)]));
    main.set(w, expr(wide, ExprKind::Aggregate(vec![int(1), p, text("s"), float(0.5)])));
    let changed =
        expr(wide, ExprKind::WithField { base: Box::new(main.get(w)), index: 2, value: Box::new(text("changed")) });
    main.show(get(BOOL, get(point, main.get(w), 1), 1));
    main.show(get(STRING, changed, 2));
    main.show(get(STRING, main.get(w), 2));
    main.show(main.get(w));
    main.show(expr(wide, ExprKind::Zero));
    main.show(equal(get(point, main.get(w), 1), get(point, expr(wide, ExprKind::Zero), 1)));

    let n = main.local("n", next);
    main.set(n, expr(next, ExprKind::Nil));
    for value in [1, 2, 3] {
        let made = expr(node, ExprKind::Aggregate(vec![int(value), main.get(n)]));
        main.set(n, expr(next, ExprKind::Some(Box::new(made))));
    }
    let head = expr(node, ExprKind::Unwrap(Box::new(main.get(n))));
    let second = expr(node, ExprKind::Unwrap(Box::new(get(next, head, 1))));
    main.show(get(INT, second, 0));
    let expected = "true\nchanged\ns\n\
        Wide(a: 1, p: Point(x: 7, ok: true), s: s, f: 0.500000)\n\
        Wide(a: 0, p: Point(x: 0, ok: false), s: , f: 0.000000)\nfalse\n2\n";
    prints(&program(types, definitions, vec![main]), "records", expected);
}

#[test]
fn enums_and_optionals() {
    let mut types = TypeTable::default();
    let pair = types.intern(Type::Tuple(vec![
        crate::types::TupleItem { name: None, ty: INT },
        crate::types::TupleItem { name: None, ty: FLOAT },
    ]));
    let maybe_int = types.optional(INT);
    let maybe_pair = types.optional(pair);
    let shape = user(&mut types, 0, "Shape");
    let case = |name: &str, fields| Case { name: name.into(), fields };
    let cases = vec![
        case("Empty", vec![]),
        case("Circle", vec![field("r", FLOAT), field("name", STRING)]),
        case("Both", vec![field("p", pair), field("on", BOOL)]),
    ];
    let definitions = BTreeMap::from([(shape, Definition::Enum { cases })]);
    let mut main = Func::new("main", None);
    let s = main.local("s", shape);
    let payload = |ty, base, case, field| expr(ty, ExprKind::Payload { base: Box::new(base), case, field });
    main.set(s, expr(shape, ExprKind::Case { case: 1, args: vec![float(2.5), text("ring")] }));
    main.show(expr(INT, ExprKind::Tag(Box::new(main.get(s)))));
    main.show(payload(FLOAT, main.get(s), 1, 0));
    main.show(payload(STRING, main.get(s), 1, 1));
    let p = expr(pair, ExprKind::Aggregate(vec![int(3), float(4.0)]));
    main.set(s, expr(shape, ExprKind::Case { case: 2, args: vec![p, boolean(true)] }));
    main.show(payload(pair, main.get(s), 2, 0));
    main.show(payload(BOOL, main.get(s), 2, 1));
    main.show(equal(main.get(s), expr(shape, ExprKind::Case { case: 0, args: vec![] })));

    let (m, q) = (main.local("m", maybe_int), main.local("q", maybe_pair));
    main.set(m, expr(maybe_int, ExprKind::Nil));
    main.show(expr(BOOL, ExprKind::IsSome(Box::new(main.get(m)))));
    main.set(m, expr(maybe_int, ExprKind::Some(Box::new(int(9)))));
    main.show(expr(INT, ExprKind::Unwrap(Box::new(main.get(m)))));
    main.show(main.get(m));
    let p = expr(pair, ExprKind::Aggregate(vec![int(5), float(6.0)]));
    main.set(q, expr(maybe_pair, ExprKind::Some(Box::new(p))));
    main.show(main.get(q));
    let expected = "1\n2.500000\nring\n(3, 4.000000)\ntrue\nfalse\nfalse\n9\n9\n(5, 6.000000)\n";
    prints(&program(types, definitions, vec![main]), "enums", expected);
}

#[test]
fn unwrapping_nil_panics() {
    let mut types = TypeTable::default();
    let maybe = types.optional(STRING);
    let mut main = Func::new("main", None);
    main.show(expr(STRING, ExprKind::Unwrap(Box::new(expr(maybe, ExprKind::Nil)))));
    panics(&main_only(types, main), "nil", "nil value used where string is required");
}

#[test]
fn maps_and_sets() {
    let mut types = TypeTable::default();
    let map = types.intern(Type::Map(STRING, INT));
    let set = types.intern(Type::Set(INT));
    let mut main = Func::new("main", None);
    let (m, k, v) = (main.local("m", map), main.local("k", STRING), main.local("v", INT));
    let (total, e) = (main.local("total", INT), main.local("e", INT));
    main.set(m, expr(map, ExprKind::MapLiteral(vec![(text("one"), int(1)), (text("two"), int(2))])));
    main.set(m, runtime(map, RuntimeFunction::MapSet, vec![main.get(m), text("three"), int(3)]));
    main.show(runtime(INT, RuntimeFunction::MapIndex, vec![main.get(m), text("two")]));
    main.set(total, int(0));
    let len = runtime(INT, RuntimeFunction::StringLen, vec![main.get(k)]);
    let value = add(main.get(total), add(main.get(v), len));
    let body = vec![stmt(StmtKind::Assign { local: total, value })];
    let iteration = Iteration::MapEntries { key: k, value: v, map: main.get(m) };
    main.push(stmt(StmtKind::For { iteration, body }));
    main.show(main.get(total));
    let items = expr(set, ExprKind::SetLiteral(vec![int(5), int(6), int(5)]));
    let body = vec![stmt(StmtKind::Assign { local: total, value: add(main.get(total), main.get(e)) })];
    main.push(stmt(StmtKind::For { iteration: Iteration::Set { local: e, set: items }, body }));
    main.show(main.get(total));
    prints(&main_only(types, main), "maps", "2\n17\n28\n");
}

#[test]
fn function_values() {
    let mut types = TypeTable::default();
    let function = types.intern(Type::Function { kind: FunctionKind::Func, params: vec![INT], result: Some(INT) });
    let mut double = Func::new("double", Some(INT));
    let x = double.param("x", INT);
    double.push(ret(add(double.get(x), double.get(x))));
    let mut lambda = Func::new("main.lambda", Some(INT));
    let x = lambda.param("x", INT);
    let (k, label) = (lambda.capture("k", INT), lambda.capture("label", STRING));
    let len = runtime(INT, RuntimeFunction::StringLen, vec![lambda.get(label)]);
    lambda.push(ret(add(add(lambda.get(x), lambda.get(k)), len)));
    let mut main = Func::new("main", None);
    let f = main.local("f", function);
    for value in [
        expr(function, ExprKind::FunctionValue(FuncId(0))),
        expr(function, ExprKind::Closure { func: FuncId(1), captures: vec![int(100), text("abc")] }),
    ] {
        main.set(f, value);
        main.show(expr(INT, ExprKind::CallValue { callee: Box::new(main.get(f)), args: vec![int(21)] }));
    }
    prints(&program(types, BTreeMap::new(), vec![double, lambda, main]), "values", "42\n124\n");
}

#[test]
fn strings_and_conversions() {
    let mut main = Func::new("main", None);
    let (c, count) = (main.local("c", INT), main.local("count", INT));
    main.set(count, int(0));
    let body = vec![stmt(StmtKind::Assign { local: count, value: add(main.get(count), main.get(c)) })];
    main.push(stmt(StmtKind::For { iteration: Iteration::String { local: c, string: text("aé") }, body }));
    main.show(main.get(count));
    main.show(equal(text("x"), runtime(STRING, RuntimeFunction::StringTrim, vec![text(" x ")])));
    let convert = |ty, conversion, operand| expr(ty, ExprKind::Convert { conversion, operand: Box::new(operand) });
    main.show(convert(INT, Conversion::FloatToInt, float(-2.9)));
    main.show(convert(FLOAT, Conversion::IntToFloat, int(3)));
    main.show(convert(INT, Conversion::BoolToInt, boolean(true)));
    main.show(convert(BYTE, Conversion::IntToByte, int(255)));
    main.show(expr(INT, ExprKind::Math { op: MathOp::Abs, operand: Box::new(int(-4)) }));
    main.show(expr(FLOAT, ExprKind::Math { op: MathOp::Floor, operand: Box::new(float(2.7)) }));
    prints(&main_only(TypeTable::default(), main), "convert", "330\ntrue\n-2\n3.000000\n1\n255\n4\n2.000000\n");
}

#[test]
fn bad_conversions_panic() {
    let mut main = Func::new("main", None);
    let operand = Box::new(float(f64::NAN));
    main.show(expr(INT, ExprKind::Convert { conversion: Conversion::FloatToInt, operand }));
    panics(&main_only(TypeTable::default(), main), "nan", "float out of int range");
}

#[test]
fn loops_that_call_poll_each_round() {
    let mut slow = Func::new("slow", Some(INT));
    let n = slow.param("n", INT);
    let i = slow.local("i", INT);
    let iteration = Iteration::Range { local: i, start: int(0), end: slow.get(n), step: None };
    slow.push(stmt(StmtKind::For { iteration, body: vec![] }));
    slow.push(ret(slow.get(n)));
    let mut main = Func::new("main", None);
    let (i, total) = (main.local("i", INT), main.local("total", INT));
    for (end, called) in [(10_000, false), (100, true)] {
        main.set(total, int(0));
        let value = if called { call(INT, FuncId(0), vec![main.get(i)]) } else { main.get(i) };
        let body = vec![stmt(StmtKind::Assign { local: total, value: add(main.get(total), value) })];
        let iteration = Iteration::Range { local: i, start: int(0), end: int(end), step: None };
        main.push(stmt(StmtKind::For { iteration, body }));
        main.show(main.get(total));
    }
    prints(&program(TypeTable::default(), BTreeMap::new(), vec![slow, main]), "polls", "49995000\n4950\n");
}

#[test]
fn leaves_loops_early() {
    let mut types = TypeTable::default();
    let array = types.array(INT);
    let mut main = Func::new("main", None);
    let (x, last) = (main.local("x", INT), main.local("last", INT));
    let items = expr(array, ExprKind::ArrayLiteral((0..20).map(int).collect()));
    let body = vec![
        stmt(StmtKind::Assign { local: last, value: main.get(x) }),
        stmt(StmtKind::If {
            arms: vec![(equal(main.get(x), int(13)), vec![stmt(StmtKind::Break)])],
            otherwise: vec![],
        }),
    ];
    main.push(stmt(StmtKind::For { iteration: Iteration::Array { local: x, array: items }, body }));
    main.show(main.get(last));
    prints(&main_only(types, main), "early", "13\n");
}

#[test]
fn debug_information_names_functions_and_lines() {
    let mut helper = Func::new("helper", Some(INT));
    helper.push(ret(int(4)));
    let mut main = Func::new("main", None);
    main.show(call(INT, FuncId(0), vec![]));
    let program = program(TypeTable::default(), BTreeMap::new(), vec![helper, main]);
    for opt in [OptLevel::Debug, OptLevel::O2] {
        let text = described(&program, opt);
        assert!(text.contains("DISubprogram(name: \"main\""), "{text}");
        assert!(text.contains("DILocation(line: 1"), "{text}");
    }
}

#[test]
fn the_same_program_gives_the_same_object() {
    let mut types = TypeTable::default();
    let list = types.list(STRING);
    let mut main = Func::new("main", None);
    main.show(expr(list, ExprKind::ListLiteral(vec![text("a"), text("b")])));
    same_twice(&main_only(types, main));
}
