//! Entries that are no files, cannot be read, lie about what they hold, or hold too much.

use super::table::{Case, changed, of_entry, whole, with};
use crate::zip_builder::{Entry, build, crc32, extra_field, local_record, manifest};

pub(super) fn kinds() -> Vec<Case> {
    const MODES: [(&str, &str, u32); 12] = [
        ("a link", "link", 0o120_777),
        ("a link with set-id", "link", 0o126_777),
        ("a character device", "device", 0o020_666),
        ("a block device", "device", 0o060_666),
        ("a pipe", "device", 0o010_666),
        ("a socket", "device", 0o140_666),
        ("a whiteout", "device", 0o160_000),
        ("a directory by its mode", "device", 0o040_755),
        ("set-user-id", "set-id", 0o104_755),
        ("set-group-id", "set-id", 0o102_755),
        ("both set-ids", "set-id", 0o106_755),
        ("set-id without a kind", "set-id", 0o004_755),
    ];
    let mut cases: Vec<Case> = MODES
        .iter()
        .map(|(name, slug, mode)| with(*name, slug, changed(|entry| entry.attributes = mode << 16)))
        .collect();
    let made_by =
        |system: u16, attributes: u32| changed(|entry| (entry.made_by, entry.attributes) = (system << 8, attributes));
    cases.push(with("a link that claims to come from DOS", "link", made_by(0, 0o120_777 << 16)));
    cases.push(with("a link that claims to come from NTFS", "link", made_by(10, 0o120_777 << 16)));
    cases.push(with("a directory of DOS with contents", "device", made_by(0, 0x10)));
    cases.push(with("a directory of HPFS with contents", "device", made_by(6, 0x10)));
    cases.push(with("the label of a volume", "device", made_by(0, 0x08)));
    cases.push(with("the label of a volume from Unix", "device", changed(|entry| entry.attributes |= 0x08)));
    cases.push(with("a directory with contents", "directory-with-data", Entry::stored(b"src/d/", b"data")));
    cases.push(with("a directory with compressed contents", "directory-with-data", Entry::deflated(b"src/d/", b"dd")));
    let mut linked = Entry::stored(b"src/d/", b"");
    linked.attributes = 0o120_777 << 16;
    cases.push(with("a link that is called a directory", "link", linked));
    let asi = |mode: u16| [&[0; 4][..], &mode.to_le_bytes(), &[0; 8], b"/etc/passwd"].concat();
    for (name, slug, mode) in
        [("link", "link", 0o120_777), ("device", "device", 0o060_666), ("set-id", "set-id", 0o104_755)]
    {
        let entry = changed(|entry| entry.both(|header| header.extra = extra_field(0x756e, &asi(mode))));
        cases.push(with(format!("{name} by an extra field of ASi"), slug, entry));
    }
    let target = [&[0; 12][..], b"/etc/passwd"].concat();
    let entry = changed(|entry| entry.both(|header| header.extra = extra_field(0x000d, &target)));
    cases.push(with("a link by an extra field of PKWARE", "link", entry));
    cases
}

pub(super) fn methods() -> Vec<Case> {
    let mut cases = Vec::new();
    for bit in [0, 6, 13] {
        let entry = changed(|entry| entry.both(|header| header.flags |= 1 << bit));
        cases.push(with(format!("encrypted by flag {bit}"), "encrypted", entry));
    }
    let aes = extra_field(0x9901, b"\x02\0AE\x03\x08\0");
    cases.push(with(
        "AES in both headers",
        "encrypted",
        changed(|entry| entry.both(|header| header.extra = aes.clone())),
    ));
    cases.push(with("AES in the local header", "encrypted", changed(|entry| entry.local.extra = aes.clone())));
    cases.push(with("AES in the directory", "encrypted", changed(|entry| entry.central.extra = aes.clone())));
    for method in [1, 2, 5, 6, 7, 9, 10, 12, 14, 16, 18, 19, 20, 93, 94, 95, 96, 97, 98, 99, u16::MAX] {
        let entry = changed(|entry| entry.both(|header| header.method = method));
        cases.push(with(format!("method {method}"), "unknown-method", entry));
    }
    cases
}

