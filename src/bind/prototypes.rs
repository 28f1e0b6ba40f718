//! Prototypes of the C library for externs that programs declare without saying their C types.
//!
//! In: a function's name. Out: its signature on 64-bit Linux. Functions that take callbacks or variable arguments are
//! left out on purpose: they cannot be called from Coex yet.

use super::declaration::parse_declaration;
use crate::native::CSignature;

/// The signature of a function of ISO C or POSIX, if it stands in the table.
pub(super) fn find(name: &str) -> Option<CSignature> {
    let row = PROTOTYPES.iter().find(|row| {
        let before = row.split('(').next().unwrap_or_default();
        before.rsplit([' ', '*']).next() == Some(name)
    })?;
    parse_declaration(row).ok().map(|(_, signature)| signature)
}

const PROTOTYPES: &[&str] = &[
    // stdlib.h
    "int abs(int)",
    "long labs(long)",
    "long long llabs(long long)",
    "int atoi(const char *)",
    "long atol(const char *)",
    "long long atoll(const char *)",
    "double atof(const char *)",
    "int rand(void)",
    "void srand(unsigned)",
    "long random(void)",
    "void srandom(unsigned)",
    "double drand48(void)",
    "void srand48(long)",
    "int system(const char *)",
    "char *getenv(const char *)",
    "int setenv(const char *, const char *, int)",
    "int unsetenv(const char *)",
    "int putenv(char *)",
    "void exit(int)",
    "void _exit(int)",
    "void abort(void)",
    "char *realpath(const char *, char *)",
    "int mkstemp(char *)",
    "void *malloc(size_t)",
    "void *calloc(size_t, size_t)",
    "void *realloc(void *, size_t)",
    "void free(void *)",
    // string.h
    "size_t strlen(const char *)",
    "size_t strnlen(const char *, size_t)",
    "int strcmp(const char *, const char *)",
    "int strncmp(const char *, const char *, size_t)",
    "int strcoll(const char *, const char *)",
    "int strcasecmp(const char *, const char *)",
    "int strncasecmp(const char *, const char *, size_t)",
    "char *strchr(const char *, int)",
    "char *strrchr(const char *, int)",
    "char *strstr(const char *, const char *)",
    "char *strpbrk(const char *, const char *)",
    "size_t strspn(const char *, const char *)",
    "size_t strcspn(const char *, const char *)",
    "char *strerror(int)",
    "char *strsignal(int)",
    "char *strdup(const char *)",
    "int memcmp(const void *, const void *, size_t)",
    "void *memset(void *, int, size_t)",
    "void *memcpy(void *, const void *, size_t)",
    "void *memmove(void *, const void *, size_t)",
    // ctype.h
    "int isalnum(int)",
    "int isalpha(int)",
    "int isblank(int)",
    "int iscntrl(int)",
    "int isdigit(int)",
    "int isgraph(int)",
    "int islower(int)",
    "int isprint(int)",
    "int ispunct(int)",
    "int isspace(int)",
    "int isupper(int)",
    "int isxdigit(int)",
    "int tolower(int)",
    "int toupper(int)",
    // stdio.h
    "int puts(const char *)",
    "int putchar(int)",
    "int getchar(void)",
    "void perror(const char *)",
    "int remove(const char *)",
    "int rename(const char *, const char *)",
    "FILE *fopen(const char *, const char *)",
    "int fclose(FILE *)",
    "int fflush(FILE *)",
    "int fputs(const char *, FILE *)",
    "int fgetc(FILE *)",
    "int fputc(int, FILE *)",
    // math.h
    "double acos(double)",
    "double asin(double)",
    "double atan(double)",
    "double atan2(double, double)",
    "double cos(double)",
    "double sin(double)",
    "double tan(double)",
    "double cosh(double)",
    "double sinh(double)",
    "double tanh(double)",
    "double acosh(double)",
    "double asinh(double)",
    "double atanh(double)",
    "double exp(double)",
    "double exp2(double)",
    "double expm1(double)",
    "double log(double)",
    "double log2(double)",
    "double log10(double)",
    "double log1p(double)",
    "double pow(double, double)",
    "double sqrt(double)",
    "double cbrt(double)",
    "double hypot(double, double)",
    "double floor(double)",
    "double ceil(double)",
    "double round(double)",
    "double trunc(double)",
    "double rint(double)",
    "double nearbyint(double)",
    "double fabs(double)",
    "double fmod(double, double)",
    "double remainder(double, double)",
    "double fmin(double, double)",
    "double fmax(double, double)",
    "double fdim(double, double)",
    "double fma(double, double, double)",
    "double copysign(double, double)",
    "double nextafter(double, double)",
    "double ldexp(double, int)",
    "double logb(double)",
    "int ilogb(double)",
    "long lround(double)",
    "long long llround(double)",
    "double erf(double)",
    "double erfc(double)",
    "double tgamma(double)",
    "double lgamma(double)",
    "float sqrtf(float)",
    "float sinf(float)",
    "float cosf(float)",
    "float powf(float, float)",
    "float fabsf(float)",
    "float floorf(float)",
    "float ceilf(float)",
    // time.h
    "time_t time(time_t *)",
    "clock_t clock(void)",
    "double difftime(time_t, time_t)",
    // unistd.h and its kin
    "pid_t getpid(void)",
    "pid_t getppid(void)",
    "uid_t getuid(void)",
    "uid_t geteuid(void)",
    "gid_t getgid(void)",
    "gid_t getegid(void)",
    "unsigned sleep(unsigned)",
    "int usleep(useconds_t)",
    "int isatty(int)",
    "int access(const char *, int)",
    "int chdir(const char *)",
    "int rmdir(const char *)",
    "int mkdir(const char *, mode_t)",
    "int unlink(const char *)",
    "int link(const char *, const char *)",
    "int symlink(const char *, const char *)",
    "int chmod(const char *, mode_t)",
    "int close(int)",
    "int dup(int)",
    "int dup2(int, int)",
    "ssize_t read(int, void *, size_t)",
    "ssize_t write(int, const void *, size_t)",
    "off_t lseek(int, off_t, int)",
    "int fsync(int)",
    "int gethostname(char *, size_t)",
    "char *getcwd(char *, size_t)",
    "long sysconf(int)",
    "int kill(pid_t, int)",
    "int raise(int)",
    "unsigned alarm(unsigned)",
    "int pause(void)",
    "int nice(int)",
    "mode_t umask(mode_t)",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_prototype_and_is_found() {
        for row in PROTOTYPES {
            let (name, signature) = parse_declaration(row).unwrap_or_else(|fault| panic!("{row}: {fault}"));
            assert_eq!(find(&name), Some(signature), "{row}");
        }
        assert_eq!(find("printf"), None);
    }
}
