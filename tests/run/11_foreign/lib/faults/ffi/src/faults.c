#include <assert.h>
#include <coex_ffi.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t count;
static volatile int64_t sink;

int64_t calls(void) { return ++count; }

int64_t below_zero(int64_t n) { return n; }
int64_t below_zero_code(int64_t n) { return n; }
int64_t named_error(int64_t n) { return n; }
const char *name_of(int64_t code) { return code == 2 ? "two" : "other"; }
int64_t not_zero(int64_t n) { return n; }
int64_t not_zero_code(int64_t n) { return n; }
const char *found(const char *name) { return *name == 'a' ? name : NULL; }

int64_t system_says(int64_t code)
{
    errno = (int)code;
    return code ? -1 : 5;
}

int64_t system_code(int64_t code) { return system_says(code); }

int64_t told(int64_t n)
{
    if (n < 0) coex_ffi_fail(n, "%s %d is below %s", "number", (int)n, "zero");
    return n * 2;
}

int64_t told_code(int64_t n) { return told(n); }
int64_t told_plainly(int64_t n) { return told(n); }

/* Deep enough for any stack, and no loop that the compiler could make of it. */
static int64_t sink_deeper(int64_t n)
{
    volatile char room[4096];
    room[n % 4096] = 1;
    return n < 0 ? 0 : sink_deeper(n + 1) + room[0];
}

int64_t crash(int64_t kind)
{
    count++;
    switch (kind) {
    case 0: return *(volatile int64_t *)8;
    case 1: abort();
    case 2: exit(3);
    case 3: return sink_deeper(1);
    case 4: __builtin_trap();
    default: return count;
    }
}

int64_t crash_plainly(void) { abort(); }

void never_ends(void)
{
    count = 1000;
    for (;;) sink++;
}

void until_cancelled(void)
{
    while (!coex_ffi_cancelled()) usleep(200);
}

int64_t nap(int64_t milliseconds)
{
    usleep((useconds_t)milliseconds * 1000);
    return ++count;
}

void say(const char *text) { printf("%s\n", text); }
