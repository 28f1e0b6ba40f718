/* What calls of C must survive: an endless loop, a crash, ten thousand private copies of the state. */
#include <coex_ffi.h>

static int64_t calls;
static int64_t table[256];

int64_t worlds_add(int64_t a, int64_t b)
{
    calls++;
    return a + b;
}

int64_t worlds_spin(int64_t from)
{
    volatile int64_t at = from;
    for (;;)
        at++;
    return at;
}

int64_t worlds_crash(int64_t at)
{
    volatile int64_t *nowhere = (int64_t *)at;
    return *nowhere;
}

int64_t worlds_touch(int64_t at)
{
    table[at & 255] += at;
    return table[at & 255];
}

int64_t worlds_live(void)
{
    return coex_ffi_instance_count();
}
