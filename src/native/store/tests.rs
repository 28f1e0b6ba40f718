//! What the store promises: whole entries or none, verified reads, one builder a key.

use super::*;
use std::sync::Barrier;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

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
                let _lock = store.lock(&key, "a test").unwrap().expect("nobody holds it for minutes");
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
    let within = |bytes| Allowance { bytes, age: DEFAULT_MAX_AGE };
    // Nothing goes that a running build may have just found.
    assert_eq!(store.gc(&within(1)).unwrap(), 0);
    age(&store.shard(&old.hex(), "entry"), 7200);
    age(&old_blob, 7200);
    let freed = store.gc(&within(1500)).unwrap();
    assert!(freed > 1000);
    assert_eq!(store.lookup(&old), Ok(Lookup::Absent));
    hit(&store, &new);
    store.clear().unwrap();
    assert_eq!(store.stats().unwrap(), Stats::default());
    assert_eq!(store.lookup(&new), Ok(Lookup::Absent));
}

fn age(path: &Path, seconds: u64) {
    File::open(path).unwrap().set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

#[test]
fn gc_drops_what_is_old_and_a_use_makes_young() {
    let scratch = Scratch::new("age");
    let store = scratch.store();
    let keys = [Key::of(&[b"unused"]), Key::of(&[b"used"])];
    for (number, key) in keys.iter().enumerate() {
        let blob = store.publish(key, "", &[("object", &[number as u8; 1000])]).unwrap().blobs[0].path.clone();
        age(&blob, 40 * 24 * 3600);
        age(&store.shard(&key.hex(), "entry"), 40 * 24 * 3600);
    }
    hit(&store, &keys[1]);
    let default = Allowance::default();
    store.gc_if_due(&default).unwrap();
    assert_eq!(store.lookup(&keys[0]), Ok(Lookup::Absent));
    hit(&store, &keys[1]);
    // Once a day is enough, and a damaged state is no state.
    let state = store.root.join("gc-state");
    assert_eq!(fs::read(&state).unwrap(), b"");
    for path in store.files().unwrap() {
        age(&path.path, 40 * 24 * 3600);
    }
    store.gc_if_due(&default).unwrap();
    assert_eq!(store.stats().unwrap().entries, 1);
    fs::write(&state, "measure 1").unwrap();
    store.gc_if_due(&default).unwrap();
    assert_eq!(store.stats().unwrap().entries, 0);
}

#[test]
fn a_collection_goes_on_in_the_next_build() {
    let scratch = Scratch::new("slices");
    let store = scratch.store();
    let key = Key::of(&[b"old"]);
    store.publish(&key, "", &[]).unwrap();
    age(&store.shard(&key.hex(), "entry"), 40 * 24 * 3600);
    // As if a slice had ended before the last shard was measured; a damaged file begins anew.
    fs::write(store.root.join("gc-state"), "measure 255 0\n7 100\n").unwrap();
    store.gc_if_due(&Allowance::default()).unwrap();
    assert_eq!(store.lookup(&key), Ok(Lookup::Absent));
}

/// Who waits is told for whom; a holder that does not come to an end costs time only.
#[test]
fn waiting_is_told_and_ends() {
    static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let scratch = Scratch::new("wait");
    let key = Key::of(&[b"wait"]);
    let holder = scratch.store();
    let lock = holder.lock(&key, "library 'x'").unwrap().unwrap();
    let waiter = scratch.store().notifying(|line| TOLD.lock().unwrap().push(line.to_owned()));
    assert!(waiter.lock_within(&key, "library 'x'", Duration::from_millis(400)).unwrap().is_none());
    drop(lock);
    assert!(waiter.lock_within(&key, "library 'x'", Duration::from_millis(400)).unwrap().is_some());
    let holder = format!("process {}, which makes library 'x'", std::process::id());
    assert_eq!(*TOLD.lock().unwrap(), [format!("waiting for {holder}"), format!("no longer waiting for {holder}")]);
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
