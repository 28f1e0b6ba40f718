/* Counters behind handles, in the two ways that a library can make them:
 * a pointer whose release function the manifest names, and a number from
 * coex_ffi_handle_new that carries its release function along. */
#include <coex_ffi.h>
#include <stdlib.h>
#include <string.h>

struct counter {
    char *name;
    int64_t value;
    struct counter *next;
};

/* All counters that are alive, newest first. */
static struct counter *counters;
static struct counter **newest = &counters;
static int made, freed;

struct counter *counter_new(const char *name, int64_t start)
{
    struct counter *counter = malloc(sizeof *counter);
    if (!counter)
        return NULL;
    *counter = (struct counter){ strdup(name), start, *newest };
    *newest = counter;
    made++;
    return counter;
}

void counter_free(struct counter *counter)
{
    struct counter **link = newest;
    while (*link != counter)
        link = &(*link)->next;
    *link = counter->next;
    freed++;
    free(counter->name);
    free(counter);
}

/* The value after adding `by`. */
int64_t counter_add(struct counter *counter, int64_t by)
{
    return counter->value += by;
}

const char *counter_name(struct counter *counter)
{
    return counter->name;
}

/* The counter with this name, NULL when there is none. */
struct counter *counter_find(const char *name)
{
    for (struct counter *counter = counters; counter; counter = counter->next)
        if (strcmp(counter->name, name) == 0)
            return counter;
    return NULL;
}

int counters_alive(void)
{
    return made - freed;
}

/* A tally lives behind a number; a stale number never resolves. */
int64_t tally_new(int64_t start)
{
    int64_t *tally = malloc(sizeof *tally);
    if (!tally)
        return 0;
    *tally = start;
    return coex_ffi_handle_new(tally, free);
}

int64_t tally_add(int64_t handle, int64_t by)
{
    int64_t *tally = coex_ffi_handle_ptr(handle);
    if (!tally) {
        coex_ffi_fail(1, "this tally is closed");
        return -1;
    }
    return *tally += by;
}

void tally_close(int64_t handle)
{
    coex_ffi_handle_close(handle);
}
