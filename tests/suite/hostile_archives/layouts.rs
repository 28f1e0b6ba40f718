//! Records that disagree, lie about places, leave room to hide in, or end too early.

use super::table::{Case, changed, of_entry, whole, with};
use crate::zip_builder::{End, Entry, build, build_with, extra_field, local_record, manifest};

/// A field in the local header says something else than the directory.
pub(super) fn headers() -> Vec<Case> {
    let local = |name: &str, slug, change: &dyn Fn(&mut Entry)| with(name, slug, changed(|entry| change(entry)));
    let mut cases = vec![
        local("another local name", "name-disagrees", &|entry| entry.local.name = b"src/b.coex".to_vec()),
        local("another case of the local name", "name-disagrees", &|entry| entry.local.name = b"src/A.coex".to_vec()),
        local("a longer local name", "name-disagrees", &|entry| entry.local.name = b"src/a.coexx".to_vec()),
        local("a shorter local name", "name-disagrees", &|entry| entry.local.name = b"src/a.coe".to_vec()),
        local("no local name", "name-disagrees", &|entry| entry.local.name = Vec::new()),
        local("a local name that leads out", "name-disagrees", &|entry| entry.local.name = b"../../../x".to_vec()),
        local("NUL at the end of the local name", "name-disagrees", &|entry| entry.local.name.push(0)),
        local("a larger local size", "size-disagrees", &|entry| entry.local.size += 1),
        local("a local size of nothing", "size-disagrees", &|entry| entry.local.size = 0),
        local("a smaller local length", "size-disagrees", &|entry| entry.local.compressed -= 1),
        local("a larger local length", "size-disagrees", &|entry| entry.local.compressed += 1),
        local("a local length of zip64", "size-disagrees", &|entry| entry.local.compressed = u32::MAX),
        local("stored by the local header", "method-disagrees", &|entry| entry.local.method = 0),
        local("an unknown local method", "method-disagrees", &|entry| entry.local.method = 12),
        local("another local checksum", "crc-disagrees", &|entry| entry.local.crc32 ^= 1),
        local("no local checksum", "crc-disagrees", &|entry| entry.local.crc32 = 0),
    ];
    for bit in [0, 3, 6, 11, 13] {
        let entry = changed(|entry| entry.local.flags ^= 1 << bit);
        cases.push(with(format!("a local flag {bit}"), "flags-disagree", entry));
    }
    cases
}

pub(super) fn descriptors() -> Vec<Case> {
    let described = |signature, change: &dyn Fn(&mut Entry)| {
        let mut entry = changed(|_| {}).with_descriptor(signature);
        change(&mut entry);
        entry
    };
    let mut cases = Vec::new();
    for (what, at) in [("signature", 1), ("checksum", 4), ("length", 8), ("size", 12), ("size, its end", 15)] {
        let entry = described(true, &|entry| entry.tail[at] ^= 1);
        cases.push(with(format!("a descriptor with another {what}"), "descriptor-disagrees", entry));
    }
    let bare = described(false, &|entry| entry.tail[0] ^= 1);
    cases.push(with("a bare descriptor with another checksum", "descriptor-disagrees", bare));
    cases.push(with("no descriptor", "descriptor-disagrees", described(true, &|entry| entry.tail.clear())));
    cases.push(with("half a descriptor", "descriptor-disagrees", described(true, &|entry| entry.tail.truncate(9))));
    cases.push(with("a local size and a descriptor", "size-disagrees", {
        described(true, &|entry| (entry.local.crc32, entry.local.size) = (entry.central.crc32, 5))
    }));
    let twice = described(true, &|entry| entry.tail.extend(entry.tail.clone()));
    cases.push(whole("two descriptors", "gap", build(&[manifest(), twice])));
    let wide = described(true, &|entry| {
        let (crc, length, size) = (entry.central.crc32, entry.central.compressed, entry.central.size);
        entry.tail = b"PK\x07\x08".to_vec();
        entry.tail.extend(crc.to_le_bytes());
        entry.tail.extend(u64::from(length).to_le_bytes());
        entry.tail.extend(u64::from(size).to_le_bytes());
    });
    cases.push(with("a descriptor of zip64", "descriptor-disagrees", wide));
    let unannounced = changed(|entry| entry.tail = described(true, &|_| {}).tail);
    cases.push(whole("a descriptor that nobody announced", "gap", build(&[manifest(), unannounced])));
    cases
}

