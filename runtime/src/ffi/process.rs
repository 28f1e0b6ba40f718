//! What belongs to the process or to the thread, and C code of an instance wants to change.
//!
//! In: calls of C code, with an instance installed; without one they are the C library's. Out: three kinds of answers.
//! Private: signal handlers, which only `raise` runs, and the locale, which is always "C". Until the end of the call:
//! rounding, signal mask, `uselocale`. Refused with EPERM: the working directory, identities, timers.

use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use core::ptr::null_mut;

use super::shims::{private, set_errno};
use super::side;

// ------------------------------------------------------------------------------------------------ locale

/// The environment of an instance asks for the locale "C"; others do not exist for it.
///
/// # Safety
/// As C's `setlocale`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_setlocale(category: c_int, locale: *const c_char) -> *mut c_char {
    // SAFETY: forwarded; the text is constant.
    unsafe {
        if private().is_null() {
            return libc::setlocale(category, locale);
        }
        let is_known = locale.is_null() || matches!(CStr::from_ptr(locale).to_bytes(), b"" | b"C" | b"POSIX");
        if is_known { c"C".as_ptr().cast_mut() } else { null_mut() }
    }
}

/// # Safety
/// As POSIX' `uselocale`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_uselocale(locale: libc::locale_t) -> libc::locale_t {
    // SAFETY: forwarded.
    unsafe {
        if !locale.is_null() {
            until_the_end(|changed| changed.locale = true);
        }
        libc::uselocale(locale)
    }
}

// ------------------------------------------------------------------------------------------------ until the end of the call

/// `LC_GLOBAL_LOCALE`
const GLOBAL_LOCALE: libc::locale_t = usize::MAX as libc::locale_t;

/// What the running call has changed of its thread.
pub(crate) struct Changed {
    locale: bool,
    arithmetic: bool,
    /// The signal mask before.
    mask: Option<libc::sigset_t>,
}

impl Changed {
    pub(crate) const fn new() -> Changed {
        Changed { locale: false, arithmetic: false, mask: None }
    }

    /// The thread is as it was before the call.
    pub(crate) fn undo(&mut self) {
        if core::mem::take(&mut self.locale) {
            // SAFETY: the global locale always exists.
            unsafe { libc::uselocale(GLOBAL_LOCALE) };
        }
        if core::mem::take(&mut self.arithmetic) {
            let (mxcsr, control) = (0x1F80u32, 0x37Fu16);
            // SAFETY: the values of a fresh process.
            unsafe {
                core::arch::asm!("ldmxcsr [{}]", "fldcw [{}]", in(reg) &raw const mxcsr, in(reg) &raw const control)
            };
        }
        if let Some(mask) = self.mask.take() {
            // SAFETY: a set that the system has filled.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const mask, null_mut()) };
        }
    }
}

fn until_the_end(note: impl FnOnce(&mut Changed)) {
    if !private().is_null() {
        // SAFETY: this thread's record.
        note(unsafe { &mut (*side::notes()).changed });
        side::report_end_of_call();
    }
}

/// # Safety
/// As POSIX' `pthread_sigmask`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_pthread_sigmask(
    how: c_int,
    set: *const libc::sigset_t,
    old: *mut libc::sigset_t,
) -> c_int {
    // SAFETY: forwarded.
    unsafe {
        if !set.is_null() {
            let mut mask = core::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_SETMASK, core::ptr::null(), &raw mut mask);
            until_the_end(|changed| {
                changed.mask.get_or_insert(mask);
            });
        }
        libc::pthread_sigmask(how, set, old)
    }
}

/// # Safety
/// As POSIX' `sigprocmask`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_sigprocmask(
    how: c_int,
    set: *const libc::sigset_t,
    old: *mut libc::sigset_t,
) -> c_int {
    // SAFETY: forwarded.
    match unsafe { coex_shim_pthread_sigmask(how, set, old) } {
        0 => 0,
        error => {
            set_errno(error);
            -1
        }
    }
}

macro_rules! arithmetic {
    ($($shim:ident $function:ident ($($argument:ident: $ty:ty),*);)*) => {
        unsafe extern "C" {
            $(fn $function($($argument: $ty),*) -> c_int;)*
        }
        $(
            /// # Safety
            /// As the function of the C library.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $shim($($argument: $ty),*) -> c_int {
                until_the_end(|changed| changed.arithmetic = true);
                // SAFETY: forwarded.
                unsafe { $function($($argument),*) }
            }
        )*
    };
}

#[link(name = "m")]
unsafe extern "C" {}

arithmetic! {
    coex_shim_fesetround fesetround (mode: c_int);
    coex_shim_fesetenv fesetenv (environment: *const c_void);
    coex_shim_feupdateenv feupdateenv (environment: *const c_void);
    coex_shim_feholdexcept feholdexcept (environment: *mut c_void);
    coex_shim_feenableexcept feenableexcept (exceptions: c_int);
    coex_shim_fedisableexcept fedisableexcept (exceptions: c_int);
}

// ------------------------------------------------------------------------------------------------ signals

const SIGNAL_COUNT: usize = 65;

/// What the C code of an instance has installed. Signals of the system do not come here.
#[repr(C)]
pub(crate) struct Handlers([libc::sigaction; SIGNAL_COUNT]);

