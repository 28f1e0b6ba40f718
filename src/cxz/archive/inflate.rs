//! Unpacks judged entries into memory, under the limits.
//!
//! In: an archive's bytes and its entries, whose stated sizes keep the limits. Out: the files. A stated size is never
//! believed: inflating ends as soon as there is more, so what keeps to it keeps the limits. `flate2` is used directly
//! because only it tells where a stream ended, and bytes behind that place are a hiding place.

use std::collections::BTreeMap;

use flate2::{Decompress, FlushDecompress, Status};

use super::records::{Entry, Method};
use super::{ArchiveError, Fault, limits};

/// Compressed text seldom unpacks to more.
const USUAL_RATIO: usize = 8;
const STEP_BYTES: usize = 64 << 10;
/// Room behind the stated size: for the end of a stream that says nothing, and to see that there is more.
const SPARE_BYTES: usize = 16;

pub(super) fn inflate_all(bytes: &[u8], entries: &[Entry]) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    let mut files = BTreeMap::new();
    for entry in entries {
        let refuse = |fault| ArchiveError::at(fault, entry.header_offset).entry(entry.name.as_bytes());
        let data = &bytes[entry.data.clone()];
        let content = match entry.method {
            Method::Stored => data.to_vec(),
            Method::Deflate => inflate(data, entry.size).map_err(refuse)?,
        };
        if content.len() as u64 != u64::from(entry.size) {
            return Err(refuse(Fault::SizeWrong));
        }
        if crc32(&content) != entry.crc32 {
            return Err(refuse(Fault::CrcWrong));
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

fn inflate(data: &[u8], stated: u32) -> Result<Vec<u8>, Fault> {
    let stated = stated as usize;
    let mut stream = Decompress::new(false);
    // Ordinary text fits at once; a lie about the size costs no more memory than honest data of this length.
    let mut output = Vec::with_capacity(stated.min(data.len().saturating_mul(USUAL_RATIO) + STEP_BYTES) + SPARE_BYTES);
    loop {
        if output.len() == output.capacity() {
            let missing = (stated + SPARE_BYTES).saturating_sub(output.len());
            output.reserve_exact(missing.min(output.len()).max(SPARE_BYTES));
        }
        let rest = &data[stream.total_in() as usize..];
        let before = (stream.total_in(), output.len());
        let status = stream.decompress_vec(rest, &mut output, FlushDecompress::Finish).map_err(|_| Fault::Data)?;
        if output.len() > stated {
            return Err(Fault::SizeWrong);
        }
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
