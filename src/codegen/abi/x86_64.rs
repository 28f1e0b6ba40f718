//! x86-64, System V psABI 3.2.3 (<https://gitlab.com/x86-psABIs/x86-64-ABI>).
//!
//! Facts relied on: six integer and eight floating registers for arguments; a struct of at most 16 bytes with aligned fields
//! travels in one register for each eight bytes, a floating one if all its scalars there are floating; larger structs travel
//! in memory; a struct for which too few registers are left goes to the stack as a whole.

use super::{Eightbyte, Passed};
use crate::bind::StructPlan;

pub(in crate::codegen) const INTEGER_REGISTERS: usize = 6;
pub(in crate::codegen) const FLOAT_REGISTERS: usize = 8;

const REGISTER_BYTES: u64 = 8;
const MAX_REGISTERS: u64 = 2;

/// Fields of a plan are always aligned, so only size and kinds matter.
pub(in crate::codegen) fn classify(plan: &StructPlan) -> Passed {
    if plan.size == 0 || plan.size > MAX_REGISTERS * REGISTER_BYTES {
        return Passed::Memory;
    }
    let scalars = plan.scalars();
    let eightbyte = |index: u64| {
        let mut inside = scalars.iter().filter(|scalar| scalar.offset / REGISTER_BYTES == index);
        if inside.all(|scalar| scalar.is_float) { Eightbyte::Float } else { Eightbyte::Integer }
    };
    Passed::Registers((0..plan.size.div_ceil(REGISTER_BYTES)).map(eightbyte).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bind::{FieldPlan, StructField};
    use crate::types::INT;

    fn plan(size: u64, fields: &[(u64, bool)]) -> StructPlan {
        let field = |&(offset, is_float): &(u64, bool)| StructField {
            name: String::new(),
            ty: INT,
            offset,
            plan: if is_float { FieldPlan::Float { bits: 64 } } else { FieldPlan::Handle },
        };
        StructPlan { size, align: 8, fields: fields.iter().map(field).collect() }
    }

    #[test]
    fn small_structs_travel_in_registers() {
        use Eightbyte::{Float, Integer};
        assert_eq!(classify(&plan(8, &[(0, true)])), Passed::Registers(vec![Float]));
        assert_eq!(classify(&plan(8, &[(0, true), (4, false)])), Passed::Registers(vec![Integer]));
        assert_eq!(classify(&plan(16, &[(0, false), (8, true)])), Passed::Registers(vec![Integer, Float]));
        assert_eq!(classify(&plan(12, &[(0, true), (4, true), (8, true)])), Passed::Registers(vec![Float, Float]));
        assert_eq!(classify(&plan(24, &[(0, true), (8, true), (16, true)])), Passed::Memory);
    }
}
