/* A table of patterns, texts and expected groups for the C code alone.
 *
 *   clang-22 -std=c11 -fsanitize=address,undefined -Iffi/src \
 *       tests/matcher_test.c ffi/src/{table,parse,charset,emit,search,submatch,text}.c && ./a.out
 */
#include "matcher.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *pattern, *text;
    uint32_t flags;
    const char *expected; /* "start-stop" of the match and each group, "-" for none, or an error */
} cases[] = {
    { "abc", "xabcy", 0, "1-4" },
    { "a|ab|abc", "abcd", 0, "0-3" },
    { "(a|ab)(c|bcd)(d*)", "abcd", 0, "0-4 0-2 2-3 3-4" },
    { "(a+|b)*", "aab", 0, "0-3 2-3" },
    { "((a)|(b))*", "ab", 0, "0-2 1-2 - 1-2" },
    { "(a*)*", "aaa", 0, "0-3 0-3" },
    { "(a*)*", "b", 0, "0-0 0-0" },
    { "(a)*", "b", 0, "0-0 -" },
    { "(a*)(a|aa)", "aaaa", 0, "0-4 0-3 3-4" },
    { "(a?)(a{0,2})(a*)", "aaaaa", 0, "0-5 0-1 1-3 3-5" },
    { "(ab|a)(bc)?", "abc", 0, "0-3 0-1 1-3" },
    { "(.){2,3}", "abcd", 0, "0-3 2-3" },
    { "x{0}y", "xy", 0, "1-2" },
    { "()|a", "a", 0, "0-1 -" },
    { "a||b", "c", 0, "0-0" },
    { "^$", "", 0, "0-0" },
    { "^b", "a\nb", 0, "none" },
    { "^b$", "a\nb\n", REGEX_NEWLINE, "2-3" },
    { "a.b", "a\nb", REGEX_NEWLINE, "none" },
    { "a[^x]b", "a\nb", REGEX_NEWLINE, "none" },
    { "[]a]+", "x]a]", 0, "1-4" },
    { "[^]a]", "]ab", 0, "2-3" },
    { "[a-]+", "b-a-", 0, "1-4" },
    { "[[.-.]x]+", "a-x", 0, "1-3" },
    { "[[=a=]b]+", "cab", 0, "1-3" },
    { "[[:upper:][:digit:]]+", "abC3d", 0, "2-4" },
    { "[[:upper:]]+", "abC", REGEX_IGNORE_CASE, "0-3" },
    { "STRASSE", "die strasse", REGEX_IGNORE_CASE, "4-11" },
    { "ü[à-ö]", "xüé", 0, "1-3" },
    { "[^é]", "éa", 0, "1-2" },
    { "\\.\\*\\(", "a.*(", 0, "1-4" },
    { ".", "\xff", 0, "0-1" },
    { "a{2,1}", "", 0, "interval ends before it begins" },
    { "a{256}", "", 0, "interval is too large" },
    { "a{", "", 0, "invalid interval" },
    { "+", "", 0, "nothing to repeat" },
    { "a)", "", 0, "unmatched ')'" },
    { "(a", "", 0, "missing ')'" },
    { "[a", "", 0, "missing ']'" },
    { "[a-c-e]", "", 0, "the end of a range cannot begin another" },
    { "\\", "", 0, "nothing follows '\\'" },
    { "\\w", "", 0, "unknown escape" },
    { "((a{255}){255}){255}", "", 0, "pattern is too large" },
};

static void describe(const struct regex *re, const struct span *groups, char *out)
{
    *out = 0;
    for (uint32_t i = 0; i <= re->groups; i++) {
        out += sprintf(out, i ? " " : "");
        if (groups[i].start < 0)
            out += sprintf(out, "-");
        else
            out += sprintf(out, "%d-%d", (int)groups[i].start, (int)groups[i].stop);
    }
}

int main(void)
{
    int failed = 0, count = sizeof cases / sizeof *cases;
    for (int i = 0; i < count; i++) {
        struct regex_error error;
        struct span groups[REGEX_GROUPS];
        char found[REGEX_GROUPS * 24] = "none";
        struct regex *re = regex_new(cases[i].pattern, cases[i].flags, &error);
        if (!re) {
            strcpy(found, error.message);
        } else {
            subject_set(cases[i].text);
            if (regex_exec(re, 0, groups) == 1)
                describe(re, groups, found);
            regex_drop(re);
        }
        if (strcmp(found, cases[i].expected) != 0) {
            printf("/%s/ on \"%s\": expected %s, found %s\n", cases[i].pattern, cases[i].text, cases[i].expected, found);
            failed++;
        }
    }
    printf("%d passed, %d failed\n", count - failed, failed);
    return failed != 0;
}
