//! Statements: bindings, places, branches, loops, tasks. Each leaves its names behind for the next.

use super::maker::{Kind, Maker};
use super::tree::{Node, block, line};
use super::types::{Ty, list, map, opt};

impl Maker {
    pub(crate) fn statements(&mut self, count: usize, depth: usize) -> Vec<Node> {
        let mut made = Vec::new();
        for _ in 0..count {
            if self.body.cost >= self.body.limit {
                break;
            }
            self.body.cost += self.body.weight;
            self.statement(depth, &mut made);
        }
        made
    }

    /// A block of its own, whose names end with it.
    fn inner(&mut self, count: usize, depth: usize) -> Vec<Node> {
        let (vars, start) = (self.body.vars.len(), self.body.block);
        self.body.block = vars;
        let made = self.statements(count, depth);
        self.body.vars.truncate(vars);
        self.body.block = start;
        made
    }

    fn looped(&mut self, times: u64, count: usize, depth: usize) -> Vec<Node> {
        let outer = std::mem::replace(&mut self.body.in_loop, true);
        let made = self.repeated(times, |maker| maker.inner(count, depth));
        self.body.in_loop = outer;
        made
    }

    fn statement(&mut self, depth: usize, made: &mut Vec<Node>) {
        let func = self.body.kind != Kind::Formula;
        let nested = depth > 0;
        match self.random.below(40) {
            0..=7 => self.binding(made),
            8..=10 if func => self.rebinding(made),
            11..=14 if func => self.place(made),
            15..=18 if !self.body.quiet => self.print(made),
            19..=21 if nested => self.branch(depth - 1, made),
            22..=24 if nested => self.each(depth - 1, made),
            25 if nested && func && !self.body.in_cycle => self.counting(depth - 1, made),
            26 if nested && func && !self.body.in_cycle => self.cycle(depth - 1, made),
            27..=29 if nested => self.split(depth - 1, made),
            30 if self.body.in_loop => {
                let condition = self.condition(1);
                made.push(block(format!("if {condition}"), vec![line(self.random.pick(&["break", "continue"]))]));
            }
            31 => self.leave(made),
            32 => self.destructure(made),
            33 if !self.body.in_cycle => self.collect(made),
            34 if func && !self.body.in_cycle => self.children(made),
            35 if func && !self.body.in_cycle => self.concurrent(made),
            36 if func && nested && !self.body.in_cycle => {
                let body = self.inner(2, depth - 1);
                made.push(block("within 1000 * time.second", body));
            }
            37 if !self.body.quiet => self.for_each(made),
            38 if func && !self.body.in_cycle => self.inline(made),
            39 if func && !self.body.in_cycle => self.moved(made),
            _ => self.binding(made),
        }
    }

    fn depth(&mut self) -> usize {
        1 + self.random.below(3)
    }

    pub(crate) fn binding(&mut self, made: &mut Vec<Node>) {
        let ty = match self.random.below(8) {
            0 => self.function_type(),
            _ => self.any_type(2),
        };
        let (depth, name) = (self.depth(), self.fresh("v"));
        let constant = self.body.kind == Kind::Formula || self.body.in_cycle || self.random.chance(25);
        let word = if constant { "const " } else { "" };
        let text = match self.random.chance(60) || matches!(ty, Ty::Func(..)) {
            true => {
                let value = self.expected(&ty, depth);
                format!("{word}{name}: {} = {value}", self.types.text(&ty))
            }
            false => format!("{word}{name} = {}", self.expr(&ty, depth)),
        };
        made.push(line(text));
        self.declare(&name, &ty, !constant);
    }

    fn function_type(&mut self) -> Ty {
        let params = (0..=self.random.below(2)).map(|_| self.types.scalar(&mut self.random)).collect();
        Ty::Func(params, Box::new(self.types.any(&mut self.random, 1)))
    }

