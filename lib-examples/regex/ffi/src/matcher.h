/* Shared declarations of the matcher.
 *
 * In:  a pattern (POSIX extended regular expression, UTF-8) and a subject text.
 * Out: whether and where the pattern matches, and where its groups match.
 * Not: back-references and locales; neither is needed by extended expressions.
 *
 *   pattern --parse.c--> tree --emit.c--> program --search.c--> whole match
 *                          \______________________submatch.c--> groups
 *
 * All positions count code points. The matcher keeps its state in static
 * variables on purpose: it is the kind of C library that cannot be used from
 * two threads, and that Coex gives to each task as a private instance.
 */
#ifndef MATCHER_H
#define MATCHER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    REGEX_SLOTS = 64,      /* compiled patterns at one time */
    REGEX_GROUPS = 64,     /* groups of a pattern, the whole match included */
    REGEX_DEPTH = 200,     /* nesting of groups and repetitions */
    REGEX_REPEAT = 255,    /* RE_DUP_MAX of POSIX */
    REGEX_PROGRAM = 8192,  /* instructions after intervals are written out */
    REGEX_UNBOUNDED = -1
};

/* Flags of a pattern. */
enum {
    REGEX_IGNORE_CASE = 1, /* ASCII letters only */
    REGEX_NEWLINE = 2      /* ^ and $ also match at lines; . and [^…] skip '\n' */
};

enum node_kind {
    NODE_EMPTY, NODE_CHAR, NODE_ANY, NODE_SET, NODE_BOL, NODE_EOL,
    NODE_CAT, NODE_ALT, NODE_REPEAT, NODE_GROUP
};

/* A node of the tree. Children form a list through `next`; 0 ends a list. */
struct node {
    enum node_kind kind;
    uint32_t value;        /* code point, index of a set, or number of a group */
    int min, max;          /* of a repetition */
    uint32_t child, next;
    bool captures;         /* a group stands somewhere below */
};

struct range {
    uint32_t low, high;
};

/* A bracket expression: a bitmap for ASCII, a list of ranges above it. */
struct charset {
    uint32_t ascii[4];
    struct range *ranges;
    uint32_t count;
    bool negated;
};

enum opcode { OP_CHAR, OP_ANY, OP_SET, OP_BOL, OP_EOL, OP_JUMP, OP_SPLIT, OP_ACCEPT };

/* JUMP uses x, SPLIT both, CHAR and SET keep their operand in x. */
struct inst {
    enum opcode op;
    uint32_t x, y;
};

struct program {
    struct inst *code;
    uint32_t length, room;
    bool loops;            /* some jump goes backwards */
};

struct regex {
    bool used;
    uint32_t flags;
    struct node *nodes;    /* nodes[0] is unused, so that 0 can mean "none" */
    uint32_t node_count, node_room, root;
    struct charset *sets;
    uint32_t set_count;
    uint32_t groups;       /* without the whole match */
    struct program program;
    bool first_known;      /* `first` names every code point a match can begin with */
    bool first[129];       /* [128] stands for everything above ASCII */
};

struct span {
    int64_t start, stop;   /* -1 when the group took no part */
};

/* One error of a pattern: a message and the code point where it was noticed. */
struct regex_error {
    const char *message;
    uint32_t at;
};

/* parse.c */
bool regex_parse(struct regex *re, const uint32_t *pattern, uint32_t length,
                 struct regex_error *error);

/* charset.c */
bool charset_parse(struct charset *set, const uint32_t *pattern, uint32_t length,
                   uint32_t *at, uint32_t flags, struct regex_error *error);
bool charset_has(const struct charset *set, uint32_t c);
void charset_free(struct charset *set);

/* emit.c */
bool program_emit(const struct regex *re, uint32_t node, struct program *out);
void program_first(struct regex *re);
bool matches_here(const struct regex *re, const struct inst *inst, int64_t at);

/* search.c */
bool search(const struct regex *re, int64_t from, struct span *match, bool *no_memory);

/* submatch.c */
bool submatches(const struct regex *re, struct span match, struct span *groups);

/* text.c: the static subject, and growing of the static buffers. */
extern uint32_t *subject;
extern int64_t subject_length;
bool subject_set(const char *utf8);
int64_t decode(const char *utf8, uint32_t *out);
bool grow(void *pointer, uint32_t *room, uint32_t need, uint32_t item_size);

/* table.c: what users call. */
struct regex *regex_new(const char *pattern, uint32_t flags, struct regex_error *error);
void regex_drop(struct regex *re);
int regex_exec(const struct regex *re, int64_t from, struct span *groups);

#endif
