// The grammar of Coex (language reference, chapter 2), in the form the parser runs.
//
// A hand-written lexer (src/parse/lexer.rs) and one pass over its tokens (src/parse/rewrite/) stand in front of it. They
// resolve what depends on context, so that every decision here needs one token only (a test reads decisions.json):
//
//   SEP             any mixture of line ends and semicolons that separates something; none before CLOSE or 'else'
//   OPEN            the ':' that opens a block; ':' is every other colon but the ternary's
//   TERNARY         the ':' of  c ? a : b
//   CLOSE           '~' or 'end'
//   ELSE_IF         an 'else' directly followed by 'if'
//   LABEL           a name that directly follows '(' or ',' and stands before ':'
//   WORD            a reserved word that serves as a member name, a label or a key
//   POSITION        the digits of a tuple position
//   TRAILING        a comma directly before a closing bracket
//   LESS_T GREATER_T   the '<' and '>' of type arguments and type parameters
//   OPTIONAL        the '?' of an optional type
//   DOT_T           the '.' between a module and its type
//   STRAY           characters that begin no token; nothing allows it
//   CYCLE, OUT, ... the contextual keywords, where they are keywords
//
// Precedence is not in the grammar: `expr` is a flat list of operands and operators, and src/parse/build_ast/operators.rs
// gives it its structure. What is too fine for one token of lookahead is checked there as well, and reported as E0201.
grammar Coex;

tokens {
    SEP, OPEN, TERNARY, CLOSE, ELSE_IF, LABEL, WORD, POSITION, TRAILING, LESS_T, GREATER_T, OPTIONAL, DOT_T,
    TRIPLE, REGISTER,
    IDENT, INT, HEX, BIN, FLOAT, STRING, STRAY,
    CYCLE, OUT, FAIR, RANDOM, PRIORITY, TIMEOUT, REPLACE, WITH, PRINTING, DEBUGGING, ON, OFF
}

// ---- File and declarations

file : (header SEP)* (topdecl SEP?)* EOF ;

header
    : 'import' (IDENT | STRING) ('as' IDENT)?
    | REPLACE IDENT WITH IDENT ('.' (IDENT | WORD))+
    | (PRINTING | DEBUGGING) (ON | OFF)?
    ;

topdecl
    : annotation* (function | externDecl | typeDecl | traitDecl | matrixDecl)
    | globalBinding
    ;

// Reported as E0401.
globalBinding : 'const'? IDENT (':' type)? ('=' | ':=') (expr | forLoop) ;

annotation : '@' IDENT ('(' STRING ')')? ;

function : ('formula' | 'task' | 'func') IDENT signature body CLOSE ;

signature  : typeParams? '(' methodParams? ')' ('->' type)? ;
typeParams : LESS_T typeParam (',' typeParam)* TRAILING? GREATER_T ;
typeParam  : IDENT (':' IDENT ('+' IDENT)*)? ;
methodParams : 'self' (',' params)? | params ;
params     : param (',' param)* TRAILING? ;
param      : '_'? (IDENT | LABEL) ':' type ;

externDecl  : 'extern' IDENT '(' (externParam (',' externParam)* TRAILING?)? ')' ('->' type)? CLOSE ;
externParam : LABEL ':' OUT? type ;

typeDecl : 'type' IDENT typeParams? OPEN (member (SEP member)*)? CLOSE ;
member
    : annotation* ((IDENT | WORD) ':' type | method)
    | 'case' IDENT ('(' field (',' field)* TRAILING? ')')?
    ;
method : ('formula' | 'task' | 'func') (IDENT | WORD) signature body CLOSE ;
field  : (LABEL | WORD) ':' type ;

traitDecl : 'trait' IDENT typeParams? OPEN (traitItem (SEP traitItem)*)? CLOSE ;
traitItem : ('formula' | 'task' | 'func') (IDENT | WORD) signature ;

matrixDecl : 'matrix' IDENT '[' expr (',' expr)? ']' OPEN (matrixItem (SEP matrixItem)*)? CLOSE ;
matrixItem
    : 'type' ':' type
    | IDENT ':' expr                                             // the name is `init`
    | 'formula' (IDENT | WORD) signature body CLOSE
    ;

// ---- Statements

body : ((OPEN | SEP) (stmt (SEP stmt)*)?)? ;

stmt
    : 'const' (IDENT (':' type)? | unpack) ('=' | ':=') (expr | forLoop)
    | expr ((':' type)? ('=' | ':=') (expr | forLoop) | ('+=' | '-=' | '*=' | '/=' | '%=') expr)?
    | 'return' expr?
    | 'if' expr body (ELSE_IF 'if' expr body)* ('else' body)? CLOSE
    | forLoop
    | 'while' expr CYCLE? body CLOSE
    | 'match' expr (OPEN | SEP)? (matchArm SEP?)* CLOSE
    | 'select' (FAIR | RANDOM | PRIORITY)? (TIMEOUT expr)? (OPEN | SEP)? (selectArm SEP?)* ('else' body)? CLOSE
    | 'within' expr body ('else' body)? CLOSE
    | 'break'
    | 'continue'
    ;

forLoop   : 'for' binder 'in' expr body CLOSE ;
binder    : IDENT | '_' | '(' binder (',' binder)+ ')' ;
unpack    : '(' unpackName (',' unpackName)+ ')' ;
unpackName : IDENT | '_' | unpack ;

