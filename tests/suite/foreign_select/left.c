/* Calls for the foreign cases of select: short ones, long ones, endless ones. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int64_t calls;
static volatile int64_t sink;

int64_t left_count(void) { return ++calls; }

int64_t left_nap(int64_t milliseconds) {
    usleep((useconds_t)milliseconds * 1000);
    return ++calls;
}

void left_spin(void) {
    for (;;) sink++;
}

const char *left_text(int64_t number) {
    static char text[64];
    snprintf(text, sizeof text, "number %lld", (long long)number);
    return number < 0 ? NULL : text;
}

void left_fill(uint8_t *data, int64_t len, int64_t *sum) {
    *sum = len;
    for (int64_t i = 0; i < len; i++) *sum += data[i]++;
}

int64_t left_crash(int64_t unused) { abort(); }

void left_stay(int64_t *sum) {
    *sum = -1;
    left_spin();
}
