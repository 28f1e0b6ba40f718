//! Expressions of a wanted type. Everything is in brackets of its own, and nothing grows by more than its parts:
//! joined strings and lists are cut, so that no loop and no chain of calls makes an endless value.

use super::maker::{Kind, Maker};
use super::types::{Ty, list, map, opt};

impl Maker {
    /// Where the place says which type is meant, so that short forms do.
    pub(crate) fn expected(&mut self, ty: &Ty, depth: usize) -> String {
        if self.random.chance(70) {
            return self.expr(ty, depth);
        }
        let below = depth.saturating_sub(1);
        match ty {
            Ty::Float | Ty::Byte => self.random.below(200).to_string(),
            Ty::Opt(inner) if self.random.chance(60) => self.expr(inner, below),
            Ty::Opt(_) => "nil".to_owned(),
            Ty::Res(value) if self.random.chance(60) => format!("Ok({})", self.expr(value, below)),
            Ty::Res(_) => format!("Result.err({})", self.expr(&Ty::Str, below)),
            Ty::List(_) if self.random.chance(40) => "[]".to_owned(),
            Ty::List(element) => format!("[{}, {}]", self.expected(element, below), self.expected(element, below)),
            Ty::Map(..) | Ty::Set(_) if self.random.chance(30) => "{}".to_owned(),
            _ => self.expr(ty, depth),
        }
    }

    /// An expression whose type its text shows.
    pub(crate) fn expr(&mut self, ty: &Ty, depth: usize) -> String {
        self.body.cost += self.body.weight;
        if depth == 0 || self.body.cost >= self.body.limit {
            return self.leaf(ty);
        }
        for _ in 0..5 {
            let made = match self.random.below(10) {
                0 => Some(self.leaf(ty)),
                1 => self.called(ty, depth - 1),
                2 => self.part(ty, depth - 1),
                3 => self.general(ty, depth - 1),
                _ => self.special(ty, depth - 1),
            };
            if let Some(text) = made {
                return text;
            }
        }
        self.leaf(ty)
    }

    fn leaf(&mut self, ty: &Ty) -> String {
        if self.random.chance(75)
            && let Some(name) = self.var(ty)
        {
            return name;
        }
        self.literal(ty, 1)
    }

    /// The result of a function, of a variable that holds one, or of a lambda on the spot.
    fn called(&mut self, ty: &Ty, depth: usize) -> Option<String> {
        if self.random.chance(30) && self.body.kind != Kind::Formula {
            let var = self.var_where(|var| matches!(&var.ty, Ty::Func(_, result) if **result == *ty))?;
            let Ty::Func(params, _) = &var.ty else { return None };
            if !self.afford(100) {
                return None;
            }
            let args: Vec<String> = params.clone().iter().map(|param| self.expected(param, depth)).collect();
            return Some(format!("{}({})", var.name, args.join(", ")));
        }
        if self.random.chance(15) && self.body.kind != Kind::Formula {
            let param = self.types.scalar(&mut self.random);
            let lambda = self.lambda_here("func", std::slice::from_ref(&param), ty, depth);
            return Some(format!("({lambda})({})", self.expected(&param, depth)));
        }
        let in_lambda = self.body.lambda;
        let index = self.callee(|function| function.result == *ty && (function.kind != Kind::Task || !in_lambda))?;
        Some(self.call(index, depth))
    }

    /// A part of a variable.
    fn part(&mut self, ty: &Ty, depth: usize) -> Option<String> {
        let holds = |var: &Ty| match var {
            Ty::Tuple(items) => items.contains(ty),
            Ty::Pair(a, b) => **a == *ty || **b == *ty,
            Ty::Opt(inner) | Ty::List(inner) | Ty::Array(inner) | Ty::Res(inner) => **inner == *ty,
            Ty::Map(_, value) => **value == *ty,
            _ => false,
        };
        let records: Vec<bool> =
            self.types.records.iter().map(|record| record.fields.iter().any(|(_, field)| field == ty)).collect();
        let var = self.var_where(|var| matches!(var.ty, Ty::Record(index) if records[index]) || holds(&var.ty))?;
        let name = &var.name;
        let other = self.expr(ty, depth);
        Some(match &var.ty {
            Ty::Tuple(items) => format!("{name}.{}", items.iter().position(|item| item == ty)?),
            Ty::Pair(a, _) if **a == *ty => format!("{name}.a"),
            Ty::Pair(..) => format!("{name}.b"),
            Ty::Record(index) => {
                let fields = &self.types.records[*index].fields;
                format!("{name}.{}", fields.iter().find(|(_, field)| field == ty)?.0)
            }
            Ty::Opt(_) => match self.random.below(4) {
                0 if !self.body.total => format!("{name}.unwrap()"),
                1 => format!("{name}.unwrap_or({other})"),
                2 => format!("({name} == nil ? {other} : {name}.unwrap())"),
                _ => format!("({name} ?? {other})"),
            },
            Ty::Res(_) => match self.random.below(3) {
                0 if !self.body.total => format!("{name}.unwrap()"),
                1 => format!("({name} ? {name}.unwrap() : {other})"),
                _ => format!("{name}.unwrap_or({other})"),
            },
            Ty::List(_) | Ty::Array(_) => match self.random.below(3) {
                0 if !self.body.total => format!("{name}[{}]", self.random.pick(&["0", "1", "-1", "2"])),
                1 => format!("{name}.append({other})[-1]"),
                _ => {
                    let index = self.expr(&Ty::Int, depth.min(1));
                    format!("({name}.len() > 0 ? {name}[{index} % {name}.len()] : {other})")
                }
            },
            Ty::Map(key, _) => {
                let key = self.expr(key, depth.min(1));
                match self.random.below(4) {
                    0 if !self.body.total => format!("{name}[{key}]"),
                    1 => format!("({name}.get({key}) ?? {other})"),
                    _ => format!("{name}.get({key}, {other})"),
                }
            }
            _ => return None,
        })
    }

