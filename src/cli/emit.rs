//! `coexc emit`: one representation of a program, for reading.
//!
//! In: arguments. Out: text on standard output, or a file.

use std::path::{Path, PathBuf};

use super::args::{Common, EmitArguments, EmitKind};
use super::{build, exit, output};
use crate::driver::{Emit, Product};
use crate::files::{self, Durability};

pub(super) fn emit(arguments: &EmitArguments) -> u8 {
    emit_file(arguments.kind, &arguments.file, arguments.output.as_deref(), &arguments.common)
}

pub(super) fn emit_file(kind: EmitKind, file: &Path, output: Option<&Path>, common: &Common) -> u8 {
    let mut session = build::session(file, PathBuf::new(), common);
    session.emit = match kind {
        EmitKind::Ast => Emit::Ast,
        EmitKind::Ir => Emit::Ir,
        EmitKind::Llvm => Emit::Llvm,
        EmitKind::Asm => Emit::Asm,
        EmitKind::Obj => Emit::Object,
    };
    let (status, product) = build::compile(&session, common);
    let Some(Product::Emitted(bytes)) = product else { return status };
    let object = file.with_extension("o");
    let beside = object.file_name().map(PathBuf::from).filter(|_| kind == EmitKind::Obj);
    match output.map(Path::to_owned).or(beside) {
        Some(path) => write_file(&path, &bytes),
        None => output::write(&bytes),
    }
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
    let text = error.to_string();
    let reason = text.split(" (os error").next().unwrap_or(&text);
    output::talk(&format!("error[E1404]: Cannot write '{}': {reason}\n", path.display()));
    exit::TOOL
}
