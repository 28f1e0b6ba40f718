/* The same as work.coex, in C. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int64_t bench_work(int64_t rounds);

int main(int argc, char **argv)
{
    printf("%lld\n", (long long)bench_work(argc > 1 ? atoll(argv[1]) : 1));
}
