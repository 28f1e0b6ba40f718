/* A library large enough to be cut into parts, whose files are tied together in all ways that C knows. */
#include <stdarg.h>
#include <stdint.h>

/* Unsigned: what overflows is defined. */
typedef uint64_t word;
typedef word (*step_function)(word);

struct pair { word first, second; };
struct entry { word value; const char *name; };

/* State, of the process and of the thread. */
extern word counter;
extern _Thread_local word local_counter;

/* Constants whose addresses are compared; the table exists once. */
extern const char shared_name[];
extern const word small_constant;
extern const word large_table[64];
/* A constant that names functions of several files, and one that holds the address of state. */
extern const step_function all_steps[4];
extern word *const counter_place;

/* Entries of all files, side by side in a section. */
extern const struct entry __start_entries[], __stop_entries[];
#define ENTRY(NAME, VALUE)                                                                                 \
    static const struct entry entry_##NAME __attribute__((section("entries"), used)) = {VALUE, #NAME};

/* Each file has its own. */
static inline word own_calls(word n) {
    static word calls;
    return n + ++calls;
}

/* One definition outside, in three.c. */
inline word twice(word n) { return 2 * n; }

word tiny(word n);
word step_one(word n);
word step_two(word n);
word step_three(word n);
word step_four(word n);
word weak_or_strong(word n);
word interpret(const unsigned char *code, word n);
word sum(int count, ...);
struct pair turned(struct pair pair);
int is_shared_name(const char *text);
int is_table(const word *table);
int is_tiny(step_function function);
const char *name_of_two(void);

/* A hundred functions a file, so that there is something to cut. */
#define ONE(FILE, N)                                                                                       \
    static word FILE##_mix_##N(word x) {                                                                   \
        word bits = x + 0x9e3779b97f4a7c15u * (N + 1);                                                     \
        for (int round = 0; round < N % 7; round++) bits ^= bits >> 13;                                    \
        bits ^= bits << 7;                                                                                 \
        return (bits ^ bits >> 9) + counter;                                                               \
    }
#define TEN(FILE, N)                                                                                       \
    ONE(FILE, N##0) ONE(FILE, N##1) ONE(FILE, N##2) ONE(FILE, N##3) ONE(FILE, N##4) ONE(FILE, N##5)        \
    ONE(FILE, N##6) ONE(FILE, N##7) ONE(FILE, N##8) ONE(FILE, N##9)
#define NAMES(FILE, N)                                                                                     \
    FILE##_mix_##N##0, FILE##_mix_##N##1, FILE##_mix_##N##2, FILE##_mix_##N##3, FILE##_mix_##N##4,         \
    FILE##_mix_##N##5, FILE##_mix_##N##6, FILE##_mix_##N##7, FILE##_mix_##N##8, FILE##_mix_##N##9
#define HUNDRED(FILE)                                                                                      \
    TEN(FILE, 1) TEN(FILE, 2) TEN(FILE, 3) TEN(FILE, 4) TEN(FILE, 5) TEN(FILE, 6) TEN(FILE, 7) TEN(FILE, 8)\
    static const step_function FILE##_mixes[] = {NAMES(FILE, 1), NAMES(FILE, 2), NAMES(FILE, 3),           \
        NAMES(FILE, 4), NAMES(FILE, 5), NAMES(FILE, 6), NAMES(FILE, 7), NAMES(FILE, 8)};                   \
    static word FILE##_mixed(word x) {                                                                     \
        for (unsigned i = 0; i < sizeof FILE##_mixes / sizeof *FILE##_mixes; i++) x = FILE##_mixes[i](x);  \
        return x;                                                                                          \
    }