    fn rebinding(&mut self, made: &mut Vec<Node>) {
        let Some(var) = self.var_where(|var| var.rebindable) else { return self.binding(made) };
        let depth = self.depth();
        let name = &var.name;
        let compound = self.random.chance(50);
        made.push(line(match &var.ty {
            Ty::Int if compound => {
                let operator = self.random.pick(&["+=", "-=", "*="]);
                format!("{name} {operator} {}", self.expr(&Ty::Int, depth))
            }
            Ty::Float if compound => {
                let operator = self.random.pick(&["+=", "-=", "*=", "/="]);
                format!("{name} {operator} {}", self.expr(&Ty::Float, depth))
            }
            // What is added does not grow with the variable.
            Ty::Str if compound => format!("{name} += {}", self.literal(&Ty::Str, 0)),
            Ty::List(element) if compound && **element == Ty::Int => format!("{name} += [{}]", self.random.below(9)),
            Ty::List(element) if compound => {
                let (element, item) = (element.clone(), self.expected(element, depth));
                if self.body.in_loop && matches!(*element, Ty::List(_) | Ty::Str) {
                    format!("{name} = {name}[:40].append({item})")
                } else {
                    format!("{name} = {name}.append({item})")
                }
            }
            Ty::Set(element) if compound => format!("{name} = {name}.add({})", self.expected(&element.clone(), depth)),
            ty => format!("{name} = {}", self.expected(&ty.clone(), depth)),
        }));
    }

    /// `v.f[i].g = e` under the condition that the way exists; sometimes without it.
    fn place(&mut self, made: &mut Vec<Node>) {
        let structured = |ty: &Ty| {
            matches!(
                ty,
                Ty::List(_) | Ty::Array(_) | Ty::Map(..) | Ty::Tuple(_) | Ty::Record(_) | Ty::Pair(..) | Ty::Opt(_)
            )
        };
        let Some(var) = self.var_where(|var| var.rebindable && structured(&var.ty)) else {
            return self.rebinding(made);
        };
        let (mut path, mut ty, mut guards) = (var.name.clone(), var.ty.clone(), Vec::new());
        loop {
            (path, ty) = match &ty {
                Ty::List(element) | Ty::Array(element) => {
                    if path != var.name && matches!(ty, Ty::List(_)) && self.random.chance(20) {
                        break;
                    }
                    let index = self.random.below(3);
                    guards.push(format!("{path}.len() > {index}"));
                    let sign = if self.random.chance(25) { "-1".to_owned() } else { index.to_string() };
                    (format!("{path}[{sign}]"), (**element).clone())
                }
                Ty::Map(key, value) => {
                    let key = self.expr(key, 1);
                    let step = format!("{path}[{key}]");
                    let ends = !structured(value) || self.random.chance(50);
                    if ends && !self.random.chance(20) {
                        // The last step may make a new entry.
                        let value = self.expected(&value.clone(), 2);
                        let store = line(format!("{step} = {value}"));
                        return made.push(Self::guarded(&guards, store));
                    }
                    guards.push(format!("{path}.has({key})"));
                    (step, (**value).clone())
                }
                Ty::Tuple(items) => {
                    let index = self.random.below(items.len());
                    (format!("{path}.{index}"), items[index].clone())
                }
                Ty::Record(index) => {
                    let fields = &self.types.records[*index].fields;
                    let (name, field) = &fields[self.random.below(fields.len())];
                    (format!("{path}.{name}"), field.clone())
                }
                Ty::Pair(a, b) => match self.random.chance(50) {
                    true => (format!("{path}.a"), (**a).clone()),
                    false => (format!("{path}.b"), (**b).clone()),
                },
                Ty::Opt(inner) if structured(inner) && self.random.chance(60) => {
                    guards.push(format!("{path} != nil"));
                    (path, (**inner).clone())
                }
                _ => break,
            };
        }
        if path == var.name {
            return self.rebinding(made);
        }
        let depth = self.depth();
        let (operator, value) = match &ty {
            Ty::Int | Ty::Float if self.random.chance(50) => {
                (self.random.pick(&["+=", "-=", "*="]), self.expr(&ty, depth))
            }
            Ty::Str if self.random.chance(30) => ("+=", self.literal(&Ty::Str, 0)),
            _ => ("=", self.expected(&ty, depth)),
        };
        if !self.body.total && self.random.chance(5) {
            guards.clear();
        }
        made.push(Self::guarded(&guards, line(format!("{path} {operator} {value}"))));
        if let (Ty::List(element), true) = (&var.ty, self.random.chance(20)) {
            let source = self.expected(&list((**element).clone()), 2);
            made.push(line(format!("{}[1:{}] = {source}", var.name, self.random.below(5))));
        }
    }

