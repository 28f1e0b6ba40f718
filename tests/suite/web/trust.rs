//! Who is believed: keys, tokens, certificates, ages, and names that look like others.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{Answer, Served, Server, TEXT};
use crate::sandbox::ran;
use crate::world::{TEXT_AND_REGEX, World};

#[test]
fn a_signed_registry_shows_what_was_signed() {
    let mut served = Served::new(TEXT_AND_REGEX);
    let (key, other) = (served.world.key("first"), served.world.key("second"));
    let sign = |served: &Served, key: &str, expires: &str| {
        served
            .world
            .tool(env!("CARGO_BIN_EXE_coex"), &["registry", "sign", "../reg", "--key", key, "--expires", expires])
    };
    let run = sign(&served, &key, "1d");
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    assert!(sign(&served, &other, "1d").stderr.contains("error[E1510]: Signature of registry 'file://"));
    let world = &served.world;
    world.done(&["install", "text@^1"], "+ text 1.3.0\n");
    // What nobody has signed yet is not there, on the server and in the directory.
    assert_eq!(world.publish("text", "1.4.0", "").status, 0);
    world.done(&["update"], "");
    let run = world.sandbox.coex(&["registry", "serve-check", "reg"]);
    assert!(run.stderr.contains("the snapshot does not show 'text' as it is now"), "{}", run.stderr);
    assert_eq!(sign(&served, &key, "1d").status, 0);
    world.done(&["update"], "text 1.3.0 -> 1.4.0\n");
    assert_eq!(world.sandbox.coex(&["registry", "serve-check", "reg"]).status, 0);
    // Changed, unsigned, signed by somebody else, expired: refused, by the first who asks and by who knows it.
    let files = ["config.json", "snapshot.jsonl", "snapshot.jsonl.minisig"];
    let honest: Vec<Vec<u8>> = files.iter().map(|path| served.read(path)).collect();
    let text = String::from_utf8(honest[1].clone()).expect("text");
    let forged = text.replacen("\"counter\":", "\"counter\":9", 1).replace("\"releases\":4", "\"releases\":3");
    let pair = minisign::KeyPair::generate_unencrypted_keypair().expect("keys");
    let mark = minisign::sign(None, &pair.sk, forged.as_bytes(), None, None).expect("signs").to_string();
    let own = format!("{{\"schema\":\"coex-registry/1\",\"signer\":\"{}\"}}", pair.pk.to_base64());
    let open = "{\"schema\":\"coex-registry/1\"}".to_owned();
    let cases = [
        (None, Some(forged.clone()), None, "not by this key for this content"),
        (None, Some(forged.clone()), Some(mark.clone()), "not by this key for this content"),
        (None, None, Some(String::new()), "not in the form of minisign"),
        (Some(own), Some(forged.clone()), Some(mark), "it is signed with the key"),
        (Some(open), Some(forged), None, "it is not signed any more"),
    ];
    for (config, snapshot, mark, expected) in cases {
        for (path, changed) in files.iter().zip([config, snapshot, mark]) {
            if let Some(changed) = changed {
                served.world.sandbox.write(&format!("reg/{path}"), changed);
            }
        }
        served.world.refused(&["update"], 4, "error[E1510]: Signature of registry 'http://");
        served.world.refused(&["update"], 4, expected);
        for (path, bytes) in files.iter().zip(&honest) {
            served.world.sandbox.write(&format!("reg/{path}"), bytes);
        }
    }
    served.world.done(&["update"], "");
    served.world.done(&["update", "--offline"], "");
    assert_eq!(sign(&served, &key, "1s").status, 0);
    std::thread::sleep(std::time::Duration::from_millis(2100));
    served.world.refused(&["update"], 4, "its snapshot has expired");
    // The directory itself is held to it, too.
    served.world.environment.push(("COEX_REGISTRY", served.world.sandbox.path("reg").display().to_string()));
    served.world.refused(&["install", "regex"], 4, "its snapshot has expired");
}

