//! One library: look its objects up, or make them.
//!
//! In: a toolchain, the cache, a library's sources. Out: [`NativeLibrary`]. The steps, in the order in which they must
//! stand: validate, system dependencies (their answer is part of the key), key, look-up, lock, look-up again, clang,
//! pass, publish. A hit starts no process and does not touch LLVM.

use coex_runtime::abi;

use super::companions;
use super::compile::{self, Compiled, FFI_HEADER};
use super::error::NativeError;
use super::files::Stamp;
use super::headers::HeaderFacts;
use super::helper;
use super::key::{KeyInputs, SCHEMA, explain};
use super::order::Failure;
use super::pass::{self, PassInput, PassOutput};
use super::sources::{
    CacheOutcome, IsolationReport, IsolationTier, LibrarySources, Limits, NativeLibrary, NativeOptions, OptLevel,
    PrivatiseMode, SystemHeaders,
};
use super::store::{Blob, CacheError, Entry, Key, Lookup, Store};
use super::system::{self, SystemAnswer};
use super::toolchain::Toolchain;
use super::{codec, record, symbols};
use crate::diagnostics::{Nobody, io_reason};

/// The names of the objects among an entry's blobs start so, with their number in link order behind it.
const OBJECT: &str = "object-";

/// The name of the leaves' bitcode, which few libraries have.
const LEAVES: &str = "leaves";

/// The object of a library, from the cache or compiled now, with what the compiler must know of it.
pub fn build_library(
    toolchain: &Toolchain,
    cache: &Store,
    sources: &LibrarySources<'_>,
    options: &NativeOptions,
) -> Result<NativeLibrary, NativeError> {
    validate(sources)?;
    let added = companions::added(sources);
    let with_added =
        added.as_ref().map(|(files, units)| LibrarySources { files, units: units.clone(), ..sources.clone() });
    let sources = with_added.as_ref().unwrap_or(sources);
    let system = system::resolve(cache, toolchain, sources)?;
    let plan = Plan::new(toolchain, sources, options, system);
    let mut notes = Vec::new();
    let mut reason = match recall(cache, &plan, &mut notes)? {
        Recalled::Hit(library) if options.verify => {
            verify(toolchain, cache, sources, options, &plan)?;
            return Ok(declared(*library, sources, &plan));
        }
        Recalled::Hit(library) => return Ok(declared(*library, sources, &plan)),
        Recalled::Miss(reason) => reason,
    };
    let _lock = cache.lock(&plan.key, &format!("library '{}'", sources.name))?;
    // Somebody else may have made it while we waited. Damage was noted the first time.
    match recall(cache, &plan, &mut notes)? {
        Recalled::Hit(library) => return Ok(NativeLibrary { notes, ..declared(*library, sources, &plan) }),
        Recalled::Miss(again) => reason = reason.or(again),
    }
    let reason = match reason {
        Some(reason) => reason,
        None => plan.compare_with_latest(cache)?,
    };
    let made = make(toolchain, cache, sources, options, &plan)?;
    let why = made.uncacheable.clone();
    let mut library = keep(cache, &plan, made)?;
    library.cache = match why {
        Some(why) => CacheOutcome::Uncacheable(why),
        None => {
            plan.remember_as_latest(cache)?;
            CacheOutcome::Miss(reason)
        }
    };
    library.notes = notes;
    Ok(library)
}

fn validate(sources: &LibrarySources<'_>) -> Result<(), NativeError> {
    for unit in &sources.units {
        if let Some(file) = unit.sources.iter().find(|file| !sources.files.contains_key(*file)) {
            return Err(NativeError::FileNotFound { library: sources.name.to_owned(), file: file.clone() });
        }
        if unit.isolation == IsolationTier::Confined {
            return Err(NativeError::Unsupported { what: format!("isolation = \"{}\"", unit.isolation.as_str()) });
        }
        if unit.threads {
            return Err(NativeError::Unsupported { what: "threads = true".to_owned() });
        }
    }
    Ok(())
}

/// Everything that is decided before anything is looked up.
struct Plan {
    key: Key,
    /// The part of the key that symbols carry.
    short_key: String,
    fields: Vec<(String, blake3::Hash)>,
    latest: Key,
    flags: Vec<Vec<String>>,
    system: SystemAnswer,
    target: String,
    cpu: String,
    symbols: Vec<String>,
    tier: IsolationTier,
    limits: Limits,
}