    fn guarded(guards: &[String], store: Node) -> Node {
        match guards.is_empty() {
            true => store,
            false => block(format!("if {}", guards.join(" and ")), vec![store]),
        }
    }

    pub(crate) fn print(&mut self, made: &mut Vec<Node>) {
        let var = self.var_where(|var| !matches!(var.ty, Ty::Func(..)));
        let name = var.map(|var| var.name);
        made.push(line(match (self.random.below(5), name) {
            (0..=2, Some(name)) if self.body.weight < 20 => format!("print({name})"),
            (0..=2, Some(name)) => format!("print(str({name})[:30])"),
            _ => {
                let ty = self.any_type(2);
                let ty = if self.types.has_functions(&ty) { Ty::Int } else { ty };
                let depth = self.depth();
                let value = self.expr(&ty, depth);
                match self.body.weight < 20 {
                    true => format!("print({value})"),
                    false => format!("print(str({value})[:30])"),
                }
            }
        }));
    }

    fn branch(&mut self, depth: usize, made: &mut Vec<Node>) {
        let mut parts = vec![(format!("if {}", self.condition(2)), self.inner(2, depth))];
        while self.random.chance(25) && parts.len() < 4 {
            parts.push((format!("else if {}", self.condition(2)), self.inner(1, depth)));
        }
        if self.random.chance(50) {
            parts.push(("else".to_owned(), self.inner(2, depth)));
        }
        made.push(Node::Block(parts));
    }

    /// A `for` over anything that can be iterated.
    fn each(&mut self, depth: usize, made: &mut Vec<Node>) {
        let (name, other) = (self.fresh("i"), self.fresh("i"));
        let vars = self.body.vars.len();
        let (binder, iterable, times) = match self.random.below(9) {
            0..=2 => {
                self.declare(&name, &Ty::Int, true);
                let end = self.random.below(7);
                (name, format!("{}..{end}", self.random.below(3)), 7)
            }
            3 => {
                self.declare(&name, &Ty::Int, true);
                (name, self.random.pick(&["range(5)", "range(9, 0, -2)", "range(-3, 3)", "range(4, 4)"]).to_owned(), 6)
            }
            4 => {
                let iterable = self.expr(&Ty::Str, 2);
                self.declare(&name, &Ty::Int, false);
                (name, iterable, 10)
            }
            5 => {
                let (key, value) = (self.types.key(&mut self.random), self.any_type(1));
                let iterable = self.expr(&map(key.clone(), value.clone()), 2);
                self.declare(&name, &key, false);
                if self.types.has_functions(&value) || matches!(key, Ty::Tuple(_)) || self.random.chance(30) {
                    // With one name it iterates over the keys.
                    (name, format!("{iterable}.keys()"), 8)
                } else {
                    self.declare(&other, &value, false);
                    (format!("({name}, {other})"), iterable, 8)
                }
            }
            6 => {
                let of = self.types.key(&mut self.random);
                let iterable = self.expr(&Ty::Set(Box::new(of.clone())), 2);
                self.declare(&name, &of, false);
                (name, iterable, 8)
            }
            7 => {
                let of = self.any_type(1);
                let iterable = self.expr(&list(of.clone()), 2);
                self.declare(&name, &Ty::Int, false);
                self.declare(&other, &of, false);
                (format!("({name}, {other})"), format!("{iterable}.enumerate()"), 8)
            }
            _ => {
                let of = self.any_type(2);
                let ty = if self.random.chance(25) { Ty::Array(Box::new(of.clone())) } else { list(of.clone()) };
                let ty = if self.types.has_functions(&of) { list(of.clone()) } else { ty };
                let iterable = self.expr(&ty, 2);
                self.declare(&name, &of, false);
                (name, iterable, 10)
            }
        };
        let body = self.looped(times, 3, depth);
        self.body.vars.truncate(vars);
        made.push(block(format!("for {binder} in {iterable}"), body));
    }

    fn counting(&mut self, depth: usize, made: &mut Vec<Node>) {
        let counter = self.fresh("n");
        let limit = self.random.below(9);
        made.push(line(format!("{counter} = 0")));
        let extra = match self.random.chance(30) {
            true => format!(" and {}", self.expr(&Ty::Bool, 1)),
            false => String::new(),
        };
        self.declare(&counter, &Ty::Int, false);
        let mut body = vec![line(format!("{counter} += 1"))];
        body.extend(self.looped(9, 3, depth));
        made.push(block(format!("while {counter} < {limit}{extra}"), body));
    }

