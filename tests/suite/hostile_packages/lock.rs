//! What the reader of lock files must do with any bytes: refuse them, or read what is the same when it is written and read
//! again, and leads nowhere but to its own places.
//!
//! In: bytes. Out: nothing; a panic where the reader breaks its word. Shared with the fuzz target of `fuzz/`.

use std::path::{Component, Path};

use coexc::diagnostics::render::{Paint, render_all};
use coexc::packages::lock::{self, Lock};
use coexc::packages::store::Store;

pub(crate) fn read(bytes: &[u8]) {
    let path = Path::new("coex.lock");
    let lock = match lock::parse(bytes, path) {
        Ok(lock) => lock,
        Err(error) => {
            let (diagnostics, sources) = error.into_diagnostics();
            let shown = render_all(&diagnostics, &sources, Paint::Plain);
            assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
            return;
        }
    };
    let text = lock.to_text();
    let again = lock::parse(text.as_bytes(), path).unwrap_or_else(|error| panic!("{error:?}: {text}"));
    assert_eq!(again, lock, "{text}");
    assert_eq!(again.to_text(), text, "the text depends on more than the choices");
    let store = Store::below(Path::new("/home"));
    for locked in lock.packages.values() {
        let place = store.path(&locked.id, &locked.tree);
        let is_plain = |part: Component| matches!(part, Component::RootDir | Component::Normal(_));
        assert!(place.starts_with("/home") && place.components().all(is_plain), "{}", place.display());
        assert_eq!(place.components().count(), 6, "{}", place.display());
    }
    let mut pruned = lock;
    pruned.prune();
    let mut twice: Lock = pruned.clone();
    twice.prune();
    assert_eq!(twice, pruned, "pruning is not done at once");
    assert_eq!(lock::parse(pruned.to_text().as_bytes(), path).expect("what is left is whole"), pruned);
}
