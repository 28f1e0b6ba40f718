/* What C code of a Coex library may ask of the runtime. Reference: the language reference, chapter 11.
 *
 * All of it is for code that runs below a call from Coex. An instance is one private copy of this library's whole C
 * state: its globals, its heap (malloc and family), its errno, its handles. It runs one call at a time. */
#ifndef COEX_FFI_H
#define COEX_FFI_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The current instance; above 0 inside a call. */
int64_t coex_ffi_instance_id(void);

/* Scratch memory: freed after the call has returned to Coex and its result has been copied. */
void *coex_ffi_alloc(size_t bytes);

/* A handle of this instance, or a negative number. A stale or foreign handle never resolves. When the instance ends,
 * free_fn (which may be NULL) is called for handles that are still open, newest first. */
int64_t coex_ffi_handle_new(void *pointer, void (*free_fn)(void *));
void *coex_ffi_handle_ptr(int64_t handle);   /* or NULL */
void coex_ffi_handle_close(int64_t handle);  /* runs free_fn */

/* Makes the running call return an error to Coex; the C function still returns normally. */
void coex_ffi_fail_text(int64_t code, const char *text);
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3), unused))
#endif
static inline void coex_ffi_fail(int64_t code, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    coex_ffi_fail_text(code, text);
}

/* Not 0 once nobody waits for this call any more. */
int coex_ffi_cancelled(void);

/* A buffer to return as [byte]: fill data[0 .. len). NULL when memory is refused. */
typedef struct coex_bytes {
    int64_t len;
    uint8_t *data;
} coex_bytes;
coex_bytes *coex_ffi_bytes(int64_t len);

/* Older names. Failures are negative (-1 invalid instance or table full, -2 memory or handle table full, -3 NULL) or NULL. */
#define COEX_FFI_RESOURCE_EXHAUSTED (-100)
int64_t coex_ffi_instance_create(const char *library);
void coex_ffi_instance_destroy(int64_t id);
int coex_ffi_instance_valid(int64_t id);
void *coex_ffi_instance_get_arena(int64_t id);
int64_t coex_ffi_current_instance(void);
int64_t coex_ffi_instance_count(void);
int64_t coex_ffi_handle_alloc(int64_t id, void *pointer);
void *coex_ffi_handle_get(int64_t id, int64_t handle);
void coex_ffi_handle_free(int64_t id, int64_t handle);
void coex_ffi_handle_free_ptr(int64_t id, int64_t handle);
void *coex_ffi_arena_alloc(int64_t id, size_t bytes);
void coex_ffi_arena_reset(int64_t id);
void coex_ffi_enter(int64_t id);
void coex_ffi_exit(int64_t id);
int coex_ffi_in_foreign_code(void);
int coex_ffi_can_allocate(size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
