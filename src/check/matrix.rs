//! Declarations of matrices (language reference 9.9).
//!
//! In: `matrix` declarations. Out: their sizes, cell types and formulas; each formula as a function that makes the next
//! grid, and one that makes a cell of it. E0902 to E0904, E0402. Deliberately not here: what is done with values of the
//! types (`matrix_values`).

use super::Checker;
use super::body::make;
use super::decls::{FnId, ScopeId, add_function, already_declared};
use crate::ast::{self, BinaryOp, Expr as AstExpr, ExprKind as Ast, MatrixDecl, MatrixItem, UnaryOp};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{self, ExprKind, FuncId, GridSize, LocalId, StmtKind};
use crate::source::{Span, Symbol};
use crate::types::{self, DeclId, TypeId};

/// What a type declaration says when it is one of a matrix.
pub(crate) struct Matrix<'a> {
    pub(crate) ast: &'a MatrixDecl,
    pub(crate) size: GridSize,
    pub(crate) cell: TypeId,
    /// The formula of the first value of each cell; its zero value if there is none.
    pub(crate) init: Option<FnId>,
}

/// Methods that every matrix has.
pub(crate) const METHODS: [&str; 5] = ["new", "width", "height", "get", "set"];

const MOST_CELLS: i64 = 1 << 31;

/// Size, formulas and first value; the types come with all other signatures.
pub(crate) fn collect<'a>(checker: &mut Checker<'a>, id: DeclId, scope: ScopeId, decl: &'a MatrixDecl) {
    let size = size(checker, decl);
    let mut matrix = Matrix { ast: decl, size, cell: types::INT, init: None };
    let mut cell_type: Option<Span> = None;
    for item in &decl.items {
        match item {
            MatrixItem::CellType(ty) => match cell_type {
                Some(earlier) => twice(checker, "type", ty.span, earlier),
                None => cell_type = Some(ty.span),
            },
            MatrixItem::Init(init) => match matrix.init {
                Some(earlier) => {
                    let earlier = checker.decls.functions[earlier.0 as usize].ast.name.span;
                    already_declared(checker, init.name, earlier);
                }
                None => matrix.init = Some(add_function(checker, init, scope, Some(id))),
            },
            MatrixItem::Formula(formula) => {
                let function = add_function(checker, formula, scope, Some(id));
                checker.decls.functions[function.0 as usize].is_instance = true;
                let name = formula.name;
                if let Some(&earlier) = checker.decls.types[id.0 as usize].methods.get(&name.name) {
                    let earlier = checker.decls.functions[earlier.0 as usize].ast.name.span;
                    already_declared(checker, name, earlier);
                } else if METHODS.contains(&name.name.as_str()) {
                    let message = format!("'{}' is already declared", name.name);
                    checker.report(Diagnostic::new(Code::E0402, name.span, message).label("every matrix has it"));
                } else {
                    checker.decls.types[id.0 as usize].methods.insert(name.name, function);
                }
            }
        }
    }
    checker.decls.types[id.0 as usize].matrix = Some(matrix);
}

fn twice(checker: &mut Checker, name: &str, span: Span, earlier: Span) {
    already_declared(checker, ast::Ident { name: Symbol::new(name), span }, earlier);
}

/// E0902; a wrong size counts as one cell, so that the rest is checked.
fn size(checker: &mut Checker, decl: &MatrixDecl) -> GridSize {
    let mut dimension = |expr: &AstExpr| match constant(expr) {
        Some(value) if value > 0 => Some(value),
        found => {
            let label = match found {
                Some(value) => format!("{value} is not positive"),
                None => "not a constant integer expression".to_owned(),
            };
            checker.report(Diagnostic::new(Code::E0902, expr.span, "Invalid matrix dimensions").label(label));
            None
        }
    };
    let width = dimension(&decl.width);
    let height = decl.height.as_ref().map_or(Some(1), &mut dimension);
    let (Some(width), Some(height)) = (width, height) else { return GridSize { width: 1, height: 1 } };
    if width.checked_mul(height).is_none_or(|cells| cells > MOST_CELLS) {
        let diagnostic = Diagnostic::new(Code::E0902, decl.width.span, "Invalid matrix dimensions")
            .label(format!("a matrix has at most {MOST_CELLS} cells"));
        checker.report(diagnostic);
        return GridSize { width: 1, height: 1 };
    }
    GridSize { width, height }
}

