/* Objects as files; the format is drawn in objects_int.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "local/objects_int.h"

#define MAGIC        "FFOBJ1\n"
#define MAGIC_BYTES  7u
#define HEADER_MAX   65536u
#define COPY_BYTES   (1u << 20)
#define PARTS_FOLDER ".parts"

static void put_u32(uint8_t *out, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(n >> (8 * i));
}

static uint32_t get_u32(const uint8_t *in)
{
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

static ff_code header_json(const ff_object *object, uint64_t size, ff_buf *json, ff_err *err)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    if (!doc)
        return ff_err_set(err, FF_NO_MEMORY, "no memory for an object's header");
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_str(doc, root, "key", object->key);
    yyjson_mut_obj_add_str(doc, root, "etag", object->etag);
    yyjson_mut_obj_add_int(doc, root, "modified_ms", object->modified_ms);
    yyjson_mut_obj_add_uint(doc, root, "sequence", object->sequence);
    yyjson_mut_obj_add_uint(doc, root, "size", size);
    yyjson_mut_val *checksum = yyjson_mut_obj_add_arr(doc, root, "checksum");
    yyjson_mut_arr_add_str(doc, checksum, object->checksum_name);
    yyjson_mut_arr_add_str(doc, checksum, object->checksum);
    yyjson_mut_val *headers = yyjson_mut_obj_add_arr(doc, root, "headers");
    for (int i = 0; i < object->header_count; i++) {
        yyjson_mut_val *pair = yyjson_mut_arr_add_arr(doc, headers);
        yyjson_mut_arr_add_str(doc, pair, object->headers[i].name);
        yyjson_mut_arr_add_str(doc, pair, object->headers[i].value);
    }
    ff_code code = ff_json_emit(doc, false, json, err);
    yyjson_mut_doc_free(doc);
    return code;
}

static const char *pair_at(yyjson_val *list, size_t i)
{
    const char *text = yyjson_get_str(yyjson_arr_get(list, i));
    return text ? text : "";
}

static ff_code parse_header(ff_bytes json, uint64_t body_bytes, ff_object **out, ff_err *err)
{
    yyjson_doc *doc = NULL;
    ff_object *object = NULL;
    ff_code code = ff_json_parse(json, &doc, err);
    if (code)
        return code;
    yyjson_val *root = yyjson_doc_get_root(doc), *checksum, *headers, *pair;
    const char *key, *etag;
    int64_t modified, sequence, size;
    if ((code = ff_json_str(root, "key", &key, err)) ||
        (code = ff_json_str(root, "etag", &etag, err)) ||
        (code = ff_json_int(root, "modified_ms", 0, INT64_MAX, &modified, err)) ||
        (code = ff_json_int(root, "sequence", 0, INT64_MAX, &sequence, err)) ||
        (code = ff_json_int(root, "size", 0, INT64_MAX, &size, err)) ||
        (code = ff_json_arr(root, "checksum", &checksum, err)) ||
        (code = ff_json_arr(root, "headers", &headers, err)))
        goto done;
    if (!*key || strlen(key) > FF_MAX_KEY) {
        code = ff_err_set(err, FF_FORMAT, "a key has 1 to %u bytes, found %zu", FF_MAX_KEY,
                          strlen(key));
        goto done;
    }
    if ((uint64_t)size != body_bytes) {
        code = ff_err_set(err, FF_FORMAT, "a body of %lld bytes is wanted, found %llu",
                          (long long)size, (unsigned long long)body_bytes);
        goto done;
    }
    object = ff_object_new(key);
    snprintf(object->etag, sizeof object->etag, "%s", etag);
    object->modified_ms = modified;
    object->sequence = (uint64_t)sequence;
    snprintf(object->checksum_name, sizeof object->checksum_name, "%s", pair_at(checksum, 0));
    snprintf(object->checksum, sizeof object->checksum, "%s", pair_at(checksum, 1));
    size_t i, max;
    yyjson_arr_foreach(headers, i, max, pair)
    {
        if (yyjson_is_arr(pair) && *pair_at(pair, 0))
            ff_object_add_header(object, pair_at(pair, 0), pair_at(pair, 1));
    }
    *out = object;
done:
    yyjson_doc_free(doc);
    return code;
}

static ff_code read_exactly(int fd, uint8_t *out, size_t len)
{
    while (len) {
        ssize_t n = read(fd, out, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FF_FORMAT;
        out += n;
        len -= (size_t)n;
    }
    return FF_OK;
}

static ff_code read_object(const char *path, int fd, ff_object **out, ff_err *err)
{
    uint8_t start[MAGIC_BYTES + 4];
    struct stat info;
    ff_buf json = {0};
    if (fstat(fd, &info) || !S_ISREG(info.st_mode) || read_exactly(fd, start, sizeof start) ||
        memcmp(start, MAGIC, MAGIC_BYTES) != 0)
        return ff_err_at(err, FF_FORMAT, path, 0, "not an object's file");
    uint32_t len = get_u32(start + MAGIC_BYTES);
    uint64_t offset = sizeof start + (uint64_t)len;
    if (len > HEADER_MAX || offset > (uint64_t)info.st_size)
        return ff_err_at(err, FF_FORMAT, path, MAGIC_BYTES, "a header of %u bytes in %lld", len,
                         (long long)info.st_size);
    ff_code code = ff_buf_reserve(&json, len, err);
    if (!code && read_exactly(fd, json.data, len))
        code = ff_err_set(err, FF_IO, "the header cannot be read");
    json.len = code ? 0 : len;
    ff_object *object = NULL;
    if (!code)
        code = parse_header(ff_buf_view(&json), (uint64_t)info.st_size - offset, &object, err);
    ff_buf_clean(&json);
    if (code)
        return code;
    ff_buf none = {0};
    object->blob = ff_blob_of_buf(&none);
    object->blob->path = ff_mem_must_strdup(path);
    object->blob->offset = offset;
    object->blob->size = (uint64_t)info.st_size - offset;
    *out = object;
    return FF_OK;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static ff_code load_object(ff_objects *objects, const char *bucket, const char *path, ff_err *err)
{
    ff_object *object = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return ff_err_errno(err, errno, path, "cannot open an object's file");
    ff_code code = read_object(path, fd, &object, err);
    close(fd);
    if (code)
        return code;
    if (object->sequence >= atomic_load(&objects->sequence))
        atomic_store(&objects->sequence, object->sequence + 1);
    pthread_mutex_lock(&objects->synced.lock);
    code = ff_objects_reserve(objects, ff_object_cost(object) + object->blob->size, err);
    pthread_mutex_unlock(&objects->synced.lock);
    if (!code)
        code = ff_objects_index(objects, bucket, object, NULL, err);
    ff_object_unref(object);
    return code;
}

/* A damaged file is told and left alone; what was being written is removed. */
static ff_code load_bucket(ff_objects *objects, const char *name, const char *dir, ff_err *err)
{
    DIR *folder = opendir(dir);
    if (!folder)
        return ff_err_errno(err, errno, dir, "cannot read a bucket's folder");
    ff_code code = FF_OK;
    for (struct dirent *entry; !code && (entry = readdir(folder)) != NULL;) {
        char path[PATH_MAX];
        ff_err own = {0};
        if (ff_path_join(dir, entry->d_name, path, NULL))
            continue;
        if (strstr(entry->d_name, ".obj.tmp."))
            unlink(path);
        if (!ends_with(entry->d_name, ".obj"))
            continue;
        code = load_object(objects, name, path, &own);
        if (code == FF_FORMAT) {
            ff_log(FF_LOG_WARN, "left out %s: %s", path, own.message);
            code = FF_OK;
        } else if (code && err) {
            *err = own;
        }
    }
    closedir(folder);
    return code;
}

