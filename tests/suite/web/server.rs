//! A web server for tests: one thread a connection, files of a directory, and whatever a script does instead.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a client asks for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) head: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// What is answered.
pub(crate) enum Answer {
    /// The file of the directory.
    File,
    Status(u16),
    /// Another file.
    Body(Vec<u8>),
    /// A redirect.
    To(String),
    /// These bytes as they stand, then the end of the connection.
    Raw(Vec<u8>),
    /// Piece after piece, with a pause before each, then the end.
    Slowly(Vec<Vec<u8>>, Duration),
    /// These bytes, then a reset of the connection.
    Reset(Vec<u8>),
    /// These bytes, over and over.
    Endless(Vec<u8>),
    /// To the question of a proxy's client: a way through to somebody else.
    Tunnel(SocketAddr),
}

type Script = Box<dyn Fn(&Request) -> Answer + Send + Sync>;

struct Shared {
    root: PathBuf,
    script: Mutex<Arc<Script>>,
    requests: Mutex<Vec<Request>>,
    is_over: AtomicBool,
    tls: Option<Arc<rustls::ServerConfig>>,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

/// A connection, encrypted or not.
trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

impl Server {
    pub(crate) fn of(root: PathBuf) -> Server {
        Server::start(root, None)
    }

    pub(crate) fn encrypted(root: PathBuf) -> Server {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let chain = vec![CertificateDer::from_pem_slice(include_bytes!("tls/server.pem")).expect("certificate")];
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key")).expect("key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key);
        Server::start(root, Some(Arc::new(config.expect("configuration"))))
    }

    fn start(root: PathBuf, tls: Option<Arc<rustls::ServerConfig>>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
        let address = listener.local_addr().expect("address");
        let ordinary: Script = Box::new(|_| Answer::File);
        let shared = Arc::new(Shared {
            root,
            script: Mutex::new(Arc::new(ordinary)),
            requests: Mutex::default(),
            is_over: AtomicBool::new(false),
            tls,
        });
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if of_thread.is_over.load(Ordering::Relaxed) {
                    break;
                }
                let (Ok(stream), shared) = (stream, Arc::clone(&of_thread)) else { continue };
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Server { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    pub(crate) fn script(&self, script: impl Fn(&Request) -> Answer + Send + Sync + 'static) {
        *self.shared.script.lock().expect("script") = Arc::new(Box::new(script));
    }

    /// `answer` for paths that end so, files for all others.
    pub(crate) fn instead(&self, end: &'static str, answer: impl Fn() -> Answer + Send + Sync + 'static) {
        self.script(move |request| if request.path.ends_with(end) { answer() } else { Answer::File });
    }

    /// What was asked for since the last time.
    pub(crate) fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut *self.shared.requests.lock().expect("requests"))
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.path).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that listens.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, shared: &Shared) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let _ = stream.set_nodelay(true);
    let Ok(raw) = stream.try_clone() else { return };
    match &shared.tls {
        None => talk(&mut &stream, &raw, shared),
        Some(config) => {
            let Ok(connection) = rustls::ServerConnection::new(Arc::clone(config)) else { return };
            let mut encrypted = rustls::StreamOwned::new(connection, stream);
            talk(&mut encrypted, &raw, shared);
            encrypted.conn.send_close_notify();
            let _ = encrypted.flush();
        }
    }
    let _ = raw.shutdown(Shutdown::Both);
}

/// Answers until somebody ends the connection.
fn talk(stream: &mut dyn Stream, raw: &TcpStream, shared: &Shared) {
    while let Some(request) = read(stream) {
        shared.requests.lock().expect("requests").push(request.clone());
        let script = Arc::clone(&*shared.script.lock().expect("script"));
        let (bytes, goes_on) = match script(&request) {
            Answer::File => (file(&request, shared), true),
            Answer::Status(status) => (response(&format!("{status} Scripted"), &[], b"<html>no</html>"), true),
            Answer::Body(body) => (response("200 OK", &[], &body), true),
            Answer::To(place) => (response("302 Found", &[("Location", &place)], b""), true),
            Answer::Raw(bytes) => (bytes, false),
            Answer::Slowly(pieces, pause) => {
                for piece in pieces {
                    std::thread::sleep(pause);
                    if stream.write_all(&piece).and_then(|()| stream.flush()).is_err() {
                        return;
                    }
                }
                return;
            }
            Answer::Reset(bytes) => {
                let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
                std::thread::sleep(Duration::from_millis(50));
                reset(raw);
                return;
            }
            Answer::Endless(bytes) => {
                while stream.write_all(&bytes).is_ok() {}
                return;
            }
            Answer::Tunnel(target) => {
                let _ = tunnel(raw, target);
                return;
            }
        };
        if stream.write_all(&bytes).and_then(|()| stream.flush()).is_err() || !goes_on {
            return;
        }
    }
}

/// Carries bytes both ways until both sides have ended.
fn tunnel(client: &TcpStream, target: SocketAddr) -> std::io::Result<()> {
    let server = TcpStream::connect(target)?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    to.set_nodelay(true)?;
    (&*client).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let there = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        to.shutdown(Shutdown::Write)
    });
    let _ = std::io::copy(&mut &server, &mut &*client);
    client.shutdown(Shutdown::Both)?;
    let _ = there.join();
    Ok(())
}

/// The next close throws away what was sent and says so.
fn reset(stream: &TcpStream) {
    use std::os::fd::AsRawFd;
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the descriptor is open, and the pointer and length are those of a live `linger`.
    unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            std::mem::size_of::<libc::linger>() as libc::socklen_t,
        );
    }
}

fn read(stream: &mut dyn Stream) -> Option<Request> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 || head.len() > 64 << 10 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    Some(Request { path, head })
}

/// A whole answer with an ETag of its content.
pub(crate) fn response(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    [format!("{head}\r\n").as_bytes(), body].concat()
}

fn file(request: &Request, shared: &Shared) -> Vec<u8> {
    let Ok(body) = fs::read(shared.root.join(request.path.trim_start_matches('/'))) else {
        return response("404 Not Found", &[], b"<html>no</html>");
    };
    let etag = format!("\"{}\"", &blake3::hash(&body).to_hex()[..16]);
    if request.header("If-None-Match") == Some(etag.as_str()) {
        return format!("HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\n\r\n").into_bytes();
    }
    response("200 OK", &[("ETag", &etag)], &body)
}
