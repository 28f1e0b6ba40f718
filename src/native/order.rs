//! What the compiler and its helper tell each other, as bytes.
//!
//! In: a [`PassInput`], and what became of it. Out: bytes, and the same back; `None` for what a helper of another version or in
//! an attacker's hands may say. Deliberately not here: files, processes (`helper`).

use super::codec::{Reader, Writer};
use super::pass::{PassInput, PassOutput};
use super::record::{read_function, read_member, write_function, write_member};
use super::sources::{Limits, OptLevel, PrivatiseMode};

/// Why there is no object.
#[derive(Debug, PartialEq)]
pub(super) enum Failure {
    SymbolNotDefined {
        symbol: String,
        is_static: bool,
    },
    /// About the library's code, in the form of clang's error lines.
    Errors(Vec<String>),
}

pub(super) type Answer = Result<PassOutput, Failure>;

const LEVELS: [OptLevel; 4] = [OptLevel::None, OptLevel::Less, OptLevel::Default, OptLevel::Aggressive];

pub(super) fn write_order(order: &PassInput) -> String {
    let mut writer = Writer::default();
    for text in [&order.library, &order.key, &order.target, &order.cpu] {
        writer.put(text);
    }
    for list in [&order.files, &order.symbols] {
        writer.list(list.iter(), |writer, text| writer.put(text));
    }
    writer.put(order.flags);
    for limit in [order.limits.instances, order.limits.handles, order.limits.arena_bytes] {
        writer.put(limit);
    }
    for flag in [order.threads, order.debug_info, order.privatise == PrivatiseMode::On] {
        writer.put(u8::from(flag));
    }
    writer.put(LEVELS.iter().position(|level| *level == order.opt_level).unwrap_or_default());
    writer.finish()
}

pub(super) fn read_order(text: &str) -> Option<PassInput> {
    let mut reader = Reader::new(text);
    Some(PassInput {
        library: reader.text()?,
        key: reader.text()?,
        target: reader.text()?,
        cpu: reader.text()?,
        files: reader.list(Reader::text)?,
        symbols: reader.list(Reader::text)?,
        flags: reader.number()?,
        limits: Limits { instances: reader.number()?, handles: reader.number()?, arena_bytes: reader.number()? },
        threads: reader.flag()?,
        debug_info: reader.flag()?,
        privatise: if reader.flag()? { PrivatiseMode::On } else { PrivatiseMode::Off },
        opt_level: *LEVELS.get(reader.number::<usize>()?)?,
    })
}

/// The length of a text, the text, and the bytes whose lengths it names.
pub(super) fn write_answer(answer: &Answer) -> Vec<u8> {
    let mut writer = Writer::default();
    let mut blobs: Vec<&[u8]> = Vec::new();
    match answer {
        Ok(output) => {
            writer.put("objects");
            write_output(&mut writer, output);
            blobs.extend(output.objects.iter().chain(&output.leaves).map(Vec::as_slice));
        }
        Err(Failure::SymbolNotDefined { symbol, is_static }) => {
            writer.put("symbol");
            writer.put(symbol);
            writer.put(u8::from(*is_static));
        }
        Err(Failure::Errors(lines)) => {
            writer.put("errors");
            writer.list(lines.iter(), |writer, line| writer.put(line));
        }
    }
    let text = writer.finish();
    let mut bytes = format!("{}\n{text}", text.len()).into_bytes();
    blobs.iter().for_each(|blob| bytes.extend_from_slice(blob));
    bytes
}

pub(super) fn read_answer(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.iter().take(20).position(|byte| *byte == b'\n')?;
    let length: usize = str::from_utf8(&bytes[..end]).ok()?.parse().ok()?;
    let (text, blobs) = bytes[end + 1..].split_at_checked(length)?;
    let mut reader = Reader::new(str::from_utf8(text).ok()?);
    Some(match reader.text()?.as_str() {
        "objects" => Ok(read_output(&mut reader, blobs)?),
        "symbol" => Err(Failure::SymbolNotDefined { symbol: reader.text()?, is_static: reader.flag()? }),
        "errors" => Err(Failure::Errors(reader.list(Reader::text)?)),
        _ => return None,
    })
}

