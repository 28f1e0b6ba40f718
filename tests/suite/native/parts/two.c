#include "parts.h"

HUNDRED(two)
ENTRY(second, 22)

word counter = 7;
_Thread_local word local_counter = 3;
const char shared_name[] = "shared";
const word small_constant = 5;
word *const counter_place = &counter;

word tiny(word n) { return n ^ small_constant; }

word step_two(word n) { return two_mixed(tiny(n)) + own_calls(1); }

const char *name_of_two(void) { return shared_name; }

__attribute__((weak)) word weak_or_strong(word n) { return n + 1000; }
