//! The declarations of all units, with a number each.
//!
//! In: the sources. Out: [`Decls`] with names entered per unit; E0402, E0804, W0401, W0701.
//! Deliberately not here: types of anything (`signatures`), what a file imports (`imports`).

use super::Checker;
use super::fast_map::FastMap;
use super::free_names::UsedNames;
use super::matrix::Matrix;
use crate::ast::{self, Item};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::ExternId;
use crate::resolve::{SymbolFacts, UnitId, UnitKind};
use crate::source::{FileId, Span, Symbol};
use crate::types::{DeclId, FunctionKind, LibraryId, TypeId};

/// A function or method declaration.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct FnId(pub(crate) u32);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct TraitId(pub(crate) u32);

/// A source file; names are looked up from one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct ScopeId(pub(crate) u32);

/// What a name at top level means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entity {
    Function(FnId),
    Extern(ExternId),
    Type(DeclId),
    Trait(TraitId),
}

#[derive(Default)]
pub(crate) struct Decls<'a> {
    pub(crate) functions: Vec<FunctionDecl<'a>>,
    pub(crate) types: Vec<TypeDecl<'a>>,
    pub(crate) traits: Vec<TraitDecl<'a>>,
    /// Indexed by `UnitId`.
    pub(crate) units: Vec<UnitNames>,
    /// Indexed by `ScopeId`.
    pub(crate) scopes: Vec<FileScope>,
    /// Every enum case by its name.
    pub(crate) cases: FastMap<Symbol, Vec<(DeclId, u32)>>,
    /// Indexed by `ExternId`.
    pub(crate) externs: Vec<ExternDecl<'a>>,
    pub(crate) extern_index: FastMap<(Option<LibraryId>, Symbol), ExternId>,
    /// Types of Map keys and Set elements in declarations, to be looked at when all members are known (E0311).
    pub(crate) key_checks: Vec<(TypeId, Span)>,
    /// Channels and cells, for what they must not hold.
    pub(crate) shared_checks: Vec<(TypeId, Span)>,
}

/// One C symbol of one library, or of the program.
pub(crate) struct ExternDecl<'a> {
    pub(crate) name: Symbol,
    pub(crate) library: Option<LibraryId>,
    /// All its declarations; they must agree. None: made from the manifest.
    pub(crate) declarations: Vec<(&'a ast::Extern, ScopeId)>,
    pub(crate) facts: Option<&'a SymbolFacts>,
    /// Where manifest types are looked up.
    pub(crate) scope: ScopeId,
}

/// Names declared by one unit.
#[derive(Default)]
pub(crate) struct UnitNames {
    /// Functions, externs and types.
    pub(crate) values: FastMap<Symbol, (Entity, Span)>,
    /// Types and traits.
    pub(crate) types: FastMap<Symbol, (Entity, Span)>,
    pub(crate) has_broken_file: bool,
}

pub(crate) struct FileScope {
    pub(crate) unit: UnitId,
    pub(crate) imports: Vec<(Symbol, UnitId)>,
    /// `replace` lines.
    pub(crate) aliases: FastMap<Symbol, (Entity, Span)>,
}

#[derive(Clone, Debug)]
pub(crate) struct TypeParam {
    pub(crate) name: Symbol,
    pub(crate) bounds: Vec<TraitId>,
}

#[derive(Clone, Debug)]
pub(crate) struct ParamSig {
    pub(crate) name: Symbol,
    pub(crate) positional: bool,
    pub(crate) ty: TypeId,
    pub(crate) span: Span,
}

pub(crate) struct FunctionDecl<'a> {
    pub(crate) ast: &'a ast::Function,
    pub(crate) scope: ScopeId,
    pub(crate) owner: Option<DeclId>,
    /// A method with a receiver.
    pub(crate) is_instance: bool,
    pub(crate) isolated: bool,
    /// Those of the owner first. Types of the signature mention them as `Type::Param`.
    pub(crate) type_params: Vec<TypeParam>,
    pub(crate) params: Vec<ParamSig>,
    pub(crate) result: Option<TypeId>,
    /// Its declaration or the generic check of its body has errors: it is not elaborated.
    pub(crate) faulty: bool,
    /// Tasks: a call that passes a handle has been reported.
    pub(crate) handle_reported: bool,
}

