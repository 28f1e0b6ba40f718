//! Header lines and declarations.
//!
//! In: `header` and `topdecl` rules. Out: headers and items. Deliberately not here: names that are declared twice.

use super::{Builder, Cursor, Rule, grammar};
use crate::ast::*;
use crate::diagnostics::{Code, Diagnostic};
use crate::parse::token::{Token, kind};

/// Name, type parameters, parameters and result.
struct Signed {
    name: Ident,
    type_params: Vec<TypeParam>,
    self_param: Option<crate::source::Span>,
    params: Vec<Param>,
    result: Option<TypeExpr>,
}

impl Builder<'_> {
    pub(super) fn header(&mut self, rule: Rule<'_>) -> Option<Header> {
        let span = self.rule_span(rule);
        let mut children = self.cursor(rule);
        let first = children.token();
        Some(match first.kind {
            kind::IMPORT => {
                let token = children.token();
                let target = if token.kind == kind::STRING {
                    ImportTarget::Text { text: self.string(token), span: self.span(token) }
                } else {
                    ImportTarget::Name(self.ident(token))
                };
                let alias = children.eat(kind::AS).map(|_| self.ident(children.token()));
                Header::Import(Import { target, alias, span })
            }
            kind::REPLACE => {
                let alias = self.ident(children.token());
                children.eat(kind::WITH);
                let mut target = vec![self.ident(children.token())];
                while children.eat(kind::DOT).is_some() {
                    target.push(self.ident(children.token()));
                }
                Header::Replace(Replace { alias, target, span })
            }
            _ => {
                let which =
                    if first.kind == kind::PRINTING { DirectiveKind::Printing } else { DirectiveKind::Debugging };
                Header::Directive(Directive { which, on: children.eat(kind::OFF).is_none(), span })
            }
        })
    }

    pub(super) fn topdecl(&mut self, rule: Rule<'_>) -> Option<Item> {
        let mut children = self.cursor(rule);
        let annotations = self.annotations(&mut children);
        let decl = children.next_node()?.as_rule()?;
        Some(match decl.rule_index() {
            grammar::RULE_FUNCTION => Item::Function(self.function(decl, annotations)),
            grammar::RULE_EXTERN_DECL => Item::Extern(self.extern_decl(decl, annotations)),
            grammar::RULE_TYPE_DECL => Item::Type(self.type_decl(decl, annotations)),
            grammar::RULE_TRAIT_DECL => {
                self.refuse_annotations(&annotations, "a trait");
                Item::Trait(self.trait_decl(decl))
            }
            grammar::RULE_MATRIX_DECL => {
                self.refuse_annotations(&annotations, "a matrix");
                Item::Matrix(self.matrix_decl(decl))
            }
            _ => {
                self.diagnostics.push(
                    Diagnostic::new(Code::E0401, self.rule_span(decl), "Global variables are not allowed")
                        .label("only declarations stand at the top level")
                        .help("write a formula that returns the value, and call it"),
                );
                return None;
            }
        })
    }

    fn annotations(&mut self, children: &mut Cursor<'_, '_>) -> Vec<Annotation> {
        let mut annotations = Vec::new();
        while let Some(rule) = children.eat_rule(grammar::RULE_ANNOTATION) {
            let mut parts = self.cursor(rule);
            parts.eat(kind::AT);
            let name = self.ident(parts.token());
            let text = parts.eat(kind::LPAREN).map(|_| {
                let token = parts.token();
                (self.string(token), self.span(token))
            });
            annotations.push(Annotation { name, text, span: self.rule_span(rule) });
        }
        annotations
    }

    fn refuse_annotations(&mut self, annotations: &[Annotation], what: &str) {
        if let Some(annotation) = annotations.first() {
            let token =
                Token { kind: kind::AT, newline: false, start: annotation.span.start, end: annotation.span.start + 1 };
            self.unexpected(token, format!("{what} takes no annotations"));
        }
    }

    /// `signature` behind the name.
    fn signed(&mut self, name: Token, rule: Option<Rule<'_>>) -> Signed {
        let mut signed = Signed {
            name: self.ident(name),
            type_params: Vec::new(),
            self_param: None,
            params: Vec::new(),
            result: None,
        };
        let Some(rule) = rule else { return signed };
        let mut children = self.cursor(rule);
        if let Some(params) = children.eat_rule(grammar::RULE_TYPE_PARAMS) {
            signed.type_params = self.type_params(params);
        }
        children.eat(kind::LPAREN);
        if let Some(params) = children.eat_rule(grammar::RULE_METHOD_PARAMS) {
            let mut parts = self.cursor(params);
            signed.self_param = parts.eat(kind::SELF).map(|token| self.span(token));
            parts.eat(kind::COMMA);
            if let Some(list) = parts.eat_rule(grammar::RULE_PARAMS) {
                signed.params = self.params(list);
            }
        }
        children.eat(kind::RPAREN);
        signed.result = self.result(&mut children);
        signed
    }

    fn result(&mut self, children: &mut Cursor<'_, '_>) -> Option<TypeExpr> {
        children.eat(kind::ARROW)?;
        Some(self.some_type(children.eat_rule(grammar::RULE_TYPE)))
    }

    fn type_params(&mut self, rule: Rule<'_>) -> Vec<TypeParam> {
        let mut children = self.cursor(rule);
        let mut params = Vec::new();
        while let Some(param) = children.find_rule(grammar::RULE_TYPE_PARAM) {
            let mut parts = self.cursor(param);
            let name = self.ident(parts.token());
            let mut bounds = Vec::new();
            while !parts.is_at_end() {
                parts.token();
                bounds.push(self.ident(parts.token()));
            }
            params.push(TypeParam { name, bounds });
        }
        params
    }

    pub(super) fn params(&mut self, rule: Rule<'_>) -> Vec<Param> {
        let mut children = self.cursor(rule);
        let mut params = Vec::new();
        while let Some(param) = children.find_rule(grammar::RULE_PARAM) {
            let mut parts = self.cursor(param);
            let positional = parts.eat(kind::UNDERSCORE).is_some();
            let name = self.ident(parts.token());
            parts.eat(kind::COLON);
            let ty = self.some_type(parts.eat_rule(grammar::RULE_TYPE));
            params.push(Param { name, positional, ty });
        }
        params
    }

    /// `function`, `method`, or the formula of a matrix.
    fn function(&mut self, rule: Rule<'_>, annotations: Vec<Annotation>) -> Function {
        let mut children = self.cursor(rule);
        let kind = super::ty::function_kind(children.token());
        let name = children.token();
        let signed = self.signed(name, children.eat_rule(grammar::RULE_SIGNATURE));
        if rule.rule_index() == grammar::RULE_FUNCTION
            && let Some(place) = signed.self_param
        {
            let token = Token { kind: kind::SELF, newline: false, start: place.start, end: place.end };
            self.unexpected(token, "only methods have 'self'");
        }
        let body = self.closed_body(&mut children);
        let Signed { name, type_params, self_param, params, result } = signed;
        let span = self.rule_span(rule);
        Function { annotations, kind, name, type_params, self_param, params, result, body, span }
    }

    fn extern_decl(&mut self, rule: Rule<'_>, annotations: Vec<Annotation>) -> Extern {
        let mut children = self.cursor(rule);
        children.eat(kind::EXTERN);
        let name = self.ident(children.token());
        let mut params = Vec::new();
        while !matches!(children.peek(), kind::RPAREN) && !children.is_at_end() {
            let Some(param) = children.eat_rule(grammar::RULE_EXTERN_PARAM) else {
                children.token();
                continue;
            };
            let mut parts = self.cursor(param);
            let name = self.ident(parts.token());
            parts.eat(kind::COLON);
            let out = parts.eat(kind::OUT).is_some();
            let ty = self.some_type(parts.eat_rule(grammar::RULE_TYPE));
            params.push(ExternParam { name, out, ty });
        }
        children.eat(kind::RPAREN);
        let result = self.result(&mut children);
        Extern { annotations, name, params, result, span: self.rule_span(rule) }
    }

    fn type_decl(&mut self, rule: Rule<'_>, annotations: Vec<Annotation>) -> TypeDecl {
        let mut children = self.cursor(rule);
        children.eat(kind::TYPE);
        let name = self.ident(children.token());
        let params = children.eat_rule(grammar::RULE_TYPE_PARAMS);
        let mut decl = TypeDecl {
            annotations,
            name,
            type_params: params.map_or(Vec::new(), |params| self.type_params(params)),
            fields: Vec::new(),
            cases: Vec::new(),
            methods: Vec::new(),
            span: self.rule_span(rule),
        };
        while let Some(member) = children.find_rule(grammar::RULE_MEMBER) {
            self.member(member, &mut decl);
        }
        decl
    }

    fn member(&mut self, rule: Rule<'_>, decl: &mut TypeDecl) {
        let span = self.rule_span(rule);
        let mut children = self.cursor(rule);
        if children.eat(kind::CASE).is_some() {
            let name = self.ident(children.token());
            let mut fields = Vec::new();
            while let Some(field) = children.find_rule(grammar::RULE_FIELD) {
                let mut parts = self.cursor(field);
                let name = self.ident(parts.token());
                parts.eat(kind::COLON);
                fields.push((name, self.some_type(parts.eat_rule(grammar::RULE_TYPE))));
            }
            decl.cases.push(Case { name, fields, span });
            return;
        }
        let annotations = self.annotations(&mut children);
        if let Some(method) = children.eat_rule(grammar::RULE_METHOD) {
            decl.methods.push(self.function(method, annotations));
            return;
        }
        let name = self.ident(children.token());
        children.eat(kind::COLON);
        let ty = self.some_type(children.eat_rule(grammar::RULE_TYPE));
        decl.fields.push(Field { annotations, name, ty });
    }

    fn trait_decl(&mut self, rule: Rule<'_>) -> TraitDecl {
        let mut children = self.cursor(rule);
        children.eat(kind::TRAIT);
        let name = self.ident(children.token());
        let params = children.eat_rule(grammar::RULE_TYPE_PARAMS);
        let type_params = params.map_or(Vec::new(), |params| self.type_params(params));
        let mut methods = Vec::new();
        while let Some(item) = children.find_rule(grammar::RULE_TRAIT_ITEM) {
            let mut parts = self.cursor(item);
            let kind = super::ty::function_kind(parts.token());
            let method = parts.token();
            let signed = self.signed(method, parts.eat_rule(grammar::RULE_SIGNATURE));
            let Signed { name, type_params, self_param, params, result } = signed;
            methods.push(Signature { kind, name, type_params, self_param, params, result, span: self.rule_span(item) });
        }
        TraitDecl { name, type_params, methods, span: self.rule_span(rule) }
    }

    fn matrix_decl(&mut self, rule: Rule<'_>) -> MatrixDecl {
        let mut children = self.cursor(rule);
        children.eat(kind::MATRIX);
        let name = self.ident(children.token());
        children.eat(kind::LBRACKET);
        let width = self.some_expr(children.eat_rule(grammar::RULE_EXPR));
        let height = children.eat(kind::COMMA).map(|_| self.some_expr(children.eat_rule(grammar::RULE_EXPR)));
        let mut items = Vec::new();
        while let Some(item) = children.find_rule(grammar::RULE_MATRIX_ITEM) {
            items.push(self.matrix_item(item));
        }
        MatrixDecl { name, width, height, items, span: self.rule_span(rule) }
    }

    fn matrix_item(&mut self, rule: Rule<'_>) -> MatrixItem {
        let mut children = self.cursor(rule);
        if children.peek() == kind::FORMULA {
            let formula = self.function(rule, Vec::new());
            if let Some(params) = formula.type_params.first() {
                let span = params.name.span;
                let token = Token { kind: kind::IDENT, newline: false, start: span.start, end: span.end };
                self.unexpected(token, "formulas of a matrix are not generic");
            }
            return MatrixItem::Formula(formula);
        }
        let first = children.token();
        children.eat(kind::COLON);
        if first.kind == kind::TYPE {
            return MatrixItem::CellType(self.some_type(children.eat_rule(grammar::RULE_TYPE)));
        }
        if self.text_of(first) != "init" {
            self.unexpected(first, "expected 'type', 'init' or a formula");
        }
        let value = self.some_expr(children.eat_rule(grammar::RULE_EXPR));
        let span = value.span;
        let body = Block { stmts: vec![Stmt { kind: StmtKind::Return(Some(value)), span }], span };
        MatrixItem::Init(Function {
            annotations: Vec::new(),
            kind: FunctionKind::Formula,
            name: self.ident(first),
            type_params: Vec::new(),
            self_param: None,
            params: Vec::new(),
            result: None,
            body,
            span,
        })
    }
}
