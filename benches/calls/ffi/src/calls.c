/* The functions whose calls are measured. */
#include "calls.h"

/* 16 KiB of state, a quarter of it with initial values. */
static int64_t table[512] = { 1, 2, 3 };
static int64_t zeros[1536];

int64_t bench_add(int64_t a, int64_t b)
{
    return a + b;
}

/* The same with state, so that it needs an instance. */
int64_t bench_next(int64_t a, int64_t b)
{
    table[0] += a;
    return table[0] + b;
}

int64_t bench_touch(int64_t at)
{
    table[at & 511] += 1;
    zeros[at % 1536] += 1;
    return table[at & 511] + zeros[at % 1536];
}
