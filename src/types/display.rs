//! Types as the language writes them: `List<int>`, `(q: int, r: int)`, `func(int) -> string`.

use super::{AtomicKind, Type, TypeId, TypeTable};

pub fn type_name(table: &TypeTable, id: TypeId) -> String {
    let name = |id: &TypeId| type_name(table, *id);
    let names = |ids: &[TypeId]| ids.iter().map(name).collect::<Vec<_>>().join(", ");
    match table.get(id) {
        Type::Int => "int".into(),
        Type::Float => "float".into(),
        Type::Bool => "bool".into(),
        Type::Byte => "byte".into(),
        Type::Char => "char".into(),
        Type::String => "string".into(),
        Type::List(element) => format!("List<{}>", name(element)),
        Type::Array(element) => format!("Array<{}>", name(element)),
        Type::Map(key, value) => format!("Map<{}, {}>", name(key), name(value)),
        Type::Set(element) => format!("Set<{}>", name(element)),
        Type::Tuple(items) => {
            let items = items.iter().map(|item| match item.name {
                Some(label) => format!("{label}: {}", name(&item.ty)),
                None => name(&item.ty),
            });
            format!("({})", items.collect::<Vec<_>>().join(", "))
        }
        Type::Optional(inner) => match table.get(*inner) {
            Type::Function { .. } => format!("({})?", name(inner)),
            _ => format!("{}?", name(inner)),
        },
        Type::Result(value, error) => format!("Result<{}, {}>", name(value), name(error)),
        Type::Function { kind, params, result } => {
            let result = result.as_ref().map(|result| format!(" -> {}", name(result))).unwrap_or_default();
            format!("{}({}){result}", kind.as_str(), names(params))
        }
        Type::User { name, args, .. } if args.is_empty() => name.to_string(),
        Type::User { name, args, .. } => format!("{name}<{}>", names(args)),
        Type::Handle(_) => "handle".into(),
        Type::Posix => "posix".into(),
        Type::Json => "json".into(),
        Type::Channel(element) => format!("Channel<{}>", name(element)),
        Type::Atomic(AtomicKind::Int) => "atomic_int".into(),
        Type::Atomic(AtomicKind::Float) => "atomic_float".into(),
        Type::Atomic(AtomicKind::Bool) => "atomic_bool".into(),
        Type::AtomicRef(inner) => format!("atomic_ref<{}>", name(inner)),
        Type::Task(Some(result)) => format!("pending {}", name(result)),
        Type::Task(None) => "pending call".into(),
        Type::Param(name) => name.to_string(),
        Type::Variable(_) => "_".into(),
        Type::Unknown => "?".into(),
    }
}
