//! Tokens and their kinds.
//!
//! In: nothing. Out: [`Token`], the kinds of the grammar as bytes, and classes of kinds.
//! Deliberately not here: finding tokens in a text.

use super::generated::coex_parser as grammar;

/// Twelve bytes; the text is looked up by its range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Token {
    pub kind: u8,
    /// A line end stands between the token before and this one.
    pub newline: bool,
    pub start: u32,
    pub end: u32,
}

macro_rules! kinds {
    ($($name:ident)*) => {
        /// The token types of the generated parser.
        pub(super) mod kind {
            $(pub(in crate::parse) const $name: u8 = super::grammar::$name as u8;)*
            /// The lexer's `;`; `rewrite` turns it into `SEP`.
            pub(in crate::parse) const SEMICOLON: u8 = 250;
            /// A colon of type parameters; `rewrite` turns it into `COLON` without interpreting it.
            pub(in crate::parse) const COLON_T: u8 = 251;
            pub(in crate::parse) const EOF: u8 = 255;
        }
    };
}

kinds! {
    SEP OPEN TERNARY CLOSE ELSE_IF LABEL WORD POSITION TRAILING LESS_T GREATER_T OPTIONAL DOT_T TRIPLE REGISTER
    IDENT INT HEX BIN FLOAT STRING STRAY CYCLE OUT FAIR RANDOM PRIORITY TIMEOUT REPLACE WITH PRINTING DEBUGGING ON OFF
    FORMULA TASK FUNC EXTERN TYPE TRAIT MATRIX IF ELSE FOR IN WHILE MATCH CASE SELECT WITHIN BREAK CONTINUE RETURN
    AS CONST VAR AWAIT AND OR NOT TRUE FALSE NIL IMPORT LLVM_IR SELF CELL T_INT T_FLOAT T_BOOL T_STRING T_BYTE T_CHAR
    JSON ATOMIC_INT ATOMIC_FLOAT ATOMIC_BOOL PLUS MINUS STAR SLASH PERCENT EQUAL NOT_EQUAL LESS GREATER LESS_EQUAL
    GREATER_EQUAL ASSIGN MOVE PLUS_ASSIGN MINUS_ASSIGN STAR_ASSIGN SLASH_ASSIGN PERCENT_ASSIGN ARROW FAT_ARROW
    LEFT_ARROW RANGE COALESCE QUESTION BANG DOT COMMA COLON AT UNDERSCORE LPAREN RPAREN LBRACKET RBRACKET LBRACE RBRACE
}

/// The kind of a word: a reserved one, `_`, or `IDENT`.
pub(super) fn keyword(word: &[u8]) -> u8 {
    if word.len() > 12 || !matches!(word[0], b'a'..=b'z' | b'_') {
        return kind::IDENT;
    }
    match word[0] {
        b'a' => match word {
            b"as" => kind::AS,
            b"and" => kind::AND,
            b"await" => kind::AWAIT,
            b"atomic_int" => kind::ATOMIC_INT,
            b"atomic_float" => kind::ATOMIC_FLOAT,
            b"atomic_bool" => kind::ATOMIC_BOOL,
            _ => kind::IDENT,
        },
        b'b' => match word {
            b"bool" => kind::T_BOOL,
            b"byte" => kind::T_BYTE,
            b"break" => kind::BREAK,
            _ => kind::IDENT,
        },
        b'c' => match word {
            b"case" => kind::CASE,
            b"cell" => kind::CELL,
            b"char" => kind::T_CHAR,
            b"const" => kind::CONST,
            b"continue" => kind::CONTINUE,
            _ => kind::IDENT,
        },
        b'e' => match word {
            b"end" => kind::CLOSE,
            b"else" => kind::ELSE,
            b"extern" => kind::EXTERN,
            _ => kind::IDENT,
        },
        b'f' => match word {
            b"for" => kind::FOR,
            b"func" => kind::FUNC,
            b"false" => kind::FALSE,
            b"float" => kind::T_FLOAT,
            b"formula" => kind::FORMULA,
            _ => kind::IDENT,
        },
        b'i' => match word {
            b"if" => kind::IF,
            b"in" => kind::IN,
            b"int" => kind::T_INT,
            b"import" => kind::IMPORT,
            _ => kind::IDENT,
        },
        b'm' => match word {
            b"match" => kind::MATCH,
            b"matrix" => kind::MATRIX,
            _ => kind::IDENT,
        },
        b'n' => match word {
            b"not" => kind::NOT,
            b"nil" => kind::NIL,
            _ => kind::IDENT,
        },
        b's' => match word {
            b"self" => kind::SELF,
            b"string" => kind::T_STRING,
            b"select" => kind::SELECT,
            _ => kind::IDENT,
        },
        b't' => match word {
            b"type" => kind::TYPE,
            b"task" => kind::TASK,
            b"true" => kind::TRUE,
            b"trait" => kind::TRAIT,
            _ => kind::IDENT,
        },
        b'w' => match word {
            b"while" => kind::WHILE,
            b"within" => kind::WITHIN,
            _ => kind::IDENT,
        },
        _ => match word {
            b"_" => kind::UNDERSCORE,
            b"json" => kind::JSON,
            b"llvm_ir" => kind::LLVM_IR,
            b"or" => kind::OR,
            b"return" => kind::RETURN,
            b"var" => kind::VAR,
            _ => kind::IDENT,
        },
    }
}

