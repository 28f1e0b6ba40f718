/* The whole match: leftmost, then longest.
 *
 * All states of the program run side by side over the text, each with the
 * leftmost start it can have. The work is bounded by text times program,
 * whatever the pattern looks like. Groups are not followed here.
 */
#include "matcher.h"

#include <stdlib.h>
#include <string.h>

struct thread {
    uint32_t pc;
    int64_t start;
};

/* The states at one place of the text, in ascending order of their starts. */
struct states {
    struct thread *threads;
    uint32_t room, count;
};

static struct states now, next;
static uint64_t *marks;     /* marks[pc] == generation: already in the list */
static uint32_t mark_room;
static uint64_t generation;
static uint32_t *stack;
static uint32_t stack_room;

static bool make_room(uint32_t length)
{
    uint32_t before = mark_room;
    if (!grow(&marks, &mark_room, length, sizeof *marks))
        return false;
    memset(marks + before, 0, (mark_room - before) * sizeof *marks);
    return grow(&now.threads, &now.room, length, sizeof(struct thread)) &&
           grow(&next.threads, &next.room, length, sizeof(struct thread)) &&
           grow(&stack, &stack_room, length * 2 + 1, sizeof *stack);
}

/* Adds `pc` and what it reaches without a character. True if that accepts. */
static bool add(const struct regex *re, struct states *to, uint32_t pc, int64_t start, int64_t at)
{
    bool accepted = false;
    uint32_t waiting = 0;
    stack[waiting++] = pc;
    while (waiting) {
        pc = stack[--waiting];
        if (marks[pc] == generation)
            continue;
        marks[pc] = generation;
        const struct inst *inst = &re->program.code[pc];
        switch (inst->op) {
        case OP_ACCEPT:
            accepted = true;
            break;
        case OP_JUMP:
            stack[waiting++] = inst->x;
            break;
        case OP_SPLIT:
            stack[waiting++] = inst->y;
            stack[waiting++] = inst->x;
            break;
        case OP_BOL: case OP_EOL:
            if (matches_here(re, inst, at))
                stack[waiting++] = pc + 1;
            break;
        default:
            to->threads[to->count++] = (struct thread){ pc, start };
        }
    }
    return accepted;
}

/* The next place at or after `at` where a match can begin. */
static int64_t skip(const struct regex *re, int64_t at)
{
    if (!re->first_known)
        return at;
    while (at < subject_length && !re->first[subject[at] < 128 ? subject[at] : 128])
        at++;
    return at;
}

static void note(struct span *match, int64_t start, int64_t stop)
{
    if (match->start < 0 || start <= match->start)
        *match = (struct span){ start, stop };
}

/* Moves every state that accepts the character at `at`. */
static void step(const struct regex *re, int64_t at, struct span *match)
{
    generation++;
    next.count = 0;
    for (uint32_t i = 0; i < now.count; i++) {
        struct thread thread = now.threads[i];
        if (match->start >= 0 && thread.start > match->start)
            break;
        if (!matches_here(re, &re->program.code[thread.pc], at))
            continue;
        if (add(re, &next, thread.pc + 1, thread.start, at + 1))
            note(match, thread.start, at + 1);
    }
}

/* Looks for the first match that begins at or after `from`. */
bool search(const struct regex *re, int64_t from, struct span *match, bool *no_memory)
{
    *match = (struct span){ -1, -1 };
    *no_memory = !make_room(re->program.length);
    if (*no_memory)
        return false;
    now.count = 0;
    generation++;
    for (int64_t at = from; at <= subject_length; at++) {
        if (match->start < 0) {
            if (now.count == 0)
                at = skip(re, at);
            /* Older starts stand before this one: the order stays ascending. */
            if (add(re, &now, 0, at, at))
                note(match, at, at);
        }
        if (now.count == 0 && match->start >= 0)
            break;
        if (at == subject_length)
            break;
        step(re, at, match);
        struct states swap = now;
        now = next;
        next = swap;
    }
    return match->start >= 0;
}
