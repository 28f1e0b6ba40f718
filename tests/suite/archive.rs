//! Archives: every rule of the format has one that breaks it, and honest ones are read.

use std::collections::BTreeMap;

use coexc::cxz::archive::{self, Fault};
use coexc::cxz::pack::pack;

use crate::zip_builder::{End, Entry, build, build_with, extra_field, manifest};

/// The archive is refused for exactly this reason.
#[track_caller]
fn refused(bytes: &[u8], fault: Fault) {
    match archive::read(bytes) {
        Ok(files) => panic!("accepted, wanted {}: {:?}", fault.slug(), files.keys()),
        Err(error) => assert_eq!(error.fault, fault, "{error}"),
    }
}

#[track_caller]
fn refused_entry(entry: Entry, fault: Fault) {
    refused(&build(&[manifest(), entry]), fault);
}

#[track_caller]
fn refused_name(name: &str, fault: Fault) {
    refused_entry(Entry::stored(name.as_bytes(), b"x"), fault);
}

#[track_caller]
fn accepted(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    match archive::read(bytes) {
        Ok(files) => files,
        Err(error) => panic!("{error}"),
    }
}

fn entry() -> Entry {
    Entry::deflated(b"src/a.coex", &b"func f()\n~\n".repeat(20))
}

fn changed(change: impl Fn(&mut Entry)) -> Entry {
    let mut entry = entry();
    change(&mut entry);
    entry
}

#[test]
fn names_that_leave_the_archive() {
    refused_name("../x", Fault::NameDotDot);
    refused_name("src/../../x", Fault::NameDotDot);
    refused_name("src/..", Fault::NameDotDot);
    refused_name("/etc/passwd", Fault::NameAbsolute);
    refused_name("//server/share/x", Fault::NameUnc);
    refused_name("\\\\server\\x", Fault::NameUnc);
    refused_name("C:/x", Fault::NameDrive);
    refused_name("c:x", Fault::NameDrive);
}

#[test]
fn names_that_mean_something_else_elsewhere() {
    refused_name("src\\x", Fault::NameBackslash);
    refused_name("src/a.coex:stream", Fault::NameColon);
    refused_name("src/./x", Fault::NameDot);
    refused_name("./src/x", Fault::NameDot);
    refused_name("src//x", Fault::NameEmptyPart);
    refused_name("", Fault::NameEmpty);
    refused_name("src/a\0b", Fault::NameNul);
    refused_name("src/a\nb", Fault::NameControl);
    refused_name("src/a\u{7f}b", Fault::NameControl);
    refused_name("src/a\u{85}b", Fault::NameControl);
    refused_name("src/a.", Fault::NameTail);
    refused_name("src/a /b", Fault::NameTail);
    for name in ["CON", "nul.txt", "aux.c", "com1", "LPT9.x", "COM¹", "prn .c"] {
        refused_name(&format!("src/{name}"), Fault::NameReserved);
    }
    accepted(&build(&[manifest(), Entry::stored(b"src/console.c", b""), Entry::stored(b"src/com10", b"")]));
}

#[test]
fn names_that_are_no_text() {
    refused_entry(Entry::stored(b"src/\xff", b"x"), Fault::NameUtf8);
    refused_entry(Entry::stored(b"src/\xc0\xaf", b"x"), Fault::NameUtf8);
    let mut unmarked = Entry::stored("src/ä".as_bytes(), b"x");
    unmarked.both(|header| header.flags = 0);
    refused_entry(unmarked, Fault::NameEncoding);
}

#[test]
fn names_beyond_the_limits() {
    accepted(&build(&[manifest(), Entry::stored(format!("src/{}", "a".repeat(236)).as_bytes(), b"")]));
    refused_name(&format!("src/{}", "a".repeat(237)), Fault::NameLong);
    accepted(&build(&[manifest(), Entry::stored(format!("src/{}x", "d/".repeat(14)).as_bytes(), b"")]));
    refused_name(&format!("src/{}x", "d/".repeat(15)), Fault::NameDeep);
}