pub(super) fn extra_fields() -> Vec<Case> {
    let both = |extra: Vec<u8>| changed(|entry| entry.both(|header| header.extra = extra.clone()));
    let local = |extra: Vec<u8>| changed(|entry| entry.local.extra = extra);
    let central = |extra: Vec<u8>| changed(|entry| entry.central.extra = extra);
    let path = |name: &[u8]| extra_field(0x7075, &[&[1, 0, 0, 0, 0][..], name].concat());
    let size = extra_field(1, &[0; 16]);
    let unknown = extra_field(0x4343, b"whatever");
    vec![
        with("half an extra field", "extra-damaged", central(vec![1, 2, 3])),
        with("an extra field beyond its room", "extra-damaged", local(vec![1, 2, 255, 255, 0])),
        with("an extra field beyond its room by one", "extra-damaged", both(vec![0x43, 0x43, 2, 0, 0])),
        with("a damaged field behind a good one", "extra-damaged", both([&unknown[..], &[9]].concat())),
        with("a field of ASi without its mode", "extra-damaged", both(extra_field(0x756e, &[0; 5]))),
        with("sizes of zip64 in both headers", "zip64", both(size.clone())),
        with("sizes of zip64 in the local header", "zip64", local(size.clone())),
        with("sizes of zip64 in the directory", "zip64", central(size.clone())),
        with("empty zip64", "zip64", both(extra_field(1, &[]))),
        with("zip64 behind another field", "zip64", both([&unknown[..], &size].concat())),
        with("another name in Unicode", "extra-name", both(path(b"src/other"))),
        with("another name in Unicode, local header", "extra-name", local(path(b"src/other"))),
        with("another name in Unicode, directory", "extra-name", central(path(b"../../x"))),
        with("no name in Unicode", "extra-name", both(path(b""))),
        with("the same name and NUL in Unicode", "extra-name", both(path(b"src/a.coex\0"))),
        with("a field for Unicode without room", "extra-name", both(extra_field(0x7075, &[1, 0]))),
        with("a second name in Unicode", "extra-name", both([path(b"src/a.coex"), path(b"src/b.coex")].concat())),
    ]
}

/// Where records stand, and what stands between them.
pub(super) fn places() -> Vec<Case> {
    let entry = || changed(|_| {});
    let shifted = |shift: i64| changed(|entry| entry.offset_shift = shift);
    let good = build(&[manifest(), entry()]);
    let directory = good.len() - 22 - (46 + 13) - (46 + 10);
    let gap = || {
        let mut gap = manifest();
        gap.tail = b"hidden".to_vec();
        gap
    };
    let hidden = || changed(|entry| entry.hidden = true);
    // Everything is where it says, but the archive does not begin with it: a program that unpacks itself.
    let mut moved = vec![manifest(), entry()];
    moved.iter_mut().for_each(|entry| entry.offset_shift = 8);
    let mut program = build_with(&moved, &End { directory_start: Some(directory as u32 + 8), ..End::default() });
    program.splice(0..0, *b"#!/bin/x");
    let mut inside = Entry::stored(b"src/in", b"inner");
    let record = local_record(&inside);
    (inside.homeless, inside.offset_shift) = (true, -(record.len() as i64));
    let outside = Entry::stored(b"src/out", &record);
    let long = changed(|entry| entry.both(|header| header.compressed += 1000));
    let swallows = {
        let mut first = Entry::stored(b"src/n", b"inner");
        first.both(|header| (header.compressed, header.size) = (header.compressed + 10, header.size + 10));
        build(&[manifest(), first, Entry::stored(b"src/i", b"")])
    };
    let at = |offset: i64| {
        let start = local_record(&manifest()).len() as i64;
        shifted(offset - start)
    };
    vec![
        with("a header one byte further", "header-damaged", shifted(1)),
        with("a header one byte before", "header-damaged", shifted(-1)),
        with("a header in the directory", "header-damaged", at(directory as i64)),
        with("a header behind the end", "header-damaged", shifted(1 << 20)),
        with("a header at the end of the numbers", "header-damaged", at(i64::from(u32::MAX) - 1)),
        with("a header as zip64 has it", "zip64", at(i64::from(u32::MAX))),
        with("the header of another entry", "name-disagrees", at(0)),
        with("data beyond its room", "overlap", long),
        of_entry("an entry within the data of another", "overlap", b"src/in", build(&[manifest(), outside, inside])),
        of_entry("an entry that swallows the next", "overlap", b"src/i", swallows),
        whole("a prefix", "prepended-data", [b"MZ prefix".as_slice(), &good].concat()),
        of_entry("a prefix that is counted", "prepended-data", b"manifest.toml", program),
        whole("a byte at the end", "trailing-data", [good.as_slice(), b"\0"].concat()),
        whole("a line at the end", "trailing-data", [good.as_slice(), b"\n"].concat()),
        whole("many bytes at the end", "trailing-data", [good.as_slice(), &[0; 5000]].concat()),
        whole("two archives", "gap", [good.as_slice(), &good].concat()),
        of_entry("bytes between entries", "gap", b"src/a.coex", build(&[gap(), entry()])),
        whole("bytes before the directory", "gap", build(&[entry(), gap()])),
        whole("an entry that is not listed", "unreferenced-entry", build(&[manifest(), hidden()])),
        of_entry(
            "a first entry that is not listed",
            "unreferenced-entry",
            b"manifest.toml",
            build(&[hidden(), manifest()]),
        ),
        of_entry("an entry between that is not listed", "unreferenced-entry", b"src/z", {
            build(&[manifest(), hidden(), Entry::stored(b"src/z", b"")])
        }),
        whole("the mark of a split archive", "prepended-data", [b"PK\x07\x08".as_slice(), &good].concat()),
        whole("the mark of an encrypted directory", "gap", inserted(&good, directory, b"PK\x06\x08\0\0\0\0")),
    ]
}

