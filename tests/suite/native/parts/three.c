#include "parts.h"

HUNDRED(three)
ENTRY(third, 333)

extern inline word twice(word n);

const step_function all_steps[4] = {step_one, step_two, step_three, step_four};
const word large_table[64] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, [63] = 23};

word step_three(word n) { return three_mixed(n + large_table[n & 63]) + twice(local_counter++); }

word weak_or_strong(word n) { return n - 1000; }

int is_shared_name(const char *text) { return text == shared_name; }

/* An instance begins with what constructors do. */
__attribute__((constructor)) static void begin(void) { counter += 100; }
