//! Header lines and declarations.

use super::{Block, Expr, Ident, TypeExpr};
use crate::source::{Span, Symbol};
pub use crate::types::FunctionKind;

#[derive(Debug)]
pub enum Header {
    Import(Import),
    Replace(Replace),
    Directive(Directive),
}

/// `import name`, `import "name.cxz" as alias`.
#[derive(Debug)]
pub struct Import {
    pub target: ImportTarget,
    pub alias: Option<Ident>,
    pub span: Span,
}

#[derive(Debug)]
pub enum ImportTarget {
    Name(Ident),
    /// The text between the quotes, escapes resolved.
    Text {
        text: String,
        span: Span,
    },
}

/// `replace short with m.f`.
#[derive(Debug)]
pub struct Replace {
    pub alias: Ident,
    /// Two or more names.
    pub target: Vec<Ident>,
    pub span: Span,
}

/// `printing off`.
#[derive(Debug)]
pub struct Directive {
    pub which: DirectiveKind,
    pub on: bool,
    pub span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirectiveKind {
    Printing,
    Debugging,
}

#[derive(Debug)]
pub enum Item {
    Function(Function),
    Extern(Extern),
    Type(TypeDecl),
    Trait(TraitDecl),
    Matrix(MatrixDecl),
}

/// `@name` or `@name("text")`.
#[derive(Debug)]
pub struct Annotation {
    pub name: Ident,
    pub text: Option<(String, Span)>,
    pub span: Span,
}

/// A function, a method, or a matrix formula.
#[derive(Debug)]
pub struct Function {
    pub annotations: Vec<Annotation>,
    pub kind: FunctionKind,
    pub name: Ident,
    pub type_params: Vec<TypeParam>,
    /// The explicit leading `self` of a method.
    pub self_param: Option<Span>,
    pub params: Vec<Param>,
    pub result: Option<TypeExpr>,
    pub body: Block,
    /// The whole declaration.
    pub span: Span,
}

#[derive(Debug)]
pub struct TypeParam {
    pub name: Ident,
    pub bounds: Vec<Ident>,
}

#[derive(Debug)]
pub struct Param {
    pub name: Ident,
    /// Declared with a leading `_`.
    pub positional: bool,
    pub ty: TypeExpr,
}

#[derive(Debug)]
pub struct Extern {
    pub annotations: Vec<Annotation>,
    pub name: Ident,
    pub params: Vec<ExternParam>,
    pub result: Option<TypeExpr>,
    pub span: Span,
}

#[derive(Debug)]
pub struct ExternParam {
    pub name: Ident,
    pub out: bool,
    pub ty: TypeExpr,
}

/// `type Name: …` with fields or with cases, and methods.
#[derive(Debug)]
pub struct TypeDecl {
    pub annotations: Vec<Annotation>,
    pub name: Ident,
    pub type_params: Vec<TypeParam>,
    pub fields: Vec<Field>,
    pub cases: Vec<Case>,
    pub methods: Vec<Function>,
    pub span: Span,
}

#[derive(Debug)]
pub struct Field {
    pub annotations: Vec<Annotation>,
    pub name: Ident,
    pub ty: TypeExpr,
}

#[derive(Debug)]
pub struct Case {
    pub name: Ident,
    pub fields: Vec<(Ident, TypeExpr)>,
    pub span: Span,
}

#[derive(Debug)]
pub struct TraitDecl {
    pub name: Ident,
    pub type_params: Vec<TypeParam>,
    pub methods: Vec<Signature>,
    pub span: Span,
}

/// A method of a trait: a function without body.
#[derive(Debug)]
pub struct Signature {
    pub kind: FunctionKind,
    pub name: Ident,
    pub type_params: Vec<TypeParam>,
    pub self_param: Option<Span>,
    pub params: Vec<Param>,
    pub result: Option<TypeExpr>,
    pub span: Span,
}

#[derive(Debug)]
pub struct MatrixDecl {
    pub name: Ident,
    pub width: Expr,
    pub height: Option<Expr>,
    pub items: Vec<MatrixItem>,
    pub span: Span,
}

#[derive(Debug)]
pub enum MatrixItem {
    CellType(TypeExpr),
    /// As a formula called `init` without parameters.
    Init(Function),
    Formula(Function),
}

impl Item {
    pub fn name(&self) -> Ident {
        match self {
            Item::Function(item) => item.name,
            Item::Extern(item) => item.name,
            Item::Type(item) => item.name,
            Item::Trait(item) => item.name,
            Item::Matrix(item) => item.name,
        }
    }
}

/// The annotation called `name`, if there is one.
pub fn annotation<'a>(annotations: &'a [Annotation], name: &str) -> Option<&'a Annotation> {
    let name = Symbol::new(name);
    annotations.iter().find(|annotation| annotation.name.name == name)
}
