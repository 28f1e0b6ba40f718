/* The table of compiled patterns and the two things done with one. */
#include "matcher.h"

#include <stdlib.h>
#include <string.h>

static struct regex table[REGEX_SLOTS];

static struct regex *free_slot(void)
{
    for (int i = 0; i < REGEX_SLOTS; i++)
        if (!table[i].used)
            return &table[i];
    return NULL;
}

static bool build(struct regex *re, const uint32_t *pattern, uint32_t length,
                  struct regex_error *error)
{
    if (!regex_parse(re, pattern, length, error))
        return false;
    if (!program_emit(re, re->root, &re->program)) {
        *error = (struct regex_error){ "pattern is too large", 0 };
        return false;
    }
    program_first(re);
    return true;
}

/* Compiles `pattern`; NULL and an error when that is not possible. */
struct regex *regex_new(const char *pattern, uint32_t flags, struct regex_error *error)
{
    *error = (struct regex_error){ NULL, 0 };
    struct regex *re = free_slot();
    if (!re) {
        error->message = "too many compiled patterns";
        return NULL;
    }
    uint32_t *points = malloc((strlen(pattern) + 1) * sizeof *points);
    if (!points) {
        error->message = "out of memory";
        return NULL;
    }
    *re = (struct regex){ .used = true, .flags = flags };
    bool built = build(re, points, (uint32_t)decode(pattern, points), error);
    free(points);
    if (built)
        return re;
    regex_drop(re);
    return NULL;
}

void regex_drop(struct regex *re)
{
    for (uint32_t i = 0; i < re->set_count; i++)
        charset_free(&re->sets[i]);
    free(re->sets);
    free(re->nodes);
    free(re->program.code);
    *re = (struct regex){ 0 };
}

/* Searches the subject. 1 found, 0 not found, -1 out of memory. */
int regex_exec(const struct regex *re, int64_t from, struct span *groups)
{
    struct span match;
    bool no_memory;
    if (from < 0 || from > subject_length)
        return 0;
    if (!search(re, from, &match, &no_memory))
        return no_memory ? -1 : 0;
    return submatches(re, match, groups) ? 1 : -1;
}