impl Plan {
    fn new(toolchain: &Toolchain, sources: &LibrarySources<'_>, options: &NativeOptions, system: SystemAnswer) -> Plan {
        let target = options.target.clone().unwrap_or_else(host_triple);
        let cpu = options.cpu.clone().unwrap_or_else(|| baseline_cpu(&target).to_owned());
        let flags: Vec<Vec<String>> =
            sources.units.iter().map(|unit| compile::flags(sources, unit, &system, &target, &cpu)).collect();
        let mut symbols = sources.symbols.clone();
        symbols.sort();
        symbols.dedup();
        let tier = sources.tier();
        let limits = strictest_limits(sources);
        let include_dirs = toolchain.include_dirs.iter().map(|path| path.display().to_string());
        let mut files: std::collections::BTreeMap<String, &[u8]> =
            sources.files.iter().map(|(name, bytes)| (name.clone(), bytes.as_slice())).collect();
        files.insert("<coex_ffi.h>".to_owned(), FFI_HEADER.as_bytes());
        let mut unit_fields = flags.clone();
        for (fields, unit) in unit_fields.iter_mut().zip(&sources.units) {
            fields.extend(unit.sources.iter().cloned());
        }
        let inputs = KeyInputs {
            schema: SCHEMA,
            compiler: env!("COEX_NATIVE_ID").to_owned(),
            clang: toolchain.identity.clone(),
            search: include_dirs.collect(),
            library: [sources.name, sources.version],
            target: target.clone(),
            cpu: cpu.clone(),
            optimisation: optimisation_fields(options),
            isolation: vec![
                tier.as_str().to_owned(),
                pass::PASS_VERSION.to_string(),
                abi::ABI_VERSION.to_string(),
                format!("{limits:?}"),
                format!("serial {}", sources.is_serial()),
            ],
            flags: unit_fields,
            symbols: symbols.clone(),
            files,
            pkg_config: system.key_fields(),
            environment: compile::ENVIRONMENT.map(|name| (name.to_owned(), variable(name))).to_vec(),
        };
        let key = inputs.key();
        let short_key = key.hex()[..16].to_owned();
        let latest = Key::of(&[b"latest 1", sources.name.as_bytes(), inputs.optimisation.concat().as_bytes()]);
        let fields = inputs.fields();
        Plan { key, short_key, fields, latest, flags, system, target, cpu, symbols, tier, limits }
    }

    /// Why this key is new: the first input that differs from the last build of a library of this name.
    fn compare_with_latest(&self, cache: &Store) -> Result<String, NativeError> {
        let Lookup::Hit(entry) = cache.lookup(&self.latest)? else { return Ok("first-seen".to_owned()) };
        let mut reader = codec::Reader::new(&entry.meta);
        let old = reader.list(|reader| Some((reader.text()?, reader.text()?))).unwrap_or_default();
        Ok(explain(&old, &self.fields).unwrap_or_else(|| "evicted".to_owned()))
    }

    fn remember_as_latest(&self, cache: &Store) -> Result<(), NativeError> {
        let mut writer = codec::Writer::default();
        writer.list(self.fields.iter(), |writer, (tag, hash)| {
            writer.put(tag);
            writer.put(hash.to_hex());
        });
        cache.publish(&self.latest, &writer.finish(), &[])?;
        Ok(())
    }
}

/// What is not text differs from everything that is.
fn variable(name: &str) -> String {
    let value = std::env::var_os(name).unwrap_or_default();
    value.into_string().unwrap_or_else(|value| format!("{value:?}\u{fffd}"))
}

/// What this machine's programs are compiled for.
pub fn host_triple() -> String {
    let arch = if cfg!(target_arch = "aarch64") { "aarch64" } else { "x86_64" };
    format!("{arch}-unknown-linux-gnu")
}

fn baseline_cpu(target: &str) -> &'static str {
    if target.starts_with("x86_64") { "x86-64" } else { "generic" }
}

fn optimisation_fields(options: &NativeOptions) -> [String; 3] {
    let level = match options.opt_level {
        OptLevel::None => "O0",
        OptLevel::Less => "O1",
        OptLevel::Default => "O2",
        OptLevel::Aggressive => "O3",
    };
    let debug = if options.debug_info { "debug" } else { "strip" };
    let privatise = match options.privatise {
        PrivatiseMode::On => "private",
        PrivatiseMode::Off => "plain",
    };
    [level, debug, privatise].map(str::to_owned)
}

/// Units share one instance, so the lowest limit of each kind holds; 0 means no limit.
fn strictest_limits(sources: &LibrarySources<'_>) -> Limits {
    let lowest = |of: fn(&Limits) -> u64| {
        sources.units.iter().map(|unit| of(&unit.limits)).filter(|limit| *limit > 0).min().unwrap_or(0)
    };
    Limits {
        instances: lowest(|limits| limits.instances),
        handles: lowest(|limits| limits.handles),
        arena_bytes: lowest(|limits| limits.arena_bytes),
    }
}

