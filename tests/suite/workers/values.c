/* A function for each way in which values cross. */
#include <coex_ffi.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Extent {
    int32_t width;
    uint8_t depth;
    double scale;
} Extent;

typedef struct Node {
    int64_t value;
    int64_t second;
} Node;

typedef struct Whole {
    Extent extent;
    int on;
    int64_t first;
    int64_t second;
    float third;
    Node *node;
} Whole;

int64_t narrow(int8_t a, uint16_t b, int32_t c, uint64_t d) { return a + b + c + (int64_t)d; }
double halves(double a, float b) { return a / 2 + b / 2; }
int flipped(bool value) { return value ? 0 : 7; }
uint8_t next_byte(uint8_t value) { return value + 1; }
uint32_t next_char(uint32_t value) { return value + 1; }
double many(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int16_t g, int64_t h, double x, Extent extent) {
    return (double)(a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h) + x + extent.width * extent.scale;
}

char *joined(const char *left, const char *right) {
    char *text = malloc(strlen(left) + (right ? strlen(right) : 3) + 1);
    strcpy(text, left);
    return strcat(text, right ? right : "nil");
}
const char *borrowed(void) { return "g\xC3\xBCnstig \xFF!"; }
static int owned;
char *own_text(int64_t count) {
    char *text = malloc((size_t)count + 16);
    memset(text, 'x', (size_t)count);
    snprintf(text + count, 16, "|%d", owned++);
    return text;
}
void own_text_drop(char *text) {
    owned += 10;
    free(text);
}
const char *maybe_text(int present) { return present ? "there" : NULL; }
const char *no_text(void) { return NULL; }

int64_t sum(const uint8_t *data, int64_t len) {
    int64_t sum = len;
    for (int64_t i = 0; i < len; i++) sum += data[i];
    return sum;
}
int64_t sum_array(const uint8_t *data, int64_t len) { return 2 * sum(data, len); }
void fill(uint8_t *data, int64_t len, int64_t value) {
    for (int64_t i = 0; i < len; i++) data[i] = (uint8_t)(data[i] + value);
}
void fill_array(uint8_t *data, int64_t len, int64_t value) { fill(data, len, value); }
int64_t read_some(uint8_t *data, int64_t len) {
    if (len > 2) memcpy(data, "ab", 2);
    return 2;
}
void split(double value, int64_t *whole, double *rest, int *negative) {
    *negative = value < 0;
    if (value < 0) value = -value;
    *whole = (int64_t)value + *whole;
    *rest = value - (double)(int64_t)value;
}
coex_bytes *bytes_of(int64_t count) {
    if (count < 0) return NULL;
    coex_bytes *bytes = coex_ffi_bytes(count);
    for (int64_t i = 0; i < count; i++) bytes->data[i] = (uint8_t)(i * 7);
    return bytes;
}
coex_bytes *array_of(int64_t count) { return bytes_of(count); }

Extent scaled(Extent extent, int64_t by) {
    extent.width *= (int32_t)by;
    extent.depth++;
    extent.scale *= (double)by;
    return extent;
}
Whole shifted(Whole whole) {
    int64_t first = whole.first;
    whole.extent = scaled(whole.extent, 2);
    whole.on = !whole.on;
    whole.first = whole.second;
    whole.second = first;
    whole.third += 0.5f;
    return whole;
}
Whole whole_or_fail(int fails, Node *node) {
    if (fails) coex_ffi_fail(5, "no whole, %d", fails);
    Whole whole = {{1, 2, 0.25}, true, 3, 4, 5.5f, node};
    return whole;
}
Extent code_or_fail(int fails) {
    if (fails) coex_ffi_fail(-17, "unused");
    Extent extent = {10, 20, 30};
    return extent;
}

int64_t by_negative(int64_t value) { return value; }
const char *describe(int64_t code) {
    static char text[32];
    snprintf(text, sizeof text, "described %d", (int)code);
    return text;
}
int by_nonzero(int64_t value) { return (int)value; }
const char *by_null(int64_t value) {
    errno = ENOENT;
    return value ? "found" : NULL;
}
int64_t by_errno(int64_t value) {
    if (value < 0) errno = (int)-value;
    return value < 0 ? -1 : value;
}
void by_fail(int64_t value) {
    if (value) coex_ffi_fail(value, "failed with %d", (int)value);
}

static int64_t cells;
Node *node_new(int64_t value) {
    Node *node = malloc(sizeof *node);
    node->value = value;
    node->second = 1000 * value;
    cells++;
    return node;
}
void node_free(Node *node) {
    printf("C frees %d\n", (int)node->value);
    cells--;
    free(node);
}
int64_t node_get(Node *node) { return node ? node->value : -1; }
Node *node_maybe(Node *node) { return node && node->value > 5 ? node : NULL; }
Node *node_or_fail(int fails) {
    if (fails) coex_ffi_fail(3, "no node");
    return fails ? NULL : node_new(77);
}
static void token_free(void *pointer) {
    printf("C frees token %d\n", (int)((Node *)pointer)->value);
}
int64_t token_new(int64_t value) {
    Node *node = malloc(sizeof *node);
    node->value = value;
    return coex_ffi_handle_new(node, token_free);
}
int64_t token_get(int64_t token) {
    Node *node = coex_ffi_handle_ptr(token);
    return node ? node->value : -2;
}
/* A pointer into a node, which nobody releases. */
int64_t *view(Node *node) { return &node->second; }
int64_t view_get(int64_t *value) { return *value; }

void say(const char *text) { printf("C says %s", text); }
static char last_words[64];
static void speak(void) { printf("%s\n", last_words); }
void at_end(const char *text) {
    snprintf(last_words, sizeof last_words, "%s", text);
    atexit(speak);
}
void fail_here(const char *text) { coex_ffi_fail(1, "%s", text); }

static int64_t counter;
int64_t count(void) { return ++counter; }
