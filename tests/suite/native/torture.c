/* State in every form that C knows: a program that runs `torture` on several instances must get from each what a
   fresh process gets. */
#include <errno.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node { int value; struct node *next; int *count; };

static int counter;
static int hits = 7;
static struct node third = {3, 0, &counter};
static struct node second = {2, &third, &counter};
static struct node first = {1, &second, &hits};
struct node *head = &first;
struct node **head_of_heads[2] = {&head, &head};

static int table[8] = {1, 2, 3, 4, 5, 6, 7, 8};
/* Constant, but it holds addresses of variables: its bytes differ between instances. */
static int *const places[3] = {&table[1], &table[3], &hits};
static int *const *const places_again = &places[1];
static union { int *pointer; long number; } either = {&table[2]};
static int *past = (int *)((char *)table + 8);
/* Distances are the same everywhere. */
static const ptrdiff_t distance = (char *)&table[6] - (char *)&table[2];
static intptr_t as_number = (intptr_t)&table[5];
static unsigned char padded[3] = {9, 8, 7};
static struct { char tag; double weight; struct { short low; int *deep; } inner[2]; } record =
    {'x', 2.5, {{1, &hits}, {2, &table[7]}}};
static const struct { char letter; int number; } truly_constant[] = {{'a', 1}, {'b', 2}};
static const char *words[] = {"one", "two", "three"};
static int twice(int n) { return 2 * n; }
static int thrice(int n) { return 3 * n; }
static int (*operations[2])(int) = {twice, thrice};

_Thread_local int per_thread = 5;
static _Thread_local int *per_thread_pointer;
static double aligned[64] __attribute__((aligned(128)));
static char zeros[4096];
__attribute__((weak)) int weak_state = 11;
extern int other_name __attribute__((alias("hits")));

#define ITEM(name, start) static int name __attribute__((section("torture_set"), used)) = start
ITEM(item_a, 100);
ITEM(item_b, 200);
ITEM(item_c, 300);
extern int __start_torture_set[], __stop_torture_set[];

static int constructed;
__attribute__((constructor)) static void construct(void) { constructed += 40; }

extern int other_file(int);

static int compare(const void *left, const void *right) {
    counter++;
    return *(const int *)left - *(const int *)right;
}

__attribute__((const, noinline)) static int *constant_place(int n) { return n & 1 ? &table[4] : &hits; }

static jmp_buf landing;
static int jumps;
static void jump(int n) { jumps += n; longjmp(landing, 1); }

static int interpret(const unsigned char *code) {
    static void *const labels[] = {&&add, &&sub, &&stop};
    static int accumulator;
    goto *labels[*code++];
add: accumulator += 3; goto *labels[*code++];
sub: accumulator -= 1; goto *labels[*code++];
stop: return accumulator;
}

static int phi(int k) {
    int *p;
    switch (k % 4) {
    case 0: p = &table[0]; break;
    case 1: p = &table[1]; break;
    case 2: p = &hits; break;
    default: p = &counter; break;
    }
    *p += 1000;
    return *p;
}

static void vectors(int k) {
    for (int i = 0; i < 64; i++) aligned[i] = aligned[i] * 0.5 + i + k;
}

int64_t torture(int64_t step) {
    static int calls = 100;
    static char *kept;
    int k = (int)step;
    calls += k;
    per_thread++;
    if (!per_thread_pointer) per_thread_pointer = &per_thread;
    *per_thread_pointer += 2;
    for (struct node *n = *head_of_heads[k & 1]; n; n = n->next) *n->count += n->value;
    for (int i = 0; i < 3; i++) *places[i] += 1;
    **places_again += 5;
    *either.pointer += 10;
    *past += 1;
    *(int *)as_number += 7;
    *record.inner[k & 1].deep += 4;
    record.weight *= 1.5;
    padded[k % 3]++;
    weak_state += k;
    other_name += 2;
    constructed++;
    words[k % 3] = words[(k + 1) % 3];
    operations[k & 1] = operations[!(k & 1)];
    *constant_place(k) += 3;
    for (int *item = __start_torture_set; item < __stop_torture_set; item++) *item += k;
    int sorted[4] = {4, 3, 2, 1};
    qsort(sorted, 4, sizeof(int), compare);
    if (setjmp(landing) == 0) jump(k);
    unsigned char code[] = {0, (unsigned char)(k & 1), 2};
    int interpreted = interpret(code);
    vectors(k);
    zeros[(k * 37) % 4096]++;
    free(kept);
    kept = strdup(words[0]);
    struct node *grown = malloc(sizeof *grown);
    *grown = (struct node){k, head, &counter};
    head = grown;
    errno = k;
    int64_t sum = 0;
    for (int i = 0; i < 8; i++) sum = sum * 31 + table[i];
    for (int i = 0; i < 4096; i++) sum += zeros[i] * i;
    sum = sum * 31 + calls + counter + hits + per_thread + jumps + interpreted + phi(k) + sorted[0];
    sum = sum * 31 + (int64_t)record.weight + padded[0] + padded[1] * 3 + padded[2] * 5 + weak_state;
    sum = sum * 31 + constructed + (int64_t)strlen(kept) + operations[0](k) + (int64_t)aligned[63];
    sum = sum * 31 + item_a + item_b * 3 + item_c * 5 + (__stop_torture_set - __start_torture_set);
    return sum + distance + truly_constant[k & 1].number + errno + other_file(k);
}

int hidden_from_coex(void) { return counter; }
