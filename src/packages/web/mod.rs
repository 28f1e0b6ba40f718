//! Files on web servers.
//!
//! In: a URL, the largest size, and what is known of the file already. Out: its bytes, the news that it is as before or
//! absent, or why not. Servers are given a time to answer, connections that break are tried again, redirects are few
//! and never lead to a lower protection. Deliberately not here: what the bytes mean, and whether they are believed.

mod client;
mod mark;
mod tokens;

pub(super) use mark::Mark;

use std::cell::OnceCell;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, StatusCode, header};

use super::location::WebUrl;
use crate::diagnostics::{Counted, Watched, Watcher, io_reason};

const MAX_REDIRECTS: usize = 5;
/// Before the second and the third attempt.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];
/// Slower servers are given up.
const MIN_BYTES_A_SECOND: u64 = 1 << 10;
const CHUNK_BYTES: usize = 64 << 10;

/// What the environment says about the network.
pub struct Settings {
    /// Certificates that count instead of the built-in ones.
    pub ca_file: Option<PathBuf>,
    /// URLs and the tokens that are sent there.
    pub tokens_file: Option<PathBuf>,
    /// How long a server may be silent.
    pub patience: Duration,
    pub watcher: Arc<dyn Watcher>,
}

pub struct Web {
    settings: Settings,
    client: OnceCell<client::Client>,
}

/// An answer that can be used.
pub(super) enum Fetched {
    Body {
        bytes: Vec<u8>,
        mark: Option<Mark>,
    },
    /// As the one with the mark that was named.
    Unchanged,
    Absent,
}

/// What is asked for.
pub(super) struct Wanted<'w> {
    pub(super) url: &'w WebUrl,
    pub(super) limit_bytes: u64,
    /// Of the copy that is here.
    pub(super) known: Option<&'w Mark>,
    pub(super) copies: Copies,
}

/// Whether caches on the way may answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Copies {
    Welcome,
    Unwanted,
}

/// Why a file was not fetched.
#[derive(Debug)]
pub(super) enum WebError {
    /// Nobody answers, or not with the file.
    Unreachable { url: String, reason: String },
    /// It answers with more than there may be.
    TooLarge { limit_bytes: u64 },
}

/// One attempt that failed.
struct Failure {
    error: WebError,
    may_pass: bool,
}

impl Web {
    pub fn new(settings: Settings) -> Web {
        Web { settings, client: OnceCell::new() }
    }

    fn client(&self) -> Result<&client::Client, String> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = client::Client::new(&self.settings)?;
        Ok(self.client.get_or_init(|| client))
    }

    pub(super) fn get(&self, wanted: &Wanted) -> Result<Fetched, WebError> {
        let mut pauses = PAUSES.iter();
        loop {
            match (self.attempt(wanted), pauses.next()) {
                (Err(Failure { may_pass: true, .. }), Some(pause)) => std::thread::sleep(*pause),
                (done, _) => return done.map_err(|failure| failure.error),
            }
        }
    }

    fn attempt(&self, wanted: &Wanted) -> Result<Fetched, Failure> {
        let mut url = wanted.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let fail = |reason: String, may_pass| {
                let error = WebError::Unreachable { url: url.text(), reason };
                Failure { error, may_pass }
            };
            let client = self.client().map_err(|reason| fail(reason, false))?;
            let response = client.send(&url, wanted);
            let response = response.map_err(|error| fail(client.reason(&error, &url), may_pass(&error)))?;
            let (parts, body) = response.into_parts();
            let next = match parts.status {
                StatusCode::OK => return self.body(&parts.headers, body, &url, wanted),
                StatusCode::NOT_MODIFIED if wanted.known.is_some() => return Ok(Fetched::Unchanged),
                StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(Fetched::Absent),
                status if status.is_redirection() => target(&parts.headers, &url),
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    let code = parts.status.as_u16();
                    return Err(fail(format!("the server refuses access ({code}); see ~/.coex/tokens"), false));
                }
                status => {
                    let is_busy = matches!(status.as_u16(), 429 | 502..=504);
                    return Err(fail(format!("the server answers {}", status.as_u16()), is_busy));
                }
            };
            url = next.map_err(|reason| fail(format!("its redirect is refused: {reason}"), false))?;
        }
        let reason = format!("it redirects more than {MAX_REDIRECTS} times");
        Err(Failure { error: WebError::Unreachable { url: wanted.url.text(), reason }, may_pass: false })
    }

    fn body(&self, headers: &HeaderMap, body: ureq::Body, url: &WebUrl, wanted: &Wanted) -> Result<Fetched, Failure> {
        let fail = |reason: String, may_pass| {
            let error = WebError::Unreachable { url: url.text(), reason };
            Failure { error, may_pass }
        };
        let encoding = headers.get(header::CONTENT_ENCODING).filter(|encoding| *encoding != "identity");
        if encoding.is_some() {
            return Err(fail("the server sends a compressed file, which was not asked for".to_owned(), false));
        }
        let too_large = || Failure { error: WebError::TooLarge { limit_bytes: wanted.limit_bytes }, may_pass: false };
        let length = body.content_length();
        if length.is_some_and(|length| length > wanted.limit_bytes) {
            return Err(too_large());
        }
        let name = url.text();
        let what = name.rsplit('/').next().unwrap_or(&name);
        let watched = Watched::begin(&*self.settings.watcher, what, length, Counted::Bytes);
        let reader = body.into_reader().take(wanted.limit_bytes + 1);
        let bytes = self.read_steadily(reader, &watched).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => fail(self.silence(), false),
            _ => fail(format!("the connection broke: {}", io_reason(&error)), true),
        })?;
        if bytes.len() as u64 > wanted.limit_bytes {
            return Err(too_large());
        }
        if length.is_some_and(|length| length != bytes.len() as u64) {
            return Err(fail("the answer was cut off".to_owned(), true));
        }
        Ok(Fetched::Body { bytes, mark: Mark::of(headers) })
    }

    /// Everything, as long as enough of it comes in each stretch of time.
    fn read_steadily(&self, mut reader: impl Read, watched: &Watched) -> io::Result<Vec<u8>> {
        let (mut bytes, mut chunk) = (Vec::new(), vec![0; CHUNK_BYTES]);
        let (mut since, mut before) = (Instant::now(), 0);
        loop {
            let count = match reader.read(&mut chunk) {
                Ok(0) => return Ok(bytes),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            bytes.extend_from_slice(&chunk[..count]);
            watched.advance(count as u64);
            if since.elapsed() >= self.settings.patience {
                let expected = since.elapsed().as_secs().max(1) * MIN_BYTES_A_SECOND;
                if ((bytes.len() - before) as u64) < expected {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                (since, before) = (Instant::now(), bytes.len());
            }
        }
    }

    fn silence(&self) -> String {
        format!("the server was silent or too slow for {} seconds", self.settings.patience.as_secs())
    }
}

fn target(headers: &HeaderMap, url: &WebUrl) -> Result<WebUrl, String> {
    let target = headers.get(header::LOCATION).and_then(|target| target.to_str().ok());
    let target = target.ok_or("it names no place")?;
    url.redirected(target).map_err(|reason| format!("{reason} ('{target}')"))
}

/// Broken connections mostly do better the next time; what a server says or lacks stays.
fn may_pass(error: &ureq::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let is_broken = |kind| matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof);
    matches!(error, ureq::Error::Io(error) if is_broken(error.kind()))
}
