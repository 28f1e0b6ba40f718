//! What can be asked: clap data and nothing else.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The Coex compiler.
#[derive(Parser, Debug)]
#[command(name = "coexc", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Coexc {
    #[command(subcommand)]
    pub command: Command,
}

macro_rules! exit_statuses {
    () => {
        "Exit status:\n  \
         0   success\n  \
         1   an error in a program, a manifest or C source\n  \
         2   wrong use\n  \
         3   a tool or system dependency is missing\n  \
         4   an archive, package or lock file is refused\n  \
         5   a registry cannot be reached\n  \
         6   another process did not give way in time\n  \
         70  internal failure"
    };
}

const AFTER_HELP: &str = concat!(
    "`coexc FILE ARGUMENTS…` is `coexc run FILE ARGUMENTS…`, so a script may begin with\n\
     #!/usr/bin/env coexc\n\n",
    exit_statuses!()
);

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Compile a program and everything it imports into an executable.
    Build(Build),
    /// Compile a program and run it.
    Run(Run),
    /// Look for errors; write nothing.
    Check(Check),
    /// Print one representation of a program: ast, ir, llvm, asm or obj.
    Emit(EmitArguments),
    /// Write the compiler's notes into a file, above the lines they concern.
    Commentary(CommentaryArguments),
    /// Explain an error code: coexc explain E0407.
    Explain(Explain),
    /// Look after the cache of compiled programs and libraries.
    Cache(Cache),
    /// Look for what builds need, and say how it is mended.
    Doctor(Messages),
    /// Print a fact about the compiler; `coexc --print FACT` is the same.
    Print(PrintArguments),
    /// Print a script that lets a shell complete command lines.
    Completions(Completions),
    /// Print the manual page, or write those of all subcommands.
    Man(Manual),
}

#[derive(Args, Debug)]
pub struct Completions {
    /// The shell that is to read the script.
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub struct Manual {
    /// Write a page for each subcommand into DIR, such as /usr/local/share/man/man1.
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

/// Options of every command that compiles.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Search DIR for libraries and modules (repeatable).
    #[arg(short = 'L', value_name = "DIR")]
    pub library_dirs: Vec<PathBuf>,

    /// Optimisation: 0, 1, 2 or 3.
    #[arg(short = 'O', value_name = "LEVEL", default_value = "2", value_parser = clap::value_parser!(u8).range(0..=3))]
    pub opt_level: u8,

    /// Keep debug information.
    #[arg(short = 'g')]
    pub debug_info: bool,

    /// Change collections by copying, always: for tests, since no program can tell the difference.
    #[arg(long)]
    pub no_edit_tokens: bool,

    /// Stop after a stage: parse, resolve, check, native, passes, codegen or link.
    #[arg(long, value_name = "STAGE")]
    pub stop_after: Option<StageName>,

    /// Let `print` print, whatever the program says.
    #[arg(long, overrides_with = "no_printing")]
    pub printing: bool,
    /// Turn `print` off.
    #[arg(long)]
    pub no_printing: bool,
    /// Let `debug` print, whatever the program says.
    #[arg(long, overrides_with = "no_debugging")]
    pub debugging: bool,
    /// Turn `debug` off.
    #[arg(long)]
    pub no_debugging: bool,

    /// Show the exact commands of clang and the linker.
    #[arg(long)]
    pub print_commands: bool,

    /// Say for each cached thing whether it was used, and if not, why.
    #[arg(long)]
    pub explain_cache: bool,

    /// Use the cache, or make again what it has and compare.
    #[arg(long, value_enum, value_name = "HOW", env = "COEX_CACHE", default_value = "use")]
    pub cache: CacheUse,

    /// Say how long each stage took.
    #[arg(long)]
    pub timings: bool,

    /// Print what each library's isolation rests on.
    #[arg(long)]
    pub report_isolation: bool,

    #[command(flatten)]
    pub messages: Messages,
}

#[derive(Args, Clone, Debug)]
pub struct Messages {
    /// Colours in messages.
    #[arg(long, value_enum, value_name = "WHEN")]
    pub color: Option<ColorWhen>,

