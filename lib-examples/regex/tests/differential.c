/* Compares the matcher with the C library's regcomp and regexec.
 *
 *   clang-22 -std=gnu11 -O1 -g -fsanitize=address,undefined -Iffi/src \
 *       tests/differential.c ffi/src/{table,parse,charset,emit,search,submatch,text}.c
 *   ./a.out [ROUNDS [SEED]]
 *
 * Random patterns over a small alphabet meet random texts. Extents of whole
 * matches must agree. Groups are compared too, but only counted: the C library
 * keeps groups of earlier rounds of a loop, which POSIX does not want.
 */
#include "matcher.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

static uint32_t pick(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 20) % below);
}

static char pattern[512];

static void put(const char *s)
{
    if (strlen(pattern) + strlen(s) < sizeof pattern - 1)
        strcat(pattern, s);
}

static void make(int depth)
{
    static const char *const atoms[] = {
        "a", "b", "c", "a", "b", ".", "[ab]", "[^a]", "[a-c]", "[[:alpha:]]", "[]a]", "[^]b-]", "\\.",
    };
    static const char *const repeats[] = { "*", "+", "?", "{2}", "{1,2}", "{0,3}", "{2,}", "{,2}" };
    uint32_t parts = 1 + pick(3);
    for (uint32_t i = 0; i < parts; i++) {
        uint32_t kind = pick(12);
        if (kind < 3 && depth > 0) {
            put("(");
            make(depth - 1);
            while (pick(3) == 0) {
                put("|");
                if (pick(8))
                    make(depth - 1);
            }
            put(")");
        } else {
            put(atoms[pick(sizeof atoms / sizeof *atoms)]);
        }
        if (pick(3) == 0)
            put(repeats[pick(sizeof repeats / sizeof *repeats)]);
    }
}

/* Anchors stand only at the ends of the whole pattern or of its branches: further
 * inside, and with '\n' in the text, the C library is known to be wrong. */
static void make_anchored(void)
{
    do {
        if (pattern[0])
            put("|");
        if (pick(6) == 0)
            put("^");
        make(3);
        if (pick(6) == 0)
            put("$");
    } while (pick(6) == 0);
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 100000;
    state = argc > 2 ? strtoull(argv[2], NULL, 10) : 88172645463325252ull;
    long compared = 0, extents = 0, group_differences = 0, refused = 0;
    for (long round = 0; round < rounds; round++) {
        pattern[0] = 0;
        make_anchored();
        int flags = pick(4) == 0 ? REGEX_IGNORE_CASE : 0;
        flags |= pick(4) == 0 ? REGEX_NEWLINE : 0;
        regex_t theirs;
        struct regex_error error;
        int bad = regcomp(&theirs, pattern, REG_EXTENDED | (flags & REGEX_IGNORE_CASE ? REG_ICASE : 0) |
                                                (flags & REGEX_NEWLINE ? REG_NEWLINE : 0));
        struct regex *ours = regex_new(pattern, (uint32_t)flags, &error);
        if (bad || !ours) {
            refused++;
            if (!bad != !!ours)
                printf("refusal differs: /%s/ theirs %d ours %s\n", pattern, bad, ours ? "ok" : error.message);
        }
        /* The C library can take for ever to find the groups of longer patterns. */
        size_t groups = strlen(pattern) < 24 ? REGEX_GROUPS : 1;
        for (int t = 0; !bad && ours && t < 8; t++) {
            char text[16];
            uint32_t length = pick(10);
            for (uint32_t i = 0; i < length; i++)
                text[i] = "aaabbbcC.\n]-"[pick(12)];
            text[length] = 0;
            regmatch_t m[REGEX_GROUPS];
            struct span g[REGEX_GROUPS];
            int hit = regexec(&theirs, text, groups, m, 0) == 0;
            subject_set(text);
            int our_hit = regex_exec(ours, 0, g);
            compared++;
            if (hit != our_hit || (hit && (g[0].start != m[0].rm_so || g[0].stop != m[0].rm_eo))) {
                extents++;
                printf("/%s/%d on \"%s\": theirs %d (%d,%d) ours %d (%d,%d)\n", pattern, flags, text, hit,
                       m[0].rm_so, m[0].rm_eo, our_hit, (int)g[0].start, (int)g[0].stop);
                continue;
            }
            for (uint32_t i = 1; hit && groups > 1 && i <= ours->groups; i++) {
                if (g[i].start == m[i].rm_so && g[i].stop == m[i].rm_eo)
                    continue;
                group_differences++;
                if (group_differences <= 12)
                    printf("group %u of /%s/ on \"%s\": theirs (%d,%d) ours (%d,%d)\n", i, pattern, text,
                           m[i].rm_so, m[i].rm_eo, (int)g[i].start, (int)g[i].stop);
                break;
            }
        }
        if (!bad)
            regfree(&theirs);
        if (ours)
            regex_drop(ours);
    }
    printf("%ld comparisons, %ld refused patterns, %ld extents differ, %ld groups differ\n", compared, refused,
           extents, group_differences);
    return extents != 0;
}
