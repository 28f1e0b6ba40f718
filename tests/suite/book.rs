//! The book in `docs` is whole and true: every page is listed in `SUMMARY.md`, every block of code is run or checked.
//!
//! Programs are run by `pages`, sessions of gdb by `debugger`, build files by `build_systems`,
//! the walk of `packages.md` by `web`. Here:
//!
//! * ```` ```console ````: lines with `$ ` are commands for one shell in a directory that holds the files of the page; what
//!   stands below is what they say on both streams. `…` stands for any text in a line, alone for any number of lines.
//!   `console needs pkg-config zlib.h` is left out where a program or a header of the system is missing.
//! * ```` ```toml manifest ````: a manifest that the reader has nothing to say against, but that its files are not there.
//! * `… file NAME`: a file; the programs and sessions of its page find it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::pages::{Fence, fences, of_each};
use crate::sandbox::Sandbox;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Paths below `docs`, of every page.
fn book_pages() -> Vec<String> {
    let mut names = Vec::new();
    for folder in ["", "language/", "errors/"] {
        let entries = fs::read_dir(Path::new(ROOT).join("docs").join(folder)).expect("pages").flatten();
        let files = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.extend(files.filter(|name| name.ends_with(".md")).map(|name| format!("{folder}{name}")));
    }
    names.retain(|name| name != "SUMMARY.md");
    names.sort();
    names
}

fn read(page: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join("docs").join(page)).expect(page)
}

/// The list of error pages at the end of `SUMMARY.md`.
fn list_of_codes() -> String {
    let pages = book_pages().into_iter().filter(|page| page.starts_with("errors/"));
    let lines = pages.map(|page| {
        let title = read(&page).lines().next().unwrap_or_default().trim_start_matches("# ").to_owned();
        let code = title.split(':').next().unwrap_or_default().to_owned();
        format!("  - [{code}]({page})\n")
    });
    lines.collect()
}

#[test]
fn every_page_is_in_the_summary() {
    let path = Path::new(ROOT).join("docs/SUMMARY.md");
    let mut summary = read("SUMMARY.md");
    let (head, _) = summary.split_once("- [Error codes](codes.md)\n").expect("SUMMARY.md lists 'Error codes' last");
    let whole = format!("{head}- [Error codes](codes.md)\n{}", list_of_codes());
    if whole != summary && std::env::var_os("COEX_BLESS").is_some() {
        fs::write(&path, &whole).expect("SUMMARY.md");
        summary.clone_from(&whole);
    }
    let listed: BTreeSet<&str> =
        summary.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target).collect();
    for page in book_pages() {
        let advice = if page.starts_with("errors/") {
            "run this test with COEX_BLESS=1".to_owned()
        } else {
            let title = read(&page).lines().next().unwrap_or_default().trim_start_matches("# ").to_owned();
            format!("put the line '- [{title}]({page})' where it belongs")
        };
        assert!(listed.contains(page.as_str()), "docs/SUMMARY.md lacks docs/{page}: {advice}");
    }
    for page in &listed {
        assert!(Path::new(ROOT).join("docs").join(page).is_file(), "docs/SUMMARY.md lists {page}, which is not there");
    }
    assert_eq!(summary, whole, "the list of codes in docs/SUMMARY.md is old: run this test with COEX_BLESS=1");
}

/// Kinds of blocks that some test looks at, and `text`, which is what something says.
fn is_known(fence: &Fence, page: &str) -> bool {
    let info = fence.info.as_str();
    let by_pages = info == "coex" || info.starts_with("coex ") || info.contains(" file ");
    let by_this = info == "console" || info.starts_with("console needs ") || info == "toml manifest";
    let by_debugger = page == "debugging.md" && ["gdb", "sh"].contains(&info);
    let by_build_systems = page == "build-systems.md" && ["make", "ninja", "cmake", "rust"].contains(&info);
    let by_web = page == "packages.md" && info == "sh";
    by_pages || by_this || by_debugger || by_build_systems || by_web || info == "text"
}

