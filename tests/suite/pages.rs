//! The programs of `docs/language/*.md` are true.
//!
//! Every fenced block there that begins with three backticks and `coex` is a whole program. It is compiled and run, and
//! what it prints is the `text` block that follows it; without one it prints nothing. `coex panics` ends with status 101,
//! and the panic's line is the last one of its text block. `coex fails` is refused; its text block is the first line of the
//! complaint. `COEX_FILTER=collections` runs only the pages whose path contains the word.

use crate::sandbox::{Sandbox, ran};
use std::fs;
use std::path::Path;
use std::process::Command;

/// One fenced block of a page.
struct Fence {
    info: String,
    line: usize,
    text: String,
}

fn fences(page: &str) -> Vec<Fence> {
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
fn outcome(sandbox: &Sandbox, fence: &Fence) -> Result<String, String> {
    sandbox.write("program.coex", &fence.text);
    let built = sandbox.coexc(&["build", "--color=never", "-o", "program", "program.coex"]);
    if fence.info == "coex fails" {
        return match (built.status, built.stderr.lines().next()) {
            (1, Some(first)) => Ok(format!("{first}\n")),
            _ => Err(format!("is not refused: status {}\n{}", built.status, built.stderr)),
        };
    }
    if built.status != 0 {
        return Err(format!("does not build:\n{}", built.stderr));
    }
    let run = ran(Command::new(sandbox.path("program")).current_dir(sandbox.path("")));
    let wanted = if fence.info == "coex panics" { 101 } else { 0 };
    if run.status != wanted {
        return Err(format!("ends with status {} instead of {wanted}:\n{}{}", run.status, run.stdout, run.stderr));
    }
    let panic = run.stderr.lines().next().filter(|_| wanted == 101).map(|line| format!("{line}\n"));
    Ok(run.stdout + &panic.unwrap_or_default())
}

#[test]
fn programs_of_the_language_pages_are_true() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/language");
    let filter = std::env::var("COEX_FILTER").unwrap_or_default();
    let mut pages: Vec<_> = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.retain(|path| path.to_string_lossy().contains(&filter));
    pages.sort();
    let sandbox = Sandbox::new();
    let mut wrong = Vec::new();
    for path in pages {
        let page = fs::read_to_string(&path).expect("page");
        let fences = fences(&page);
        for (index, fence) in fences.iter().enumerate() {
            if !matches!(fence.info.as_str(), "coex" | "coex panics" | "coex fails") {
                continue;
            }
            let place = format!("{}:{}", path.display(), fence.line);
            let wanted = fences.get(index + 1).filter(|next| next.info == "text").map_or("", |next| next.text.as_str());
            match outcome(&sandbox, fence) {
                Ok(said) if said == wanted => {}
                Ok(said) => wrong.push(format!("{place}: says\n{said}instead of\n{wanted}")),
                Err(fault) => wrong.push(format!("{place}: {fault}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
