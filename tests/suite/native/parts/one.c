#include "parts.h"

HUNDRED(one)
ENTRY(first, 1)

word step_one(word n) {
    counter += n & 3;
    return one_mixed(own_calls(n));
}

/* The state that the process begins with is the state of each instance. */
int64_t torture(int64_t from) {
    word step = (word)from;
    static const unsigned char code[] = {0, 1, 2, 1, 0, 3};
    word result = step + counter;
    for (int i = 0; i < 4; i++) result = all_steps[i](result) + own_calls(twice(i));
    for (const struct entry *entry = __start_entries; entry < __stop_entries; entry++) {
        result = result * 31 + entry->value * entry->name[0];
    }
    result += interpret(code, result) + sum(3, (word)1, result, counter) + weak_or_strong(step);
    result ^= turned((struct pair){result, step}).first;
    result = result * 2 + is_shared_name(shared_name) - 2 * is_shared_name(shared_name + 1);
    result = result * 2 + is_table(large_table) + large_table[step & 63];
    result = result * 2 + is_tiny(tiny) + (name_of_two() == shared_name);
    *counter_place += small_constant;
    local_counter += tiny(result);
    return (int64_t)(result + local_counter);
}