    /// A double-buffered loop; within it, only its own variables and outer ones change.
    fn cycle(&mut self, depth: usize, made: &mut Vec<Node>) {
        let counter = self.fresh("n");
        made.push(line(format!("{counter} = 0")));
        self.declare(&counter, &Ty::Int, false);
        let (vars, start) = (self.body.vars.len(), self.body.block);
        self.body.block = vars;
        let mut own = Vec::new();
        for _ in 0..1 + self.random.below(2) {
            let ty = self.types.any(&mut self.random, 1);
            if self.types.has_zero(&ty) {
                let name = self.fresh("c");
                self.declare(&name, &ty, true);
                own.push((name, ty));
            }
        }
        let in_cycle = std::mem::replace(&mut self.body.in_cycle, true);
        let mut body = Vec::new();
        for (name, ty) in &own {
            body.push(line(format!("{name}: {} = {}", self.types.text(ty), self.repeated(6, |m| m.expected(ty, 2)))));
        }
        body.push(line(format!("{counter} += 1")));
        body.extend(self.looped(6, 2, depth));
        self.body.in_cycle = in_cycle;
        self.body.vars.truncate(vars);
        self.body.block = start;
        made.push(block(format!("while {counter} < {} cycle", self.random.below(6)), body));
    }

    fn leave(&mut self, made: &mut Vec<Node>) {
        let Some(result) = self.body.result.clone() else { return self.binding(made) };
        let condition = self.condition(2);
        if self.random.chance(25) && self.body.kind != Kind::Task {
            // The exit form of the ternary.
            let (ty, name) = (self.types.scalar(&mut self.random), self.fresh("v"));
            let (value, exit) = (self.expr(&ty, 1), self.expr(&result, 1));
            made.push(line(format!("const {name} = {condition} ? {value} ! {exit}")));
            return self.declare(&name, &ty, false);
        }
        let value = self.expected(&result, 2);
        made.push(block(format!("if {condition}"), vec![line(format!("return {value}"))]));
    }

    fn destructure(&mut self, made: &mut Vec<Node>) {
        if self.random.chance(40)
            && let Some(a) = self.var_where(|var| var.rebindable)
            && let Some(b) = self.var_where(|var| var.rebindable && var.ty == a.ty && var.name != a.name)
        {
            return made.push(line(format!("({}, {}) = ({}, {})", a.name, b.name, b.name, a.name)));
        }
        let (one, two) = (self.any_type(1), self.any_type(1));
        let (a, b) = (self.fresh("v"), self.fresh("v"));
        let constant = self.body.kind == Kind::Formula || self.random.chance(50) || self.body.in_cycle;
        let word = if constant { "const " } else { "" };
        let value = match self.random.chance(50) {
            true => self.expr(&Ty::Tuple(vec![one.clone(), two.clone()]), 2),
            false => format!("({}, {})", self.expr(&one, 2), self.expr(&two, 2)),
        };
        if self.random.chance(20) {
            made.push(line(format!("{word}({a}, _) = {value}")));
            return self.declare(&a, &one, !constant);
        }
        made.push(line(format!("{word}({a}, {b}) = {value}")));
        self.declare(&a, &one, !constant);
        self.declare(&b, &two, !constant);
    }

    /// A collecting loop.
    fn collect(&mut self, made: &mut Vec<Node>) {
        let (name, item) = (self.fresh("v"), self.fresh("i"));
        let (of, ty) = (self.any_type(1), self.any_type(2));
        let iterable = self.expr(&list(of.clone()), 2);
        let (vars, start) = (self.body.vars.len(), self.body.block);
        self.declare(&item, &of, false);
        self.body.block = vars;
        let mut body = self.looped(8, 1, 1);
        let value = self.repeated(8, |maker| maker.expr(&ty, 2));
        self.body.vars.truncate(vars);
        self.body.block = start;
        body.push(line(value));
        let constant = if self.body.kind == Kind::Formula { "const " } else { "" };
        made.push(block(format!("{constant}{name} = for {item} in {iterable}"), body));
        self.declare(&name, &list(ty), true);
    }

