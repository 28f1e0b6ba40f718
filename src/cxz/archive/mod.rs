//! The strict reader of the ZIP container.
//!
//! In: the bytes of an archive. Out: its files, or the first [`ArchiveError`] with entry and byte offset.
//! The raw bytes are judged here first, record by record; then the `zip` crate reads them as a second, independent
//! opinion that must agree; only then is anything inflated. Deliberately not here: what the files mean.
//!
//! ```text
//!   0                                                                        end of file
//!   | local header · data [· descriptor] | … | central directory | end record |
//!   `-- one for each central entry, without gap or overlap, in any order --'
//! ```

mod inflate;
mod names;
mod records;

use std::collections::BTreeMap;
use std::fmt;

pub(crate) use inflate::crc32;
pub(super) use names::Tree;
pub use names::check_name;
use records::Entry;

/// Limits of the format (cxz.md 1).
pub mod limits {
    pub const ARCHIVE_BYTES: u64 = 64 << 20;
    pub const UNPACKED_BYTES: u64 = 256 << 20;
    pub const ENTRY_BYTES: u64 = 64 << 20;
    pub const ENTRIES: usize = 10_000;
    pub const RATIO: u64 = 200;
    /// The ratio counts only for what inflates to more than this.
    pub const RATIO_FREE_BYTES: u64 = 1 << 20;
    pub const NAME_BYTES: usize = 240;
    pub const DEPTH: usize = 16;
}

macro_rules! faults {
    ($($fault:ident $slug:literal $text:literal)*) => {
        /// What is wrong with an archive.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Fault { $($fault,)* }

        impl Fault {
            pub const ALL: &[Fault] = &[$(Fault::$fault,)*];

            /// Stable short name, for tools.
            pub fn slug(self) -> &'static str {
                match self { $(Fault::$fault => $slug,)* }
            }

            fn text(self) -> &'static str {
                match self { $(Fault::$fault => $text,)* }
            }
        }
    };
}

faults! {
    NotAnArchive "not-an-archive" "it is not a ZIP archive"
    SeveralEnds "several-end-records" "it has more than one end record"
    MultiDisk "multi-disk" "it is one part of a multi-disk archive"
    Zip64 "zip64" "it uses zip64 records"
    DirectoryDamaged "directory-damaged" "its central directory is damaged"
    DirectoryCount "directory-count" "its end record counts other entries than the central directory holds"
    Prepended "prepended-data" "data precedes the first entry"
    Gap "gap" "there is unused data between the entries"
    Unreferenced "unreferenced-entry" "an entry is not listed in the central directory"
    Overlap "overlap" "two entries overlap"
    Trailing "trailing-data" "data follows the end record"
    HeaderDamaged "header-damaged" "a local header is damaged"
    NameDisagrees "name-disagrees" "local header and central directory disagree about the name"
    SizeDisagrees "size-disagrees" "local header and central directory disagree about the size"
    MethodDisagrees "method-disagrees" "local header and central directory disagree about the method"
    CrcDisagrees "crc-disagrees" "local header and central directory disagree about the checksum"
    FlagsDisagree "flags-disagree" "local header and central directory disagree about the flags"
    DescriptorDisagrees "descriptor-disagrees" "a data descriptor disagrees with the central directory"
    ExtraDamaged "extra-damaged" "an extra field is damaged"
    ExtraName "extra-name" "an extra field gives the entry another name"
    Encrypted "encrypted" "an entry is encrypted"
    Method "unknown-method" "an entry uses a compression method other than stored and deflate"
    Data "data-damaged" "compressed data is damaged"
    DataTail "data-tail" "unused bytes follow the compressed data of an entry"
    SizeWrong "wrong-size" "an entry does not inflate to its stated size"
    CrcWrong "wrong-crc" "the checksum of an entry is wrong"
    SecondOpinion "readers-disagree" "two readers understand it differently"
    Link "link" "an entry is a link"
    Device "device" "an entry is neither a file nor a directory"
    SetId "set-id" "an entry has a set-id bit"
    DirectoryWithData "directory-with-data" "a directory entry has contents"
    NameUtf8 "name-utf8" "an entry name is not valid UTF-8"
    NameEncoding "name-encoding" "an entry name is neither ASCII nor marked as UTF-8"
    NameEmpty "name-empty" "an entry has no name"
    NameAbsolute "name-absolute" "an entry name is absolute"
    NameUnc "name-unc" "an entry name has a network prefix"
    NameDrive "name-drive" "an entry name has a drive prefix"
    NameColon "name-colon" "an entry name contains a colon"
    NameDotDot "name-dotdot" "an entry name has a '..' component"
    NameDot "name-dot" "an entry name has a '.' component"
    NameEmptyPart "name-empty-component" "an entry name has an empty component"
    NameBackslash "name-backslash" "an entry name contains a backslash"
    NameNul "name-nul" "an entry name contains NUL"
    NameControl "name-control" "an entry name contains a control character"
    NameTail "name-trailing" "a component of an entry name ends in a dot or a space"
    NameReserved "name-reserved" "an entry name is reserved on Windows"
    NameLong "name-too-long" "an entry name is longer than 240 bytes"
    NameDeep "name-too-deep" "an entry lies more than 16 directories deep"
    Duplicate "duplicate" "two entries have the same name, case and Unicode form aside"
    FileAndDirectory "file-and-directory" "a file is also the directory of another entry"
    TopLevel "top-level" "an entry lies outside manifest.toml, src/, ffi/, docs/, tests/, LICENSE* and README*"
    NoManifest "no-manifest" "manifest.toml is missing"
    ArchiveLarge "archive-too-large" "it is larger than 64 MiB"
    UnpackedLarge "unpacked-too-large" "it unpacks to more than 256 MiB"
    EntryLarge "entry-too-large" "an entry is larger than 64 MiB"
    ManyEntries "too-many-entries" "it has more than 10,000 entries"
    Ratio "ratio" "an entry is compressed more than 200:1"
    Unreadable "unreadable" "it cannot be read"
}

