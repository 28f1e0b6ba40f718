//! The programs of the documentation are true.
//!
//! Every fenced block in `docs`, in `README.md` and in those of `lib-examples` that begins with three backticks and `coex` is a whole program. It is compiled, without a
//! warning, and run, and what it prints is the `text` block that follows it; without one it prints nothing. `coex panics`
//! ends with status 101, and the panic's line is the last one of its text block. `coex status 3` ends with that status. `coex
//! fails` is refused, and `coex warns` is not; their text blocks are the first lines of the complaints. A block of any
//! language whose first line says `file NAME` is a file that the programs of the page find beside them.
//! `COEX_FILTER=collections` runs only the pages whose path contains the word.

use crate::corpus::text_of_sources;
use crate::sandbox::{Sandbox, ran};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// One fenced block of a page.
pub(crate) struct Fence {
    pub(crate) info: String,
    pub(crate) line: usize,
    pub(crate) text: String,
}

pub(crate) fn fences(page: &str) -> Vec<Fence> {
    let mut found: Vec<Fence> = Vec::new();
    let mut open = false;
    for (index, line) in page.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(info) => {
                open = true;
                found.push(Fence { info: info.trim().to_owned(), line: index + 1, text: String::new() });
            }
            None if open => {
                if let Some(last) = found.last_mut() {
                    last.text.push_str(line);
                    last.text.push('\n');
                }
            }
            None => {}
        }
    }
    found
}

/// What the program of a block says, in the form of its text block.
fn outcome(sandbox: &Sandbox, fence: &Fence, wanted: &str) -> Result<String, String> {
    sandbox.write("program.coex", &fence.text);
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/lib-examples");
    let built = sandbox.coexc(&["build", "--color=never", "-L", examples, "-o", "program", "program.coex"]);
    let complaints = |kind: &str| -> String {
        built.stderr.lines().filter(|line| line.starts_with(kind)).map(|line| format!("{line}\n")).collect()
    };
    // A library of the system that this machine has not.
    if built.status == 3 && built.stderr.contains("error[E1111]") {
        return Ok(wanted.to_owned());
    }
    match (fence.info.as_str(), built.status) {
        ("coex fails", 0) => return Err("is not refused".to_owned()),
        ("coex fails", _) => return Ok(complaints("error[")),
        (_, 1..) => return Err(format!("does not build:\n{}", built.stderr)),
        ("coex warns", _) => return Ok(complaints("warning[")),
        _ if !built.stderr.is_empty() => return Err(format!("is not free of warnings:\n{}", built.stderr)),
        _ => {}
    }
    let run = ran(Command::new(sandbox.path("program")).current_dir(sandbox.path("")));
    let panics = fence.info == "coex panics";
    let named = fence.info.strip_prefix("coex status ").map(|status| status.parse().expect("a status"));
    let status = if panics { 101 } else { named.unwrap_or(0) };
    if run.status != status {
        return Err(format!("ends with status {} instead of {status}:\n{}{}", run.status, run.stdout, run.stderr));
    }
    let panic = run.stderr.lines().next().filter(|_| panics).map(|line| format!("{line}\n"));
    Ok(run.stdout + &panic.unwrap_or_default())
}

