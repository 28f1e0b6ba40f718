/* zlib for Coex: whole buffers in, whole buffers out. The work is done by the
 * system's libz; this file only grows buffers and reports errors. */
#include <coex_ffi.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Copies a finished buffer into a result for Coex. */
static coex_bytes *result(const unsigned char *data, size_t length)
{
    coex_bytes *bytes = coex_ffi_bytes((int64_t)length);
    if (!bytes)
        coex_ffi_fail(Z_MEM_ERROR, "out of memory");
    else if (length)
        memcpy(bytes->data, data, length);
    return bytes;
}

coex_bytes *coex_zlib_compress(const uint8_t *data, int64_t length, int64_t level)
{
    if (level < 0 || level > 9) {
        coex_ffi_fail(Z_STREAM_ERROR, "level %lld is not between 0 and 9", (long long)level);
        return NULL;
    }
    uLongf size = compressBound((uLong)length);
    unsigned char *out = malloc(size);
    if (!out) {
        coex_ffi_fail(Z_MEM_ERROR, "out of memory");
        return NULL;
    }
    int status = compress2(out, &size, data, (uLong)length, (int)level);
    coex_bytes *bytes = NULL;
    if (status == Z_OK)
        bytes = result(out, size);
    else
        coex_ffi_fail(status, "%s", zError(status));
    free(out);
    return bytes;
}

/* Inflates all of `stream`'s input into a buffer that doubles when it is full. */
static unsigned char *inflate_all(z_stream *stream, size_t *length, int *status)
{
    size_t room = stream->avail_in * 4 + 256;
    unsigned char *out = malloc(room);
    *length = 0;
    *status = out ? Z_OK : Z_MEM_ERROR;
    while (*status == Z_OK) {
        if (*length == room) {
            unsigned char *bigger = realloc(out, room * 2);
            if (!bigger) {
                *status = Z_MEM_ERROR;
                break;
            }
            out = bigger;
            room *= 2;
        }
        size_t free_room = room - *length;
        stream->next_out = out + *length;
        stream->avail_out = free_room > 1u << 30 ? 1u << 30 : (uInt)free_room;
        uInt before = stream->avail_out;
        *status = inflate(stream, Z_NO_FLUSH);
        *length += before - stream->avail_out;
    }
    return out;
}

coex_bytes *coex_zlib_decompress(const uint8_t *data, int64_t length)
{
    if (length > UINT32_MAX) {
        coex_ffi_fail(Z_BUF_ERROR, "input is larger than 4 GiB");
        return NULL;
    }
    z_stream stream = { .next_in = (Bytef *)data, .avail_in = (uInt)length };
    int status = inflateInit(&stream);
    if (status != Z_OK) {
        coex_ffi_fail(status, "%s", zError(status));
        return NULL;
    }
    size_t size;
    unsigned char *out = inflate_all(&stream, &size, &status);
    coex_bytes *bytes = NULL;
    if (status == Z_STREAM_END)
        bytes = result(out, size);
    else if (status == Z_BUF_ERROR)
        coex_ffi_fail(status, "data is truncated");
    else
        coex_ffi_fail(status, "%s", stream.msg ? stream.msg : zError(status));
    inflateEnd(&stream);
    free(out);
    return bytes;
}

int64_t coex_zlib_crc32(const uint8_t *data, int64_t length)
{
    return (int64_t)crc32_z(crc32(0, NULL, 0), data, (z_size_t)length);
}
