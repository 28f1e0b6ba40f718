/* C code that does what no library should do, and some that does what libraries do. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int64_t counter;
static volatile int64_t sink;

int64_t count(void) { return ++counter; }

/* The same, but no leaf. */
int64_t tally(void) {
    __asm__ volatile("");
    return ++counter;
}

/* ------------------------------------------------------------------ heap */

/* Allocates and never frees. */
int64_t leak(int64_t blocks) {
    int64_t sum = 0;
    for (int64_t i = 0; i < blocks; i++) {
        char *block = malloc(100 + i % 5000);
        if (!block) return -1;
        memset(block, (int)i, 100);
        sum += (unsigned char)block[99];
    }
    counter++;
    return sum;
}

/* ------------------------------------------------------------------ hidden state of the C library, step by step */

static char words[] = "alpha,beta,gamma,delta";

int64_t step(int64_t number) {
    char name[32];
    int64_t sum = 0;
    char *word = strtok(number == 0 ? words : NULL, ",");
    sum = sum * 31 + (word ? word[0] : 0);
    if (number == 0) srand(7);
    sum = sum * 31 + rand() % 1000;
    sum = sum * 31 + lrand48() % 1000;
    snprintf(name, sizeof name, "STEP%d", (int)number);
    setenv(name, "x", 1);
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "STEP%d", i);
        sum = sum * 3 + (getenv(name) != NULL);
    }
    sum = sum * 31 + setlocale(LC_ALL, NULL)[0];
    time_t at = 86400 * (number + 1);
    struct tm *parts = gmtime(&at);
    sum = sum * 31 + parts->tm_mday + strlen(asctime(parts));
    sum = sum * 31 + errno;
    errno = (int)number + 40;
    return sum;
}

int64_t last_errno(void) { return errno; }
void set_errno(int64_t value) { errno = (int)value; }

/* ------------------------------------------------------------------ air gap */

static uint8_t *kept;
static int64_t kept_len;

/* Keeps a pointer into its argument, which no C code may do. */
int64_t keep_buffer(const uint8_t *data, int64_t len) {
    int64_t sum = 0;
    for (int64_t i = 0; i < len; i++) sum += data[i];
    kept = (uint8_t *)data;
    kept_len = len;
    return sum;
}

void scribble(void) {
    for (int64_t i = 0; i < kept_len; i++) kept[i] = 0xEE;
}

/* ------------------------------------------------------------------ transitions */

static int64_t sum_of(const uint8_t *data, int64_t len) {
    int64_t sum = 0;
    for (int64_t i = 0; i < len; i++) sum += data[i];
    return sum;
}

/* Nobody can see what is called here: each call leaves Coex and comes back. */
static int64_t (*volatile hidden_sum)(const uint8_t *, int64_t) = sum_of;

int64_t visit(const uint8_t *data, int64_t len) { return hidden_sum(data, len); }

const char *describe(int64_t number) {
    static char text[32];
    snprintf(text, sizeof text, "number %lld", (long long)number);
    return text;
}

/* ------------------------------------------------------------------ time */

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

typedef struct { int64_t first, second; } pair;

/* Twice the number, after about so many nanoseconds. */
pair slow_pair(int64_t number, int64_t nanoseconds) {
    int64_t end = now_ns() + nanoseconds;
    while (now_ns() < end) sink++;
    return (pair){number, number};
}

int64_t spin_for(int64_t milliseconds) {
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        for (int i = 0; i < 100; i++) sink++;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < milliseconds);
    return counter;
}

int64_t nap(int64_t milliseconds) {
    usleep((useconds_t)milliseconds * 1000);
    return ++counter;
}

void spin_forever(void) {
    for (;;) sink++;
}

/* Leaves a descriptor and memory behind, then waits for ever. */
void hold_and_spin(void) {
    int descriptor = open("/dev/null", O_RDONLY);
    FILE *stream = fopen("/dev/null", "r");
    sink += descriptor + (stream != NULL);
    sink += leak(50);
    for (;;) sink++;
}

/* Reads from a pipe that nobody writes to. */
int64_t read_for_ever(void) {
    int ends[2];
    char byte;
    if (pipe(ends) != 0) return -1;
    int64_t got = read(ends[0], &byte, 1);
    close(ends[0]);
    close(ends[1]);
    return got;
}

static int compare(const void *left, const void *right) {
    sink++;
    return *(const int *)left - *(const int *)right;
}

/* Mostly inside the C library. */
void sort_for_ever(void) {
    static int numbers[4096];
    for (;;) {
        for (int i = 0; i < 4096; i++) numbers[i] = (i * 7919) & 4095;
        qsort(numbers, 4096, sizeof(int), compare);
    }
}

/* ------------------------------------------------------------------ crashes */

static int overflow(int depth) {
    volatile char frame[512];
    frame[0] = (char)depth;
    return overflow(depth + 1) + frame[0];
}

/* Beyond the end of a file. */
static void bus_error(void) {
    FILE *file = tmpfile();
    volatile char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    memory[0] = 1;
}

static jmp_buf gone;
static int mark(int depth) {
    volatile char frame[512];
    frame[0] = (char)depth;
    return depth ? mark(depth - 1) + frame[0] : setjmp(gone);
}

/* To a function that has returned. */
static void jump_out(void) {
    mark(10);
    longjmp(gone, 1);
}

/* To one that has not. */
int64_t jump_back(int64_t number) {
    jmp_buf here;
    if (setjmp(here)) return number;
    longjmp(here, 1);
}

int64_t crash(int64_t kind) {
    volatile int zero = 0;
    switch (kind) {
    case 0: *(volatile int *)8 = 1; break;
    case 1: sink = 100 / zero; break;
    case 2: __builtin_trap();
    case 3: abort();
    case 4: exit(3);
    case 5: assert(zero); break;
    case 6: sink = overflow(0); break;
    case 7: raise(SIGSEGV); break;
    case 8: ((void (*)(void))(uintptr_t)16)(); break;
    case 9: bus_error(); break;
    case 10: jump_out(); break;
    }
    return counter++;
}

/* A checksum over private state that must not change unless `count` does. */
static uint64_t treasure[64];
int64_t guard(int64_t seed) {
    uint64_t sum = 0;
    for (int i = 0; i < 64; i++) {
        if (seed) treasure[i] = (uint64_t)(seed * 31 + i) * 0x9E3779B97F4A7C15ull;
        sum = sum * 31 + treasure[i];
    }
    return (int64_t)(sum >> 1);
}

/* A store to an address that a bug has made up. */
void wild_store(int64_t random) {
    uint64_t place = (uint64_t)random * 0x9E3779B97F4A7C15ull;
    *(volatile char *)(uintptr_t)(place & 0x7FFFFFFFFFFFull) = 1;
}

/* ------------------------------------------------------------------ what the process has */

int64_t descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    int64_t entries = 0;
    while (readdir(directory)) entries++;
    closedir(directory);
    return entries;
}

static int64_t status_line(const char *name) {
    char line[256];
    int64_t value = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0) value = atoll(line + strlen(name));
    fclose(file);
    return value;
}

int64_t threads(void) { return status_line("Threads:"); }
int64_t resident_kib(void) { return status_line("VmRSS:"); }
