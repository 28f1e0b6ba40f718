//! Roots, instances, and what a C library's object and a program tell the runtime of it.
//!
//! In: nothing. Out: part of [`super`]. Deliberately not here: state and claim of the calling thread (`fibers`).

use core::ffi::c_char;

/// `Fiber::ffi_failed`. Cleared by `FfiFailureText` and `FfiFailureCode` (ask for one of them).
pub mod ffi_failure {
    pub const NONE: u32 = 0;
    /// `coex_ffi_fail`: an error for `Result` externs, else `PanicFfiFailure`.
    pub const FAILED: u32 = 1;
    /// Faults, `abort`, `exit`: an error for externs with string errors, else `PanicFfiFailure`. The instance is dead and
    /// already out of its root's slot; its record stays readable until the next `InstanceGet`.
    pub const CRASHED: u32 = 2;
}

/// `Fiber::entered`: above 0 the library whose instance is installed, plus 1.
pub mod entered {
    /// Ask `InstanceEnter`.
    pub const NOTHING: u32 = 0;
    /// No instance, for functions of the program.
    pub const PROGRAM: u32 = u32::MAX;
}

/// Root of a chain of calls: main, a task, an `@isolated` invocation. The instance table follows, one word a library,
/// null until first use; libraries are numbered when the program is compiled.
#[repr(C)]
pub struct Root {
    pub parent: *mut Root,
    pub library_count: u64,
    pub instances: [*mut Instance; 0],
}

pub mod instance_state {
    pub const LIVE: u32 = 0;
    pub const DEAD: u32 = 1;
    pub const ABANDONED: u32 = 2;
}

/// The part of an instance that compiled code reads; the runtime keeps more behind it.
#[repr(C)]
pub struct Instance {
    /// Start of the library's private globals.
    pub base: *mut u8,
    pub errno: i32,
    pub state: u32,
    pub generation: u64,
    pub library: *const LibraryDescriptor,
    /// Argument copies of the current call: next free byte and end.
    pub arena_cursor: *mut u8,
    pub arena_limit: *mut u8,
}

/// Emitted into each library's object by the privatising pass, under [`library_descriptor_symbol`].
#[repr(C)]
pub struct LibraryDescriptor {
    pub abi_version: u32,
    /// [`library_flags`].
    pub flags: u32,
    pub name: *const c_char,
    /// Initial bytes of the private globals: `data_size` bytes, the rest up to `total_size` is zero.
    pub template: *const u8,
    pub data_size: u64,
    pub total_size: u64,
    pub align: u64,
    pub relocations: *const Relocation,
    pub relocation_count: u64,
    /// Bounds of the library's own text section.
    pub text_start: *const u8,
    pub text_end: *const u8,
    /// Run in order when an instance is created, with its base installed.
    pub constructors: *const unsafe extern "C" fn(),
    pub constructor_count: u64,
    pub destructors: *const unsafe extern "C" fn(),
    pub destructor_count: u64,
    /// Limits of the manifest; 0 for the runtime's own.
    pub max_instances: u64,
    pub max_handles: u64,
    pub max_arena_bytes: u64,
}

pub mod library_flags {
    /// The C code refers to functions that read or write streams or descriptors.
    pub const USES_STDIO: u32 = 1;
    /// `isolation = "shared"`: one instance for the whole process.
    pub const SHARED: u32 = 2;
    /// `thread_safe = false`: one call at a time in the whole process.
    pub const SERIAL: u32 = 4;
    /// `isolation = "process"`: its code runs in worker processes.
    pub const PROCESS: u32 = 8;
}

/// At instance creation the word at `base + at` becomes `base + addend`.
#[repr(C)]
pub struct Relocation {
    pub at: u64,
    pub addend: u64,
}

/// What C code returns for `[byte]` results, from `coex_ffi_bytes(n)`.
#[repr(C)]
pub struct CoexBytes {
    pub len: i64,
    pub data: *mut u8,
}

/// The thread-local that holds the current instance's base (initial-exec in libraries).
pub const INSTANCE_BASE_SYMBOL: &str = "coex_inst_base";

/// Name prefix of a library's symbols in its object, so that libraries never clash: `name` and the first 16 hex digits
/// of the library's content key.
pub fn library_symbol(library: &str, key: &str, symbol: &str) -> String {
    format!("coexlib.{library}.{key}.{symbol}")
}

pub fn library_descriptor_symbol(library: &str, key: &str) -> String {
    library_symbol(library, key, "descriptor")
}
