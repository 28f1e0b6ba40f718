//! Functions of the C library with hidden state, which is the instance's here: `strtok`, random numbers, buffers of results.
//!
//! In: calls of C code, with an instance installed; without one, or in a shared library, they are the C library's. Out: what
//! the C library would do in a fresh process. Deliberately not here: the environment (`environment`), and what the
//! process as a whole has (`process`).

use core::ffi::{c_char, c_int, c_long, c_uint, c_ushort, c_void};
use core::ptr::null_mut;

use super::instance::FullInstance;
use super::shims::{ExitFunction, coex_shim_malloc, private, set_errno};
use super::{environment, process};

/// State that the C library keeps hidden, one copy per instance.
#[repr(C)]
pub(crate) struct Hidden {
    pub(crate) exit_functions: *mut ExitFunction,
    strtok: *mut c_char,
    random: *mut RandomState,
    times: *mut Times,
    drand: *mut Drand,
    /// glibc's `struct hsearch_data`; the first word is its table.
    table: [usize; 2],
    pub(crate) environment: environment::Environment,
    pub(crate) handlers: *mut process::Handlers,
}

impl Hidden {
    pub(crate) const fn new() -> Hidden {
        Hidden {
            exit_functions: null_mut(),
            strtok: null_mut(),
            random: null_mut(),
            times: null_mut(),
            drand: null_mut(),
            table: [0; 2],
            environment: environment::Environment::new(),
            handlers: null_mut(),
        }
    }

    /// Gives back what is not in the instance's heap.
    pub(crate) fn free(&mut self) {
        if self.table[0] != 0 {
            // SAFETY: a table of `hcreate_r`.
            unsafe { hdestroy_r(&raw mut self.table) };
        }
    }
}

/// glibc's `struct random_data`, and the 128 bytes of state that `rand` has in a fresh process.
#[repr(C)]
struct RandomState {
    data: [u64; 6],
    state: [u8; 128],
}

#[repr(C)]
struct Times {
    parts: libc::tm,
    text: [u8; 128],
    message: [u8; 256],
    name: [u8; 32],
}

/// glibc's `struct drand48_data`, and the last state, which `seed48` yields.
#[repr(C)]
#[derive(Clone, Copy)]
struct Drand {
    data: [u64; 3],
    before: [c_ushort; 4],
}

unsafe extern "C" {
    fn initstate_r(seed: c_uint, state: *mut u8, bytes: usize, data: *mut [u64; 6]) -> c_int;
    fn setstate_r(state: *mut u8, data: *mut [u64; 6]) -> c_int;
    fn initstate(seed: c_uint, state: *mut c_char, bytes: usize) -> *mut c_char;
    fn setstate(state: *mut c_char) -> *mut c_char;
    fn srandom_r(seed: c_uint, data: *mut [u64; 6]) -> c_int;
    fn random_r(data: *mut [u64; 6], result: *mut i32) -> c_int;
    fn asctime_r(parts: *const libc::tm, text: *mut u8) -> *mut c_char;
    fn ctime_r(time: *const libc::time_t, text: *mut u8) -> *mut c_char;
    fn strtok_r(text: *mut c_char, delimiters: *const c_char, rest: *mut *mut c_char) -> *mut c_char;
    fn __xpg_strerror_r(number: c_int, text: *mut u8, bytes: usize) -> c_int;
    fn drand48_r(data: *mut Drand, result: *mut f64) -> c_int;
    fn lrand48_r(data: *mut Drand, result: *mut c_long) -> c_int;
    fn mrand48_r(data: *mut Drand, result: *mut c_long) -> c_int;
    fn erand48_r(state: *mut c_ushort, data: *mut Drand, result: *mut f64) -> c_int;
    fn nrand48_r(state: *mut c_ushort, data: *mut Drand, result: *mut c_long) -> c_int;
    fn jrand48_r(state: *mut c_ushort, data: *mut Drand, result: *mut c_long) -> c_int;
    fn srand48_r(seed: c_long, data: *mut Drand) -> c_int;
    fn seed48_r(state: *const c_ushort, data: *mut Drand) -> c_int;
    fn lcong48_r(parameters: *const c_ushort, data: *mut Drand) -> c_int;
    fn hcreate_r(count: usize, table: *mut [usize; 2]) -> c_int;
    fn hdestroy_r(table: *mut [usize; 2]);
    fn hsearch_r(
        key: *mut c_char,
        data: *mut c_void,
        action: c_int,
        result: *mut *mut c_void,
        table: *mut [usize; 2],
    ) -> c_int;
    fn hcreate(count: usize) -> c_int;
    fn hdestroy();
    fn hsearch(key: *mut c_char, data: *mut c_void, action: c_int) -> *mut c_void;
    fn tmpnam(name: *mut c_char) -> *mut c_char;
}

/// # Safety
/// As C's `strtok`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_strtok(text: *mut c_char, delimiters: *const c_char) -> *mut c_char {
    let instance = private();
    // SAFETY: forwarded.
    unsafe {
        if instance.is_null() {
            return libc::strtok(text, delimiters);
        }
        strtok_r(text, delimiters, &raw mut (*instance).hidden.strtok)
    }
}