enum Recalled {
    Hit(Box<NativeLibrary>),
    /// With the reason, when it is known already.
    Miss(Option<String>),
}

/// What is read from the manifest anew, since other libraries with the same C code share the entry.
fn declared(library: NativeLibrary, sources: &LibrarySources<'_>, plan: &Plan) -> NativeLibrary {
    let is_shared = sources.tier() == IsolationTier::Shared;
    NativeLibrary { is_serial: sources.is_serial(), is_shared, packages: plan.system.packages.clone(), ..library }
}

fn recall(cache: &Store, plan: &Plan, notes: &mut Vec<String>) -> Result<Recalled, NativeError> {
    let entry: Entry = match cache.lookup(&plan.key)? {
        Lookup::Hit(entry) => entry,
        Lookup::Absent => return Ok(Recalled::Miss(None)),
        Lookup::Damaged(line) => {
            notes.push(line);
            return Ok(Recalled::Miss(Some("corrupt".to_owned())));
        }
    };
    let leaves = entry.blob(LEAVES).map(|leaves| leaves.path.as_path());
    let objects = entry.blobs.iter().filter(|blob| blob.name.starts_with(OBJECT)).map(|blob| blob.path.clone());
    let read = record::read(&entry.meta, objects.collect(), leaves).filter(|(library, _)| !library.objects.is_empty());
    let Some((library, headers)) = read else { return Ok(Recalled::Miss(Some("corrupt".to_owned()))) };
    Ok(match headers.broken() {
        Some(reason) => Recalled::Miss(Some(reason)),
        None => Recalled::Hit(Box::new(library)),
    })
}

/// A library that was made now, before it is kept.
struct Made {
    library: NativeLibrary,
    headers: HeaderFacts,
    output: PassOutput,
    /// Why the next build must not find it.
    uncacheable: Option<String>,
}

fn make(
    toolchain: &Toolchain,
    cache: &Store,
    sources: &LibrarySources<'_>,
    options: &NativeOptions,
    plan: &Plan,
) -> Result<Made, NativeError> {
    let scratch = cache.scratch()?;
    let fault = |error: std::io::Error| NativeError::Cache {
        directory: cache.directory().display().to_string(),
        reason: io_reason(&error),
    };
    compile::unpack(sources, scratch.path()).map_err(fault)?;
    // The file system's own clock: what it calls younger than these files was changed while clang was running.
    let since = std::fs::metadata(scratch.path().join("out")).map_err(fault)?;
    let compiled = compile::compile(
        &options.workers,
        options.watcher.as_deref().unwrap_or(&Nobody),
        toolchain,
        sources,
        &plan.flags,
        scratch.path(),
    )?;
    let search: Vec<_> = plan.system.include_dirs.iter().chain(&toolchain.include_dirs).cloned().collect();
    let defines = defines_as_text(sources);
    let texts = sources.files.values().map(Vec::as_slice).chain([defines.as_bytes()]);
    let since = Stamp::of(&since).changed_ns;
    let (headers, edited) = HeaderFacts::collect(&compiled.headers, &search, texts, since).map_err(fault)?;
    let output = run_pass(sources, options, plan, &compiled)?;
    let mut library = describe(sources, plan, &output);
    library.system_headers = headers.paths();
    if options.print_commands {
        library.commands = compiled.commands;
    }
    let uncacheable = match edited {
        Some(path) => Some(format!("edited-meanwhile:{}", path.display())),
        None => {
            let is_text = headers.can_be_kept() && !compiled.has_odd_names;
            let is_text = is_text && compile::ENVIRONMENT.iter().all(|name| !variable(name).contains('\u{fffd}'));
            (!is_text).then(|| "path-is-not-text".to_owned())
        }
    };
    Ok(Made { library, headers, output, uncacheable })
}

/// For names of headers behind macros of the command line.
fn defines_as_text(sources: &LibrarySources<'_>) -> String {
    let defines = sources.units.iter().flat_map(|unit| &unit.defines);
    defines.map(|(name, value)| format!("#define {name} {value}\n")).collect()
}

/// The linker wants files, so the bytes go into the store in any case; an entry makes them found again.
fn keep(cache: &Store, plan: &Plan, made: Made) -> Result<NativeLibrary, CacheError> {
    let Made { mut library, headers, output, uncacheable } = made;
    let blobs = blobs(&output);
    let blobs: Vec<_> = blobs.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let kept: Vec<Blob> = match uncacheable {
        None => cache.publish(&plan.key, &record::write(&library, &headers), &blobs)?.blobs,
        Some(_) => blobs.iter().map(|(name, bytes)| cache.publish_blob(name, bytes)).collect::<Result<_, _>>()?,
    };
    for blob in kept {
        match blob.name.as_str() {
            LEAVES => library.leaves = Some(blob.path),
            _ => library.objects.push(blob.path),
        }
    }
    Ok(library)
}

