//! Windows: where the elements lie that a loop reads or changes.
//!
//! In: loops over statements that read or assign elements of lists and arrays, whose variables they do not bind anew. Out: the
//! loop twice. The first form runs if all these elements are at hand when it begins: it has the address of the first one
//! and their number, and each access is a comparison and a load or a store.
//!
//! ```text
//! array that is only read      always at hand: there is no second form for its sake
//! array with assignments       if its elements carry the variable's edit token
//! list                         if it fits in one leaf; with assignments, the leaf is made to carry the token
//! ```
//!
//! In the second form everything goes its ordinary way. Nothing in the loop assigns the variable otherwise or gives up the token,
//! so what is at hand stays so; its address is visible to the collector to the end of each round, so it does not move.
//! Deliberately not here: which variables change in place (`passes::edit_tokens`).

use super::OptLevel;
use super::emit::Value;
use super::function::Body;
use crate::ir::visit::{self, Reader};
use crate::ir::{Expr, ExprKind, ExternArg, LocalId, RuntimeFunction, Stmt, StmtKind};
use crate::source::Span;
use crate::types::{Type, TypeId};
use coex_runtime::abi::{ArrayObject, ELEMENTS_OFFSET, HEADER_LOGGED, HEADER_OLD, ListObject, list_leaf_len};
use inkwell::IntPredicate;
use inkwell::values::{IntValue, PointerValue};
use std::collections::{BTreeMap, BTreeSet};
use std::mem::offset_of;

/// Of one variable, while a loop is lowered.
#[derive(Clone, Copy)]
pub(super) struct Window<'ctx> {
    ty: TypeId,
    element: TypeId,
    /// Of a variable whose elements are assigned. It is taken.
    token: Option<LocalId>,
    data: PointerValue<'ctx>,
    count: IntValue<'ctx>,
}

pub(super) type Windows<'ctx> = BTreeMap<LocalId, Window<'ctx>>;

/// Loops in two forms within each other.
const MOST_FORMS: u32 = 2;

/// What a loop wants a window for.
#[derive(Clone, Copy)]
struct Wish {
    local: LocalId,
    ty: TypeId,
    element: TypeId,
    is_list: bool,
    token: Option<LocalId>,
}

/// What a loop does with variables.
#[derive(Default)]
struct Uses {
    /// With the tokens of those that are assigned.
    at_work: BTreeMap<LocalId, Option<LocalId>>,
    /// Assigned in another way, or tokens that are given up.
    bound: BTreeSet<LocalId>,
    /// Variables are reached through pointers.
    shared: bool,
}

fn as_local(expr: &Expr) -> Option<LocalId> {
    match expr.kind {
        ExprKind::Local(local) => Some(local),
        _ => None,
    }
}

/// `xs[i] = v` in place: the variable and its token.
fn set_in_place(value: &Expr) -> Option<(LocalId, LocalId)> {
    let ExprKind::Runtime { function, args } = &value.kind else { return None };
    matches!(function, RuntimeFunction::ListSetOwned | RuntimeFunction::ArraySetOwned)
        .then(|| Some((as_local(args.first()?)?, as_local(args.last()?)?)))
        .flatten()
}

/// `token == 0 ? fresh : token`: nothing that carries the token is given up.
fn takes_token(value: &Expr) -> bool {
    let ExprKind::If { then, .. } = &value.kind else { return false };
    matches!(then.kind, ExprKind::Runtime { function: RuntimeFunction::EditToken, .. })
}

impl Reader for Uses {
    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Within { .. } => self.shared = true,
            StmtKind::For { iteration, .. } => self.bound.extend(iteration.locals()),
            StmtKind::Pend { local, .. } => {
                self.bound.insert(*local);
            }
            StmtKind::Assign { local, value }
                if set_in_place(value).is_none_or(|(set, _)| set != *local) && !takes_token(value) =>
            {
                self.bound.insert(*local);
            }
            _ => {}
        }
        visit::parts_of_stmt(stmt, self);
    }

    fn expr(&mut self, expr: &Expr) {
        let used = match &expr.kind {
            ExprKind::Select { .. } | ExprKind::Collect { .. } => {
                self.shared = true;
                None
            }
            ExprKind::CallExtern { args, .. } => {
                self.shared |= args.iter().any(|arg| matches!(arg, ExternArg::Out(_)));
                None
            }
            ExprKind::Runtime { function: RuntimeFunction::ListGet | RuntimeFunction::ArrayGet, args } => {
                args.first().and_then(as_local).map(|local| (local, None))
            }
            _ => set_in_place(expr).map(|(local, token)| (local, Some(token))),
        };
        if let Some((local, token)) = used {
            let known = self.at_work.entry(local).or_default();
            *known = known.or(token);
        }
        visit::parts_of_expr(expr, self);
    }
}

