/* Bracket expressions.
 *
 * In:  a pattern and the position behind a '['.
 * Out: a set of code points, and the position behind the closing ']'.
 * Not: locales. Classes such as [:alpha:] mean their ASCII members, collating
 *      symbols are single characters, equivalence classes hold one character.
 */
#include "matcher.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What is being read; static like all state of this library. */
static const uint32_t *text;
static uint32_t text_length, position;
static struct regex_error *fault;
static uint32_t range_room;

static bool fail(const char *message, uint32_t at)
{
    fault->message = message;
    fault->at = at;
    return false;
}

static void add_ascii(struct charset *set, uint32_t c)
{
    set->ascii[c / 32] |= 1u << (c % 32);
}

static bool add_range(struct charset *set, uint32_t low, uint32_t high)
{
    for (uint32_t c = low; c <= high && c < 128; c++)
        add_ascii(set, c);
    if (high < 128)
        return true;
    if (!grow(&set->ranges, &range_room, set->count + 1, sizeof *set->ranges))
        return fail("out of memory", position);
    set->ranges[set->count++] = (struct range){ low < 128 ? 128 : low, high };
    return true;
}

static const struct {
    const char *name;
    int (*test)(int);
} classes[] = {
    { "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank }, { "cntrl", iscntrl },
    { "digit", isdigit }, { "graph", isgraph }, { "lower", islower }, { "print", isprint },
    { "punct", ispunct }, { "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
};

/* Whether pattern[from, to) spells `name`. */
static bool spells(uint32_t from, uint32_t to, const char *name)
{
    for (; from < to && *name; from++, name++)
        if (text[from] != (unsigned char)*name)
            return false;
    return from == to && !*name;
}

/* Behind "[:", "[." or "[=": finds the matching ":]" and moves behind it. */
static bool bracketed(uint32_t mark, uint32_t *from, uint32_t *to)
{
    *from = position;
    while (position + 1 < text_length) {
        if (text[position] == mark && text[position + 1] == ']' && position > *from) {
            *to = position;
            position += 2;
            return true;
        }
        position++;
    }
    return fail("unfinished '[:', '[.' or '[='", *from - 2);
}

static bool add_class(struct charset *set)
{
    uint32_t from, to;
    if (!bracketed(':', &from, &to))
        return false;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (!spells(from, to, classes[i].name))
            continue;
        for (int c = 0; c < 128; c++)
            if (classes[i].test(c))
                add_ascii(set, (uint32_t)c);
        return true;
    }
    return fail("unknown character class", from);
}

/* Reads one end of a range: a character, [.c.] or [=c=]. */
static bool element(uint32_t *c, bool *equivalence)
{
    *equivalence = false;
    if (position >= text_length)
        return fail("missing ']'", position);
    bool opens = text[position] == '[' && position + 1 < text_length;
    if (!opens || (text[position + 1] != '.' && text[position + 1] != '=')) {
        *c = text[position++];
        return true;
    }
    uint32_t mark = text[position + 1], from, to;
    position += 2;
    if (!bracketed(mark, &from, &to))
        return false;
    if (to - from != 1)
        return fail("a collating element must be one character", from);
    *c = text[from];
    *equivalence = mark == '=';
    return true;
}

/* Reads one item: a class, a character, or a range. */
static bool item(struct charset *set)
{
    uint32_t begin = position, low, high;
    if (text[position] == '[' && position + 1 < text_length && text[position + 1] == ':') {
        position += 2;
        return add_class(set);
    }
    bool equivalence;
    if (!element(&low, &equivalence))
        return false;
    bool is_range = position + 1 < text_length && text[position] == '-' && text[position + 1] != ']';
    if (!is_range)
        return add_range(set, low, low);
    position++;
    bool high_equivalence;
    if (equivalence || !element(&high, &high_equivalence) || high_equivalence)
        return fault->message ? false : fail("a class cannot end a range", begin);
    if (high < low)
        return fail("range ends before it begins", begin);
    bool chained = position + 1 < text_length && text[position] == '-' && text[position + 1] != ']';
    if (chained)
        return fail("the end of a range cannot begin another", position);
    return add_range(set, low, high);
}

static void fold_case(struct charset *set)
{
    for (uint32_t c = 'a'; c <= 'z'; c++) {
        uint32_t upper = c - 'a' + 'A';
        if (charset_has(set, c))
            add_ascii(set, upper);
        else if (charset_has(set, upper))
            add_ascii(set, c);
    }
}

bool charset_parse(struct charset *set, const uint32_t *pattern, uint32_t length,
                   uint32_t *at, uint32_t flags, struct regex_error *error)
{
    text = pattern;
    text_length = length;
    position = *at;
    fault = error;
    range_room = 0;
    memset(set, 0, sizeof *set);
    bool negated = position < length && pattern[position] == '^';
    if (negated)
        position++;
    /* A ']' that comes first stands for itself. */
    bool first = true;
    while (position < length && (first || pattern[position] != ']')) {
        if (!item(set))
            return false;
        first = false;
    }
    if (position >= length)
        return fail("missing ']'", *at - 1);
    *at = position + 1;
    if (flags & REGEX_IGNORE_CASE)
        fold_case(set);
    if (negated && flags & REGEX_NEWLINE)
        add_ascii(set, '\n');
    set->negated = negated;
    return true;
}

bool charset_has(const struct charset *set, uint32_t c)
{
    if (c < 128)
        return (set->ascii[c / 32] >> (c % 32) & 1) != set->negated;
    for (uint32_t i = 0; i < set->count; i++)
        if (c >= set->ranges[i].low && c <= set->ranges[i].high)
            return !set->negated;
    return set->negated;
}

void charset_free(struct charset *set)
{
    free(set->ranges);
    set->ranges = NULL;
}
