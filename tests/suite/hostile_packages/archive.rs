//! What the reader of archives must do with any bytes: refuse them at a place, or read what everybody else reads.
//!
//! In: bytes. Out: nothing; a panic where the reader breaks its word. Shared with the fuzz target of `fuzz/`.

use std::collections::BTreeMap;
use std::io::Read;

use coexc::cxz::archive::{self, Fault, limits};
use coexc::cxz::pack::pack;

type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn read(bytes: &[u8]) {
    let files = match archive::read(bytes) {
        Ok(files) => files,
        Err(error) => {
            let text = error.to_string();
            assert!(!text.chars().any(char::is_control), "{text:?}");
            let offset = error.offset.expect("a place");
            assert!(offset <= bytes.len() as u64 && text.contains(&format!("byte {offset}")), "{text}");
            return;
        }
    };
    assert!(files.contains_key("manifest.toml") && files.len() <= limits::ENTRIES);
    assert!(files.values().map(|content| content.len() as u64).sum::<u64>() <= limits::UNPACKED_BYTES);
    for name in files.keys() {
        assert_eq!(archive::check_name(name), Ok(()), "{name}");
    }
    assert_eq!(by_zip(bytes), files, "the crate reads something else");
    // One byte more or less is another archive, and none.
    assert!(archive::read(&bytes[..bytes.len() - 1]).is_err(), "it is accepted without its last byte");
    assert!(archive::read(&[bytes, b"\0"].concat()).is_err(), "it is accepted with a byte behind it");
    match pack(&files) {
        Ok(packed) => {
            let again = archive::read(&packed).expect("what is packed can be read");
            assert_eq!(again, files, "packing changes the files");
            assert_eq!(pack(&again).expect("packs"), packed, "packing is not canonical");
        }
        // What one can compress to the limit, another stores.
        Err(error) => assert_eq!(error.fault, Fault::ArchiveLarge, "{error}"),
    }
}

/// The files as the `zip` crate reads them.
fn by_zip(bytes: &[u8]) -> Files {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("the crate opens it");
    let mut files = Files::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).expect("the crate finds the entry");
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("the crate reads the entry");
        let name = entry.name().expect("a name").into_owned();
        if name.ends_with('/') {
            assert!(content.is_empty(), "{name}");
        } else {
            assert!(files.insert(name, content).is_none(), "a name twice");
        }
    }
    files
}
