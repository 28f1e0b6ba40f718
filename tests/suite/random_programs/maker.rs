//! What a generator knows while it makes a program: types, functions, and the body it is in.

use super::random::Random;
use super::types::{Ty, Types};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Formula,
    Func,
    Task,
}

pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) params: Vec<Ty>,
    pub(crate) result: Ty,
    /// Steps that a call takes at most, as a rough number.
    pub(crate) cost: u64,
    pub(crate) total: bool,
    pub(crate) quiet: bool,
    /// The first parameter says how deep it calls itself.
    pub(crate) recursive: bool,
}

#[derive(Clone)]
pub(crate) struct Var {
    pub(crate) name: String,
    pub(crate) ty: Ty,
    pub(crate) rebindable: bool,
}

/// The body that is being made, and what may be done in it.
#[derive(Clone)]
pub(crate) struct Body {
    pub(crate) kind: Kind,
    pub(crate) vars: Vec<Var>,
    /// Where the variables of the innermost block begin.
    pub(crate) block: usize,
    pub(crate) result: Option<Ty>,
    /// Nothing in it may panic.
    pub(crate) total: bool,
    /// Nothing in it may print.
    pub(crate) quiet: bool,
    pub(crate) lambda: bool,
    pub(crate) in_loop: bool,
    pub(crate) in_cycle: bool,
    /// How often this place is reached for one call of the function.
    pub(crate) weight: u64,
    pub(crate) cost: u64,
    pub(crate) limit: u64,
}

pub(crate) struct Maker {
    pub(crate) random: Random,
    pub(crate) types: Types,
    pub(crate) functions: Vec<Function>,
    pub(crate) body: Body,
    /// Begins every name at the top level, so that several programs fit into one file.
    pub(crate) prefix: String,
    names: usize,
}

impl Body {
    pub(crate) fn new(kind: Kind, limit: u64) -> Body {
        Body {
            kind,
            vars: Vec::new(),
            block: 0,
            result: None,
            total: false,
            quiet: kind != Kind::Func,
            lambda: false,
            in_loop: false,
            in_cycle: false,
            weight: 1,
            cost: 0,
            limit,
        }
    }
}

impl Maker {
    pub(crate) fn new(seed: u64, prefix: String) -> Maker {
        let body = Body::new(Kind::Func, 0);
        Maker { random: Random::new(seed), types: Types::default(), functions: Vec::new(), body, prefix, names: 0 }
    }

    pub(crate) fn fresh(&mut self, stem: &str) -> String {
        self.names += 1;
        format!("{stem}{}", self.names)
    }

    pub(crate) fn declare(&mut self, name: &str, ty: &Ty, rebindable: bool) {
        let rebindable = rebindable && self.body.kind != Kind::Formula;
        self.body.vars.push(Var { name: name.to_owned(), ty: ty.clone(), rebindable });
    }

    /// A variable of this very type.
    pub(crate) fn var(&mut self, ty: &Ty) -> Option<String> {
        self.var_where(|var| var.ty == *ty).map(|var| var.name)
    }

    pub(crate) fn var_where(&mut self, wanted: impl Fn(&Var) -> bool) -> Option<Var> {
        let found: Vec<&Var> = self.body.vars.iter().filter(|var| wanted(var)).collect();
        // Later ones more often: a value goes a long way.
        let (a, b) = (self.random.below(found.len()), self.random.below(found.len()));
        found.get(a.max(b)).map(|var| (*var).clone())
    }

    pub(crate) fn any_type(&mut self, depth: usize) -> Ty {
        // What there is already meets itself.
        if self.random.chance(45)
            && let Some(var) = self.var_where(|var| !matches!(var.ty, Ty::Func(..)))
        {
            return var.ty;
        }
        self.types.any(&mut self.random, depth)
    }

    /// Makes something that is reached so many times more often.
    pub(crate) fn repeated<T>(&mut self, times: u64, make: impl FnOnce(&mut Maker) -> T) -> T {
        let weight = self.body.weight;
        self.body.weight = weight.saturating_mul(times);
        let made = make(self);
        self.body.weight = weight;
        made
    }

    /// Counts the steps of a call, if there are enough left.
    pub(crate) fn afford(&mut self, cost: u64) -> bool {
        let cost = cost.saturating_mul(self.body.weight);
        let enough = self.body.cost.saturating_add(cost) <= self.body.limit;
        if enough {
            self.body.cost += cost;
        }
        enough
    }

    /// A function that may be called here; tasks only where asked for.
    pub(crate) fn callee(&mut self, wanted: impl Fn(&Function) -> bool) -> Option<usize> {
        let body = &self.body;
        let fits = |function: &Function| {
            (function.kind == Kind::Formula || body.kind != Kind::Formula)
                && (function.total || !body.total)
                && (function.quiet || !body.quiet)
                && body.cost + function.cost.saturating_mul(body.weight) <= body.limit
                && wanted(function)
        };
        let found: Vec<usize> = (0..self.functions.len()).filter(|&index| fits(&self.functions[index])).collect();
        found.get(self.random.below(found.len())).copied()
    }

    pub(crate) fn call(&mut self, index: usize, depth: usize) -> String {
        let (name, params) = (self.functions[index].name.clone(), self.functions[index].params.clone());
        let (cost, recursive) = (self.functions[index].cost, self.functions[index].recursive);
        self.afford(cost);
        let mut args = Vec::new();
        for (position, param) in params.iter().enumerate() {
            args.push(if recursive && position == 0 {
                self.random.below(7).to_string()
            } else {
                self.expected(param, depth)
            });
        }
        format!("{name}({})", args.join(", "))
    }
}
