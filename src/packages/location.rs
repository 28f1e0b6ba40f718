//! Where registries and archives may be: a directory or file here, or a web server.
//!
//! In: a path or a URL, as a user, a lock file or a redirecting server gives it. Out: a [`Location`]. A URL is taken
//! apart here and nowhere else, and has one spelling. Deliberately not here: reaching anything (`web`, `store`).

use std::path::{Path, PathBuf};

use super::error::PackageError;

const MAX_URL_BYTES: usize = 4096;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Location {
    Path(PathBuf),
    Web(WebUrl),
}

impl Location {
    /// `what` is looked for there: `Registry` or `Archive`.
    pub(super) fn parse(what: &'static str, text: &str) -> Result<Location, PackageError> {
        let refuse = |reason: &str| Err(PackageError::unreachable(what, text, reason));
        let Some((scheme, rest)) = text.split_once("://") else { return Ok(Location::Path(PathBuf::from(text))) };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => match percent_decoded(rest) {
                Some(path) if path.starts_with('/') => Ok(Location::Path(PathBuf::from(path))),
                _ => refuse("a 'file://' URL needs an absolute path"),
            },
            "http" | "https" => match WebUrl::parse(text) {
                Ok(url) => Ok(Location::Web(url)),
                Err(reason) => refuse(reason),
            },
            _ => refuse("it must be a path, or a URL with 'file', 'http' or 'https'"),
        }
    }
}

/// `http://host:port/path?query`, in lower case up to the path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct WebUrl {
    pub(super) is_secure: bool,
    /// Host and port as they are written.
    authority: String,
    /// From the first slash on; never empty.
    path: String,
}

