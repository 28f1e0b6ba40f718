//! How values lie in memory, once per type: the comment "Values and their descriptions" of `abi` as code.
//!
//! In: types and the members of user types. Out: [`Layout`] by [`TypeId`]: size, alignment, where the references are,
//! boxed or inline, the words of an enum. Deliberately not here: LLVM types (`context`), descriptors for the runtime.

use crate::bug;
use crate::ir::{Definition, Program};
use crate::types::{Type, TypeId};
use coex_runtime::abi::{INLINE_BYTES, JsonValue, PLAIN_INLINE_BYTES};
use std::cell::{OnceCell, RefCell};
use std::mem::{offset_of, size_of};

/// Size, alignment and reference offsets of a piece of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) size: u32,
    pub(super) align: u32,
    pub(super) pointers: Vec<u32>,
}

#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// What a local, a field or an element takes.
    pub(super) slot: Extent,
    /// The members; equal to `slot` unless `boxed`, else from offset 8 of the object.
    pub(super) content: Extent,
    pub(super) boxed: bool,
    pub(super) form: Form,
}

#[derive(Clone, Debug)]
pub(super) enum Form {
    /// int, handle, posix
    Int,
    Float,
    Bool,
    Byte,
    Char,
    /// string, collections, functions: always a reference.
    Reference,
    /// A scalar word and a reference: `abi::JsonValue`.
    Json,
    /// Tuple and record.
    Fields(Vec<FieldPlace>),
    Words(EnumWords),
    Optional {
        inner: TypeId,
        presence: Presence,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct FieldPlace {
    pub(super) ty: TypeId,
    /// Within the content.
    pub(super) offset: u32,
}

/// Word 0 is the tag; then the reference words; then the scalar words.
#[derive(Clone, Debug)]
pub(super) struct EnumWords {
    pub(super) cases: Vec<Vec<WordPlace>>,
    pub(super) references: u32,
    pub(super) scalars: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct WordPlace {
    pub(super) ty: TypeId,
    /// Number of the word, the tag being 0.
    pub(super) word: u32,
    /// The word refers to an object that holds the field's slot.
    pub(super) boxed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Presence {
    /// The value is a reference; null is nil.
    Null,
    /// A byte behind the value.
    Flag,
    /// A reference to an object that holds the value; null is nil.
    Boxed,
}

impl Extent {
    fn plain(size: u32) -> Extent {
        Extent { size, align: size, pointers: Vec::new() }
    }

    fn reference() -> Extent {
        Extent { size: 8, align: 8, pointers: vec![0] }
    }

    /// Appends a member and yields its offset.
    fn push(&mut self, member: &Extent) -> u32 {
        let align = member.align.max(1);
        let offset = self.size.next_multiple_of(align);
        self.align = self.align.max(align);
        self.size = offset + member.size;
        self.pointers.extend(member.pointers.iter().map(|pointer| pointer + offset));
        offset
    }

    fn pad(&mut self) {
        self.align = self.align.max(1);
        self.size = self.size.next_multiple_of(self.align);
    }
}

impl Layout {
    fn scalar(form: Form, size: u32) -> Layout {
        Layout { slot: Extent::plain(size), content: Extent::plain(size), boxed: false, form }
    }

    fn reference(form: Form) -> Layout {
        Layout { slot: Extent::reference(), content: Extent::reference(), boxed: false, form }
    }

    fn members(content: Extent, boxed: bool, form: Form) -> Layout {
        let slot = if boxed { Extent::reference() } else { content.clone() };
        Layout { slot, content, boxed, form }
    }

    /// One pointer that is never anything else.
    pub(super) fn is_reference(&self) -> bool {
        self.boxed || matches!(self.form, Form::Reference | Form::Optional { presence: Presence::Null, .. })
    }

    pub(super) fn is_scalar(&self) -> bool {
        matches!(self.form, Form::Int | Form::Float | Form::Bool | Form::Byte | Form::Char)
    }
}

/// The layouts of a program's types, computed when first asked for.
pub(super) struct Layouts {
    table: Vec<OnceCell<Layout>>,
    marks: RefCell<Vec<Mark>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Unseen,
    /// Its members are being laid out.
    Open,
    /// It was met again among its own members: it must be boxed.
    Recursive,
}

impl Layouts {
    pub(super) fn new(program: &Program) -> Layouts {
        let count = program.types.len();
        Layouts { table: vec![OnceCell::new(); count], marks: RefCell::new(vec![Mark::Unseen; count]) }
    }

    pub(super) fn get(&self, program: &Program, ty: TypeId) -> &Layout {
        let cell = &self.table[ty.0 as usize];
        if let Some(layout) = cell.get() {
            return layout;
        }
        let layout = self.compute(program, ty);
        cell.get_or_init(|| layout)
    }

    fn compute(&self, program: &Program, ty: TypeId) -> Layout {
        match program.types.get(ty) {
            Type::Int | Type::Handle(_) | Type::Posix | Type::Task(_) => Layout::scalar(Form::Int, 8),
            Type::Float => Layout::scalar(Form::Float, 8),
            Type::Bool => Layout::scalar(Form::Bool, 1),
            Type::Byte => Layout::scalar(Form::Byte, 1),
            Type::Char => Layout::scalar(Form::Char, 4),
            Type::String
            | Type::List(_)
            | Type::Array(_)
            | Type::Map(..)
            | Type::Set(_)
            | Type::Function { .. }
            | Type::Channel(_)
            | Type::Atomic(_)
            | Type::AtomicRef(_) => Layout::reference(Form::Reference),
            Type::Json => {
                let pointers = vec![offset_of!(JsonValue, part) as u32];
                let slot = Extent { size: size_of::<JsonValue>() as u32, align: 8, pointers };
                Layout::members(slot, false, Form::Json)
            }
            Type::Optional(inner) => self.optional(program, *inner),
            Type::Tuple(items) => {
                let items: Vec<TypeId> = items.iter().map(|item| item.ty).collect();
                self.fields(program, ty, &items)
            }
            Type::Result(value, error) => self.words(program, ty, &[vec![*value], vec![*error]]),
            Type::User { .. } => match program.definitions.get(&ty) {
                Some(Definition::Record { fields, .. }) => {
                    let fields: Vec<TypeId> = fields.iter().map(|field| field.ty).collect();
                    self.fields(program, ty, &fields)
                }
                Some(Definition::Enum { cases }) => {
                    let cases: Vec<Vec<TypeId>> =
                        cases.iter().map(|case| case.fields.iter().map(|field| field.ty).collect()).collect();
                    self.words(program, ty, &cases)
                }
                Some(Definition::Matrix { .. }) => Layout::reference(Form::Reference),
                None => bug!("no definition of {}", crate::types::display::type_name(&program.types, ty)),
            },
            Type::Param(_) | Type::Variable(_) | Type::Unknown => {
                bug!("type {} reached code generation", crate::types::display::type_name(&program.types, ty))
            }
        }
    }

    /// The slot of a member; a type met again among its own members is a reference from then on.
    fn member(&self, program: &Program, ty: TypeId) -> Extent {
        if self.reentered(ty) { Extent::reference() } else { self.get(program, ty).slot.clone() }
    }

    fn reentered(&self, ty: TypeId) -> bool {
        let mut marks = self.marks.borrow_mut();
        let mark = &mut marks[ty.0 as usize];
        if *mark == Mark::Open {
            *mark = Mark::Recursive;
        }
        *mark == Mark::Recursive && self.table[ty.0 as usize].get().is_none()
    }

    fn mark(&self, ty: TypeId, mark: Mark) {
        self.marks.borrow_mut()[ty.0 as usize] = mark;
    }

    fn is_boxed(&self, ty: TypeId, content: &Extent) -> bool {
        content.size > INLINE_BYTES || self.marks.borrow()[ty.0 as usize] == Mark::Recursive
    }

    fn fields(&self, program: &Program, ty: TypeId, members: &[TypeId]) -> Layout {
        self.mark(ty, Mark::Open);
        let mut content = Extent::default();
        let places = members
            .iter()
            .map(|&member| FieldPlace { ty: member, offset: content.push(&self.member(program, member)) })
            .collect();
        content.pad();
        let is_plain = content.pointers.is_empty() && content.size <= PLAIN_INLINE_BYTES;
        let boxed = !is_plain && self.is_boxed(ty, &content);
        Layout::members(content, boxed, Form::Fields(places))
    }

    fn words(&self, program: &Program, ty: TypeId, cases: &[Vec<TypeId>]) -> Layout {
        self.mark(ty, Mark::Open);
        let cases: Vec<Vec<(TypeId, WordKind)>> = cases
            .iter()
            .map(|fields| fields.iter().map(|&field| (field, self.word_kind(program, field))).collect())
            .collect();
        let most = |scalar: bool| {
            let count = |case: &Vec<(TypeId, WordKind)>| {
                case.iter().filter(|(_, kind)| (*kind == WordKind::Scalar) == scalar).count() as u32
            };
            cases.iter().map(count).max().unwrap_or(0)
        };
        let (references, scalars) = (most(false), most(true));
        let cases = cases.iter().map(|case| place_words(case, references)).collect();
        let content = Extent {
            size: 8 * (1 + references + scalars),
            align: 8,
            pointers: (1..=references).map(|word| word * 8).collect(),
        };
        let boxed = self.is_boxed(ty, &content);
        Layout::members(content, boxed, Form::Words(EnumWords { cases, references, scalars }))
    }

    fn word_kind(&self, program: &Program, ty: TypeId) -> WordKind {
        if self.reentered(ty) {
            return WordKind::Reference;
        }
        let layout = self.get(program, ty);
        match layout {
            layout if layout.is_reference() => WordKind::Reference,
            layout if layout.is_scalar() => WordKind::Scalar,
            _ => WordKind::Boxed,
        }
    }

    fn optional(&self, program: &Program, inner: TypeId) -> Layout {
        if self.reentered(inner) {
            return Layout::reference(Form::Optional { inner, presence: Presence::Null });
        }
        let layout = self.get(program, inner);
        if layout.is_reference() {
            return Layout::reference(Form::Optional { inner, presence: Presence::Null });
        }
        let mut content = layout.slot.clone();
        content.push(&Extent::plain(1));
        content.pad();
        if content.size > INLINE_BYTES {
            let form = Form::Optional { inner, presence: Presence::Boxed };
            return Layout::members(layout.slot.clone(), true, form);
        }
        Layout::members(content, false, Form::Optional { inner, presence: Presence::Flag })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WordKind {
    Reference,
    Scalar,
    Boxed,
}

fn place_words(case: &[(TypeId, WordKind)], references: u32) -> Vec<WordPlace> {
    let (mut next_reference, mut next_scalar) = (1, 1 + references);
    case.iter()
        .map(|&(ty, kind)| {
            let next = if kind == WordKind::Scalar { &mut next_scalar } else { &mut next_reference };
            let word = *next;
            *next += 1;
            WordPlace { ty, word, boxed: kind == WordKind::Boxed }
        })
        .collect()
}
