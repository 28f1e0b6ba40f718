//! Who calls whom, as far as code generation cares.
//!
//! In: the program. Out: which functions may call themselves again (they check the stack), which are lambdas (they take
//! their closure), which end soon (loops around them look for polls less often). Deliberately not here: inlining, reachability.

use super::foreign::Pace;
use crate::ir::visit::{self, Reader};
use crate::ir::{Block, Expr, ExprKind, FuncId, Program, Stmt, StmtKind};

pub(super) struct CallGraph {
    recursive: Vec<bool>,
    /// With one more, for what is called through values.
    deep: Vec<bool>,
    bounded: Vec<bool>,
    branching: Vec<bool>,
    lambda: Vec<bool>,
    /// By `ExternId`.
    paces: Vec<Pace>,
    /// Expressions in each function, and how many of them are calls.
    weights: Vec<Weight>,
}

#[derive(Clone, Copy, Default)]
struct Weight {
    exprs: u32,
    calls: u32,
    /// Calls of the function itself.
    own_calls: u32,
}

/// A function with more calls than this keeps all but tiny callees apart.
const MANY_CALLS: u32 = 300;
/// Expressions of a tiny function.
const TINY: u32 = 16;
/// Expressions of a round that does not gain from being cut off polls.
const HEAVY: u32 = 96;
/// Expressions of a function that is small enough to stand in itself, and how many times it may stand there.
const SMALL: u32 = 48;
const FEW_COPIES: u32 = 4;

impl CallGraph {
    pub(super) fn new(program: &Program, paces: Vec<Pace>) -> CallGraph {
        let count = program.functions.len();
        let mut edges = Edges {
            calls: vec![Vec::new(); count + 1],
            branching: vec![false; count],
            lambda: vec![false; count],
            loops: vec![false; count],
            weights: vec![Weight::default(); count],
            current: 0,
        };
        for (index, function) in program.functions.iter().enumerate() {
            edges.current = index;
            Walk(&mut |node| edges.note(node, &paces)).block(&function.body);
        }
        for calls in &mut edges.calls {
            calls.sort_unstable();
            calls.dedup();
        }
        let recursive = in_cycles(&edges.calls);
        let bounded = bounded(&edges, &recursive);
        let deep = deep(&edges.calls, &recursive);
        let Edges { branching, lambda, weights, .. } = edges;
        CallGraph { recursive, deep, bounded, branching, lambda, paces, weights }
    }

    /// The function lies on a cycle of calls.
    pub(super) fn is_recursive(&self, func: FuncId) -> bool {
        self.recursive[func.0 as usize]
    }

    /// Calls below this function may be nested without limit.
    pub(super) fn is_deep(&self, func: FuncId) -> bool {
        self.deep[func.0 as usize]
    }