#[test]
fn a_lock_file_holds_a_registry_to_its_key() {
    let served = Served::new(TEXT_AND_REGEX);
    let world = &served.world;
    let sign = |registry: &str, key: &str| {
        let run = world.tool(env!("CARGO_BIN_EXE_coex"), &["registry", "sign", registry, "--key", key]);
        assert_eq!(run.status, 0, "{}", run.stderr);
    };
    let elsewhere = || drop(fs::remove_dir_all(world.sandbox.path("home/.coex")));
    world.done(&["install", "text@1.3.0"], "+ text 1.3.0\n");
    let unsigned = world.lock();
    assert!(!unsigned.contains("[[registry]]"), "{unsigned}");
    // It is signed from now on. Whoever does not let the lock file change says so; whoever lets it change pins the key.
    sign("../reg", &world.key("first"));
    world.refused(&["update", "--locked"], 4, "would change: the key of a registry would be pinned\n");
    world.done(&["install", "--locked"], "");
    assert_eq!(world.lock(), unsigned);
    world.done(&["update"], "");
    let pinned = world.lock();
    let entry = format!("\n[[registry]]\nurl = \"{}\"\nsigner = \"RW", served.server.url());
    assert!(pinned.contains(&entry), "{pinned}");
    world.done(&["update", "--locked"], "");
    world.done(&["update", "--offline"], "");
    // Another machine has the lock file only, and somebody else holds the server.
    let files = ["config.json", "snapshot.jsonl", "snapshot.jsonl.minisig"];
    let honest: Vec<Vec<u8>> = files.iter().map(|path| served.read(path)).collect();
    world.sandbox.write("reg/config.json", "{\"schema\":\"coex-registry/1\"}");
    sign("../reg", &world.key("second"));
    let forged = served.read("config.json");
    let unsigned = b"{\"schema\":\"coex-registry/1\"}".to_vec();
    for (config, expected) in [(forged, "it is signed with the key RW"), (unsigned, "it is not signed any more")] {
        world.sandbox.write("reg/config.json", config);
        for words in [&["install"][..], &["update"], &["install", "regex"], &["search", "text"]] {
            elsewhere();
            let run = world.refused(words, 4, "error[E1510]: Signature of registry 'http://");
            assert!(run.stderr.contains(expected) && run.stderr.contains("pinned in coex.lock is"), "{}", run.stderr);
            assert_eq!(world.lock(), pinned, "{words:?}");
        }
    }
    // Nothing of that is remembered.
    for (path, bytes) in files.iter().zip(&honest) {
        world.sandbox.write(&format!("reg/{path}"), bytes);
    }
    world.done(&["install", "regex@1.1.0"], "+ regex 1.1.0\n");
    world.done(&["remove", "regex", "text"], "- regex 1.1.0\n- text 1.3.0\n");
    assert!(!world.lock().contains("[[registry]]"), "{}", world.lock());
}

#[test]
fn a_lock_file_holds_a_directory_to_its_key() {
    let world = World::published(TEXT_AND_REGEX);
    let sign = |key: &str| {
        let run = world.tool(env!("CARGO_BIN_EXE_coex"), &["registry", "sign", "../reg", "--key", key]);
        assert_eq!(run.status, 0, "{}", run.stderr);
    };
    sign(&world.key("first"));
    world.done(&["install", "text@1.3.0"], "+ text 1.3.0\n");
    assert!(world.lock().contains("\n[[registry]]\nurl = \"file:///"), "{}", world.lock());
    world.sandbox.write("reg/config.json", "{\"schema\":\"coex-registry/1\"}");
    world.refused(&["update"], 4, "it is not signed any more, pinned in coex.lock is the key RW");
    sign(&world.key("second"));
    world.refused(&["update"], 4, "error[E1510]: Signature of registry 'file://");
    // As the page says, when a new key was announced.
    let lock = world.lock();
    let at = lock.find("\n[[registry]]").expect("an entry");
    world.sandbox.write("project/coex.lock", &lock[..at]);
    world.done(&["update"], "");
    assert_ne!(world.lock(), lock);
}

#[test]
fn a_token_goes_where_it_belongs() {
    let served = Served::new(TEXT_AND_REGEX);
    let world = &served.world;
    let other = Server::of(world.sandbox.path("reg"));
    let path = world.sandbox.write("home/.coex/tokens", format!("# mine\n{} s3cret\n", served.server.url()));
    let run = world.refused(&["install", "text"], 5, "others may read it");
    assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
    let place = format!("{}{TEXT}", other.url());
    served.server.script(move |request| match (request.header("Authorization"), request.path.as_str()) {
        (Some("Bearer s3cret"), TEXT) => Answer::To(place.clone()),
        (Some("Bearer s3cret"), _) => Answer::File,
        _ => Answer::Status(401),
    });
    world.done(&["install", "text@1.3.0"], "+ text 1.3.0\n");
    let asked = other.requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("Authorization"), None);
    fs::write(&path, "").expect("written");
    let run = world.refused(&["install", "regex"], 5, "the server refuses access (401)");
    assert!(run.stderr.contains("~/.coex/tokens"), "{}", run.stderr);
}

