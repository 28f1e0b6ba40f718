/* The same loops in C, through pointers that the compiler cannot see through. */
#include "calls/ffi/src/calls.h"

#include <stdio.h>
#include <time.h>

static int64_t (*volatile add)(int64_t, int64_t) = bench_add;
static int64_t (*volatile next)(int64_t, int64_t) = bench_next;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(void)
{
    int64_t x = 0, count = 100000000;
    double start = now();
    for (int64_t i = 0; i < count; i++)
        x = add(x, i);
    printf("add %f\n", (now() - start) / (double)count);
    start = now();
    for (int64_t i = 0; i < count; i++)
        x = next(x, i);
    printf("next %f\n", (now() - start) / (double)count);
    printf("sum %lld\n", (long long)x);
}