#[test]
fn names_outside_the_top_level() {
    for name in ["x", "bin/x", "src", "ffi", "manifest.toml/x", ".git/config", "Manifest.toml.bak", "srcx/a"] {
        refused_name(name, Fault::TopLevel);
    }
}

#[test]
fn names_that_collide() {
    let twice = |first: &str, second: &str, fault| {
        let entries = [manifest(), Entry::stored(first.as_bytes(), b"1"), Entry::stored(second.as_bytes(), b"2")];
        refused(&build(&entries), fault);
    };
    twice("src/a", "src/a", Fault::Duplicate);
    twice("src/a", "src/A", Fault::Duplicate);
    twice("src/straße", "src/STRASSE", Fault::Duplicate);
    twice("src/é", "src/e\u{301}", Fault::Duplicate);
    twice("src/ﬁ", "src/FI", Fault::Duplicate);
    twice("src/a", "src/a/b", Fault::FileAndDirectory);
    twice("src/a/b", "src/a", Fault::FileAndDirectory);
    twice("src/A/b", "src/a", Fault::FileAndDirectory);
    refused(&build(&[manifest(), manifest()]), Fault::Duplicate);
}

#[test]
fn entries_that_are_no_files() {
    let with_mode = |mode: u32| changed(|entry| entry.attributes = mode << 16);
    refused_entry(with_mode(0o120_777), Fault::Link);
    refused_entry(with_mode(0o020_666), Fault::Device);
    refused_entry(with_mode(0o060_666), Fault::Device);
    refused_entry(with_mode(0o010_666), Fault::Device);
    refused_entry(with_mode(0o140_666), Fault::Device);
    refused_entry(with_mode(0o040_755), Fault::Device);
    refused_entry(with_mode(0o104_755), Fault::SetId);
    refused_entry(with_mode(0o102_755), Fault::SetId);
    // A link stays a link whatever system the archive claims to come from.
    let disguised = changed(|entry| (entry.made_by, entry.attributes) = (0, 0o120_777 << 16));
    refused_entry(disguised, Fault::Link);
    refused_entry(changed(|entry| (entry.made_by, entry.attributes) = (0, 0x10)), Fault::Device);
    refused_entry(Entry::stored(b"src/dir/", b"data"), Fault::DirectoryWithData);
}

#[test]
fn encryption_and_methods() {
    refused_entry(changed(|entry| entry.both(|header| header.flags |= 1)), Fault::Encrypted);
    refused_entry(changed(|entry| entry.both(|header| header.flags |= 1 << 6)), Fault::Encrypted);
    refused_entry(changed(|entry| entry.both(|header| header.flags |= 1 << 13)), Fault::Encrypted);
    refused_entry(
        changed(|entry| entry.both(|header| header.extra = extra_field(0x9901, b"1234567"))),
        Fault::Encrypted,
    );
    for method in [1, 6, 9, 12, 14, 93, 95, 99] {
        refused_entry(changed(|entry| entry.both(|header| header.method = method)), Fault::Method);
    }
}

#[test]
fn headers_that_disagree() {
    refused_entry(changed(|entry| entry.local.name = b"src/b.coex".to_vec()), Fault::NameDisagrees);
    refused_entry(changed(|entry| entry.local.name = b"src/a.coex\0".to_vec()), Fault::NameDisagrees);
    refused_entry(changed(|entry| entry.local.size += 1), Fault::SizeDisagrees);
    refused_entry(changed(|entry| entry.local.compressed -= 1), Fault::SizeDisagrees);
    refused_entry(changed(|entry| entry.local.method = 0), Fault::MethodDisagrees);
    refused_entry(changed(|entry| entry.local.crc32 ^= 1), Fault::CrcDisagrees);
    refused_entry(changed(|entry| entry.local.flags ^= 1), Fault::FlagsDisagree);
    refused_entry(changed(|entry| entry.local.flags ^= 1 << 11), Fault::FlagsDisagree);
    refused_entry(changed(|entry| entry.local.flags ^= 1 << 3), Fault::FlagsDisagree);
}

