//! Writes the canonical archive of a library: the same bytes on every machine, clock, locale and umask.
//!
//! In: files. Out: the bytes of a `.cxz`. Own writer, because every field is fixed by the format and the `zip` crate
//! chooses some of them itself. Deliberately not here: where the files come from (`library`).
//!
//! ```text
//!   local:    PK34 need=20 flags=UTF8 method time=0 date=1980-01-01 crc csize size namelen extra=0 name data
//!   central:  PK12 made=unix/2.0 … attributes=0100644 offset name
//!   end:      PK56 no comment
//! ```

use std::collections::BTreeMap;

use flate2::{Compress, Compression, FlushCompress};

use super::archive::{self, ArchiveError, Fault, crc32, limits};

const MADE_BY_UNIX: u16 = 3 << 8 | 20;
const VERSION_NEEDED: u16 = 20;
const FLAGS: u16 = 1 << 11;
const STORED: u16 = 0;
const DEFLATE: u16 = 8;
/// 1980-01-01 in DOS form; the time is 0.
const DATE: u16 = 1 << 5 | 1;
const ATTRIBUTES: u32 = 0o100_644 << 16;

/// `BTreeMap` has the entries in the order of their bytes.
pub fn pack(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, ArchiveError> {
    if files.len() > limits::ENTRIES {
        return Err(ArchiveError::new(Fault::ManyEntries));
    }
    let (mut output, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        if content.len() as u64 > limits::ENTRY_BYTES {
            return Err(ArchiveError::new(Fault::EntryLarge).entry(name.as_bytes()));
        }
        let offset = output.len() as u32;
        let (method, data) = compressed(content);
        let mut common = Vec::new();
        for field in [VERSION_NEEDED, FLAGS, method, 0, DATE] {
            common.extend(field.to_le_bytes());
        }
        for field in [crc32(content), data.len() as u32, content.len() as u32] {
            common.extend(field.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend(0_u16.to_le_bytes());

        output.extend(b"PK\x03\x04");
        output.extend(&common);
        output.extend(name.as_bytes());
        output.extend(&data);

        directory.extend(b"PK\x01\x02");
        directory.extend(MADE_BY_UNIX.to_le_bytes());
        directory.extend(&common);
        // Comment length, disk and internal attributes.
        directory.extend([0; 6]);
        directory.extend(ATTRIBUTES.to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
        if output.len() as u64 > limits::ARCHIVE_BYTES {
            return Err(ArchiveError::new(Fault::ArchiveLarge));
        }
    }
    let start = output.len() as u32;
    output.extend(&directory);
    output.extend(b"PK\x05\x06");
    output.extend([0; 4]);
    output.extend((files.len() as u16).to_le_bytes());
    output.extend((files.len() as u16).to_le_bytes());
    output.extend((directory.len() as u32).to_le_bytes());
    output.extend(start.to_le_bytes());
    output.extend([0; 2]);
    // Whatever is written must be readable by everybody.
    archive::read(&output)?;
    Ok(output)
}

/// Deflate where it helps; what the reader would refuse as a bomb is stored.
fn compressed(content: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = Compress::new(Compression::new(9), false);
    let mut data = Vec::with_capacity(content.len() + content.len() / 1000 + 64);
    let finished = stream.compress_vec(content, &mut data, FlushCompress::Finish);
    let is_whole = matches!(finished, Ok(flate2::Status::StreamEnd));
    let is_bomb =
        content.len() as u64 > limits::RATIO_FREE_BYTES && content.len() as u64 > data.len() as u64 * limits::RATIO;
    if is_whole && !is_bomb && data.len() < content.len() { (DEFLATE, data) } else { (STORED, content.to_vec()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_what_was_unpacked_changes_nothing() {
        let mut files = BTreeMap::new();
        files.insert("manifest.toml".to_owned(), b"[library]\n".to_vec());
        files.insert("src/a.coex".to_owned(), b"func f()\n~\n".repeat(100));
        files.insert("docs/\u{e4}.md".to_owned(), Vec::new());
        files.insert("ffi/src/zero.bin".to_owned(), vec![0; 3 << 20]);
        let first = pack(&files).expect("packs");
        let unpacked = archive::read(&first).expect("reads");
        assert_eq!(unpacked, files);
        assert_eq!(pack(&unpacked).expect("packs"), first);
    }
}
