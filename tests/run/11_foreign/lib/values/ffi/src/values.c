#include <coex_ffi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int8_t half8(int8_t n) { return n / 2; }
int64_t wide8(uint8_t n) { return n; }
int16_t short_sum(int16_t a, int16_t b) { return (int16_t)(a + b); }
uint16_t next_u16(uint16_t n) { return (uint16_t)(n + 1); }
uint32_t next_u32(uint32_t n) { return n + 1; }
int32_t negated(int32_t n) { return -n; }
uint64_t all_bits(void) { return UINT64_MAX; }
size_t size_of_it(unsigned long n) { return n; }

bool flip(bool b) { return !b; }
/* An int that is neither 0 nor 1 is true as well. */
int truth(int n) { return n; }

float narrow(float x) { return x; }
double scaled(double x, int64_t n) { return x * (double)n; }

uint8_t next_byte(uint8_t b) { return (uint8_t)(b + 1); }
uint32_t next_char(uint32_t c) { return c + 1; }

int64_t text_length(const char *s) { return (int64_t)strlen(s); }
const char *same_text(const char *s) { return s; }
const char *or_nothing(const char *s) { return s && *s ? s : NULL; }
const char *no_text(void) { return NULL; }
const char *odd_text(void) { return "a\xFF" "b\xC3"; }

char *made_text(int64_t n)
{
    char *text = malloc((size_t)n + 1);
    memset(text, 'x', (size_t)n);
    text[n] = 0;
    return text;
}

static int64_t returned;
static char lent[] = "lent";

char *lent_text(void) { return lent; }
void give_back(char *text) { returned += text == lent; }
int64_t given_back(void) { return returned; }

int64_t add_up(const uint8_t *data, int64_t len)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < len; i++) sum += data[i];
    return sum;
}

int64_t add_up_array(const uint8_t *data, int64_t len) { return add_up(data, len) * 10; }

coex_bytes *doubled(const uint8_t *data, int64_t len)
{
    coex_bytes *out = coex_ffi_bytes(2 * len);
    for (int64_t i = 0; i < 2 * len; i++) out->data[i] = data[i / 2];
    return out;
}

void reversed(uint8_t *data, int64_t len)
{
    for (int64_t i = 0, j = len - 1; i < j; i++, j--) {
        uint8_t kept = data[i];
        data[i] = data[j];
        data[j] = kept;
    }
}

int64_t fill_some(uint8_t *data, int64_t len, int64_t want)
{
    for (int64_t i = 0; i < want && i < len; i++) data[i] = (uint8_t)('a' + i);
    return want;
}

bool divide(int64_t a, int64_t b, int64_t *quotient, int32_t *rest)
{
    if (b == 0) return false;
    *quotient = a / b;
    *rest = (int32_t)(a % b);
    return true;
}

void halve(double *x, int *exact)
{
    *exact = (int64_t)*x % 2 == 0;
    *x /= 2;
}

double many(int64_t a, double b, int64_t c, double d, int64_t e, double f, int64_t g, double h, int64_t i, double j,
            int64_t k, double l)
{
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j + 11 * k + 12 * l;
}

int64_t stepped(int64_t n) { return n + STEP; }
void nothing(void) {}
