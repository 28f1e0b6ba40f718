//! The raw records of a ZIP archive: end record, central directory, local headers, descriptors.
//!
//! In: bytes. Out: entries whose local and central records agree and which fill the file without gap or overlap.
//! Deliberately not here: rules about names, and inflating.

use std::ops::Range;

use super::{ArchiveError, Fault, limits};

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const ZIP64_LOCATOR: &[u8] = b"PK\x06\x07";
const DESCRIPTOR: &[u8] = b"PK\x07\x08";

const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: usize = 22;

const FLAG_ENCRYPTED: u16 = 1;
const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_STRONG_ENCRYPTION: u16 = 1 << 6;
const FLAG_UTF8: u16 = 1 << 11;
const FLAG_MASKED: u16 = 1 << 13;
/// Flags that change how an entry is read; the rest are hints of the compressor.
const FLAGS_WITH_MEANING: u16 = FLAG_ENCRYPTED | FLAG_DESCRIPTOR | FLAG_STRONG_ENCRYPTION | FLAG_UTF8 | FLAG_MASKED;

const EXTRA_ZIP64: u16 = 0x0001;
const EXTRA_UNICODE_PATH: u16 = 0x7075;
const EXTRA_AES: u16 = 0x9901;
/// Of PKWARE: times and owners, and behind them what a link leads to or a device is.
const EXTRA_UNIX: u16 = 0x000d;
const EXTRA_UNIX_BYTES: usize = 12;
/// Of ASi: checksum, a mode that goes before that of the directory, and the target of a link.
const EXTRA_ASI: u16 = 0x756e;
const EXTRA_ASI_MODE: usize = 4;

const DOS_VOLUME_LABEL: u32 = 1 << 3;
const DOS_DIRECTORY: u32 = 1 << 4;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Method {
    Stored,
    Deflate,
}

/// One entry whose two headers agree.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) method: Method,
    pub(super) crc32: u32,
    pub(super) size: u32,
    pub(super) header_offset: usize,
    /// The compressed bytes.
    pub(super) data: Range<usize>,
    /// Behind data and descriptor: where the next record must begin.
    pub(super) end: usize,
}

/// The fields of a central directory record that matter.
struct Central<'a> {
    offset: usize,
    flags: u16,
    method: u16,
    crc32: u32,
    compressed: u32,
    size: u32,
    name: &'a [u8],
    extra: &'a [u8],
    disk: u16,
    attributes: u32,
    header_offset: u32,
}

pub(super) fn read_records(bytes: &[u8]) -> Result<Vec<Entry>, ArchiveError> {
    let end = find_end(bytes)?;
    let directory = read_end(bytes, end)?;
    let mut entries = Vec::with_capacity(directory.count);
    let mut at = directory.start;
    while at < end {
        let central = read_central(bytes, at, end)?;
        at += CENTRAL_BYTES + central.name.len() + central.extra.len() + usize::from(u16_at(bytes, at + 32));
        if entries.len() == limits::ENTRIES {
            return Err(ArchiveError::at(Fault::ManyEntries, central.offset));
        }
        entries.push(read_entry(bytes, &central, directory.start)?);
    }
    if entries.len() != directory.count {
        return Err(ArchiveError::at(Fault::DirectoryCount, end));
    }
    check_layout(bytes, &entries, directory.start)?;
    Ok(entries)
}

