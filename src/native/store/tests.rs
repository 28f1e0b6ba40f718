//! What the store promises: whole entries or none, verified reads, one builder a key.

use super::*;
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;

/// A directory of its own for one test, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("coex-store-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Scratch(path)
    }

    fn store(&self) -> Store {
        Store::open(&self.0).expect("a fresh directory can be opened")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn hit(store: &Store, key: &Key) -> Entry {
    match store.lookup(key) {
        Ok(Lookup::Hit(entry)) => entry,
        other => panic!("expected a hit, got {other:?}"),
    }
}

#[test]
fn an_entry_comes_back_as_it_was() {
    let scratch = Scratch::new("roundtrip");
    let store = scratch.store();
    let key = Key::of(&[b"one"]);
    assert_eq!(store.lookup(&key), Ok(Lookup::Absent));
    let meta = "line\ncheck 123\nmeta 5\nü";
    let put = store.publish(&key, meta, &[("object", b"\0\x01bytes"), ("two words", b"")]).unwrap();
    let got = hit(&store, &key);
    assert_eq!(got, put);
    assert_eq!(got.meta, meta);
    assert_eq!(fs::read(&got.blob("object").unwrap().path).unwrap(), b"\0\x01bytes");
    assert_eq!(store.stats().unwrap().entries, 1);
    assert_eq!(fs::metadata(&store.root).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn a_flipped_bit_is_noticed_and_set_aside() {
    let scratch = Scratch::new("flip");
    let store = scratch.store();
    let key = Key::of(&[b"flip"]);
    let blob = store.publish(&key, "meta", &[("object", b"some object")]).unwrap().blobs[0].path.clone();
    let entry = store.shard(&key.hex(), "entry");
    for victim in [blob, entry] {
        let good = fs::read(&victim).unwrap();
        for bit in (0..good.len() * 8).step_by(7) {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            fs::write(&victim, &bad).unwrap();
            assert!(matches!(store.lookup(&key), Ok(Lookup::Damaged(_))), "bit {bit} of {}", victim.display());
            assert!(!victim.exists());
            store.publish(&key, "meta", &[("object", b"some object")]).unwrap();
            hit(&store, &key);
        }
    }
    assert!(store.stats().unwrap().quarantined > 0);
}

#[test]
fn a_truncated_blob_is_noticed_and_a_missing_one_is_absence() {
    let scratch = Scratch::new("truncate");
    let store = scratch.store();
    let key = Key::of(&[b"cut"]);
    let blob = store.publish(&key, "", &[("object", b"0123456789")]).unwrap().blobs[0].path.clone();
    fs::write(&blob, b"01234").unwrap();
    assert!(matches!(store.lookup(&key), Ok(Lookup::Damaged(_))));
    let blob = store.publish(&key, "", &[("object", b"0123456789")]).unwrap().blobs[0].path.clone();
    fs::remove_file(blob).unwrap();
    assert_eq!(store.lookup(&key), Ok(Lookup::Absent));
}

#[test]
fn builders_of_one_key_build_once() {
    let scratch = Scratch::new("once");
    let store = scratch.store();
    let key = Key::of(&[b"once"]);
    let (built, start) = (AtomicUsize::new(0), Barrier::new(8));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                start.wait();
                let _lock = store.lock(&key).unwrap();
                if store.lookup(&key) == Ok(Lookup::Absent) {
                    built.fetch_add(1, Ordering::Relaxed);
                    store.publish(&key, "", &[("object", b"x")]).unwrap();
                }
            });
        }
    });
    assert_eq!(built.into_inner(), 1);
    let locks = store.files().unwrap().iter().filter(|file| file.path.extension().unwrap() == "lock").count();
    assert_eq!(locks, 0);
}

#[test]
fn gc_drops_the_least_recently_used() {
    let scratch = Scratch::new("gc");
    let store = scratch.store();
    let (old, new) = (Key::of(&[b"old"]), Key::of(&[b"new"]));
    let old_blob = store.publish(&old, "", &[("object", &[1; 1000])]).unwrap().blobs[0].path.clone();
    store.publish(&new, "", &[("object", &[2; 1000])]).unwrap();
    let past = SystemTime::now() - Duration::from_secs(7200);
    for path in [store.shard(&old.hex(), "entry"), old_blob] {
        File::open(path).unwrap().set_modified(past).unwrap();
    }
    let freed = store.gc(1500, DEFAULT_MAX_AGE).unwrap();
    assert!(freed > 1000);
    assert_eq!(store.lookup(&old), Ok(Lookup::Absent));
    hit(&store, &new);
    store.clear().unwrap();
    assert_eq!(store.stats().unwrap(), Stats::default());
    assert_eq!(store.lookup(&new), Ok(Lookup::Absent));
}

#[test]
fn verify_names_what_is_damaged() {
    let scratch = Scratch::new("verify");
    let store = scratch.store();
    let blob = store.publish(&Key::of(&[b"v"]), "", &[("object", b"abc")]).unwrap().blobs[0].path.clone();
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
    fs::write(blob, b"abd").unwrap();
    assert_eq!(store.verify().unwrap().len(), 1);
    assert_eq!(store.verify().unwrap().len(), 0);
}

#[test]
fn an_unusable_directory_is_an_error_with_its_reason() {
    let scratch = Scratch::new("unusable");
    fs::write(&scratch.0, b"a file").unwrap();
    let error = Store::open(&scratch.0.join("cache")).unwrap_err();
    assert_eq!(error.reason, "Not a directory");
    fs::remove_file(&scratch.0).unwrap();
    // Full: every write to this device fails, so nothing may appear.
    let store = scratch.store();
    assert!(write_whole(Path::new("/dev/full/x"), b"x").is_err());
    assert_eq!(store.stats().unwrap(), Stats::default());
}

#[test]
fn the_environment_names_the_directory() {
    let of = |set: &[(&str, &str)]| {
        let set: Vec<(String, String)> = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        cache_directory(move |name| set.iter().find(|(key, _)| key == name).map(|(_, value)| value.into()))
    };
    assert_eq!(of(&[("COEX_CACHE_DIR", "/c"), ("HOME", "/h")]), Some(PathBuf::from("/c")));
    assert_eq!(of(&[("COEX_CACHE_DIR", ""), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]), Some("/x/coex".into()));
    assert_eq!(of(&[("HOME", "/h")]), Some(PathBuf::from("/h/.coex/cache")));
    assert_eq!(of(&[]), None);
}
