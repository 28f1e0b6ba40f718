//! Arithmetic that is not a single instruction.
//!
//! In: ints and floats. Out: the same. Int arithmetic wraps; float arithmetic is that of the C library.

#![allow(unsafe_op_in_unsafe_fn, reason = "one contract for the value modules, stated in `slot`")]

use crate::abi::{Fiber, Site};
use crate::slot::fail;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn coex_int_pow(fiber: *mut Fiber, base: i64, exponent: i64, site: *const Site) -> i64 {
    if exponent < 0 {
        fail(fiber, site, "negative exponent");
    }
    let (mut result, mut square, mut left) = (1i64, base, exponent);
    while left > 0 {
        if left & 1 == 1 {
            result = result.wrapping_mul(square);
        }
        square = square.wrapping_mul(square);
        left >>= 1;
    }
    result
}

#[unsafe(no_mangle)]
pub extern "C" fn coex_float_pow(base: f64, exponent: f64) -> f64 {
    base.powf(exponent)
}

#[unsafe(no_mangle)]
pub extern "C" fn coex_float_remainder(left: f64, right: f64) -> f64 {
    left % right
}

/// Half away from zero.
#[unsafe(no_mangle)]
pub extern "C" fn coex_float_round(value: f64) -> f64 {
    value.round()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_wrap() {
        let pow = |base, exponent| {
            // SAFETY: the exponent is not negative, so neither fiber nor site is used.
            unsafe { coex_int_pow(core::ptr::null_mut(), base, exponent, core::ptr::null()) }
        };
        for base in [-3, -1, 0, 1, 2, 7, i64::MAX, i64::MIN] {
            for exponent in 0..70u32 {
                assert_eq!(pow(base, exponent as i64), base.wrapping_pow(exponent));
            }
        }
        assert_eq!(pow(-1, i64::MAX), -1);
    }

    #[test]
    fn floats_as_in_c() {
        assert_eq!(coex_float_round(-2.5), -3.0);
        assert_eq!(coex_float_remainder(-7.5, 2.0), -1.5);
        assert_eq!(coex_float_pow(2.0, 0.5), 2f64.sqrt());
    }
}
