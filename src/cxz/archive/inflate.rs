//! Unpacks judged entries into memory, under the limits.
//!
//! In: an archive's bytes and its entries. Out: the files. A stated size is never believed: output is counted while it
//! is made. `flate2` is used directly because only it tells where a stream ended, and bytes behind that place are a
//! hiding place.

use std::collections::BTreeMap;

use flate2::{Decompress, FlushDecompress, Status};

use super::records::{Entry, Method};
use super::{ArchiveError, Fault, limits};

/// Output is made and checked in pieces of this size.
const STEP_BYTES: usize = 64 << 10;

pub(super) fn inflate_all(bytes: &[u8], entries: &[Entry]) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    let mut files = BTreeMap::new();
    let mut total = 0_u64;
    for entry in entries {
        let refuse = |fault| ArchiveError::at(fault, entry.header_offset).entry(entry.name.as_bytes());
        let data = &bytes[entry.data.clone()];
        let room = limits::ENTRY_BYTES.min(limits::UNPACKED_BYTES - total);
        let content = match entry.method {
            Method::Stored => data.to_vec(),
            Method::Deflate => inflate(data, entry.size, room).map_err(refuse)?,
        };
        if content.len() as u64 != u64::from(entry.size) {
            return Err(refuse(Fault::SizeWrong));
        }
        if crc32(&content) != entry.crc32 {
            return Err(refuse(Fault::CrcWrong));
        }
        total += content.len() as u64;
        if total > limits::UNPACKED_BYTES {
            return Err(refuse(Fault::UnpackedLarge));
        }
        if !entry.name.ends_with('/') {
            files.insert(entry.name.clone(), content);
        }
    }
    Ok(files)
}

pub(super) fn check_ratio(size: u64, compressed: u64) -> Result<(), Fault> {
    if size > limits::RATIO_FREE_BYTES && size > compressed.saturating_mul(limits::RATIO) {
        return Err(Fault::Ratio);
    }
    Ok(())
}

fn inflate(data: &[u8], stated: u32, room: u64) -> Result<Vec<u8>, Fault> {
    let mut stream = Decompress::new(false);
    // The stated size is only a hint, so a lie costs at most one step.
    let mut output = Vec::with_capacity((stated as usize).min(STEP_BYTES));
    loop {
        if output.len() == output.capacity() {
            output.reserve(STEP_BYTES.max(output.len()));
        }
        let rest = &data[stream.total_in() as usize..];
        let before = (stream.total_in(), output.len());
        let status = stream.decompress_vec(rest, &mut output, FlushDecompress::Finish).map_err(|_| Fault::Data)?;
        let made = output.len() as u64;
        if made > u64::from(stated) {
            return Err(Fault::SizeWrong);
        }
        if made > room {
            return Err(Fault::UnpackedLarge);
        }
        check_ratio(made, data.len() as u64)?;
        if status == Status::StreamEnd {
            break;
        }
        if before == (stream.total_in(), output.len()) && output.len() < output.capacity() {
            // It wants more input, and there is none.
            return Err(Fault::Data);
        }
    }
    if stream.total_in() != data.len() as u64 {
        return Err(Fault::DataTail);
    }
    Ok(output)
}

/// CRC-32 as ZIP has it.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
