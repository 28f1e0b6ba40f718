//! What shells and `man` are told of the command lines: it completes, it formats, and it is all there.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::sandbox::{Sandbox, ran};

const TOOLS: [(&str, &str); 2] = [("coexc", env!("CARGO_BIN_EXE_coexc")), ("coex", env!("CARGO_BIN_EXE_coex"))];

/// Whether a program that a test checks with is on this machine; a test says what it leaves out.
fn is_present(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: there is no {program} here");
    }
    found
}

#[test]
fn completions_are_scripts_of_their_shells() {
    let sandbox = Sandbox::new();
    for (tool, path) in TOOLS {
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let run = ran(sandbox.command(path).args(["completions", shell]));
            assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{tool} {shell}");
            assert!(run.stdout.contains("completions") && run.stdout.contains(tool), "{tool} {shell}");
            let script = sandbox.write(&format!("{tool}.{shell}"), &run.stdout);
            if ["bash", "zsh", "fish"].contains(&shell) && is_present(shell) {
                let checked = ran(sandbox.command(shell).arg("-n").arg(&script));
                assert_eq!((checked.status, checked.stderr.as_str()), (0, ""), "{tool} {shell}");
            }
        }
        let wrong = ran(sandbox.command(path).args(["completions", "csh"]));
        assert_eq!((wrong.status, wrong.stdout.as_str()), (2, ""));
    }
}

#[test]
fn bash_completes_words() {
    if !is_present("bash") {
        return;
    }
    let sandbox = Sandbox::new();
    for (tool, words, wanted) in [
        ("coexc", "coexc bui", "build"),
        ("coexc", "coexc build --report", "--report-isolation"),
        ("coexc", "coexc build --color n", "never"),
        ("coexc", "coexc cache ver", "verify"),
        // Nothing of its own: then bash takes names of files.
        ("coexc", "coexc build prog", ""),
        ("coex", "coex pkg inst", "install"),
        ("coex", "coex registry serve", "serve-check"),
    ] {
        let path = TOOLS.iter().find(|(name, _)| *name == tool).expect("a tool").1;
        let script = ran(sandbox.command(path).args(["completions", "bash"])).stdout;
        assert!(script.contains("-o bashdefault -o default"), "names of files are completed");
        sandbox.write("completions", script);
        // What bash does when somebody presses the tabulator behind `words`.
        let typed = format!(
            "source ./completions\nCOMP_WORDS=({words})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
             _{tool} {tool} \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\" 2>/dev/null\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
        );
        let run = ran(sandbox.command("bash").args(["--norc", "-c", &typed]));
        assert_eq!(run.stdout, format!("{wanted}\n"), "{words}: {}", run.stderr);
    }
}

/// The words of a help text that begin with `--`, and the short options.
fn options(help: &str) -> BTreeSet<String> {
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let words = lines.flat_map(|line| line.split("  ").next().unwrap_or_default().split([' ', ',']));
    words.filter(|word| word.starts_with('-') && *word != "-").map(str::to_owned).collect()
}

/// The names of all subcommands, `cache gc`, as the tool's own help lists them.
fn subcommands(sandbox: &Sandbox, path: &str, words: &[String]) -> Vec<Vec<String>> {
    let help = ran(sandbox.command(path).args(words).arg("--help")).stdout;
    let Some((_, list)) = help.split_once("Commands:\n") else { return vec![words.to_vec()] };
    let lines = list.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    let names = lines.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    let below = names.flat_map(|name| subcommands(sandbox, path, &[words, &[name.to_owned()]].concat()));
    std::iter::once(words.to_vec()).chain(below).collect()
}

#[test]
fn every_command_has_a_manual_page_with_every_option() {
    let sandbox = Sandbox::new();
    for (tool, path) in TOOLS {
        let written = ran(sandbox.command(path).args(["man", "new/man1"]));
        assert_eq!((written.status, written.stdout.as_str(), written.stderr.as_str()), (0, "", ""));
        let commands = subcommands(&sandbox, path, &[]);
        assert!(commands.len() > 10, "{commands:?}");
        for words in &commands {
            let name = std::iter::once(tool).chain(words.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
            let page = fs::read_to_string(sandbox.path(&format!("new/man1/{name}.1"))).expect(&name);
            assert!(page.is_ascii(), "{name}");
            let page = page.replace("\\-", "-");
            let help = ran(sandbox.command(path).args(words).arg("--help")).stdout;
            let options = options(&help);
            assert!(options.contains("--help"), "{name}: {help}");
            for option in options {
                let (shown, long) = (format!("\\fB{option}\\fR"), format!("\\fB{option}\\fR="));
                assert!(page.contains(&shown) || page.contains(&long), "{name}.1 lacks {option}");
            }
        }
        let pages = fs::read_dir(sandbox.path("new/man1")).expect("pages").flatten();
        let own =
            pages.filter(|page| page.file_name().to_string_lossy().split(['-', '.']).next() == Some(tool)).count();
        assert_eq!(own, commands.len(), "a page of no command");
        let single = ran(sandbox.command(path).arg("man"));
        assert_eq!(single.stdout.as_bytes(), sandbox.read(&format!("new/man1/{tool}.1")));
    }
    if is_present("groff") {
        for page in fs::read_dir(sandbox.path("new/man1")).expect("pages").flatten() {
            let run = ran(Command::new("groff").args(["-man", "-Tutf8", "-ww", "-z"]).arg(page.path()));
            assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{}", page.path().display());
        }
    }
    sandbox.write("file", "");
    let refused = sandbox.coexc(&["man", "file/man1"]);
    assert_eq!(refused.status, 3);
    assert!(refused.stderr.starts_with("error[E1404]: Cannot write 'file/man1': "), "{}", refused.stderr);
}
