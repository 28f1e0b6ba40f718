//! Directories and builds for the tests of native libraries.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use coexc::native::{
    LibrarySources, NativeError, NativeLibrary, NativeOptions, Store, SystemDependency, Unit, build_library,
    find_toolchain,
};

/// A directory of its own for one test, removed at the end.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("coex-native-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a directory for the test");
        Scratch(path)
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.0.join("cache")).expect("a fresh cache")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A library as `cxz` would hand it over.
#[derive(Clone, Default)]
pub(crate) struct TestLibrary {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) unit: Unit,
    pub(crate) symbols: Vec<String>,
    pub(crate) system: Option<SystemDependency>,
}

impl TestLibrary {
    /// All `.c` files are sources.
    pub(crate) fn new(files: &[(&str, &str)], symbols: &[&str]) -> TestLibrary {
        let sources = files.iter().map(|(name, _)| (*name).to_owned()).filter(|name| name.ends_with(".c")).collect();
        TestLibrary {
            files: files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect(),
            unit: Unit { name: "unit".to_owned(), sources, ..Unit::default() },
            symbols: symbols.iter().map(|name| (*name).to_owned()).collect(),
            system: None,
        }
    }

    pub(crate) fn build(&self, store: &Store, options: &NativeOptions) -> Result<NativeLibrary, NativeError> {
        let toolchain = find_toolchain(store)?;
        let sources = LibrarySources {
            name: "probe",
            version: "1.0.0",
            files: &self.files,
            units: vec![self.unit.clone()],
            symbols: self.symbols.clone(),
            system: self.system.clone(),
        };
        let helper = options.helper.clone().or_else(|| Some(env!("CARGO_BIN_EXE_coexc").into()));
        build_library(&toolchain, store, &sources, &NativeOptions { helper, ..options.clone() })
    }
}

/// The file below `tests/suite/native`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/native").join(name)
}

/// Runs to success; yields standard output.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().expect("the command starts");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{text}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
