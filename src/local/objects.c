#include "local/objects_int.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

ff_object *ff_object_new(const char *key)
{
    ff_object *object = ff_mem_must(sizeof *object);
    atomic_init(&object->refs, 1);
    object->key = ff_mem_must_strdup(key);
    object->modified_ms = ff_clock_wall_ms();
    return object;
}

void ff_object_add_header(ff_object *object, const char *name, const char *value)
{
    if (object->header_count >= FF_OBJECT_HEADERS)
        return;
    if (!object->headers)
        object->headers = ff_mem_must_array(FF_OBJECT_HEADERS, sizeof *object->headers);
    object->headers[object->header_count++] =
        (ff_http_header){ff_mem_must_strdup(name), ff_mem_must_strdup(value)};
}

static ff_object *object_ref(ff_object *object)
{
    atomic_fetch_add(&object->refs, 1);
    return object;
}

void ff_object_unref(ff_object *object)
{
    if (!object || atomic_fetch_sub(&object->refs, 1) != 1)
        return;
    for (int i = 0; i < object->header_count; i++) {
        ff_mem_free((void *)(uintptr_t)object->headers[i].name);
        ff_mem_free((void *)(uintptr_t)object->headers[i].value);
    }
    ff_mem_free(object->headers);
    ff_blob_unref(object->blob);
    ff_mem_free(object->key);
    ff_mem_free(object);
}

ff_blob *ff_blob_of_buf(ff_buf *bytes)
{
    ff_blob *blob = ff_mem_must(sizeof *blob);
    atomic_init(&blob->refs, 1);
    atomic_init(&blob->doomed, false);
    blob->bytes = *bytes;
    blob->size = bytes->len;
    *bytes = (ff_buf){0};
    return blob;
}

ff_blob *ff_blob_ref(ff_blob *blob)
{
    atomic_fetch_add(&blob->refs, 1);
    return blob;
}

void ff_blob_unref(ff_blob *blob)
{
    if (!blob || atomic_fetch_sub(&blob->refs, 1) != 1)
        return;
    if (blob->path && atomic_load(&blob->doomed))
        unlink(blob->path);
    ff_mem_free(blob->path);
    ff_buf_clean(&blob->bytes);
    ff_mem_free(blob);
}

