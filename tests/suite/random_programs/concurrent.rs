//! Statements with tasks, channels, atomics, matrices and blocks of LLVM IR, in forms whose outcome does not depend on
//! the order in which tasks run.

use super::maker::{Kind, Maker};
use super::tree::{Node, block, line};
use super::types::{Ty, list};

impl Maker {
    /// Children as pending variables, as operands, and as elements of a collecting loop.
    pub(crate) fn children(&mut self, made: &mut Vec<Node>) {
        let Some(index) = self.callee(|function| function.kind == Kind::Task) else { return self.binding(made) };
        let result = self.functions[index].result.clone();
        let (one, two) = (self.fresh("v"), self.fresh("v"));
        match self.random.below(3) {
            0 => {
                made.push(line(format!("{one} = {}", self.call(index, 1))));
                made.push(line(format!("{two} = {}", self.call(index, 1))));
                self.binding(made);
                self.declare(&one, &result, true);
                self.declare(&two, &result, true);
            }
            1 => {
                let (item, end) = (self.fresh("i"), 2 + self.random.below(4));
                let vars = self.body.vars.len();
                self.declare(&item, &Ty::Int, false);
                let call = self.repeated(5, |maker| maker.call(index, 1));
                self.body.vars.truncate(vars);
                made.push(block(format!("{one} = for {item} in 0..{end}"), vec![line(call)]));
                self.declare(&one, &list(result), true);
            }
            _ => {
                made.push(line(format!("{one} = ({}, {})", self.call(index, 1), self.call(index, 1))));
                self.declare(&one, &Ty::Tuple(vec![result.clone(), result]), true);
            }
        }
    }

    pub(crate) fn concurrent(&mut self, made: &mut Vec<Node>) {
        match self.random.below(3) {
            0 => self.channel(made),
            1 => self.atomic(made),
            _ => self.matrix(made),
        }
    }

    /// One task sends, this one receives.
    fn channel(&mut self, made: &mut Vec<Node>) {
        let (channel, feeder, item, sum) = (self.fresh("h"), self.fresh("v"), self.fresh("i"), self.fresh("v"));
        if !self.afford(60) {
            return self.binding(made);
        }
        made.push(line(format!("{channel} = Channel<int>.new(buffer: {})", self.random.below(4))));
        made.push(line(format!("{feeder} = feed({channel}, {}, {})", self.expr(&Ty::Int, 1), self.random.below(8))));
        made.push(line(format!("{sum} = {}", self.expr(&Ty::Int, 1))));
        let body = vec![line(format!("{sum} = {sum} * 31 + {item}"))];
        match self.random.chance(50) {
            true => made.push(block(format!("for {item} in {channel}"), body)),
            false => {
                let receive = line(format!("{item} = {channel}.receive()"));
                let stop = block(format!("if {item} == nil"), vec![line("break")]);
                made.push(block("while true", [vec![receive, stop], body].concat()));
            }
        }
        self.declare(&feeder, &Ty::Int, true);
        self.declare(&sum, &Ty::Int, true);
    }

    fn atomic(&mut self, made: &mut Vec<Node>) {
        let (cell, all, item, value) = (self.fresh("a"), self.fresh("v"), self.fresh("i"), self.fresh("v"));
        if !self.afford(60) {
            return self.binding(made);
        }
        made.push(line(format!("{cell}: atomic_int = {}", self.expr(&Ty::Int, 1))));
        let body = vec![line(format!("bump({cell}, {item})"))];
        made.push(block(format!("{all} = for {item} in 0..{}", self.random.below(6)), body));
        made.push(line(format!("{value} = {cell}.load()")));
        self.declare(&all, &list(Ty::Int), true);
        self.declare(&value, &Ty::Int, true);
    }

    fn matrix(&mut self, made: &mut Vec<Node>) {
        let (grid, value) = (self.fresh("m"), self.fresh("v"));
        if !self.afford(200) {
            return self.binding(made);
        }
        let name = format!("{}Grid", self.prefix.to_uppercase());
        made.push(line(format!("{grid} = {name}.new()")));
        made.push(line(format!(
            "{grid}[{}, {}] = {}",
            self.random.below(5),
            self.random.below(4),
            self.expr(&Ty::Int, 2)
        )));
        for _ in 0..1 + self.random.below(3) {
            let step = match self.random.below(3) {
                0 => format!("{grid}.blend({})", self.expr(&Ty::Int, 1)),
                1 => format!("{grid}.count()"),
                _ => format!("{grid} = {grid}.blend(3).blend({})", self.random.below(100)),
            };
            made.push(line(step));
        }
        if !self.body.quiet && self.body.weight < 20 {
            made.push(line(format!("print({grid})")));
        }
        let (x, y) = (self.expr(&Ty::Int, 0), self.random.below(4));
        made.push(line(format!("{value} = {grid}[{x}, {y}] + {grid}[2, 1]")));
        self.declare(&value, &Ty::Int, true);
    }

    pub(crate) fn inline(&mut self, made: &mut Vec<Node>) {
        let operands = |maker: &mut Maker, ty: &Ty| Some((maker.var(ty)?, maker.var(ty)?));
        let name = self.fresh("v");
        if self.random.chance(60) {
            let Some((a, b)) = operands(self, &Ty::Int) else { return self.binding(made) };
            let operator = self.random.pick(&["add", "sub nsw", "mul", "xor", "and", "add nuw nsw", "ashr", "shl"]);
            let text = format!("%r = {operator} i64 %a, %b\\n ret i64 %r").replace("\\n", "\n");
            made.push(line(format!("{name} = llvm_ir ({a} -> %a, {b} -> %b) -> %r: i64 \"\"\"{text}\"\"\"")));
            // What an instruction yields outside of its range is not said: only whether it is there.
            let known = matches!(operator, "add" | "mul" | "xor" | "and");
            if known {
                self.declare(&name, &Ty::Int, true);
            }
        } else {
            let Some((a, b)) = operands(self, &Ty::Float) else { return self.binding(made) };
            let operator = self.random.pick(&["fadd", "fsub", "fmul", "fdiv"]);
            let text = format!("%r = {operator} double %a, %b\nret double %r");
            made.push(line(format!("{name} = llvm_ir ({a} -> %a, {b} -> %b) -> %r: double \"\"\"{text}\"\"\"")));
            self.declare(&name, &Ty::Float, true);
        }
    }
}
