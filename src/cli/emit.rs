//! `coexc emit`: one representation of a program, for reading.
//!
//! In: arguments. Out: text on standard output, or a file.

use std::path::{Path, PathBuf};

use super::args::{Common, Contract, EmitArguments, EmitKind, EmitList};
use super::depfile::Beside;
use super::{build, exit, output};
use crate::diagnostics::{Code, io_reason};
use crate::driver::{Emit, Product};
use crate::files::{self, Durability, Output};

pub(super) fn emit(arguments: &EmitArguments) -> u8 {
    let contract = (&arguments.contract, &EmitList::default());
    emit_file(arguments.kind, &arguments.file, arguments.output.as_deref(), contract, &arguments.common)
}

pub(super) fn emit_file(
    kind: EmitKind,
    file: &Path,
    output: Option<&Path>,
    (contract, list): (&Contract, &EmitList),
    common: &Common,
) -> u8 {
    let object = file.with_extension("o");
    let beside = object.file_name().map(Path::new).filter(|_| kind == EmitKind::Obj);
    let output = output.or(beside);
    let beside = match Beside::new(contract, list, output) {
        Ok(beside) => beside,
        Err(status) => return status,
    };
    let mut session = build::session(file, PathBuf::new(), common);
    session.emit = match kind {
        EmitKind::Ast => Emit::Ast,
        EmitKind::Ir => Emit::Ir,
        EmitKind::Llvm => Emit::Llvm,
        EmitKind::Asm => Emit::Asm,
        EmitKind::Obj => Emit::Object,
    };
    let compiled = build::compile(&session, common);
    let mut status = compiled.status;
    if let Some(Product::Emitted(bytes)) = compiled.product {
        let finish = |path: &Path, how| {
            build::artifact(path, how, common);
            beside.finish(path, file, &compiled.inputs)
        };
        status = write_and(output.unwrap_or(Path::new("-")), &bytes, finish);
    }
    build::end(status, common)
}

/// A file that a user named; `-` is standard output, as everywhere.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> u8 {
    write_and(path, bytes, |_, _| exit::SUCCESS)
}

/// What `finish` does with a file gives the status; standard output is no file.
fn write_and(path: &Path, bytes: &[u8], finish: impl FnOnce(&Path, Output) -> u8) -> u8 {
    if path == Path::new("-") {
        return output::write(bytes);
    }
    match files::write_output(path, bytes, Durability::Fast) {
        Ok(how) => finish(path, how),
        Err(error) => cannot_write(path, &error),
    }
}

pub(super) fn cannot_write(path: &Path, error: &std::io::Error) -> u8 {
    output::fault(Code::E1404, format!("Cannot write '{}': {}", path.display(), io_reason(error)))
}
