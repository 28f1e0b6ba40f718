//! Makes archives that no honest tool makes: every field of every record can lie.

/// An entry with its local header and its central record, which agree until a test changes one.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) local: Header,
    pub(crate) central: Header,
    pub(crate) data: Vec<u8>,
    /// Bytes behind the data: a descriptor, or a gap.
    pub(crate) tail: Vec<u8>,
    pub(crate) made_by: u16,
    pub(crate) attributes: u32,
    pub(crate) comment: Vec<u8>,
    pub(crate) disk: u16,
    /// Added to the true offset of the local header.
    pub(crate) offset_shift: i64,
    /// Leave it out of the central directory.
    pub(crate) hidden: bool,
    /// Only in the central directory: its `offset_shift` must lead to some other header.
    pub(crate) homeless: bool,
}

#[derive(Clone)]
pub(crate) struct Header {
    pub(crate) name: Vec<u8>,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) crc32: u32,
    pub(crate) compressed: u32,
    pub(crate) size: u32,
    pub(crate) extra: Vec<u8>,
}

impl Entry {
    pub(crate) fn stored(name: &[u8], content: &[u8]) -> Entry {
        let header = Header {
            name: name.to_vec(),
            flags: 1 << 11,
            method: 0,
            crc32: crc32(content),
            compressed: content.len() as u32,
            size: content.len() as u32,
            extra: Vec::new(),
        };
        Entry {
            local: header.clone(),
            central: header,
            data: content.to_vec(),
            tail: Vec::new(),
            made_by: 3 << 8 | 20,
            attributes: 0o100_644 << 16,
            comment: Vec::new(),
            disk: 0,
            offset_shift: 0,
            hidden: false,
            homeless: false,
        }
    }

    pub(crate) fn deflated(name: &[u8], content: &[u8]) -> Entry {
        Entry::deflated_at(name, content, 9)
    }

    pub(crate) fn deflated_at(name: &[u8], content: &[u8], level: u32) -> Entry {
        let mut stream = flate2::Compress::new(flate2::Compression::new(level), false);
        let mut data = Vec::with_capacity(content.len() + 100);
        stream.compress_vec(content, &mut data, flate2::FlushCompress::Finish).expect("compresses");
        let mut entry = Entry::stored(name, content);
        entry.both(|header| {
            header.method = 8;
            header.compressed = data.len() as u32;
        });
        entry.data = data;
        entry
    }

    pub(crate) fn both(&mut self, change: impl Fn(&mut Header)) {
        change(&mut self.local);
        change(&mut self.central);
    }

    /// As writers to pipes do it: sizes and checksum follow the data.
    pub(crate) fn with_descriptor(mut self, signature: bool) -> Entry {
        self.both(|header| header.flags |= 1 << 3);
        (self.local.crc32, self.local.compressed, self.local.size) = (0, 0, 0);
        if signature {
            self.tail.extend(b"PK\x07\x08");
        }
        for field in [self.central.crc32, self.central.compressed, self.central.size] {
            self.tail.extend(field.to_le_bytes());
        }
        self
    }
}

/// The end record's fields; `None` means the true value.
#[derive(Default, Clone)]
pub(crate) struct End {
    pub(crate) disk: u16,
    pub(crate) directory_disk: u16,
    pub(crate) count_here: Option<u16>,
    pub(crate) count: Option<u16>,
    pub(crate) directory_size: Option<u32>,
    pub(crate) directory_start: Option<u32>,
    pub(crate) comment: Vec<u8>,
    /// Overrides the length of the comment.
    pub(crate) comment_len: Option<u16>,
}

pub(crate) fn manifest() -> Entry {
    Entry::stored(b"manifest.toml", b"[library]\nname = \"a\"\nversion = \"1.0.0\"\n")
}

pub(crate) fn build(entries: &[Entry]) -> Vec<u8> {
    build_with(entries, &End::default())
}

pub(crate) fn build_with(entries: &[Entry], end: &End) -> Vec<u8> {
    let (mut bytes, mut directory, mut count) = (Vec::new(), Vec::new(), 0_u16);
    for entry in entries {
        let offset = bytes.len() as i64 + entry.offset_shift;
        if !entry.homeless {
            bytes.extend(local_record(entry));
        }
        if entry.hidden {
            continue;
        }
        count += 1;
        directory.extend(b"PK\x01\x02");
        directory.extend(entry.made_by.to_le_bytes());
        common(&entry.central, &mut directory);
        directory.extend((entry.comment.len() as u16).to_le_bytes());
        directory.extend(entry.disk.to_le_bytes());
        directory.extend(0_u16.to_le_bytes());
        directory.extend(entry.attributes.to_le_bytes());
        directory.extend((offset as u32).to_le_bytes());
        directory.extend(&entry.central.name);
        directory.extend(&entry.central.extra);
        directory.extend(&entry.comment);
    }
    let start = bytes.len() as u32;
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06");
    for field in [end.disk, end.directory_disk, end.count_here.unwrap_or(count), end.count.unwrap_or(count)] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend(end.directory_size.unwrap_or(directory.len() as u32).to_le_bytes());
    bytes.extend(end.directory_start.unwrap_or(start).to_le_bytes());
    bytes.extend(end.comment_len.unwrap_or(end.comment.len() as u16).to_le_bytes());
    bytes.extend(&end.comment);
    bytes
}

/// Header, data and what follows it.
pub(crate) fn local_record(entry: &Entry) -> Vec<u8> {
    let mut bytes = b"PK\x03\x04".to_vec();
    common(&entry.local, &mut bytes);
    for part in [&entry.local.name, &entry.local.extra, &entry.data, &entry.tail] {
        bytes.extend(part);
    }
    bytes
}

fn common(header: &Header, bytes: &mut Vec<u8>) {
    for field in [20, header.flags, header.method, 0, 33] {
        bytes.extend(u16::to_le_bytes(field));
    }
    for field in [header.crc32, header.compressed, header.size] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend((header.name.len() as u16).to_le_bytes());
    bytes.extend((header.extra.len() as u16).to_le_bytes());
}

pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

pub(crate) fn extra_field(id: u16, data: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], &(data.len() as u16).to_le_bytes()[..], data].concat()
}
