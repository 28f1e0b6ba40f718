//! The state of elaborating one function body.
//!
//! In: a declaration with its type arguments. Out: methods for all files that elaborate constructs.
//! Deliberately not here: the constructs.

use super::Checker;
use super::decls::{FnId, ScopeId, TypeParam};
use super::fast_map::FastMap;
use super::moves::{Moved, OpenLoop};
use super::stmt::LastCall;
use super::types::TypeEnv;
use super::unify::Variable;
use crate::diagnostics::{Code, Diagnostic, Severity};
use crate::ir::{self, Expr, ExprKind, FuncId, LocalId};
use crate::source::{Span, Symbol};
use crate::types::{self, DeclId, FunctionKind, Type, TypeId};

/// One function body with the lambdas in it; they share scopes and inference variables.
pub(crate) struct Body<'c, 'a> {
    pub(crate) c: &'c mut Checker<'a>,
    pub(crate) function: FnId,
    pub(crate) scope: ScopeId,
    pub(crate) env: TypeEnv,
    /// The declaration's type parameters; in the generic check values have these types.
    pub(crate) type_params: Vec<TypeParam>,
    pub(crate) generic: bool,
    /// For notes: `heavier<int>`, and the call that asked for it.
    pub(crate) instance: Option<(String, Span)>,
    /// How deep instantiations are nested here.
    pub(crate) depth: u32,
    pub(crate) owner: Option<DeclId>,
    pub(crate) self_ty: Option<TypeId>,
    pub(crate) vars: Vec<Variable>,
    pub(crate) frames: Vec<Frame>,
    pub(crate) names: FastMap<Symbol, Binding>,
    pub(crate) undo: Vec<(Symbol, Option<Binding>)>,
    pub(crate) block: u32,
    pub(crate) blocks: u32,
    /// The source text in which a variable that is declared now has its name.
    pub(crate) region: Span,
    /// The statement that is being elaborated.
    pub(crate) statement: Span,
    /// Instantiations whose type arguments are known at the end only.
    pub(crate) deferred: Vec<Deferred>,
    pub(crate) lambdas: Vec<(FuncId, ir::Function)>,
    /// Variables of the innermost frame that must not be read, with the place of the move.
    pub(crate) moved: Moved,
    /// Key types of literals and calls, for E0311 once they are known.
    pub(crate) key_checks: Vec<(TypeId, Span)>,
    /// Values sent to tasks, for E0708 once their types are known.
    pub(crate) send_checks: Vec<super::handles::SendCheck>,
    /// Channels and cells, and types whose values are compared by cells, likewise.
    pub(crate) shared_checks: Vec<(TypeId, Span)>,
    /// Variables of cycles, for E0607 likewise.
    pub(crate) cycle_checks: Vec<(TypeId, crate::ast::Ident)>,
    /// Values that become json, for E0901 likewise.
    pub(crate) json_checks: Vec<(TypeId, Span)>,
    /// Type arguments of user types, for E0810 once they are known.
    pub(crate) bound_checks: Vec<(DeclId, Vec<TypeId>, Span)>,
    /// What the call elaborated last was, for the warnings about unused results.
    pub(crate) last_call: LastCall,
    /// While the call of a foreign case is elaborated: the parts of variables that it writes are stored by who asked.
    pub(crate) case_parts: Option<OutParts<'a>>,
    /// Operands directly left of a `??` that is being elaborated.
    pub(crate) before_coalesce: Vec<Span>,
}

/// Parts of variables that a call of C writes, and the local that C writes instead.
pub(crate) type OutParts<'a> = Vec<(&'a crate::ast::Expr, LocalId)>;

/// The function itself, or a lambda.
pub(crate) struct Frame {
    pub(crate) kind: FunctionKind,
    /// As messages name it.
    pub(crate) name: Symbol,
    pub(crate) is_lambda: bool,
    pub(crate) locals: Vec<ir::Local>,
    pub(crate) infos: Vec<LocalInfo>,
    pub(crate) params: Vec<LocalId>,
    /// Local of the frame outside, local of this one.
    pub(crate) captures: Vec<(LocalId, LocalId)>,
    pub(crate) result: Option<TypeId>,
    /// Loops open at this point.
    pub(crate) loops: Vec<OpenLoop>,
    /// What has been moved in each open `within` body: all of it may have been when the body is cancelled.
    pub(crate) withins: Vec<Moved>,
    /// Variables bound to lambdas that capture a handle.
    pub(crate) handle_closures: Vec<LocalId>,
    /// What fair selects remember: 0 at first.
    pub(crate) select_memories: Vec<LocalId>,
    pub(crate) cycles: Vec<super::cycle::OpenCycle>,
}

pub(crate) struct LocalInfo {
    pub(crate) span: Span,
    pub(crate) is_const: bool,
    /// Number of loops open where it was declared.
    pub(crate) loop_depth: u32,
}

/// A visible variable.
#[derive(Clone, Copy)]
pub(crate) struct Binding {
    pub(crate) frame: u32,
    pub(crate) local: LocalId,
    pub(crate) block: u32,
}

pub(crate) struct Deferred {
    pub(crate) function: FnId,
    pub(crate) args: Vec<TypeId>,
    pub(crate) span: Span,
}

/// Function ids from here on index `Body::deferred`.
pub(crate) const DEFERRED: u32 = 0x8000_0000;

