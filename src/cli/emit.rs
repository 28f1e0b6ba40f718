//! `coexc emit`: one representation of a program, for reading.
//!
//! In: arguments. Out: text on standard output, or a file.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::args::{Common, Contract, EmitArguments, EmitKind, EmitList};
use super::depfile::Beside;
use super::{build, exit, output};
use crate::diagnostics::{Code, io_reason};
use crate::driver::{Emit, Product};
use crate::files::{self, Durability};

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
        let output = output.unwrap_or(Path::new("-"));
        let before = stamp(output);
        status = write_file(output, &bytes);
        if status == exit::SUCCESS && output != Path::new("-") {
            build::artifact(output, stamp(output) != before, common);
            status = beside.finish(output, file, &compiled.inputs);
        }
    }
    build::end(status, common)
}

/// Another file, or the same one at another time.
fn stamp(path: &Path) -> Option<(u64, i64, i64)> {
    std::fs::metadata(path).ok().map(|file| (file.ino(), file.mtime(), file.mtime_nsec()))
}

/// A file that a user named; `-` is standard output, as everywhere.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> u8 {
    if path == Path::new("-") {
        return output::write(bytes);
    }
    match files::write_output(path, bytes, Durability::Fast) {
        Ok(()) => exit::SUCCESS,
        Err(error) => cannot_write(path, &error),
    }
}

pub(super) fn cannot_write(path: &Path, error: &std::io::Error) -> u8 {
    output::fault(Code::E1404, format!("Cannot write '{}': {}", path.display(), io_reason(error)))
}
