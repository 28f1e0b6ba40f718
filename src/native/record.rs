//! The meta text of a library's entry in the cache.
//!
//! In: a [`NativeLibrary`] and its [`HeaderFacts`]. Out: text, and the same back; `None` for text of another schema.
//! Deliberately not here: bytes of the objects (`store`).

use std::path::{Path, PathBuf};

use super::codec::{Reader, Writer};
use super::headers::HeaderFacts;
use super::signature::{CField, CFunction, CLeaf, CSignature, CType};
use super::sources::{CacheOutcome, IsolationReport, MemberReport, NativeLibrary, SymbolClass};

pub(super) fn write(library: &NativeLibrary, headers: &HeaderFacts) -> String {
    let mut writer = Writer::default();
    headers.write(&mut writer);
    for text in [&library.name, &library.version, &library.key, &library.descriptor_symbol] {
        writer.put(text);
    }
    writer.put(u8::from(library.uses_stdio));
    writer.list(library.link_args.iter(), |writer, argument| writer.put(argument));
    writer.list(library.functions.iter(), write_function);
    write_report(&mut writer, &library.report);
    writer.finish()
}

pub(super) fn read(meta: &str, objects: Vec<PathBuf>, leaves: Option<&Path>) -> Option<(NativeLibrary, HeaderFacts)> {
    let mut reader = Reader::new(meta);
    let headers = HeaderFacts::read(&mut reader)?;
    let library = NativeLibrary {
        name: reader.text()?,
        version: reader.text()?,
        key: reader.text()?,
        objects,
        leaves: leaves.map(Path::to_owned),
        descriptor_symbol: reader.text()?,
        uses_stdio: reader.flag()?,
        is_serial: false,
        is_shared: false,
        link_args: reader.list(Reader::text)?,
        functions: reader.list(read_function)?.into_iter().collect(),
        report: read_report(&mut reader)?,
        system_headers: headers.paths(),
        packages: Default::default(),
        cache: CacheOutcome::Hit,
        notes: Vec::new(),
        commands: Vec::new(),
    };
    Some((library, headers))
}

pub(super) fn write_function(writer: &mut Writer, (name, function): (&String, &CFunction)) {
    writer.put(name);
    writer.put(&function.link_name);
    writer.put(&function.file);
    writer.put(function.line);
    writer.put(match function.leaf {
        None => "call",
        Some(CLeaf { needs_instance: false }) => "leaf",
        Some(CLeaf { needs_instance: true }) => "instance-leaf",
    });
    writer.put(u8::from(function.signature.variadic));
    write_type(writer, &function.signature.result);
    writer.list(function.signature.params.iter(), write_type);
}

pub(super) fn read_function(reader: &mut Reader<'_>) -> Option<(String, CFunction)> {
    let name = reader.text()?;
    let (link_name, file, line) = (reader.text()?, reader.text()?, reader.number()?);
    let leaf = match reader.text()?.as_str() {
        "leaf" => Some(CLeaf { needs_instance: false }),
        "instance-leaf" => Some(CLeaf { needs_instance: true }),
        _ => None,
    };
    let variadic = reader.flag()?;
    let signature = CSignature { variadic, result: read_type(reader)?, params: reader.list(read_type)? };
    Some((name, CFunction { link_name, signature, file, line, leaf }))
}

fn write_report(writer: &mut Writer, report: &IsolationReport) {
    writer.put(&report.tier);
    writer.list(report.members.iter(), write_member);
    for number in [report.data_size, report.total_size, report.relocations] {
        writer.put(number);
    }
    writer.list(report.symbols.iter(), |writer, (name, class)| {
        writer.put(name);
        writer.put(*class as u8);
    });
}

pub(super) fn write_member(writer: &mut Writer, member: &MemberReport) {
    writer.put(&member.name);
    writer.put(member.size);
    writer.put(&member.file);
    writer.put(member.line);
}

pub(super) fn read_member(reader: &mut Reader<'_>) -> Option<MemberReport> {
    Some(MemberReport { name: reader.text()?, size: reader.number()?, file: reader.text()?, line: reader.number()? })
}

fn read_report(reader: &mut Reader<'_>) -> Option<IsolationReport> {
    let symbol = |reader: &mut Reader<'_>| Some((reader.text()?, symbol_class(reader.number()?)?));
    Some(IsolationReport {
        tier: reader.text()?,
        members: reader.list(read_member)?,
        data_size: reader.number()?,
        total_size: reader.number()?,
        relocations: reader.number()?,
        symbols: reader.list(symbol)?.into_iter().collect(),
    })
}

