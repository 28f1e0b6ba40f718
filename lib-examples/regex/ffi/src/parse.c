/* Pattern to tree.
 *
 *   alternation = branch { "|" branch }
 *   branch      = { piece }
 *   piece       = atom { "*" | "+" | "?" | "{" bounds "}" }
 *   atom        = "(" alternation ")" | "[" set "]" | "." | "^" | "$" | "\" char | char
 *
 * Where POSIX leaves a meaning open this parser takes the strict side: nothing
 * to repeat, an unmatched ')' and an escaped letter or digit are errors. Empty
 * branches and groups are accepted and match the empty string.
 */
#include "matcher.h"

#include <stdlib.h>

static const uint32_t *text;
static uint32_t text_length, position;
static int depth;
static struct regex *target;
static struct regex_error *fault;

static uint32_t alternation(void);

/* All parse functions return a node, or 0 after an error. */
static uint32_t fail(const char *message, uint32_t at)
{
    fault->message = message;
    fault->at = at;
    return 0;
}

static uint32_t new_node(enum node_kind kind, uint32_t value)
{
    if (!grow(&target->nodes, &target->node_room, target->node_count + 1, sizeof(struct node)))
        return fail("out of memory", position);
    target->nodes[target->node_count] = (struct node){ .kind = kind, .value = value };
    return target->node_count++;
}

static bool peek(uint32_t c)
{
    return position < text_length && text[position] == c;
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static uint32_t group(void)
{
    uint32_t open = position - 1;
    if (++depth > REGEX_DEPTH)
        return fail("nesting is too deep", open);
    if (target->groups + 1 >= REGEX_GROUPS)
        return fail("too many groups", open);
    uint32_t number = ++target->groups;
    uint32_t body = alternation();
    if (!body)
        return 0;
    if (!peek(')'))
        return fail("missing ')'", open);
    position++;
    depth--;
    uint32_t node = new_node(NODE_GROUP, number);
    if (node) {
        target->nodes[node].child = body;
        target->nodes[node].captures = true;
    }
    return node;
}

static uint32_t bracket(void)
{
    struct charset *bigger = realloc(target->sets, (target->set_count + 1) * sizeof *bigger);
    if (!bigger)
        return fail("out of memory", position);
    target->sets = bigger;
    uint32_t index = target->set_count;
    /* Counted before it is read: an unfinished set is freed with the others. */
    target->set_count++;
    if (!charset_parse(&bigger[index], text, text_length, &position, target->flags, fault))
        return 0;
    return new_node(NODE_SET, index);
}

static uint32_t escaped(void)
{
    if (position >= text_length)
        return fail("nothing follows '\\'", position - 1);
    uint32_t c = text[position++];
    bool letter = (c | 32) >= 'a' && (c | 32) <= 'z' && c < 128;
    if (letter || is_digit(c))
        return fail("unknown escape", position - 2);
    return new_node(NODE_CHAR, c);
}

static uint32_t atom(void)
{
    uint32_t c = text[position++];
    switch (c) {
    case '(': return group();
    case '[': return bracket();
    case '.': return new_node(NODE_ANY, 0);
    case '^': return new_node(NODE_BOL, 0);
    case '$': return new_node(NODE_EOL, 0);
    case '\\': return escaped();
    case '*': case '+': case '?': case '{':
        return fail("nothing to repeat", position - 1);
    case ')':
        return fail("unmatched ')'", position - 1);
    default: return new_node(NODE_CHAR, c);
    }
}

/* Reads decimal digits; REGEX_UNBOUNDED when there are none. */
static int number(void)
{
    if (position >= text_length || !is_digit(text[position]))
        return REGEX_UNBOUNDED;
    int value = 0;
    while (position < text_length && is_digit(text[position])) {
        if (value <= REGEX_REPEAT)
            value = value * 10 + (int)(text[position] - '0');
        position++;
    }
    return value;
}

/* Behind '{': m} or m,} or ,n} or m,n} */
static bool bounds(int *min, int *max)
{
    uint32_t open = position - 1;
    *min = number();
    *max = *min;
    bool bounded = *min >= 0;
    if (peek(',')) {
        position++;
        *max = number();
        bounded = bounded || *max >= 0;
        if (*min < 0)
            *min = 0;
    }
    if (!bounded || !peek('}')) {
        fail("invalid interval", open);
        return false;
    }
    position++;
    if (*min > REGEX_REPEAT || *max > REGEX_REPEAT) {
        fail("interval is too large", open);
        return false;
    }
    if (*max >= 0 && *max < *min) {
        fail("interval ends before it begins", open);
        return false;
    }
    return true;
}

static uint32_t piece(void)
{
    uint32_t node = atom();
    int stacked = 0;
    while (node && position < text_length) {
        int min = 0, max = REGEX_UNBOUNDED;
        uint32_t c = text[position];
        if (c != '*' && c != '+' && c != '?' && c != '{')
            break;
        enum node_kind kind = target->nodes[node].kind;
        if (kind == NODE_BOL || kind == NODE_EOL)
            return fail("nothing to repeat", position);
        if (depth + ++stacked > REGEX_DEPTH)
            return fail("nesting is too deep", position);
        position++;
        if (c == '+')
            min = 1;
        if (c == '?')
            max = 1;
        if (c == '{' && !bounds(&min, &max))
            return 0;
        uint32_t repeat = new_node(NODE_REPEAT, 0);
        if (!repeat)
            return 0;
        target->nodes[repeat].min = min;
        target->nodes[repeat].max = max;
        target->nodes[repeat].child = node;
        target->nodes[repeat].captures = target->nodes[node].captures;
        node = repeat;
    }
    return node;
}

/* Appends `child` to `parent`, whose last child so far is `*last`. */
static void append(uint32_t parent, uint32_t *last, uint32_t child)
{
    struct node *nodes = target->nodes;
    if (*last)
        nodes[*last].next = child;
    else
        nodes[parent].child = child;
    nodes[parent].captures |= nodes[child].captures;
    *last = child;
}

static uint32_t branch(void)
{
    uint32_t cat = new_node(NODE_CAT, 0), last = 0;
    if (!cat)
        return 0;
    while (position < text_length && text[position] != '|') {
        if (text[position] == ')' && depth > 0)
            break;
        uint32_t child = piece();
        if (!child)
            return 0;
        append(cat, &last, child);
    }
    if (!last)
        target->nodes[cat].kind = NODE_EMPTY;
    return cat;
}

static uint32_t alternation(void)
{
    uint32_t first = branch();
    if (!first || !peek('|'))
        return first;
    uint32_t alt = new_node(NODE_ALT, 0), last = 0;
    if (!alt)
        return 0;
    append(alt, &last, first);
    while (peek('|')) {
        position++;
        uint32_t next = branch();
        if (!next)
            return 0;
        append(alt, &last, next);
    }
    return alt;
}

bool regex_parse(struct regex *re, const uint32_t *pattern, uint32_t length,
                 struct regex_error *error)
{
    text = pattern;
    text_length = length;
    position = 0;
    depth = 0;
    target = re;
    fault = error;
    if (!new_node(NODE_EMPTY, 0) && fault->message)
        return false;
    re->root = alternation();
    return re->root != 0;
}
