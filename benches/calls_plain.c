/* The same loops in C, through pointers that the compiler cannot see through: calls_plain WHAT COUNT. */
#include "calls/ffi/src/calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    int64_t (*volatile call)(int64_t, int64_t) = strcmp(argv[1], "add") == 0 ? bench_add : bench_next;
    int64_t x = 0, count = atoll(argv[2]);
    for (int64_t i = 0; i < count; i++)
        x = call(x, i);
    printf("%lld\n", (long long)x);
}
