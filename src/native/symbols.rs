//! What symbols of the C library and the system mean for an instance.
//!
//! In: names that a library's object takes from elsewhere. Out: the runtime's replacement, a class for the report, or a
//! refusal. Deliberately not here: the replacements themselves (the runtime).
//!
//! To redirect one more function: add its name to `SHIMS` and define `coex_shim_NAME` in the runtime.

use super::sources::SymbolClass;

/// Functions that act on the instance instead of the process: the heap and functions whose result comes from it, the end
/// of the process, hidden state.
const SHIMS: &str = "\
    malloc calloc realloc free reallocarray aligned_alloc posix_memalign memalign valloc pvalloc \
    malloc_usable_size strdup strndup getline getdelim asprintf vasprintf \
    abort exit _exit _Exit quick_exit __assert_fail __assert_perror_fail __stack_chk_fail raise atexit \
    __cxa_atexit on_exit at_quick_exit qsort qsort_r \
    rand srand random srandom initstate setstate strtok strerror strsignal localtime gmtime asctime ctime tmpnam \
    drand48 lrand48 mrand48 erand48 nrand48 jrand48 srand48 seed48 lcong48 hcreate hdestroy hsearch \
    getenv secure_getenv setenv unsetenv putenv clearenv setlocale uselocale \
    signal sigaction pthread_sigmask sigprocmask fesetround fesetenv feupdateenv feholdexcept feenableexcept \
    fedisableexcept longjmp siglongjmp chdir fchdir chroot umask setuid seteuid setreuid setresuid setgid setegid setregid setresgid \
    setgroups setsid setpgid setrlimit setpriority sigaltstack setitimer timer_create alarm";

/// The same for functions that open and close: the instance knows what is open.
const DESCRIPTORS: &str = "\
    open open64 openat openat64 creat creat64 socket accept dup dup2 pipe pipe2 mkstemp eventfd epoll_create1 close \
    fopen fopen64 tmpfile fdopen fclose opendir closedir";

/// Other spellings of the same functions in glibc's headers.
const SPELLINGS: &[(&str, &str)] = &[
    ("__strdup", "strdup"),
    ("__strndup", "strndup"),
    ("cfree", "free"),
    ("__getdelim", "getdelim"),
    ("__secure_getenv", "secure_getenv"),
    ("mkstemp64", "mkstemp"),
    ("setrlimit64", "setrlimit"),
    ("tmpfile64", "tmpfile"),
    ("_longjmp", "longjmp"),
    ("__longjmp_chk", "longjmp"),
    ("__open_2", "open"),
    ("__open64_2", "open64"),
];

/// Functions that read or write streams or descriptors.
const STDIO: &str = "\
    stdin stdout stderr printf fprintf dprintf vprintf vfprintf vdprintf puts fputs putc fputc putchar \
    _IO_putc _IO_getc putw getw fwrite fread freopen freopen64 fflush getc fgetc \
    getchar gets fgets ungetc scanf fscanf vscanf vfscanf __isoc99_scanf __isoc99_fscanf __isoc99_vscanf \
    __isoc99_vfscanf __isoc23_scanf __isoc23_fscanf __isoc23_vscanf __isoc23_vfscanf fseek fseeko fseeko64 \
    ftell ftello ftello64 rewind fgetpos fsetpos feof ferror clearerr fileno setvbuf setbuf setlinebuf popen pclose system perror psignal warn warnx vwarn vwarnx err errx verr verrx error syslog \
    vsyslog read write readv writev pread pread64 pwrite \
    pwrite64 sendfile splice send recv sendto recvfrom sendmsg recvmsg fcntl fcntl64 lseek \
    lseek64 ftruncate ftruncate64 fsync fdatasync getchar_unlocked putchar_unlocked getc_unlocked \
    putc_unlocked fputs_unlocked fgets_unlocked fwrite_unlocked fread_unlocked fflush_unlocked putwchar fputwc \
    fputws wprintf fwprintf getwchar fgetwc fgetws __overflow __uflow __printf_chk __fprintf_chk __vprintf_chk \
    __vfprintf_chk __fread_chk __fgets_chk __read_chk flockfile funlockfile getpass";

/// Functions whose result depends on their arguments (and the memory behind them) only.
const PURE: &str = "\
    memcpy memmove memset memcmp bcmp bcopy bzero memchr memrchr rawmemchr memmem mempcpy memccpy strlen \
    strnlen strcmp strncmp strcasecmp strncasecmp strcpy strncpy stpcpy stpncpy strcat strncat strchr strrchr \
    strchrnul strstr strcasestr strspn strcspn strpbrk strtok_r __strtok_r strsep strtol strtoll strtoul \
    strtoull strtod strtof strtold __isoc23_strtol __isoc23_strtoll __isoc23_strtoul __isoc23_strtoull atoi \
    atol atoll atof snprintf sprintf vsnprintf vsprintf __snprintf_chk __sprintf_chk __vsnprintf_chk \
    __vsprintf_chk sscanf vsscanf __isoc99_sscanf __isoc99_vsscanf __isoc23_sscanf __isoc23_vsscanf \
    bsearch abs labs llabs div ldiv lldiv isalnum isalpha isblank iscntrl isdigit isgraph islower \
    isprint ispunct isspace isupper isxdigit tolower toupper __ctype_b_loc __ctype_tolower_loc \
    __ctype_toupper_loc acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 \
    expm1 fabs floor fma fmax fmin fmod frexp hypot ldexp log log10 log1p log2 logb lrint llrint lround \
    llround modf nan nearbyint nextafter pow remainder rint round scalbn scalbln sin sinh sqrt tan tanh tgamma \
    trunc acosf asinf atanf atan2f ceilf cosf expf fabsf floorf fmodf logf log2f powf roundf sinf sqrtf tanf \
    truncf setjmp _setjmp __sigsetjmp __memcpy_chk __memmove_chk \
    __memset_chk __strcpy_chk __strncpy_chk __strcat_chk __strncat_chk __stpcpy_chk __errno_location rand_r \
    time clock gettimeofday clock_gettime difftime gmtime_r localtime_r mktime timegm strftime getpid \
    getpagesize sysconf ffs ffsl ffsll wcslen wmemcpy wmemset btowc wctob strcoll strxfrm";

