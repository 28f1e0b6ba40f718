/* Functions that return strings, one for each kind of ownership. */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int line_width = 72;
static int hex_alive;

/* Every word begins with a capital letter. The caller frees the result. */
char *kit_title(const char *text)
{
    char *copy = strdup(text);
    int inside = 0;
    for (char *c = copy; c && *c; c++) {
        if (!inside)
            *c = (char)toupper((unsigned char)*c);
        inside = !isspace((unsigned char)*c);
    }
    return copy;
}

/* Bytes as hexadecimal digits, to be given back to kit_hex_release. */
char *kit_hex(const uint8_t *bytes, int64_t length)
{
    static const char digits[] = "0123456789abcdef";
    char *text = malloc((size_t)length * 2 + 1);
    if (!text)
        return NULL;
    hex_alive++;
    for (int64_t i = 0; i < length; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[length * 2] = 0;
    return text;
}

void kit_hex_release(char *text)
{
    hex_alive--;
    free(text);
}

/* How many results of kit_hex have not been given back. */
int kit_hex_alive(void)
{
    return hex_alive;
}

/* The character of an entity such as "amp", or NULL. */
const char *kit_entity(const char *name)
{
    static const char *const table[][2] = {
        { "amp", "&" }, { "lt", "<" }, { "gt", ">" }, { "quot", "\"" }, { "euro", "€" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i][0], name) == 0)
            return table[i][1];
    return NULL;
}

/* The text behind the first `mark`, or NULL. */
const char *kit_after(const char *text, const char *mark)
{
    const char *found = strstr(text, mark);
    return found ? found + strlen(mark) : NULL;
}

/* Sets the line width and yields the old one; -1 and EINVAL or ERANGE. */
int kit_set_width(int width)
{
    int old = line_width;
    if (width <= 0 || width > 1000) {
        errno = width <= 0 ? EINVAL : ERANGE;
        return -1;
    }
    line_width = width;
    return old;
}