/// The faults of one page.
fn faults(path: &Path) -> Vec<String> {
    let page = fs::read_to_string(path).expect("page");
    let fences = fences(&page);
    let sandbox = Sandbox::new();
    for fence in &fences {
        if let Some((_, name)) = fence.info.split_once(" file ") {
            sandbox.write(name, &fence.text);
        }
    }
    let mut wrong = Vec::new();
    for (index, fence) in fences.iter().enumerate() {
        let place = format!("{}:{}", path.display(), fence.line);
        match fence.info.as_str() {
            "coex" | "coex panics" | "coex fails" | "coex warns" => {}
            info if info.starts_with("coex status ") || info.contains(" file ") => {}
            info if info.starts_with("coex") => wrong.push(format!("{place}: '{info}' is no kind of program")),
            _ => continue,
        }
        if fence.info.contains(" file ") {
            continue;
        }
        let wanted = fences.get(index + 1).filter(|next| next.info == "text").map_or("", |next| next.text.as_str());
        match outcome(&sandbox, fence, wanted) {
            Ok(said) if said == wanted => {}
            Ok(said) => wrong.push(format!("{place}: says\n{said}instead of\n{wanted}")),
            Err(fault) => wrong.push(format!("{place}: {fault}")),
        }
    }
    wrong
}

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = |directory: &str| fs::read_dir(root.join(directory)).into_iter().flatten().flatten();
    let mut pages: Vec<_> = entries("docs/language").chain(entries("docs")).map(|entry| entry.path()).collect();
    pages.extend(entries("lib-examples").map(|entry| entry.path().join("README.md")));
    pages.push(root.join("README.md"));
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md") && path.is_file());
    pages.sort();
    pages
}

#[test]
fn programs_of_the_pages_are_true() {
    let filter = std::env::var("COEX_FILTER").unwrap_or_default();
    let pages: Vec<_> = pages().into_iter().filter(|path| path.to_string_lossy().contains(&filter)).collect();
    let wrong = of_each(&pages, faults);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with pages, several at a time.
pub(crate) fn of_each(pages: &[PathBuf], faults: impl Fn(&Path) -> Vec<String> + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let work = || -> Vec<String> {
        let take = || pages.get(next.fetch_add(1, Ordering::Relaxed));
        std::iter::from_fn(take).flat_map(|path| faults(path)).collect()
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect()
    })
}

/// The targets of the links of a page, in order; none are in its fenced blocks.
fn links(page: &str) -> Vec<&str> {
    let parts = page.split("```").step_by(2).flat_map(|prose| prose.split("](").skip(1));
    parts.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target).collect()
}

#[test]
fn pages_and_their_index_are_linked() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/language");
    let index = fs::read_to_string(directory.join("README.md")).expect("the index");
    let listed = links(&index);
    let mut wrong = Vec::new();
    for path in pages() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let directory_of_page = path.parent().expect("a directory");
        if directory_of_page == directory && name != "README.md" && !listed.contains(&name.as_str()) {
            wrong.push(format!("{name} is not in the index"));
        }
        let page = fs::read_to_string(&path).expect("page");
        for target in links(&page).into_iter().filter(|target| !target.contains("://")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let linked = if file.is_empty() { path.clone() } else { directory_of_page.join(file) };
            if anchor.is_empty() && linked.is_dir() {
                continue;
            }
            match fs::read_to_string(&linked) {
                Ok(text) if anchor.is_empty() || text.lines().any(|line| anchor_of(line) == anchor) => {}
                _ => wrong.push(format!("{}: {target} leads nowhere", path.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The anchor that a heading gets, as web pages make it; empty for other lines.
fn anchor_of(line: &str) -> String {
    let title = line.trim_start_matches('#');
    if title == line {
        return String::new();
    }
    let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[test]
fn numbers_of_sections_lead_to_pages() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/language/numbering.md");
    let page = fs::read_to_string(page).expect("page");
    let is_number = |word: &&str| word.split_once('.').is_some_and(|(_, section)| !section.is_empty());
    let known: Vec<&str> =
        page.split(['|', ' ', ',', '\n']).filter(|word| word.starts_with(|c: char| c.is_ascii_digit())).collect();
    let sources = text_of_sources("src");
    let cited = sources.split("reference ").skip(1);
    let cited = cited.filter_map(|rest| rest.split(|c: char| c != '.' && !c.is_ascii_digit()).next());
    let mut missing: Vec<&str> = cited.map(|word| word.trim_end_matches('.')).filter(is_number).collect();
    assert!(missing.len() > 30, "the sources cite the reference");
    missing.retain(|number| !known.contains(number));
    assert!(missing.is_empty(), "{missing:?}");
}
