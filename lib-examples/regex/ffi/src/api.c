/* What Coex calls. A pattern is a handle; the last match is static state that
 * the functions coex_regex_start and coex_regex_stop read. */
#include "matcher.h"

#include <coex_ffi.h>

static struct span last[REGEX_GROUPS];
static uint32_t last_groups;

struct regex *coex_regex_compile(const char *pattern, int64_t flags)
{
    struct regex_error error;
    struct regex *re = regex_new(pattern, (uint32_t)flags, &error);
    if (!re)
        coex_ffi_fail(1, "%s at character %u of the pattern", error.message, error.at + 1);
    return re;
}

void coex_regex_free(struct regex *re)
{
    regex_drop(re);
}

/* Makes `text` the subject of the next searches; its length in characters. */
int64_t coex_regex_subject(const char *text)
{
    if (!subject_set(text)) {
        coex_ffi_fail(2, "not enough memory for the text");
        return -1;
    }
    return subject_length;
}

/* Searches the subject from character `from` on: 1 found, 0 not found. */
int coex_regex_exec(struct regex *re, int64_t from)
{
    int found = regex_exec(re, from, last);
    last_groups = found == 1 ? re->groups + 1 : 0;
    if (found < 0)
        coex_ffi_fail(2, "not enough memory for the match");
    return found;
}

/* Number of groups of a pattern, without the whole match. */
int coex_regex_groups(struct regex *re)
{
    return (int)re->groups;
}

/* First character of a group of the last match; 0 is the whole match, -1 none. */
int64_t coex_regex_start(int64_t group)
{
    return group >= 0 && group < last_groups ? last[group].start : -1;
}

int64_t coex_regex_stop(int64_t group)
{
    return group >= 0 && group < last_groups ? last[group].stop : -1;
}
