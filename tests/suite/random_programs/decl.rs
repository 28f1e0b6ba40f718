//! Whole programs: types, a matrix, functions that call only what stands before them, and what they share.

use super::maker::{Body, Function, Kind, Maker};
use super::tree::{Node, block, line};
use super::types::{Enum, Record, Ty};

/// Generic types and functions that every program uses; once for all programs of a file.
pub(crate) const PRELUDE: &str = "\
type Pair<A, B>:
    a: A
    b: B
    formula swap() -> Pair<B, A>
        return Pair<B, A>(b, a)
    ~
~
type Tree<T>:
    case Leaf
    case Fork(left: Tree<T>, value: T, right: Tree<T>)
    formula size() -> int
        match self
            case Leaf: return 0 ~
            case Fork(l, _, r): return l.size() + 1 + r.size() ~
        ~
    ~
~
trait Sized:
    func units() -> int
~
formula leaf<T>() -> Tree<T>
    return Tree.Leaf
~
formula grow<T>(t: Tree<T>, v: T) -> Tree<T>
    match t
        case Leaf: return Tree.Fork(leaf<T>(), v, leaf<T>()) ~
        case Fork(l, x, r)
            if v < x: return Tree.Fork(grow(l, v), x, r) ~
            return Tree.Fork(l, x, grow(r, v))
        ~
    ~
~
formula none<T>() -> T?
    return nil
~
formula some<T>(v: T) -> T?
    return v
~
formula good<T>(v: T) -> Result<T, string>
    return Ok(v)
~
formula bad<T>(e: string) -> Result<T, string>
    return Err(e)
~
formula pick<T>(c: bool, a: T, b: T) -> T
    return c ? a : b
~
formula head<T>(xs: [T], d: T) -> T
    return xs.len() > 0 ? xs[0] : d
~
func twice<T>(f: func(T) -> T, v: T) -> T
    return f(f(v))
~
func heavier<T: Sized>(a: T, b: T) -> T
    return a.units() >= b.units() ? a : b
~
task feed(channel: Channel<int>, seed: int, count: int) -> int
    for i in 0..count
        channel.send(seed * i)
    ~
    channel.close()
    return count
~
task bump(counter: atomic_int, by: int) -> int
    counter.fetch_add(by)
    return by * by
~
";

/// Steps that one call of the whole program takes at most, as a rough number.
const LIMIT: u64 = 20_000;

