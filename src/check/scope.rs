//! What a name at top level means in a file (language reference 4.1, 12.3).
//!
//! In: a name and the file it stands in. Out: an [`Entity`], nothing, or an ambiguity.
//! Deliberately not here: locals and fields (`bind`), built-ins.

use super::Checker;
use super::decls::{Entity, ScopeId};
use crate::resolve::{UnitId, UnitKind};
use crate::source::Symbol;
use crate::types::DeclId;

/// The result of a look-up among imported names.
pub(crate) enum Found {
    One(Entity),
    None,
    /// E1204: the names with their modules.
    Ambiguous(Vec<String>),
}

impl Checker<'_> {
    pub(crate) fn unit_of(&self, scope: ScopeId) -> UnitId {
        self.decls.scopes[scope.0 as usize].unit
    }

    /// The unit that an import of this file binds to the name.
    pub(crate) fn module(&self, scope: ScopeId, name: Symbol) -> Option<UnitId> {
        let imports = &self.decls.scopes[scope.0 as usize].imports;
        imports.iter().find(|(binding, _)| *binding == name).map(|(_, unit)| *unit)
    }

    /// Functions, externs, types, aliases.
    pub(crate) fn value_entity(&self, scope: ScopeId, name: Symbol) -> Found {
        let file = &self.decls.scopes[scope.0 as usize];
        if let Some((entity, _)) = self.decls.units[file.unit.0 as usize].values.get(&name) {
            return Found::One(*entity);
        }
        if let Some((entity, _)) = file.aliases.get(&name) {
            return Found::One(*entity);
        }
        self.imported(scope, name, |names, library| {
            let entity = names.values.get(&name).map(|(entity, _)| *entity)?;
            (library || matches!(entity, Entity::Type(_))).then_some(entity)
        })
    }

    /// Types and traits.
    pub(crate) fn type_entity(&self, scope: ScopeId, name: Symbol) -> Found {
        let unit = self.unit_of(scope);
        if let Some((entity, _)) = self.decls.units[unit.0 as usize].types.get(&name) {
            return Found::One(*entity);
        }
        self.imported(scope, name, |names, _| names.types.get(&name).map(|(entity, _)| *entity))
    }

    fn imported(
        &self,
        scope: ScopeId,
        name: Symbol,
        select: impl Fn(&super::decls::UnitNames, bool) -> Option<Entity>,
    ) -> Found {
        let file = &self.decls.scopes[scope.0 as usize];
        let mut found: Vec<(Symbol, Entity)> = Vec::new();
        for &(binding, unit) in &file.imports {
            let library = matches!(self.sources.units[unit.0 as usize].kind, UnitKind::Library(_));
            if let Some(entity) = select(&self.decls.units[unit.0 as usize], library)
                && !found.iter().any(|(_, known)| *known == entity)
            {
                found.push((binding, entity));
            }
        }
        match found.as_slice() {
            [] => Found::None,
            [(_, entity)] => Found::One(*entity),
            several => Found::Ambiguous(several.iter().map(|(module, _)| format!("{module}.{name}")).collect()),
        }
    }

    /// The enums visible in a file that have a case of this name.
    pub(crate) fn visible_cases(&self, scope: ScopeId, name: Symbol) -> Vec<(DeclId, u32)> {
        let Some(all) = self.decls.cases.get(&name) else { return Vec::new() };
        let file = &self.decls.scopes[scope.0 as usize];
        let visible = |decl: &DeclId| {
            let unit = self.unit_of(self.decls.types[decl.0 as usize].scope);
            unit == file.unit || file.imports.iter().any(|(_, imported)| *imported == unit)
        };
        all.iter().copied().filter(|(decl, _)| visible(decl)).collect()
    }

    /// What can be written without a module's name, for hints: the unit's own names and those of imported libraries.
    pub(crate) fn global_names(&self, scope: ScopeId) -> impl Iterator<Item = &'static str> {
        let file = &self.decls.scopes[scope.0 as usize];
        let library = |unit: &UnitId| matches!(self.sources.units[unit.0 as usize].kind, UnitKind::Library(_));
        let imported = file.imports.iter().map(|(_, unit)| *unit).filter(library);
        std::iter::once(file.unit)
            .chain(imported)
            .flat_map(|unit| self.decls.units[unit.0 as usize].values.keys().map(|name| name.as_str()))
    }

    /// A file of the unit, or of one that it imports, was not read completely: unknown names prove nothing.
    pub(crate) fn names_incomplete(&self, scope: ScopeId) -> bool {
        let file = &self.decls.scopes[scope.0 as usize];
        let broken = |unit: UnitId| self.decls.units[unit.0 as usize].has_broken_file;
        broken(file.unit) || file.imports.iter().any(|(_, unit)| broken(*unit))
    }
}