/// What of a library lies in files, by name.
fn blobs(output: &PassOutput) -> Vec<(String, &[u8])> {
    let objects = output.objects.iter().enumerate();
    let objects = objects.map(|(number, object)| (format!("{OBJECT}{number}"), object.as_slice()));
    objects.chain(output.leaves.as_deref().map(|leaves| (LEAVES.to_owned(), leaves))).collect()
}

/// Makes the library once more and compares.
fn verify(
    toolchain: &Toolchain,
    cache: &Store,
    sources: &LibrarySources<'_>,
    options: &NativeOptions,
    plan: &Plan,
) -> Result<(), NativeError> {
    let Made { output, .. } = make(toolchain, cache, sources, options, plan)?;
    let Lookup::Hit(entry) = cache.lookup(&plan.key)? else { return Ok(()) };
    let hash = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
    let made: Vec<_> = blobs(&output).into_iter().map(|(name, bytes)| (name, hash(bytes))).collect();
    if entry.blobs.iter().map(|blob| (&blob.name, &blob.hash)).ne(made.iter().map(|(name, hash)| (name, hash))) {
        cache.distrust(&plan.key);
        let reason = format!("what was kept for library '{}' is not what is made now", sources.name);
        return Err(NativeError::Cache { directory: cache.directory().display().to_string(), reason });
    }
    Ok(())
}

fn run_pass(
    sources: &LibrarySources<'_>,
    options: &NativeOptions,
    plan: &Plan,
    compiled: &Compiled,
) -> Result<PassOutput, NativeError> {
    let tier = match plan.tier {
        IsolationTier::Shared => abi::library_flags::SHARED,
        IsolationTier::Process => abi::library_flags::PROCESS,
        IsolationTier::Instance | IsolationTier::Confined => 0,
    };
    let serial = if sources.is_serial() { abi::library_flags::SERIAL } else { 0 };
    let input = PassInput {
        library: sources.name.to_owned(),
        key: plan.short_key.clone(),
        files: compiled.files.clone(),
        symbols: plan.symbols.clone(),
        flags: tier | serial,
        limits: plan.limits,
        threads: sources.units.iter().any(|unit| unit.threads),
        target: plan.target.clone(),
        cpu: plan.cpu.clone(),
        opt_level: options.opt_level,
        debug_info: options.debug_info,
        privatise: options.privatise,
    };
    let library = sources.name.to_owned();
    let answer = helper::run(options.helper.as_deref(), &compiled.directory, &input, &options.workers)?;
    answer.map_err(|failure| match failure {
        Failure::SymbolNotDefined { symbol, is_static } => NativeError::SymbolNotDefined { library, symbol, is_static },
        Failure::Errors(errors) => {
            // Merging concerns all files; the first command stands for them.
            let command = compiled.commands.first().cloned().unwrap_or_default();
            NativeError::CompilationFailed { library, command, errors }
        }
    })
}

fn describe(sources: &LibrarySources<'_>, plan: &Plan, output: &PassOutput) -> NativeLibrary {
    // A process contains faults and system calls, which code without state has as well.
    let is_pure = output.total_size == 0 && plan.tier != IsolationTier::Process;
    let tier = if is_pure { "pure" } else { plan.tier.as_str() };
    NativeLibrary {
        name: sources.name.to_owned(),
        version: sources.version.to_owned(),
        key: plan.short_key.clone(),
        objects: Vec::new(),
        leaves: None,
        descriptor_symbol: abi::library_descriptor_symbol(sources.name, &plan.short_key),
        functions: output.functions.clone(),
        link_args: plan.system.link_args.clone(),
        uses_stdio: output.uses_stdio,
        is_serial: sources.is_serial(),
        is_shared: sources.tier() == IsolationTier::Shared,
        report: IsolationReport {
            tier: tier.to_owned(),
            members: output.members.clone(),
            data_size: output.data_size,
            total_size: output.total_size,
            relocations: output.relocations,
            symbols: output.undefined.iter().map(|name| (name.clone(), symbols::classify(name))).collect(),
        },
        system_headers: SystemHeaders::default(),
        packages: plan.system.packages.clone(),
        cache: CacheOutcome::Hit,
        notes: Vec::new(),
        commands: Vec::new(),
    }
}
