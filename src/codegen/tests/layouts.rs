//! How values lie in memory: one test per rule of the comment in `abi`.

use super::build::*;
use crate::codegen::layout::{Form, Layout, Layouts, Presence};
use crate::ir::{Case, Definition, Program};
use crate::types::{BOOL, BYTE, CHAR, FLOAT, INT, STRING, TupleItem, Type, TypeId, TypeTable};
use std::collections::BTreeMap;

fn tuple(types: &mut TypeTable, items: &[TypeId]) -> TypeId {
    types.intern(Type::Tuple(items.iter().map(|&ty| TupleItem { name: None, ty }).collect()))
}

fn record(fields: &[TypeId]) -> Definition {
    Definition::Record { fields: fields.iter().map(|&ty| field("f", ty)).collect(), c_layout: None }
}

fn enumeration(cases: &[&[TypeId]]) -> Definition {
    let case =
        |fields: &&[TypeId]| Case { name: "C".into(), fields: fields.iter().map(|&ty| field("f", ty)).collect() };
    Definition::Enum { cases: cases.iter().map(case).collect() }
}

fn types_only(types: TypeTable, definitions: BTreeMap<TypeId, Definition>) -> Program {
    program(types, definitions, vec![Func::new("main", None)])
}

fn layout(program: &Program, ty: TypeId) -> Layout {
    Layouts::new(program).get(program, ty).clone()
}

#[test]
fn members_follow_at_natural_alignment() {
    let mut types = TypeTable::default();
    let mixed = tuple(&mut types, &[BOOL, INT, BYTE, CHAR]);
    let wide = tuple(&mut types, &[INT, INT, STRING, INT, BOOL]);
    let program = types_only(types, BTreeMap::new());
    let mixed = layout(&program, mixed);
    let Form::Fields(places) = &mixed.form else { panic!("{mixed:?}") };
    assert_eq!(places.iter().map(|place| place.offset).collect::<Vec<_>>(), [0, 8, 16, 20]);
    assert_eq!((mixed.slot.size, mixed.slot.align, mixed.boxed), (24, 8, false));
    let wide = layout(&program, wide);
    assert_eq!((wide.boxed, wide.slot.size, wide.content.size), (true, 8, 40));
    assert_eq!((wide.slot.pointers, wide.content.pointers), (vec![0], vec![16]));
}

#[test]
fn members_without_references_stay_together() {
    let mut types = TypeTable::default();
    let body = tuple(&mut types, &[FLOAT; 7]);
    let large = tuple(&mut types, &[FLOAT; 9]);
    let program = types_only(types, BTreeMap::new());
    assert_eq!((layout(&program, body).boxed, layout(&program, body).slot.size), (false, 56));
    assert_eq!((layout(&program, large).boxed, layout(&program, large).slot.size), (true, 8));
}

#[test]
fn optionals_have_three_forms() {
    let mut types = TypeTable::default();
    let full = tuple(&mut types, &[INT, INT, INT, INT]);
    let optional = [STRING, INT, full].map(|inner| types.optional(inner));
    let program = types_only(types, BTreeMap::new());
    let found = optional.map(|ty| {
        let layout = layout(&program, ty);
        let Form::Optional { presence, .. } = layout.form else { panic!("{layout:?}") };
        (presence, layout.slot.size, layout.boxed)
    });
    assert_eq!(found, [(Presence::Null, 8, false), (Presence::Flag, 16, false), (Presence::Boxed, 8, true)]);
}

#[test]
fn words_of_an_enum_are_references_or_never() {
    let mut types = TypeTable::default();
    let pair = tuple(&mut types, &[INT, FLOAT]);
    let shape = user(&mut types, 0, "Shape");
    let cases = enumeration(&[&[], &[FLOAT, STRING], &[pair, BOOL]]);
    let program = types_only(types, BTreeMap::from([(shape, cases)]));
    let shape = layout(&program, shape);
    let Form::Words(words) = &shape.form else { panic!("{shape:?}") };
    let words: Vec<Vec<_>> =
        words.cases.iter().map(|case| case.iter().map(|place| (place.word, place.boxed)).collect()).collect();
    assert_eq!(words, [vec![], vec![(2, false), (1, false)], vec![(1, true), (2, false)]]);
    assert_eq!((shape.slot.size, shape.slot.pointers, shape.boxed), (24, vec![8], false));
}

/// Whichever of the types is asked for first, a cycle passes through one object.
#[test]
fn recursive_types_are_boxed() {
    let mut types = TypeTable::default();
    let node = user(&mut types, 0, "Node");
    let next = types.optional(node);
    let tree = user(&mut types, 1, "Tree");
    let pair = tuple(&mut types, &[INT, tree]);
    let definitions = BTreeMap::from([(node, record(&[INT, next])), (tree, enumeration(&[&[], &[pair]]))]);
    let program = types_only(types, definitions);
    for order in [[node, next, tree, pair], [pair, tree, next, node]] {
        let layouts = Layouts::new(&program);
        let found = order.map(|ty| layouts.get(&program, ty).clone());
        let boxed = |ty| order.iter().position(|&other| other == ty).map(|index| found[index].boxed);
        assert_eq!(boxed(node), Some(true));
        assert!(boxed(tree) == Some(true) || boxed(pair) == Some(true));
    }
}
