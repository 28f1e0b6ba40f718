/* Where the groups of a match lie.
 *
 * In:  the extent of the whole match. Out: the extent of every group, by the
 * POSIX rule: parts of an expression, from left to right, take the longest text
 * that still lets the rest match.
 *
 * The tree is walked from the top with the extent of each node known. To divide
 * an extent among parts, `reach` runs the program of one part from right to left
 * over the text and notes, for every place, the longest way from there to a
 * wanted end. One run costs text times program; a node needs a bounded number of
 * runs, so there is no backtracking and nothing grows exponentially.
 */
#include "matcher.h"

#include <stdlib.h>
#include <string.h>

static const struct regex *re;
static struct span *spans;
static struct program part;          /* the program of the part that is looked at */
static int64_t *column, *column_right;
static uint32_t column_room, column_right_room;

static bool divide(uint32_t node, int64_t start, int64_t stop);

/* A set of places of the extent [start, stop], one bit each. */
struct places {
    uint64_t *bits;
    int64_t start;
};

static bool places_new(struct places *set, int64_t start, int64_t stop)
{
    set->start = start;
    set->bits = calloc((size_t)(stop - start) / 64 + 1, sizeof *set->bits);
    return set->bits != NULL;
}

static void place_add(struct places *set, int64_t at)
{
    set->bits[(at - set->start) / 64] |= 1ull << ((at - set->start) % 64);
}