/// The instance's table; null without instance or memory.
unsafe fn handlers() -> *mut Handlers {
    let instance = private();
    // SAFETY: the installed instance is live; the table is part of its heap; all-zero is SIG_DFL.
    unsafe {
        if instance.is_null() {
            return null_mut();
        }
        let handlers = &mut (*instance).hidden.handlers;
        if handlers.is_null() {
            *handlers = (*instance).heap.allocate(size_of::<Handlers>()).cast();
            if !handlers.is_null() {
                handlers.write_bytes(0, 1);
            }
        }
        *handlers
    }
}

/// # Safety
/// As POSIX' `sigaction`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_sigaction(
    signal: c_int,
    new: *const libc::sigaction,
    old: *mut libc::sigaction,
) -> c_int {
    // SAFETY: forwarded.
    unsafe {
        if private().is_null() {
            return libc::sigaction(signal, new, old);
        }
        let handlers = handlers();
        if handlers.is_null() || signal <= 0 || signal >= SIGNAL_COUNT as c_int {
            set_errno(if handlers.is_null() { libc::ENOMEM } else { libc::EINVAL });
            return -1;
        }
        let row = &mut (*handlers).0[signal as usize];
        let before = *row;
        if !new.is_null() {
            *row = *new;
        }
        if !old.is_null() {
            *old = before;
        }
        0
    }
}

/// # Safety
/// As C's `signal`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_signal(signal: c_int, handler: libc::sighandler_t) -> libc::sighandler_t {
    // SAFETY: forwarded.
    unsafe {
        if private().is_null() {
            return libc::signal(signal, handler);
        }
        let mut action: libc::sigaction = core::mem::zeroed();
        let mut old = action;
        action.sa_sigaction = handler;
        if coex_shim_sigaction(signal, &raw const action, &raw mut old) == 0 { old.sa_sigaction } else { libc::SIG_ERR }
    }
}

/// Runs the instance's own handler. None: it has none.
///
/// # Safety
/// An instance is installed.
pub(crate) unsafe fn raise_here(signal: c_int) -> Option<c_int> {
    let instance = private();
    // SAFETY: the installed instance is live; its C code has installed the handler.
    unsafe {
        if instance.is_null() || (*instance).hidden.handlers.is_null() || signal <= 0 || signal >= SIGNAL_COUNT as c_int
        {
            return None;
        }
        let action = (*(*instance).hidden.handlers).0[signal as usize];
        match action.sa_sigaction {
            libc::SIG_DFL => return None,
            libc::SIG_IGN => {}
            handler if action.sa_flags & libc::SA_SIGINFO != 0 => {
                let mut info: libc::siginfo_t = core::mem::zeroed();
                info.si_signo = signal;
                let handler: unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                    core::mem::transmute(handler);
                handler(signal, &raw mut info, null_mut());
            }
            handler => {
                let handler: unsafe extern "C" fn(c_int) = core::mem::transmute(handler);
                handler(signal);
            }
        }
    }
    Some(0)
}

// ------------------------------------------------------------------------------------------------ refused

macro_rules! refused {
    ($($shim:ident $function:ident ($($argument:ident: $ty:ty),*);)*) => {
        unsafe extern "C" {
            $(fn $function($($argument: $ty),*) -> c_int;)*
        }
        $(
            /// # Safety
            /// As the function of the C library.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $shim($($argument: $ty),*) -> c_int {
                if private().is_null() {
                    // SAFETY: forwarded.
                    return unsafe { $function($($argument),*) };
                }
                set_errno(libc::EPERM);
                -1
            }
        )*
    };
}

refused! {
    coex_shim_chdir chdir (path: *const c_char);
    coex_shim_fchdir fchdir (descriptor: c_int);
    coex_shim_chroot chroot (path: *const c_char);
    coex_shim_setuid setuid (id: c_uint);
    coex_shim_seteuid seteuid (id: c_uint);
    coex_shim_setreuid setreuid (real: c_uint, effective: c_uint);
    coex_shim_setresuid setresuid (real: c_uint, effective: c_uint, saved: c_uint);
    coex_shim_setgid setgid (id: c_uint);
    coex_shim_setegid setegid (id: c_uint);
    coex_shim_setregid setregid (real: c_uint, effective: c_uint);
    coex_shim_setresgid setresgid (real: c_uint, effective: c_uint, saved: c_uint);
    coex_shim_setgroups setgroups (count: usize, groups: *const c_uint);
    coex_shim_setsid setsid ();
    coex_shim_setpgid setpgid (process: c_int, group: c_int);
    coex_shim_setrlimit setrlimit (resource: c_uint, limit: *const c_void);
    coex_shim_setpriority setpriority (which: c_uint, who: c_uint, priority: c_int);
    coex_shim_sigaltstack sigaltstack (new: *const c_void, old: *mut c_void);
    coex_shim_setitimer setitimer (which: c_int, new: *const c_void, old: *mut c_void);
    coex_shim_timer_create timer_create (clock: c_int, event: *mut c_void, timer: *mut c_void);
}

/// The mask of the process stays; the result is the usual one.
///
/// # Safety
/// As POSIX' `umask`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_umask(mask: libc::mode_t) -> libc::mode_t {
    if private().is_null() {
        // SAFETY: forwarded.
        return unsafe { libc::umask(mask) };
    }
    set_errno(libc::EPERM);
    0o022
}

/// No alarm is set.
///
/// # Safety
/// As POSIX' `alarm`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_shim_alarm(seconds: c_uint) -> c_uint {
    if private().is_null() {
        // SAFETY: forwarded.
        return unsafe { libc::alarm(seconds) };
    }
    set_errno(libc::EPERM);
    0
}
