/* A second file: the same names may be static in both, and state is reached across files. */
struct node { int value; struct node *next; int *count; };
extern struct node *head;
static int counter = 50;
static int *own = &counter;

int other_file(int k) {
    static int table[2] = {1, 2};
    table[k & 1] += head->value;
    return ++*own + table[0] * 7 + table[1];
}
