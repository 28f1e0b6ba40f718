//! The functions that the program needs, one for each declaration with its type arguments.
//!
//! In: requests of bodies. Out: `FuncId`s, and a list of bodies still to be elaborated.
//! Deliberately not here: elaboration (`functions`).

use super::decls::FnId;
use super::fast_map::FastMap;
use crate::ir::{self, FuncId};
use crate::source::Span;
use crate::types::TypeId;
use std::collections::VecDeque;

#[derive(Default)]
pub(crate) struct Instances {
    known: FastMap<(FnId, Vec<TypeId>), FuncId>,
    pub(crate) open: VecDeque<Request>,
    /// Indexed by `FuncId`; filled when elaborated.
    pub(crate) functions: Vec<Option<ir::Function>>,
    /// E0812 has been said.
    pub(crate) too_deep: bool,
}

pub(crate) struct Request {
    pub(crate) function: FnId,
    pub(crate) args: Vec<TypeId>,
    pub(crate) id: FuncId,
    pub(crate) depth: u32,
    /// The call that asked for it.
    pub(crate) span: Span,
}

impl Instances {
    /// An id for a lambda or another function without declaration.
    pub(crate) fn reserve(&mut self) -> FuncId {
        let id = FuncId(self.functions.len() as u32);
        self.functions.push(None);
        id
    }

    pub(crate) fn get(&mut self, function: FnId, args: Vec<TypeId>, depth: u32, span: Span) -> FuncId {
        if let Some(&id) = self.known.get(&(function, args.clone())) {
            return id;
        }
        let id = self.reserve();
        self.known.insert((function, args.clone()), id);
        self.open.push_back(Request { function, args, id, depth, span });
        id
    }
}
