//! What the reader of a registry's index must do with any bytes: refuse them, or read releases of that one package which
//! are the same when they are written and read again.
//!
//! In: bytes. Out: nothing; a panic where the reader breaks its word. Shared with the fuzz target of `fuzz/`.

use coexc::diagnostics::render::{Paint, render_all};
use coexc::packages::index::{self, Release};

const NAME: &str = "regex";

pub(crate) fn read(bytes: &[u8]) {
    let releases = match index::parse(NAME, bytes, "index") {
        Ok(releases) => releases,
        Err(error) => {
            let (diagnostics, sources) = error.into_diagnostics();
            let shown = render_all(&diagnostics, &sources, Paint::Plain);
            assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
            return;
        }
    };
    assert!(releases.is_sorted_by(|one, other| one.id.version < other.id.version));
    for release in &releases {
        assert_eq!(release.id.name, NAME);
        for path in [index::archive_path(&release.id), index::signature_path(&release.id)] {
            assert!(
                path.starts_with("dl/regex/regex-") && !path.contains("..") && path.matches('/').count() == 2,
                "{path}"
            );
        }
    }
    let text: String = releases.iter().map(written).collect();
    let again = index::parse(NAME, text.as_bytes(), "index").unwrap_or_else(|error| panic!("{error:?}: {text}"));
    assert_eq!(again, releases, "{text}");
}

fn written(release: &Release) -> String {
    let yank = release.yanked.as_ref().map(|reason| index::yank_line(&release.id, reason));
    index::release_line(release) + &yank.unwrap_or_default()
}