ff_code ff_blob_read(const ff_blob *blob, uint64_t offset, size_t len, uint8_t *out, ff_err *err)
{
    if (!blob->path) {
        if (len)
            memcpy(out, blob->bytes.data + offset, len);
        return FF_OK;
    }
    int fd = open(blob->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ff_err_errno(err, errno, blob->path, "cannot open an object's file");
    ff_code code = FF_OK;
    while (!code && len) {
        ssize_t n = pread(fd, out, len, (off_t)(blob->offset + offset));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            code = ff_err_errno(err, n ? errno : EIO, blob->path, "cannot read an object's file");
            break;
        }
        out += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    close(fd);
    return code;
}

uint64_t ff_object_cost(const ff_object *object)
{
    uint64_t bytes = FF_OBJECT_OVERHEAD + strlen(object->key);
    for (int i = 0; i < object->header_count; i++)
        bytes += strlen(object->headers[i].name) + strlen(object->headers[i].value) + 32;
    return bytes;
}

static uint64_t held(const ff_object *object)
{
    return ff_object_cost(object) + (object->blob ? object->blob->size : 0);
}

ff_code ff_objects_reserve(ff_objects *objects, uint64_t bytes, ff_err *err)
{
    uint64_t used = objects->synced.bytes;
    if (used > objects->max_bytes || bytes > objects->max_bytes - used)
        return ff_err_set(err, FF_NO_SPACE,
                          "%llu bytes are wanted, %llu of %llu are in use by all objects",
                          (unsigned long long)bytes, (unsigned long long)used,
                          (unsigned long long)objects->max_bytes);
    objects->synced.bytes += bytes;
    return FF_OK;
}

void ff_objects_release(ff_objects *objects, uint64_t bytes)
{
    objects->synced.bytes -= bytes < objects->synced.bytes ? bytes : objects->synced.bytes;
}

ff_code ff_objects_new(const char *data_dir, uint64_t max_bytes, ff_objects **out, ff_err *err)
{
    ff_objects *objects = ff_mem_must(sizeof *objects);
    objects->max_bytes = max_bytes;
    atomic_init(&objects->sequence, 1);
    pthread_mutex_init(&objects->synced.lock, NULL);
    if (data_dir) {
        objects->dir = ff_mem_must_strdup(data_dir);
        ff_code code = ff_disk_load(objects, err);
        if (code) {
            ff_objects_free(objects);
            return code;
        }
    }
    *out = objects;
    return FF_OK;
}

void ff_objects_free(ff_objects *objects)
{
    if (!objects)
        return;
    for (int b = 0; b < objects->synced.bucket_count; b++) {
        ff_bucket *bucket = &objects->synced.buckets[b];
        for (size_t i = 0; i < bucket->count; i++)
            ff_object_unref(bucket->objects[i]);
        ff_mem_free(bucket->objects);
        ff_mem_free(bucket->name);
    }
    for (ff_upload *u = objects->synced.uploads, *next; u; u = next) {
        next = u->next;
        ff_upload_free(u);
    }
    pthread_mutex_destroy(&objects->synced.lock);
    ff_mem_free(objects->dir);
    ff_mem_free(objects);
}

ff_objects_totals ff_objects_count(ff_objects *objects)
{
    pthread_mutex_lock(&objects->synced.lock);
    ff_objects_totals totals = {objects->synced.count, objects->synced.bytes,
                                (uint64_t)objects->synced.upload_count};
    pthread_mutex_unlock(&objects->synced.lock);
    return totals;
}

uint64_t ff_objects_room(ff_objects *objects)
{
    pthread_mutex_lock(&objects->synced.lock);
    uint64_t used = objects->synced.bytes;
    pthread_mutex_unlock(&objects->synced.lock);
    return used < objects->max_bytes ? objects->max_bytes - used : 0;
}

ff_bucket *ff_objects_bucket_at(ff_objects *objects, const char *name)
{
    for (int i = 0; i < objects->synced.bucket_count; i++)
        if (strcmp(objects->synced.buckets[i].name, name) == 0)
            return &objects->synced.buckets[i];
    return NULL;
}

bool ff_objects_has_bucket(ff_objects *objects, const char *name)
{
    pthread_mutex_lock(&objects->synced.lock);
    bool there = ff_objects_bucket_at(objects, name) != NULL;
    pthread_mutex_unlock(&objects->synced.lock);
    return there;
}

ff_code ff_objects_make_bucket(ff_objects *objects, const char *name, ff_err *err)
{
    ff_code code = FF_OK;
    pthread_mutex_lock(&objects->synced.lock);
    if (ff_objects_bucket_at(objects, name))
        code = ff_err_set(err, FF_CONFLICT, "the bucket '%s' exists", name);
    else if (objects->synced.bucket_count == FF_BUCKETS_MAX)
        code = ff_err_set(err, FF_LIMIT, "there are %d buckets, no more are kept", FF_BUCKETS_MAX);
    else if (objects->dir)
        code = ff_disk_make_bucket(objects, name, err);
    if (!code)
        objects->synced.buckets[objects->synced.bucket_count++] =
            (ff_bucket){.name = ff_mem_must_strdup(name), .created_ms = ff_clock_wall_ms()};
    pthread_mutex_unlock(&objects->synced.lock);
    return code;
}

ff_code ff_objects_remove_bucket(ff_objects *objects, const char *name, ff_err *err)
{
    ff_code code = FF_OK;
    pthread_mutex_lock(&objects->synced.lock);
    ff_bucket *bucket = ff_objects_bucket_at(objects, name);
    bool uploading = false;
    for (ff_upload *u = objects->synced.uploads; u; u = u->next)
        uploading = uploading || strcmp(u->bucket, name) == 0;
    if (!bucket)
        code = ff_err_set(err, FF_NOT_FOUND, "there is no bucket '%s'", name);
    else if (bucket->count || uploading)
        code = ff_err_set(err, FF_CONFLICT, "the bucket '%s' has %zu objects", name, bucket->count);
    if (!code) {
        if (objects->dir)
            ff_disk_remove_bucket(objects, name);
        ff_mem_free(bucket->name);
        ff_mem_free(bucket->objects);
        *bucket = objects->synced.buckets[--objects->synced.bucket_count];
    }
    pthread_mutex_unlock(&objects->synced.lock);
    return code;
}

void ff_objects_each_bucket(ff_objects *objects, ff_objects_bucket each, void *user)
{
    pthread_mutex_lock(&objects->synced.lock);
    for (int i = 0; i < objects->synced.bucket_count; i++)
        each(user, objects->synced.buckets[i].name, objects->synced.buckets[i].created_ms);
    pthread_mutex_unlock(&objects->synced.lock);
}

/* The first object whose key is not before key. */
static size_t lower_bound(const ff_bucket *bucket, const char *key)
{
    size_t lo = 0, hi = bucket->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(bucket->objects[mid]->key, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool is_at(const ff_bucket *bucket, size_t at, const char *key)
{
    return at < bucket->count && strcmp(bucket->objects[at]->key, key) == 0;
}

static ff_code check_condition(const ff_put_condition *condition, const ff_object *old, ff_err *err)
{
    if (!condition)
        return FF_OK;
    if (condition->if_absent && old)
        return ff_err_set(err, FF_CONFLICT, "the key '%s' exists", old->key);
    if (condition->if_match && !old)
        return ff_err_set(err, FF_NOT_FOUND, "there is no object to match the ETag");
    if (condition->if_match && strcmp(condition->if_match, old->etag) != 0 &&
        strcmp(condition->if_match, "*") != 0)
        return ff_err_set(err, FF_CONFLICT, "the object's ETag is %s, not %s", old->etag,
                          condition->if_match);
    return FF_OK;
}

static void insert(ff_bucket *bucket, size_t at, ff_object *object)
{
    if (bucket->count == bucket->room) {
        size_t room = bucket->room ? 2 * bucket->room : 64;
        bucket->objects =
            ff_mem_must_grow(bucket->objects, bucket->room, room, sizeof(ff_object *));
        bucket->room = room;
    }
    memmove(bucket->objects + at + 1, bucket->objects + at,
            (bucket->count - at) * sizeof(ff_object *));
    bucket->objects[at] = object_ref(object);
    bucket->count++;
}

/* An object that is no longer in the index: its file goes with the last reader. */
static void drop(ff_objects *objects, ff_object *old)
{
    ff_objects_release(objects, held(old));
    if (old->blob)
        atomic_store(&old->blob->doomed, true);
}

ff_code ff_objects_index(ff_objects *objects, const char *name, ff_object *object,
                         const ff_put_condition *condition, ff_err *err)
{
    ff_object *old = NULL;
    ff_code code = FF_OK;
    pthread_mutex_lock(&objects->synced.lock);
    ff_bucket *bucket = ff_objects_bucket_at(objects, name);
    size_t at = bucket ? lower_bound(bucket, object->key) : 0;
    old = bucket && is_at(bucket, at, object->key) ? bucket->objects[at] : NULL;
    if (!bucket)
        code = ff_err_set(err, FF_NOT_FOUND, "there is no bucket '%s'", name);
    else if (!old && objects->synced.count >= FF_OBJECTS_MAX)
        code =
            ff_err_set(err, FF_NO_SPACE, "there are %d objects, no more are kept", FF_OBJECTS_MAX);
    else
        code = check_condition(condition, old, err);
    if (code) {
        drop(objects, object); /* gives back what was reserved; its file goes too */
        old = NULL;
    } else if (old && old->sequence > object->sequence) {
        drop(objects, object); /* a later put was faster: this one is overwritten already */
        old = NULL;
    } else if (old) {
        bucket->objects[at] = object_ref(object);
        drop(objects, old);
    } else {
        insert(bucket, at, object);
        objects->synced.count++;
    }
    pthread_mutex_unlock(&objects->synced.lock);
    ff_object_unref(old);
    return code;
}

static ff_code reserve_for(ff_objects *objects, const char *bucket, uint64_t bytes, ff_err *err)
{
    pthread_mutex_lock(&objects->synced.lock);
    ff_code code = ff_objects_bucket_at(objects, bucket)
                       ? ff_objects_reserve(objects, bytes, err)
                       : ff_err_set(err, FF_NOT_FOUND, "there is no bucket '%s'", bucket);
    pthread_mutex_unlock(&objects->synced.lock);
    return code;
}

static void release_of(ff_objects *objects, uint64_t bytes)
{
    pthread_mutex_lock(&objects->synced.lock);
    ff_objects_release(objects, bytes);
    pthread_mutex_unlock(&objects->synced.lock);
}

ff_code ff_objects_put(ff_objects *objects, const char *bucket, ff_object *object, ff_buf *bytes,
                       const ff_put_condition *condition, ff_err *err)
{
    uint64_t cost = ff_object_cost(object) + bytes->len;
    ff_code code = reserve_for(objects, bucket, cost, err);
    if (code)
        return code;
    ff_blob *blob = ff_blob_of_buf(bytes);
    object->sequence = atomic_fetch_add(&objects->sequence, 1);
    if (objects->dir) {
        code = ff_disk_write(objects, bucket, object, &blob, 1, err);
        ff_blob_unref(blob);
    } else {
        object->blob = blob;
    }
    if (code)
        release_of(objects, cost);
    return code ? code : ff_objects_index(objects, bucket, object, condition, err);
}

ff_code ff_objects_copy(ff_objects *objects, const char *bucket, ff_object *object,
                        const ff_object *source, ff_err *err)
{
    uint64_t cost = ff_object_cost(object) + source->blob->size;
    ff_code code = reserve_for(objects, bucket, cost, err);
    if (code)
        return code;
    object->sequence = atomic_fetch_add(&objects->sequence, 1);
    if (objects->dir)
        code = ff_disk_write(objects, bucket, object, &source->blob, 1, err);
    else
        object->blob = ff_blob_ref(source->blob);
    if (code)
        release_of(objects, cost);
    return code ? code : ff_objects_index(objects, bucket, object, NULL, err);
}

ff_object *ff_objects_get(ff_objects *objects, const char *name, const char *key,
                          bool *bucket_there)
{
    pthread_mutex_lock(&objects->synced.lock);
    ff_bucket *bucket = ff_objects_bucket_at(objects, name);
    size_t at = bucket ? lower_bound(bucket, key) : 0;
    ff_object *object = bucket && is_at(bucket, at, key) ? object_ref(bucket->objects[at]) : NULL;
    pthread_mutex_unlock(&objects->synced.lock);
    *bucket_there = bucket != NULL;
    return object;
}

ff_code ff_objects_remove(ff_objects *objects, const char *name, const char *key, ff_err *err)
{
    ff_object *old = NULL;
    pthread_mutex_lock(&objects->synced.lock);
    ff_bucket *bucket = ff_objects_bucket_at(objects, name);
    size_t at = bucket ? lower_bound(bucket, key) : 0;
    if (bucket && is_at(bucket, at, key)) {
        old = bucket->objects[at];
        memmove(bucket->objects + at, bucket->objects + at + 1,
                (bucket->count - at - 1) * sizeof(ff_object *));
        bucket->count--;
        objects->synced.count--;
        drop(objects, old);
    }
    pthread_mutex_unlock(&objects->synced.lock);
    ff_object_unref(old);
    return bucket ? FF_OK : ff_err_set(err, FF_NOT_FOUND, "there is no bucket '%s'", name);
}

/* The common prefix of key under the query, or 0: its length. */
static size_t rolled_up(const char *key, const ff_list_query *query)
{
    size_t prefix = strlen(query->prefix), delimiter = strlen(query->delimiter);
    const char *found = delimiter ? strstr(key + prefix, query->delimiter) : NULL;
    return found ? (size_t)(found - key) + delimiter : 0;
}

/* The bucket is locked. */
static void list_bucket(const ff_bucket *bucket, const ff_list_query *query, ff_list *out)
{
    size_t prefix_len = strlen(query->prefix);
    const char *from = strcmp(query->after, query->prefix) > 0 ? query->after : query->prefix;
    for (size_t i = lower_bound(bucket, from); i < bucket->count; i++) {
        ff_object *object = bucket->objects[i];
        size_t common = 0;
        if (strncmp(object->key, query->prefix, prefix_len) != 0)
            break;
        if (strcmp(object->key, query->after) <= 0)
            continue;
        common = rolled_up(object->key, query);
        if (common && strlen(query->after) == common &&
            strncmp(object->key, query->after, common) == 0)
            continue; /* that prefix ended the page before */
        const ff_list_entry *last = out->count ? &out->entries[out->count - 1] : NULL;
        if (common && last && last->prefix && strlen(last->prefix) == common &&
            strncmp(last->prefix, object->key, common) == 0)
            continue;
        if (out->count >= query->max) {
            out->truncated = true;
            break;
        }
        out->entries[out->count++] =
            common ? (ff_list_entry){NULL, ff_mem_must_strndup(object->key, common)}
                   : (ff_list_entry){object_ref(object), NULL};
    }
}

ff_code ff_objects_list(ff_objects *objects, const char *name, const ff_list_query *query,
                        ff_list *out, ff_err *err)
{
    ff_list list = {0};
    list.entries = ff_mem_must_array((size_t)query->max + 1, sizeof *list.entries);
    pthread_mutex_lock(&objects->synced.lock);
    ff_bucket *bucket = ff_objects_bucket_at(objects, name);
    if (bucket)
        list_bucket(bucket, query, &list);
    pthread_mutex_unlock(&objects->synced.lock);
    if (!bucket) {
        ff_list_clean(&list);
        return ff_err_set(err, FF_NOT_FOUND, "there is no bucket '%s'", name);
    }
    *out = list;
    return FF_OK;
}

void ff_list_clean(ff_list *list)
{
    for (int i = 0; i < list->count; i++) {
        ff_object_unref(list->entries[i].object);
        ff_mem_free(list->entries[i].prefix);
    }
    ff_mem_free(list->entries);
    *list = (ff_list){0};
}