ff_code ff_disk_load(ff_objects *objects, ff_err *err)
{
    char path[PATH_MAX];
    ff_code code = ff_dir_make(objects->dir, err);
    if (!code)
        code = ff_path_join(objects->dir, PARTS_FOLDER, path, err);
    if (!code)
        code = ff_dir_remove(path, err); /* uploads do not outlive the platform */
    if (!code)
        code = ff_dir_make(path, err);
    DIR *folder = code ? NULL : opendir(objects->dir);
    if (!folder)
        return code ? code : ff_err_errno(err, errno, objects->dir, "cannot read the data folder");
    for (struct dirent *entry; !code && (entry = readdir(folder)) != NULL;) {
        struct stat info;
        if (entry->d_name[0] == '.' || ff_path_join(objects->dir, entry->d_name, path, NULL) ||
            lstat(path, &info) || !S_ISDIR(info.st_mode))
            continue;
        code = ff_objects_make_bucket(objects, entry->d_name, err);
        if (!code)
            code = load_bucket(objects, entry->d_name, path, err);
    }
    closedir(folder);
    return code;
}

ff_code ff_disk_make_bucket(ff_objects *objects, const char *name, ff_err *err)
{
    char path[PATH_MAX];
    ff_code code = ff_path_join(objects->dir, name, path, err);
    return code ? code : ff_dir_make(path, err);
}

