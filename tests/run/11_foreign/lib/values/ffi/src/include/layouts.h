#include <stdbool.h>
#include <stdint.h>

typedef struct { int32_t width, height; double scale; } extent;
typedef struct { extent corner; uint8_t tag; bool open; } box;
