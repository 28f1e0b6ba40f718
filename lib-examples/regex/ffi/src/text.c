/* The subject text as code points, in a static buffer that only ever grows.
 *
 * Bytes that are not UTF-8 become 0xDC00 + byte, one code point each, so that
 * every text can be searched and no two different texts look alike.
 */
#include "matcher.h"

#include <stdlib.h>
#include <string.h>

uint32_t *subject;
int64_t subject_length;
static int64_t subject_room;

/* Number of continuation bytes that must follow `lead`, or -1. */
static int tail_length(unsigned char lead)
{
    if (lead < 0x80)
        return 0;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 1;
    if (lead >= 0xE0 && lead <= 0xEF)
        return 2;
    if (lead >= 0xF0 && lead <= 0xF4)
        return 3;
    return -1;
}

/* Decodes one code point at `s` into `c`; returns the bytes taken. */
static int decode_one(const unsigned char *s, uint32_t *c)
{
    static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
    int tail = tail_length(s[0]);
    if (tail == 0) {
        *c = s[0];
        return 1;
    }
    *c = 0xDC00u + s[0];
    if (tail < 0)
        return 1;
    uint32_t value = s[0] & (0x3Fu >> tail);
    for (int i = 1; i <= tail; i++) {
        /* The terminating NUL is no continuation byte: no read goes past it. */
        if ((s[i] & 0xC0) != 0x80)
            return 1;
        value = value << 6 | (s[i] & 0x3Fu);
    }
    if (value < least[tail] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 1;
    *c = value;
    return tail + 1;
}

/* Decodes all of `utf8`; `out` has room for one code point per byte. */
int64_t decode(const char *utf8, uint32_t *out)
{
    const unsigned char *s = (const unsigned char *)utf8;
    int64_t count = 0;
    while (*s)
        s += decode_one(s, &out[count++]);
    return count;
}

/* Makes `utf8` the text that the next searches look at. */
bool subject_set(const char *utf8)
{
    int64_t bytes = (int64_t)strlen(utf8);
    if (bytes >= INT32_MAX)
        return false;
    if (bytes > subject_room) {
        int64_t room = bytes * 2 < INT32_MAX ? bytes * 2 : bytes;
        uint32_t *bigger = realloc(subject, (size_t)room * sizeof *subject);
        if (!bigger)
            return false;
        subject = bigger;
        subject_room = room;
    }
    subject_length = decode(utf8, subject);
    return true;
}

/* Makes room for `need` items in the array that `pointer` (a T **) points at. */
bool grow(void *pointer, uint32_t *room, uint32_t need, uint32_t item_size)
{
    if (need <= *room)
        return true;
    uint32_t bigger = *room ? *room : 16;
    while (bigger < need)
        bigger *= 2;
    void *old;
    memcpy(&old, pointer, sizeof old);
    void *moved = realloc(old, (size_t)bigger * item_size);
    if (!moved)
        return false;
    memcpy(pointer, &moved, sizeof moved);
    *room = bigger;
    return true;
}