/// Bytes put into an archive before its directory, whose place is corrected.
fn inserted(archive: &[u8], directory: usize, bytes: &[u8]) -> Vec<u8> {
    let mut archive = archive.to_vec();
    archive.splice(directory..directory, bytes.iter().copied());
    let end = archive.len() - 22;
    archive[end + 16..end + 20].copy_from_slice(&((directory + bytes.len()) as u32).to_le_bytes());
    archive
}

/// Directories and end records that lie.
pub(super) fn ends() -> Vec<Case> {
    let entries = [manifest(), changed(|_| {})];
    let ended = |name: &str, slug, end: End| whole(name, slug, build_with(&entries, &end));
    let counted = |count| End { count: Some(count), count_here: Some(count), ..End::default() };
    let good = build(&entries);
    let end = good.len() - 22;
    let directory = end - (46 + 13) - (46 + 10);
    let patched = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let before_end = |record: &[u8]| {
        let mut bytes = good.clone();
        bytes.splice(end..end, record.iter().copied());
        bytes
    };
    let locator = [b"PK\x06\x07".as_slice(), &[0; 16]].concat();
    let end64 = [b"PK\x06\x06".as_slice(), &44_u64.to_le_bytes(), &[0; 44], &locator].concat();
    let second = [b"PK\x05\x06".as_slice(), &[0; 18]].concat();
    vec![
        ended("another disk", "multi-disk", End { disk: 1, ..End::default() }),
        ended("the directory on another disk", "multi-disk", End { directory_disk: 1, ..End::default() }),
        ended("entries on another disk", "multi-disk", End { count_here: Some(1), ..End::default() }),
        with("an entry on another disk", "multi-disk", changed(|entry| entry.disk = 1)),
        with("an entry on a disk of zip64", "multi-disk", changed(|entry| entry.disk = u16::MAX)),
        ended("a count of nothing", "directory-count", counted(0)),
        ended("a count of one too few", "directory-count", counted(1)),
        ended("a count of one too many", "directory-count", counted(3)),
        ended("a count beyond the limit", "too-many-entries", counted(10_001)),
        ended("a count of zip64", "zip64", counted(u16::MAX)),
        ended("a place of zip64", "zip64", End { directory_start: Some(u32::MAX), ..End::default() }),
        ended("a length of zip64", "zip64", End { directory_size: Some(u32::MAX), ..End::default() }),
        whole("a locator of zip64", "zip64", before_end(&locator)),
        whole("an end record of zip64", "zip64", before_end(&end64)),
        ended("too short a directory", "gap", End { directory_size: Some(5), ..End::default() }),
        ended("too long a directory", "directory-damaged", End { directory_size: Some(1 << 20), ..End::default() }),
        ended(
            "a directory behind the end",
            "directory-damaged",
            End { directory_start: Some(1 << 30), ..End::default() },
        ),
        ended("the sum of both overflows", "directory-damaged", {
            End { directory_start: Some(u32::MAX - 1), directory_size: Some(u32::MAX - 1), ..End::default() }
        }),
        ended("a directory before its place", "prepended-data", End { directory_start: Some(0), ..End::default() }),
        ended("a comment that is not there", "not-an-archive", End { comment_len: Some(9), ..End::default() }),
        ended("a comment that nobody announced", "trailing-data", {
            End { comment: b"xx".to_vec(), comment_len: Some(0), ..End::default() }
        }),
        ended(
            "an end in the comment of the end",
            "several-end-records",
            End { comment: second.clone(), ..End::default() },
        ),
        ended("the mark of an end in the comment", "several-end-records", {
            End { comment: b"PK\x05\x06".to_vec(), ..End::default() }
        }),
        ended("a whole archive in the comment", "several-end-records", {
            End { comment: build(&[manifest()]), ..End::default() }
        }),
        whole("two end records", "gap", before_end(&second)),
        whole("a signed directory", "gap", before_end(b"PK\x05\x05\x02\0xx")),
        whole("a damaged directory", "directory-damaged", patched(directory, b'Q')),
        whole("a damaged second record", "directory-damaged", patched(directory + 46 + 13, b'Q')),
        whole("a record's name beyond the directory", "directory-damaged", patched(directory + 46 + 13 + 29, 0xff)),
        whole(
            "a record's extra field beyond the directory",
            "directory-damaged",
            patched(directory + 46 + 13 + 31, 0xff),
        ),
        whole("a record's comment beyond the directory", "directory-damaged", patched(directory + 46 + 13 + 33, 0xff)),
        whole("a record's comment over the next", "directory-count", patched(directory + 32, 46 + 10)),
        of_entry("a local header that is none", "header-damaged", b"manifest.toml", patched(0, b'Q')),
    ]
}