    /// How many statements of a recursive function come before the first that may call it again: short ways out need no
    /// look at the stack.
    pub(super) fn statements_before_recursion(&self, body: &Block) -> usize {
        let may_recur = |stmt: &Stmt| {
            let mut found = false;
            let mut look = |node: Node<'_>| {
                found |= match node {
                    Node::Expr(Expr { kind: ExprKind::Call { func, .. } | ExprKind::Spawn { func, .. }, .. }) => {
                        self.is_recursive(*func)
                    }
                    Node::Expr(Expr { kind, .. }) => {
                        matches!(kind, ExprKind::CallValue { .. } | ExprKind::SpawnValue { .. } | ExprKind::Join(_))
                    }
                    Node::Loop | Node::Continue => false,
                };
            };
            Walk(&mut look).stmt(stmt);
            found
        };
        body.iter().position(may_recur).unwrap_or(body.len())
    }

    /// LLVM may turn a last recursive call into a loop: another one remains, so that endless recursion still ends in a
    /// panic and not in an endless loop.
    pub(super) fn may_lose_a_call(&self, func: FuncId) -> bool {
        self.branching[func.0 as usize]
    }

    /// One round through these statements takes a limited time: no loops, no calls that may take long.
    pub(super) fn is_bounded(&self, block: &Block) -> bool {
        let mut bounded = true;
        let mut look = |node: Node<'_>| match node {
            Node::Loop => bounded = false,
            Node::Continue => {}
            Node::Expr(expr) => match &expr.kind {
                ExprKind::Call { func, .. } => bounded &= self.bounded[func.0 as usize],
                ExprKind::CallExtern { callee, .. } => bounded &= self.paces[callee.0 as usize] == Pace::Short,
                ExprKind::CallValue { .. }
                | ExprKind::Spawn { .. }
                | ExprKind::SpawnValue { .. }
                | ExprKind::Join(_)
                | ExprKind::Inline { .. }
                | ExprKind::NextGrid { .. }
                | ExprKind::Collect { .. } => bounded = false,
                _ => {}
            },
        };
        Walk(&mut look).block(block);
        bounded
    }

    /// A look for polls costs little beside a round through these statements.
    pub(super) fn is_heavy(&self, block: &Block) -> bool {
        let mut exprs = 0u32;
        let mut count = |node: Node<'_>| exprs += u32::from(matches!(node, Node::Expr(_)));
        Walk(&mut count).block(block);
        exprs > HEAVY
    }

    /// Each round through these statements ends a foreign call, which looks for polls, or leaves the loop.
    pub(super) fn polls(&self, block: &Block) -> bool {
        for stmt in block {
            let polls = match &stmt.kind {
                StmtKind::Assign { value, .. } | StmtKind::Expr(value) => self.always_polls(value),
                StmtKind::Scope(body) => self.polls(body),
                _ => false,
            };
            if polls || has_continue(stmt) {
                return polls;
            }
        }
        false
    }

    /// The value is not known without such a call.
    fn always_polls(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::CallExtern { callee, .. } => self.paces[callee.0 as usize] == Pace::Polls,
            ExprKind::Arithmetic { left, right, .. }
            | ExprKind::Bits { left, right, .. }
            | ExprKind::Compare { left, right, .. } => self.always_polls(left) || self.always_polls(right),
            ExprKind::Convert { operand, .. } | ExprKind::Negate(operand) | ExprKind::Math { operand, .. } => {
                self.always_polls(operand)
            }
            _ => false,
        }
    }

    /// LLVM would inline every function that is called once, however large its caller grows, and then take minutes.
    pub(super) fn keeps_apart(&self, caller: FuncId, callee: FuncId) -> bool {
        self.weights[caller.0 as usize].calls > MANY_CALLS && self.weights[callee.0 as usize].exprs > TINY
    }

    /// The function is short and calls itself: its body may take the place of these calls, once.
    pub(super) fn is_worth_unrolling(&self, func: FuncId) -> bool {
        let Weight { exprs, own_calls, .. } = self.weights[func.0 as usize];
        exprs <= SMALL && (1..=FEW_COPIES).contains(&own_calls) && !self.is_lambda(func)
    }

    /// The function is only ever called through a closure, which it takes as a parameter.
    pub(super) fn is_lambda(&self, func: FuncId) -> bool {
        self.lambda[func.0 as usize]
    }
}

/// Calls through values meet in one extra node behind the functions: it leads to every function used as a value.
struct Edges {
    calls: Vec<Vec<usize>>,
    branching: Vec<bool>,
    lambda: Vec<bool>,
    /// The function has a loop, or calls C that may last.
    loops: Vec<bool>,
    weights: Vec<Weight>,
    current: usize,
}

impl Edges {
    fn note(&mut self, node: Node<'_>, paces: &[Pace]) {
        let through_value = self.calls.len() - 1;
        let Node::Expr(expr) = node else {
            self.loops[self.current] |= matches!(node, Node::Loop);
            return;
        };
        let weight = &mut self.weights[self.current];
        weight.exprs += 1;
        if let ExprKind::Call { func, .. } = expr.kind {
            weight.calls += 1;
            weight.own_calls += u32::from(func.0 as usize == self.current);
        }
        match &expr.kind {
            ExprKind::Call { func, .. } => self.calls[self.current].push(func.0 as usize),
            ExprKind::NextGrid { cell, .. } => {
                self.calls[self.current].push(cell.0 as usize);
                self.loops[self.current] = true;
            }
            ExprKind::Arithmetic { left, right, .. } => {
                self.branching[self.current] |= self.calls_itself(left) && self.calls_itself(right);
            }
            ExprKind::CallExtern { callee, .. } => {
                self.loops[self.current] |= paces[callee.0 as usize] != Pace::Short;
            }
            ExprKind::Join(_) | ExprKind::Inline { .. } => self.loops[self.current] = true,
            ExprKind::CallValue { .. } => self.calls[self.current].push(through_value),
            // A waiting task may run its child on its own stack.
            ExprKind::Spawn { func, .. } => self.calls[self.current].push(func.0 as usize),
            ExprKind::SpawnValue { .. } => self.calls[self.current].push(through_value),
            ExprKind::Collect { .. } => self.loops[self.current] = true,
            ExprKind::FunctionValue(func) => self.calls[through_value].push(func.0 as usize),
            ExprKind::Closure { func, .. } => {
                self.calls[through_value].push(func.0 as usize);
                self.lambda[func.0 as usize] = true;
            }
            _ => {}
        }
    }

