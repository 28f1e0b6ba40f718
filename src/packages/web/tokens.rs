//! Tokens for registries that are not open to everybody.
//!
//! In: `~/.coex/tokens`, which only its owner may read. Out: the token for a URL. A token goes to the URL it stands
//! beside and what lies below, over https or within this machine, and nowhere else. It is never part of a message.
//!
//! ```text
//! # comment
//! https://packages.example.org/coex TOKEN
//! ```

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::packages::location::WebUrl;
use crate::packages::store::read_bounded;

const MAX_BYTES: u64 = 64 << 10;

#[derive(Default)]
pub(super) struct Tokens {
    list: Vec<(WebUrl, String)>,
}

impl Tokens {
    /// None where there is no such file.
    pub(super) fn read(path: &Path) -> Result<Tokens, String> {
        let refuse = |reason: String| format!("the tokens of '{}' cannot be used: {reason}", path.display());
        let Some(bytes) = read_bounded(path, MAX_BYTES).map_err(refuse)? else { return Ok(Tokens::default()) };
        let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
        if mode & 0o077 != 0 {
            return Err(refuse("others may read it; `chmod 600` makes it private".to_owned()));
        }
        parse(&bytes).map_err(refuse)
    }

    /// The one for the longest fitting URL.
    pub(super) fn get(&self, url: &WebUrl) -> Option<&str> {
        let fitting = self.list.iter().filter(|(base, _)| url.is_below(base));
        fitting.max_by_key(|(base, _)| base.text().len()).map(|(_, token)| token.as_str())
    }
}

fn parse(bytes: &[u8]) -> Result<Tokens, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut tokens = Tokens::default();
    for (index, line) in text.lines().enumerate() {
        let refuse = |reason: &str| Err(format!("{reason} (line {})", index + 1));
        let words: Vec<&str> = line.split_whitespace().collect();
        let (url, token) = match words[..] {
            [] => continue,
            [first, ..] if first.starts_with('#') => continue,
            [url, token] => (url, token),
            _ => return refuse("a line is a URL and a token"),
        };
        let url = match WebUrl::parse(url) {
            Ok(url) if url.is_secure || url.is_loopback() => url,
            Ok(_) => return refuse("a token is sent over https only"),
            Err(reason) => return refuse(reason),
        };
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refuse("a token consists of printable characters of ASCII");
        }
        tokens.list.push((url, token.to_owned()));
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_its_place_only() {
        let text = "# mine\n\nhttps://h/a first\nhttps://h/a/b second\nhttp://127.0.0.1:8/ third\n";
        let tokens = parse(text.as_bytes()).expect("parses");
        let get = |url| tokens.get(&WebUrl::parse(url).expect("url"));
        assert_eq!(get("https://h/a/config.json"), Some("first"));
        assert_eq!(get("https://h/a/b/config.json"), Some("second"));
        assert_eq!(get("http://127.0.0.1:8/x"), Some("third"));
        for other in
            ["https://h/", "http://h/a", "https://h:444/a", "https://x/a", "http://127.0.0.1/x", "https://h/ab"]
        {
            assert_eq!(get(other), None, "{other}");
        }
        for bad in ["https://h/a", "http://h/a t", "x t", "https://h/ a b", "https://h/ \u{1}"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
