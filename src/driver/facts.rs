//! Hands a library to the phases in their own terms.
//!
//! In: a [`Library`] of `cxz`, which knows no phase. Out: [`LibraryFacts`] for `check`, and [`LibrarySources`] for
//! `native`. Deliberately not here: decisions; this only translates.

use std::collections::BTreeMap;

use crate::cxz::Library;
use crate::cxz::manifest::{self, Isolation, Owns, SymbolEntry};
use crate::ir::{ErrorRule, ExternRules, Ownership};
use crate::native::{Install, IsolationTier, LibrarySources, Limits, SystemDependency, Unit};
use crate::resolve::{LibraryFacts, SymbolFacts};
use crate::source::Symbol;

pub(super) fn library_facts(library: &Library) -> LibraryFacts {
    let entries = library.manifest.units.iter().flat_map(|unit| &unit.symbols);
    let symbols = entries.map(symbol_facts).collect();
    LibraryFacts { name: Symbol::new(&library.name), symbols }
}

fn symbol_facts(entry: &SymbolEntry) -> SymbolFacts {
    let text = |located: &Option<manifest::Located<String>>| located.as_ref().map(|text| text.value.clone());
    SymbolFacts {
        name: Symbol::new(&entry.name.value),
        span: entry.name.span,
        params: entry.params.as_ref().map(|params| params.iter().map(|param| param.value.clone()).collect()),
        returns: text(&entry.returns),
        c_declaration: text(&entry.c),
        rules: ExternRules {
            owns: match &entry.owns {
                Owns::Borrowed => Ownership::Borrowed,
                Owns::Free => Ownership::Free,
                Owns::Function(name) => Ownership::Function(name.value.clone()),
            },
            error: entry.error.map(|rule| match rule {
                manifest::ErrorRule::Negative => ErrorRule::Negative,
                manifest::ErrorRule::Nonzero => ErrorRule::Nonzero,
                manifest::ErrorRule::Null => ErrorRule::Null,
                manifest::ErrorRule::Errno => ErrorRule::Errno,
                manifest::ErrorRule::Fail => ErrorRule::Fail,
            }),
            error_text: text(&entry.error_text),
            len_result: entry.len_result,
            release: text(&entry.release),
        },
    }
}

/// `files` are the library's foreign files; `symbols` the C functions that the program may call.
pub(super) fn library_sources<'a>(
    library: &'a Library,
    files: &'a BTreeMap<String, Vec<u8>>,
    symbols: Vec<String>,
) -> LibrarySources<'a> {
    LibrarySources {
        name: &library.name,
        version: &library.version,
        files,
        units: library.manifest.units.iter().map(|unit| native_unit(library, unit)).collect(),
        symbols,
        system: library.manifest.system.as_ref().map(system),
    }
}

fn native_unit(library: &Library, unit: &manifest::Unit) -> Unit {
    Unit {
        name: unit.id.value.clone(),
        sources: library.unit_sources(unit),
        include_dirs: unit.headers.iter().map(|path| path.value.clone()).collect(),
        defines: unit.defines.clone(),
        c_standard: unit.c_standard.clone(),
        system_headers: unit.system_headers.clone(),
        system_libs: unit.system_libs.clone(),
        isolation: match unit.isolation.value {
            Isolation::Shared => IsolationTier::Shared,
            Isolation::Instance => IsolationTier::Instance,
            Isolation::Confined => IsolationTier::Confined,
            Isolation::Process => IsolationTier::Process,
        },
        limits: Limits {
            instances: unit.limits.instances,
            handles: unit.limits.handles,
            arena_bytes: unit.limits.arena_bytes,
        },
        threads: unit.threads,
    }
}

fn system(system: &manifest::System) -> SystemDependency {
    SystemDependency {
        headers: system.headers.clone(),
        libs: system.libs.clone(),
        pkg_config: system.pkg_config.iter().map(|text| text.value.clone()).collect(),
        thread_safe: system.thread_safe,
        install: Install {
            name: system.install.name.clone(),
            debian: system.install.debian.clone(),
            macos: system.install.macos.clone(),
            fedora: system.install.fedora.clone(),
        },
    }
}
