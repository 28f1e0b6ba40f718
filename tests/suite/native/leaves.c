/* Functions that are leaves (yes_…) and functions that look like some but are none (no_…). */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t counter, table[64] = {1, 2, 3};
static _Thread_local int per_thread = 5;
static volatile int watched;
static _Atomic int shared;
static int *stored;
static int64_t (*hook)(int64_t);
static jmp_buf landing;
static const int32_t squares[16] = {0, 1, 4, 9, 16, 25, 36, 49, 64, 81, 100, 121, 144, 169, 196, 225};

int64_t yes_add(int64_t a, int64_t b) { return a + b; }
int32_t yes_shift(int32_t a, int32_t by) { return (a << by) ^ (int32_t)((uint32_t)a >> by); }
int32_t yes_overflow(int32_t a) { return a + 1 > a ? a * 3 : -7; }
int64_t yes_state(int64_t by) { return counter += by; }
int yes_thread_local(int by) { return per_thread += by; }
int32_t yes_table(uint32_t at) { return squares[at & 15]; }
int32_t yes_narrow_table(uint8_t at) { return squares[at >> 4]; }
int32_t yes_clamped(uint64_t at) { return squares[at < 15 ? at : 15]; }
int64_t yes_variable_table(uint64_t at) { return table[at % 64] += 2; }
int yes_bits(uint64_t n) { return __builtin_popcountll(n) + (n ? __builtin_ctzll(n) : 64); }
double yes_float(double a, double b) { return a * b / (a - b); }
double yes_multiply_add(double a, double b, double c) { return a * b + c; }
int32_t yes_convert(double a) { return (int32_t)a; }
float yes_single(float a) { return a < 0 ? -a : a * 2; }
bool yes_bool(bool a, bool b) { return a != b; }
int8_t yes_small(int8_t a, uint8_t b) { return (int8_t)(a + b); }
uint64_t yes_mix(uint64_t a, uint64_t b) { a = (a ^ b) * 0x9E3779B97F4A7C15u; return a ^ (a >> 29); }
int64_t yes_divide(int64_t a) { return a / 10 + a % 7; }
int64_t yes_reinterpret(double a) { union { double d; int64_t i; } u = {a}; return u.i; }
int yes_switch(int a) { switch (a) { case 1: return 10; case 2: return 7; case 5: return 3; default: return a; } }
int yes_short_loop(int a) { for (int i = 0; i < 4; i++) a = a * 5 + i; return a; }
static int helper(int a) { return a > 3 ? a - 3 : a; }
int yes_helper(int a) { return helper(a) + helper(a + 1); }
void yes_nothing(int64_t a) { counter = a; }

__attribute__((noinline)) int64_t no_recursion(int64_t n) { return n < 2 ? n : no_recursion(n - 1) + no_recursion(n - 2) + counter; }
int64_t no_loop(int64_t n) { while (n != 1) { n = n & 1 ? 3 * n + 1 : n / 2; counter++; } return n; }
int64_t no_counted_loop(int64_t n) { uint64_t sum = 1; for (int64_t i = 0; i < n; i++) sum = sum * 31 ^ sum >> 7; return sum; }
int64_t no_end(int64_t n) { for (;;) counter += n; }
int no_volatile(int n) { return watched + n; }
int no_volatile_store(int n) { watched = n; return n; }
int no_atomic(int n) { return atomic_fetch_add(&shared, n); }
int no_atomic_load(int n) { return atomic_load(&shared) + n; }
int64_t no_pointer_call(int64_t n) { return hook ? hook(n) : n; }
void no_set_hook(int64_t n) { hook = n ? no_pointer_call : no_loop; }
int no_setjmp(int n) { return setjmp(landing) + n; }
int no_longjmp(int n) { longjmp(landing, n); }
int no_asm(int n) { __asm__ volatile("" : "+r"(n)); return n; }
int64_t no_syscall(int64_t n) { __asm__ volatile("syscall" : "+a"(n) : : "rcx", "r11", "memory"); return n; }
void no_store_through(int *out) { *out = 1; }
int no_load_through(const int *in) { return in[3]; }
int no_stored_pointer(int n) { return *stored + n; }
void yes_change_pointer(int64_t n) { stored = n ? &per_thread : NULL; }
int64_t no_made_pointer(int64_t n) { return *(int64_t *)(uintptr_t)n; }
int no_divide(int a, int b) { return a / b; }
unsigned no_remainder(unsigned a, unsigned b) { return a % b; }
int no_divide_minus_one(int a) { return a % (watched ? 3 : -1); }
int32_t no_open_index(uint64_t at) { return squares[at]; }
int32_t no_near_index(uint32_t at) { return squares[at & 31]; }
int32_t no_signed_index(int64_t at) { return squares[at % 16]; }
int64_t no_variable_index(int64_t at) { return table[at]; }
void no_wild_store(int64_t at) { table[at & 0xFFFF] = at; }
int64_t no_wrapped_index(uint64_t at) { return table[(at & 63) - 1]; }
void *no_heap(int64_t n) { return malloc((size_t)n); }
int64_t no_heap_use(int64_t n) { char *p = malloc(64); strcpy(p, "abc"); n += (int64_t)(uintptr_t)p; free(p); return n; }
int no_print(int n) { return printf("%d\n", n); }
int no_errno(int n) { errno = n; return n; }
int64_t no_clock(int64_t n) { return n + time(NULL); }
int no_abort(int n) { if (n == 7) abort(); return n; }
int no_exit(int n) { if (n == 7) _exit(n); return n; }
int no_trap(int n) { if (n == 7) __builtin_trap(); return n; }
int no_stack(int n) { char room[n > 0 ? n : 1]; memset(room, n, sizeof room); return room[n / 2]; }
int no_stack_array(unsigned n) { int room[64]; for (int i = 0; i < 64; i++) room[i] = per_thread + i; return room[n & 63] + room[(n + 1) & 63]; }
int64_t no_stack_address(int64_t n) { volatile char here; return (int64_t)(uintptr_t)&here + n; }
double no_libm(double a) { return sin(a); }
double no_float_remainder(double a, double b) { return fmod(a, b); }
long double no_long_double(long double a) { return a * 2; }
__int128 no_wide(__int128 a) { return a + 1; }
int no_variadic(int n, ...) { va_list list; va_start(list, n); n += va_arg(list, int); va_end(list); return n; }
struct pair { int64_t a, b; };
int64_t no_record(struct pair p) { return p.a + p.b; }
struct pair no_pair(int64_t a) { return (struct pair){a, a}; }
const char *no_text(int n) { return n ? "yes" : "no"; }
int64_t no_length(const char *text) { return (int64_t)strlen(text); }
void no_prefetch(const char *text) { __builtin_prefetch(text); }
int64_t no_frame(int64_t n) { return (int64_t)(uintptr_t)__builtin_frame_address(0) + n; }
#define MORE(n) counter = counter * 31 + (table[n] ^= counter);
#define EIGHT(n) MORE(n) MORE(n + 1) MORE(n + 2) MORE(n + 3) MORE(n + 4) MORE(n + 5) MORE(n + 6) MORE(n + 7)
int64_t no_long_code(int64_t n) { EIGHT(0) EIGHT(8) EIGHT(16) EIGHT(24) EIGHT(32) EIGHT(40) EIGHT(48) EIGHT(56) return counter + n; }
