//! The registry of diagnostic codes: every code the compiler can print, with the wording of the language reference.
//!
//! In: nothing. Out: [`Code`], its severity and its pattern of wording. The longer texts of `coexc explain` are in
//! `docs/errors/`, one page a code.

use super::Severity;

macro_rules! codes {
    ($($code:ident $wording:literal)*) => {
        /// A stable diagnostic code.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum Code { $($code,)* }

        /// All codes, in order.
        pub const ALL: &[Code] = &[$(Code::$code,)*];

        impl Code {
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)* }
            }

            /// The pattern of its message; quoted words stand for the names concerned.
            pub fn wording(self) -> &'static str {
                match self { $(Code::$code => $wording,)* }
            }
        }
    };
}

impl Code {
    pub fn parse(text: &str) -> Option<Code> {
        ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(text))
    }

    pub fn severity(self) -> Severity {
        if self.as_str().starts_with('W') { Severity::Warning } else { Severity::Error }
    }
}

codes! {
    E0001 "Not supported by this version: …"
    E0101 "Source file is not valid UTF-8"
    E0102 "Unterminated block comment"
    E0103 "'var' is not used in Coex; write 'x = value'"
    E0104 "Number literal out of range"
    E0105 "Unterminated string literal"
    E0106 "Invalid escape sequence '\\q'"
    E0201 "Syntax error: unexpected 'token'"
    E0202 "Comparisons cannot be chained"
    E0203 "Bare and expression keys cannot be mixed in one literal"
    E0204 "Nesting is too deep"
    E0301 "Unknown type 'Foo'"
    E0302 "Function 'f' does not return a value"
    E0303 "Cannot infer the type of 'x'; add an annotation"
    E0304 "Literal 300 does not fit type byte"
    E0305 "Type mismatch: expected int, found float"
    E0306 "Elements have different types: int and string"
    E0307 "Cannot convert List<int> to bool"
    E0308 "Left side of '??' is never nil"
    E0309 "Functions cannot be compared"
    E0310 "Operator '+' is not defined for string and int"
    E0311 "Type 'json' cannot be a Map key or Set element"
    E0312 "Type 'string' is not a condition"
    E0401 "Global variables are not allowed"
    E0402 "'f' is already declared"
    E0403 "Program has no 'main' function"
    E0404 "'x' is already declared with type int"
    E0405 "Constant 'x' is already declared in this block"
    E0406 "Cannot reassign const 'x'"
    E0407 "Undeclared identifier 'x'"
    E0408 "Use of moved variable 'a'"
    E0501 "Exit ternary is not allowed in a lambda"
    E0502 "A range is not a value here"
    E0503 "Tuple has no item '3'"
    E0504 "Undefined method 'push' on type 'List'"
    E0505 "Undefined field 'z' on type 'Vec2'"
    E0506 "Wrong arguments for 'f': …"
    E0507 "Type 'Set' cannot be indexed"
    E0508 "Pattern has 3 parts, value has 2"
    E0509 "Extern function 'g' is not a value"
    E0510 "Unsupported LLVM type hint 'i7'"
    E0511 "Invalid LLVM IR: …"
    E0512 "Built-in 'print' is not a value; write a lambda"
    E0601 "Method 'set' of 'Grid' must return 'Grid' to allow assignment"
    E0602 "Methods cannot change 'self'; return a new value"
    E0603 "Characters of a string cannot be assigned; use slice assignment"
    E0604 "'break' outside of a loop"
    E0605 "Type 'int' cannot be iterated"
    E0606 "Body of a collecting loop must end with an expression"
    E0607 "Cycle variable 'r' has no zero value"
    E0608 "Pattern 'Some(a, b)' does not fit type 'Option'"
    E0609 "'f' has no result type but returns a value"
    E0610 "'f' must return int"
    E0611 "Missing return in 'f'"
    E0701 "Binding 'total' in formula 'f' requires const"
    E0702 "Formula 'f' cannot call func 'g'"
    E0703 "Cannot call extern function 'g' from formula function 'f'"
    E0704 "Formula 'f' cannot use 'print'"
    E0705 "Formula 'f' cannot use a channel"
    E0706 "llvm_ir is not allowed in a formula"
    E0707 "Formulas must iterate with for or a comprehension"
    E0708 "Task cannot access parent func's FFI handle"
    E0709 "'main' must be a func"
    E0710 "Invalid parameter 'x' of 'main'"
    E0801 "Missing field 'y' for 'Vec2'"
    E0802 "Field 'r' of 'T' has no zero value"
    E0803 "Type 'A' contains itself"
    E0804 "Type 'T' cannot have both fields and cases"
    E0805 "'doubled' is an instance method of 'Token'"
    E0806 "Parameter 'x' hides field 'x'"
    E0807 "'Some' is ambiguous: A.Some, B.Some"
    E0808 "Trait 'Sized' is not a type"
    E0809 "Cannot infer type argument 'T' of 'make'"
    E0810 "Type 'int' does not satisfy trait 'Sized': missing method 'units'"
    E0811 "Type parameter 'T' has no method 'units'; add a trait bound"
    E0812 "Generic instantiation is too deep"
    E0901 "Type 'Channel<int>' cannot be converted to json"
    E0902 "Invalid matrix dimensions"
    E0903 "Cell type 'Channel<int>' has no zero value"
    E0904 "Matrix formula 'f' must return int"
    E0905 "'cell' is only available in matrix formulas"
    E1001 "Channel element type cannot be optional"
    E1002 "Cannot send FFI handle on a channel"
    E1003 "Select without cases needs a timeout"
    E1004 "'ResourceExhausted' needs one foreign case in the same select"
    E1005 "Select case must receive from a channel or call an extern"
    E1006 "Atomics cannot be assigned; use store or fetch_add"
    E1007 "Cannot store FFI handle in an atomic"
    E1008 "Library 'a' has two foreign cases in one select"
    E1009 "A foreign case needs a select that can wait"
    E1101 "Conflicting declarations of extern 'f'"
    E1102 "Type 'Map<int, int>' cannot cross the foreign boundary"
    E1103 "Extern 'f' does not match its C declaration: …"
    E1104 "An 'out' argument must be a variable"
    E1105 "Handle of library 'a' passed to library 'b'"
    E1106 "Handles cannot be converted"
    E1107 "Extern 'f' needs an 'error' rule in the manifest"
    E1108 "Field 'name' cannot be part of a C layout"
    E1109 "Library archive is invalid: …"
    E1110 "Library 'a': file 'x.c' not found"
    E1111 "Missing system dependency for library 'a'"
    E1112 "Library 'a': invalid system library '-Wl,x'"
    E1113 "Library 'a': symbol 'f' is not defined by its C sources"
    E1114 "FFI compilation failed for 'a'"
    E1201 "Import of 'a-b' needs 'as name'"
    E1202 "Module not found: 'nothere'"
    E1203 "Module 'math' has no member 'cube'"
    E1204 "'match_all' is ambiguous: a.match_all, b.match_all"
    E1205 "Import cycle: a -> b -> a"
    E1206 "Module 'math' is not imported"
    E1301 "Cannot print value of type 'func(int) -> int'"
    E1401 "clang 22 not found"
    E1402 "No linker found"
    E1403 "Cannot use the cache directory 'D': …"
    E1404 "Cannot write 'F': …"
    E1405 "pkg-config not found"
    E1406 "pkg-config knows no package 'P'"
    E1407 "package 'P' has version V, R is needed"
    E1408 "Manifest of 'L' is not valid: …"
    E1409 "Tools cannot be confined: …"
    E1501 "Package 'P' not found"
    E1502 "No versions of the packages fit together"
    E1503 "Lock file 'F' is not valid: …"
    E1504 "Registry is not valid: …"
    E1505 "Package 'P' is not what was promised: …"
    E1506 "Lock file 'F' would change: …"
    E1507 "Package 'P' is locked but not installed"
    E1508 "Registry 'R' cannot be reached: …"
    E1509 "Another 'coex' has been changing the installed packages for N seconds"
    E1510 "Signature of package 'P' is refused: …"
    W0401 "'sqrt' replaces a built-in function"
    W0501 "Parameter 'x' is declared positional"
    W0601 "Result of 'append' is unused; write 'x = x.append(...)'"
    W0602 "Result value of 'seek' is ignored"
    W0603 "match does not cover: A, B"
    W0604 "Case is never reached"
    W0605 "Statement is never reached"
    W0701 "Unknown annotation '@fast'"
    W0801 "Local 'id' hides field 'id'"
    W1101 "Unknown manifest key 'x'"
    W1201 "Directive is ignored in an imported module"
    W1202 "Library 'a' does not bring 'b' along"
    W1203 "Dependency 'a' is not at hand"
    W1204 "Source 'src/b.coex' is not part of library 'a'"
    W1401 "C code is compiled without a whole sandbox: …"
}