/// The one place where an end record's comment reaches exactly to the end of the file.
fn find_end(bytes: &[u8]) -> Result<usize, ArchiveError> {
    if bytes.len() < END_BYTES {
        return Err(ArchiveError::at(Fault::NotAnArchive, 0));
    }
    let last = bytes.len() - END_BYTES;
    let first = last.saturating_sub(usize::from(u16::MAX));
    let candidates: Vec<usize> = (first..=last).filter(|&at| bytes[at..].starts_with(END)).collect();
    let fits = |at: usize| at + END_BYTES + usize::from(u16_at(bytes, at + 20)) == bytes.len();
    let fitting: Vec<usize> = candidates.iter().copied().filter(|&at| fits(at)).collect();
    match fitting.as_slice() {
        [] if candidates.is_empty() => Err(ArchiveError::at(Fault::NotAnArchive, 0)),
        [] => {
            let at = candidates[candidates.len() - 1];
            let stated = at + END_BYTES + usize::from(u16_at(bytes, at + 20));
            let fault = if stated < bytes.len() { Fault::Trailing } else { Fault::NotAnArchive };
            Err(ArchiveError::at(fault, stated.min(bytes.len())))
        }
        // A signature inside the comment would be the end record of a reader that scans from the back.
        [at] => match bytes[at + 4..].windows(4).position(|window| window == END) {
            Some(second) => Err(ArchiveError::at(Fault::SeveralEnds, at + 4 + second)),
            None => Ok(*at),
        },
        [_, second, ..] => Err(ArchiveError::at(Fault::SeveralEnds, *second)),
    }
}

struct Directory {
    start: usize,
    count: usize,
}

fn read_end(bytes: &[u8], end: usize) -> Result<Directory, ArchiveError> {
    let refuse = |fault| Err(ArchiveError::at(fault, end));
    let (disk, directory_disk) = (u16_at(bytes, end + 4), u16_at(bytes, end + 6));
    let (count_here, count) = (u16_at(bytes, end + 8), u16_at(bytes, end + 10));
    let (size, start) = (u32_at(bytes, end + 12), u32_at(bytes, end + 16));
    let has_locator = end >= 20 && bytes[end - 20..].starts_with(ZIP64_LOCATOR);
    if has_locator || count == u16::MAX || size == u32::MAX || start == u32::MAX {
        return refuse(Fault::Zip64);
    }
    if disk != 0 || directory_disk != 0 || count_here != count {
        return refuse(Fault::MultiDisk);
    }
    if usize::from(count) > limits::ENTRIES {
        return refuse(Fault::ManyEntries);
    }
    let (size, start) = (size as usize, start as usize);
    if start + size > end {
        return refuse(Fault::DirectoryDamaged);
    }
    if start + size < end {
        // Either the whole archive is shifted by prepended data, or something hides before the end record.
        let shifted = bytes[end - size..].starts_with(CENTRAL) && !bytes[start..].starts_with(CENTRAL);
        let fault = if shifted { Fault::Prepended } else { Fault::Gap };
        return Err(ArchiveError::at(fault, if shifted { 0 } else { start + size }));
    }
    Ok(Directory { start, count: usize::from(count) })
}

fn read_central(bytes: &[u8], at: usize, end: usize) -> Result<Central<'_>, ArchiveError> {
    let damaged = || ArchiveError::at(Fault::DirectoryDamaged, at);
    if end - at < CENTRAL_BYTES || !bytes[at..].starts_with(CENTRAL) {
        return Err(damaged());
    }
    let name_len = usize::from(u16_at(bytes, at + 28));
    let extra_len = usize::from(u16_at(bytes, at + 30));
    let comment_len = usize::from(u16_at(bytes, at + 32));
    if at + CENTRAL_BYTES + name_len + extra_len + comment_len > end {
        return Err(damaged());
    }
    let name = at + CENTRAL_BYTES;
    Ok(Central {
        offset: at,
        flags: u16_at(bytes, at + 8),
        method: u16_at(bytes, at + 10),
        crc32: u32_at(bytes, at + 16),
        compressed: u32_at(bytes, at + 20),
        size: u32_at(bytes, at + 24),
        name: &bytes[name..name + name_len],
        extra: &bytes[name + name_len..name + name_len + extra_len],
        disk: u16_at(bytes, at + 34),
        attributes: u32_at(bytes, at + 38),
        header_offset: u32_at(bytes, at + 42),
    })
}