fn write_output(writer: &mut Writer, output: &PassOutput) {
    writer.list(output.functions.iter(), write_function);
    writer.list(output.members.iter(), write_member);
    for number in [output.data_size, output.total_size, output.relocations] {
        writer.put(number);
    }
    writer.list(output.undefined.iter(), |writer, name| writer.put(name));
    writer.put(u8::from(output.uses_stdio));
    writer.list(output.objects.iter(), |writer, object| writer.put(object.len()));
    writer.list(output.leaves.iter(), |writer, leaves| writer.put(leaves.len()));
}

fn read_output(reader: &mut Reader<'_>, mut blobs: &[u8]) -> Option<PassOutput> {
    let functions = reader.list(read_function)?.into_iter().collect();
    let members = reader.list(read_member)?;
    let (data_size, total_size, relocations) = (reader.number()?, reader.number()?, reader.number()?);
    let (undefined, uses_stdio) = (reader.list(Reader::text)?, reader.flag()?);
    let mut blob = |reader: &mut Reader<'_>| {
        let (blob, rest) = blobs.split_at_checked(reader.number()?)?;
        blobs = rest;
        Some(blob.to_vec())
    };
    let (objects, mut leaves) = (reader.list(&mut blob)?, reader.list(blob)?);
    let is_whole = blobs.is_empty() && !objects.is_empty();
    is_whole.then_some(PassOutput {
        objects,
        leaves: leaves.pop(),
        functions,
        members,
        data_size,
        total_size,
        relocations,
        undefined,
        uses_stdio,
    })
}

#[cfg(test)]
mod tests {
    use super::super::signature::{CFunction, CLeaf, CSignature, CType};
    use super::super::sources::MemberReport;
    use super::*;

    fn output() -> PassOutput {
        let signature = CSignature { result: CType::Void, params: vec![CType::Bool], variadic: false };
        let leaf = Some(CLeaf { needs_instance: true });
        let function = CFunction { link_name: "c.f".to_owned(), signature, file: "a\nb.c".to_owned(), line: 3, leaf };
        PassOutput {
            objects: vec![b"one".to_vec(), b"\0\n".to_vec()],
            leaves: Some(b"BC".to_vec()),
            functions: [("f".to_owned(), function)].into(),
            members: vec![MemberReport { name: "m".to_owned(), size: 8, file: "a.c".to_owned(), line: 1 }],
            data_size: 8,
            total_size: 64,
            relocations: 1,
            undefined: vec!["malloc".to_owned()],
            uses_stdio: true,
        }
    }

    #[test]
    fn orders_come_back() {
        for (opt_level, privatise) in
            LEVELS.into_iter().zip([PrivatiseMode::On, PrivatiseMode::Off].into_iter().cycle())
        {
            let order = PassInput {
                library: "l".to_owned(),
                key: "0123".to_owned(),
                files: vec!["a.c".to_owned(), "b\n.c".to_owned()],
                symbols: Vec::new(),
                flags: 5,
                limits: Limits { instances: 1, handles: 2, arena_bytes: 3 },
                threads: false,
                target: "t".to_owned(),
                cpu: String::new(),
                opt_level,
                debug_info: true,
                privatise,
            };
            assert_eq!(read_order(&write_order(&order)), Some(order));
        }
    }

    #[test]
    fn answers_come_back() {
        let failures = [
            Failure::SymbolNotDefined { symbol: "f".to_owned(), is_static: true },
            Failure::Errors(vec!["a.c:1: error: x\ny".to_owned()]),
        ];
        for answer in failures.into_iter().map(Err).chain([Ok(output())]) {
            assert_eq!(read_answer(&write_answer(&answer)), Some(answer));
        }
    }

    #[test]
    fn what_is_cut_or_longer_is_no_answer() {
        let whole = write_answer(&Ok(output()));
        for end in 0..whole.len() {
            assert_eq!(read_answer(&whole[..end]), None, "{end}");
        }
        assert_eq!(read_answer(&[&whole[..], b"x"].concat()), None);
        assert_eq!(read_answer(b"99999999999999999999\nobjects\n"), None);
    }
}