pub(super) fn data() -> Vec<Case> {
    let stored = |change: &dyn Fn(&mut Entry)| {
        let mut entry = Entry::stored(b"src/s", b"hello");
        change(&mut entry);
        entry
    };
    let replaced = |data: &[u8]| {
        changed(|entry| {
            entry.both(|header| header.compressed = data.len() as u32);
            entry.data = data.to_vec();
        })
    };
    let good = changed(|_| {}).data;
    let zlib = [b"\x78\x9c".as_slice(), &good, &[0; 4]].concat();
    let gzip = [b"\x1f\x8b\x08\0\0\0\0\0\0\x03".as_slice(), &good, &[0; 8]].concat();
    vec![
        with("a wrong checksum", "wrong-crc", changed(|entry| entry.both(|header| header.crc32 ^= 1))),
        with("a wrong checksum of what is stored", "wrong-crc", stored(&|entry| entry.data[0] ^= 1)),
        with("a checksum of nothing", "wrong-crc", stored(&|entry| entry.both(|header| header.crc32 = 0))),
        with("a checksum for an empty file", "wrong-crc", {
            let mut entry = Entry::stored(b"src/e", b"");
            entry.both(|header| header.crc32 = 1);
            entry
        }),
        with("one byte too few", "wrong-size", changed(|entry| entry.both(|header| header.size += 1))),
        with("one byte too many", "wrong-size", changed(|entry| entry.both(|header| header.size -= 1))),
        with("contents of a stated nothing", "wrong-size", changed(|entry| entry.both(|header| header.size = 0))),
        with("stored with another size", "wrong-size", stored(&|entry| entry.both(|header| header.size = 4))),
        with("compressed by the label, stored in fact", "data-damaged", {
            stored(&|entry| entry.both(|header| header.method = 8))
        }),
        with("stored by the label, compressed in fact", "wrong-size", {
            changed(|entry| entry.both(|header| header.method = 0))
        }),
        with("a block of an unknown kind", "data-damaged", replaced(&[0x07, 0, 0])),
        with("a stored block with a wrong length", "data-damaged", replaced(&[0x01, 5, 0, 0, 0, b'h', b'e'])),
        with("a distance before the beginning", "data-damaged", replaced(&[0x4b, 0x04, 0x62, 0, 0, 0])),
        with("a stream without end", "data-damaged", replaced(&good[..good.len() - 1])),
        with("no stream at all", "data-damaged", replaced(&[])),
        with("all ones", "data-damaged", replaced(&[0xff; 40])),
        with("the wrapper of zlib", "data-damaged", replaced(&zlib)),
        with("the wrapper of gzip", "data-damaged", replaced(&gzip)),
        with("bytes behind the stream", "data-tail", replaced(&[&good[..], b"hidden"].concat())),
        with("a stream behind the stream", "data-tail", replaced(&[&good[..], &good[..]].concat())),
    ]
}

pub(super) fn bombs() -> Vec<Case> {
    let zeros = vec![0; 4 << 20];
    let sized = |name: &[u8], size: u32, data: Vec<u8>| {
        let mut entry = Entry::stored(name, &data);
        entry.both(|header| (header.method, header.size) = (8, size));
        entry
    };
    let mut lying = Entry::deflated(b"src/bomb", &zeros);
    lying.both(|header| header.size = 1000);
    let mut nearly = Entry::deflated(b"src/bomb", &zeros);
    nearly.both(|header| header.size = 800 << 10);
    let five: Vec<Entry> =
        (0..5).map(|index| sized(format!("src/{index}").as_bytes(), 60 << 20, vec![0; 320 << 10])).collect();
    // Many names for one place: what a few kilobytes of directory make of one stream has no bound.
    let kernel = Entry::deflated(b"src/k", &zeros[..1 << 20]);
    let aliased = |name: &dyn Fn(usize) -> Vec<u8>| {
        let alias = |index| {
            let mut entry = kernel.clone();
            entry.central.name = name(index);
            (entry.homeless, entry.offset_shift) = (true, -(local_record(&kernel).len() as i64));
            entry
        };
        build(&[&[manifest(), kernel.clone()][..], &(0..50).map(alias).collect::<Vec<Entry>>()].concat())
    };
    let many: Vec<Entry> = (0..=10_000).map(|index| Entry::stored(format!("src/{index}").as_bytes(), b"")).collect();
    vec![
        with("four megabytes out of four kilobytes", "ratio", Entry::deflated(b"src/bomb", &zeros)),
        with("the same with a lie about the size", "wrong-size", lying),
        with("the same with a smaller lie", "wrong-size", nearly),
        with(
            "an entry of more than 64 MiB",
            "entry-too-large",
            sized(b"src/large", (64 << 20) + 1, vec![0; 330 << 10]),
        ),
        with("an entry of nearly 4 GiB", "entry-too-large", sized(b"src/large", u32::MAX - 1, vec![0; 100])),
        with("a large entry that is none", "data-damaged", sized(b"src/large", 64 << 20, vec![0xff; 330 << 10])),
        with("a ratio of thousands", "ratio", sized(b"src/large", 64 << 20, vec![0; 1000])),
        of_entry("300 MiB together", "unpacked-too-large", b"src/4", build(&[&[manifest()][..], &five].concat())),
        of_entry(
            "one place under many names",
            "name-disagrees",
            b"src/0",
            aliased(&|index| format!("src/{index}").into_bytes()),
        ),
        of_entry("one place many times", "overlap", b"src/k", aliased(&|_| b"src/k".to_vec())),
        of_entry("headers quoted by the streams before them", "overlap", b"src/in", quoted()),
        whole("more than 10,000 entries", "too-many-entries", build(&[&[manifest()][..], &many].concat())),
        whole("an archive of more than 64 MiB", "archive-too-large", vec![0; (64 << 20) + 1]),
    ]
}

/// The stream of one entry quotes the header of the next in a stored block and goes on with its stream, so both end at one
/// place: a chain of these doubles as often as one likes.
fn quoted() -> Vec<u8> {
    let inner = Entry::deflated(b"src/in", &[7; 5000]);
    let header_len = 30 + inner.local.name.len();
    let record = local_record(&inner);
    let len = (header_len as u16).to_le_bytes();
    let data = [&[0], &len[..], &[!len[0], !len[1]], &record].concat();
    let content = [&record[..header_len], &[7; 5000]].concat();
    let mut outer = Entry::stored(b"src/out", &data);
    outer.both(|header| (header.method, header.size, header.crc32) = (8, content.len() as u32, crc32(&content)));
    let mut pointing = inner;
    (pointing.homeless, pointing.offset_shift) = (true, -(record.len() as i64));
    build(&[manifest(), outer, pointing])
}