/// A set of kinds that is tested with one shift.
#[derive(Clone, Copy)]
pub(super) struct KindSet([u64; 2]);

impl KindSet {
    pub(super) const fn new(kinds: &[u8]) -> KindSet {
        let mut bits = [0; 2];
        let mut index = 0;
        while index < kinds.len() {
            bits[(kinds[index] / 64) as usize] |= 1 << (kinds[index] % 64);
            index += 1;
        }
        KindSet(bits)
    }

    pub(super) const fn contains(self, kind: u8) -> bool {
        kind < 128 && self.0[(kind / 64) as usize] >> (kind % 64) & 1 == 1
    }
}

/// `formula`, `task`, `func`.
pub(super) const FUNCTION_KINDS: KindSet = KindSet::new(&[kind::FORMULA, kind::TASK, kind::FUNC]);

/// Words that name a type without being identifiers.
pub(super) const PRIMITIVE_TYPES: KindSet = KindSet::new(&[
    kind::T_INT,
    kind::T_FLOAT,
    kind::T_BOOL,
    kind::T_STRING,
    kind::T_BYTE,
    kind::T_CHAR,
    kind::JSON,
    kind::ATOMIC_INT,
    kind::ATOMIC_FLOAT,
    kind::ATOMIC_BOOL,
]);

/// Every reserved word; `_` is none. `end` shares the kind of `~`, so it is asked for separately.
pub(super) const RESERVED: KindSet = KindSet::new(&[
    kind::FORMULA,
    kind::TASK,
    kind::FUNC,
    kind::EXTERN,
    kind::TYPE,
    kind::TRAIT,
    kind::MATRIX,
    kind::IF,
    kind::ELSE,
    kind::FOR,
    kind::IN,
    kind::WHILE,
    kind::MATCH,
    kind::CASE,
    kind::SELECT,
    kind::WITHIN,
    kind::BREAK,
    kind::CONTINUE,
    kind::RETURN,
    kind::AS,
    kind::CONST,
    kind::VAR,
    kind::AWAIT,
    kind::AND,
    kind::OR,
    kind::NOT,
    kind::TRUE,
    kind::FALSE,
    kind::NIL,
    kind::IMPORT,
    kind::LLVM_IR,
    kind::SELF,
    kind::CELL,
    kind::T_INT,
    kind::T_FLOAT,
    kind::T_BOOL,
    kind::T_STRING,
    kind::T_BYTE,
    kind::T_CHAR,
    kind::JSON,
    kind::ATOMIC_INT,
    kind::ATOMIC_FLOAT,
    kind::ATOMIC_BOOL,
]);

/// A line end directly after one of these is no separator (1.2).
pub(super) const CONTINUES: KindSet = KindSet::new(&[
    kind::COMMA,
    kind::TRAILING,
    kind::ASSIGN,
    kind::MOVE,
    kind::PLUS_ASSIGN,
    kind::MINUS_ASSIGN,
    kind::STAR_ASSIGN,
    kind::SLASH_ASSIGN,
    kind::PERCENT_ASSIGN,
    kind::PLUS,
    kind::MINUS,
    kind::STAR,
    kind::SLASH,
    kind::PERCENT,
    kind::EQUAL,
    kind::NOT_EQUAL,
    kind::LESS_EQUAL,
    kind::GREATER_EQUAL,
    kind::RANGE,
    kind::COALESCE,
    kind::AND,
    kind::OR,
    kind::NOT,
    kind::ARROW,
    kind::FAT_ARROW,
    kind::LEFT_ARROW,
]);

/// Declaration keywords that end open brackets at the begin of a line (1.1).
pub(super) const DECLARATIONS: KindSet =
    KindSet::new(&[kind::FORMULA, kind::TASK, kind::FUNC, kind::EXTERN, kind::TYPE, kind::TRAIT, kind::MATRIX]);

/// Tokens with which an operand can end: a '-' behind one is binary.
pub(super) const ENDS_OPERAND: KindSet = KindSet::new(&[
    kind::IDENT,
    kind::WORD,
    kind::INT,
    kind::HEX,
    kind::BIN,
    kind::FLOAT,
    kind::STRING,
    kind::TRUE,
    kind::FALSE,
    kind::NIL,
    kind::UNDERSCORE,
    kind::SELF,
    kind::CELL,
    kind::RPAREN,
    kind::RBRACKET,
    kind::RBRACE,
    kind::POSITION,
    kind::TRIPLE,
    kind::GREATER_T,
    kind::OPTIONAL,
    kind::T_INT,
    kind::T_FLOAT,
    kind::T_BOOL,
    kind::T_STRING,
    kind::T_BYTE,
    kind::T_CHAR,
    kind::JSON,
    kind::ATOMIC_INT,
    kind::ATOMIC_FLOAT,
    kind::ATOMIC_BOOL,
]);
