//! Expressions of the built-in types: numbers, strings, collections.

use super::maker::{Kind, Maker};
use super::types::{Ty, list, map, opt};

impl Maker {
    pub(crate) fn int(&mut self, depth: usize) -> Option<String> {
        let a = self.expr(&Ty::Int, depth);
        Some(match self.random.below(22) {
            0..=3 => format!("({a} {} {})", self.random.pick(&["+", "-", "*"]), self.expr(&Ty::Int, depth)),
            4 => {
                let divisor = self.expr(&Ty::Int, depth);
                let guard = if self.body.total || self.random.chance(85) { ".bit_or(1)" } else { "" };
                format!("({a} {} {divisor}{guard})", self.random.pick(&["/", "%"]))
            }
            5 => {
                let divisor = self.random.pick(&["1", "2", "-1", "3", "-7", "8", "10", "1000", "-64"]);
                format!("({a} {} {divisor})", self.random.pick(&["/", "%"]))
            }
            6 => format!("(-{a})"),
            7 => format!("{a}.{}()", self.random.pick(&["abs", "bit_not"])),
            8 | 9 => {
                let method = self.random.pick(&["min", "max", "bit_and", "bit_or", "bit_xor", "shl", "shr", "ushr"]);
                format!("{a}.{method}({})", self.expr(&Ty::Int, depth))
            }
            10 => format!("{a}.pow({})", self.random.below(6)),
            11 => format!("({} as int)", self.expr(&Ty::Bool, depth)),
            12 => {
                let wide = self.types.scalar(&mut self.random);
                let wide = if wide == Ty::Char { Ty::Char } else { Ty::Byte };
                format!("({} + {a})", self.expr(&wide, depth))
            }
            13 => format!("(({} as int?) ?? {a})", self.expr(&Ty::Float, depth)),
            14 | 15 => {
                let of = self.collection(depth);
                format!("{}.len()", self.expr(&of, depth))
            }
            16 => {
                let of = self.any_type(1);
                let lambda = self.argument(&[Ty::Int, of.clone()], &Ty::Int, depth);
                format!("{}.fold({a}, {lambda})", self.expr(&list(of), depth))
            }
            17 => format!("{}.{}", self.expr(&list(Ty::Int), depth), self.random.pick(&["sum()", "len()"])),
            18 => {
                let of = self.any_type(1);
                let of = if self.types.has_functions(&of) { Ty::Int } else { of };
                format!("{}.count({})", self.expr(&list(of.clone()), depth), self.expr(&of, depth))
            }
            19 => format!("{}.count({})", self.expr(&Ty::Str, depth), self.expr(&Ty::Str, 0)),
            20 if !self.types.records.is_empty() => {
                let record = Ty::Record(self.random.below(self.types.records.len()));
                if self.random.chance(40) && self.body.kind != Kind::Formula {
                    let (one, two) = (self.expr(&record, depth), self.expr(&record, depth));
                    return Some(format!("heavier<{}>({one}, {two}).units()", self.types.text(&record)));
                }
                format!("{}.units()", self.expr(&record, depth))
            }
            _ => {
                let tree = Ty::Tree(Box::new(self.types.scalar(&mut self.random)));
                if !self.afford(20) {
                    return None;
                }
                format!("{}.size()", self.expr(&tree, depth))
            }
        })
    }

    pub(crate) fn float(&mut self, depth: usize) -> Option<String> {
        let a = self.expr(&Ty::Float, depth);
        Some(match self.random.below(9) {
            0..=3 => format!("({a} {} {})", self.random.pick(&["+", "-", "*", "/"]), self.expr(&Ty::Float, depth)),
            4 => format!("({a} {} {})", self.random.pick(&["+", "-", "*", "%"]), self.expr(&Ty::Int, depth)),
            5 => {
                let method = self.random.pick(&["abs", "floor", "ceil", "round", "trunc", "sqrt"]);
                format!("{a}.{method}()")
            }
            6 => format!("{a}.{}({})", self.random.pick(&["min", "max"]), self.expr(&Ty::Float, depth)),
            7 => format!("({} as float)", self.expr(&Ty::Int, depth)),
            _ => format!("{}.sum()", self.expr(&list(Ty::Float), depth)),
        })
    }

