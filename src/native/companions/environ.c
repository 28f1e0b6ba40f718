/* The environment for C code that names the variable itself: a list of the instance's own, a copy of the process's when
   the instance begins. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

extern char **coex_shim_process_environment(void);

__attribute__((weak)) char **__environ;
extern __attribute__((weak, alias("__environ"))) char **environ;

/* Places in the list, without the NULL at its end. */
static size_t capacity;

static size_t count(char **list) {
    size_t entries = 0;
    while (list && list[entries]) entries++;
    return entries;
}

__attribute__((constructor(101))) static void begin(void) {
    char **process = coex_shim_process_environment();
    capacity = count(process);
    __environ = malloc((capacity + 1) * sizeof *__environ);
    if (!__environ) return;
    for (size_t i = 0; i < capacity; i++) __environ[i] = strdup(process[i]);
    __environ[capacity] = NULL;
}

static char **find(const char *name, size_t length) {
    for (char **entry = __environ; entry && *entry; entry++)
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') return entry;
    return NULL;
}

/* The text becomes an entry. */
static int put(char *text, size_t length) {
    char **place = find(text, length);
    size_t entries = count(__environ);
    if (place) {
        *place = text;
        return 0;
    }
    if (entries >= capacity) {
        /* C code may have put a list of its own there, which is not ours to free. */
        char **longer = malloc((2 * entries + 8) * sizeof *longer);
        if (!longer) return -1;
        if (entries) memcpy(longer, __environ, entries * sizeof *longer);
        __environ = longer;
        capacity = 2 * entries + 7;
    }
    __environ[entries] = text;
    __environ[entries + 1] = NULL;
    return 0;
}

static int is_name(const char *name) {
    if (name && *name && !strchr(name, '=')) return 1;
    errno = EINVAL;
    return 0;
}

__attribute__((weak)) char *getenv(const char *name) {
    size_t length = strlen(name);
    char **entry = find(name, length);
    return entry ? *entry + length + 1 : NULL;
}

__attribute__((weak)) char *secure_getenv(const char *name) { return getenv(name); }

__attribute__((weak)) int unsetenv(const char *name) {
    if (!is_name(name)) return -1;
    for (char **entry; (entry = find(name, strlen(name)));)
        do entry[0] = entry[1];
        while (*entry++);
    return 0;
}

__attribute__((weak)) int setenv(const char *name, const char *value, int overwrite) {
    if (!is_name(name)) return -1;
    size_t length = strlen(name);
    if (!overwrite && find(name, length)) return 0;
    char *text = malloc(length + strlen(value) + 2);
    if (!text) return -1;
    memcpy(text, name, length);
    text[length] = '=';
    strcpy(text + length + 1, value);
    return put(text, length);
}

__attribute__((weak)) int putenv(char *text) {
    char *sign = strchr(text, '=');
    return sign ? put(text, (size_t)(sign - text)) : unsetenv(text);
}

__attribute__((weak)) int clearenv(void) {
    __environ = NULL;
    capacity = 0;
    return 0;
}