/// Ends in the middle of each structure.
pub(super) fn cuts() -> Vec<Case> {
    let second = changed(|_| {}).with_descriptor(true);
    let starts = [0, local_record(&manifest()).len()];
    let good = build(&[manifest(), second.clone()]);
    let directory = starts[1] + local_record(&second).len();
    let places = [
        ("in the first mark", 2),
        ("behind the first mark", 4),
        ("in the first header", 17),
        ("in the first name", 35),
        ("in the first data", 50),
        ("before the second header", starts[1]),
        ("in the second header", starts[1] + 20),
        ("in the second data", starts[1] + 45),
        ("in a descriptor", directory - 9),
        ("before the directory", directory),
        ("in the directory", directory + 20),
        ("in a name of the directory", directory + 50),
        ("between records of the directory", directory + 46 + 13),
        ("before the end", good.len() - 22),
        ("in the mark of the end", good.len() - 20),
        ("in the end", good.len() - 10),
        ("one byte short", good.len() - 1),
    ];
    places.iter().map(|(name, at)| whole(format!("cut {name}"), "not-an-archive", good[..*at].to_vec())).collect()
}

/// What is no archive, or no library.
pub(super) fn strangers() -> Vec<Case> {
    let text = |name: &str, bytes: &[u8]| whole(name, "not-an-archive", bytes.to_vec());
    let mut tar = vec![0; 1024];
    tar[..13].copy_from_slice(b"manifest.toml");
    tar[257..262].copy_from_slice(b"ustar");
    vec![
        text("nothing", b""),
        text("one byte", b"P"),
        text("zeros", &[0; 1000]),
        text("a mark and a text", b"PK\x03\x04 this is not an archive, only its first bytes"),
        text("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x04\0\x43\xbe\xb7\xe8\x01\0\0\0"),
        text("tar", &tar),
        text("7z", b"7z\xbc\xaf\x27\x1c\0\x04 and so on, for some bytes"),
        text("a page of a web server", b"<!DOCTYPE html><html><body>404 Not Found</body></html>"),
        text("a program", &[b"\x7fELF\x02\x01\x01".as_slice(), &[0; 200]].concat()),
        text("a manifest", b"[library]\nname = \"a\"\nversion = \"1.0.0\"\n"),
        whole("an archive of nothing", "no-manifest", build(&[])),
        whole("no manifest", "no-manifest", build(&[changed(|_| {})])),
        whole("a manifest further down", "no-manifest", build(&[Entry::stored(b"src/manifest.toml", b"[library]\n")])),
    ]
}
