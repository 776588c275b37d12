#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "net/aws_call.h"
#include "store/store.h"

/* A folder is walked part by part with openat and O_NOFOLLOW, so that no link leads out of it, and
 * an object is written to a temporary file beside its place, so that it is whole or absent. */

#define TEMPORARY ".put-"
#define RACES     100 /* how often a concurrent removal may take a folder from under a put */

typedef struct dir {
    ff_store store; /* first */
    int fd;
    char *path; /* for messages */
} dir;

static ff_code fault(const dir *d, int number, const char *key, const char *what, ff_err *err)
{
    char file[PATH_MAX + FF_MAX_KEY];
    snprintf(file, sizeof file, "%s/%s", d->path, key);
    ff_code code;
    if (number == ELOOP || number == EMLINK) {
        code = ff_err_set(err, FF_DENIED, "%s: a symbolic link is not followed", what);
        ff_err_in_file(err, file);
    } else if (number == ENAMETOOLONG) {
        code = ff_err_set(err, FF_LIMIT, "%s: a part of the key has over %d bytes", what, NAME_MAX);
        ff_err_in_file(err, file);
    } else {
        code = ff_err_errno(err, number, file, what);
    }
    return code;
}

/* Opens the folder in which key's last part lies; *name is that part. Folders are
 * made where make says so. -1 with errno on failure. */
static int open_parent(const dir *d, const char *key, bool make, const char **name)
{
    char part[FF_MAX_KEY + 1];
    int at = fcntl(d->fd, F_DUPFD_CLOEXEC, 0);
    for (const char *p = key; at >= 0; p += strlen(part) + 1) {
        size_t len = strcspn(p, "/");
        if (!p[len]) {
            *name = p;
            return at;
        }
        memcpy(part, p, len);
        part[len] = '\0';
        if (make && mkdirat(at, part, 0777) < 0 && errno != EEXIST) {
            int number = errno;
            close(at);
            errno = number;
            return -1;
        }
        int next = openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int number = errno;
        struct stat st;
        if (next < 0 && number == ENOTDIR && !fstatat(at, part, &st, AT_SYMLINK_NOFOLLOW) &&
            S_ISLNK(st.st_mode))
            number = ELOOP;
        close(at);
        at = next;
        errno = number;
    }
    return -1;
}

