#include <stdint.h>

int64_t bench_add(int64_t a, int64_t b);
int64_t bench_next(int64_t a, int64_t b);
int64_t bench_mix(int64_t a, int64_t b);
int64_t bench_touch(int64_t at);
