// A growing array and a growing text, called as: collections WHAT COUNT. See collections.coex.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long *numbers(long count) {
    long *list = NULL, room = 0;
    for (long i = 0; i < count; i++) {
        if (i == room) list = realloc(list, (room = room ? room * 2 : 4) * sizeof *list);
        list[i] = i;
    }
    return list;
}

__attribute__((noinline)) static long sum(const long *list, long count) {
    long total = 0;
    for (long i = 0; i < count; i++) total += list[i];
    __asm__ volatile("" ::: "memory");
    return total;
}

__attribute__((noinline)) static long build(void) {
    char *text = NULL;
    size_t room = 0, used = 0;
    for (long i = 0; i < 1000000; i++) {
        const char *piece = "piece ";
        size_t len = strlen(piece);
        if (used + len > room) text = realloc(text, room = (used + len) * 2);
        memcpy(text + used, piece, len);
        used += len;
    }
    __asm__ volatile("" : : "r"(text) : "memory");
    free(text);
    return (long)used;
}

int main(int argc, char **argv) {
    if (argc < 3) return 1;
    long count = atol(argv[2]), total = 0;
    if (!strcmp(argv[1], "sum")) {
        long *list = numbers(1000000);
        for (long round = 0; round < count / 1000000; round++) total += sum(list, 1000000);
    } else if (!strcmp(argv[1], "append")) {
        for (long round = 0; round < count / 1000000; round++) {
            long *list = numbers(1000000);
            __asm__ volatile("" : : "r"(list) : "memory");
            total += list[999999] + 1;
            free(list);
        }
    } else if (!strcmp(argv[1], "build")) {
        for (long round = 0; round < count / 1000000; round++) total += build();
    } else {
        return 1;
    }
    printf("%ld\n", total);
    return 0;
}
