//! `--emit=ast`: the syntax tree as text.
//!
//! In: a module. Out: one line a declaration or statement, indented by depth; expressions in prefix form with
//! parentheses. Places are left out. Deliberately not here: anything a program could depend on.

mod expr;
mod stmt;

use std::fmt::Write as _;

use self::expr::{show_expr, show_param, show_type};
use super::*;

/// The text of a whole module.
pub fn print_module(module: &Module) -> String {
    let mut printer = Printer { out: String::new(), depth: 0 };
    for header in &module.headers {
        printer.header(header);
    }
    for item in &module.items {
        printer.item(item);
    }
    printer.out
}

struct Printer {
    out: String,
    depth: usize,
}

impl Printer {
    fn line(&mut self, text: impl AsRef<str>) {
        for _ in 0..self.depth {
            self.out.push_str("  ");
        }
        self.out.push_str(text.as_ref());
        self.out.push('\n');
    }

    fn nested(&mut self, inside: impl FnOnce(&mut Printer)) {
        self.depth += 1;
        inside(self);
        self.depth -= 1;
    }

    fn header(&mut self, header: &Header) {
        let text = match header {
            Header::Import(import) => {
                let mut text = match &import.target {
                    ImportTarget::Name(name) => format!("import {}", name.name),
                    ImportTarget::Text { text, .. } => format!("import {text:?}"),
                };
                if let Some(alias) = import.alias {
                    let _ = write!(text, " as {}", alias.name);
                }
                text
            }
            Header::Replace(replace) => format!("replace {} with {}", replace.alias.name, joined(&replace.target, ".")),
            Header::Directive(directive) => {
                let which = match directive.which {
                    DirectiveKind::Printing => "printing",
                    DirectiveKind::Debugging => "debugging",
                };
                format!("{which} {}", if directive.on { "on" } else { "off" })
            }
        };
        self.line(text);
    }

    fn item(&mut self, item: &Item) {
        match item {
            Item::Function(function) => self.function(function),
            Item::Extern(decl) => {
                self.annotations(&decl.annotations);
                let mut text = format!("extern {}", decl.name.name);
                for param in &decl.params {
                    let out = if param.out { "out " } else { "" };
                    let _ = write!(text, " ({out}{} {})", param.name.name, show_type(&param.ty));
                }
                self.line(text + &shown_result(&decl.result));
            }
            Item::Type(decl) => {
                self.annotations(&decl.annotations);
                self.line(format!("type {}{}", decl.name.name, shown_type_params(&decl.type_params)));
                self.nested(|printer| printer.members(decl));
            }
            Item::Trait(decl) => {
                self.line(format!("trait {}{}", decl.name.name, shown_type_params(&decl.type_params)));
                self.nested(|printer| {
                    for method in &decl.methods {
                        printer.line(shown_signature(
                            method.kind,
                            method.name,
                            &method.type_params,
                            method.self_param.is_some(),
                            &method.params,
                            &method.result,
                        ));
                    }
                });
            }
            Item::Matrix(decl) => self.matrix(decl),
        }
    }

    fn members(&mut self, decl: &TypeDecl) {
        for field in &decl.fields {
            self.annotations(&field.annotations);
            self.line(format!("field {} {}", field.name.name, show_type(&field.ty)));
        }
        for case in &decl.cases {
            let mut text = format!("case {}", case.name.name);
            for (name, ty) in &case.fields {
                let _ = write!(text, " ({} {})", name.name, show_type(ty));
            }
            self.line(text);
        }
        for method in &decl.methods {
            self.function(method);
        }
    }

    fn matrix(&mut self, decl: &MatrixDecl) {
        let mut text = format!("matrix {} {}", decl.name.name, show_expr(&decl.width));
        if let Some(height) = &decl.height {
            let _ = write!(text, " {}", show_expr(height));
        }
        self.line(text);
        self.nested(|printer| {
            for item in &decl.items {
                match item {
                    MatrixItem::CellType(ty) => printer.line(format!("type {}", show_type(ty))),
                    MatrixItem::Init(init) => {
                        if let [Stmt { kind: StmtKind::Return(Some(value)), .. }] = init.body.stmts.as_slice() {
                            printer.line(format!("init {}", show_expr(value)));
                        }
                    }
                    MatrixItem::Formula(formula) => printer.function(formula),
                }
            }
        });
    }

    fn annotations(&mut self, annotations: &[Annotation]) {
        for annotation in annotations {
            match &annotation.text {
                Some((text, _)) => self.line(format!("@{} {text:?}", annotation.name.name)),
                None => self.line(format!("@{}", annotation.name.name)),
            }
        }
    }

    fn function(&mut self, function: &Function) {
        self.annotations(&function.annotations);
        self.line(shown_signature(
            function.kind,
            function.name,
            &function.type_params,
            function.self_param.is_some(),
            &function.params,
            &function.result,
        ));
        self.block(&function.body);
    }
}

fn joined(names: &[Ident], separator: &str) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.name.as_str()).collect();
    names.join(separator)
}

fn shown_result(result: &Option<TypeExpr>) -> String {
    result.as_ref().map_or(String::new(), |ty| format!(" -> {}", show_type(ty)))
}

fn shown_type_params(params: &[TypeParam]) -> String {
    let shown = params.iter().map(|param| {
        let bounds =
            if param.bounds.is_empty() { String::new() } else { format!(": {}", joined(&param.bounds, " + ")) };
        format!("{}{bounds}", param.name.name)
    });
    if params.is_empty() { String::new() } else { format!("<{}>", shown.collect::<Vec<_>>().join(", ")) }
}

fn shown_signature(
    kind: FunctionKind,
    name: Ident,
    type_params: &[TypeParam],
    has_self: bool,
    params: &[Param],
    result: &Option<TypeExpr>,
) -> String {
    let mut text = format!("{} {}{}", kind.as_str(), name.name, shown_type_params(type_params));
    if has_self {
        text.push_str(" self");
    }
    for param in params {
        let _ = write!(text, " {}", show_param(param));
    }
    text + &shown_result(result)
}
