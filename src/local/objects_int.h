/*
 * Buckets and objects of the local platform: in memory, or in a folder where they last.
 *
 * Objects are immutable and counted: a reader holds a reference while it sends, whatever happens
 * to the key meanwhile; sending copies nothing. The sum of all keys, headers and bodies is bounded.
 * One lock guards the index; files are written and read without it.
 *
 * In a folder, each bucket is a folder and each object one file ID.obj, complete or absent:
 *   "FFOBJ1\n" | u32 little-endian: bytes of the header | header, JSON | body
 *   {"key", "etag", "modified_ms", "sequence", "size", "checksum": [name, value] or null,
 *    "headers": [[name, value], ...]}
 * Of two files with one key the higher sequence counts.
 */
#ifndef FF_LOCAL_OBJECTS_INT_H
#define FF_LOCAL_OBJECTS_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "net/http.h"

#define FF_BUCKETS_MAX     100 /* S3's own default */
#define FF_OBJECTS_MAX     1000000
#define FF_UPLOADS_MAX     1000
#define FF_PARTS_MAX       10000 /* S3's */
#define FF_OBJECT_HEADERS  40    /* kept with an object */
#define FF_OBJECT_OVERHEAD 512u  /* counted for each, beside its bytes */

/* Bytes in memory, or a part of a file that is removed with the last reference once doomed. */
typedef struct ff_blob {
    atomic_int refs;
    atomic_bool doomed;
    ff_buf bytes;
    char *path;
    uint64_t offset;
    uint64_t size;
} ff_blob;

typedef struct ff_object {
    atomic_int refs;
    char *key;
    ff_blob *blob;
    char etag[64]; /* without quotes */
    int64_t modified_ms;
    uint64_t sequence;
    char checksum_name[32]; /* "x-amz-checksum-crc32", or "" */
    char checksum[64];
    int header_count;
    ff_http_header *headers; /* Content-Type, x-amz-meta-*, ... as they are sent back */
} ff_object;

typedef struct ff_part {
    int number;
    ff_blob *blob;
    char etag[33];
    uint8_t md5[16];
} ff_part;

/* A multipart upload. Its parts change under the objects' lock. */
typedef struct ff_upload {
    struct ff_upload *next;
    char id[37];
    char *bucket;
    ff_object *draft; /* key and headers of what it will be; no blob */
    int64_t started_ms;
    int part_count, part_room;
    ff_part *parts; /* by number */
} ff_upload;

typedef struct ff_objects ff_objects;

ff_code ff_objects_new(const char *data_dir, uint64_t max_bytes, ff_objects **out, ff_err *err);
void ff_objects_free(ff_objects *objects); /* accepts NULL */

typedef struct ff_objects_totals {
    uint64_t objects, bytes, uploads;
} ff_objects_totals;
ff_objects_totals ff_objects_count(ff_objects *objects);
uint64_t ff_objects_room(ff_objects *objects); /* bytes that still fit */

ff_code ff_objects_make_bucket(ff_objects *objects, const char *name, ff_err *err); /* CONFLICT */
/* FF_NOT_FOUND, FF_CONFLICT: not empty. */
ff_code ff_objects_remove_bucket(ff_objects *objects, const char *name, ff_err *err);
bool ff_objects_has_bucket(ff_objects *objects, const char *name);
typedef void (*ff_objects_bucket)(void *user, const char *name, int64_t created_ms);
void ff_objects_each_bucket(ff_objects *objects, ff_objects_bucket each, void *user);

/* An object of that key, without body; one reference. */
ff_object *ff_object_new(const char *key);
void ff_object_add_header(ff_object *object, const char *name, const char *value);
void ff_object_unref(ff_object *object);
ff_blob *ff_blob_ref(ff_blob *blob);
void ff_blob_unref(ff_blob *blob);
/* Bytes [offset, offset + len) into out. FF_IO. */
ff_code ff_blob_read(const ff_blob *blob, uint64_t offset, size_t len, uint8_t *out, ff_err *err);

/* When a put takes place. */
typedef struct ff_put_condition {
    bool if_absent;       /* If-None-Match: * */
    const char *if_match; /* an ETag without quotes, or NULL */
} ff_put_condition;
/* Stores bytes (taken on success) as object's body, under its key. FF_NOT_FOUND: the bucket, or
 * what if_match wants; FF_CONFLICT: the condition; FF_NO_SPACE. The caller keeps its reference. */
ff_code ff_objects_put(ff_objects *objects, const char *bucket, ff_object *object, ff_buf *bytes,
                       const ff_put_condition *condition, ff_err *err);
/* The same with another object's body, shared or linked. */
ff_code ff_objects_copy(ff_objects *objects, const char *bucket, ff_object *object,
                        const ff_object *source, ff_err *err);
