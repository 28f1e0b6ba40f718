/* Work for zlib: a megabyte of text-like bytes is compressed, expanded and checked. */
#include "zlib.h"

#include <stdint.h>
#include <string.h>

enum { SIZE = 1 << 20 };

static unsigned char text[SIZE], small[SIZE * 2], back[SIZE];

static void fill(void)
{
    static const char *const words[] = { "table ", "of ", "contents ", "and ", "an ", "index ", "by ", "name\n" };
    uint32_t state = 42;
    for (size_t at = 0; at < SIZE;) {
        state = state * 1664525u + 1013904223u;
        const char *word = words[state >> 29];
        size_t length = strlen(word);
        if (length > SIZE - at)
            length = SIZE - at;
        memcpy(text + at, word, length);
        at += length;
    }
}

int64_t bench_work(int64_t rounds)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < rounds; i++) {
        uLongf length = sizeof small, expanded = sizeof back;
        fill();
        compress2(small, &length, text, SIZE, 6);
        uncompress(back, &expanded, small, length);
        sum += (int64_t)(length + crc32(0, back, (uInt)expanded) % 1000);
    }
    return sum;
}