#[test]
fn descriptors_that_disagree() {
    for at in 0..16 {
        let mut lying = entry().with_descriptor(true);
        lying.tail[at] ^= 1;
        assert!(archive::read(&build(&[manifest(), lying])).is_err(), "byte {at}");
    }
    let mut missing = entry().with_descriptor(true);
    missing.tail.clear();
    refused_entry(missing, Fault::DescriptorDisagrees);
}

#[test]
fn extra_fields_that_lie() {
    refused_entry(changed(|entry| entry.central.extra = vec![1, 2, 3]), Fault::ExtraDamaged);
    refused_entry(changed(|entry| entry.local.extra = vec![1, 2, 255, 255, 0]), Fault::ExtraDamaged);
    refused_entry(changed(|entry| entry.both(|header| header.extra = extra_field(1, &[0; 16]))), Fault::Zip64);
    let path = [&[1, 0, 0, 0, 0][..], b"src/other"].concat();
    refused_entry(changed(|entry| entry.both(|header| header.extra = extra_field(0x7075, &path))), Fault::ExtraName);
}

#[test]
fn data_that_is_damaged() {
    refused_entry(changed(|entry| entry.both(|header| header.crc32 ^= 1)), Fault::CrcWrong);
    refused_entry(changed(|entry| entry.both(|header| header.size += 1)), Fault::SizeWrong);
    refused_entry(changed(|entry| entry.both(|header| header.size -= 1)), Fault::SizeWrong);
    refused_entry(changed(|entry| entry.data = vec![0xff; entry.data.len()]), Fault::Data);
    let mut stored = Entry::stored(b"src/x", b"hello");
    stored.data[0] ^= 1;
    refused_entry(stored, Fault::CrcWrong);
    let mut stored = Entry::stored(b"src/x", b"hello");
    stored.both(|header| header.size = 4);
    refused_entry(stored, Fault::SizeWrong);
    let mut cut = entry();
    cut.data.pop();
    cut.both(|header| header.compressed -= 1);
    refused_entry(cut, Fault::Data);
    let mut hiding = entry();
    hiding.data.extend(b"hidden");
    hiding.both(|header| header.compressed += 6);
    refused_entry(hiding, Fault::DataTail);
}

#[test]
fn layouts_with_holes_or_overlaps() {
    let good = build(&[manifest(), entry()]);
    refused(&[b"MZ prefix".as_slice(), &good].concat(), Fault::Prepended);
    refused(&[good.as_slice(), b"\0"].concat(), Fault::Trailing);
    refused(&[good.as_slice(), &good].concat(), Fault::Gap);
    let mut gap = manifest();
    gap.tail = b"hidden".to_vec();
    refused(&build(&[gap.clone(), entry()]), Fault::Gap);
    refused(&build(&[entry(), gap]), Fault::Gap);
    let mut hidden = entry();
    hidden.hidden = true;
    refused(&build(&[manifest(), hidden.clone()]), Fault::Unreferenced);
    refused(&build(&[hidden, manifest()]), Fault::Unreferenced);
    // Two records for one place.
    let mut same = manifest();
    same.offset_shift = -(build(&[manifest()]).len() as i64);
    assert!(archive::read(&build(&[manifest(), same])).is_err());
    let mut nested = Entry::stored(b"src/n", b"inner");
    let inner = Entry::stored(b"src/i", b"");
    nested.both(|header| header.compressed += 10);
    assert!(archive::read(&build(&[manifest(), nested, inner])).is_err());
}

/// Every local header is honest, but a central record points into the data of another entry.
#[test]
fn an_entry_inside_another() {
    let inner = Entry::stored(b"src/in", b"inner");
    let local = build(std::slice::from_ref(&inner))[..30 + 6 + 5].to_vec();
    let outer = Entry::stored(b"src/out", &local);
    let mut pointing = inner;
    // Points back to the copy within `outer`: its own header is left as an orphan.
    pointing.offset_shift = -(local.len() as i64);
    let bytes = build(&[manifest(), outer, pointing]);
    assert!(matches!(archive::read(&bytes).map_err(|error| error.fault), Err(Fault::Overlap | Fault::Unreferenced)));
}