impl<'a> Body<'_, 'a> {
    pub(crate) fn report(&mut self, mut diagnostic: Diagnostic) {
        if let Some((instance, call)) = &self.instance {
            // The generic check has said it.
            if diagnostic.severity() == Severity::Warning {
                return;
            }
            diagnostic =
                diagnostic.secondary(*call, "instantiated by this").note(format!("in the instance {instance}"));
        }
        self.c.report(diagnostic);
    }

    pub(crate) fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.report(Diagnostic::new(code, span, message));
    }

    pub(crate) fn unsupported(&mut self, span: Span, what: &str) -> Expr {
        self.error(Code::E0001, span, format!("Not supported by this version: {what}"));
        unknown(span)
    }

    /// The name of a type for messages, with what inference knows.
    pub(crate) fn type_name(&mut self, ty: TypeId) -> String {
        let ty = self.resolve(ty);
        types::display::type_name(&self.c.types, ty)
    }

    /// The names of two types that do not fit; with their modules where the bare names are equal.
    pub(crate) fn type_names(&mut self, left: TypeId, right: TypeId) -> (String, String) {
        let (first, second) = (self.type_name(left), self.type_name(right));
        if first != second || self.resolve(left) == self.resolve(right) {
            return (first, second);
        }
        (self.qualified(left, first), self.qualified(right, second))
    }

    fn qualified(&mut self, ty: TypeId, name: String) -> String {
        let module = match *self.shape(ty) {
            Type::Handle(library) => library.map(|id| self.c.sources.libraries[id.0 as usize].name),
            Type::User { decl, .. } => {
                let unit = self.c.unit_of(self.c.decls.types[decl.0 as usize].scope);
                Some(self.c.sources.units[unit.0 as usize].name)
            }
            _ => None,
        };
        module.map_or_else(|| name.clone(), |module| format!("{module}.{name}"))
    }

    pub(crate) fn frame(&mut self) -> &mut Frame {
        match self.frames.last_mut() {
            Some(frame) => frame,
            None => crate::bug!("a body without frame"),
        }
    }

    pub(crate) fn in_formula(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.kind == FunctionKind::Formula)
    }

    /// A fresh local of the innermost frame without a name in scope.
    pub(crate) fn temp(&mut self, ty: TypeId, span: Span) -> LocalId {
        let name = self.c.names.temp;
        self.add_local(name, ty, span, true)
    }

    pub(crate) fn add_local(&mut self, name: Symbol, ty: TypeId, span: Span, is_const: bool) -> LocalId {
        let scope = (!name.as_str().starts_with('$')).then_some(self.region);
        let frame = self.frame();
        let id = LocalId(frame.locals.len() as u32);
        let loop_depth = frame.loops.len() as u32;
        frame.locals.push(ir::Local { name, ty, scope });
        frame.infos.push(LocalInfo { span, is_const, loop_depth });
        id
    }

    pub(crate) fn local_type(&self, local: LocalId) -> TypeId {
        match self.frames.last() {
            Some(frame) => frame.locals[local.0 as usize].ty,
            None => crate::bug!("a body without frame"),
        }
    }

    pub(crate) fn local_expr(&self, local: LocalId, span: Span) -> Expr {
        Expr { kind: ExprKind::Local(local), ty: Some(self.local_type(local)), span }
    }

    /// Stores a value in a fresh temporary; reading locals and constants needs none.
    pub(crate) fn to_temp(&mut self, value: Expr, out: &mut ir::Block) -> Expr {
        let (span, Some(ty)) = (value.span, value.ty) else { return value };
        if matches!(value.kind, ExprKind::Local(_) | ExprKind::Int(_) | ExprKind::Bool(_)) {
            return value;
        }
        let local = self.temp(ty, span);
        out.push(assign(local, value));
        self.local_expr(local, span)
    }

    pub(crate) fn new_func_id(&mut self) -> FuncId {
        // The generic check makes no code.
        if self.generic { FuncId(DEFERRED) } else { self.c.instances.reserve() }
    }
}

/// The value of an expression with an error in it.
pub(crate) fn unknown(span: Span) -> Expr {
    Expr { kind: ExprKind::Zero, ty: Some(types::UNKNOWN), span }
}

pub(crate) fn make(kind: ExprKind, ty: TypeId, span: Span) -> Expr {
    Expr { kind, ty: Some(ty), span }
}

pub(crate) fn assign(local: LocalId, value: Expr) -> ir::Stmt {
    let span = value.span;
    ir::Stmt { kind: ir::StmtKind::Assign { local, value }, span }
}

/// A copy of an expression that reads a local or is a constant.
pub(crate) fn copy(expr: &Expr) -> Expr {
    let kind = match &expr.kind {
        ExprKind::Local(local) => ExprKind::Local(*local),
        ExprKind::Int(value) => ExprKind::Int(*value),
        ExprKind::Bool(value) => ExprKind::Bool(*value),
        ExprKind::Payload { base, case, field } => {
            ExprKind::Payload { base: Box::new(copy(base)), case: *case, field: *field }
        }
        ExprKind::Field { base, index } => ExprKind::Field { base: Box::new(copy(base)), index: *index },
        ExprKind::UnwrapUnchecked(base) => ExprKind::UnwrapUnchecked(Box::new(copy(base))),
        ExprKind::Zero => ExprKind::Zero,
        _ => crate::bug!("copy of an expression that is no path"),
    };
    Expr { kind, ty: expr.ty, span: expr.span }
}