/// Why an archive (or an unpacked directory) is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArchiveError {
    pub fault: Fault,
    /// The entry concerned, with everything unprintable escaped.
    pub entry: Option<String>,
    /// Where in the archive; absent for unpacked directories.
    pub offset: Option<u64>,
    /// What the operating system says, where it was asked.
    pub detail: Option<String>,
}

impl ArchiveError {
    pub fn new(fault: Fault) -> ArchiveError {
        ArchiveError { fault, entry: None, offset: None, detail: None }
    }

    pub fn at(fault: Fault, offset: usize) -> ArchiveError {
        ArchiveError { offset: Some(offset as u64), ..ArchiveError::new(fault) }
    }

    pub fn entry(mut self, name: &[u8]) -> ArchiveError {
        self.entry = Some(printable(name));
        self
    }

    pub fn detail(mut self, text: impl Into<String>) -> ArchiveError {
        self.detail = Some(text.into());
        self
    }
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.fault.text())?;
        match (&self.entry, self.offset) {
            (Some(entry), Some(offset)) => write!(formatter, " (entry '{entry}' at byte {offset})")?,
            (Some(entry), None) => write!(formatter, " ('{entry}')")?,
            (None, Some(offset)) => write!(formatter, " (at byte {offset})")?,
            (None, None) => {}
        }
        if let Some(detail) = &self.detail {
            write!(formatter, ": {detail}")?;
        }
        write!(formatter, " [{}]", self.fault.slug())
    }
}

impl std::error::Error for ArchiveError {}

/// A hostile name must not reach a terminal as it is; 80 characters identify it.
fn printable(name: &[u8]) -> String {
    let mut text: String = String::from_utf8_lossy(name).chars().flat_map(char::escape_debug).take(80).collect();
    if name.len() > 80 {
        text.push('…');
    }
    text
}

/// Judges the bytes of an archive and returns its files, directories left out.
pub fn read(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    let entries = inspect(bytes)?;
    second_opinion(bytes, &entries)?;
    inflate::inflate_all(bytes, &entries)
}

/// Judged before an archive is taken into memory, where its size is known by then.
pub fn check_size(len: u64) -> Result<(), ArchiveError> {
    match len > limits::ARCHIVE_BYTES {
        true => Err(ArchiveError::at(Fault::ArchiveLarge, limits::ARCHIVE_BYTES as usize)),
        false => Ok(()),
    }
}

/// Everything that can be judged without inflating.
fn inspect(bytes: &[u8]) -> Result<Vec<Entry>, ArchiveError> {
    check_size(bytes.len() as u64)?;
    let entries = records::read_records(bytes)?;
    let mut tree = names::Tree::default();
    let mut declared = 0_u64;
    for entry in &entries {
        let refuse = |fault| ArchiveError::at(fault, entry.header_offset).entry(entry.name.as_bytes());
        names::check_name(&entry.name).map_err(refuse)?;
        tree.add(&entry.name).map_err(refuse)?;
        if u64::from(entry.size) > limits::ENTRY_BYTES {
            return Err(refuse(Fault::EntryLarge));
        }
        declared += u64::from(entry.size);
        if declared > limits::UNPACKED_BYTES {
            return Err(refuse(Fault::UnpackedLarge));
        }
        inflate::check_ratio(u64::from(entry.size), entry.data.len() as u64).map_err(refuse)?;
    }
    if !entries.iter().any(|entry| entry.name == "manifest.toml") {
        return Err(ArchiveError::at(Fault::NoManifest, directory_start(&entries)));
    }
    Ok(entries)
}

/// Entries fill the archive up to the central directory.
fn directory_start(entries: &[Entry]) -> usize {
    entries.iter().map(|entry| entry.end).max().unwrap_or(0)
}

/// Parser differentials are how archives mean one thing to a checker and another to a user: a second reader must see
/// exactly the same entries at the same places.
fn second_opinion(bytes: &[u8], entries: &[Entry]) -> Result<(), ArchiveError> {
    let start = directory_start(entries);
    let disagree = |detail: String| ArchiveError::at(Fault::SecondOpinion, start).detail(detail);
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).map_err(|error| disagree(error.to_string()))?;
    if archive.len() != entries.len() {
        return Err(disagree(format!("{} and {} entries", entries.len(), archive.len())));
    }
    for entry in entries {
        let other = |what: &str| {
            ArchiveError::at(Fault::SecondOpinion, entry.header_offset).detail(what).entry(entry.name.as_bytes())
        };
        let index = archive.index_for_name(&entry.name).ok_or_else(|| other("name"))?;
        let file = archive.by_index_raw(index).map_err(|error| other(&error.to_string()))?;
        let same = file.size() == u64::from(entry.size)
            && file.compressed_size() == entry.data.len() as u64
            && file.crc32() == entry.crc32
            && file.data_start() == Some(entry.data.start as u64);
        if !same {
            return Err(other("sizes or places"));
        }
    }
    Ok(())
}