    /// Messages for people, one JSON object a line, or one SARIF document at the end; the latter on standard output.
    #[arg(long, value_enum, default_value = "human", value_name = "FORMAT")]
    pub message_format: MessageFormat,
}

#[derive(Args, Debug)]
pub struct Build {
    /// The program's main file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Where the result goes (default: the file's name without .coex, in the current directory).
    #[arg(short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Write ast, ir, llvm, asm or obj instead of an executable; with dep-info[=FILE] also what it was made from.
    #[arg(long, value_name = "KIND[,KIND]", value_parser = emit_list)]
    pub emit: Option<EmitList>,

    #[command(flatten)]
    pub contract: Contract,

    #[command(flatten)]
    pub common: Common,
}

#[derive(Args, Debug)]
pub struct Check {
    /// The program's main file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    #[command(flatten)]
    pub common: Common,
}

#[derive(Args, Debug)]
pub struct CommentaryArguments {
    /// The file; it is changed.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    #[command(flatten)]
    pub common: Common,
}

#[derive(Args, Debug)]
pub struct Run {
    #[command(flatten)]
    pub common: Common,

    /// The program's main file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// The program's own arguments.
    #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}

#[derive(Args, Debug)]
pub struct EmitArguments {
    /// What is printed.
    #[arg(value_enum, value_name = "KIND")]
    pub kind: EmitKind,

    /// The program's main file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Where it goes; `-` is standard output (the default, but for obj).
    #[arg(short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,

    #[command(flatten)]
    pub contract: Contract,

    #[command(flatten)]
    pub common: Common,
}

/// What tools that run the compiler rely on.
#[derive(Args, Clone, Debug)]
pub struct Contract {
    /// Write a rule for make or ninja into FILE: what the output was made from.
    #[arg(long, value_name = "FILE")]
    pub depfile: Option<PathBuf>,

    /// Give the output the present time even if its bytes stay the same.
    #[arg(long)]
    pub touch: bool,
}

#[derive(Args, Debug)]
pub struct Explain {
    /// A code such as E0407 or W0601; without one, all codes are listed.
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

#[derive(Args, Debug)]
pub struct Cache {
    #[command(subcommand)]
    pub action: CacheAction,
}

#[derive(Subcommand, Debug)]
pub enum CacheAction {
    /// Where it is, how much it holds.
    Stats,
    /// Check every entry; damaged ones are set aside.
    Verify,
    /// Remove what was not used for long, and the oldest above the limit.
    Gc,
    /// Remove everything.
    Clear,
    /// What a build of FILE would take from the cache, and why not the rest.
    Explain {
        #[arg(value_name = "FILE")]
        file: PathBuf,

        #[command(flatten)]
        common: Common,
    },
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum CacheUse {
    Use,
    Verify,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum EmitKind {
    Ast,
    Ir,
    Llvm,
    Asm,
    Obj,
}

/// What `--emit` lists: at most one representation, and whether a depfile is wanted.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct EmitList {
    pub kind: Option<EmitKind>,
    /// The file, if one is named.
    pub dep_info: Option<Option<PathBuf>>,
}

fn emit_list(text: &str) -> Result<EmitList, String> {
    let mut list = EmitList::default();
    for item in text.split(',') {
        let (name, file) = item.split_once('=').map_or((item, None), |(name, file)| (name, Some(PathBuf::from(file))));
        let twice = match name {
            "dep-info" => list.dep_info.replace(file).is_some(),
            _ if file.is_some() => return Err(format!("'{name}' takes no file; -o names the output")),
            _ => {
                let known = "ast, ir, llvm, asm, obj and dep-info";
                let kind = EmitKind::from_str(name, false).map_err(|_| format!("'{name}' is none of {known}"))?;
                list.kind.replace(kind).is_some()
            }
        };
        if twice {
            return Err("one representation can be written, and one depfile".to_owned());
        }
    }
    Ok(list)
}

#[derive(Args, Debug)]
pub struct PrintArguments {
    #[arg(value_enum, value_name = "FACT")]
    pub fact: Fact,

