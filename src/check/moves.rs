//! Moves (language reference 4.4): which variables must not be read, by paths.
//!
//! In: reads, moves and assignments in program order. Out: E0408. The state is the list of moved variables at this point;
//! paths that meet unite their lists. Deliberately not here: what `:=` does otherwise.

use super::body::Body;
use crate::ast::Ident;
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::LocalId;
use crate::source::{Span, Symbol};

pub(crate) type Moved = Vec<(LocalId, Span)>;

/// A loop that is open at this point.
#[derive(Default)]
pub(crate) struct OpenLoop {
    pub(crate) broken: bool,
    /// Moved where it began.
    entry: Moved,
    /// Moved at its `break`s, and at its `continue`s.
    at_break: Moved,
    at_continue: Moved,
    /// Moved in its body and not assigned behind, on whatever path: the rule does not ask whether the path goes round.
    in_body: Moved,
}

impl Body<'_, '_> {
    pub(crate) fn check_moved(&mut self, name: Symbol, local: LocalId, span: Span) {
        let Some((_, place)) = self.moved.iter().find(|(moved, _)| *moved == local).copied() else { return };
        let diagnostic = Diagnostic::new(Code::E0408, span, format!("Use of moved variable '{name}'"))
            .secondary(place, "moved here");
        self.report(diagnostic);
    }

    pub(crate) fn move_out(&mut self, name: Ident) {
        if let Some(local) = self.rebindable(name.name) {
            self.moved.push((local, name.span));
            let depth = self.frame().infos[local.0 as usize].loop_depth as usize;
            for open in self.frame().loops.iter_mut().skip(depth) {
                open.in_body.push((local, name.span));
            }
            for seen in &mut self.frame().withins {
                seen.push((local, name.span));
            }
        }
    }

    /// The variable has a value again.
    pub(crate) fn restore(&mut self, local: LocalId) {
        self.moved.retain(|(moved, _)| *moved != local);
        for open in &mut self.frame().loops {
            open.in_body.retain(|(moved, _)| *moved != local);
        }
    }

    /// Another path reaches this point too.
    pub(crate) fn merge_moved(&mut self, other: Moved) {
        for (local, span) in other {
            if !self.moved.iter().any(|(known, _)| *known == local) {
                self.moved.push((local, span));
            }
        }
    }

    pub(crate) fn begin_loop(&mut self) {
        let entry = self.moved.clone();
        self.frame().loops.push(OpenLoop { entry, ..OpenLoop::default() });
    }

    /// Ends the innermost loop; says whether it can be left by `break`.
    pub(crate) fn end_loop(&mut self) -> bool {
        let Some(open) = self.frame().loops.pop() else { crate::bug!("no loop is open") };
        self.merge_moved(open.at_continue);
        // The next round would read what this one moved.
        let depth = self.frame().loops.len() as u32;
        let mut found = self.moved.clone();
        found.retain(|(local, _)| {
            let before = open.entry.iter().any(|(known, _)| known == local);
            self.frame().infos[local.0 as usize].loop_depth <= depth && !before
        });
        found.extend(open.in_body);
        found.sort_by_key(|(_, span)| span.start);
        found.dedup();
        for (local, span) in found {
            // An outer loop has nothing to add.
            for outer in &mut self.frame().loops {
                outer.in_body.retain(|moved| *moved != (local, span));
            }
            let name = self.frame().locals[local.0 as usize].name;
            let diagnostic = Diagnostic::new(Code::E0408, span, format!("Use of moved variable '{name}'"))
                .label("moved again in the next round of the loop");
            self.report(diagnostic);
        }
        self.merge_moved(open.entry);
        self.merge_moved(open.at_break);
        open.broken
    }

    pub(crate) fn moved_at_leave(&mut self, is_break: bool) {
        let moved = self.moved.clone();
        let Some(open) = self.frame().loops.last_mut() else { return };
        let list = if is_break { &mut open.at_break } else { &mut open.at_continue };
        for (local, span) in moved {
            if !list.iter().any(|(known, _)| *known == local) {
                list.push((local, span));
            }
        }
    }

    /// A lambda reads what it captures.
    pub(crate) fn captured_moves(&mut self, captures: &[(LocalId, LocalId)], span: Span) {
        for (outer, _) in captures {
            let name = self.frame().locals[outer.0 as usize].name;
            self.check_moved(name, *outer, span);
        }
    }
}
