/* Stands for the runtime: makes instances from a library's descriptor and runs them in turns and in parallel.
   driver INSTANCES STEPS THREADS prints one line of results an instance. Compiled with PLAIN it is the fresh process. */
#include <setjmp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef PLAIN
int64_t torture(int64_t step);
static void enter(void *base) { (void)base; }
static void *create(void) { return NULL; }
#else
struct relocation { uint64_t at, addend; };
struct descriptor {
    uint32_t abi_version, flags;
    const char *name;
    const char *template_bytes;
    uint64_t data_size, total_size, align;
    const struct relocation *relocations;
    uint64_t relocation_count;
    const char *text_start, *text_end;
    void (*const *constructors)(void);
    uint64_t constructor_count;
    void (*const *destructors)(void);
    uint64_t destructor_count;
    uint64_t max_instances, max_handles, max_arena_bytes;
};
extern const struct descriptor library __asm__(DESCRIPTOR);
int64_t torture(int64_t step) __asm__(TORTURE);
_Thread_local char *coex_inst_base;

void *coex_shim_malloc(size_t size) { return malloc(size); }
void coex_shim_free(void *pointer) { free(pointer); }
char *coex_shim_strdup(const char *text) { return strdup(text); }
void coex_shim_qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *)) {
    qsort(base, count, size, compare);
}
_Noreturn void coex_shim_longjmp(void *place, int value) { longjmp(place, value); }

static void enter(void *base) { coex_inst_base = base; }

static void *create(void) {
    size_t align = library.align;
    char *base = aligned_alloc(align, (library.total_size + align) / align * align);
    if (library.data_size) memcpy(base, library.template_bytes, library.data_size);
    memset(base + library.data_size, 0, library.total_size - library.data_size);
    for (uint64_t i = 0; i < library.relocation_count; i++)
        *(char **)(base + library.relocations[i].at) = base + library.relocations[i].addend;
    enter(base);
    for (uint64_t i = 0; i < library.constructor_count; i++) library.constructors[i]();
    if ((const char *)torture < library.text_start || (const char *)torture >= library.text_end) abort();
    return base;
}
#endif

static int steps;
static int64_t *results;
static void **instances;

static void run(int instance) {
    enter(instances[instance]);
    for (int step = 0; step < steps; step++) results[instance * steps + step] = torture(step);
}

static int count, threads;

static void *worker(void *number) {
    for (int i = (int)(intptr_t)number; i < count; i += threads) run(i);
    return NULL;
}

int main(int argc, char **argv) {
    count = atoi(argv[1]);
    steps = atoi(argv[2]);
    threads = atoi(argv[3]);
    results = calloc((size_t)count * steps, sizeof *results);
    instances = calloc(count, sizeof *instances);
    for (int i = 0; i < count; i++) instances[i] = create();
    if (threads == 0) {
        for (int step = 0; step < steps; step++)
            for (int i = 0; i < count; i++) {
                enter(instances[i]);
                results[i * steps + step] = torture(step);
            }
    } else {
        pthread_t ids[16];
        for (intptr_t t = 0; t < threads; t++) pthread_create(&ids[t], NULL, worker, (void *)t);
        for (int t = 0; t < threads; t++) pthread_join(ids[t], NULL);
    }
    for (int i = 0; i < count; i++) {
        for (int step = 0; step < steps; step++) printf("%lld ", (long long)results[i * steps + step]);
        printf("\n");
    }
    return argc - 4;
}