void ff_disk_remove_bucket(ff_objects *objects, const char *name)
{
    char path[PATH_MAX];
    if (!ff_path_join(objects->dir, name, path, NULL))
        rmdir(path); /* not when something else lies in it */
}

static ff_code write_blob(ff_out *out, const ff_blob *blob, uint8_t *buffer, ff_err *err)
{
    if (!blob->path)
        return ff_out_write(out, blob->bytes.data, blob->bytes.len, err);
    ff_code code = FF_OK;
    for (uint64_t at = 0; !code && at < blob->size;) {
        size_t n = blob->size - at < COPY_BYTES ? (size_t)(blob->size - at) : COPY_BYTES;
        code = ff_blob_read(blob, at, n, buffer, err);
        if (!code)
            code = ff_out_write(out, buffer, n, err);
        at += n;
    }
    return code;
}

static ff_code write_file(const char *path, const ff_buf *json, ff_blob *const *body, int count,
                          ff_err *err)
{
    uint8_t start[MAGIC_BYTES + 4];
    ff_out *out = NULL;
    memcpy(start, MAGIC, MAGIC_BYTES);
    put_u32(start + MAGIC_BYTES, (uint32_t)json->len);
    uint8_t *buffer = ff_mem_must(COPY_BYTES);
    ff_code code = ff_out_open(path, &out, err);
    if (!code)
        code = ff_out_write(out, start, sizeof start, err);
    if (!code)
        code = ff_out_write(out, json->data, json->len, err);
    for (int i = 0; !code && i < count; i++)
        code = write_blob(out, body[i], buffer, err);
    if (code)
        ff_out_abort(out);
    else
        code = ff_out_commit(out, err);
    ff_mem_free(buffer);
    return code;
}

static ff_blob *file_blob(const char *path, uint64_t offset, uint64_t size)
{
    ff_buf none = {0};
    ff_blob *blob = ff_blob_of_buf(&none);
    blob->path = ff_mem_must_strdup(path);
    blob->offset = offset;
    blob->size = size;
    return blob;
}

ff_code ff_disk_write(ff_objects *objects, const char *bucket, ff_object *object,
                      ff_blob *const *body, int count, ff_err *err)
{
    char path[PATH_MAX], uuid[37];
    ff_buf json = {0};
    uint64_t size = 0;
    ff_random_uuid(uuid);
    for (int i = 0; i < count; i++)
        size += body[i]->size;
    int len = snprintf(path, sizeof path, "%s/%s/%s.obj", objects->dir, bucket, uuid);
    ff_code code = len < (int)sizeof path ? header_json(object, size, &json, err)
                                          : ff_err_set(err, FF_LIMIT, "the path is too long");
    if (!code && json.len > HEADER_MAX)
        code = ff_err_set(err, FF_LIMIT, "an object's header of %zu bytes", json.len);
    if (!code)
        code = write_file(path, &json, body, count, err);
    if (!code)
        object->blob = file_blob(path, MAGIC_BYTES + 4 + json.len, size);
    ff_buf_clean(&json);
    return code;
}

ff_code ff_disk_write_part(ff_objects *objects, ff_bytes bytes, ff_blob **out, ff_err *err)
{
    char path[PATH_MAX], uuid[37];
    ff_random_uuid(uuid);
    int len = snprintf(path, sizeof path, "%s/" PARTS_FOLDER "/%s.part", objects->dir, uuid);
    ff_code code = len < (int)sizeof path ? ff_file_write(path, bytes, err)
                                          : ff_err_set(err, FF_LIMIT, "the path is too long");
    if (code)
        return code;
    *out = file_blob(path, 0, bytes.len);
    atomic_store(&(*out)->doomed, true);
    return FF_OK;
}
