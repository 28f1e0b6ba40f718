// Life on 1024 x 1024 cells, 200 generations: two buffers, and rows whose inner cells need no tests.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
enum { SIZE = 1024, GENERATIONS = 200 };

static int64_t at(const int64_t *cells, int x, int y) {
    return x < 0 || y < 0 || x >= SIZE || y >= SIZE ? 0 : cells[y * SIZE + x];
}

static int64_t rule(int64_t n, int64_t cell) { return n == 3 || (n == 2 && cell == 1); }

static void edge(const int64_t *old, int64_t *new, int x, int y) {
    int64_t n = at(old, x - 1, y - 1) + at(old, x, y - 1) + at(old, x + 1, y - 1) + at(old, x - 1, y) + at(old, x + 1, y)
        + at(old, x - 1, y + 1) + at(old, x, y + 1) + at(old, x + 1, y + 1);
    new[y * SIZE + x] = rule(n, at(old, x, y));
}

static void step(const int64_t *restrict old, int64_t *restrict new) {
    for (int y = 0; y < SIZE; y++) {
        if (y == 0 || y == SIZE - 1) {
            for (int x = 0; x < SIZE; x++) edge(old, new, x, y);
            continue;
        }
        const int64_t *above = old + (y - 1) * SIZE, *here = above + SIZE, *below = here + SIZE;
        edge(old, new, 0, y);
        for (int x = 1; x < SIZE - 1; x++) {
            int64_t n = above[x - 1] + above[x] + above[x + 1] + here[x - 1] + here[x + 1] + below[x - 1] + below[x] + below[x + 1];
            new[y * SIZE + x] = rule(n, here[x]);
        }
        edge(old, new, SIZE - 1, y);
    }
}

int main(void) {
    int64_t *old = malloc(SIZE * SIZE * sizeof *old), *new = malloc(SIZE * SIZE * sizeof *new);
    int64_t seed = 12345;
    for (int i = 0; i < SIZE * SIZE; i++) {
        seed = (seed * 1103515245 + 12345) % 2147483648;
        old[i] = seed / 65536 % 2;
    }
    for (int i = 0; i < GENERATIONS; i++) {
        step(old, new);
        int64_t *swap = old;
        old = new;
        new = swap;
    }
    int64_t alive = 0;
    for (int i = 0; i < SIZE * SIZE; i++) alive += old[i];
    printf("%ld\n", (long)alive);
}
