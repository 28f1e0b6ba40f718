//! Everything that can go wrong between a library's C sources and its object.
//!
//! In: nothing. Out: [`NativeError`] with its code and the wording of the language reference and the founding note.
//! Deliberately not here: how a message looks (`diagnostics`).

use std::fmt::{self, Display};

use crate::diagnostics::{Code, Diagnostic};

use super::sources::Install;
use crate::sandbox::Fault;

#[derive(Clone, Debug, PartialEq)]
pub enum NativeError {
    /// A C file or include directory that the manifest names.
    FileNotFound {
        library: String,
        file: String,
    },
    MissingDependency {
        library: String,
        missing: Missing,
        package: String,
        install: Box<Install>,
    },
    InvalidSystemLibrary {
        library: String,
        flag: String,
    },
    SymbolNotDefined {
        library: String,
        symbol: String,
        is_static: bool,
    },
    /// clang's error lines, or those of the pass in the same form.
    CompilationFailed {
        library: String,
        command: String,
        errors: Vec<String>,
    },
    ClangNotFound {
        searched: Vec<String>,
    },
    /// It is there and does not do what clang does.
    ClangBroken {
        path: String,
        reason: String,
    },
    ClangVersion {
        path: String,
        version: String,
    },
    Cache {
        directory: String,
        reason: String,
    },
    PkgConfigNotFound {
        library: String,
    },
    PkgConfigPackage {
        library: String,
        package: String,
        install: Box<Install>,
    },
    PkgConfigVersion {
        library: String,
        package: String,
        version: String,
        required: String,
        install: Box<Install>,
    },
    Unsupported {
        what: String,
    },
    /// A tool cannot be run as `COEX_SANDBOX` wants it.
    Sandbox(Fault),
}