fn lists(names: &str, name: &str) -> bool {
    names.split_whitespace().any(|listed| listed == name)
}

/// The runtime's name for a function of libc, if it has one.
pub(super) fn shim(name: &str) -> Option<String> {
    let name = SPELLINGS.iter().find(|(other, _)| *other == name).map_or(name, |(_, name)| name);
    (lists(SHIMS, name) || lists(DESCRIPTORS, name)).then(|| format!("coex_shim_{name}"))
}

pub(super) fn classify(name: &str) -> SymbolClass {
    if lists(STDIO, name) {
        SymbolClass::Stdio
    } else if name.starts_with("coex_shim_") || name.starts_with("coex_ffi_") {
        SymbolClass::Instance
    } else if lists(PURE, name) {
        SymbolClass::Pure
    } else {
        SymbolClass::Process
    }
}

/// Streams or descriptors may be touched: by a known function, or by one that nobody here knows (of a system library).
pub(super) fn use_stdio(undefined: &[String]) -> bool {
    undefined
        .iter()
        .map(String::as_str)
        .filter(|name| lists(DESCRIPTORS, name) || shim(name).is_none() && !lists(KNOWN_SILENT, name))
        .any(|name| lists(DESCRIPTORS, name) || matches!(classify(name), SymbolClass::Stdio | SymbolClass::Process))
}

/// State of the process, but no streams.
const KNOWN_SILENT: &str = "\
    environ __environ localeconv newlocale \
    freelocale nl_langinfo tzset strerror_r __xpg_strerror_r fegetround fegetenv feclearexcept fetestexcept \
    sigemptyset sigfillset sigaddset sigdelset sigismember sleep usleep nanosleep sched_yield getcwd getuid geteuid \
    getgid getegid getppid stat stat64 lstat lstat64 fstat fstat64 access unlink remove rename mkdir rmdir \
    readlink realpath utime utimes chmod fchmod chown fchown mmap mmap64 munmap mprotect mremap msync madvise \
    getrusage getrlimit uname gethostname readdir readdir64 mblen mbtowc wctomb mbstowcs wcstombs mbrtowc wcrtomb mbrlen mbsinit towlower towupper \
    iswalpha lgamma lgamma_r lgammaf signgam getrandom getentropy arc4random pthread_mutex_lock \
    pthread_mutex_unlock pthread_mutex_init pthread_mutex_destroy pthread_mutex_trylock pthread_mutexattr_init \
    pthread_mutexattr_settype pthread_mutexattr_destroy pthread_self pthread_once pthread_key_create \
    pthread_getspecific pthread_setspecific dlopen dlsym dlclose dlerror catgets gettext iconv iconv_open \
    iconv_close _dl_find_object __tls_get_addr";

/// Why a symbol cannot be used by a library at all.
pub(super) fn refusal(name: &str, threads: bool) -> Option<String> {
    match name {
        "fork" | "vfork" | "clone" | "_Fork" | "daemon" => {
            Some(format!("'{name}' would copy the whole program, not the instance"))
        }
        "execl" | "execlp" | "execle" | "execv" | "execve" | "execvp" | "execvpe" | "fexecve" => {
            Some(format!("'{name}' would replace the whole program, not the instance"))
        }
        "pthread_create" | "thrd_create" if !threads => {
            Some(format!("'{name}' creates a thread; say 'threads = true' in the manifest"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heap_is_the_instances_own() {
        assert_eq!(shim("malloc").as_deref(), Some("coex_shim_malloc"));
        assert_eq!(shim("__strdup").as_deref(), Some("coex_shim_strdup"));
        assert_eq!(shim("memcpy"), None);
        assert_eq!(classify("coex_shim_malloc"), SymbolClass::Instance);
        assert_eq!(classify("deflate"), SymbolClass::Process);
    }

    #[test]
    fn only_streams_and_the_unknown_count_as_stdio() {
        let of = |names: &[&str]| use_stdio(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert!(of(&["malloc", "printf"]));
        assert!(of(&["stderr"]));
        assert!(of(&["gzwrite"]));
        assert!(of(&["fopen"]));
        assert!(!of(&["malloc", "memcpy", "snprintf", "getenv", "coex_ffi_alloc"]));
    }

    #[test]
    fn threads_need_a_word_in_the_manifest() {
        assert!(refusal("pthread_create", false).is_some());
        assert!(refusal("pthread_create", true).is_none());
        assert!(refusal("fork", true).is_some());
    }

    #[test]
    fn the_runtime_defines_every_shim() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/runtime/src/ffi");
        let files = std::fs::read_dir(directory).unwrap().flatten();
        let text: String = files.filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect();
        for name in SHIMS.split_whitespace().chain(DESCRIPTORS.split_whitespace()) {
            let shim = format!("coex_shim_{name}");
            let mut words = text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
            assert!(words.any(|word| word == shim), "{shim}");
        }
    }

    #[test]
    fn no_name_is_listed_twice() {
        let lists = [SHIMS, DESCRIPTORS, STDIO, PURE, KNOWN_SILENT];
        let mut all: Vec<&str> = lists.iter().flat_map(|list| list.split_whitespace()).collect();
        all.sort_unstable();
        let twice: Vec<&[&str]> = all.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }
}
