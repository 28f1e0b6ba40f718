/* Byte arrays, output parameters and error codes. */
#include <coex_ffi.h>
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hexadecimal digits to bytes. */
coex_bytes *kit_unhex(const char *text)
{
    size_t length = strlen(text);
    if (length % 2 != 0) {
        coex_ffi_fail(1, "odd number of digits: %zu", length);
        return NULL;
    }
    coex_bytes *bytes = coex_ffi_bytes((int64_t)(length / 2));
    for (size_t i = 0; i < length; i += 2) {
        int high = digit(text[i]), low = digit(text[i + 1]);
        if (high < 0 || low < 0) {
            coex_ffi_fail(2, "not a digit at position %zu", high < 0 ? i : i + 1);
            return NULL;
        }
        bytes->data[i / 2] = (uint8_t)(high << 4 | low);
    }
    return bytes;
}

/* Turns letters by 13 places, in place. */
void kit_rot13(uint8_t *bytes, int64_t length)
{
    for (int64_t i = 0; i < length; i++) {
        int c = bytes[i] | 32;
        if (c >= 'a' && c <= 'z')
            bytes[i] = (uint8_t)(bytes[i] + (c < 'n' ? 13 : -13));
    }
}

/* Counts words and lines, and the mean length of a word. */
void kit_count(const char *text, int64_t *words, int32_t *lines, double *mean, bool *ascii)
{
    int64_t letters = 0;
    bool inside = false;
    *words = 0;
    *lines = 0;
    *ascii = true;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        *ascii = *ascii && *c < 128;
        *lines += *c == '\n';
        bool space = isspace(*c);
        *words += !space && !inside;
        letters += !space;
        inside = !space;
    }
    *mean = *words ? (double)letters / (double)*words : 0.0;
}

/* A Roman number's value: -1 for a strange letter, -2 for letters out of order. */
int kit_roman(const char *text)
{
    static const char letters[] = "IVXLCDM";
    static const int values[] = { 1, 5, 10, 50, 100, 500, 1000 };
    int total = 0, largest = 0;
    for (size_t i = strlen(text); i-- > 0;) {
        const char *at = strchr(letters, text[i]);
        if (!at)
            return -1;
        int value = values[at - letters];
        if (value < largest && largest > value * 10)
            return -2;
        total += value < largest ? -value : value;
        largest = value > largest ? value : largest;
    }
    return total;
}

const char *kit_roman_error(int64_t code)
{
    return code == 1 ? "not a Roman digit" : "digits are out of order";
}

/* 0 for well-formed UTF-8, else 1 + the place of the first wrong byte. */
int64_t kit_check_utf8(const uint8_t *bytes, int64_t length)
{
    for (int64_t i = 0; i < length;) {
        int tail = bytes[i] < 0x80 ? 0 : bytes[i] < 0xC2 ? -1 : bytes[i] < 0xE0 ? 1 : bytes[i] < 0xF0 ? 2
                                                        : bytes[i] < 0xF5 ? 3 : -1;
        if (tail < 0 || i + tail >= length)
            return i + 1;
        for (int k = 1; k <= tail; k++)
            if ((bytes[i + k] & 0xC0) != 0x80)
                return i + 1;
        i += tail + 1;
    }
    return 0;
}

/* Fills at most `wanted` bytes from a generator with static state. */
int kit_random_bytes(int64_t wanted, uint8_t *buffer, int64_t length)
{
    static uint32_t state = 12345;
    int count = (int)(wanted < length ? wanted : length);
    for (int i = 0; i < count; i++) {
        state = state * 1103515245u + 12345u;
        buffer[i] = (uint8_t)(state >> 16);
    }
    return count;
}