    /// A directory to search, as for `build` (repeatable).
    #[arg(short = 'L', value_name = "DIR")]
    pub library_dirs: Vec<PathBuf>,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fact {
    /// The JSON schema of messages.
    MessageSchema,
    /// Where libraries are searched after the program's own directory, in order.
    SearchPaths,
    /// What programs are compiled for.
    Target,
    /// Version and build as a JSON object.
    VersionJson,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum StageName {
    Parse,
    Resolve,
    Check,
    Native,
    Passes,
    Codegen,
    Link,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColorWhen {
    Auto,
    Always,
    Never,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageFormat {
    Human,
    Json,
    Sarif,
}

/// The Coex package tool.
#[derive(Parser, Debug)]
#[command(name = "coex", version, max_term_width = 100, after_help = exit_statuses!())]
pub struct Coex {
    #[command(subcommand)]
    pub command: CoexCommand,
}

#[derive(Subcommand, Debug)]
pub enum CoexCommand {
    /// Work with libraries.
    Pkg {
        #[command(subcommand)]
        action: Package,
    },
    /// Keep a registry: a directory that libraries are installed from.
    Registry {
        #[command(subcommand)]
        action: RegistryAction,
    },
    /// Print a script that lets a shell complete command lines.
    Completions(Completions),
    /// Print the manual page, or write those of all subcommands.
    Man(Manual),
}

#[derive(Subcommand, Debug)]
pub enum Package {
    /// Install libraries for the project in this directory, or all that its coex.lock names.
    Install {
        /// NAME, NAME@1.2.3 (that version), NAME@1.2 (a requirement), or an archive as a file or URL.
        #[arg(value_name = "NAME[@VERSION]|FILE.cxz|URL")]
        wishes: Vec<String>,

        #[command(flatten)]
        options: PackageOptions,
    },
    /// Remove libraries from the project.
    Remove {
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,

        #[command(flatten)]
        options: PackageOptions,
    },
    /// Take newer versions within what was asked for: of the named libraries, or of all.
    Update {
        #[arg(value_name = "NAME")]
        names: Vec<String>,

        #[command(flatten)]
        options: PackageOptions,
    },
    /// List the libraries of the project.
    List {
        #[command(flatten)]
        messages: Messages,
    },
    /// What a registry says of a library.
    Info {
        #[arg(value_name = "NAME")]
        name: String,

        #[command(flatten)]
        source: RegistryOption,

        #[command(flatten)]
        messages: Messages,
    },
    /// Find libraries whose name or description holds all words.
    Search {
        #[arg(value_name = "WORD")]
        words: Vec<String>,

        #[command(flatten)]
        source: RegistryOption,

        #[command(flatten)]
        messages: Messages,
    },
    /// Pack a library's directory into a .cxz archive.
    Pack {
        /// The directory with manifest.toml.
        #[arg(value_name = "DIR")]
        directory: PathBuf,

        /// Where the archive goes (default: NAME.cxz in the current directory); `-` is standard output.
        #[arg(short = 'o', value_name = "FILE")]
        output: Option<PathBuf>,

        #[command(flatten)]
        verification: Verification,

        #[command(flatten)]
        messages: Messages,
    },
    /// Put the files of an archive into a new directory.
    Unpack {
        /// The archive; `-` is standard input.
        #[arg(value_name = "FILE.cxz")]
        file: PathBuf,

        /// The directory, which must not exist (default: NAME in the current directory).
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,

        #[command(flatten)]
        messages: Messages,
    },
    /// Sign a library and take it into a registry.
    Publish {
        /// The library's directory, or its archive.
        #[arg(value_name = "DIR|FILE.cxz")]
        library: PathBuf,

        /// The secret key, as `minisign -G` writes it.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,

        #[command(flatten)]
        verification: Verification,

        #[command(flatten)]
        source: RegistryOption,

        #[command(flatten)]
        messages: Messages,
    },
    /// Copy what is locked into `lib`, beside coex.lock.
    Vendor {
        #[command(flatten)]
        messages: Messages,
    },
    /// Check archives or unpacked libraries without using them, or all that coex.lock names.
    Verify {
        /// `-` is standard input.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,

        #[command(flatten)]
        messages: Messages,
    },
}

/// Whether a library is looked at before others get it.
#[derive(Args, Clone, Debug)]
pub struct Verification {
    /// Neither check the library's Coex nor compile its C.
    #[arg(long)]
    pub no_verify: bool,

    /// Search DIR for libraries that this one imports (repeatable).
    #[arg(short = 'L', value_name = "DIR")]
    pub library_dirs: Vec<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub struct RegistryOption {
    /// Where libraries come from: a directory, or a file://, http:// or https:// URL.
    #[arg(long, value_name = "PLACE", env = "COEX_REGISTRY")]
    pub registry: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub struct PackageOptions {
    #[command(flatten)]
    pub source: RegistryOption,

    /// Fail rather than change coex.lock.
    #[arg(long)]
    pub locked: bool,

    /// Ask no registry: what is locked, installed and remembered must do.
    #[arg(long)]
    pub offline: bool,

    /// Take no new version that was published more recently: 36h, 3d (default: 24h from web servers, else 0).
    #[arg(long, value_name = "AGE", env = "COEX_MIN_AGE", value_parser = age)]
    pub min_age: Option<Duration>,

    /// Take new versions however young they are.
    #[arg(long)]
    pub now: bool,

    /// Only say what would change.
    #[arg(long, conflicts_with = "locked")]
    pub dry_run: bool,

    /// Say how long it took to find versions.
    #[arg(long)]
    pub timings: bool,

    /// How long to wait for another process that changes installed libraries.
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    pub wait: u64,

    #[command(flatten)]
    pub messages: Messages,
}

#[derive(Subcommand, Debug)]
pub enum RegistryAction {
    /// Take archives in; an empty or absent directory becomes a registry.
    Add {
        #[arg(value_name = "DIR")]
        directory: PathBuf,

        #[arg(value_name = "FILE.cxz", required = true)]
        archives: Vec<PathBuf>,

        #[command(flatten)]
        messages: Messages,
    },
    /// Take a version back: projects that have it locked keep it, nobody else gets it.
    Yank {
        #[arg(value_name = "DIR")]
        directory: PathBuf,

        #[arg(value_name = "NAME@VERSION")]
        release: String,

        /// Why; people read it.
        #[arg(long, value_name = "TEXT")]
        reason: String,

        #[command(flatten)]
        messages: Messages,
    },
    /// Sign what there is of all packages, so that web servers cannot show an old or changed registry.
    Sign {
        #[arg(value_name = "DIR")]
        directory: PathBuf,

        /// The secret key, as `minisign -G` writes it.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,

        /// How long the signature is good: 12h, 30d.
        #[arg(long, value_name = "TIME", default_value = "30d", value_parser = age)]
        expires: Duration,

        #[command(flatten)]
        messages: Messages,
    },
    /// Check every line and every archive.
    ServeCheck {
        #[arg(value_name = "DIR")]
        directory: PathBuf,

        #[command(flatten)]
        messages: Messages,
    },
}

/// A number with `s`, `m`, `h` or `d`; 0 needs no unit.
fn age(text: &str) -> Result<Duration, String> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds = match unit.trim() {
        "" if digits == "0" => 1,
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err("an age is a number with s, m, h or d".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "an age is a number with s, m, h or d".to_owned())?;
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}