fn symbol_class(number: u8) -> Option<SymbolClass> {
    let all = [SymbolClass::Pure, SymbolClass::Instance, SymbolClass::Stdio, SymbolClass::Process];
    all.into_iter().find(|class| *class as u8 == number)
}

fn write_type(writer: &mut Writer, ty: &CType) {
    match ty {
        CType::Void => writer.put("void"),
        CType::Bool => writer.put("bool"),
        CType::Int { bits, signed, name } => {
            writer.put(if *signed { "signed" } else { "unsigned" });
            writer.put(bits);
            writer.put(name);
        }
        CType::Float { bits, name } => {
            writer.put("float");
            writer.put(bits);
            writer.put(name);
        }
        CType::Pointer { to, is_const } => {
            writer.put(if *is_const { "const-pointer" } else { "pointer" });
            write_type(writer, to);
        }
        CType::Struct { name, size, align, fields } => {
            writer.put("struct");
            writer.put(name);
            writer.put(size);
            writer.put(align);
            writer.list(fields.iter(), |writer, field| {
                writer.put(&field.name);
                writer.put(field.offset);
                write_type(writer, &field.ty);
            });
        }
        CType::Opaque(name) => {
            writer.put("opaque");
            writer.put(name);
        }
    }
}

fn read_type(reader: &mut Reader<'_>) -> Option<CType> {
    let kind = reader.text()?;
    Some(match kind.as_str() {
        "void" => CType::Void,
        "bool" => CType::Bool,
        "signed" | "unsigned" => CType::Int { signed: kind == "signed", bits: reader.number()?, name: reader.text()? },
        "float" => CType::Float { bits: reader.number()?, name: reader.text()? },
        "pointer" | "const-pointer" => {
            CType::Pointer { is_const: kind == "const-pointer", to: Box::new(read_type(reader)?) }
        }
        "struct" => CType::Struct {
            name: reader.text()?,
            size: reader.number()?,
            align: reader.number()?,
            fields: reader.list(|reader| {
                let (name, offset) = (reader.text()?, reader.number()?);
                Some(CField { name, offset, ty: read_type(reader)? })
            })?,
        },
        "opaque" => CType::Opaque(reader.text()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_library_comes_back_as_it_was() {
        let text = CType::Int { bits: 8, signed: true, name: "char".to_owned() };
        let record = CType::Struct {
            name: "struct extent".to_owned(),
            size: 16,
            align: 8,
            fields: vec![CField {
                name: "scale".to_owned(),
                offset: 8,
                ty: CType::Float { bits: 64, name: "double".to_owned() },
            }],
        };
        let signature = CSignature {
            result: CType::Pointer { to: Box::new(text), is_const: true },
            params: vec![CType::Bool, record, CType::Opaque("union u".to_owned()), CType::Void],
            variadic: true,
        };
        let function = CFunction {
            link_name: "coexlib.a.k.f".to_owned(),
            signature,
            file: "ffi/src/a.c".to_owned(),
            line: 7,
            leaf: Some(CLeaf { needs_instance: true }),
        };
        let library = NativeLibrary {
            name: "a".to_owned(),
            version: "1.0.0".to_owned(),
            key: "k".to_owned(),
            objects: vec!["/x".into()],
            leaves: Some("/y".into()),
            descriptor_symbol: "d".to_owned(),
            functions: BTreeMap::from([("f".to_owned(), function)]),
            link_args: vec!["-lz".to_owned()],
            uses_stdio: true,
            is_serial: false,
            is_shared: false,
            report: IsolationReport {
                tier: "instance".to_owned(),
                members: vec![MemberReport { name: "m".to_owned(), size: 4, file: String::new(), line: 0 }],
                data_size: 4,
                total_size: 64,
                relocations: 1,
                symbols: BTreeMap::from([("puts".to_owned(), SymbolClass::Stdio)]),
            },
            system_headers: Default::default(),
            packages: Default::default(),
            cache: CacheOutcome::Hit,
            notes: Vec::new(),
            commands: Vec::new(),
        };
        let meta = write(&library, &HeaderFacts::default());
        assert_eq!(read(&meta, vec!["/x".into()], Some(Path::new("/y"))), Some((library, HeaderFacts::default())));
        assert_eq!(read(&meta[..meta.len() - 2], Vec::new(), None), None);
    }
}