static int write_parts(int fd, const ff_http_body *body)
{
    struct iovec iov[FF_HTTP_BODY_PARTS];
    int count = 0;
    for (int i = 0; i < body->count; i++)
        if (body->part[i].len)
            iov[count++] = (struct iovec){(void *)body->part[i].data, body->part[i].len};
    for (struct iovec *v = iov; count;) {
        ssize_t n = writev(fd, v, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        size_t left = (size_t)n;
        for (; count && left >= v->iov_len; count--)
            left -= v++->iov_len;
        if (count) {
            v->iov_base = (char *)v->iov_base + left;
            v->iov_len -= left;
        }
    }
    return 0;
}

/* A new file of a random name in the folder at. */
static int create_temporary(int at, char name[32])
{
    for (int tries = 0; tries < RACES; tries++) {
        uint64_t random = 0;
        if (getrandom(&random, sizeof random, 0) != sizeof random)
            return -1;
        snprintf(name, 32, TEMPORARY "%016llx", (unsigned long long)random);
        int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

/* Writes the object into its folder. 0, or an errno. */
static int write_object(int at, const char *name, const ff_store_put *put)
{
    char temporary[32];
    int fd = create_temporary(at, temporary);
    if (fd < 0)
        return errno;
    int number = write_parts(fd, &put->body) < 0 ? errno : 0;
    if (close(fd) < 0 && !number)
        number = errno;
    if (!number && put->if_absent)
        number = linkat(at, temporary, at, name, 0) < 0 ? errno : 0;
    else if (!number)
        number = renameat(at, temporary, at, name) < 0 ? errno : 0;
    if (number || put->if_absent)
        unlinkat(at, temporary, 0);
    return number;
}

static ff_code write_fault(const dir *d, const ff_store_put *put, int number, ff_err *err)
{
    if (number == EEXIST)
        return ff_err_set(err, FF_CONFLICT, "wanted no object at '%.400s', found one", put->key);
    if (number == EISDIR || number == ENOTDIR)
        return ff_err_set(err, FF_UNSUPPORTED,
                          "in a folder a key cannot be another one's folder: '%.400s'", put->key);
    return fault(d, number, put->key, "cannot write", err);
}

static ff_code put_now(const dir *d, const ff_store_put *put, ff_err *err)
{
    const char *base = strrchr(put->key, '/');
    base = base ? base + 1 : put->key;
    if (!strncmp(base, TEMPORARY, strlen(TEMPORARY)))
        return ff_err_set(err, FF_UNSUPPORTED,
                          "no key's last part begins with " TEMPORARY " in a folder: '%.400s'",
                          put->key);
    int number = ENOENT;
    for (int tries = 0; number == ENOENT && tries < RACES; tries++) {
        const char *name = NULL;
        int at = open_parent(d, put->key, true, &name);
        number = at < 0 ? errno : write_object(at, name, put);
        if (at >= 0)
            close(at);
    }
    return number ? write_fault(d, put, number, err) : FF_OK;
}

static ff_code read_object(const dir *d, int fd, const char *key, size_t max, ff_buf *body,
                           ff_err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fault(d, errno, key, "cannot read", err);
    if (S_ISDIR(st.st_mode))
        return ff_err_set(err, FF_NOT_FOUND, "no object at '%.400s'", key);
    if (!S_ISREG(st.st_mode))
        return ff_err_set(err, FF_DENIED, "'%.400s' is no regular file", key);
    if ((uint64_t)st.st_size > max)
        return ff_err_set(err, FF_LIMIT, "wanted an object of at most %zu bytes, '%.400s' has %lld",
                          max, key, (long long)st.st_size);
    ff_code code = ff_buf_reserve(body, (size_t)st.st_size, err);
    while (!code && body->len < (size_t)st.st_size) {
        ssize_t n = read(fd, body->data + body->len, (size_t)st.st_size - body->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault(d, errno, key, "cannot read", err);
        if (n == 0)
            return ff_err_set(err, FF_IO, "'%.400s' ended after %zu of %lld bytes", key, body->len,
                              (long long)st.st_size);
        body->len += (size_t)n;
    }
    return code;
}

static ff_code get_now(const dir *d, const char *key, size_t max, ff_buf *body, ff_err *err)
{
    const char *name = NULL;
    int fd = -1, number = 0;
    int at = open_parent(d, key, false, &name);
    if (at >= 0)
        fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        number = errno;
    if (at >= 0)
        close(at);
    if (number == ENOENT || number == ENOTDIR)
        return ff_err_set(err, FF_NOT_FOUND, "no object at '%.400s'", key);
    if (number)
        return fault(d, number, key, "cannot open", err);
    ff_code code = read_object(d, fd, key, max, body, err);
    close(fd);
    return code;
}

/* Removes the folders above key that are empty, from the innermost. */
static void prune(const dir *d, const char *key)
{
    char path[FF_MAX_KEY + 1];
    snprintf(path, sizeof path, "%s", key);
    for (char *slash; (slash = strrchr(path, '/'));) {
        *slash = '\0';
        const char *name = NULL;
        int at = open_parent(d, path, false, &name);
        if (at < 0)
            return;
        int gone = unlinkat(at, name, AT_REMOVEDIR);
        close(at);
        if (gone < 0)
            return;
    }
}

static ff_code remove_now(const dir *d, const char *key, ff_err *err)
{
    const char *name = NULL;
    int at = open_parent(d, key, false, &name);
    int number = at < 0 || unlinkat(at, name, 0) < 0 ? errno : 0;
    if (at >= 0)
        close(at);
    if (number == ENOENT || number == ENOTDIR || number == EISDIR)
        return FF_OK; /* absent */
    if (number)
        return fault(d, number, key, "cannot remove", err);
    prune(d, key);
    return FF_OK;
}

static ff_code check_deadline(int64_t deadline_ns, ff_err *err)
{
    if (ff_clock_now_ns() < deadline_ns)
        return FF_OK;
    return ff_err_set(err, FF_TIMEOUT, "the deadline had passed before the start");
}

static void end(ff_store_done done, void *user, ff_code code, const ff_err *err,
                ff_store_result *result)
{
    result->attempts = 1;
    result->done_ns = ff_clock_now_ns();
    result->first_byte_ns = result->done_ns;
    done(user, code, err, result);
    ff_buf_clean(&result->body);
}

static ff_code put(ff_store *store, const ff_store_put *put, ff_store_done done, void *user,
                   ff_err *err)
{
    (void)err;
    ff_err found = {0};
    ff_store_result result = {.started_ns = ff_clock_now_ns(),
                              .bytes = ff_aws_body_bytes(&put->body)};
    ff_code code = check_deadline(put->deadline_ns, &found);
    if (!code)
        code = put_now((const dir *)store, put, &found);
    end(done, user, code, &found, &result);
    return FF_OK;
}

static ff_code get(ff_store *store, const char *key, size_t max, int64_t deadline_ns,
                   ff_store_done done, void *user, ff_err *err)
{
    (void)err;
    ff_err found = {0};
    ff_store_result result = {.started_ns = ff_clock_now_ns()};
    ff_code code = check_deadline(deadline_ns, &found);
    if (!code)
        code = get_now((const dir *)store, key, max, &result.body, &found);
    if (code)
        ff_buf_clean(&result.body);
    result.bytes = result.body.len;
    end(done, user, code, &found, &result);
    return FF_OK;
}

static ff_code remove_keys(ff_store *store, const char *const *keys, size_t count,
                           int64_t deadline_ns, ff_store_done done, void *user, ff_err *err)
{
    (void)err;
    ff_err found = {0}, later;
    ff_store_result result = {.started_ns = ff_clock_now_ns()};
    ff_code code = check_deadline(deadline_ns, &found);
    bool late = code != FF_OK;
    for (size_t i = 0; !late && i < count; i++) { /* all of them, whichever fails */
        ff_code one = remove_now((const dir *)store, keys[i], code ? &later : &found);
        code = code ? code : one;
    }
    end(done, user, code, &found, &result);
    return FF_OK;
}

static void free_dir(ff_store *store)
{
    dir *d = (dir *)store;
    close(d->fd);
    ff_mem_free(d->path);
    ff_mem_free(d);
}

static const ff_store_ops OPS = {
    .name = "dir", .put = put, .get = get, .remove = remove_keys, .free = free_dir};

ff_code ff_store_dir_new(const char *path, ff_store **out, ff_err *err)
{
    if (!*path)
        return ff_err_set(err, FF_USAGE, "wanted a folder's path, found none");
    ff_code code = ff_dir_make(path, err);
    if (code)
        return code;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ff_err_errno(err, errno, path, "cannot open the folder");
    dir *d = ff_mem_must(sizeof *d);
    *d = (dir){.store = {&OPS, NULL}, .fd = fd, .path = ff_mem_must_strdup(path)};
    *out = &d->store;
    return FF_OK;
}
