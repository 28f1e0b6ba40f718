/* The loop around a leaf in C, which the compiler inlines: calls_inlined mix COUNT. */
#include "calls/ffi/src/calls.c"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    int64_t x = 0, count = atoll(argv[2]);
    for (int64_t i = 0; i < count; i++)
        x = bench_mix(x, i);
    printf("%lld\n", (long long)x);
}