/// The instance's generator, seeded with 1 as in a fresh process; null without instance or memory.
unsafe fn random_state() -> *mut RandomState {
    let instance = private();
    if instance.is_null() {
        return null_mut();
    }
    // SAFETY: the instance is live; the state is part of its heap.
    unsafe {
        let hidden = &mut (*instance).hidden;
        if hidden.random.is_null() {
            let random = (*instance).heap.allocate(size_of::<RandomState>()).cast::<RandomState>();
            if !random.is_null() {
                random.write_bytes(0, 1);
                initstate_r(1, (&raw mut (*random).state).cast(), 128, &raw mut (*random).data);
            }
            hidden.random = random;
        }
        hidden.random
    }
}

/// # Safety
/// As C's `rand`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_rand() -> c_int {
    // SAFETY: forwarded.
    unsafe {
        let random = random_state();
        if random.is_null() {
            return libc::rand();
        }
        let mut result = 0;
        random_r(&raw mut (*random).data, &raw mut result);
        result
    }
}

/// # Safety
/// As C's `srand`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_srand(seed: c_uint) {
    // SAFETY: forwarded.
    unsafe {
        let random = random_state();
        if random.is_null() {
            libc::srand(seed);
        } else {
            srandom_r(seed, &raw mut (*random).data);
        }
    }
}

/// # Safety
/// As POSIX' `random`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_random() -> c_long {
    // SAFETY: forwarded.
    unsafe { c_long::from(coex_shim_rand()) }
}

/// # Safety
/// As POSIX' `srandom`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_srandom(seed: c_uint) {
    // SAFETY: forwarded.
    unsafe { coex_shim_srand(seed) }
}

/// Buffers of the time functions; the process' when there is no instance.
unsafe fn times() -> *mut Times {
    static PROCESS_TIMES: crate::program::Global<core::mem::MaybeUninit<Times>> =
        crate::program::Global::new(core::mem::MaybeUninit::zeroed());
    let instance = private();
    // SAFETY: the instance is live; all-zero is a valid value.
    unsafe {
        if instance.is_null() {
            return PROCESS_TIMES.get().cast();
        }
        if (*instance).hidden.times.is_null() {
            (*instance).hidden.times = (*instance).heap.allocate(size_of::<Times>()).cast();
        }
        if (*instance).hidden.times.is_null() { PROCESS_TIMES.get().cast() } else { (*instance).hidden.times }
    }
}

/// # Safety
/// As C's `localtime`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_localtime(time: *const libc::time_t) -> *mut libc::tm {
    // SAFETY: forwarded.
    unsafe { libc::localtime_r(time, &raw mut (*times()).parts) }
}

/// # Safety
/// As C's `gmtime`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_gmtime(time: *const libc::time_t) -> *mut libc::tm {
    // SAFETY: forwarded.
    unsafe { libc::gmtime_r(time, &raw mut (*times()).parts) }
}

/// # Safety
/// As C's `asctime`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_asctime(parts: *const libc::tm) -> *mut c_char {
    // SAFETY: forwarded.
    unsafe { asctime_r(parts, (&raw mut (*times()).text).cast()) }
}

/// # Safety
/// As C's `ctime`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_ctime(time: *const libc::time_t) -> *mut c_char {
    // SAFETY: forwarded.
    unsafe { ctime_r(time, (&raw mut (*times()).text).cast()) }
}

/// # Safety
/// As C's `strerror`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_strerror(number: c_int) -> *mut c_char {
    // SAFETY: forwarded.
    unsafe {
        let text = (&raw mut (*times()).message).cast::<u8>();
        __xpg_strerror_r(number, text, 256);
        text.cast()
    }
}

/// # Safety
/// As POSIX' `strsignal`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_strsignal(number: c_int) -> *mut c_char {
    // SAFETY: forwarded; the text is copied.
    unsafe {
        let text = libc::strsignal(number);
        let copy = (&raw mut (*times()).message).cast::<c_char>();
        libc::strncpy(copy, text, 255);
        *copy.add(255) = 0;
        copy
    }
}

/// # Safety
/// As C's `tmpnam`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_tmpnam(name: *mut c_char) -> *mut c_char {
    // SAFETY: forwarded; names have 20 bytes.
    unsafe { tmpnam(if name.is_null() { (&raw mut (*times()).name).cast() } else { name }) }
}

// ------------------------------------------------------------------------------------------------ random numbers

/// # Safety
/// As POSIX' `initstate`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_initstate(seed: c_uint, state: *mut c_char, bytes: usize) -> *mut c_char {
    // SAFETY: forwarded; the second word of the data is the state in use.
    unsafe {
        let random = random_state();
        if random.is_null() {
            return initstate(seed, state, bytes);
        }
        let before = state_in_use(random);
        if initstate_r(seed, state.cast(), bytes, &raw mut (*random).data) == 0 { before } else { null_mut() }
    }
}