#[test]
fn only_known_authorities_are_believed() {
    let mut world = World::published(TEXT_AND_REGEX);
    let (server, plain) = (Server::encrypted(world.sandbox.path("reg")), Server::of(world.sandbox.path("reg")));
    let ca = world.sandbox.write("ca.pem", include_str!("tls/ca.pem")).display().to_string();
    let url = format!("https://localhost:{}", server.address.port());
    let install = |world: &World, place: &str| world.pkg(&["install", "--now", "--registry", place, "text@1.3.0"]);
    let run = install(&world, &url);
    assert_eq!(run.status, 5, "{}", run.stderr);
    assert!(run.stderr.contains("certificate"), "{}", run.stderr);
    world.environment.push(("COEX_CA_FILE", ca.clone()));
    let run = install(&world, &url);
    assert_eq!((run.status, run.stdout.as_str()), (0, "+ text 1.3.0\n"), "{}", run.stderr);
    assert!(world.lock().contains(&format!("source = \"registry+{url}\"")), "{}", world.lock());
    // Never from https to http, and no plain answer to an encrypted question.
    let place = format!("{}{TEXT}", plain.url());
    server.instead(TEXT, move || Answer::To(place.clone()));
    fs::remove_dir_all(world.sandbox.path("home/.coex/lib")).expect("removed");
    let run = world.pkg(&["install"]);
    assert_eq!(run.status, 5);
    assert!(run.stderr.contains("it leads from https to http"), "{}", run.stderr);
    assert_eq!(plain.paths(), [""; 0]);
    let run = install(&world, &format!("https://localhost:{}", plain.address.port()));
    assert_eq!(run.status, 5, "{}", run.stderr);
    // The name of the certificate is another one.
    let run = install(&world, &format!("https://127.0.0.2:{}", server.address.port()));
    assert_eq!(run.status, 5, "{}", run.stderr);
    for (content, reason) in
        [("", "it holds none"), ("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", "PEM")]
    {
        fs::write(&ca, content).expect("written");
        let run = install(&world, &url);
        assert!(run.status == 5 && run.stderr.contains(reason), "{}", run.stderr);
    }
    fs::remove_file(&ca).expect("removed");
    assert!(install(&world, &url).stderr.contains("no such file"));
}

#[test]
fn what_came_today_waits_until_tomorrow() {
    let mut served = Served::new(&[]);
    served.world.environment.retain(|(name, _)| *name != "COEX_MIN_AGE");
    let world = &served.world;
    for (version, published) in [("1.0.0", Some("1000000")), ("1.1.0", None)] {
        world.publish("made", version, "");
        let mut command = world.command(env!("CARGO_BIN_EXE_coex"));
        command.envs(published.map(|time| ("SOURCE_DATE_EPOCH", time)));
        let run = ran(command.args(["registry", "add", "../aged", &format!("../made/made-{version}.cxz")]));
        assert_eq!(run.status, 0, "{}", run.stderr);
    }
    let server = Server::of(world.sandbox.path("aged"));
    let url = server.url();
    let install = |words: &[&str]| world.pkg(&[&["install", "--registry", &url], words].concat());
    let run = install(&["made"]);
    let warning = "warning: made 1.1.0 is too young: --min-age holds it back, --now takes it\n";
    assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (0, "+ made 1.0.0\n", warning));
    let run = install(&["made@1.1.0"]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    world.done(&["update", "--now"], "made 1.0.0 -> 1.1.0\n");
}

#[test]
fn a_name_that_looks_like_an_older_one_is_doubted() {
    let world = World::published(&[]);
    for (name, published) in [("regex", "1000000"), ("regexp", "1600000000"), ("text", "1600000000")] {
        world.publish(name, "1.0.0", "");
        let mut command = world.command(env!("CARGO_BIN_EXE_coex"));
        command.env("SOURCE_DATE_EPOCH", published);
        assert_eq!(ran(command.args(["registry", "add", "../aged", &format!("../made/{name}-1.0.0.cxz")])).status, 0);
    }
    let server = Server::of(world.sandbox.path("aged"));
    for registry in [server.url(), "../aged".to_owned()] {
        let run = world.pkg(&["install", "--registry", &registry, "regexp"]);
        let doubt = "warning: 'regexp' is one letter away from 'regex', which is 18506 days older; \
                     `coex pkg info` shows them\n";
        assert_eq!((run.status, run.stderr.as_str()), (0, doubt));
        // Whoever has decided is left in peace, and so is the older one.
        let run = world.pkg(&["install", "--registry", &registry, "regexp", "regex", "text"]);
        assert_eq!((run.status, run.stderr.as_str()), (0, ""));
        fs::remove_file(world.sandbox.path("project/coex.lock")).expect("removed");
    }
}
