//! Puts the files of a library into a fresh directory.
//!
//! In: judged files and a place where nothing is yet. Out: the directory, which appears by rename when it is whole. No
//! link, device or mode of an archive ever gets here: files are 0644 and directories 0755, less what the umask takes.
//! Deliberately not here: judging (`archive`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::files::Scratch;

pub fn unpack(files: &BTreeMap<String, Vec<u8>>, target: &Path) -> io::Result<()> {
    if fs::symlink_metadata(target).is_ok() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    let scratch = Scratch::beside(target)?;
    // Has the mode that users expect, inside one that only we may enter.
    let tree = scratch.path().join("tree");
    let mut directories = DirBuilder::new();
    directories.mode(0o755).create(&tree)?;
    let mut made = BTreeSet::new();
    for (name, content) in files {
        for (end, _) in name.match_indices('/') {
            if made.insert(&name[..end]) {
                directories.create(tree.join(&name[..end]))?;
            }
        }
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o644).open(tree.join(name))?;
        file.write_all(content)?;
    }
    // Only an empty directory that somebody made meanwhile could be replaced.
    fs::rename(&tree, target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_leaves_nothing() {
        let room = std::env::temp_dir().join(format!("coex-unpack-{}", std::process::id()));
        fs::create_dir_all(&room).expect("a directory");
        // The reader lets no such names through; what is unpacked does not depend on it to clean up.
        let files = BTreeMap::from([("a".to_owned(), b"1".to_vec()), ("a/b".to_owned(), b"2".to_vec())]);
        assert!(unpack(&files, &room.join("x")).is_err());
        assert_eq!(fs::read_dir(&room).expect("a directory").count(), 0);
        let files = BTreeMap::from([("a/b/c".to_owned(), b"1".to_vec()), ("a/d".to_owned(), Vec::new())]);
        unpack(&files, &room.join("x")).expect("unpacks");
        assert_eq!(fs::read(room.join("x/a/b/c")).expect("read"), b"1");
        let again = unpack(&files, &room.join("x")).expect_err("it is there");
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_dir(&room).expect("a directory").count(), 1);
        fs::remove_dir_all(&room).expect("removed");
    }
}
