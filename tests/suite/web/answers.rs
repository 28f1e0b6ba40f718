//! Answers that are wrong, broken, late or endless: each ends with its status, and nothing half installed.

use std::net::TcpListener;
use std::time::Duration;

use super::{Answer, Served, Server, TEXT, response};
use crate::world::TEXT_AND_REGEX;

/// A head that promises so many bytes.
fn head(more: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{more}\r\n").into_bytes()
}

#[test]
fn archives_that_are_not_the_promised_ones_are_refused() {
    let served = Served::new(TEXT_AND_REGEX);
    let honest = served.read("dl/text/text-1.3.0.cxz");
    let length = honest.len();
    let sized = move |size: usize, body: &[u8]| [&head(&format!("Content-Length: {size}\r\n"))[..], body].concat();
    let mut swapped = honest.clone();
    swapped[length / 2] ^= 1;
    let chunks = |body: &[u8]| [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n0\r\n\r\n"].concat();
    let cases: Vec<(Vec<u8>, i32, &str)> = vec![
        (response("200 OK", &[], &served.read("dl/text/text-1.0.0.cxz")), 4, "[E1505]"),
        (response("200 OK", &[], &swapped), 4, "error["),
        (response("200 OK", &[], b"<html>Sign in</html>"), 4, "the archive has 20 bytes, promised are"),
        (response("200 OK", &[], b""), 4, "the archive has 0 bytes"),
        (response("200 OK", &[], &[&honest[..], b"xy"].concat()), 4, "it is larger than"),
        (response("404 Not Found", &[], b""), 4, "the archive of text 1.3.0 is missing"),
        (sized(length - 1, &honest), 4, "promised are"),
        (sized(length + 1, &honest), 5, "error[E1508]: Registry '"),
        (sized(length, &honest[..length / 2]), 5, "error[E1508]"),
        (sized(1 << 60, &honest), 4, "it is larger than"),
        (response("403 Forbidden", &[], b""), 5, "the server refuses access (403)"),
        (response("401 Unauthorized", &[], b""), 5, "the server refuses access (401)"),
        (response("500 Oops", &[], &honest), 5, "the server answers 500"),
        (response("206 Partial Content", &[], &honest), 5, "the server answers 206"),
        (response("304 Not Modified", &[], b""), 5, "error[E1508]"),
        (response("200 OK", &[("Content-Encoding", "gzip")], b"\x1f\x8bgarbage"), 5, "a compressed file"),
        ([&head("Transfer-Encoding: chunked\r\n")[..], b"zz\r\nabc"].concat(), 5, "error[E1508]"),
        ([&head("Transfer-Encoding: chunked\r\n")[..], b"ffff\r\nabc"].concat(), 5, "error[E1508]"),
        (head(&format!("X: {}\r\n", "x".repeat(100_000))), 5, "headers"),
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec(), 5, "is not HTTP"),
        (Vec::new(), 5, "error[E1508]"),
    ];
    for (bytes, status, expected) in cases {
        served.server.instead(TEXT, move || Answer::Raw(bytes.clone()));
        served.refused(status, expected);
    }
    let chunked = [head("Transfer-Encoding: chunked\r\n"), chunks(&honest)].concat();
    served.server.instead(TEXT, move || Answer::Raw(chunked.clone()));
    served.world.done(&["install", "text@1.3.0"], "+ text 1.3.0\n");
}

#[test]
fn servers_that_break_off_stall_or_never_end_are_given_up() {
    let served = Served::new(TEXT_AND_REGEX);
    let honest = served.read("dl/text/text-1.3.0.cxz");
    let start = [&head(&format!("Content-Length: {}\r\n", honest.len()))[..], &honest[..100]].concat();
    let bytes = start.clone();
    served.server.instead(TEXT, move || Answer::Reset(bytes.clone()));
    served.refused(5, "the connection broke");
    // Silent before the answer, within the head and within the body; then a drop every now and then.
    for shown in [Vec::new(), start[..20].to_vec(), start.clone()] {
        served.server.instead(TEXT, move || Answer::Slowly(vec![shown.clone(), Vec::new()], Duration::from_secs(8)));
        served.refused(5, "error[E1508]");
    }
    let drops: Vec<Vec<u8>> = std::iter::once(start).chain(honest[100..].iter().map(|byte| vec![*byte])).collect();
    served.server.instead(TEXT, move || Answer::Slowly(drops.clone(), Duration::from_millis(300)));
    served.refused(5, "the server was silent or too slow for 2 seconds");
    served.server.instead(TEXT, || Answer::Endless([&head("")[..], &[0; 4096]].concat()));
    served.refused(4, "it is larger than");
    served.server.instead(".jsonl", || Answer::Endless([&head("")[..], &[b'{'; 65536]].concat()));
    served.refused(4, "it is larger than");
    // Nobody is there at all.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("address").port();
    let nowhere = format!("http://127.0.0.1:{port}");
    let run = served.world.refused(&["install", "text", "--registry", &nowhere], 5, "cannot be reached");
    assert!(run.stderr.to_lowercase().contains("refused"), "{}", run.stderr);
}

