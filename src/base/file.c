#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define OUT_BUFFER (256u << 10)

static ff_code open_regular(const char *path, int *fd, size_t *size, ff_err *err)
{
    int f = open(path, O_RDONLY | O_CLOEXEC);
    if (f < 0)
        return ff_err_errno(err, errno, path, "cannot open");
    struct stat st;
    if (fstat(f, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(f);
        ff_err_set(err, FF_IO, "wanted a regular file, found another kind");
        ff_err_in_file(err, path);
        return FF_IO;
    }
    *fd = f;
    *size = (size_t)st.st_size;
    return FF_OK;
}

ff_code ff_file_map(const char *path, ff_map *map, ff_err *err)
{
    int fd = -1;
    size_t size = 0;
    ff_code code = open_regular(path, &fd, &size, err);
    if (code)
        return code;
    void *data = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    int number = errno;
    close(fd);
    if (data == MAP_FAILED)
        return ff_err_errno(err, number, path, "cannot map");
    *map = (ff_map){data, size};
    return FF_OK;
}

void ff_file_unmap(ff_map *map)
{
    if (map->data)
        munmap((void *)(uintptr_t)map->data, map->len);
    *map = (ff_map){0};
}

ff_code ff_file_read(const char *path, size_t max, ff_buf *buf, ff_err *err)
{
    int fd = -1;
    size_t size = 0;
    ff_code code = open_regular(path, &fd, &size, err);
    if (code)
        return code;
    if (size > max) {
        code = ff_err_set(err, FF_LIMIT, "%zu bytes, at most %zu are read", size, max);
        goto done;
    }
    code = ff_buf_reserve(buf, size, err);
    for (size_t left = size; !code && left;) {
        ssize_t n = read(fd, buf->data + buf->len, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            code = ff_err_errno(err, errno, path, "cannot read");
        else if (n == 0)
            code = ff_err_set(err, FF_IO, "ended %zu bytes early", left);
        else {
            buf->len += (size_t)n;
            left -= (size_t)n;
        }
    }
done:
    close(fd);
    ff_err_in_file(code ? err : NULL, path);
    return code;
}

struct ff_out {
    int fd;
    char *path;
    char *temporary;
    uint64_t position; /* including what is buffered */
    size_t buffered;
    uint8_t buffer[OUT_BUFFER];
};

ff_code ff_out_open(const char *path, ff_out **out, ff_err *err)
{
    ff_out *o = ff_mem_must(sizeof *o);
    o->path = ff_mem_must_strdup(path);
    o->temporary = ff_mem_must_printf("%s.tmp.XXXXXX", path);
    o->fd = mkostemp(o->temporary, O_CLOEXEC);
    if (o->fd < 0) {
        ff_code code = ff_err_errno(err, errno, path, "cannot create");
        o->temporary[0] = '\0';
        ff_out_abort(o);
        return code;
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(o->fd, 0666 & ~mask);
    *out = o;
    return FF_OK;
}

static ff_code write_all(ff_out *out, const uint8_t *data, size_t len, ff_err *err)
{
    while (len) {
        ssize_t n = write(out->fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ff_err_errno(err, errno, out->path, "cannot write");
        data += n;
        len -= (size_t)n;
    }
    return FF_OK;
}

static ff_code flush(ff_out *out, ff_err *err)
{
    ff_code code = write_all(out, out->buffer, out->buffered, err);
    if (!code)
        out->buffered = 0;
    return code;
}

ff_code ff_out_write(ff_out *out, const void *data, size_t len, ff_err *err)
{
    ff_code code = FF_OK;
    if (len > OUT_BUFFER - out->buffered)
        code = flush(out, err);
    if (code)
        return code;
    if (len > OUT_BUFFER) {
        code = write_all(out, data, len, err);
    } else if (len) {
        memcpy(out->buffer + out->buffered, data, len);
        out->buffered += len;
    }
    if (!code)
        out->position += len;
    return code;
}

ff_code ff_out_pad(ff_out *out, size_t align, ff_err *err)
{
    static const uint8_t ZEROS[4096];
    ff_code code = FF_OK;
    size_t pad = (align - (size_t)(out->position % align)) % align;
    while (!code && pad) {
        size_t n = pad < sizeof ZEROS ? pad : sizeof ZEROS;
        code = ff_out_write(out, ZEROS, n, err);
        pad -= n;
    }
    return code;
}

uint64_t ff_out_position(const ff_out *out)
{
    return out->position;
}

ff_code ff_out_commit(ff_out *out, ff_err *err)
{
    ff_code code = flush(out, err);
    if (!code && close(out->fd) < 0)
        code = ff_err_errno(err, errno, out->path, "cannot close");
    else if (code)
        close(out->fd);
    out->fd = -1;
    if (!code && rename(out->temporary, out->path) < 0)
        code = ff_err_errno(err, errno, out->path, "cannot rename into place");
    if (!code)
        out->temporary[0] = '\0';
    ff_out_abort(out);
    return code;
}

void ff_out_abort(ff_out *out)
{
    if (!out)
        return;
    if (out->fd >= 0)
        close(out->fd);
    if (out->temporary[0])
        unlink(out->temporary);
    ff_mem_free(out->temporary);
    ff_mem_free(out->path);
    ff_mem_free(out);
}

ff_code ff_file_write(const char *path, ff_bytes bytes, ff_err *err)
{
    ff_out *out = NULL;
    ff_code code = ff_out_open(path, &out, err);
    if (code)
        return code;
    code = ff_out_write(out, bytes.data, bytes.len, err);
    if (code) {
        ff_out_abort(out);
        return code;
    }
    return ff_out_commit(out, err);
}

ff_code ff_file_size(const char *path, uint64_t *size, ff_err *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return ff_err_errno(err, errno, path, "cannot read its size");
    *size = (uint64_t)st.st_size;
    return FF_OK;
}

bool ff_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

ff_code ff_dir_make(const char *path, ff_err *err)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof part)
        return ff_err_set(err, FF_LIMIT, "a path of %zu bytes; at most %d", len, PATH_MAX - 1);
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char saved = part[i];
        part[i] = '\0';
        if (mkdir(part, 0777) < 0 && errno != EEXIST)
            return ff_err_errno(err, errno, path, "cannot make the folder");
        part[i] = saved;
    }
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return ff_err_errno(err, ENOTDIR, path, "cannot make the folder");
    return FF_OK;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

ff_code ff_dir_remove(const char *path, ff_err *err)
{
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
        return ff_err_errno(err, errno, path, "cannot remove");
    return FF_OK;
}

ff_code ff_path_join(const char *dir, const char *name, char *out, ff_err *err)
{
    size_t len = strlen(dir);
    const char *slash = len && dir[len - 1] != '/' ? "/" : "";
    if (len + strlen(name) + 2 > PATH_MAX)
        return ff_err_set(err, FF_LIMIT, "a path over %d bytes", PATH_MAX - 1);
    snprintf(out, PATH_MAX, "%s%s%s", dir, slash, name);
    return FF_OK;
}

ff_code ff_path_dir(const char *path, char *out, ff_err *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 1;
    if (len >= PATH_MAX)
        return ff_err_set(err, FF_LIMIT, "a path over %d bytes", PATH_MAX - 1);
    if (!slash)
        path = ".";
    else if (len == 0) /* "/x" */
        len = 1;
    memcpy(out, path, len);
    out[len] = '\0';
    return FF_OK;
}

const char *ff_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool ff_path_stays_inside(const char *name)
{
    if (!*name || *name == '/')
        return false;
    for (const char *p = name; *p;) {
        size_t len = strcspn(p, "/");
        if (len == 2 && p[0] == '.' && p[1] == '.')
            return false;
        p += len + (p[len] == '/');
    }
    return true;
}
