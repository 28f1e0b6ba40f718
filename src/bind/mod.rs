//! How each extern meets its C function: the agreement of the declarations, and the plan for each value that crosses.
//!
//! In: the externs of the typed IR, the C functions of the built libraries, `@c` and manifest declarations, the table of
//! standard prototypes. Out: one [`Binding`] an extern, or E1102, E1103, E1113.
//! Deliberately not here: code (codegen follows the plan), building C (`native`).

mod agree;
mod declaration;
mod plan;
mod prototypes;
mod structs;

pub use declaration::parse_declaration;
pub use plan::{Binding, Failure, Owner, ParamPlan, ResultPlan, SuccessPlan};
pub use structs::{FieldPlan, Scalar, StructField, StructPlan};

use crate::diagnostics::{Code, Diagnostic, Diagnostics};
use crate::ir::{Extern, Ownership, Program};
use crate::native::{CFunction, CSignature, CType};
use crate::types::{Type, TypeId, display::type_name};
use std::collections::BTreeMap;

/// The C functions of one library, by their names in C.
pub type Functions = BTreeMap<String, CFunction>;

/// A C declaration and where it stands, for messages.
struct Declared {
    signature: CSignature,
    place: String,
}

/// Plans for all externs, in their order. `libraries` is indexed by `LibraryId`.
pub fn bind(program: &Program, libraries: &[Functions], diagnostics: &mut Diagnostics) -> Vec<Binding> {
    let mut bindings = Vec::new();
    for external in &program.externs {
        match bind_one(program, libraries, external) {
            Ok(binding) => bindings.push(binding),
            Err(diagnostic) => diagnostics.push(*diagnostic),
        }
    }
    bindings
}

fn bind_one(program: &Program, libraries: &[Functions], external: &Extern) -> Result<Binding, Box<Diagnostic>> {
    let functions = external.library.and_then(|id| libraries.get(id.0 as usize));
    let found = functions.and_then(|functions| functions.get(external.name.as_str()));
    if let (Some(_), None, Some(library)) = (functions, found, external.library) {
        let library = program.libraries[library.0 as usize];
        let message = format!("Library '{library}': symbol '{}' is not defined by its C sources", external.name);
        return Err(Box::new(Diagnostic::new(Code::E1113, external.span, message)));
    }
    let signature = declared_signature(external, found)?;
    if let Some(declared) = &signature
        && declared.signature.variadic
    {
        let message = format!("Type 'variadic function {}' cannot cross the foreign boundary", external.name);
        let note =
            format!("C declares ({}): {}", declared.place, declared.signature.declaration(external.name.as_str()));
        return Err(Box::new(Diagnostic::new(Code::E1102, external.span, message).note(note)));
    }
    let defaults = plan::default_signature(program, external);
    let (signature, place) = match signature {
        Some(declared) => (declared.signature, declared.place),
        None => (defaults, "the default for its Coex types".to_owned()),
    };
    let link = |name: &str| functions.and_then(|functions| functions.get(name)).map(|found| found.link_name.clone());
    let planned = plan::plan(program, external, &signature, &link);
    let (params, result) =
        planned.map_err(|fault| Box::new(mismatch(program, external, &signature, &place, &fault)))?;
    let symbol = found.map_or_else(|| external.name.to_string(), |found| found.link_name.clone());
    Ok(Binding {
        symbol,
        library: external.library,
        params,
        result,
        signature,
        closes_handle: releases(program, external),
        leaf: found.and_then(|found| found.leaf),
    })
}

