#include "deploy/layer.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "deploy/tar.h"

#define DEFLATED (64u << 10)
#define MAX_DIRS 1024

/* Tar bytes go in; they are hashed, deflated, hashed again and written. */
typedef struct writer {
    ff_out *out;
    ff_sha256 *plain, *packed;
    z_stream z;
    uint64_t fill;                    /* bytes of the file under way, for its last block */
    char dir[MAX_DIRS][PATH_MAX / 8]; /* folders that are in already */
    int dir_count;
} writer;

static ff_code deflate_some(writer *w, int flush, ff_err *err)
{
    uint8_t out[DEFLATED];
    do {
        w->z.next_out = out;
        w->z.avail_out = sizeof out;
        if (deflate(&w->z, flush) == Z_STREAM_ERROR)
            return ff_err_set(err, FF_INTERNAL, "zlib: %s", w->z.msg ? w->z.msg : "stream error");
        size_t len = sizeof out - w->z.avail_out;
        ff_sha256_update(w->packed, out, len);
        ff_code code = ff_out_write(w->out, out, len, err);
        if (code)
            return code;
    } while (w->z.avail_out == 0);
    return FF_OK;
}

static ff_code put(void *user, const void *data, size_t len, ff_err *err)
{
    writer *w = user;
    ff_code code = FF_OK;
    ff_sha256_update(w->plain, data, len);
    w->fill += len;
    for (const uint8_t *p = data; !code && len;) { /* zlib counts in 32 bits */
        uInt some = len < (1u << 30) ? (uInt)len : 1u << 30;
        w->z.next_in = (Bytef *)(uintptr_t)p;
        w->z.avail_in = some;
        code = deflate_some(w, Z_NO_FLUSH, err);
        p += some;
        len -= some;
    }
    return code;
}

static ff_code put_zeros(writer *w, size_t len, ff_err *err)
{
    static const uint8_t ZEROS[2 * FF_TAR_BLOCK];
    return len ? put(w, ZEROS, len, err) : FF_OK;
}

static ff_code put_header(writer *w, const char *name, uint64_t size, int mode, ff_err *err)
{
    uint8_t block[FF_TAR_BLOCK];
    ff_code code = ff_tar_header(name, size, mode, block, err);
    return code ? code : put(w, block, sizeof block, err);
}

/* The folders that name lies in, those which are not in yet. */
static ff_code put_dirs(writer *w, const char *name, ff_err *err)
{
    ff_code code = FF_OK;
    for (const char *slash = name; !code && (slash = strchr(slash, '/')) != NULL; slash++) {
        size_t len = (size_t)(slash - name) + 1;
        bool known = false;
        for (int i = 0; i < w->dir_count && !known; i++)
            known = strlen(w->dir[i]) == len && !memcmp(w->dir[i], name, len);
        if (known)
            continue;
        if (w->dir_count == MAX_DIRS || len >= sizeof w->dir[0])
            return ff_err_set(err, FF_LIMIT, "over %d folders in a layer, or a name over %zu bytes",
                              MAX_DIRS, sizeof w->dir[0] - 1);
        char *dir = w->dir[w->dir_count++];
        memcpy(dir, name, len);
        dir[len] = '\0';
        code = put_header(w, dir, 0, 0755, err);
    }
    return code;
}

static ff_code put_file(writer *w, const char *root, const ff_pack_file *file, ff_err *err)
{
    char name[PATH_MAX];
    ff_code code = ff_path_join(root, file->name, name, err);
    if (!code)
        code = put_dirs(w, name, err);
    if (!code)
        code = put_header(w, name, file->size, file->mode, err);
    w->fill = 0;
    if (!code)
        code = ff_pack_read(file, put, w, err);
    if (!code)
        code = put_zeros(w, (size_t)(-w->fill % FF_TAR_BLOCK), err);
    return code;
}

static ff_code put_all(writer *w, const char *root, const ff_pack_file *const *files, int count,
                       ff_err *err)
{
    ff_code code = FF_OK;
    for (int i = 0; !code && i < count; i++)
        code = put_file(w, root, files[i], err);
    if (!code)
        code = put_zeros(w, 2 * FF_TAR_BLOCK, err);
    return code ? code : deflate_some(w, Z_FINISH, err);
}

ff_code ff_layer_write(const char *dir, const char *root, const ff_pack_file *const *files,
                       int count, bool fast, ff_layer *out, ff_err *err)
{
    char path[PATH_MAX], final[PATH_MAX];
    uint8_t digest[FF_SHA256_BYTES];
    ff_layer layer = {0};
    ff_code code = ff_path_join(dir, "layer", path, err);
    writer *w = ff_mem_must(sizeof *w);
    w->plain = ff_sha256_new();
    w->packed = ff_sha256_new();
    /* 16: with a gzip header, which tells no time unless it is given one */
    if (!code && deflateInit2(&w->z, fast ? Z_BEST_SPEED : Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                              MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        code = ff_err_set(err, FF_NO_MEMORY, "zlib cannot be initialised");
    if (!code)
        code = ff_out_open(path, &w->out, err);
    if (!code)
        code = put_all(w, root, files, count, err);
    deflateEnd(&w->z); /* fine where it was not initialised */
    ff_sha256_final(w->plain, digest);
    ff_hash_hex(digest, sizeof digest, layer.diff_id);
    ff_sha256_final(w->packed, digest);
    ff_hash_hex(digest, sizeof digest, layer.digest);
    if (code) {
        ff_out_abort(w->out);
    } else {
        layer.bytes = ff_out_position(w->out);
        code = ff_out_commit(w->out, err);
    }
    ff_mem_free(w);
    if (!code)
        code = ff_path_join(dir, layer.digest, final, err);
    if (!code && rename(path, final))
        code = ff_err_errno(err, errno, final, "cannot rename to");
    if (!code)
        *out = layer;
    return code;
}