#[test]
fn a_server_that_recovers_is_asked_again() {
    let served = Served::new(TEXT_AND_REGEX);
    let count = std::sync::atomic::AtomicU32::new(0);
    served.server.script(move |request| {
        match request.path == TEXT && count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 2 {
            true => Answer::Status(503),
            false => Answer::File,
        }
    });
    served.world.done(&["install", "text@1.3.0"], "+ text 1.3.0\n");
    served.forget();
    served.server.instead(TEXT, || Answer::Status(503));
    served.refused(5, "the server answers 503");
    assert_eq!(served.server.paths().iter().filter(|path| *path == TEXT).count(), 6);
}

#[test]
fn redirects_are_followed_with_care() {
    let served = Served::new(TEXT_AND_REGEX);
    let other = Server::of(served.world.sandbox.path("reg"));
    let port = other.address.port();
    for place in [format!("http://localhost:{port}{TEXT}"), format!("//127.0.0.1:{port}{TEXT}")] {
        served.server.instead(TEXT, move || Answer::To(place.clone()));
        served.world.done(&["install", "text@1.3.0"], "+ text 1.3.0\n");
        assert_eq!(other.paths(), [TEXT]);
        served.forget();
    }
    served.server.instead(TEXT, || Answer::To("text-1.0.0.cxz".to_owned()));
    served.refused(4, "[E1505]");
    for (place, reason) in [
        ("file:///etc/passwd", "only 'http' and 'https' URLs are followed"),
        ("ftp://127.0.0.1/x", "only 'http' and 'https' URLs are followed"),
        ("http://user:word@127.0.0.1/", "must not hold a user or password"),
        (TEXT, "it redirects more than 5 times"),
    ] {
        served.server.instead(TEXT, move || Answer::To(place.to_owned()));
        served.refused(5, reason);
    }
    served.server.instead(TEXT, || Answer::Status(302));
    served.refused(5, "its redirect is refused: it names no place");
}

#[test]
fn indexes_that_say_anything_else_are_refused() {
    let served = Served::new(TEXT_AND_REGEX);
    std::fs::remove_file(served.world.sandbox.path("reg/snapshot.jsonl")).expect("removed");
    let path = "/index/te/xt/text.jsonl";
    let honest = served.read(&path[1..]);
    let lines = String::from_utf8(honest.clone()).expect("text");
    let first = lines.lines().next().expect("line").to_owned() + "\n";
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (served.read("index/re/ge/regex.jsonl"), "speaks of another package"),
        (b"<html>Sign in</html>\n".to_vec(), "not valid JSON"),
        (b"\x1f\x8b\x08\x00garbage\n".to_vec(), "not valid JSON"),
        (honest[..honest.len() - 5].to_vec(), "has no end"),
        ([&honest[..], &honest].concat(), "stands there twice"),
        (lines.replace("1.3.0", "1.3.0/../../../x").into_bytes(), "semantic version"),
        (lines.replace("\"text\"", "\"../text\"").into_bytes(), "speaks of another package"),
        (lines.replace("\"tree\":\"", "\"tree\":\"../").into_bytes(), "64 lower-case"),
        (b"\n".to_vec(), "not valid JSON"),
        // Nothing, or less than there is: as if the version did not exist.
        (Vec::new(), "Package 'text' not found"),
        (first.into_bytes(), "No versions of the packages fit together"),
    ];
    for (body, expected) in cases {
        served.server.instead(path, move || Answer::Body(body.clone()));
        served.forget();
        served.refused(4, expected);
    }
    for (body, expected) in [("<html>", "its configuration is not valid"), ("{\"schema\":\"x\"}", "its schema is 'x'")]
    {
        served.server.instead("/config.json", move || Answer::Body(body.as_bytes().to_vec()));
        served.forget();
        served.refused(4, expected);
    }
    served.server.instead("/config.json", || Answer::Status(404));
    served.forget();
    served.refused(5, "it has no config.json");
    for answer in [500, 403] {
        served.server.instead(path, move || Answer::Status(answer));
        served.forget();
        served.refused(5, &answer.to_string());
    }
}
