/* Runs a Lua script. What the script prints is kept and handed back as text. The
 * interpreter is made at the first call and keeps its globals between calls. */
#include <coex_ffi.h>
#include <stdlib.h>
#include <string.h>

#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

static lua_State *state;
static char *output;
static size_t output_length, output_room;

static void keep(const char *text, size_t length)
{
    if (output_length + length + 1 > output_room) {
        output_room = (output_length + length + 1) * 2;
        output = realloc(output, output_room);
    }
    memcpy(output + output_length, text, length);
    output_length += length;
    output[output_length] = 0;
}

/* Stands in for Lua's print. */
static int script_print(lua_State *lua)
{
    for (int i = 1; i <= lua_gettop(lua); i++) {
        size_t length;
        const char *text = luaL_tolstring(lua, i, &length);
        if (i > 1)
            keep("\t", 1);
        keep(text, length);
        lua_pop(lua, 1);
    }
    keep("\n", 1);
    return 0;
}

const char *lua_script(const char *script)
{
    if (!state) {
        state = luaL_newstate();
        luaL_openlibs(state);
        lua_register(state, "print", script_print);
    }
    output_length = 0;
    keep("", 0);
    if (luaL_dostring(state, script) != LUA_OK) {
        coex_ffi_fail(1, "%s", lua_tostring(state, -1));
        lua_pop(state, 1);
    }
    return output;
}
