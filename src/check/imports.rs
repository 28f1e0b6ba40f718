//! What the header lines of each file mean.
//!
//! In: declared names of all units. Out: `replace` aliases, print switches; E0402, E1203, E1206, W1201.
//! Deliberately not here: finding imported files (the driver does).

use super::decls::{Entity, ScopeId, already_declared};
use super::{CheckOptions, Checker};
use crate::ast::{DirectiveKind, Header, Ident, Replace};
use crate::diagnostics::Code;
use crate::resolve::{UnitId, UnitKind};

/// Enters aliases and reads directives.
pub(crate) fn link(checker: &mut Checker, options: &CheckOptions) {
    let sources = checker.sources;
    let mut scope = 0;
    for unit in &sources.units {
        for file in &unit.files {
            for (index, import) in file.imports.iter().enumerate() {
                let earlier = file.imports[..index].iter().find(|other| other.binding == import.binding);
                if let Some(earlier) =
                    earlier.filter(|earlier| earlier.unit != import.unit && !import.binding.as_str().is_empty())
                {
                    already_declared(checker, Ident { name: import.binding, span: import.span }, earlier.span);
                }
            }
            for header in &file.ast.headers {
                match header {
                    Header::Import(_) => {}
                    Header::Replace(replace) => alias(checker, ScopeId(scope), replace),
                    Header::Directive(directive) if unit.kind == UnitKind::Program => match directive.which {
                        DirectiveKind::Printing => checker.printing = directive.on,
                        DirectiveKind::Debugging => checker.debugging = directive.on,
                    },
                    Header::Directive(directive) => {
                        checker.error(Code::W1201, directive.span, "Directive is ignored in an imported module");
                    }
                }
            }
            scope += 1;
        }
    }
    checker.printing = options.printing.unwrap_or(checker.printing);
    checker.debugging = options.debugging.unwrap_or(checker.debugging);
}

fn alias(checker: &mut Checker, scope: ScopeId, replace: &Replace) {
    let module = replace.target[0];
    let member = replace.target[replace.target.len() - 1];
    let file = &checker.decls.scopes[scope.0 as usize];
    let own = file.unit;
    let Some(&(_, unit)) = file.imports.iter().find(|(binding, _)| *binding == module.name) else {
        checker.error(Code::E1206, module.span, format!("Module '{}' is not imported", module.name));
        return;
    };
    let found = checker.decls.units[unit.0 as usize].values.get(&member.name).copied();
    let Some((entity, _)) = found.filter(|_| replace.target.len() == 2) else {
        no_member(checker, unit, module.name.as_str(), member);
        return;
    };
    let taken = checker.decls.units[own.0 as usize].values.get(&replace.alias.name).map(|(_, span)| *span);
    let aliased = checker.decls.scopes[scope.0 as usize].aliases.get(&replace.alias.name).map(|(_, span)| *span);
    if let Some(earlier) = taken.or(aliased) {
        already_declared(checker, replace.alias, earlier);
        return;
    }
    let entry: (Entity, _) = (entity, replace.alias.span);
    checker.decls.scopes[scope.0 as usize].aliases.insert(replace.alias.name, entry);
}

/// E1203, unless the unit has a file with syntax errors, which may hold the name.
pub(crate) fn no_member(checker: &mut Checker, unit: UnitId, module: &str, member: crate::ast::Ident) {
    if checker.decls.units[unit.0 as usize].has_broken_file {
        return;
    }
    let names: Vec<_> = checker.decls.units[unit.0 as usize].values.keys().map(|name| name.as_str()).collect();
    let mut diagnostic = crate::diagnostics::Diagnostic::new(
        Code::E1203,
        member.span,
        format!("Module '{module}' has no member '{}'", member.name),
    );
    if let Some(near) = crate::diagnostics::nearest(member.name.as_str(), names.into_iter()) {
        diagnostic = diagnostic.help(format!("a member named '{near}' exists"));
    }
    checker.report(diagnostic);
}
