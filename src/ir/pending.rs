//! Task calls whose join can wait: a spawn inside of a join, with the conversions that follow the join around it.
//!
//! In: expressions. Out: the call in them, to look at or to take out. Deliberately not here: where joins happen.

use super::{Expr, ExprKind, RuntimeFunction};

impl Expr {
    /// The spawn in a task call that is only converted. A block without statements says that the call is joined at once.
    pub fn pending_call(&self) -> Option<&Expr> {
        match &self.kind {
            ExprKind::Join(task) => task.is_spawn().then_some(task),
            ExprKind::Block { stmts, value: Some(value) } if !stmts.is_empty() => value.pending_call(),
            _ => self.converted()?.pending_call(),
        }
    }

    /// The join of [`Expr::pending_call`].
    pub fn pending_join(&mut self) -> Option<&mut Expr> {
        self.pending_call()?;
        // What comes before the spawn comes before the call.
        if matches!(self.kind, ExprKind::Join(_) | ExprKind::Block { .. }) {
            return Some(self);
        }
        match &mut self.kind {
            ExprKind::Convert { operand, .. }
            | ExprKind::Some(operand)
            | ExprKind::Unwrap(operand)
            | ExprKind::UnwrapUnchecked(operand) => operand.pending_join(),
            ExprKind::Runtime { args, .. } => args.first_mut()?.pending_join(),
            _ => None,
        }
    }

    /// The expression starts a task.
    pub fn is_spawn(&self) -> bool {
        match &self.kind {
            ExprKind::Spawn { .. } | ExprKind::SpawnValue { .. } => true,
            ExprKind::Block { value: Some(value), .. } => value.is_spawn(),
            _ => false,
        }
    }

    fn converted(&self) -> Option<&Expr> {
        match &self.kind {
            ExprKind::Convert { operand, .. }
            | ExprKind::Some(operand)
            | ExprKind::Unwrap(operand)
            | ExprKind::UnwrapUnchecked(operand) => Some(operand),
            ExprKind::Runtime { function, args } if converts(*function) => args.first(),
            _ => None,
        }
    }

    /// Puts `task` in the place of the spawn, which is the result, behind what is evaluated before it.
    pub fn take_pending_call(&mut self, task: Expr) -> Option<Expr> {
        self.pending_call()?;
        match &mut self.kind {
            ExprKind::Join(spawn) => Some(std::mem::replace(&mut **spawn, task)),
            ExprKind::Block { stmts, value: Some(value) } => {
                let spawn = value.take_pending_call(task)?;
                let (stmts, value) = (std::mem::take(stmts), value.clone());
                *self = *value;
                let (ty, span) = (spawn.ty, spawn.span);
                Some(Expr { kind: ExprKind::Block { stmts, value: Some(Box::new(spawn)) }, ty, span })
            }
            ExprKind::Convert { operand, .. }
            | ExprKind::Some(operand)
            | ExprKind::Unwrap(operand)
            | ExprKind::UnwrapUnchecked(operand) => operand.take_pending_call(task),
            ExprKind::Runtime { args, .. } => args.first_mut()?.take_pending_call(task),
            _ => None,
        }
    }
}

/// Conversions between collections, which take nothing else.
fn converts(function: RuntimeFunction) -> bool {
    matches!(
        function,
        RuntimeFunction::ListToArray
            | RuntimeFunction::ListToSet
            | RuntimeFunction::ArrayToList
            | RuntimeFunction::ArrayToSet
            | RuntimeFunction::SetToList
            | RuntimeFunction::SetToArray
            | RuntimeFunction::JsonFrom
    )
}
