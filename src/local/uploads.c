/* Multipart uploads. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "local/objects_int.h"

void ff_upload_free(ff_upload *upload)
{
    for (int i = 0; i < upload->part_count; i++)
        ff_blob_unref(upload->parts[i].blob);
    ff_mem_free(upload->parts);
    ff_object_unref(upload->draft);
    ff_mem_free(upload->bucket);
    ff_mem_free(upload);
}

/* Locked. The link that points to the upload, or NULL. */
static ff_upload **find(ff_objects *objects, const char *bucket, const char *key, const char *id)
{
    for (ff_upload **at = &objects->synced.uploads; *at; at = &(*at)->next)
        if (strcmp((*at)->id, id) == 0 && strcmp((*at)->bucket, bucket) == 0 &&
            strcmp((*at)->draft->key, key) == 0)
            return at;
    return NULL;
}

static ff_code no_upload(const char *id, ff_err *err)
{
    return ff_err_set(err, FF_NOT_FOUND, "there is no upload '%.60s' of that key", id);
}

ff_code ff_upload_begin(ff_objects *objects, const char *bucket, ff_object *draft, char id[37],
                        ff_err *err)
{
    pthread_mutex_lock(&objects->synced.lock);
    ff_code code = FF_OK;
    if (!ff_objects_bucket_at(objects, bucket))
        code = ff_err_set(err, FF_NOT_FOUND, "there is no bucket '%s'", bucket);
    else if (objects->synced.upload_count >= FF_UPLOADS_MAX)
        code = ff_err_set(err, FF_LIMIT, "%d uploads are open, no more are kept", FF_UPLOADS_MAX);
    if (!code) {
        ff_upload *upload = ff_mem_must(sizeof *upload);
        upload->bucket = ff_mem_must_strdup(bucket);
        upload->draft = draft;
        upload->started_ms = ff_clock_wall_ms();
        ff_random_uuid(upload->id);
        memcpy(id, upload->id, sizeof upload->id);
        upload->next = objects->synced.uploads;
        objects->synced.uploads = upload;
        objects->synced.upload_count++;
    }
    pthread_mutex_unlock(&objects->synced.lock);
    return code;
}

/* Locked. Puts a part in its place by number; the one it replaces goes. */
static void place(ff_objects *objects, ff_upload *upload, const ff_part *part)
{
    int at = 0;
    while (at < upload->part_count && upload->parts[at].number < part->number)
        at++;
    if (at < upload->part_count && upload->parts[at].number == part->number) {
        ff_objects_release(objects, upload->parts[at].blob->size + FF_OBJECT_OVERHEAD);
        ff_blob_unref(upload->parts[at].blob);
        upload->parts[at] = *part;
        return;
    }
    if (upload->part_count == upload->part_room) {
        int room = upload->part_room ? 2 * upload->part_room : 8;
        upload->parts = ff_mem_must_grow(upload->parts, (size_t)upload->part_room, (size_t)room,
                                         sizeof *upload->parts);
        upload->part_room = room;
    }
    memmove(upload->parts + at + 1, upload->parts + at,
            (size_t)(upload->part_count - at) * sizeof *upload->parts);
    upload->parts[at] = *part;
    upload->part_count++;
}

ff_code ff_upload_part(ff_objects *objects, const char *bucket, const char *key, const char *id,
                       int number, ff_buf *bytes, char etag[33], ff_err *err)
{
    uint64_t cost = bytes->len + FF_OBJECT_OVERHEAD;
    ff_part part = {.number = number};
    pthread_mutex_lock(&objects->synced.lock);
    ff_code code = find(objects, bucket, key, id) ? ff_objects_reserve(objects, cost, err)
                                                  : no_upload(id, err);
    pthread_mutex_unlock(&objects->synced.lock);
    if (code)
        return code;
    ff_hash_md5(ff_buf_view(bytes), part.md5);
    ff_hash_hex(part.md5, sizeof part.md5, part.etag);
    if (objects->dir)
        code = ff_disk_write_part(objects, ff_buf_view(bytes), &part.blob, err);
    else
        part.blob = ff_blob_of_buf(bytes);
    pthread_mutex_lock(&objects->synced.lock);
    ff_upload **at = find(objects, bucket, key, id);
    if (!code && !at)
        code = no_upload(id, err); /* aborted meanwhile */
    if (!code)
        place(objects, *at, &part);
    else
        ff_objects_release(objects, cost);
    pthread_mutex_unlock(&objects->synced.lock);
    if (code)
        ff_blob_unref(part.blob);
    else
        memcpy(etag, part.etag, sizeof part.etag);
    return code;
}

/* The blobs of the chosen parts, referenced; and md5(all their md5s)-N. Locked. */
static ff_code choose(const ff_upload *upload, const ff_part_choice *choice, int count,
                      ff_blob **blobs, char etag[64], ff_err *err)
{
    uint8_t *sums = ff_mem_must_array((size_t)count, 16);
    uint8_t whole[16];
    char hex[33];
    ff_code code = count ? FF_OK : ff_err_set(err, FF_FORMAT, "at least one part is wanted");
    int at = 0, taken = 0;
    for (int i = 0; !code && i < count; i++) {
        if (i && choice[i].number <= choice[i - 1].number) {
            code = ff_err_set(err, FF_FORMAT, "part %d is listed after part %d", choice[i].number,
                              choice[i - 1].number);
            break;
        }
        while (at < upload->part_count && upload->parts[at].number < choice[i].number)
            at++;
        if (at == upload->part_count || upload->parts[at].number != choice[i].number ||
            strcmp(upload->parts[at].etag, choice[i].etag) != 0) {
            code = ff_err_set(err, FF_MISMATCH, "part %d is missing or has another ETag",
                              choice[i].number);
            break;
        }
        memcpy(sums + 16 * (size_t)i, upload->parts[at].md5, 16);
        blobs[taken++] = ff_blob_ref(upload->parts[at].blob);
    }
    if (!code) {
        ff_hash_md5(ff_bytes_of(sums, 16 * (size_t)count), whole);
        ff_hash_hex(whole, sizeof whole, hex);
        snprintf(etag, 64, "%s-%d", hex, count);
    }
    for (int i = 0; code && i < taken; i++)
        ff_blob_unref(blobs[i]);
    ff_mem_free(sums);
    return code;
}