    fn calls_itself(&self, expr: &Expr) -> bool {
        matches!(expr.kind, ExprKind::Call { func, .. } if func.0 as usize == self.current)
    }
}

/// Functions that reach a cycle of calls, or call something through a value.
fn deep(calls: &[Vec<usize>], recursive: &[bool]) -> Vec<bool> {
    let mut deep = recursive.to_vec();
    if let Some(through_value) = deep.last_mut() {
        *through_value = true;
    }
    loop {
        let before = deep.iter().filter(|deep| **deep).count();
        for func in 0..calls.len() {
            deep[func] |= calls[func].iter().any(|&callee| deep[callee]);
        }
        if deep.iter().filter(|deep| **deep).count() == before {
            return deep;
        }
    }
}

/// Functions without loops and recursion that call only such functions, and nothing through values.
fn bounded(edges: &Edges, recursive: &[bool]) -> Vec<bool> {
    let through_value = edges.calls.len() - 1;
    let mut bounded: Vec<bool> = (0..through_value).map(|func| !edges.loops[func] && !recursive[func]).collect();
    bounded.push(false);
    loop {
        let mut changed = false;
        for func in 0..through_value {
            if bounded[func] && edges.calls[func].iter().any(|&callee| !bounded[callee]) {
                bounded[func] = false;
                changed = true;
            }
        }
        if !changed {
            return bounded;
        }
    }
}

/// Tarjan's algorithm without recursion: a node is in a cycle when its component has another node, or it calls itself.
fn in_cycles(edges: &[Vec<usize>]) -> Vec<bool> {
    const UNSEEN: usize = usize::MAX;
    let count = edges.len();
    let (mut index, mut low) = (vec![UNSEEN; count], vec![0; count]);
    let (mut on_stack, mut cyclic) = (vec![false; count], vec![false; count]);
    let (mut stack, mut work, mut next) = (Vec::new(), Vec::new(), 0);
    for root in 0..count {
        if index[root] != UNSEEN {
            continue;
        }
        work.push((root, 0));
        while let Some((node, edge)) = work.pop() {
            if edge == 0 {
                (index[node], low[node]) = (next, next);
                next += 1;
                stack.push(node);
                on_stack[node] = true;
            }
            if let Some(&target) = edges[node].get(edge) {
                work.push((node, edge + 1));
                if index[target] == UNSEEN {
                    work.push((target, 0));
                } else if on_stack[target] {
                    low[node] = low[node].min(index[target]);
                    cyclic[node] |= target == node;
                }
                continue;
            }
            if let Some(&(parent, _)) = work.last() {
                low[parent] = low[parent].min(low[node]);
            }
            if low[node] == index[node] {
                let start = stack.iter().rposition(|&member| member == node).unwrap_or(0);
                let component = stack.split_off(start);
                for &member in &component {
                    on_stack[member] = false;
                    cyclic[member] |= component.len() > 1;
                }
            }
        }
    }
    cyclic
}

/// A `continue` in the statement may belong to the loop around it.
fn has_continue(stmt: &Stmt) -> bool {
    let mut found = false;
    Walk(&mut |node| found |= matches!(node, Node::Continue)).stmt(stmt);
    found
}

/// What a walk meets.
enum Node<'n> {
    Expr(&'n Expr),
    Loop,
    Continue,
}

/// Shows everything in a block or a statement.
struct Walk<'v>(&'v mut dyn FnMut(Node<'_>));

impl Reader for Walk<'_> {
    fn expr(&mut self, expr: &Expr) {
        (self.0)(Node::Expr(expr));
        visit::parts_of_expr(expr, self);
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt.kind {
            StmtKind::Within { .. } | StmtKind::While { .. } | StmtKind::For { .. } => (self.0)(Node::Loop),
            StmtKind::Continue => (self.0)(Node::Continue),
            _ => {}
        }
        visit::parts_of_stmt(stmt, self);
    }
}
