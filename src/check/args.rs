//! Arguments to parameters (language reference 5.7).
//!
//! In: parameter names and types, arguments as written. Out: values in parameter order, converted; evaluated in source
//! order. E0506, W0501. Deliberately not here: what is called.

use super::body::Body;
use crate::ast;
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{Block, Expr};
use crate::source::{Span, Symbol};
use crate::types::TypeId;

/// What arguments are matched with.
pub(crate) struct Called<'t> {
    pub(crate) name: &'t str,
    /// Name, and whether it is declared positional.
    pub(crate) params: Vec<(Symbol, bool)>,
    pub(crate) types: &'t [TypeId],
    /// How many of the last parameters may be absent.
    pub(crate) optional: usize,
    /// Plain values make fresh cells where atomics are wanted.
    pub(crate) cells: bool,
    pub(crate) span: Span,
}

impl<'a> Body<'_, 'a> {
    /// Values of a complete argument list, and the statements to run before when their order differs from the
    /// parameters'. `None` after a diagnostic.
    pub(crate) fn arguments(
        &mut self,
        called: &Called,
        args: &'a [ast::Arg],
        result: Option<(TypeId, TypeId)>,
    ) -> Option<(Block, Vec<Expr>)> {
        let Some(slots) = self.match_arguments(called, args) else {
            args.iter().for_each(|arg| drop(self.expr_or_nothing(&arg.value, None)));
            return None;
        };
        let (before, values) = self.evaluate(called, args, &slots, result);
        Some((before, values.into_iter().flatten().collect()))
    }

    /// The argument of each parameter: `slots[argument] = parameter`.
    pub(crate) fn match_arguments(&mut self, called: &Called, args: &'a [ast::Arg]) -> Option<Vec<usize>> {
        let count = called.params.len();
        let mut taken = vec![false; count];
        let mut slots = vec![usize::MAX; args.len()];
        for (arg, slot) in args.iter().zip(&mut slots) {
            let Some(label) = arg.name else { continue };
            let Some(index) = called.params.iter().position(|(name, _)| *name == label.name) else {
                let names = called.params.iter().map(|(name, _)| name.as_str());
                let near = crate::diagnostics::nearest(label.name.as_str(), names);
                let message = format!("Wrong arguments for '{}': unknown name '{}'", called.name, label.name);
                let mut diagnostic = Diagnostic::new(Code::E0506, label.span, message);
                if let Some(near) = near {
                    diagnostic = diagnostic.help(format!("a parameter named '{near}' exists"));
                }
                self.report(diagnostic);
                return None;
            };
            if std::mem::replace(&mut taken[index], true) {
                let message = format!("Wrong arguments for '{}': '{}' is given twice", called.name, label.name);
                self.error(Code::E0506, label.span, message);
                return None;
            }
            if called.params[index].1 {
                self.error(Code::W0501, label.span, format!("Parameter '{}' is declared positional", label.name));
            }
            *slot = index;
        }
        let mut next = 0;
        for (arg, slot) in args.iter().zip(&mut slots) {
            if arg.name.is_some() {
                continue;
            }
            while next < count && taken[next] {
                next += 1;
            }
            if next == count {
                self.wrong_count(called, args);
                return None;
            }
            taken[next] = true;
            *slot = next;
        }
        if taken.iter().take(count - called.optional).any(|taken| !taken) {
            self.wrong_count(called, args);
            return None;
        }
        Some(slots)
    }

    fn wrong_count(&mut self, called: &Called, args: &[ast::Arg]) {
        let count = called.params.len();
        let expected = match called.optional {
            0 => count.to_string(),
            // Fields that are missing are told by name (E0801).
            optional if optional == count => count.to_string(),
            optional => format!("{} to {count}", count - optional),
        };
        let message = format!("Wrong arguments for '{}': expected {expected}, found {}", called.name, args.len());
        let names: Vec<&str> = called.params.iter().map(|(name, _)| name.as_str()).collect();
        let mut diagnostic = Diagnostic::new(Code::E0506, called.span, message);
        if !names.is_empty() {
            diagnostic = diagnostic.note(format!("its parameters are: {}", names.join(", ")));
        }
        self.report(diagnostic);
    }

    /// Elaborates arguments in source order; `values[parameter]`.
    pub(crate) fn evaluate(
        &mut self,
        called: &Called,
        args: &'a [ast::Arg],
        slots: &[usize],
        result: Option<(TypeId, TypeId)>,
    ) -> (Block, Vec<Option<Expr>>) {
        let in_order = slots.is_sorted();
        let mut before = Vec::new();
        let mut values: Vec<Option<Expr>> = called.params.iter().map(|_| None).collect();
        for (arg, slot) in args.iter().zip(slots) {
            let target = called.types[*slot];
            let mut value = self.expr(&arg.value, Some(target));
            value = match called.cells {
                true => self.convert_or_cell(value, target, arg.value.span),
                false => self.convert(value, target, arg.value.span),
            };
            if !in_order {
                value = self.argument_temp(value, &mut before);
            }
            values[*slot] = Some(value);
        }
        if let Some((result, expected)) = result {
            self.expect_result(result, expected);
        }
        (before, values)
    }
}
