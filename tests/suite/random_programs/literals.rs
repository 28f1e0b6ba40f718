//! Values written out, with a type that the text alone shows.

use super::maker::Maker;
use super::types::Ty;

const INTS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "7",
    "10",
    "63",
    "64",
    "100",
    "255",
    "256",
    "65536",
    "2147483647",
    "4294967296",
    "9223372036854775807",
    "(-1)",
    "(-2)",
    "(-7)",
    "(-64)",
    "(-2147483648)",
    "(-9223372036854775808)",
    "0xFF",
    "0xFFFFFFFFFFFFFFFF",
    "0b1011",
];

const FLOATS: &[&str] = &[
    "0.0",
    "(-0.0)",
    "1.0",
    "0.5",
    "(-1.5)",
    "2.25",
    "3.14",
    "100.0",
    "1e10",
    "1e-10",
    "1e300",
    "(-1e300)",
    "9223372036854775808.0",
    "(0.0 / 0.0)",
    "(1.0 / 0.0)",
];

const STRINGS: &[&str] = &[
    "\"\"",
    "\"a\"",
    "\"b\"",
    "\"ab\"",
    "\"Hello\"",
    "\"x=1;y=2\"",
    "\" padded\\t\"",
    "\"line\\none\"",
    "\"é\"",
    "\"naïve Straße\"",
    "\"日本語\"",
    "\"😀!\"",
    "\"12\"",
    "\"-7\"",
    "\"3.5e2\"",
    "\"9223372036854775808\"",
    "\"q\\\"uote\\\\\"",
    "\"longer than what fits into a short string\"",
    "'single'",
];

impl Maker {
    pub(crate) fn literal(&mut self, ty: &Ty, depth: usize) -> String {
        let below = depth.saturating_sub(1);
        match ty {
            Ty::Int => match self.random.below(3) {
                0 => self.random.below(20).to_string(),
                1 => format!("({})", self.random.next() as i64 >> self.random.below(63)),
                _ => self.random.pick(INTS).to_owned(),
            },
            Ty::Float => self.random.pick(FLOATS).to_owned(),
            Ty::Bool => self.random.pick(&["true", "false"]).to_owned(),
            Ty::Byte => format!("byte({})", self.random.below(256)),
            Ty::Char => format!("char({})", self.random.pick(&["65", "122", "48", "233", "0", "128512", "1114111"])),
            Ty::Str => self.random.pick(STRINGS).to_owned(),
            Ty::List(element) => match self.literals(element, below) {
                items if items.is_empty() => format!("List<{}>()", self.types.text(element)),
                items => format!("[{items}]"),
            },
            Ty::Array(element) => match self.literals(element, below) {
                items if items.is_empty() => format!("Array<{}>()", self.types.text(element)),
                items => format!("[{items}].toArray()"),
            },
            Ty::Set(element) => match self.literals(element, below) {
                items if items.is_empty() => format!("Set<{}>()", self.types.text(element)),
                items => format!("{{{items}}}"),
            },
            Ty::Map(key, value) => {
                let count = self.random.below(4);
                let mut items = Vec::new();
                for _ in 0..count {
                    items.push(format!("({}): {}", self.expr(key, below), self.expr(value, below)));
                }
                if items.is_empty() {
                    return format!("Map<{}, {}>()", self.types.text(key), self.types.text(value));
                }
                format!("{{{}}}", items.join(", "))
            }
            Ty::Tuple(items) => {
                let items: Vec<String> = items.iter().map(|item| self.expr(item, below)).collect();
                format!("({})", items.join(", "))
            }
            Ty::Opt(inner) => {
                if self.random.chance(30) {
                    return format!("none<{}>()", self.types.text(inner));
                }
                format!("some<{}>({})", self.types.text(inner), self.expected(inner, below))
            }
            Ty::Res(value) => {
                if self.random.chance(30) {
                    return format!("bad<{}>({})", self.types.text(value), self.expr(&Ty::Str, 0));
                }
                format!("good<{}>({})", self.types.text(value), self.expected(value, below))
            }
            Ty::Pair(a, b) => {
                let types = format!("{}, {}", self.types.text(a), self.types.text(b));
                format!("Pair<{types}>({}, {})", self.expected(a, below), self.expected(b, below))
            }
            Ty::Tree(element) => {
                let name = self.types.text(element);
                let count = self.random.below(3);
                let items: Vec<String> = (0..count).map(|_| self.expected(element, 0)).collect();
                items.iter().fold(format!("leaf<{name}>()"), |tree, item| format!("grow<{name}>({tree}, {item})"))
            }
            Ty::Record(index) => self.record(*index, below),
            Ty::Enum(index) => self.case(*index, below),
            Ty::Func(params, result) => format!("({})", self.lambda("func", params, result, below)),
        }
    }

    fn literals(&mut self, element: &Ty, depth: usize) -> String {
        let count = self.random.below(4);
        let items: Vec<String> = (0..count).map(|_| self.expr(element, depth)).collect();
        items.join(", ")
    }

    /// Arguments by position, by name, or first some by position.
    fn record(&mut self, index: usize, depth: usize) -> String {
        let (name, fields) = (self.types.records[index].name.clone(), self.types.records[index].fields.clone());
        let positional = if self.random.chance(60) { fields.len() } else { self.random.below(fields.len() + 1) };
        let mut args = Vec::new();
        for (_, ty) in &fields[..positional] {
            args.push(self.expected(ty, depth));
        }
        for (field, ty) in fields[positional..].iter().rev() {
            args.push(format!("{field}: {}", self.expected(ty, depth)));
        }
        format!("{name}({})", args.join(", "))
    }

    fn case(&mut self, index: usize, depth: usize) -> String {
        let of = &self.types.enums[index];
        let (name, payload) = of.cases[self.random.below(of.cases.len())].clone();
        let name = format!("{}.{name}", of.name);
        if payload.is_empty() {
            return name;
        }
        let args: Vec<String> = payload.iter().map(|ty| self.expected(ty, depth)).collect();
        format!("{name}({})", args.join(", "))
    }

    /// A function value that neither prints nor panics, and whose calls cost little.
    pub(crate) fn lambda(&mut self, kind: &str, params: &[Ty], result: &Ty, depth: usize) -> String {
        let outer = self.body.clone();
        self.body.total = true;
        self.body.limit = self.body.cost.saturating_add(30 * self.body.weight);
        let text = self.lambda_here(kind, params, result, depth);
        let cost = self.body.cost;
        self.body = outer;
        self.body.cost = cost;
        text
    }

    /// A function value that is called at once, and may panic where this place may.
    pub(crate) fn lambda_here(&mut self, kind: &str, params: &[Ty], result: &Ty, depth: usize) -> String {
        let outer = self.body.clone();
        self.body.lambda = true;
        self.body.quiet = true;
        if kind == "formula" {
            self.body.kind = super::maker::Kind::Formula;
            self.body.vars.retain(|var| !matches!(var.ty, Ty::Func(..)));
        }
        let mut list = Vec::new();
        for param in params {
            let name = self.fresh("p");
            list.push(format!("{name}: {}", self.types.text(param)));
            self.declare(&name, param, false);
        }
        let value = self.repeated(8, |maker| maker.expr(result, depth));
        let cost = self.body.cost;
        self.body = outer;
        self.body.cost = cost;
        format!("{kind}({}) => {value}", list.join(", "))
    }
}