#[test]
fn end_records_that_lie() {
    let with = |end: End| build_with(&[manifest(), entry()], &end);
    refused(&with(End { disk: 1, ..End::default() }), Fault::MultiDisk);
    refused(&with(End { directory_disk: 1, ..End::default() }), Fault::MultiDisk);
    refused(&with(End { count_here: Some(1), ..End::default() }), Fault::MultiDisk);
    refused(&with(End { count: Some(1), count_here: Some(1), ..End::default() }), Fault::DirectoryCount);
    refused(&with(End { count: Some(3), count_here: Some(3), ..End::default() }), Fault::DirectoryCount);
    refused(&with(End { count: Some(u16::MAX), count_here: Some(u16::MAX), ..End::default() }), Fault::Zip64);
    refused(&with(End { directory_start: Some(u32::MAX), ..End::default() }), Fault::Zip64);
    refused(&with(End { directory_size: Some(5), ..End::default() }), Fault::Gap);
    refused(&with(End { directory_size: Some(1 << 20), ..End::default() }), Fault::DirectoryDamaged);
    refused(&with(End { comment_len: Some(9), ..End::default() }), Fault::NotAnArchive);
    refused(&with(End { comment: b"xx".to_vec(), comment_len: Some(0), ..End::default() }), Fault::Trailing);
    let mut second = b"PK\x05\x06".to_vec();
    second.extend([0; 18]);
    refused(&with(End { comment: second, ..End::default() }), Fault::SeveralEnds);
    refused(&with(End { comment: b"PK\x05\x06".to_vec(), ..End::default() }), Fault::SeveralEnds);
    refused_entry(changed(|entry| entry.disk = 1), Fault::MultiDisk);
}

#[test]
fn zip64_locators() {
    let mut bytes = build(&[manifest()]);
    let end = bytes.len() - 22;
    let mut locator = b"PK\x06\x07".to_vec();
    locator.extend([0; 16]);
    bytes.splice(end..end, locator);
    refused(&bytes, Fault::Zip64);
}

#[test]
fn no_archives_at_all() {
    refused(b"", Fault::NotAnArchive);
    refused(b"PK", Fault::NotAnArchive);
    refused(&[0; 1000], Fault::NotAnArchive);
    refused(b"PK\x03\x04 this is not an archive, only its first bytes", Fault::NotAnArchive);
    refused(&build(&[]), Fault::NoManifest);
    refused(&build(&[entry()]), Fault::NoManifest);
    refused(&build(&[Entry::stored(b"Manifest.toml", b"x")]), Fault::TopLevel);
}

#[test]
fn bombs() {
    let zeros = vec![0; 4 << 20];
    refused_entry(Entry::deflated(b"src/bomb", &zeros), Fault::Ratio);
    // A lie about the size does not hide the ratio for longer than the stated size.
    let mut lying = Entry::deflated(b"src/bomb", &zeros);
    lying.both(|header| header.size = 1000);
    refused_entry(lying, Fault::SizeWrong);
    let mut large = Entry::deflated(b"src/large", b"x");
    large.both(|header| header.size = (64 << 20) + 1);
    refused_entry(large, Fault::EntryLarge);
    let noise = Entry::stored(b"src/n", &[7; 1000]);
    let claims: Vec<Entry> = (0..5)
        .map(|index| {
            let mut entry = noise.clone();
            entry.both(|header| {
                header.name = format!("src/{index}").into_bytes();
                header.method = 8;
                header.size = 60 << 20;
                header.compressed = 1000;
            });
            entry
        })
        .collect();
    let fault = archive::read(&build(&[&[manifest()][..], &claims].concat())).map_err(|error| error.fault);
    assert!(matches!(fault, Err(Fault::Ratio | Fault::UnpackedLarge)), "{fault:?}");
}

