//! Calls of C: one internal function per extern, which copies arguments, switches stacks and copies results.
//!
//! In: the externs that calls mention (`Codegen::externs`), each declared as
//! `extern.NAME(fiber, value arguments in order, addresses of out variables' slots in order) -> result`.
//! Out: their bodies. Deliberately not here: the calls themselves, see `call`.

use super::CodegenError;
use super::context::Codegen;

/// Gives every mentioned extern its body.
pub(super) fn define(codegen: &Codegen<'_, '_>) {
    for &(id, _) in codegen.externs.borrow().iter() {
        let external = codegen.program.external(id);
        codegen.report(CodegenError::NotBuilt { what: "calls of C functions".into(), span: external.span });
    }
}
