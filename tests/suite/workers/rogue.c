/* C code that attacks what is around it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int64_t counter;
static volatile int64_t sink;

int64_t count(void) { return ++counter; }
int64_t own_process(void) { return getpid(); }
void say(const char *text) { printf("%s", text); }
void spin_forever(void) { for (;;) sink++; }

/* A checksum over private state that must not change. */
static uint64_t treasure[64];
int64_t guard(int64_t seed) {
    uint64_t sum = 0;
    for (int i = 0; i < 64; i++) {
        if (seed) treasure[i] = (uint64_t)(seed * 31 + i) * 0x9E3779B97F4A7C15ull;
        sum = sum * 31 + treasure[i];
    }
    return (int64_t)(sum >> 1);
}

static uint64_t state;
static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Stores garbage to a place that is mapped and can be written: what no fault ever tells of. */
void scribble(int64_t random) {
    static struct { uint64_t low, high; } maps[512];
    static char text[1 << 16];
    int found = 0, length = 0, part, file = open("/proc/self/maps", O_RDONLY);
    while (length < (int)sizeof text - 1 && (part = read(file, text + length, sizeof text - 1 - length)) > 0) length += part;
    close(file);
    text[length] = 0;
    for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        char rights[8];
        unsigned long low, high;
        if (sscanf(line, "%lx-%lx %4s", &low, &high, rights) == 3 && rights[1] == 'w' && found < 512) {
            maps[found].low = low;
            maps[found++].high = high;
        }
    }
    state = (uint64_t)random * 0x9E3779B97F4A7C15ull | 1;
    next();
    /* Most of what is reserved was never touched: the ends are where something lies. */
    int at = (int)(next() % (uint64_t)found);
    uint64_t bytes = maps[at].high - maps[at].low;
    uint64_t span = bytes < (1 << 20) ? bytes : 1 << 20;
    uint64_t place = next() % 2 ? maps[at].low + next() % span : maps[at].high - 1 - next() % span;
    *(volatile char *)(uintptr_t)place = (char)next();
}

static void handler(int signal) { sink += signal; }

static int64_t run(const char *kind) {
#define IS(name) if (strcmp(kind, name) == 0)
    IS("fork") return syscall(SYS_fork);
    IS("execve") { char *words[] = {"/bin/true", NULL}; return syscall(SYS_execve, "/bin/true", words, words); }
    IS("clone") return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    IS("socket") return syscall(SYS_socket, 1, 1, 0);
    IS("ptrace") return syscall(SYS_ptrace, 16, getppid(), 0, 0);
    IS("process_vm_writev") return syscall(SYS_process_vm_writev, getppid(), 0, 0, 0, 0, 0);
    IS("kill") return syscall(SYS_kill, getppid(), SIGKILL);
    IS("mount") return syscall(SYS_mount, "a", "/", "tmpfs", 0, 0);
    IS("bpf") return syscall(SYS_bpf, 0, 0, 0);
    IS("unknown") return syscall(SYS_io_uring_setup, 1, 0) == -1 && errno == ENOSYS;
    IS("limits") {
        struct rlimit more = {RLIM_INFINITY, RLIM_INFINITY};
        return setrlimit(RLIMIT_AS, &more) == -1 && setrlimit(RLIMIT_NPROC, &more) == -1;
    }
    IS("orphan") return prctl(PR_SET_PDEATHSIG, 0) == -1;
    IS("die") syscall(SYS_kill, getpid(), SIGKILL);
    IS("leave") syscall(SYS_exit_group, 5);
    IS("deaf") {
        /* No handler of the runtime hears of it. */
        struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } action = {SIG_DFL, 0, 0, 0};
        syscall(SYS_rt_sigaction, SIGSEGV, &action, NULL, 8);
        *(volatile int *)8 = 1;
    }
    IS("overflow") return run(kind) + run(kind) + (int64_t)__builtin_frame_address(0);
    IS("wipe") {
        /* All of its own memory that the system lets it reach. */
        extern char **environ;
        memset((void *)((uintptr_t)&environ & ~4095ul), 0xA5, 4096);
        for (uint64_t at = (uintptr_t)&kind; ; at += 8) *(volatile uint64_t *)at = 0x4141414141414141ull;
    }
    IS("handler") return signal(SIGSYS, handler) == SIG_ERR;
    return counter;
}
int64_t attack(const char *kind) { return run(kind); }
int64_t attack_plain(const char *kind) { return run(kind); }

int64_t eat_memory(int64_t mebibytes) {
    for (int64_t i = 0; i < mebibytes; i++) {
        char *page = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) return i;
    }
    return mebibytes;
}

int64_t opens(const char *path, int writes) {
    int file = open(path, writes ? O_WRONLY | O_CREAT : O_RDONLY, 0600);
    if (file < 0) return -errno;
    close(file);
    return 0;
}

int64_t *box_new(int64_t value) {
    int64_t *box = malloc(sizeof *box);
    *box = value;
    return box;
}
int64_t box_get(int64_t *box) { return *box; }