#[test]
fn too_many_entries() {
    let mut entries = vec![manifest()];
    entries.extend((0..10_000).map(|index| Entry::stored(format!("src/{index}").as_bytes(), b"")));
    refused(&build(&entries), Fault::ManyEntries);
    entries.pop();
    assert_eq!(accepted(&build(&entries)).len(), 10_000);
}

#[test]
fn too_large_an_archive() {
    refused(&vec![0; (64 << 20) + 1], Fault::ArchiveLarge);
}

#[test]
fn cut_or_flipped_archives_never_panic() {
    let good = build(&[manifest(), entry(), Entry::stored(b"docs/x", b"y").with_descriptor(false)]);
    accepted(&good);
    for end in 0..good.len() {
        assert!(archive::read(&good[..end]).is_err(), "cut at {end}");
    }
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            // Times and hints may change; nothing else does silently.
            if let Ok(files) = archive::read(&bytes) {
                assert_eq!(files.len(), 3, "byte {at} bit {bit}");
            }
        }
    }
}

#[test]
fn honest_archives_of_other_tools() {
    let directory = {
        let mut entry = Entry::stored(b"src/", b"");
        entry.attributes = 0o040_755 << 16 | 0x10;
        entry
    };
    let timestamps = changed(|entry| {
        entry.local.extra = extra_field(0x5455, &[3, 0, 0, 0, 0, 0, 0, 0, 0]);
        entry.central.extra = extra_field(0x5455, &[3, 0, 0, 0, 0]);
    });
    let dos = {
        let mut entry = Entry::stored(b"README.md", b"hello");
        (entry.made_by, entry.attributes) = (0, 0x20);
        entry.comment = b"a comment".to_vec();
        entry
    };
    let files = accepted(&build(&[directory, timestamps, dos, manifest()]));
    assert_eq!(files.keys().collect::<Vec<_>>(), ["README.md", "manifest.toml", "src/a.coex"]);
    for signature in [false, true] {
        accepted(&build(&[entry().with_descriptor(signature), manifest()]));
    }
    accepted(&build_with(&[manifest()], &End { comment: b"made by hand".to_vec(), ..End::default() }));
    accepted(&build(&[manifest(), Entry::stored(b"LICENSE-MIT", b""), Entry::stored(b"tests/t.coex", b"")]));
}

#[test]
fn errors_name_entry_and_offset() {
    let bytes = build(&[manifest(), Entry::stored(b"../x", b"")]);
    let error = archive::read(&bytes).expect_err("refused");
    let text = error.to_string();
    assert!(text.contains("'../x'") && text.contains("byte ") && text.contains("[name-dotdot]"), "{text}");
    let hostile = build(&[manifest(), Entry::stored(b"src/\x1b[31m", b"")]);
    let text = archive::read(&hostile).expect_err("refused").to_string();
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn packing_is_canonical() {
    let mut files = BTreeMap::new();
    files.insert("manifest.toml".to_owned(), b"[library]\n".to_vec());
    files.insert("src/b.coex".to_owned(), b"x = 1\n".repeat(500));
    files.insert("src/a.coex".to_owned(), b"y".to_vec());
    let bytes = pack(&files).expect("packs");
    assert_eq!(accepted(&bytes), files);
    assert_eq!(pack(&accepted(&bytes)).expect("packs"), bytes);
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).expect("opens");
    let mut names = Vec::new();
    for index in 0..zip.len() {
        let file = zip.by_index(index).expect("entry");
        assert_eq!(file.unix_mode(), Some(0o100_644));
        assert_eq!(file.last_modified().map(|time| (time.year(), time.hour(), time.second())), Some((1980, 0, 0)));
        assert!(file.comment().is_empty() && file.extra_data().is_none_or(|extra| extra.is_empty()));
        names.push(file.name().expect("name").into_owned());
    }
    assert_eq!(names, ["manifest.toml", "src/a.coex", "src/b.coex"]);
}
