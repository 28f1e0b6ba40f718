/* Tree to program: Thompson's construction, written out as jumps.
 *
 * A loop is "L: body; SPLIT L, out", with a SPLIT around it where zero rounds
 * are allowed. So a loop has one backward jump, and it stands behind its body:
 * submatch.c counts on that.
 */
#include "matcher.h"

#include <stdlib.h>
#include <string.h>

static const struct regex *source;
static struct program *target;

static bool emit(uint32_t node);

static bool add(enum opcode op, uint32_t x, uint32_t y)
{
    if (target->length >= REGEX_PROGRAM)
        return false;
    if (!grow(&target->code, &target->room, target->length + 1, sizeof(struct inst)))
        return false;
    target->code[target->length++] = (struct inst){ op, x, y };
    return true;
}

static bool emit_alternatives(uint32_t child)
{
    /* The ends of the alternatives wait in a chain through their jumps' x. */
    uint32_t chain = UINT32_MAX;
    for (; child; child = source->nodes[child].next) {
        bool more = source->nodes[child].next != 0;
        uint32_t split = target->length;
        if (more && !add(OP_SPLIT, split + 1, 0))
            return false;
        if (!emit(child))
            return false;
        if (!more)
            break;
        uint32_t jump = target->length;
        if (!add(OP_JUMP, chain, 0))
            return false;
        chain = jump;
        target->code[split].y = target->length;
    }
    while (chain != UINT32_MAX) {
        uint32_t before = target->code[chain].x;
        target->code[chain].x = target->length;
        chain = before;
    }
    return true;
}

/* "L: body; SPLIT L, out" */
static bool emit_loop(uint32_t body)
{
    uint32_t start = target->length;
    if (!emit(body))
        return false;
    if (target->length == start)
        return true;
    target->loops = true;
    return add(OP_SPLIT, start, target->length + 1);
}

static bool emit_repeat(const struct node *repeat)
{
    uint32_t start = target->length;
    int copies = repeat->max < 0 ? repeat->min - 1 : repeat->min;
    for (int i = 0; i < copies; i++) {
        if (!emit(repeat->child))
            return false;
        /* A body without instructions stays so: no need for 255 copies of it. */
        if (target->length == start)
            return true;
    }
    if (repeat->max < 0 && repeat->min > 0)
        return emit_loop(repeat->child);
    /* x{m,n}: each optional copy may leave for the common end. */
    uint32_t first = target->length;
    int optional = repeat->max < 0 ? 1 : repeat->max - repeat->min;
    uint32_t chain = UINT32_MAX;
    for (int i = 0; i < optional; i++) {
        uint32_t split = target->length;
        if (!add(OP_SPLIT, split + 1, chain))
            return false;
        chain = split;
        if (!(repeat->max < 0 ? emit_loop(repeat->child) : emit(repeat->child)))
            return false;
        if (target->length == split + 1) {
            target->length = first;
            return true;
        }
    }
    while (chain != UINT32_MAX) {
        uint32_t before = target->code[chain].y;
        target->code[chain].y = target->length;
        chain = before;
    }
    return true;
}

static bool emit(uint32_t index)
{
    const struct node *node = &source->nodes[index];
    switch (node->kind) {
    case NODE_EMPTY: return true;
    case NODE_CHAR: return add(OP_CHAR, node->value, 0);
    case NODE_ANY: return add(OP_ANY, 0, 0);
    case NODE_SET: return add(OP_SET, node->value, 0);
    case NODE_BOL: return add(OP_BOL, 0, 0);
    case NODE_EOL: return add(OP_EOL, 0, 0);
    case NODE_GROUP: return emit(node->child);
    case NODE_ALT: return emit_alternatives(node->child);
    case NODE_REPEAT: return emit_repeat(node);
    case NODE_CAT:
        for (uint32_t child = node->child; child; child = source->nodes[child].next)
            if (!emit(child))
                return false;
        return true;
    }
    return false;
}

/* Writes the program of one node into `out`, reusing its memory. */
bool program_emit(const struct regex *re, uint32_t node, struct program *out)
{
    source = re;
    target = out;
    out->length = 0;
    out->loops = false;
    return emit(node) && add(OP_ACCEPT, 0, 0);
}

static uint32_t fold(uint32_t c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static bool accepts(const struct regex *re, const struct inst *inst, uint32_t c)
{
    switch (inst->op) {
    case OP_CHAR:
        return c == inst->x || (re->flags & REGEX_IGNORE_CASE && fold(c) == fold(inst->x));
    case OP_ANY:
        return c != '\n' || !(re->flags & REGEX_NEWLINE);
    default:
        return charset_has(&re->sets[inst->x], c);
    }
}

/* Whether a CHAR, ANY, SET, BOL or EOL holds at this place of the subject. */
bool matches_here(const struct regex *re, const struct inst *inst, int64_t at)
{
    bool lines = re->flags & REGEX_NEWLINE;
    if (inst->op == OP_BOL)
        return at == 0 || (lines && subject[at - 1] == '\n');
    if (inst->op == OP_EOL)
        return at == subject_length || (lines && subject[at] == '\n');
    return at < subject_length && accepts(re, inst, subject[at]);
}

/* Fills `first`: which code points can begin a match. Anchors count as true. */
void program_first(struct regex *re)
{
    uint32_t length = re->program.length, waiting = 0;
    bool *seen = calloc(length, sizeof *seen);
    uint32_t *stack = calloc(length + 1, sizeof *stack);
    memset(re->first, 0, sizeof re->first);
    re->first_known = seen && stack;
    if (re->first_known)
        stack[waiting++] = 0;
    while (waiting) {
        uint32_t pc = stack[--waiting];
        if (seen[pc])
            continue;
        seen[pc] = true;
        const struct inst *inst = &re->program.code[pc];
        switch (inst->op) {
        case OP_ACCEPT:
            re->first_known = false;
            break;
        case OP_JUMP:
            stack[waiting++] = inst->x;
            break;
        case OP_SPLIT:
            /* Each instruction is expanded once and pops one entry: room is enough. */
            stack[waiting++] = inst->y;
            stack[waiting++] = inst->x;
            break;
        case OP_BOL: case OP_EOL:
            stack[waiting++] = pc + 1;
            break;
        default:
            for (uint32_t c = 0; c < 128; c++)
                re->first[c] |= accepts(re, inst, c);
            re->first[128] |= inst->op != OP_CHAR || inst->x >= 128;
        }
    }
    free(seen);
    free(stack);
}