#[test]
fn every_block_is_run_or_checked() {
    let pages = book_pages().into_iter().filter(|page| !page.starts_with("errors/"));
    let wrong: Vec<String> = pages
        .flat_map(|page| {
            let found = fences(&read(&page)).into_iter().filter(|fence| !is_known(fence, &page)).collect::<Vec<_>>();
            found.into_iter().map(move |fence| {
                let line = fence.line;
                format!(
                    "docs/{page}:{line}: no test looks at a block of the kind '{}'. A session is 'console' \
                     (tests/suite/book.rs), a file 'LANGUAGE file NAME', a manifest 'toml manifest', a program 'coex', and \
                     what something says 'text'; a list of commands is better a table",
                    fence.info
                )
            })
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn is_present(need: &str) -> bool {
    let directories = if need.ends_with(".h") { "/usr/include:/usr/local/include" } else { env!("PATH") };
    std::env::split_paths(directories).any(|directory| directory.join(need).is_file())
}

/// What a session says, a text for each command.
fn said(sandbox: &Sandbox, commands: &[&str]) -> Vec<String> {
    let room = sandbox.path("room");
    let mark = "---next-command---";
    // What one block sets and where it goes is there for the next one.
    let home = sandbox.path("home");
    let (set, place) = (home.join("set"), home.join("place"));
    let mut script =
        format!("[ -f '{0}' ] && . '{0}'\n[ -f '{1}' ] && cd \"$(cat '{1}')\"\n", set.display(), place.display());
    for command in commands {
        script.push_str(&format!("{command}\nprintf '%s\\n' {mark}\n"));
    }
    script.push_str(&format!("export -p > '{}'; pwd > '{}'\n", set.display(), place.display()));
    let mut command = sandbox.command("/bin/sh");
    let tools = Path::new(env!("CARGO_BIN_EXE_coexc")).parent().expect("directory").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path))).expect("path");
    command.current_dir(&room).env("PATH", path).args(["-c", &script]).stdin(Stdio::null());
    // SAFETY: one call of the kernel; both streams come out of one pipe, in the order in which they were written.
    unsafe {
        command.pre_exec(|| if libc::dup2(1, 2) < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) });
    }
    let output = command.output().expect("runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut parts: Vec<String> = text.split(&format!("{mark}\n")).map(str::to_owned).collect();
    parts.truncate(commands.len());
    parts
}

/// Whether lines are those of a page, in which `…` stands for anything.
fn fits(wanted: &[&str], lines: &[&str]) -> bool {
    match (wanted.split_first(), lines.split_first()) {
        (None, _) => lines.is_empty(),
        (Some((&"…", rest)), Some((_, after))) => fits(rest, lines) || fits(wanted, after),
        (Some((&"…", rest)), None) => fits(rest, lines),
        (Some((line, rest)), Some((first, after))) => line_fits(line, first) && fits(rest, after),
        (Some(_), None) => false,
    }
}

fn line_fits(wanted: &str, line: &str) -> bool {
    let Some((start, end)) = wanted.split_once('…') else { return wanted == line };
    let Some(rest) = line.strip_prefix(start) else { return false };
    (0..=rest.len()).filter(|&at| rest.is_char_boundary(at)).any(|at| line_fits(end, &rest[at..]))
}

/// Runs a session; the text of what differs.
fn session(sandbox: &Sandbox, fence: &Fence) -> Result<(), String> {
    let mut steps: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in fence.text.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push((command, Vec::new())),
            (None, Some((_, wanted))) => wanted.push(line),
            (None, None) => return Err("a session begins with '$ '".to_owned()),
        }
    }
    let commands: Vec<&str> = steps.iter().map(|(command, _)| *command).collect();
    let results = said(sandbox, &commands);
    for (index, (command, wanted)) in steps.iter().enumerate() {
        let text = results.get(index).map_or("", String::as_str);
        let lines: Vec<&str> = text.lines().collect();
        if !fits(wanted, &lines) {
            return Err(format!("'$ {command}' says\n{text}instead of\n{}", wanted.join("\n")));
        }
    }
    Ok(())
}

