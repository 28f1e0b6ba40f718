#include "parts.h"

HUNDRED(four)
ENTRY(fourth, 4444)

word step_four(word n) { return four_mixed(n) + all_steps[1](n) + own_calls(n); }

/* Addresses inside a function, in a constant. */
__attribute__((noinline)) word interpret(const unsigned char *code, word n) {
    static const void *const places[] = {&&add, &&twist, &&count, &&end};
    goto *places[*code];
add:
    n += small_constant;
    goto *places[*++code];
twist:
    n ^= n << 3;
    goto *places[*++code];
count:
    n += ++counter;
    goto *places[*++code];
end:
    return tiny(n);
}

word sum(int count, ...) {
    va_list all;
    word result = 0;
    va_start(all, count);
    while (count-- > 0) result += va_arg(all, word);
    va_end(all);
    return result;
}

struct pair turned(struct pair pair) { return (struct pair){pair.second ^ counter, pair.first}; }

int is_table(const word *table) { return table == large_table; }

int is_tiny(step_function function) { return function == tiny; }