/// Integer literals with the operators of int.
fn constant(expr: &AstExpr) -> Option<i64> {
    match &expr.kind {
        Ast::Int(ast::IntLiteral::Decimal(value)) => i64::try_from(*value).ok(),
        Ast::Int(ast::IntLiteral::Pattern(bits)) => Some(*bits as i64),
        Ast::Group(inner) => constant(inner),
        Ast::Unary { op: UnaryOp::Negate, operand, .. } => constant(operand)?.checked_neg(),
        Ast::Binary { op, left, right, .. } => {
            let (left, right) = (constant(left)?, constant(right)?);
            match op {
                BinaryOp::Add => left.checked_add(right),
                BinaryOp::Subtract => left.checked_sub(right),
                BinaryOp::Multiply => left.checked_mul(right),
                BinaryOp::Divide => left.checked_div(right),
                BinaryOp::Remainder => left.checked_rem(right),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The cell type; E0903 comes when all types have their members.
pub(crate) fn lower_cell(checker: &mut Checker, index: usize) {
    let declared = &checker.decls.types[index];
    let scope = declared.scope;
    let Some(written) = declared.matrix.as_ref().and_then(|matrix| written_cell(matrix.ast)) else { return };
    let cell = checker.lower_type(written, scope, &Vec::new());
    if let Some(matrix) = &mut checker.decls.types[index].matrix {
        matrix.cell = cell;
    }
}

fn written_cell(decl: &MatrixDecl) -> Option<&ast::TypeExpr> {
    decl.items.iter().find_map(|item| match item {
        MatrixItem::CellType(ty) => Some(ty),
        _ => None,
    })
}

/// E0903.
pub(crate) fn check_cells(checker: &mut Checker) {
    for index in 0..checker.decls.types.len() {
        let Some(matrix) = &checker.decls.types[index].matrix else { continue };
        let (cell, written) = (matrix.cell, written_cell(matrix.ast));
        if let Some(written) = written
            && !checker.has_zero(cell)
        {
            let name = types::display::type_name(&checker.types, cell);
            let message = format!("Cell type '{name}' has no zero value");
            checker.error(Code::E0903, written.span, message);
        }
    }
}

/// What a formula of a matrix, or its `init`, yields to its caller: the matrix, or the cell. E0904.
pub(crate) fn formula_result(checker: &mut Checker, function: FnId, declared: Option<TypeId>) -> Option<TypeId> {
    let facts = &checker.decls.functions[function.0 as usize];
    let (owner, formula, is_instance) = (facts.owner?, facts.ast, facts.is_instance);
    let cell = checker.decls.types[owner.0 as usize].matrix.as_ref()?.cell;
    if let (Some(found), Some(written)) = (declared, &formula.result)
        && found != cell
        && found != types::UNKNOWN
        && cell != types::UNKNOWN
    {
        let wanted = types::display::type_name(&checker.types, cell);
        let message = format!("Matrix formula '{}' must return {wanted}", formula.name.name);
        let diagnostic = Diagnostic::new(Code::E0904, written.span, message)
            .note("a formula yields the new value of one cell; without '->' it has the type of the cells");
        checker.report(diagnostic);
        // What it returns would be another type once more.
        checker.decls.functions[function.0 as usize].faulty = true;
    }
    Some(if is_instance { checker.user_type(owner, Vec::new()) } else { cell })
}

impl Checker<'_> {
    /// The matrix that this function is a formula of.
    pub(crate) fn matrix_of_formula(&self, function: FnId) -> Option<(DeclId, &Matrix<'_>)> {
        let function = &self.decls.functions[function.0 as usize];
        let owner = function.owner.filter(|_| function.is_instance)?;
        self.decls.types[owner.0 as usize].matrix.as_ref().map(|matrix| (owner, matrix))
    }

    /// The result type that a body returns.
    pub(crate) fn body_result(&self, function: FnId) -> Option<TypeId> {
        let declared = self.decls.functions[function.0 as usize].result;
        self.matrix_of_formula(function).map_or(declared, |(_, matrix)| Some(matrix.cell))
    }
}

/// The function that makes the next grid, with the formula that makes a cell: it takes the old grid, x, y, and the
/// arguments.
pub(crate) fn grid_function(cell: FuncId, formula: &ir::Function, grid: TypeId) -> ir::Function {
    let span = formula.span;
    let params: Vec<ir::Local> = formula
        .params
        .iter()
        .enumerate()
        .filter(|(position, _)| !matches!(position, 1 | 2))
        .map(|(_, local)| formula.locals[local.0 as usize].clone())
        .collect();
    let read = |(index, local): (usize, &ir::Local)| make(ExprKind::Local(LocalId(index as u32)), local.ty, span);
    let mut values = params.iter().enumerate().map(read);
    let Some(matrix) = values.next() else { crate::bug!("a formula of a matrix without the matrix") };
    let kind = ExprKind::NextGrid { matrix: Box::new(matrix), cell, args: values.collect(), parallel: false };
    let next = make(kind, grid, span);
    ir::Function {
        name: formula.name.clone(),
        kind: formula.kind,
        isolated: false,
        params: (0..params.len() as u32).map(LocalId).collect(),
        captures: Vec::new(),
        locals: params,
        result: Some(grid),
        body: vec![ir::Stmt { kind: StmtKind::Return(Some(next)), span }],
        span,
    }
}