fn read_entry(bytes: &[u8], central: &Central, directory_start: usize) -> Result<Entry, ArchiveError> {
    let refuse = |fault| ArchiveError::at(fault, central.offset).entry(central.name);
    let name = read_name(central).map_err(refuse)?;
    check_kind(central, &name).map_err(refuse)?;
    check_extra(central.extra, central.name).map_err(refuse)?;
    if central.compressed == u32::MAX || central.size == u32::MAX || central.header_offset == u32::MAX {
        return Err(refuse(Fault::Zip64));
    }
    if central.disk != 0 {
        return Err(refuse(Fault::MultiDisk));
    }
    if central.flags & (FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION | FLAG_MASKED) != 0 {
        return Err(refuse(Fault::Encrypted));
    }
    let method = match central.method {
        0 => Method::Stored,
        8 => Method::Deflate,
        _ => return Err(refuse(Fault::Method)),
    };
    if method == Method::Stored && central.size != central.compressed {
        return Err(refuse(Fault::SizeWrong));
    }
    let (data, end) = read_local(bytes, central, directory_start)?;
    let (crc32, size, header_offset) = (central.crc32, central.size, central.header_offset as usize);
    Ok(Entry { name, method, crc32, size, header_offset, data, end })
}

fn read_name(central: &Central) -> Result<String, Fault> {
    let name = std::str::from_utf8(central.name).map_err(|_| Fault::NameUtf8)?;
    if !name.is_ascii() && central.flags & FLAG_UTF8 == 0 {
        return Err(Fault::NameEncoding);
    }
    Ok(name.to_owned())
}

/// The kind of file that the Unix mode and the name claim. The mode counts whatever system made the archive: some
/// readers look only at it.
fn check_kind(central: &Central, name: &str) -> Result<(), Fault> {
    let is_directory = name.ends_with('/');
    check_mode(central.attributes >> 16, is_directory)?;
    // Readers on every system take these bits for what they mean on DOS: some skip the label of a volume.
    let is_label = central.attributes & DOS_VOLUME_LABEL != 0;
    if is_label || central.attributes & DOS_DIRECTORY != 0 && !is_directory {
        return Err(Fault::Device);
    }
    if is_directory && central.size != 0 {
        return Err(Fault::DirectoryWithData);
    }
    Ok(())
}

fn check_mode(mode: u32, is_directory: bool) -> Result<(), Fault> {
    match mode & 0o170_000 {
        0 | 0o100_000 => {}
        0o040_000 if is_directory => {}
        0o120_000 => return Err(Fault::Link),
        _ => return Err(Fault::Device),
    }
    if mode & 0o6_000 != 0 { Err(Fault::SetId) } else { Ok(()) }
}

/// Extra fields may stand there, but must not change what an entry is.
fn check_extra(mut extra: &[u8], name: &[u8]) -> Result<(), Fault> {
    while !extra.is_empty() {
        if extra.len() < 4 {
            return Err(Fault::ExtraDamaged);
        }
        let (id, len) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let Some(field) = extra.get(4..4 + len) else { return Err(Fault::ExtraDamaged) };
        match id {
            EXTRA_ZIP64 => return Err(Fault::Zip64),
            EXTRA_AES => return Err(Fault::Encrypted),
            EXTRA_UNICODE_PATH if field.get(5..) != Some(name) => return Err(Fault::ExtraName),
            EXTRA_UNIX if len > EXTRA_UNIX_BYTES => return Err(Fault::Link),
            EXTRA_ASI if len < EXTRA_ASI_MODE + 2 => return Err(Fault::ExtraDamaged),
            EXTRA_ASI => check_mode(u32::from(u16_at(field, EXTRA_ASI_MODE)), name.ends_with(b"/"))?,
            _ => {}
        }
        extra = &extra[4 + len..];
    }
    Ok(())
}