    pub(crate) fn bool(&mut self, depth: usize) -> Option<String> {
        Some(match self.random.below(16) {
            0 => format!("(not {})", self.condition(depth)),
            1 | 2 => {
                format!("({} {} {})", self.condition(depth), self.random.pick(&["and", "or"]), self.condition(depth))
            }
            3..=6 => {
                let ty = self.any_type(1);
                let ty = if self.types.is_ordered(&ty) { ty } else { Ty::Int };
                let operator = self.random.pick(&["<", "<=", ">", ">=", "==", "!="]);
                format!("({} {operator} {})", self.expr(&ty, depth), self.expr(&ty, depth))
            }
            7 | 8 => {
                let ty = self.any_type(2);
                if self.types.has_functions(&ty) {
                    return None;
                }
                format!("({} {} {})", self.expr(&ty, depth), self.random.pick(&["==", "!="]), self.expr(&ty, depth))
            }
            9 => {
                let ty = self.any_type(1);
                if matches!(ty, Ty::Opt(_)) || self.types.has_functions(&ty) {
                    return None;
                }
                let value = self.expr(&opt(ty), depth);
                format!("({value} {} nil)", self.random.pick(&["==", "!="]))
            }
            10 => {
                let method = self.random.pick(&["contains", "starts_with", "ends_with", "eq"]);
                format!("{}.{method}({})", self.expr(&Ty::Str, depth), self.expr(&Ty::Str, depth))
            }
            11 => {
                let key = self.types.key(&mut self.random);
                let value = self.types.scalar(&mut self.random);
                format!("{}.has({})", self.expr(&map(key.clone(), value), depth), self.expr(&key, depth))
            }
            12 => {
                let of = self.types.key(&mut self.random);
                let (set, item) = (Ty::Set(Box::new(of.clone())), self.expr(&of, depth));
                match self.random.below(2) {
                    0 => format!("{}.has({item})", self.expr(&set, depth)),
                    _ => format!("{}.is_subset({})", self.expr(&set, depth), self.expr(&set, depth)),
                }
            }
            13 => {
                let of = self.any_type(1);
                let lambda = self.test(&of, depth);
                let method = self.random.pick(&["any", "all"]);
                format!("{}.{method}({lambda})", self.expr(&list(of), depth))
            }
            14 => format!("{}.{}()", self.expr(&Ty::Float, depth), self.random.pick(&["is_nan", "is_inf"])),
            _ => {
                let of = self.collection(depth);
                format!("{}.is_empty()", self.expr(&of, depth))
            }
        })
    }

    fn collection(&mut self, depth: usize) -> Ty {
        match self.random.below(4) {
            0 => Ty::Str,
            1 => Ty::Set(Box::new(self.types.key(&mut self.random))),
            2 => map(self.types.key(&mut self.random), self.types.scalar(&mut self.random)),
            _ => list(self.any_type(depth.min(2))),
        }
    }

