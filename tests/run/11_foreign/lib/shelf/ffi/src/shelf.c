#include <coex_ffi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct jar {
    char name[32];
    int64_t content;
    struct jar *next;
};

static struct jar *all;
static bool is_loud;
static int64_t counter;
static char memory[64] = "nothing";

struct jar *jar_new(const char *name)
{
    struct jar *jar = calloc(1, sizeof *jar);
    strncpy(jar->name, name, sizeof jar->name - 1);
    jar->next = all;
    all = jar;
    return jar;
}

void jar_free(struct jar *jar)
{
    struct jar **link = &all;
    while (*link != jar) link = &(*link)->next;
    *link = jar->next;
    if (is_loud) printf("free %s\n", jar->name);
    free(jar);
}

const char *jar_name(struct jar *jar) { return jar->name; }
int64_t jar_put(struct jar *jar, int64_t n) { return jar->content += n; }
struct jar *jar_same(struct jar *jar) { return jar; }

struct jar *jar_find(const char *name)
{
    for (struct jar *jar = all; jar; jar = jar->next)
        if (strcmp(jar->name, name) == 0) return jar;
    return NULL;
}

int64_t jars(void)
{
    int64_t n = 0;
    for (struct jar *jar = all; jar; jar = jar->next) n++;
    return n;
}

static void tin_free(void *tin)
{
    if (is_loud) printf("free tin %lld\n", (long long)*(int64_t *)tin);
    free(tin);
}

int64_t tin_new(int64_t n)
{
    int64_t *tin = malloc(sizeof *tin);
    *tin = n;
    return coex_ffi_handle_new(tin, tin_free);
}

int64_t tin_value(int64_t tin) { return *(int64_t *)coex_ffi_handle_ptr(tin); }

static const char *labels[] = { "red", "green", "blue" };

const char **label_of(int64_t n) { return n >= 0 && n < 3 ? &labels[n] : NULL; }
const char *label_text(const char **label) { return *label; }
bool is_nothing(struct jar *jar) { return jar == NULL; }
void loud(bool on) { is_loud = on; }
int64_t counted(void) { return ++counter; }

/* What it was told before, by the same root. */
const char *remembered(const char *word)
{
    static char before[64];
    strcpy(before, memory);
    strncpy(memory, word, sizeof memory - 1);
    return before;
}

void tin_close(int64_t tin) { coex_ffi_handle_close(tin); }

/* The older names: numbers that the library itself checks, and memory of the instance's arena. */
int64_t old_counter_new(int64_t start)
{
    int64_t id = coex_ffi_current_instance();
    int64_t *value = coex_ffi_arena_alloc(id, sizeof *value);
    if (!value) return -2;
    *value = start;
    return coex_ffi_handle_alloc(id, value);
}

int64_t old_counter_next(int64_t counter)
{
    int64_t *value = coex_ffi_handle_get(coex_ffi_current_instance(), counter);
    return value ? ++*value : -1;
}

void old_counter_free(int64_t counter) { coex_ffi_handle_free(coex_ffi_current_instance(), counter); }

bool instance_is_live(void)
{
    int64_t id = coex_ffi_instance_id();
    return id > 0 && coex_ffi_instance_valid(id) && !coex_ffi_instance_valid(id + 1000000) && coex_ffi_in_foreign_code();
}