    fn for_each(&mut self, made: &mut Vec<Node>) {
        let of = self.any_type(1);
        if self.types.has_functions(&of) {
            return self.print(made);
        }
        let receiver = self.expr(&list(of.clone()), 2);
        let name = self.fresh("p");
        let print = format!("func({name}: {}) => print(str({name})[:30])", self.types.text(&of));
        made.push(line(format!("{receiver}.each({print})")));
    }

    fn moved(&mut self, made: &mut Vec<Node>) {
        let block = self.body.block;
        let outer: Vec<String> = self.body.vars[..block].iter().map(|var| var.name.clone()).collect();
        let Some(var) = self.var_where(|var| var.rebindable && !outer.contains(&var.name)) else {
            return self.binding(made);
        };
        let name = self.fresh("v");
        made.push(line(format!("{name} := {}", var.name)));
        self.body.vars.retain(|other| other.name != var.name);
        self.declare(&name, &var.ty, true);
    }

    /// `match` on an enum, an optional, a result, a tuple or a plain value.
    fn split(&mut self, depth: usize, made: &mut Vec<Node>) {
        let ty = match self.random.below(6) {
            0 | 1 if !self.types.enums.is_empty() => Ty::Enum(self.random.below(self.types.enums.len())),
            2 => opt(self.types.scalar(&mut self.random)),
            3 => Ty::Res(Box::new(self.any_type(1))),
            4 => Ty::Tuple(vec![Ty::Int, opt(Ty::Str)]),
            _ => self.random.pick(&[&Ty::Int, &Ty::Str, &Ty::Bool]).clone(),
        };
        let value = self.expr(&ty, 2);
        let mut arms = Vec::new();
        for pattern in self.patterns(&ty) {
            let vars = self.body.vars.len();
            for (name, ty) in &pattern.1 {
                self.declare(name, ty, false);
            }
            let count = 1 + self.random.below(2);
            arms.push(block(format!("case {}", pattern.0), self.inner(count, depth)));
            self.body.vars.truncate(vars);
        }
        made.push(block(format!("match {value}"), arms));
    }

    /// Patterns with the names they bind; the last one matches everything, where that is not sure without it.
    fn patterns(&mut self, ty: &Ty) -> Vec<(String, Vec<(String, Ty)>)> {
        let mut found = Vec::new();
        match ty {
            Ty::Enum(index) => {
                let of = &self.types.enums[*index];
                let (name, cases) = (of.name.clone(), of.cases.clone());
                for (case, payload) in cases {
                    let names: Vec<(String, Ty)> = payload.into_iter().map(|ty| (self.fresh("q"), ty)).collect();
                    let list: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
                    let parts = if list.is_empty() { String::new() } else { format!("({})", list.join(", ")) };
                    let qualified = if self.random.chance(50) { format!("{name}.") } else { String::new() };
                    found.push((format!("{qualified}{case}{parts}"), names));
                }
                if self.random.chance(30) {
                    found.truncate(1);
                    found.push(("_".to_owned(), Vec::new()));
                }
            }
            Ty::Opt(inner) => {
                let name = self.fresh("q");
                found.push(("nil".to_owned(), Vec::new()));
                found.push((name.clone(), vec![(name, (**inner).clone())]));
            }
            Ty::Res(value) => {
                let (good, bad) = (self.fresh("q"), self.fresh("q"));
                found.push((format!("Ok({good})"), vec![(good, (**value).clone())]));
                found.push((format!("Err({bad})"), vec![(bad, Ty::Str)]));
            }
            Ty::Tuple(_) => {
                let (first, second) = (self.fresh("q"), self.fresh("q"));
                found.push((format!("({}, nil)", self.random.below(3)), Vec::new()));
                found.push((format!("({first}, nil)"), vec![(first, Ty::Int)]));
                found.push((format!("(_, {second})"), vec![(second, opt(Ty::Str))]));
            }
            Ty::Int => {
                let name = self.fresh("q");
                found.push((self.random.pick(&["0", "1", "-1"]).to_owned(), Vec::new()));
                found.push(("7".to_owned(), Vec::new()));
                found.push((name.clone(), vec![(name, Ty::Int)]));
            }
            Ty::Bool => {
                found.push(("true".to_owned(), Vec::new()));
                found.push(("false".to_owned(), Vec::new()));
            }
            _ => {
                found.push((self.literal(&Ty::Str, 0), Vec::new()));
                found.push(("_".to_owned(), Vec::new()));
            }
        }
        found
    }
}