    pub(crate) fn string(&mut self, depth: usize) -> Option<String> {
        let s = self.expr(&Ty::Str, depth);
        Some(match self.random.below(14) {
            0 | 1 => {
                let joined = format!("{s} + {}", self.expr(&Ty::Str, depth));
                self.cut(&joined)
            }
            2 => {
                let (from, to) = (self.expr(&Ty::Int, 0), self.random.below(9));
                format!("{s}[{from}:{to}]")
            }
            3 => format!("{s}[{}:]", self.random.pick(&["0", "1", "-2", "3"])),
            4 => {
                let method = self.random.pick(&["lower", "trim", "trim_start", "trim_end", "reverse", "upper"]);
                let changed = format!("{s}.{method}()");
                self.cut(&changed)
            }
            5 => {
                let replaced = format!("{s}.replace({}, {})", self.expr(&Ty::Str, 0), self.expr(&Ty::Str, 0));
                self.cut(&replaced)
            }
            6 => {
                let repeated = format!("{s}.repeat({})", self.random.below(4));
                self.cut(&repeated)
            }
            7 => {
                let side = self.random.pick(&["pad_left", "pad_right"]);
                format!("{s}.{side}({}, \"{}\")", self.random.below(12), self.random.pick(&["-", " ", "é"]))
            }
            8..=10 => {
                let ty = self.any_type(2);
                if self.types.has_functions(&ty) {
                    return None;
                }
                let value = self.expr(&ty, depth);
                let text = match self.random.below(4) {
                    0 => format!("String.from({value})"),
                    1 if self.types.to_json(&ty) => format!("({value} as json).text()"),
                    _ => format!("str({value})"),
                };
                self.cut(&text)
            }
            11 => {
                let parts = self.expr(&list(Ty::Str), depth);
                let joined = match self.random.below(2) {
                    0 => format!("{parts}.join({})", self.expr(&Ty::Str, 0)),
                    _ => format!("{}.join({parts})", self.expr(&Ty::Str, 0)),
                };
                self.cut(&joined)
            }
            12 => format!("String.from_char({}.bit_and(1023))", self.expr(&Ty::Int, depth)),
            _ => {
                let changed = format!("{s}.setrange(1, 3, {})", self.expr(&Ty::Str, 0));
                self.cut(&changed)
            }
        })
    }

    pub(crate) fn list(&mut self, element: &Ty, depth: usize) -> Option<String> {
        let ty = list(element.clone());
        let functions = self.types.has_functions(element);
        Some(match self.random.below(20) {
            0 | 1 => self.comprehension(element, depth)?,
            2 => format!("{}.append({})", self.short(&ty, depth), self.expected(element, depth)),
            3 => format!("{}.prepend({})", self.short(&ty, depth), self.expected(element, depth)),
            4 => {
                let joined = format!("{} + {}", self.expr(&ty, depth), self.expr(&ty, depth));
                self.cut(&joined)
            }
            5 => format!("{}.reverse()", self.expr(&ty, depth)),
            6 if self.types.is_sortable(element) => format!("{}.sort()", self.expr(&ty, depth)),
            7 => {
                let from = self.any_type(1);
                let lambda = self.argument(std::slice::from_ref(&from), element, depth);
                format!("{}.map({lambda})", self.expr(&list(from), depth))
            }
            8 => {
                let lambda = self.test(element, depth);
                format!("{}.filter({lambda})", self.expr(&ty, depth))
            }
            9 => {
                let method = self.random.pick(&["take", "drop"]);
                format!("{}.{method}({})", self.expr(&ty, depth), self.random.below(5))
            }
            10 => {
                let (from, to) = (self.expr(&Ty::Int, 0), self.expr(&Ty::Int, 0));
                format!("{}[{from}:{to}]", self.expr(&ty, depth))
            }
            11 => {
                let item = self.expected(element, depth);
                let place = self.random.below(3);
                format!("{}.insert(0, {item}).insert({}, {item})", self.short(&ty, depth), place.min(1))
            }
            12 => {
                let (one, two) = (self.expr(element, depth), self.expr(element, depth));
                format!("{}.prepend({one}).set({}, {two})", self.short(&ty, depth), self.random.pick(&["0", "-1"]))
            }
            13 => format!("{}.append({}).remove(0)", self.expr(&ty, depth), self.expected(element, depth)),
            14 => {
                let (a, b) = (self.expr(&ty, depth), self.expr(&ty, depth));
                format!("{a}.setrange(1, 4, {b})")
            }
            15 if !functions => format!("{}.toList()", self.expr(&Ty::Array(Box::new(element.clone())), depth)),
            16 if self.types.is_key(element) && !functions => {
                format!("{}.toList()", self.expr(&Ty::Set(Box::new(element.clone())), depth))
            }
            17 if !functions => {
                let key = self.types.key(&mut self.random);
                format!("{}.values()", self.expr(&map(key, element.clone()), depth))
            }
            18 if self.types.is_key(element) && !functions => {
                let value = self.types.scalar(&mut self.random);
                format!("{}.keys()", self.expr(&map(element.clone(), value), depth))
            }
            19 if self.body.kind != Kind::Formula || !functions => {
                let less = match self.types.is_ordered(element) && *element != Ty::Float {
                    true => "x < y".to_owned(),
                    false => "str(x) < str(y)".to_owned(),
                };
                if functions {
                    return None;
                }
                let name = self.types.text(element);
                let lambda = format!("formula(x: {name}, y: {name}) => {less}");
                format!("{}.sort_by({lambda})", self.expr(&ty, depth))
            }
            _ => return self.list_of(element, depth),
        })
    }

