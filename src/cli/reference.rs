//! What other programs are told of the command lines: completions for shells, and manual pages.
//!
//! In: what clap knows of a tool. Out: a script or a page on standard output, or one page a subcommand in a directory.
//! Deliberately not here: installing them where a shell or `man` looks.

use std::io;
use std::path::Path;

use clap::Command;
use clap_mangen::Man;

use super::args::{Completions, Manual};
use super::{emit, exit, output};

pub(super) fn completions(mut tool: Command, arguments: &Completions) -> u8 {
    let (name, mut script) = (tool.get_name().to_owned(), Vec::new());
    clap_complete::generate(arguments.shell, &mut tool, name, &mut script);
    output::write(&script)
}

pub(super) fn manual(tool: Command, arguments: &Manual) -> u8 {
    let mut tool = tool.disable_help_subcommand(true);
    // Gives subcommands their full names: `coexc-cache-gc`.
    tool.build();
    let Some(directory) = &arguments.directory else {
        return match page(tool) {
            Ok((_, text)) => output::write(&text),
            Err(error) => crate::bug!("a page cannot be written to memory: {error}"),
        };
    };
    if let Err(error) = std::fs::create_dir_all(directory) {
        return emit::cannot_write(directory, &error);
    }
    write_pages(&tool, directory)
}

/// The page of a command and, before it, those of its subcommands.
fn write_pages(command: &Command, directory: &Path) -> u8 {
    for subcommand in command.get_subcommands() {
        let status = write_pages(subcommand, directory);
        if status != exit::SUCCESS {
            return status;
        }
    }
    match page(command.clone()) {
        Ok((name, text)) => emit::write_file(&directory.join(name), &text),
        Err(error) => crate::bug!("a page cannot be written to memory: {error}"),
    }
}

fn page(command: Command) -> io::Result<(String, Vec<u8>)> {
    let manual = Man::new(command).manual("Coex");
    let mut text = Vec::new();
    manual.render(&mut text)?;
    Ok((manual.get_filename(), ascii(&String::from_utf8_lossy(&text)).into_bytes()))
}

/// Formatters take other characters for Latin-1 unless somebody tells them.
fn ascii(text: &str) -> String {
    let shown = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\[u{:04X}]", u32::from(c)) };
    text.chars().map(shown).collect()
}