impl From<Fault> for NativeError {
    fn from(fault: Fault) -> NativeError {
        NativeError::Sandbox(fault)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Missing {
    Header(String),
    Library(String),
}

impl NativeError {
    pub fn code(&self) -> Code {
        match self {
            NativeError::FileNotFound { .. } => Code::E1110,
            NativeError::MissingDependency { .. } => Code::E1111,
            NativeError::InvalidSystemLibrary { .. } => Code::E1112,
            NativeError::SymbolNotDefined { .. } => Code::E1113,
            NativeError::CompilationFailed { .. } => Code::E1114,
            NativeError::ClangNotFound { .. } | NativeError::ClangBroken { .. } | NativeError::ClangVersion { .. } => {
                Code::E1401
            }
            NativeError::Cache { .. } => Code::E1403,
            NativeError::PkgConfigNotFound { .. } => Code::E1405,
            NativeError::PkgConfigPackage { .. } => Code::E1406,
            NativeError::PkgConfigVersion { .. } => Code::E1407,
            NativeError::Unsupported { .. } => Code::E0001,
            NativeError::Sandbox(_) => Code::E1409,
        }
    }

    /// The first line.
    pub fn message(&self) -> String {
        match self {
            NativeError::FileNotFound { library, file } => format!("Library '{library}': file '{file}' not found"),
            NativeError::MissingDependency { library, .. } => {
                format!("Missing system dependency for library '{library}'")
            }
            NativeError::InvalidSystemLibrary { library, flag } => {
                format!("Library '{library}': invalid system library '{flag}'")
            }
            NativeError::SymbolNotDefined { library, symbol, .. } => {
                format!("Library '{library}': symbol '{symbol}' is not defined by its C sources")
            }
            NativeError::CompilationFailed { library, .. } => format!("FFI compilation failed for '{library}'"),
            NativeError::ClangNotFound { .. } => "clang 22 not found".to_owned(),
            NativeError::ClangBroken { path, reason } => format!("clang 22 not found: '{path}' does not run: {reason}"),
            NativeError::ClangVersion { version, .. } => format!("clang has version {version}, 22 is needed"),
            NativeError::Cache { directory, reason } => {
                format!("Cannot use the cache directory '{directory}': {reason}")
            }
            NativeError::PkgConfigNotFound { .. } => "pkg-config not found".to_owned(),
            NativeError::PkgConfigPackage { package, .. } => format!("pkg-config knows no package '{package}'"),
            NativeError::PkgConfigVersion { package, version, required, .. } => {
                format!("package '{package}' has version {version}, {required} is needed")
            }
            NativeError::Unsupported { what } => format!("Not supported by this version: {what}"),
            NativeError::Sandbox(fault) => fault.to_string(),
        }
    }

    /// The paragraphs that follow the first line, each printed after an empty line.
    pub fn body(&self) -> Vec<String> {
        match self {
            NativeError::MissingDependency { missing, package, install, .. } => {
                let required = match missing {
                    Missing::Header(name) => format!("Required header not found: {name}"),
                    Missing::Library(name) => format!("Required library not found: {name}"),
                };
                vec![required, install_lines(package, install)]
            }
            NativeError::CompilationFailed { command, errors, .. } => vec![
                format!("Command: {command}\nError: {}", errors.join("\n")),
                "Check that all header files are included in the library's src/ directory.".to_owned(),
            ],
            NativeError::ClangNotFound { .. } | NativeError::ClangBroken { .. } | NativeError::ClangVersion { .. } => {
                vec![CLANG_PACKAGES.to_owned()]
            }
            NativeError::PkgConfigNotFound { library } => vec![
                format!("Library '{library}' finds its system dependency with it."),
                "Install the pkg-config package:\n  Ubuntu/Debian: sudo apt install pkg-config\n  \
                 macOS:         brew install pkg-config\n  Fedora:        sudo dnf install pkgconf-pkg-config"
                    .to_owned(),
            ],
            NativeError::PkgConfigPackage { library, package, install }
            | NativeError::PkgConfigVersion { library, package, install, .. } => {
                vec![format!("Library '{library}' needs it."), install_lines(package, install)]
            }
            _ => Vec::new(),
        }
    }

    pub fn help(&self) -> Option<String> {
        match self {
            NativeError::SymbolNotDefined { symbol, is_static: true, .. } => {
                Some(format!("'{symbol}' is static in the C sources; remove 'static'"))
            }
            NativeError::ClangNotFound { searched } => Some(format!("searched: {}", searched.join(", "))),
            NativeError::ClangVersion { path, .. } => Some(format!("'{path}' was used; COEX_CLANG names another one")),
            NativeError::Cache { .. } => Some("COEX_CACHE_DIR names another directory".to_owned()),
            NativeError::Sandbox(fault) => Some(fault.help().to_owned()),
            _ => None,
        }
    }

    pub fn to_diagnostic(&self) -> Diagnostic {
        let mut diagnostic = Diagnostic::without_place(self.code(), self.message());
        for paragraph in self.body() {
            diagnostic = diagnostic.body(paragraph);
        }
        match self.help() {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}

const CLANG_PACKAGES: &str = "Install the clang-22 package:\n  Ubuntu/Debian: sudo apt install clang-22\n  \
                              macOS:         brew install llvm@22\n  Fedora:        sudo dnf install clang";

/// The founding note's lines; a system without a key gets none.
fn install_lines(package: &str, install: &Install) -> String {
    let mut text = format!("Install the {package} development package");
    let systems = [
        ("Ubuntu/Debian: sudo apt install ", &install.debian),
        ("macOS:         brew install ", &install.macos),
        ("Fedora:        sudo dnf install ", &install.fedora),
    ];
    let lines: Vec<String> =
        systems.iter().filter_map(|(command, name)| name.as_ref().map(|name| format!("\n  {command}{name}"))).collect();
    text.push_str(if lines.is_empty() { "." } else { ":" });
    text + &lines.concat()
}

impl Display for NativeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message())?;
        for paragraph in self.body() {
            write!(formatter, "\n\n{paragraph}")?;
        }
        Ok(())
    }
}

impl std::error::Error for NativeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_header_is_reported_in_the_words_of_the_note() {
        let error = NativeError::MissingDependency {
            library: "tls".to_owned(),
            missing: Missing::Header("openssl/ssl.h".to_owned()),
            package: "OpenSSL".to_owned(),
            install: Box::new(Install {
                name: Some("OpenSSL".to_owned()),
                debian: Some("libssl-dev".to_owned()),
                macos: Some("openssl".to_owned()),
                fedora: Some("openssl-devel".to_owned()),
            }),
        };
        assert_eq!(
            error.to_string(),
            "Missing system dependency for library 'tls'\n\nRequired header not found: openssl/ssl.h\n\n\
             Install the OpenSSL development package:\n  Ubuntu/Debian: sudo apt install libssl-dev\n  \
             macOS:         brew install openssl\n  Fedora:        sudo dnf install openssl-devel"
        );
    }

    #[test]
    fn a_failed_compilation_is_reported_in_the_words_of_the_note() {
        let error = NativeError::CompilationFailed {
            library: "regex".to_owned(),
            command: "clang-22 -c ffi/src/wrapper.c".to_owned(),
            errors: vec!["ffi/src/wrapper.c:42:10: fatal error: 'missing.h' file not found".to_owned()],
        };
        assert_eq!(
            error.to_string(),
            "FFI compilation failed for 'regex'\n\nCommand: clang-22 -c ffi/src/wrapper.c\n\
             Error: ffi/src/wrapper.c:42:10: fatal error: 'missing.h' file not found\n\n\
             Check that all header files are included in the library's src/ directory."
        );
    }
}