/// Compares the local header; the places of data and of the next record.
fn read_local(bytes: &[u8], central: &Central, directory_start: usize) -> Result<(Range<usize>, usize), ArchiveError> {
    let at = central.header_offset as usize;
    let refuse = |fault| ArchiveError::at(fault, at).entry(central.name);
    if at + LOCAL_BYTES > directory_start {
        // There is nothing to point at but the record that says so.
        return Err(ArchiveError::at(Fault::HeaderDamaged, central.offset).entry(central.name));
    }
    if !bytes[at..].starts_with(LOCAL) {
        return Err(refuse(Fault::HeaderDamaged));
    }
    let name_end = at + LOCAL_BYTES + usize::from(u16_at(bytes, at + 26));
    let data_start = name_end + usize::from(u16_at(bytes, at + 28));
    let data_end = data_start + central.compressed as usize;
    if data_end > directory_start {
        return Err(refuse(Fault::Overlap));
    }
    if &bytes[at + LOCAL_BYTES..name_end] != central.name {
        return Err(refuse(Fault::NameDisagrees));
    }
    check_extra(&bytes[name_end..data_start], central.name).map_err(refuse)?;
    let flags = u16_at(bytes, at + 6);
    if (flags ^ central.flags) & FLAGS_WITH_MEANING != 0 {
        return Err(refuse(Fault::FlagsDisagree));
    }
    if u16_at(bytes, at + 8) != central.method {
        return Err(refuse(Fault::MethodDisagrees));
    }
    let (crc32, compressed, size) = (u32_at(bytes, at + 14), u32_at(bytes, at + 18), u32_at(bytes, at + 22));
    // Writers to pipes leave to the descriptor what they do not know yet: all three, or the checksum alone.
    let has_descriptor = flags & FLAG_DESCRIPTOR != 0;
    let agrees = |local: u32, central: u32| local == central || has_descriptor && local == 0;
    if !agrees(crc32, central.crc32) {
        return Err(refuse(Fault::CrcDisagrees));
    }
    if !agrees(compressed, central.compressed) || !agrees(size, central.size) {
        return Err(refuse(Fault::SizeDisagrees));
    }
    if !has_descriptor {
        return Ok((data_start..data_end, data_end));
    }
    let descriptor = descriptor_bytes(&bytes[data_end..directory_start], central);
    let len = descriptor.ok_or_else(|| refuse(Fault::DescriptorDisagrees))?;
    Ok((data_start..data_end, data_end + len))
}

/// The length of the descriptor that agrees with the central record: with or without its optional signature.
fn descriptor_bytes(rest: &[u8], central: &Central) -> Option<usize> {
    let agrees = |fields: &[u8]| {
        fields.len() >= 12
            && u32_at(fields, 0) == central.crc32
            && u32_at(fields, 4) == central.compressed
            && u32_at(fields, 8) == central.size
    };
    if rest.strip_prefix(DESCRIPTOR).is_some_and(agrees) {
        return Some(16);
    }
    agrees(rest).then_some(12)
}

/// Entries and central directory must fill the file from its first byte on.
fn check_layout(bytes: &[u8], entries: &[Entry], directory_start: usize) -> Result<(), ArchiveError> {
    let mut order: Vec<&Entry> = entries.iter().collect();
    order.sort_by_key(|entry| entry.header_offset);
    let mut expected = 0;
    for entry in order {
        check_place(bytes, expected, entry.header_offset).map_err(|error| error.entry(entry.name.as_bytes()))?;
        expected = entry.end;
    }
    check_place(bytes, expected, directory_start)
}

fn check_place(bytes: &[u8], expected: usize, found: usize) -> Result<(), ArchiveError> {
    if found == expected {
        return Ok(());
    }
    let fault = match () {
        () if found < expected => Fault::Overlap,
        () if bytes[expected..].starts_with(LOCAL) => Fault::Unreferenced,
        () if expected == 0 => Fault::Prepended,
        () => Fault::Gap,
    };
    Err(ArchiveError::at(fault, expected.min(found)))
}

/// Callers have checked that the bytes are there.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