/// # Safety
/// As POSIX' `setstate`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_setstate(state: *mut c_char) -> *mut c_char {
    // SAFETY: forwarded.
    unsafe {
        let random = random_state();
        if random.is_null() {
            return setstate(state);
        }
        let before = state_in_use(random);
        if setstate_r(state.cast(), &raw mut (*random).data) == 0 { before } else { null_mut() }
    }
}

/// glibc keeps a word in front of the numbers (`state`, the third pointer), which is what callers know.
unsafe fn state_in_use(random: *mut RandomState) -> *mut c_char {
    // SAFETY: `initstate_r` has filled the data.
    unsafe { ((*random).data[2] as *mut c_char).sub(4) }
}

/// The instance's generator of the 48-bit family; null without instance or memory.
unsafe fn drand() -> *mut Drand {
    let instance = private();
    if instance.is_null() {
        return null_mut();
    }
    // SAFETY: the instance is live; the state is part of its heap, and all-zero in a fresh process.
    unsafe {
        let hidden = &mut (*instance).hidden;
        if hidden.drand.is_null() {
            hidden.drand = coex_shim_malloc(size_of::<Drand>()).cast();
            if !hidden.drand.is_null() {
                hidden.drand.write_bytes(0, 1);
            }
        }
        hidden.drand
    }
}

macro_rules! drand_functions {
    ($($shim:ident $function:ident $reentrant:ident ($($argument:ident: $ty:ty),*) -> $result:ty;)*) => {
        $(
            /// # Safety
            /// As the function of POSIX.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $shim($($argument: $ty),*) -> $result {
                // SAFETY: forwarded.
                unsafe {
                    let drand = drand();
                    if drand.is_null() {
                        return libc::$function($($argument),*);
                    }
                    let mut result = Default::default();
                    $reentrant($($argument,)* drand, &raw mut result);
                    result
                }
            }
        )*
    };
}

drand_functions! {
    coex_shim_drand48 drand48 drand48_r () -> f64;
    coex_shim_lrand48 lrand48 lrand48_r () -> c_long;
    coex_shim_mrand48 mrand48 mrand48_r () -> c_long;
    coex_shim_erand48 erand48 erand48_r (state: *mut c_ushort) -> f64;
    coex_shim_nrand48 nrand48 nrand48_r (state: *mut c_ushort) -> c_long;
    coex_shim_jrand48 jrand48 jrand48_r (state: *mut c_ushort) -> c_long;
}

/// # Safety
/// As POSIX' `srand48`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_srand48(seed: c_long) {
    // SAFETY: forwarded.
    unsafe {
        let drand = drand();
        if drand.is_null() {
            libc::srand48(seed);
        } else {
            srand48_r(seed, drand);
        }
    }
}

/// # Safety
/// As POSIX' `seed48`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_seed48(state: *mut c_ushort) -> *mut c_ushort {
    // SAFETY: forwarded; the state is the first three shorts of the data.
    unsafe {
        let drand = drand();
        if drand.is_null() {
            return libc::seed48(state);
        }
        let before = (&raw mut (*drand).before).cast::<c_ushort>();
        before.copy_from_nonoverlapping(drand.cast(), 3);
        seed48_r(state, drand);
        before
    }
}

/// # Safety
/// As POSIX' `lcong48`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_lcong48(parameters: *mut c_ushort) {
    // SAFETY: forwarded.
    unsafe {
        let drand = drand();
        if drand.is_null() {
            libc::lcong48(parameters);
        } else {
            lcong48_r(parameters, drand);
        }
    }
}

// ------------------------------------------------------------------------------------------------ hash table

unsafe fn table() -> *mut [usize; 2] {
    let instance: *mut FullInstance = private();
    // SAFETY: the installed instance is live.
    if instance.is_null() { null_mut() } else { unsafe { &raw mut (*instance).hidden.table } }
}

/// # Safety
/// As POSIX' `hcreate`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_hcreate(count: usize) -> c_int {
    // SAFETY: forwarded.
    unsafe {
        let table = table();
        if table.is_null() { hcreate(count) } else { hcreate_r(count, table) }
    }
}

/// # Safety
/// As POSIX' `hdestroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_hdestroy() {
    // SAFETY: forwarded.
    unsafe {
        let table = table();
        if table.is_null() { hdestroy() } else { hdestroy_r(table) }
    }
}

/// An entry is two pointers, which travel in registers.
///
/// # Safety
/// As POSIX' `hsearch`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_hsearch(key: *mut c_char, data: *mut c_void, action: c_int) -> *mut c_void {
    // SAFETY: forwarded.
    unsafe {
        let table = table();
        if table.is_null() {
            return hsearch(key, data, action);
        }
        let mut found = null_mut();
        if (*table)[0] == 0 {
            set_errno(libc::ESRCH);
            return null_mut();
        }
        hsearch_r(key, data, action, &raw mut found, table);
        found
    }
}
