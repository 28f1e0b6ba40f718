/* The functions whose calls are measured. */
#include "calls.h"

/* 16 KiB of state, a quarter of it with initial values. */
static int64_t table[512] = { 1, 2, 3 };
static int64_t zeros[1536];

/* No leaf: the proof ends at assembly, which here costs nothing. */
#define NO_LEAF __asm__ volatile("")

int64_t bench_add(int64_t a, int64_t b)
{
    NO_LEAF;
    return a + b;
}

/* The same with state, so that it needs an instance. */
int64_t bench_next(int64_t a, int64_t b)
{
    NO_LEAF;
    table[0] += a;
    return table[0] + b;
}

/* A leaf whose rounds no compiler can sum up. */
int64_t bench_mix(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)(a ^ b) * 6364136223846793005u);
}

int64_t bench_touch(int64_t at)
{
    table[at & 511] += 1;
    zeros[at % 1536] += 1;
    return table[at & 511] + zeros[at % 1536];
}