impl WebUrl {
    pub(super) fn parse(text: &str) -> Result<WebUrl, &'static str> {
        let (scheme, rest) = text.split_once("://").ok_or("it is no URL")?;
        let is_secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err("only 'http' and 'https' URLs are followed"),
        };
        if text.len() > MAX_URL_BYTES {
            return Err("the URL is longer than 4096 bytes");
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err("a URL must not hold a user or password; tokens belong in ~/.coex/tokens");
        }
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        if authority.is_empty() || authority.starts_with(':') || !authority.bytes().all(is_known) {
            return Err("the URL has no valid host");
        }
        if !path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\<>^`{|}".contains(&byte)) {
            return Err("the URL has a character that must be written as '%XX'");
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(WebUrl { is_secure, authority: authority.to_ascii_lowercase(), path })
    }

    pub(super) fn text(&self) -> String {
        format!("{}{}", self.origin(), self.path)
    }

    /// Whom one talks to.
    fn origin(&self) -> String {
        format!("{}://{}", if self.is_secure { "https" } else { "http" }, self.authority)
    }

    /// A registry's files lie below its URL, so it ends nowhere else.
    pub(super) fn without_end(mut self) -> Result<WebUrl, &'static str> {
        if self.path.contains('?') {
            return Err("the URL of a registry must not have a query");
        }
        self.path.truncate(self.path.trim_end_matches('/').len());
        Ok(self)
    }

    /// A file below it. Names of registry files need no escapes.
    pub(super) fn below(&self, path: &str) -> WebUrl {
        WebUrl { path: format!("{}/{path}", self.path), ..self.clone() }
    }

    /// Where a `Location` header leads to.
    pub(super) fn redirected(&self, target: &str) -> Result<WebUrl, &'static str> {
        let before_query = self.path.split('?').next().unwrap_or_default();
        let directory = &before_query[..before_query.rfind('/').map_or(0, |at| at + 1)];
        let scheme = if self.is_secure { "https" } else { "http" };
        let next = match target {
            _ if target.split(['/', '?', '#']).next().is_some_and(|start| start.contains(':')) => {
                WebUrl::parse(target)?
            }
            _ if target.starts_with("//") => WebUrl::parse(&format!("{scheme}:{target}"))?,
            _ if target.starts_with('/') => WebUrl::parse(&format!("{}{target}", self.origin()))?,
            _ => WebUrl::parse(&format!("{}{directory}{target}", self.origin()))?,
        };
        if self.is_secure && !next.is_secure {
            return Err("it leads from https to http");
        }
        Ok(next)
    }

    /// Whether it is at `other` or below: the same server, and whole parts of the path.
    pub(super) fn is_below(&self, other: &WebUrl) -> bool {
        let rest = self.path.strip_prefix(other.path.trim_end_matches('/'));
        let is_whole = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        // A server might see another path where somebody goes up.
        is_whole && self.origin() == other.origin() && !self.path.contains("..") && !self.path.contains('%')
    }

    pub(super) fn is_loopback(&self) -> bool {
        let host = match self.authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => self.authority.split(':').next().unwrap_or_default(),
        };
        host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }
}

pub(super) fn file_url(path: &Path) -> String {
    let mut url = String::from("file://");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => url.push(char::from(*byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|_| *first == b'%');
        let value = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(if *first == b'%' { value? } else { *first });
        rest = if *first == b'%' { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_files_go_both_ways() {
        for path in ["/a", "/a b/%41/ä", "/x?y#z"] {
            let url = file_url(Path::new(path));
            assert_eq!(Location::parse("Registry", &url).expect("parses"), Location::Path(path.into()), "{url}");
        }
        for bad in ["file://host/x", "file://", "ftp://x/y", "file:///a%", "file:///a%zz", "file:///%00"] {
            assert!(Location::parse("Registry", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn urls_have_one_spelling() {
        let text = |text: &str| WebUrl::parse(text).map(|url| url.text());
        assert_eq!(text("HTTPS://Example.Org:8443").as_deref(), Ok("https://example.org:8443/"));
        assert_eq!(text("http://[::1]:80/A/b?c=d#e").as_deref(), Ok("http://[::1]:80/A/b?c=d"));
        for bad in
            ["http://", "http:///x", "http://u:p@h/", "http://h/a b", "http://h/\"", "http://:80/", "http://h\n/"]
        {
            assert!(WebUrl::parse(bad).is_err(), "{bad}");
        }
        let registry = WebUrl::parse("http://h/r//").and_then(WebUrl::without_end).expect("registry");
        assert_eq!(registry.below("config.json").text(), "http://h/r/config.json");
        assert!(WebUrl::parse("http://h/r?x").and_then(WebUrl::without_end).is_err());
    }

    #[test]
    fn redirects_lead_where_browsers_go() {
        let from = WebUrl::parse("https://h:1/a/b?c").expect("url");
        let to = |target| from.redirected(target).map(|url| url.text());
        assert_eq!(to("https://other/x?y").as_deref(), Ok("https://other/x?y"));
        assert_eq!(to("//other/x").as_deref(), Ok("https://other/x"));
        assert_eq!(to("/x:y").as_deref(), Ok("https://h:1/x:y"));
        assert_eq!(to("x").as_deref(), Ok("https://h:1/a/x"));
        for bad in ["http://h:1/x", "file:///etc/passwd", "javascript:x", "ftp://h/x"] {
            assert!(to(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn below_means_the_same_server_and_whole_parts() {
        let url = |text| WebUrl::parse(text).expect("url");
        let base = url("https://h/r");
        for good in ["https://h/r", "https://h/r/x", "https://H/r?x"] {
            assert!(url(good).is_below(&base), "{good}");
        }
        for bad in
            ["http://h/r", "https://h:8/r", "https://h/rx", "https://h2/r", "https://h/r/../x", "https://h/r/%2e"]
        {
            assert!(!url(bad).is_below(&base), "{bad}");
        }
        assert!(url("http://127.0.0.1:8/").is_loopback() && url("http://[::1]/").is_loopback());
        assert!(!url("http://127.0.0.1.example.org/").is_loopback());
    }
}