    /// Lists that only some elements have.
    fn list_of(&mut self, element: &Ty, depth: usize) -> Option<String> {
        Some(match element {
            Ty::Str => {
                let s = self.expr(&Ty::Str, depth);
                match self.random.below(3) {
                    0 => format!("{s}.split({})", self.expr(&Ty::Str, 0)),
                    1 => format!("{s}.lines()"),
                    _ => format!("{s}.chars()"),
                }
            }
            Ty::Byte => format!("{}.bytes()", self.expr(&Ty::Str, depth)),
            Ty::Int => match self.random.below(2) {
                0 => format!("range({})", self.random.below(8)),
                _ => format!(
                    "range({}, {}, {})",
                    self.random.below(9),
                    self.random.below(9),
                    self.random.pick(&["1", "2", "-1", "-3"])
                ),
            },
            Ty::Tuple(items) if items.len() == 2 && items[0] == Ty::Int => {
                format!("{}.enumerate()", self.expr(&list(items[1].clone()), depth))
            }
            Ty::Tuple(items) if items.len() == 2 => {
                let (a, b) = (self.expr(&list(items[0].clone()), depth), self.expr(&list(items[1].clone()), depth));
                format!("{a}.zip({b})")
            }
            _ => return None,
        })
    }

    /// A list that may get longer by one: cut, so that a loop cannot make it endless through several names.
    fn short(&mut self, ty: &Ty, depth: usize) -> String {
        let whole = self.expr(ty, depth);
        if self.body.weight > 50 { self.cut(&whole) } else { whole }
    }

    fn comprehension(&mut self, element: &Ty, depth: usize) -> Option<String> {
        let vars = self.body.vars.len();
        let (clause, times) = self.clause(depth);
        let value = self.repeated(times, |maker| maker.expr(element, depth));
        self.body.vars.truncate(vars);
        Some(format!("[{value} {clause}]"))
    }

    /// `for … in … if …`; declares its names, which the caller drops again.
    fn clause(&mut self, depth: usize) -> (String, u64) {
        let name = self.fresh("e");
        let (binder, iterable, ty, times) = match self.random.below(4) {
            0 => (name.clone(), format!("0..{}", self.random.below(6)), Ty::Int, 5),
            1 => (name.clone(), self.expr(&Ty::Str, depth), Ty::Int, 8),
            2 => {
                let (key, value) = (self.types.key(&mut self.random), self.types.scalar(&mut self.random));
                let other = self.fresh("e");
                let iterable = self.expr(&map(key.clone(), value.clone()), depth);
                self.declare(&other, &value, false);
                (format!("({name}, {other})"), iterable, key, 8)
            }
            _ => {
                let of = self.any_type(1);
                (name.clone(), self.expr(&list(of.clone()), depth), of, 8)
            }
        };
        self.declare(&name, &ty, false);
        let filter = match self.random.chance(40) {
            true => format!(" if {}", self.repeated(times, |maker| maker.condition(depth.min(1)))),
            false => String::new(),
        };
        (format!("for {binder} in {iterable}{filter}"), times)
    }

