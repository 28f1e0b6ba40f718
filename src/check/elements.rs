//! Methods of lists and arrays that only some element types have (reference 9.2).
//!
//! In: a receiver's type and a method's name. Out: E0305 for `join` of anything but strings, E0310 for the least or largest
//! of what has no order. Deliberately not here: `sum`, whose lowering knows its two types itself.

use super::body::Body;
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::types::display::type_name;
use crate::types::{self, Type, TypeId};

impl Body<'_, '_> {
    pub(crate) fn check_elements(&mut self, receiver: TypeId, name: &str, span: Span) {
        let (Type::List(element) | Type::Array(element)) = *self.shape(receiver) else { return };
        match name {
            "join" if !self.unify(element, types::STRING) => {
                let receiver = self.resolve(receiver);
                let strings = match self.shape(receiver) {
                    Type::Array(_) => "Array<string>",
                    _ => "List<string>",
                };
                let message =
                    format!("Type mismatch: expected {strings}, found {}", type_name(&self.c.types, receiver));
                self.report(Diagnostic::new(Code::E0305, span, message).help("only strings are joined"));
            }
            "min" | "max" => {
                let element = self.resolve(element);
                if !self.is_open(element) && !self.c.is_ordered(element) && element != types::UNKNOWN {
                    let name = type_name(&self.c.types, element);
                    let message = format!("Operator '<' is not defined for {name} and {name}");
                    let help = "numbers, strings, bools and tuples of these have a least and a largest one";
                    self.report(Diagnostic::new(Code::E0310, span, message).help(help));
                }
            }
            _ => {}
        }
    }
}