static bool place_in(const struct places *set, int64_t at)
{
    return set->bits[(at - set->start) / 64] >> ((at - set->start) % 64) & 1;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* One sweep over the program at place `at`; `accept` is the value of its end. */
static void sweep(int64_t at, int64_t stop, int64_t accept)
{
    for (uint32_t pc = part.length; pc-- > 0;) {
        const struct inst *inst = &part.code[pc];
        int64_t value = -1;
        switch (inst->op) {
        case OP_ACCEPT: value = accept; break;
        case OP_JUMP: value = column[inst->x]; break;
        case OP_SPLIT: value = larger(column[inst->x], column[inst->y]); break;
        case OP_BOL: case OP_EOL:
            if (matches_here(re, inst, at))
                value = column[pc + 1];
            break;
        default:
            if (at < stop && column_right[pc + 1] >= 0 && matches_here(re, inst, at))
                value = column_right[pc + 1];
        }
        column[pc] = value;
    }
}

/* The value of the program's start at `at`. A second sweep lets values flow over
 * backward jumps; one jump back is enough, since whatever is reached by a second
 * one without a character was reached before the first. */
static int64_t settle(int64_t at, int64_t stop, int64_t accept)
{
    for (uint32_t pc = 0; pc < part.length; pc++)
        column[pc] = -1;
    sweep(at, stop, accept);
    if (part.loops)
        sweep(at, stop, accept);
    return column[0];
}

/* For each place of [start, stop] the farthest end in `ends` that `part` reaches
 * from it, or -1, is handed to `longest[place - start]`. With `again` the part
 * may repeat: a place from which a non-empty round succeeds is an end as well,
 * and rounds are non-empty. */
static bool reach(int64_t start, int64_t stop, struct places *ends, bool again, int64_t *longest)
{
    if (!grow(&column, &column_room, part.length, sizeof *column) ||
        !grow(&column_right, &column_right_room, part.length, sizeof *column_right))
        return false;
    for (uint32_t pc = 0; pc < part.length; pc++)
        column_right[pc] = -1;
    for (int64_t at = stop; at >= start; at--) {
        int64_t found = -1;
        if (again) {
            found = settle(at, stop, -1);
            if (found >= 0)
                place_add(ends, at);
        }
        int64_t any = settle(at, stop, place_in(ends, at) ? at : -1);
        longest[at - start] = again ? found : any;
        int64_t *swap = column;
        column = column_right;
        column_right = swap;
        uint32_t room = column_room;
        column_room = column_right_room;
        column_right_room = room;
    }
    return true;
}

/* Whether `node` matches exactly [start, stop]; false with *failed on no memory. */
static bool fits(uint32_t node, int64_t start, int64_t stop, bool *failed)
{
    struct places ends;
    int64_t *longest = malloc((size_t)(stop - start + 1) * sizeof *longest);
    bool ready = longest && places_new(&ends, start, stop);
    bool done = false, fit = false;
    if (ready) {
        place_add(&ends, stop);
        done = program_emit(re, node, &part) && reach(start, stop, &ends, false, longest);
        fit = done && longest[0] == stop;
        free(ends.bits);
    }
    free(longest);
    *failed = !done;
    return fit;
}

static void forget(uint32_t node)
{
    if (re->nodes[node].kind == NODE_GROUP)
        spans[re->nodes[node].value] = (struct span){ -1, -1 };
    for (uint32_t child = re->nodes[node].child; child; child = re->nodes[child].next)
        forget(child);
}

static bool divide_alternatives(uint32_t child, int64_t start, int64_t stop)
{
    for (; child; child = re->nodes[child].next) {
        bool failed = false;
        if (fits(child, start, stop, &failed))
            return divide(child, start, stop);
        if (failed)
            return false;
    }
    return true;
}

/* A row of parts that must follow each other and fill [start, stop]. For a
 * concatenation the parts are its children; for x{m,n} they are copies of x. */
struct row {
    int64_t start, stop;
    uint32_t count;
    struct places *ends;      /* ends[i]: where part i may end */
    int64_t *longest;
};

static void row_free(struct row *row)
{
    for (uint32_t i = 0; row->ends && i < row->count; i++)
        free(row->ends[i].bits);
    free(row->ends);
    free(row->longest);
}

static bool row_new(struct row *row, int64_t start, int64_t stop, uint32_t count)
{
    *row = (struct row){ start, stop, count, NULL, NULL };
    row->ends = calloc(count ? count : 1, sizeof *row->ends);
    row->longest = malloc((size_t)(stop - start + 1) * sizeof *row->longest);
    bool made = row->ends && row->longest;
    for (uint32_t i = 0; made && i < count; i++)
        made = places_new(&row->ends[i], start, stop);
    return made;
}

/* From ends[i] and the program in `part`, fills ends[i - 1]. */
static bool row_back(struct row *row, uint32_t i, bool non_empty)
{
    if (!reach(row->start, row->stop, &row->ends[i], false, row->longest))
        return false;
    for (int64_t at = row->start; at <= row->stop; at++) {
        int64_t end = row->longest[at - row->start];
        if (end >= 0 && (end > at || !non_empty))
            place_add(&row->ends[i - 1], at);
    }
    return true;
}

/* The longest end of part i that begins at `at`. */
static bool row_forward(struct row *row, uint32_t i, int64_t at, int64_t *end)
{
    struct places shifted = row->ends[i];
    if (!reach(at, row->stop, &shifted, false, row->longest))
        return false;
    *end = row->longest[0];
    return *end >= 0;
}

static bool divide_row(uint32_t first, int64_t start, int64_t stop)
{
    uint32_t count = 0, i = 0;
    for (uint32_t child = first; child; child = re->nodes[child].next)
        count++;
    uint32_t *children = malloc(count * sizeof *children);
    struct row row;
    bool done = row_new(&row, start, stop, count) && children;
    for (uint32_t child = first; done && child; child = re->nodes[child].next)
        children[i++] = child;
    if (done)
        place_add(&row.ends[count - 1], stop);
    for (i = count; done && i-- > 1;)
        done = program_emit(re, children[i], &part) && row_back(&row, i, false);
    int64_t at = start, end = start;
    for (i = 0; done && i < count; i++, at = end) {
        done = program_emit(re, children[i], &part) && row_forward(&row, i, at, &end);
        if (done)
            done = divide(children[i], at, end);
    }
    free(children);
    row_free(&row);
    return done;
}

/* The rounds of an unbounded tail: leaves the last one in [*from, *to]. */
static void last_round(const int64_t *longest, int64_t start, int64_t at, int64_t *from, int64_t *to)
{
    while (longest[at - start] > at) {
        *from = at;
        *to = longest[at - start];
        at = *to;
    }
}

/* x{m,n} over [start, stop]: finds the last round, which is the one whose groups
 * are reported. Rounds that are not demanded by m take at least one character. */
static bool rounds(const struct node *repeat, int64_t start, int64_t stop, int64_t *from, int64_t *to)
{
    uint32_t count = (uint32_t)(repeat->max < 0 ? repeat->min : repeat->max);
    uint32_t needed = (uint32_t)repeat->min;
    struct row row;
    /* ends[i]: where round i may end; ends[0]: where the first may begin. */
    bool done = row_new(&row, start, stop, count + 1);
    int64_t *tail = malloc((size_t)(stop - start + 1) * sizeof *tail);
    done = done && tail && program_emit(re, repeat->child, &part);
    if (done)
        place_add(&row.ends[count], stop);
    if (done && repeat->max < 0)
        done = reach(start, stop, &row.ends[count], true, tail);
    for (uint32_t i = count; done && i > 0; i--) {
        done = row_back(&row, i, i > needed);
        if (i - 1 >= needed)
            place_add(&row.ends[i - 1], stop);
    }
    int64_t at = start;
    for (uint32_t i = 1; done && i <= count && (i <= needed || at < stop); i++) {
        int64_t end = at;
        done = row_forward(&row, i, at, &end);
        *from = at;
        *to = end;
        at = end;
    }
    if (done && repeat->max < 0)
        last_round(tail, start, at, from, to);
    free(tail);
    row_free(&row);
    return done;
}

static bool divide_rounds(const struct node *repeat, int64_t start, int64_t stop)
{
    if (repeat->max == 0)
        return true;
    int64_t from = -1, to = -1;
    if (!rounds(repeat, start, stop, &from, &to))
        return false;
    if (from >= 0)
        return divide(repeat->child, from, to);
    /* No round was needed. If the body can match nothing, it did so once. */
    bool failed = false;
    if (fits(repeat->child, start, stop, &failed))
        return divide(repeat->child, start, stop);
    return !failed;
}

/* Sets the groups below `node`, which matches [start, stop]. */
static bool divide(uint32_t index, int64_t start, int64_t stop)
{
    const struct node *node = &re->nodes[index];
    if (!node->captures)
        return true;
    switch (node->kind) {
    case NODE_GROUP:
        spans[node->value] = (struct span){ start, stop };
        return divide(node->child, start, stop);
    case NODE_ALT: return divide_alternatives(node->child, start, stop);
    case NODE_CAT: return divide_row(node->child, start, stop);
    case NODE_REPEAT: return divide_rounds(node, start, stop);
    default: return true;
    }
}

/* Fills groups[0 … re->groups]; false when memory ran out. */
bool submatches(const struct regex *regex, struct span match, struct span *groups)
{
    re = regex;
    spans = groups;
    forget(regex->root);
    groups[0] = match;
    return divide(regex->root, match.start, match.stop);
}