    pub(crate) fn array(&mut self, element: &Ty, depth: usize) -> Option<String> {
        let ty = Ty::Array(Box::new(element.clone()));
        Some(match self.random.below(8) {
            0 => format!("{}.toArray()", self.expr(&list(element.clone()), depth)),
            1 => format!("Array({}, {})", self.random.below(5), self.expr(element, depth)),
            2 => {
                let joined = format!("{} + {}", self.expr(&ty, depth), self.expr(&ty, depth));
                self.cut(&joined)
            }
            3 => format!("{}[{}:]", self.expr(&ty, depth), self.random.below(3)),
            4 => {
                let longer = format!("{}.append({})", self.expr(&ty, depth), self.expected(element, depth));
                self.cut(&longer)
            }
            5 => format!("{}.reverse()", self.expr(&ty, depth)),
            6 => {
                let lambda = self.test(element, depth);
                format!("{}.filter({lambda})", self.expr(&ty, depth))
            }
            _ => {
                let (one, two) = (self.expr(element, depth), self.expr(element, depth));
                format!("Array(3, {one}).set({}, {two})", self.random.pick(&["0", "2", "-1"]))
            }
        })
    }

    pub(crate) fn set(&mut self, element: &Ty, depth: usize) -> Option<String> {
        let ty = Ty::Set(Box::new(element.clone()));
        Some(match self.random.below(6) {
            0 => {
                let method = self.random.pick(&["union", "intersection", "difference"]);
                format!("{}.{method}({})", self.expr(&ty, depth), self.expr(&ty, depth))
            }
            1 => format!("{}.{}", self.expr(&list(element.clone()), depth), self.random.pick(&["toSet()", "to_set()"])),
            2 => {
                let method = self.random.pick(&["add", "remove"]);
                format!("{}.{method}({})", self.expr(&ty, depth), self.expected(element, depth))
            }
            3 => {
                let lambda = self.test(element, depth);
                format!("{}.filter({lambda})", self.expr(&ty, depth))
            }
            _ => {
                let vars = self.body.vars.len();
                let (clause, times) = self.clause(depth);
                let value = self.repeated(times, |maker| maker.expr(element, depth));
                self.body.vars.truncate(vars);
                format!("{{{value} {clause}}}")
            }
        })
    }

    pub(crate) fn map(&mut self, key: &Ty, value: &Ty, depth: usize) -> Option<String> {
        let ty = map(key.clone(), value.clone());
        Some(match self.random.below(7) {
            0 | 1 => {
                let base = self.expr(&ty, depth);
                format!("{base}.set({}, {})", self.expected(key, depth), self.expected(value, depth))
            }
            2 => format!("{}.remove({})", self.expr(&ty, depth), self.expected(key, depth)),
            3 => format!("{}.merge({})", self.expr(&ty, depth), self.expr(&ty, depth)),
            4 => {
                let from = self.types.scalar(&mut self.random);
                let lambda = self.argument(std::slice::from_ref(&from), value, depth);
                format!("{}.map_values({lambda})", self.expr(&map(key.clone(), from), depth))
            }
            5 => {
                let lambda = self.argument(&[key.clone(), value.clone()], &Ty::Bool, depth);
                format!("{}.filter({lambda})", self.expr(&ty, depth))
            }
            _ => {
                let vars = self.body.vars.len();
                let (clause, times) = self.clause(depth);
                let (k, v) = self.repeated(times, |maker| (maker.expr(key, depth), maker.expr(value, depth)));
                self.body.vars.truncate(vars);
                format!("{{({k}): {v} {clause}}}")
            }
        })
    }
}