/// The C declaration that counts, after all that are known have been found to agree (language reference 11.3).
fn declared_signature(external: &Extern, found: Option<&CFunction>) -> Result<Option<Declared>, Box<Diagnostic>> {
    let in_sources = found
        .map(|found| Declared { signature: found.signature.clone(), place: format!("{}:{}", found.file, found.line) });
    let written = match &external.c_declaration {
        None => None,
        Some(text) => match parse_declaration(text) {
            Ok((_, signature)) => Some(Declared { signature, place: "the declaration beside the extern".to_owned() }),
            Err(fault) => {
                let message = format!("Extern '{}' does not match its C declaration: {fault}", external.name);
                let note = format!("the declaration reads: {text}");
                return Err(Box::new(Diagnostic::new(Code::E1103, external.span, message).note(note)));
            }
        },
    };
    let standard = if external.library.is_none() { prototypes::find(external.name.as_str()) } else { None };
    let standard = standard.map(|signature| Declared { signature, place: "the standard C library".to_owned() });
    let mut known = [written, in_sources, standard].into_iter().flatten();
    let Some(first) = known.next() else { return Ok(None) };
    for other in known {
        if let Some(difference) = agree::difference(&first.signature, &other.signature) {
            let name = external.name.as_str();
            let message = format!("Extern '{name}' does not match its C declaration: {difference}");
            let diagnostic = Diagnostic::new(Code::E1103, external.span, message)
                .note(format!("{}: {}", first.place, first.signature.declaration(name)))
                .note(format!("{}: {}", other.place, other.signature.declaration(name)));
            return Err(Box::new(diagnostic));
        }
    }
    Ok(Some(first))
}

fn mismatch(
    program: &Program,
    external: &Extern,
    signature: &CSignature,
    place: &str,
    fault: &plan::Fault,
) -> Diagnostic {
    let name = external.name.as_str();
    match fault {
        plan::Fault::Mismatch(text) => {
            let message = format!("Extern '{name}' does not match its C declaration: {text}");
            Diagnostic::new(Code::E1103, external.span, message)
                .label(coex_declaration(program, external))
                .note(format!("{place}: {}", signature.declaration(name)))
        }
        plan::Fault::CannotCross(ty) => {
            let message = format!("Type '{}' cannot cross the foreign boundary", type_name(&program.types, *ty));
            Diagnostic::new(Code::E1102, external.span, message)
        }
        plan::Fault::Rule(text) => Diagnostic::new(
            Code::E1107,
            external.span,
            format!("Extern '{name}' needs an 'error' rule in the manifest"),
        )
        .note(text.clone()),
        plan::Fault::MissingHelper(helper) => {
            let library = external.library.map(|id| program.libraries[id.0 as usize].as_str()).unwrap_or("program");
            let message = format!("Library '{library}': symbol '{helper}' is not defined by its C sources");
            Diagnostic::new(Code::E1113, external.span, message)
                .note(format!("the manifest's entry of '{name}' names it"))
        }
    }
}

/// The extern as the program writes it, in one line.
fn coex_declaration(program: &Program, external: &Extern) -> String {
    let name = |ty: TypeId| type_name(&program.types, ty);
    let params = external
        .params
        .iter()
        .map(|param| format!("{}: {}{}", param.name, if param.out { "out " } else { "" }, name(param.ty)));
    let params = params.collect::<Vec<_>>().join(", ");
    let result = external.result.map(|ty| format!(" -> {}", name(ty))).unwrap_or_default();
    format!("extern {}({params}){result}", external.name)
}

/// Some other symbol's handles are released by this function.
fn releases(program: &Program, external: &Extern) -> bool {
    let name = external.name.as_str();
    let mut siblings = program.externs.iter().filter(|other| other.library == external.library);
    siblings.any(|other| other.rules.release.as_deref() == Some(name))
}

/// What the manifest's names of helper functions ask of `native`: every C function that a call needs beside itself.
pub fn helper_symbols(external: &Extern) -> impl Iterator<Item = &str> {
    let owner = match &external.rules.owns {
        Ownership::Function(name) => Some(name.as_str()),
        _ => None,
    };
    owner.into_iter().chain(external.rules.error_text.as_deref()).chain(external.rules.release.as_deref())
}

fn is_byte_buffer(program: &Program, ty: TypeId) -> Option<bool> {
    match program.types.get(ty) {
        Type::List(element) if *program.types.get(*element) == Type::Byte => Some(false),
        Type::Array(element) if *program.types.get(*element) == Type::Byte => Some(true),
        _ => None,
    }
}

/// `int64_t`.
fn long() -> CType {
    CType::Int { bits: 64, signed: true, name: "int64_t".to_owned() }
}