impl<'ctx> Body<'_, 'ctx> {
    pub(super) fn looping(&mut self, stmt: &Stmt) {
        let wishes = self.wishes(stmt);
        let (always, sometimes): (Vec<Wish>, Vec<Wish>) =
            wishes.into_iter().partition(|wish| !wish.is_list && wish.token.is_none());
        self.with_windows(&always, |this| {
            if sometimes.is_empty() || this.forms == MOST_FORMS {
                return this.plain_loop(stmt);
            }
            let [first, second, end] = std::array::from_fn(|_| this.new_block());
            let conditions: Vec<_> = sometimes.iter().map(|wish| this.is_at_hand(wish)).collect();
            let all = conditions.into_iter().reduce(|all, one| this.emit.and(all, one));
            this.emit.branch(all.unwrap_or_else(|| this.emit.types.i1.const_zero()), first, second);
            this.forms += 1;
            this.emit.at(first);
            sometimes.iter().for_each(|wish| this.own_leaf(wish));
            this.with_windows(&sometimes, |this| this.plain_loop(stmt));
            this.emit.jump(end);
            this.emit.at(second);
            let before = this.without_windows.len();
            this.without_windows.extend(sometimes.iter().map(|wish| wish.local));
            this.plain_loop(stmt);
            this.without_windows.truncate(before);
            this.emit.jump(end);
            this.forms -= 1;
            this.emit.at(end);
        });
    }

    fn plain_loop(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::While { condition, body } => self.while_loop(condition, body),
            StmtKind::For { iteration, body } => self.for_loop(iteration, body),
            _ => crate::bug!("no loop in {}", self.ir.name),
        }
    }

    fn wishes(&self, stmt: &Stmt) -> Vec<Wish> {
        if self.codegen.options.opt == OptLevel::Debug {
            return Vec::new();
        }
        let mut uses = Uses::default();
        uses.stmt(stmt);
        if uses.shared {
            return Vec::new();
        }
        let is_bound = |local: LocalId| uses.bound.contains(&local);
        let wish = |(&local, &token): (&LocalId, &Option<LocalId>)| {
            let ty = self.local_type(local);
            let (element, is_list) = match *self.codegen.program.types.get(ty) {
                Type::List(element) => (element, true),
                Type::Array(element) => (element, false),
                _ => return None,
            };
            // The barrier of an array's buffer is the runtime's.
            let is_open = is_list || token.is_none() || !self.codegen.has_references(element);
            let is_free = !is_bound(local)
                && !token.is_some_and(is_bound)
                && !self.windows.contains_key(&local)
                && !self.without_windows.contains(&local);
            (is_open && is_free).then_some(Wish { local, ty, element, is_list, token })
        };
        uses.at_work.iter().filter_map(wish).collect()
    }

    fn with_windows(&mut self, wishes: &[Wish], lower: impl FnOnce(&mut Self)) {
        for wish in wishes {
            let window = self.window(wish);
            self.windows.insert(wish.local, window);
        }
        lower(self);
        for window in wishes.iter().filter_map(|wish| self.windows.remove(&wish.local)).collect::<Vec<_>>() {
            self.fake_use(window.data);
        }
    }

    /// At the end of a round: no address derived from a window's is the only one left.
    pub(super) fn keep_windows(&self) {
        self.windows.values().for_each(|window| self.fake_use(window.data));
    }

    fn stride(&self, element: TypeId) -> u32 {
        self.codegen.layout(element).slot.size
    }

    fn len_of(&self, wish: &Wish) -> IntValue<'ctx> {
        let at = if wish.is_list { offset_of!(ListObject, len) } else { offset_of!(ArrayObject, len) };
        let object = self.get_local(wish.local).into_pointer_value();
        self.emit.load_len(self.emit.offset(object, at as u64))
    }

    fn is_at_hand(&self, wish: &Wish) -> IntValue<'ctx> {
        let object = self.get_local(wish.local).into_pointer_value();
        match wish.token {
            Some(token) if !wish.is_list => {
                let token = self.get_local(token).into_int_value();
                let owner = self.emit.load_int(self.emit.offset(object, offset_of!(ArrayObject, owner) as u64));
                let same = self.emit.compare(IntPredicate::EQ, owner, token);
                self.emit.and(self.emit.is_not_zero(token), same)
            }
            _ => {
                let whole = self.emit.types.int(list_leaf_len(self.stride(wish.element)).into());
                self.emit.compare(IntPredicate::ULE, self.len_of(wish), whole)
            }
        }
    }

    fn window(&self, wish: &Wish) -> Window<'ctx> {
        let &Wish { ty, element, token, .. } = wish;
        let object = self.get_local(wish.local).into_pointer_value();
        let count = self.len_of(wish);
        let data = if wish.is_list {
            let tail = self.emit.load_ptr(self.emit.offset(object, offset_of!(ListObject, tail) as u64));
            self.emit.offset(tail, ELEMENTS_OFFSET)
        } else {
            self.emit.load_ptr(self.emit.offset(object, offset_of!(ArrayObject, data) as u64))
        };
        Window { ty, element, token, data, count }
    }

    /// The leaf of a list that is at hand carries the token from now on.
    fn own_leaf(&mut self, wish: &Wish) {
        let (Some(token), true) = (wish.token, wish.is_list) else { return };
        let types = self.emit.types;
        let [take, ask, own, done] = std::array::from_fn(|_| self.new_block());
        let none = self.emit.is_zero(self.get_local(token).into_int_value());
        self.emit.branch(none, take, ask);
        self.emit.at(take);
        let fresh = self.runtime_value(RuntimeFunction::EditToken, &[]);
        self.set_local(token, fresh);
        self.emit.jump(ask);
        self.emit.at(ask);
        let stride = self.stride(wish.element);
        let (list, token) = (self.get_local(wish.local), self.get_local(token));
        let words = [list_leaf_len(stride).trailing_zeros(), stride, 0];
        let slot = self.short("coex_fast_list_own_slot", &[list, types.int(0).into(), token], &words);
        let any = self.emit.is_not_zero(self.len_of(wish));
        let missing = self.emit.and(any, self.emit.is_null(slot));
        self.emit.branch(missing, own, done);
        self.emit.at(own);
        let list = self.owned_list(wish.ty, list, token);
        self.set_local(wish.local, list);
        self.emit.jump(done);
        self.emit.at(done);
    }

    fn owned_list(&self, ty: TypeId, list: Value<'ctx>, token: Value<'ctx>) -> Value<'ctx> {
        let position = self.emit.types.int(0).into();
        let args = [self.fiber.into(), list, position, token, self.codegen.descriptor(ty).into()];
        self.runtime_value(RuntimeFunction::ListOwn, &args)
    }

    // --------------------------------------------------------------------------------------------- in the loop

    fn window_of(&self, args: &[Expr]) -> Option<Window<'ctx>> {
        self.windows.get(&as_local(args.first()?)?).copied()
    }

    /// `xs.len()`
    pub(super) fn window_len(&self, args: &[Expr]) -> Option<Value<'ctx>> {
        self.window_of(args).map(|window| window.count.into())
    }

    /// `xs[i]`
    pub(super) fn window_get(&mut self, args: &[Expr], index: IntValue<'ctx>, span: Span) -> Option<Value<'ctx>> {
        let window = self.window_of(args)?;
        let slot = self.slot_in(window, index, span);
        Some(self.load_slot(window.element, slot))
    }

    fn slot_in(&mut self, window: Window<'ctx>, index: IntValue<'ctx>, span: Span) -> PointerValue<'ctx> {
        let position = self.position(index, window.count, span);
        self.emit.element(window.data, position, self.stride(window.element))
    }

    /// `xs[i] = v` in place, or a token that is taken already. True: it is done.
    pub(super) fn window_assign(&mut self, local: LocalId, value: &Expr) -> bool {
        if self.windows.values().any(|window| window.token == Some(local)) {
            return true;
        }
        let (Some(window), Some(_), ExprKind::Runtime { function, args }) =
            (self.windows.get(&local).copied(), set_in_place(value), &value.kind)
        else {
            return false;
        };
        let values = self.values(args);
        let &[list, Value::IntValue(index), item, token] = values.as_slice() else {
            crate::bug!("operands of {}", function.symbol())
        };
        self.at_place(value.span);
        let slot = self.slot_in(window, index, value.span);
        if self.codegen.has_references(window.element) {
            let [tell, open] = std::array::from_fn(|_| self.new_block());
            let needs_barrier = self.needs_barrier(window.data);
            self.emit.branch_rarely(needs_barrier, tell, open);
            self.emit.at(tell);
            self.owned_list(window.ty, list, token);
            self.emit.jump(open);
            self.emit.at(open);
        }
        self.store_slot(window.element, slot, item);
        true
    }

    /// Whether a reference may be stored among these elements only after the collector has been told.
    fn needs_barrier(&self, data: PointerValue<'ctx>) -> IntValue<'ctx> {
        let types = self.emit.types;
        let header = self.emit.element(data, types.int(-(ELEMENTS_OFFSET as i64)), 1);
        let marks = self.emit.and(self.emit.load_int(header), types.int((HEADER_OLD | HEADER_LOGGED) as i64));
        self.emit.compare(IntPredicate::EQ, marks, types.int(HEADER_OLD as i64))
    }
}
