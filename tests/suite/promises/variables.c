/* Uses what the C library offers as variables. */
#define _GNU_SOURCE
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int entries(const char *start) {
    int found = 0;
    for (char **entry = environ; entry && *entry; entry++) found += strncmp(*entry, start, strlen(start)) == 0;
    return found;
}

/* Digits: the sign of gamma that the last step has left, MINE by name and in the list, what the process was given. */
int64_t variables_step(int64_t number, int64_t step) {
    int64_t seen = step == 0 ? 9 : signgam == (number == 1 ? -1 : 1);
    lgamma(number == 1 ? -0.5 : 2.5);
    char value[16];
    snprintf(value, sizeof value, "%d", (int)(number * 10 + step));
    const char *mine = getenv("MINE");
    seen = seen * 100 + (mine ? atoi(mine) : 0);
    seen = seen * 10 + entries("MINE=");
    seen = seen * 10 + entries("GIVEN=yes");
    if (step == 2) unsetenv("MINE");
    else setenv("MINE", value, 1);
    if (step == 1) unsetenv("GIVEN");
    return seen;
}