matchArm : 'case' pattern body CLOSE ;
pattern
    : '_'
    | '-'? (INT | HEX | BIN | FLOAT)
    | STRING | 'true' | 'false' | 'nil'
    | IDENT ('.' IDENT)* ('(' pattern (',' pattern)* TRAILING? ')')?
    | '(' pattern (',' pattern)+ ')'
    ;

// `case v <- ch`, `case r = f(…)`, and `case ResourceExhausted`.
selectArm : 'case' (IDENT | '_') (('<-' | '=') expr)? body CLOSE ;

// ---- Expressions

expr
    : ('formula' | 'task' | 'func') '(' params? ')' '=>' expr
    | operand (
        ('+' | '-' | '*' | '/' | '%' | '==' | '!=' | '<' | '>' | '<=' | '>=' | '..' | '??' | 'and' | 'or')
        operand
      )* ('?' expr (TERNARY | '!') expr)?
    ;

operand
    : ('-' | 'not' | 'await')*
      ( INT | HEX | BIN | FLOAT | STRING | 'true' | 'false' | 'nil' | '_' | 'self' | 'cell'
      | IDENT typeArgs?
      | ('int' | 'float' | 'bool' | 'string' | 'byte' | 'char' | 'atomic_int' | 'atomic_float' | 'atomic_bool') '(' expr ')'
      | 'json' '.' (IDENT | WORD) '(' args? ')'
      | '(' args ')'                                             // a tuple, or grouping
      | list
      | braces
      | irBlock
      )
      ( '.' ((IDENT | WORD) typeArgs? | POSITION)
      | '[' (expr (':' expr? | (',' expr)* TRAILING?) | ':' expr?) ']'
      | '(' args? ')'
      | 'as' type
      )*
    ;

args : ((LABEL | WORD) ':')? expr (',' ((LABEL | WORD) ':')? expr)* TRAILING? ;

list   : '[' (expr (clause+ | (',' expr)* TRAILING?))? ']' ;
braces : '{' (braceItem (clause+ | (',' braceItem)* TRAILING?))? '}' ;
braceItem : WORD ':' expr | expr (':' expr)? ;
clause : 'for' binder 'in' expr ('if' expr)? ;

// With a result register an expression, without one a statement.
irBlock : 'llvm_ir' ('(' irInput (',' irInput)* TRAILING? ')')? ('->' REGISTER ':' (IDENT | WORD))? TRIPLE ;
irInput : IDENT '->' REGISTER (':' (IDENT | WORD))? ;

// ---- Types

type
    : ( 'int' | 'float' | 'bool' | 'string' | 'byte' | 'char' | 'json' | 'atomic_int' | 'atomic_float' | 'atomic_bool'
      | IDENT (DOT_T IDENT)? typeArgs?
      | '[' type ']'
      | '(' typeItem (',' typeItem)* ')'                         // a tuple type, or grouping
      ) OPTIONAL?
    | ('formula' | 'task' | 'func') '(' (type (',' type)* TRAILING?)? ')' ('->' type | OPTIONAL)?
    ;
typeItem : ((LABEL | WORD) ':')? type ;
typeArgs : LESS_T type (',' type)* TRAILING? GREATER_T ;

// ---- Spelling of the fixed tokens; the lexer is hand-written, these rules only name them

FORMULA : 'formula' ; TASK : 'task' ; FUNC : 'func' ; EXTERN : 'extern' ; TYPE : 'type' ; TRAIT : 'trait' ;
MATRIX : 'matrix' ; IF : 'if' ; ELSE : 'else' ; FOR : 'for' ; IN : 'in' ; WHILE : 'while' ; MATCH : 'match' ;
CASE : 'case' ; SELECT : 'select' ; WITHIN : 'within' ; BREAK : 'break' ; CONTINUE : 'continue' ; RETURN : 'return' ;
AS : 'as' ; CONST : 'const' ; VAR : 'var' ; AWAIT : 'await' ; AND : 'and' ; OR : 'or' ; NOT : 'not' ; TRUE : 'true' ;
FALSE : 'false' ; NIL : 'nil' ; IMPORT : 'import' ; LLVM_IR : 'llvm_ir' ; SELF : 'self' ; CELL : 'cell' ;
T_INT : 'int' ; T_FLOAT : 'float' ; T_BOOL : 'bool' ; T_STRING : 'string' ; T_BYTE : 'byte' ; T_CHAR : 'char' ;
JSON : 'json' ; ATOMIC_INT : 'atomic_int' ; ATOMIC_FLOAT : 'atomic_float' ; ATOMIC_BOOL : 'atomic_bool' ;

PLUS : '+' ; MINUS : '-' ; STAR : '*' ; SLASH : '/' ; PERCENT : '%' ; EQUAL : '==' ; NOT_EQUAL : '!=' ; LESS : '<' ;
GREATER : '>' ; LESS_EQUAL : '<=' ; GREATER_EQUAL : '>=' ; ASSIGN : '=' ; MOVE : ':=' ; PLUS_ASSIGN : '+=' ;
MINUS_ASSIGN : '-=' ; STAR_ASSIGN : '*=' ; SLASH_ASSIGN : '/=' ; PERCENT_ASSIGN : '%=' ; ARROW : '->' ;
FAT_ARROW : '=>' ; LEFT_ARROW : '<-' ; RANGE : '..' ; COALESCE : '??' ; QUESTION : '?' ; BANG : '!' ; DOT : '.' ;
COMMA : ',' ; COLON : ':' ; AT : '@' ; UNDERSCORE : '_' ; LPAREN : '(' ; RPAREN : ')' ; LBRACKET : '[' ;
RBRACKET : ']' ; LBRACE : '{' ; RBRACE : '}' ;