/* A reference, or NULL; bucket_there tells apart what is missing. */
ff_object *ff_objects_get(ff_objects *objects, const char *bucket, const char *key,
                          bool *bucket_there);
/* Absent keys are fine. FF_NOT_FOUND: the bucket. */
ff_code ff_objects_remove(ff_objects *objects, const char *bucket, const char *key, ff_err *err);

/* Keys in byte order that begin with prefix and come after `after`; what holds the delimiter behind
 * the prefix is rolled up. Stops after max entries: truncated, with the last one's name. */
typedef struct ff_list_query {
    const char *prefix, *delimiter, *after; /* "" = none */
    int max;
} ff_list_query;
typedef struct ff_list_entry {
    ff_object *object; /* referenced; NULL for a common prefix */
    char *prefix;      /* the caller's; NULL for an object */
} ff_list_entry;
typedef struct ff_list {
    int count;
    ff_list_entry *entries;
    bool truncated;
} ff_list;
ff_code ff_objects_list(ff_objects *objects, const char *bucket, const ff_list_query *query,
                        ff_list *out, ff_err *err);
void ff_list_clean(ff_list *list);

/* Multipart uploads (uploads.c). FF_NOT_FOUND: the bucket, or the upload. */
/* draft is taken on success. */
ff_code ff_upload_begin(ff_objects *objects, const char *bucket, ff_object *draft, char id[37],
                        ff_err *err);
/* bytes are taken on success. */
ff_code ff_upload_part(ff_objects *objects, const char *bucket, const char *key, const char *id,
                       int number, ff_buf *bytes, char etag[33], ff_err *err);
typedef struct ff_part_choice {
    int number;
    char etag[64];
} ff_part_choice;
/* Joins the chosen parts, in ascending order, to the object. FF_FORMAT: the order; FF_MISMATCH: a
 * part is missing or has another ETag. etag: of the whole. */
ff_code ff_upload_complete(ff_objects *objects, const char *bucket, const char *key, const char *id,
                           const ff_part_choice *choice, int count, char etag[64], ff_err *err);
ff_code ff_upload_abort(ff_objects *objects, const char *bucket, const char *key, const char *id,
                        ff_err *err);
/* Appends "number etag size" triples. */
typedef void (*ff_upload_each)(void *user, int number, const char *etag, uint64_t size);
ff_code ff_upload_parts(ff_objects *objects, const char *bucket, const char *key, const char *id,
                        ff_upload_each each, void *user, ff_err *err);
typedef void (*ff_uploads_each)(void *user, const char *key, const char *id, int64_t started_ms);
void ff_uploads_list(ff_objects *objects, const char *bucket, ff_uploads_each each, void *user);

/* Inside the objects' files. */
typedef struct ff_bucket {
    char *name;
    int64_t created_ms;
    size_t count, room;
    ff_object **objects; /* by key */
} ff_bucket;
struct ff_objects {
    char *dir; /* NULL = in memory */
    uint64_t max_bytes;
    atomic_uint_fast64_t sequence;
    struct {
        pthread_mutex_t lock;
        int bucket_count;
        ff_bucket buckets[FF_BUCKETS_MAX];
        uint64_t count, bytes;
        ff_upload *uploads;
        int upload_count;
    } synced;
};
ff_bucket *ff_objects_bucket_at(ff_objects *objects, const char *name); /* locked; NULL */
/* Locked: counts bytes more, or FF_NO_SPACE. */
ff_code ff_objects_reserve(ff_objects *objects, uint64_t bytes, ff_err *err);
void ff_objects_release(ff_objects *objects, uint64_t bytes);
uint64_t ff_object_cost(const ff_object *object); /* without its body */
ff_blob *ff_blob_of_buf(ff_buf *bytes);           /* taken */
/* Puts an object with its blob into the index; the space was reserved. Gives back what the one it
 * replaces has held. */
ff_code ff_objects_index(ff_objects *objects, const char *bucket, ff_object *object,
                         const ff_put_condition *condition, ff_err *err);
void ff_upload_free(ff_upload *upload);

/* objects_disk.c */
ff_code ff_disk_load(ff_objects *objects, ff_err *err);
ff_code ff_disk_make_bucket(ff_objects *objects, const char *name, ff_err *err);
void ff_disk_remove_bucket(ff_objects *objects, const char *name);
/* Writes the object's file, with a body from blobs in order; sets object->blob. */
ff_code ff_disk_write(ff_objects *objects, const char *bucket, ff_object *object,
                      ff_blob *const *body, int count, ff_err *err);
/* A part's bytes as a file of their own. */
ff_code ff_disk_write_part(ff_objects *objects, ff_bytes bytes, ff_blob **out, ff_err *err);

#endif