impl Maker {
    /// The declarations of a program whose entry is the function `<prefix>_main`.
    pub(crate) fn program(&mut self) -> Vec<Node> {
        let mut made = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            self.enumeration(&mut made);
            self.record_type(&mut made);
        }
        self.grid(&mut made);
        for _ in 0..4 + self.random.below(5) {
            self.function(&mut made);
        }
        self.body = Body::new(Kind::Func, LIMIT);
        let mut body = self.statements(12, 3);
        self.body.limit += 100;
        for index in 0..self.functions.len() {
            let called = &self.functions[index];
            if self.body.cost + called.cost <= self.body.limit && !matches!(called.result, Ty::Func(..)) {
                body.push(line(format!("print({})", self.call(index, 2))));
            }
        }
        for var in self.body.vars.clone() {
            if !matches!(var.ty, Ty::Func(..)) {
                body.push(line(format!("print({})", var.name)));
            }
        }
        made.push(block(format!("func {}_main()", self.prefix), body));
        made
    }

    fn top_level(&mut self, stem: &str) -> String {
        let prefix = self.prefix.clone();
        self.fresh(&format!("{}{stem}", prefix.to_uppercase()))
    }

    fn record_type(&mut self, made: &mut Vec<Node>) {
        let name = self.top_level("Record");
        let mut fields = Vec::new();
        for index in 0..1 + self.random.below(4) {
            fields.push((format!("f{index}"), self.types.any(&mut self.random, 2)));
        }
        let mut members: Vec<Node> =
            fields.iter().map(|(field, ty)| line(format!("{field}: {}", self.types.text(ty)))).collect();
        for (field, ty) in &fields {
            let others: Vec<String> =
                fields.iter().map(|(other, _)| if other == field { "v".to_owned() } else { other.clone() }).collect();
            let head = format!("formula with_{field}(v: {}) -> {name}", self.types.text(ty));
            members.push(block(head, vec![line(format!("return {name}({})", others.join(", ")))]));
        }
        // A method sees the fields as names of its own.
        self.body = Body::new(Kind::Formula, 100);
        self.body.total = true;
        for (field, ty) in &fields {
            self.declare(field, ty, false);
        }
        let value = self.expr(&Ty::Int, 2);
        members.push(block("formula units() -> int", vec![line(format!("return {value} + f0_units(f0)"))]));
        let first = self.types.text(&fields[0].1);
        members
            .push(block(format!("formula f0_units(v: {first}) -> int"), vec![line("return str(v).len()".to_owned())]));
        made.push(block(format!("type {name}:"), members));
        self.types.records.push(Record { name, fields });
    }

    fn enumeration(&mut self, made: &mut Vec<Node>) {
        let name = self.top_level("Enum");
        let mut cases = Vec::new();
        let mut members = Vec::new();
        for index in 0..2 + self.random.below(3) {
            let payload: Vec<Ty> = (0..self.random.below(3)).map(|_| self.types.any(&mut self.random, 1)).collect();
            let parts: Vec<String> =
                payload.iter().enumerate().map(|(part, ty)| format!("p{part}: {}", self.types.text(ty))).collect();
            let parts = if parts.is_empty() { String::new() } else { format!("({})", parts.join(", ")) };
            // Of each enum its own, so that a bare name is clear.
            let case = format!("{}C{index}", name.replace("Enum", ""));
            members.push(line(format!("case {case}{parts}")));
            cases.push((case, payload));
        }
        made.push(block(format!("type {name}:"), members));
        self.types.enums.push(Enum { name, cases });
    }

    fn grid(&mut self, made: &mut Vec<Node>) {
        let name = format!("{}Grid", self.prefix.to_uppercase());
        let (width, height) = (1 + self.random.below(6), 1 + self.random.below(5));
        self.body = Body::new(Kind::Formula, 100);
        self.body.total = true;
        for name in ["k", "west", "here"] {
            self.declare(name, &Ty::Int, false);
        }
        let value = self.expr(&Ty::Int, 3);
        let neighbour = self.random.pick(&["cell[-1, 0] ?? cell", "cell[1, -1]", "self[0, 0]", "cell[0, 2] ?? k"]);
        made.push(block(
            format!("matrix {name}[{width}, {height}]:"),
            vec![
                line("type: int"),
                line(format!("init: {}", self.random.below(9))),
                block(
                    "formula blend(k: int)",
                    vec![
                        line(format!("const west = {neighbour}")),
                        line("const here = cell + self.x * 10 + self.y"),
                        line(format!("return {value}")),
                    ],
                ),
                block(
                    "formula count()",
                    vec![line("return cell[-1, -1] + cell[0, -1] + cell[1, 0] * 3 + (cell[0, 1] ?? 7) - cell")],
                ),
            ],
        ));
    }

    fn function(&mut self, made: &mut Vec<Node>) {
        let kind = match self.random.below(8) {
            0..=2 => Kind::Formula,
            3 => Kind::Task,
            _ => Kind::Func,
        };
        let stem = self.prefix.clone();
        let name = self.fresh(&format!("{stem}_f"));
        let recursive = self.random.chance(30);
        let mut params: Vec<Ty> = (0..1 + self.random.below(3)).map(|_| self.param()).collect();
        if kind == Kind::Formula {
            params.retain(|param| !matches!(param, Ty::Func(..)));
        }
        if recursive {
            params.insert(0, Ty::Int);
        }
        let result = self.types.any(&mut self.random, 2);
        self.body = Body::new(kind, 1 + 60 * self.random.below(20) as u64);
        self.body.total = kind == Kind::Task || self.random.chance(70);
        self.body.quiet |= self.random.chance(60);
        self.body.result = Some(result.clone());
        let mut list = Vec::new();
        for (index, param) in params.iter().enumerate() {
            let name = if recursive && index == 0 { "fuel".to_owned() } else { self.fresh("a") };
            list.push(format!("{name}: {}", self.types.text(param)));
            self.declare(&name, param, name != "fuel");
        }
        self.body.block = 0;
        let mut body = Vec::new();
        if recursive {
            let value = self.expected(&result, 1);
            body.push(block("if fuel <= 0", vec![line(format!("return {value}"))]));
        }
        let count = 2 + self.random.below(5);
        body.extend(self.statements(count, 2));
        let mut cost = self.body.cost + 1;
        if recursive {
            let args: Vec<String> = params[1..].iter().map(|param| self.expected(param, 1)).collect();
            let call = format!("{name}({})", [vec!["fuel - 1".to_owned()], args].concat().join(", "));
            // In each level once, and from a ternary at the end of some.
            let again = self.fresh("v");
            let constant = if kind == Kind::Formula { "const " } else { "" };
            body.push(line(format!("{constant}{again} = {call}")));
            self.declare(&again, &result, true);
            cost *= 8;
        }
        let value = self.expected(&result, 2);
        body.push(line(format!("return {value}")));
        let word = match kind {
            Kind::Formula => "formula",
            Kind::Func => "func",
            Kind::Task => "task",
        };
        let head = format!("{word} {name}({}) -> {}", list.join(", "), self.types.text(&result));
        made.push(block(head, body));
        let (total, quiet) = (self.body.total, self.body.quiet);
        self.functions.push(Function { name, kind, params, result, cost, total, quiet, recursive });
    }

    fn param(&mut self) -> Ty {
        match self.random.below(8) {
            0 => Ty::Func(vec![self.types.scalar(&mut self.random)], Box::new(self.types.scalar(&mut self.random))),
            _ => self.types.any(&mut self.random, 2),
        }
    }
}