/// A manifest, and complaints about it that are not about files.
fn manifest(fence: &Fence) -> Result<(), String> {
    let sandbox = Sandbox::bare();
    sandbox.write("library/manifest.toml", &fence.text);
    sandbox.write("library/src/none.coex", "");
    let run = sandbox.coex(&["pkg", "verify", "library"]);
    let complaints: Vec<&str> =
        run.stderr.lines().filter(|line| line.starts_with("error[") || line.starts_with("warning[")).collect();
    match complaints.iter().find(|line| !line.starts_with("error[E1110]")) {
        Some(line) => Err(format!("is no good manifest: {line}")),
        None => Ok(()),
    }
}

fn faults(page: &Path) -> Vec<String> {
    let fences = fences(&fs::read_to_string(page).expect("page"));
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("room")).expect("directory");
    let mut wrong = Vec::new();
    for fence in &fences {
        let fault = match fence.info.as_str() {
            info if info.contains(" file ") => {
                let name = info.split_once(" file ").expect("a name").1;
                sandbox.write(&format!("room/{name}"), &fence.text);
                continue;
            }
            "toml manifest" => manifest(fence),
            "console" => session(&sandbox, fence),
            info => match info.strip_prefix("console needs ") {
                None => continue,
                Some(needs) => match needs.split(' ').find(|need| !is_present(need)) {
                    None => session(&sandbox, fence),
                    Some(need) => {
                        eprintln!("skipped: {}:{} needs {need}", page.display(), fence.line);
                        continue;
                    }
                },
            },
        };
        if let Err(fault) = fault {
            wrong.push(format!("{}:{}: {fault}", page.display(), fence.line));
        }
    }
    wrong
}

#[test]
fn sessions_and_manifests_are_true() {
    let filter = std::env::var("COEX_FILTER").unwrap_or_default();
    let pages = book_pages().into_iter().filter(|page| !page.starts_with("errors/"));
    let mut paths: Vec<PathBuf> = pages.map(|page| Path::new(ROOT).join("docs").join(page)).collect();
    paths.push(Path::new(ROOT).join("README.md"));
    paths.retain(|path| path.to_string_lossy().contains(&filter));
    let wrong = of_each(&paths, faults);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is not code and would be a tag of HTML in the book, where it could not be seen; and links that leave the book.
#[test]
fn pages_are_whole_in_a_browser() {
    let mut wrong = Vec::new();
    for page in book_pages() {
        let text = read(&page);
        let mut is_code = false;
        for (index, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                is_code = !is_code;
                continue;
            }
            let prose: String = if is_code { String::new() } else { line.split('`').step_by(2).collect() };
            let mut parts = prose.split('<');
            let mut before = parts.next().unwrap_or_default();
            for part in parts {
                let is_tag = part.starts_with(|first: char| first.is_ascii_alphabetic() || "/!?".contains(first));
                if is_tag && !before.ends_with('\\') && !part.starts_with("http") {
                    wrong.push(format!(
                        "docs/{page}:{}: '<{part}' is a tag; write \\<, or put it into backticks",
                        index + 1
                    ));
                }
                before = part;
            }
            let depth = page.matches('/').count();
            for target in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                if target.matches("../").count() > depth {
                    wrong.push(format!("docs/{page}:{}: the link to {target} leaves the book", index + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every key that the manifest's reader asks for stands in a table of the reference.
#[test]
fn the_manifest_reference_has_every_key() {
    let reader = fs::read_to_string(Path::new(ROOT).join("src/cxz/manifest/parse.rs")).expect("the reader");
    let asked = reader.split("(report, \"").skip(1).filter_map(|rest| rest.split('"').next());
    let keys: BTreeSet<&str> = asked.filter(|key| !["ffi", "library"].contains(key)).collect();
    assert!(keys.len() > 25, "{keys:?}");
    let page = read("manifest.md");
    for key in keys {
        assert!(page.contains(&format!("\n| `{key}` | ")), "docs/manifest.md has no row for the key '{key}'");
    }
}

#[test]
fn dots_stand_for_anything() {
    assert!(fits(&["a…c", "…", "z"], &["abc", "1", "2", "z"]));
    assert!(fits(&["…"], &[]) && fits(&[], &[]) && fits(&["a", "…"], &["a"]));
    assert!(!fits(&["a…c"], &["abd"]) && !fits(&["a"], &["a", "b"]) && !fits(&["…", "z"], &["a"]));
}