    /// Forms that exist for every type.
    fn general(&mut self, ty: &Ty, depth: usize) -> Option<String> {
        let name = self.types.text(ty);
        Some(match self.random.below(9) {
            0 | 1 => format!("({} ? {} : {})", self.condition(depth), self.expr(ty, depth), self.expr(ty, depth)),
            2 => {
                let condition = self.expr(&Ty::Bool, depth);
                format!("pick<{name}>({condition}, {}, {})", self.expected(ty, depth), self.expected(ty, depth))
            }
            3 if !matches!(ty, Ty::Opt(_)) => {
                format!("({} ?? {})", self.expr(&opt(ty.clone()), depth), self.expr(ty, depth))
            }
            4 if !matches!(ty, Ty::Func(..)) => {
                let rest = self.types.scalar(&mut self.random);
                format!("({}, {}).1", self.expr(&rest, 0), self.expr(ty, depth))
            }
            5 if !matches!(ty, Ty::Func(..)) => {
                let rest = self.types.scalar(&mut self.random);
                let pair = Ty::Pair(Box::new(ty.clone()), Box::new(rest));
                let pair = self.expr(&pair, depth);
                format!("{pair}.{}", self.random.pick(&["a", "swap().b"]))
            }
            6 if self.body.kind != Kind::Formula && !self.types.has_functions(ty) => {
                let lambda = self.lambda_here("func", std::slice::from_ref(ty), ty, depth.min(2));
                format!("twice<{name}>({lambda}, {})", self.expected(ty, depth))
            }
            7 if !self.types.has_functions(ty) => {
                format!("head<{name}>({}, {})", self.expected(&list(ty.clone()), depth), self.expected(ty, depth))
            }
            8 if self.types.back_from_json(ty) => format!("(({} as json) as {name})", self.expr(ty, depth)),
            _ => return None,
        })
    }

    pub(crate) fn condition(&mut self, depth: usize) -> String {
        match self.random.below(10) {
            0 => self.expr(&Ty::Int, depth),
            1 => self.expr(&Ty::Res(Box::new(Ty::Int)), depth),
            2 => self.expr(&opt(Ty::Str), depth),
            _ => self.expr(&Ty::Bool, depth),
        }
    }

    fn special(&mut self, ty: &Ty, depth: usize) -> Option<String> {
        match ty {
            Ty::Int => self.int(depth),
            Ty::Float => self.float(depth),
            Ty::Bool => self.bool(depth),
            Ty::Byte => Some(format!("byte({}.bit_and(255))", self.expr(&Ty::Int, depth))),
            Ty::Char => Some(format!("char({}.bit_and(4095))", self.expr(&Ty::Int, depth))),
            Ty::Str => self.string(depth),
            Ty::List(element) => self.list(element, depth),
            Ty::Array(element) => self.array(element, depth),
            Ty::Set(element) => self.set(element, depth),
            Ty::Map(key, value) => self.map(key, value, depth),
            Ty::Opt(inner) => self.optional(inner, depth),
            Ty::Res(value) => self.result(value, depth),
            Ty::Tuple(items) => self.tuple(items, depth),
            Ty::Pair(a, b) => {
                let swapped = Ty::Pair(b.clone(), a.clone());
                Some(format!("{}.swap()", self.expr(&swapped, depth)))
            }
            Ty::Tree(element) => {
                let (tree, item) = (self.expr(ty, depth), self.expected(element, depth));
                self.afford(30).then(|| format!("grow<{}>({tree}, {item})", self.types.text(element)))
            }
            Ty::Record(index) => self.changed_record(*index, depth),
            Ty::Enum(_) => Some(self.literal(ty, depth)),
            Ty::Func(params, result) => Some(self.function_value(params, result, depth)),
        }
    }

