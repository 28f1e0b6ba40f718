//! The C library's hidden state, seen from several instances in turns.

use core::ffi::{CStr, c_int};
use core::ptr::null_mut;

use super::tests::{get, in_root, run, with_libraries};
use super::{environment, hidden, process, shims, sort};

/// Runs the same code in two instances, whose steps alternate: both see what a fresh process sees.
fn in_turns(steps: &'static [unsafe extern "C" fn() -> i64], expected: &'static [i64]) {
    with_libraries(move |fiber| {
        // SAFETY: the running fiber.
        unsafe {
            let first = get(fiber, 0);
            in_root(fiber, || {
                let second = get(fiber, 0);
                for (step, expected) in steps.iter().zip(expected) {
                    for instance in [first, second] {
                        assert_eq!(run(fiber, instance, *step as *const ()) as i64, *expected);
                    }
                }
            });
        }
    });
}

unsafe fn is(text: *const core::ffi::c_char, expected: &[u8]) -> i64 {
    // SAFETY: null or NUL-terminated.
    i64::from(!text.is_null() && unsafe { CStr::from_ptr(text) }.to_bytes() == expected)
}

#[test]
fn the_environment_changes_for_one_instance() {
    const NAME: &CStr = c"COEX_TEST_VARIABLE";
    unsafe extern "C" fn set() -> i64 {
        // SAFETY: C strings.
        unsafe {
            assert!(environment::coex_shim_getenv(NAME.as_ptr()).is_null());
            assert_eq!(is(environment::coex_shim_getenv(c"PATH".as_ptr()), b""), 0);
            environment::coex_shim_setenv(NAME.as_ptr(), c"one".as_ptr(), 0);
            environment::coex_shim_setenv(NAME.as_ptr(), c"two".as_ptr(), 0);
            is(environment::coex_shim_getenv(NAME.as_ptr()), b"one")
        }
    }
    unsafe extern "C" fn change() -> i64 {
        // SAFETY: C strings; the text of `putenv` lives on.
        unsafe {
            let text = shims::coex_shim_strdup(c"COEX_TEST_VARIABLE=three".as_ptr());
            environment::coex_shim_putenv(text.cast());
            is(environment::coex_shim_getenv(NAME.as_ptr()), b"three")
        }
    }
    unsafe extern "C" fn remove() -> i64 {
        // SAFETY: C strings.
        unsafe {
            environment::coex_shim_unsetenv(NAME.as_ptr());
            assert!(environment::coex_shim_getenv(NAME.as_ptr()).is_null());
            assert_eq!(environment::coex_shim_setenv(c"".as_ptr(), c"x".as_ptr(), 1), -1);
            environment::coex_shim_clearenv();
            i64::from(environment::coex_shim_getenv(c"PATH".as_ptr()).is_null())
        }
    }
    in_turns(&[set, change, remove], &[1, 1, 1]);
    assert!(std::env::var("COEX_TEST_VARIABLE").is_err() && std::env::var("PATH").is_ok());
}

#[test]
fn every_generator_starts_anew() {
    unsafe extern "C" fn drand() -> i64 {
        // SAFETY: the generator of the installed instance.
        unsafe { hidden::coex_shim_lrand48() }
    }
    unsafe extern "C" fn seeded() -> i64 {
        // SAFETY: as above.
        unsafe {
            hidden::coex_shim_srand48(7);
            hidden::coex_shim_lrand48()
        }
    }
    // What glibc yields in a fresh process, and after srand48(7).
    in_turns(&[drand, drand, seeded, drand], &[0, 2_116_118, 572_184_555, 1_464_659_504]);
}

#[test]
fn handlers_and_rounding_stay_with_the_code_that_wants_them() {
    unsafe extern "C" fn handler(_signal: c_int) {
        // SAFETY: the environment of the installed instance.
        unsafe { environment::coex_shim_setenv(c"HANDLED".as_ptr(), c"yes".as_ptr(), 1) };
    }
    unsafe extern "C" fn raises() -> i64 {
        // SAFETY: C functions in their instance.
        unsafe {
            process::coex_shim_signal(libc::SIGUSR1, handler as *const () as usize);
            shims::coex_shim_raise(libc::SIGUSR1);
            is(environment::coex_shim_getenv(c"HANDLED".as_ptr()), b"yes")
        }
    }
    unsafe extern "C" fn rounds() -> i64 {
        // SAFETY: upward, until the end of the call.
        unsafe {
            process::coex_shim_fesetround(0x800);
            let mut set = core::mem::zeroed();
            libc::sigfillset(&raw mut set);
            process::coex_shim_sigprocmask(libc::SIG_BLOCK, &raw const set, null_mut());
        }
        i64::from(core::hint::black_box(1.0f64) / core::hint::black_box(3.0) > 1.0 / 3.0)
    }
    unsafe extern "C" fn is_default() -> i64 {
        // SAFETY: asking changes nothing.
        unsafe {
            let mut set = core::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_BLOCK, core::ptr::null(), &raw mut set);
            assert_eq!(libc::sigismember(&raw const set, libc::SIGUSR1), 0);
        }
        i64::from(core::hint::black_box(1.0f64) / core::hint::black_box(3.0) == 1.0 / 3.0)
    }
    unsafe extern "C" fn refused() -> i64 {
        // SAFETY: nothing happens.
        unsafe { i64::from(process::coex_shim_chdir(c"/".as_ptr())) }
    }
    unsafe extern "C" fn locale() -> i64 {
        // SAFETY: constant texts.
        unsafe {
            assert!(process::coex_shim_setlocale(libc::LC_ALL, c"de_DE.UTF-8".as_ptr()).is_null());
            is(process::coex_shim_setlocale(libc::LC_ALL, c"".as_ptr()), b"C")
        }
    }
    in_turns(&[raises, rounds, is_default, refused, locale], &[1, 1, 1, -1, 1]);
}

#[test]
fn sorting_keeps_equal_elements_in_order() {
    unsafe extern "C" fn compare(left: *const core::ffi::c_void, right: *const core::ffi::c_void) -> c_int {
        // SAFETY: elements begin with their key.
        unsafe { c_int::from(*left.cast::<u8>()) - c_int::from(*right.cast::<u8>()) }
    }
    unsafe extern "C" fn sorts() -> i64 {
        let mut random = 88_172_645_463_325_252u64;
        for size in [1, 4, 5, 8, 16, 24] {
            for count in [0, 1, 2, 7, 8, 9, 100, 255] {
                let mut elements = vec![0u8; count * size];
                for (number, element) in elements.chunks_mut(size).enumerate() {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    element[0] = (random % 16) as u8;
                    if size > 1 {
                        element[size - 1] = number as u8;
                    }
                }
                let mut expected: Vec<Vec<u8>> = elements.chunks(size).map(<[u8]>::to_vec).collect();
                expected.sort_by_key(|element| element[0]);
                // SAFETY: the elements are as long as said.
                unsafe { sort::coex_shim_qsort(elements.as_mut_ptr().cast(), count, size, Some(compare)) };
                assert_eq!(elements, expected.concat());
            }
        }
        1
    }
    in_turns(&[sorts], &[1]);
}