/* One buffer of all parts' bytes. */
static ff_code join(ff_blob *const *blobs, int count, uint64_t size, ff_buf *out, ff_err *err)
{
    ff_code code = ff_buf_reserve(out, (size_t)size, err);
    for (int i = 0; !code && i < count; i++)
        code = ff_buf_append(out, blobs[i]->bytes.data, blobs[i]->bytes.len, err);
    if (code)
        ff_buf_clean(out);
    return code;
}

static ff_object *object_of(const ff_upload *upload, const char *etag)
{
    ff_object *object = ff_object_new(upload->draft->key);
    for (int i = 0; i < upload->draft->header_count; i++)
        ff_object_add_header(object, upload->draft->headers[i].name,
                             upload->draft->headers[i].value);
    snprintf(object->etag, sizeof object->etag, "%s", etag);
    return object;
}

/* Locked. The upload is over, its parts go. */
static void end_upload(ff_objects *objects, ff_upload **at)
{
    ff_upload *upload = *at;
    *at = upload->next;
    objects->synced.upload_count--;
    for (int i = 0; i < upload->part_count; i++)
        ff_objects_release(objects, upload->parts[i].blob->size + FF_OBJECT_OVERHEAD);
    ff_upload_free(upload);
}

static ff_code store_joined(ff_objects *objects, const char *bucket, ff_object *object,
                            ff_blob *const *blobs, int count, ff_err *err)
{
    ff_buf bytes = {0};
    uint64_t size = 0;
    for (int i = 0; i < count; i++)
        size += blobs[i]->size;
    if (!objects->dir) {
        ff_code code = join(blobs, count, size, &bytes, err);
        if (!code)
            code = ff_objects_put(objects, bucket, object, &bytes, NULL, err);
        ff_buf_clean(&bytes);
        return code;
    }
    uint64_t cost = size + ff_object_cost(object);
    pthread_mutex_lock(&objects->synced.lock);
    ff_code code = ff_objects_reserve(objects, cost, err);
    pthread_mutex_unlock(&objects->synced.lock);
    if (code)
        return code;
    object->sequence = atomic_fetch_add(&objects->sequence, 1);
    code = ff_disk_write(objects, bucket, object, blobs, count, err);
    if (!code)
        return ff_objects_index(objects, bucket, object, NULL, err);
    pthread_mutex_lock(&objects->synced.lock);
    ff_objects_release(objects, cost);
    pthread_mutex_unlock(&objects->synced.lock);
    return code;
}

ff_code ff_upload_complete(ff_objects *objects, const char *bucket, const char *key, const char *id,
                           const ff_part_choice *choice, int count, char etag[64], ff_err *err)
{
    ff_blob **blobs = ff_mem_must_array((size_t)count + 1, sizeof(ff_blob *));
    ff_object *object = NULL;
    pthread_mutex_lock(&objects->synced.lock);
    ff_upload **at = find(objects, bucket, key, id);
    ff_code code = at ? choose(*at, choice, count, blobs, etag, err) : no_upload(id, err);
    if (!code)
        object = object_of(*at, etag);
    pthread_mutex_unlock(&objects->synced.lock);
    if (!code) {
        code = store_joined(objects, bucket, object, blobs, count, err);
        for (int i = 0; i < count; i++)
            ff_blob_unref(blobs[i]);
    }
    if (!code) {
        pthread_mutex_lock(&objects->synced.lock);
        at = find(objects, bucket, key, id);
        if (at)
            end_upload(objects, at);
        pthread_mutex_unlock(&objects->synced.lock);
    }
    ff_object_unref(object);
    ff_mem_free(blobs);
    return code;
}

ff_code ff_upload_abort(ff_objects *objects, const char *bucket, const char *key, const char *id,
                        ff_err *err)
{
    pthread_mutex_lock(&objects->synced.lock);
    ff_upload **at = find(objects, bucket, key, id);
    if (at)
        end_upload(objects, at);
    pthread_mutex_unlock(&objects->synced.lock);
    return at ? FF_OK : no_upload(id, err);
}

ff_code ff_upload_parts(ff_objects *objects, const char *bucket, const char *key, const char *id,
                        ff_upload_each each, void *user, ff_err *err)
{
    pthread_mutex_lock(&objects->synced.lock);
    ff_upload **at = find(objects, bucket, key, id);
    for (int i = 0; at && i < (*at)->part_count; i++)
        each(user, (*at)->parts[i].number, (*at)->parts[i].etag, (*at)->parts[i].blob->size);
    pthread_mutex_unlock(&objects->synced.lock);
    return at ? FF_OK : no_upload(id, err);
}

void ff_uploads_list(ff_objects *objects, const char *bucket, ff_uploads_each each, void *user)
{
    pthread_mutex_lock(&objects->synced.lock);
    for (ff_upload *u = objects->synced.uploads; u; u = u->next)
        if (strcmp(u->bucket, bucket) == 0)
            each(user, u->draft->key, u->id, u->started_ms);
    pthread_mutex_unlock(&objects->synced.lock);
}
