//! C structs by value: how the fields of a `@c_layout` type lie in C (language reference 11.7).
//!
//! In: the type and what C declares, if that is known. Out: a plan, or the first difference in words.
//! Deliberately not here: in which registers a struct travels (codegen).

use super::declaration::parse_type;
use super::plan::default_type;
use crate::ir::{CLayout, Definition, Field, Program};
use crate::native::CType;
use crate::types::{Type, TypeId};

/// A struct in C's memory.
#[derive(Clone, Debug, PartialEq)]
pub struct StructPlan {
    pub size: u64,
    pub align: u64,
    pub fields: Vec<StructField>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct StructField {
    pub name: String,
    pub ty: TypeId,
    pub offset: u64,
    pub plan: FieldPlan,
}

#[derive(Clone, Debug, PartialEq)]
pub enum FieldPlan {
    Int { bits: u32, signed: bool, c_name: String },
    Bool { bits: u32 },
    Float { bits: u32 },
    Handle,
    Struct(StructPlan),
}

/// A number or pointer inside a struct; what calling conventions look at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scalar {
    pub offset: u64,
    pub is_float: bool,
}

impl StructPlan {
    /// All numbers and pointers, those of inner structs included.
    pub fn scalars(&self) -> Vec<Scalar> {
        let of_field = |field: &StructField| match &field.plan {
            FieldPlan::Struct(inner) => {
                let shift = |scalar: Scalar| Scalar { offset: scalar.offset + field.offset, ..scalar };
                inner.scalars().into_iter().map(shift).collect()
            }
            plan => vec![Scalar { offset: field.offset, is_float: matches!(plan, FieldPlan::Float { .. }) }],
        };
        self.fields.iter().flat_map(of_field).collect()
    }
}

/// `None` for a type that has no C layout.
pub(super) fn struct_plan(program: &Program, ty: TypeId, c: &CType) -> Option<Result<StructPlan, String>> {
    let Definition::Record { fields, c_layout: Some(layout) } = program.definitions.get(&ty)? else { return None };
    Some(planned(program, fields, layout).and_then(|plan| {
        agrees(program, &plan, fields, layout, c)?;
        Ok(plan)
    }))
}

fn planned(program: &Program, fields: &[Field], layout: &CLayout) -> Result<StructPlan, String> {
    let mut plan = StructPlan { size: 0, align: 1, fields: Vec::new() };
    for (field, written) in fields.iter().zip(&layout.field_types) {
        let (field_plan, size, align) = field_plan(program, field, written.as_deref())?;
        let offset = plan.size.next_multiple_of(align);
        plan.fields.push(StructField { name: field.name.to_string(), ty: field.ty, offset, plan: field_plan });
        plan.size = offset + size;
        plan.align = plan.align.max(align);
    }
    plan.size = plan.size.next_multiple_of(plan.align);
    Ok(plan)
}

/// The C type of a field: what `@c` says, else the default for its Coex type.
fn field_type(program: &Program, field: &Field, written: Option<&str>) -> Result<CType, String> {
    match written {
        None => Ok(default_type(program, field.ty)),
        Some(text) => parse_type(text).map_err(|fault| format!("the C type of field '{}': {fault}", field.name)),
    }
}

/// With size and alignment.
fn field_plan(program: &Program, field: &Field, written: Option<&str>) -> Result<(FieldPlan, u64, u64), String> {
    if let Some(Definition::Record { fields, c_layout: Some(layout) }) = program.definitions.get(&field.ty) {
        let inner = planned(program, fields, layout)?;
        let (size, align) = (inner.size, inner.align);
        return Ok((FieldPlan::Struct(inner), size, align));
    }
    let c = field_type(program, field, written)?;
    let plan = match (program.types.get(field.ty), &c) {
        (Type::Int | Type::Byte | Type::Char, CType::Int { bits, signed, name }) => {
            FieldPlan::Int { bits: *bits, signed: *signed, c_name: name.clone() }
        }
        (Type::Bool, CType::Int { bits, .. }) => FieldPlan::Bool { bits: *bits },
        (Type::Bool, CType::Bool) => FieldPlan::Bool { bits: 8 },
        (Type::Float, CType::Float { bits: bits @ (32 | 64), .. }) => FieldPlan::Float { bits: *bits },
        (Type::Handle(_), CType::Pointer { .. }) => FieldPlan::Handle,
        _ => return Err(format!("field '{}' is '{c}' in C", field.name)),
    };
    let bytes = match &plan {
        FieldPlan::Int { bits, .. } | FieldPlan::Bool { bits } | FieldPlan::Float { bits } => u64::from(*bits) / 8,
        FieldPlan::Handle | FieldPlan::Struct(_) => 8,
    };
    Ok((plan, bytes, bytes))
}

/// Compares with clang's view. A struct that C merely names is taken as the type describes it.
fn agrees(program: &Program, plan: &StructPlan, fields: &[Field], layout: &CLayout, c: &CType) -> Result<(), String> {
    let CType::Struct { name, size, fields: c_fields, .. } = c else {
        return if matches!(c, CType::Opaque(_)) { Ok(()) } else { Err(format!("it is '{c}' in C")) };
    };
    if c_fields.len() != fields.len() {
        return Err(format!("'{name}' has {} fields in C, {} here", c_fields.len(), fields.len()));
    }
    for (index, field) in fields.iter().enumerate() {
        let (ours, theirs) = (&plan.fields[index], &c_fields[index]);
        let same = match &ours.plan {
            FieldPlan::Struct(inner) => {
                let Some(Definition::Record { fields, c_layout: Some(layout) }) = program.definitions.get(&field.ty)
                else {
                    continue;
                };
                agrees(program, inner, fields, layout, &theirs.ty).is_ok()
            }
            _ => field_type(program, field, layout.field_types[index].as_deref())?.agrees_with(&theirs.ty),
        };
        if !same {
            return Err(format!("field '{}' of '{name}' is '{}' in C", theirs.name, theirs.ty));
        }
        if ours.offset != theirs.offset {
            return Err(format!("field '{}' of '{name}' lies at byte {} in C", theirs.name, theirs.offset));
        }
    }
    if plan.size != *size {
        return Err(format!("'{name}' has {size} bytes in C, {} here", plan.size));
    }
    Ok(())
}