impl FunctionDecl<'_> {
    pub(crate) fn kind(&self) -> FunctionKind {
        self.ast.kind
    }

    pub(crate) fn name(&self) -> Symbol {
        self.ast.name.name
    }
}

#[derive(Clone, Debug)]
pub(crate) struct FieldSig {
    pub(crate) name: Symbol,
    pub(crate) ty: TypeId,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) struct CaseSig {
    pub(crate) name: Symbol,
    pub(crate) fields: Vec<FieldSig>,
}

pub(crate) struct TypeDecl<'a> {
    pub(crate) name: Symbol,
    pub(crate) scope: ScopeId,
    /// Absent for a matrix.
    pub(crate) ast: Option<&'a ast::TypeDecl>,
    pub(crate) type_params: Vec<TypeParam>,
    pub(crate) fields: Vec<FieldSig>,
    pub(crate) field_index: FastMap<Symbol, u32>,
    pub(crate) cases: Vec<CaseSig>,
    pub(crate) methods: FastMap<Symbol, FnId>,
    pub(crate) matrix: Option<Matrix<'a>>,
}

impl TypeDecl<'_> {
    pub(crate) fn is_enum(&self) -> bool {
        self.ast.is_some_and(|ast| !ast.cases.is_empty())
    }

    pub(crate) fn case_index(&self, name: Symbol) -> Option<u32> {
        self.ast?.cases.iter().position(|case| case.name.name == name).map(|index| index as u32)
    }
}

pub(crate) struct TraitDecl<'a> {
    pub(crate) ast: &'a ast::TraitDecl,
    pub(crate) scope: ScopeId,
    pub(crate) methods: Vec<TraitMethod>,
}

pub(crate) struct TraitMethod {
    pub(crate) name: Symbol,
    pub(crate) kind: FunctionKind,
    pub(crate) params: Vec<ParamSig>,
    pub(crate) result: Option<TypeId>,
}

/// Enters every declaration of every unit.
pub(crate) fn collect(checker: &mut Checker) {
    let sources = checker.sources;
    for (index, unit) in sources.units.iter().enumerate() {
        let missing = unit.kind == UnitKind::Missing;
        checker.decls.units.push(UnitNames { has_broken_file: missing, ..UnitNames::default() });
        let unit_id = UnitId(index as u32);
        for file in &unit.files {
            let scope = ScopeId(checker.decls.scopes.len() as u32);
            let imports = file.imports.iter().map(|import| (import.binding, import.unit)).collect();
            checker.decls.scopes.push(FileScope { unit: unit_id, imports, aliases: FastMap::default() });
            if checker.is_broken(file.ast.file) {
                checker.decls.units[index].has_broken_file = true;
            }
            for item in &file.ast.items {
                collect_item(checker, unit_id, scope, item);
            }
        }
        manifest_symbols(checker, unit_id, unit.kind);
    }
}

fn library_of(checker: &Checker, unit: UnitId) -> Option<LibraryId> {
    match checker.sources.units[unit.0 as usize].kind {
        UnitKind::Library(library) => Some(library),
        UnitKind::Program | UnitKind::Module | UnitKind::Missing => None,
    }
}

/// Externs of one C symbol share an id; their signatures are compared once they are known.
fn collect_extern<'a>(checker: &mut Checker<'a>, unit: UnitId, scope: ScopeId, external: &'a ast::Extern) {
    let library = library_of(checker, unit);
    let name = external.name.name;
    if let Some(&id) = checker.decls.extern_index.get(&(library, name)) {
        checker.decls.externs[id.0 as usize].declarations.push((external, scope));
        let entered = checker.decls.units[unit.0 as usize].values.get(&name);
        if entered.is_none_or(|(entity, _)| *entity != Entity::Extern(id)) {
            enter_value(checker, unit, external.name, Entity::Extern(id));
        }
        return;
    }
    let facts = library.and_then(|library| {
        let facts = &checker.sources.libraries[library.0 as usize];
        facts.symbols.iter().find(|symbol| symbol.name == name)
    });
    let id = add_extern(checker, ExternDecl { name, library, declarations: vec![(external, scope)], facts, scope });
    enter_value(checker, unit, external.name, Entity::Extern(id));
}

fn add_extern<'a>(checker: &mut Checker<'a>, declaration: ExternDecl<'a>) -> ExternId {
    let id = ExternId(checker.decls.externs.len() as u32);
    checker.decls.extern_index.insert((declaration.library, declaration.name), id);
    checker.decls.externs.push(declaration);
    id
}