    fn function_value(&mut self, params: &[Ty], result: &Ty, depth: usize) -> String {
        let named = self.callee(|function| {
            function.params == params
                && function.result == *result
                && function.kind != Kind::Task
                && function.total
                && function.quiet
                && function.cost <= 50
                && !function.recursive
        });
        match named {
            Some(index) if self.random.chance(50) => self.functions[index].name.clone(),
            _ => format!("({})", self.lambda("func", params, result, depth)),
        }
    }

    /// Every record has a method `with_` for each field.
    fn changed_record(&mut self, index: usize, depth: usize) -> Option<String> {
        let fields = self.types.records[index].fields.clone();
        let (field, ty) = &fields[self.random.below(fields.len())];
        Some(format!("{}.with_{field}({})", self.expr(&Ty::Record(index), depth), self.expected(ty, depth)))
    }

    fn tuple(&mut self, items: &[Ty], depth: usize) -> Option<String> {
        if let [Ty::List(element), second] = items
            && **element == *second
        {
            let popped = self.expr(&items[0], depth);
            return Some(format!("{popped}.append({}).pop()", self.expr(second, depth)));
        }
        Some(self.literal(&Ty::Tuple(items.to_vec()), depth + 1))
    }

    fn optional(&mut self, inner: &Ty, depth: usize) -> Option<String> {
        let listed = list(inner.clone());
        Some(match self.random.below(8) {
            0 => format!("{}.first()", self.expr(&listed, depth)),
            1 => format!("{}.last()", self.expr(&listed, depth)),
            2 if self.types.is_ordered(inner) => {
                format!("{}.{}()", self.expr(&listed, depth), self.random.pick(&["min", "max"]))
            }
            3 => {
                let lambda = self.test(inner, depth);
                format!("{}.find({lambda})", self.expr(&listed, depth))
            }
            4 => {
                let key = self.types.key(&mut self.random);
                let from = self.expr(&map(key.clone(), inner.clone()), depth);
                format!("{from}.get({})", self.expr(&key, depth))
            }
            5 => format!("{}.ok()", self.expr(&Ty::Res(Box::new(inner.clone())), depth)),
            6 if *inner == Ty::Int => match self.random.below(5) {
                0 => format!("{}.int()", self.expr(&Ty::Str, depth)),
                1 => format!("{}.find({})", self.expr(&Ty::Str, depth), self.expr(&Ty::Str, 0)),
                2 => format!("({} as int?)", self.expr(&Ty::Float, depth)),
                3 => format!("{}.int_hex()", self.expr(&Ty::Str, depth)),
                _ => format!("{}.index_of({})", self.expr(&list(Ty::Str), depth), self.expr(&Ty::Str, depth)),
            },
            7 if *inner == Ty::Float => format!("{}.float()", self.expr(&Ty::Str, depth)),
            7 if *inner == Ty::Byte => format!("({} as byte?)", self.expr(&Ty::Int, depth)),
            7 if *inner == Ty::Str => format!("{}.err()", self.expr(&Ty::Res(Box::new(Ty::Int)), depth)),
            _ => format!("some<{}>({})", self.types.text(inner), self.expected(inner, depth)),
        })
    }

    fn result(&mut self, value: &Ty, depth: usize) -> Option<String> {
        let from = self.types.scalar(&mut self.random);
        let receiver = self.expr(&Ty::Res(Box::new(from.clone())), depth);
        let whole = Ty::Res(Box::new(value.clone()));
        Some(match self.random.below(4) {
            0 => format!("{receiver}.map({})", self.argument(std::slice::from_ref(&from), value, depth)),
            1 => format!("{receiver}.and_then({})", self.argument(std::slice::from_ref(&from), &whole, depth)),
            2 => {
                let lambda = self.argument(&[Ty::Str], &Ty::Str, depth);
                format!("{}.map_err({lambda})", self.expr(&whole, depth))
            }
            _ => self.literal(&whole, depth),
        })
    }

    /// A lambda for a method that calls it at once.
    pub(crate) fn argument(&mut self, params: &[Ty], result: &Ty, depth: usize) -> String {
        let formula = self.body.kind == Kind::Formula || self.random.chance(50);
        self.lambda_here(if formula { "formula" } else { "func" }, params, result, depth.min(2))
    }

    pub(crate) fn test(&mut self, param: &Ty, depth: usize) -> String {
        self.argument(std::slice::from_ref(param), &Ty::Bool, depth)
    }

    /// Keeps what was joined short.
    pub(crate) fn cut(&mut self, joined: &str) -> String {
        format!("({joined})[:{}]", 4 + self.random.below(40))
    }
}