/// Symbols of the manifest that no `extern` declares.
fn manifest_symbols(checker: &mut Checker, unit: UnitId, kind: UnitKind) {
    let UnitKind::Library(library) = kind else { return };
    let Some(scope) = checker.decls.scopes.len().checked_sub(1) else { return };
    let sources = checker.sources;
    for symbol in &sources.libraries[library.0 as usize].symbols {
        let declared = checker.decls.extern_index.contains_key(&(Some(library), symbol.name))
            || checker.decls.units[unit.0 as usize].values.contains_key(&symbol.name);
        if declared {
            continue;
        }
        let scope = ScopeId(scope as u32);
        let declaration = ExternDecl {
            name: symbol.name,
            library: Some(library),
            declarations: Vec::new(),
            facts: Some(symbol),
            scope,
        };
        let id = add_extern(checker, declaration);
        let place = Span::new(FileId(0), 0, 0);
        checker.decls.units[unit.0 as usize].values.insert(symbol.name, (Entity::Extern(id), place));
    }
}

fn collect_item<'a>(checker: &mut Checker<'a>, unit: UnitId, scope: ScopeId, item: &'a Item) {
    match item {
        Item::Function(function) => {
            known_annotations(checker, &function.annotations, &["isolated"]);
            let id = add_function(checker, function, scope, None);
            enter_value(checker, unit, function.name, Entity::Function(id));
        }
        Item::Extern(external) => {
            known_annotations(checker, &external.annotations, &["c"]);
            collect_extern(checker, unit, scope, external);
        }
        Item::Type(decl) => collect_type(checker, unit, scope, decl),
        Item::Trait(decl) => {
            let id = TraitId(checker.decls.traits.len() as u32);
            checker.decls.traits.push(TraitDecl { ast: decl, scope, methods: Vec::new() });
            enter_type(checker, unit, decl.name, Entity::Trait(id));
        }
        Item::Matrix(decl) => {
            let id = DeclId(checker.decls.types.len() as u32);
            checker.decls.types.push(type_decl(decl.name, scope, None));
            if enter_value(checker, unit, decl.name, Entity::Type(id)) {
                enter_type(checker, unit, decl.name, Entity::Type(id));
            }
            super::matrix::collect(checker, id, scope, decl);
        }
    }
}

fn type_decl<'a>(name: ast::Ident, scope: ScopeId, ast: Option<&'a ast::TypeDecl>) -> TypeDecl<'a> {
    TypeDecl {
        name: name.name,
        scope,
        ast,
        type_params: Vec::new(),
        fields: Vec::new(),
        field_index: FastMap::default(),
        cases: Vec::new(),
        methods: FastMap::default(),
        matrix: None,
    }
}

fn collect_type<'a>(checker: &mut Checker<'a>, unit: UnitId, scope: ScopeId, decl: &'a ast::TypeDecl) {
    known_annotations(checker, &decl.annotations, &["c_layout"]);
    let id = DeclId(checker.decls.types.len() as u32);
    checker.decls.types.push(type_decl(decl.name, scope, Some(decl)));
    if enter_value(checker, unit, decl.name, Entity::Type(id)) {
        enter_type(checker, unit, decl.name, Entity::Type(id));
    }
    if !decl.fields.is_empty() && !decl.cases.is_empty() {
        let message = format!("Type '{}' cannot have both fields and cases", decl.name.name);
        checker.error(Code::E0804, decl.cases[0].name.span, message);
    }
    let mut members: FastMap<Symbol, Span> = FastMap::default();
    for field in &decl.fields {
        known_annotations(checker, &field.annotations, &["c"]);
        member_once(checker, &mut members, field.name);
    }
    for (index, case) in decl.cases.iter().enumerate() {
        if member_once(checker, &mut members, case.name) {
            checker.decls.cases.entry(case.name.name).or_default().push((id, index as u32));
        }
    }
    for method in &decl.methods {
        known_annotations(checker, &method.annotations, &["isolated"]);
        let function = add_function(checker, method, scope, Some(id));
        if member_once(checker, &mut members, method.name) {
            checker.decls.types[id.0 as usize].methods.insert(method.name.name, function);
        }
    }
    instance_methods(checker, id, decl);
}

fn member_once(checker: &mut Checker, members: &mut FastMap<Symbol, Span>, name: ast::Ident) -> bool {
    match members.get(&name.name) {
        Some(&earlier) => {
            already_declared(checker, name, earlier);
            false
        }
        None => {
            members.insert(name.name, name.span);
            true
        }
    }
}

/// Instance methods are the least set closed under the rules of 8.2.
fn instance_methods(checker: &mut Checker, id: DeclId, decl: &ast::TypeDecl) {
    let fields: Vec<Symbol> = decl.fields.iter().map(|field| field.name.name).collect();
    let mut open: Vec<(FnId, UsedNames)> = Vec::new();
    let mut instance: Vec<Symbol> = Vec::new();
    for method in &decl.methods {
        let Some(&function) = checker.decls.types[id.0 as usize].methods.get(&method.name.name) else { continue };
        if !std::ptr::eq(checker.decls.functions[function.0 as usize].ast, method) {
            continue;
        }
        let used = UsedNames::of_function(method);
        let uses_field = fields.iter().any(|field| used.values.contains_key(field) || used.calls.contains_key(field));
        if method.self_param.is_some() || used.uses_self || uses_field {
            checker.decls.functions[function.0 as usize].is_instance = true;
            instance.push(method.name.name);
        } else {
            open.push((function, used));
        }
    }
    // Each round either settles a method or ends.
    while let Some(name) = instance.pop() {
        open.retain(|(function, used)| {
            if !used.calls.contains_key(&name) {
                return true;
            }
            let function = &mut checker.decls.functions[function.0 as usize];
            function.is_instance = true;
            instance.push(function.ast.name.name);
            false
        });
    }
}

pub(crate) fn add_function<'a>(
    checker: &mut Checker<'a>,
    function: &'a ast::Function,
    scope: ScopeId,
    owner: Option<DeclId>,
) -> FnId {
    let id = FnId(checker.decls.functions.len() as u32);
    checker.decls.functions.push(FunctionDecl {
        ast: function,
        scope,
        owner,
        is_instance: false,
        isolated: ast::annotation(&function.annotations, "isolated").is_some(),
        type_params: Vec::new(),
        params: Vec::new(),
        result: None,
        faulty: false,
        handle_reported: false,
    });
    id
}

/// Enters a name into the value name space; false and E0402 when it is taken.
pub(crate) fn enter_value(checker: &mut Checker, unit: UnitId, name: ast::Ident, entity: Entity) -> bool {
    let text = name.name.as_str();
    if matches!(text, "print" | "debug") {
        checker.error(Code::E0402, name.span, format!("'{text}' is already declared"));
        return false;
    }
    if let Some(&(_, earlier)) = checker.decls.units[unit.0 as usize].values.get(&name.name) {
        already_declared(checker, name, earlier);
        return false;
    }
    if !matches!(entity, Entity::Extern(_)) && is_builtin(text) {
        checker.error(Code::W0401, name.span, format!("'{text}' replaces a built-in function"));
    }
    checker.decls.units[unit.0 as usize].values.insert(name.name, (entity, name.span));
    true
}

fn enter_type(checker: &mut Checker, unit: UnitId, name: ast::Ident, entity: Entity) {
    if let Some(&(_, earlier)) = checker.decls.units[unit.0 as usize].types.get(&name.name) {
        already_declared(checker, name, earlier);
        return;
    }
    checker.decls.units[unit.0 as usize].types.insert(name.name, (entity, name.span));
}

pub(crate) fn already_declared(checker: &mut Checker, name: ast::Ident, earlier: Span) {
    let diagnostic = Diagnostic::new(Code::E0402, name.span, format!("'{}' is already declared", name.name))
        .secondary(earlier, "first declared here");
    checker.report(diagnostic);
}

fn known_annotations(checker: &mut Checker, annotations: &[ast::Annotation], known: &[&str]) {
    for annotation in annotations {
        if !known.contains(&annotation.name.name.as_str()) {
            let message = format!("Unknown annotation '@{}'", annotation.name.name);
            checker.error(Code::W0701, annotation.span, message);
        }
    }
}

/// Built-in functions and type names, which a program may redeclare.
fn is_builtin(name: &str) -> bool {
    super::builtins::function(name).is_some()
        || matches!(name, "len" | "String" | "List" | "Array" | "Map" | "Set" | "Result" | "Channel")
}
