/*
 * The S3 API's parts. A call is one request, checked and taken apart; handlers fill its response.
 */
#ifndef FF_LOCAL_S3_INT_H
#define FF_LOCAL_S3_INT_H

#include "local/local_int.h"

#define FF_S3_XML_BYTES   ((size_t)2 << 20) /* a request of 1000 keys of 1024 bytes, escaped */
#define FF_S3_MAX_OBJECT  ((uint64_t)5 << 30)
#define FF_S3_MAX_DELETES 1000
#define FF_S3_MAX_META    2048u /* S3's bound on the sum of x-amz-meta-* */
#define FF_S3_MAX_PARAMS  32

typedef struct ff_s3_param {
    const char *name, *value; /* decoded */
} ff_s3_param;

typedef struct ff_s3_call {
    ff_local *local;
    const ff_server_request *request;
    ff_server_response *response;
    ff_arena *arena; /* the response's */
    char request_id[37];
    const char *bucket; /* "" for the service itself */
    const char *key;    /* "" for a bucket */
    int param_count;
    ff_s3_param params[FF_S3_MAX_PARAMS];
    ff_sigv4_claim claim;
    ff_credentials credentials; /* that it is signed with */
} ff_s3_call;

/* s3_api.c */
const char *ff_s3_param_of(const ff_s3_call *call, const char *name); /* NULL */
const char *ff_s3_header(const ff_s3_call *call, const char *name);   /* NULL */
void ff_s3_error(ff_s3_call *call, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The error of an ff_code from objects_int.h. */
void ff_s3_fail(ff_s3_call *call, ff_code code, const ff_err *err);
/* xml becomes the body. */
void ff_s3_xml(ff_s3_call *call, int status, ff_buf *xml);
/* "a=b&c": into call->params, decoded. false: an escape is bad, or there are too many. */
bool ff_s3_parse_query(const char *raw_query, ff_arena *arena, ff_s3_param *params, int *count);
bool ff_s3_bucket_name_ok(const char *name);
/* Waits as the emulated network does while so many bytes of a PUT pass. false: the error was
 * answered. */
bool ff_s3_pass_put(ff_s3_call *call, uint64_t bytes);
/* The same for a GET: until its first byte passes, and the body then goes out as the rest does. */
bool ff_s3_send_get(ff_s3_call *call, uint64_t bytes);

/* s3_payload.c: the body as it is to be stored. */
typedef struct ff_s3_checksum {
    char name[32]; /* "x-amz-checksum-crc32", or "" */
    char value[64];
} ff_s3_checksum;
/* Takes the request's body, undoes aws-chunked, verifies hash, chunk signatures, Content-MD5 and
 * checksums. false: the error was answered. */
bool ff_s3_payload(ff_s3_call *call, ff_buf *out, ff_s3_checksum *checksum);

/* What an aws-chunked body says about itself. */
typedef struct ff_s3_chunked {
    const char *seed; /* the request's signature; NULL: chunks are not signed */
    const ff_sigv4_claim *claim;
    const ff_credentials *credentials;
    bool signed_trailer;
    uint64_t decoded_length; /* as declared; UINT64_MAX where it is not */
    char trailer_name[32];   /* a checksum from the trailer: lower case; "" = none */
    char trailer_value[64];
} ff_s3_chunked;
/* Decodes in place. FF_FORMAT (with the position), FF_DENIED: a chunk's signature. */
ff_code ff_s3_decode_chunked(ff_buf *body, ff_s3_chunked *chunked, ff_err *err);

/* checksum.c: name is a header's ("x-amz-checksum-crc32c"). Base64 text into value; false where
 * there is no such algorithm. */
bool ff_checksum_compute(const char *name, ff_bytes bytes, char value[64]);
bool ff_checksum_is_name(const char *name);
uint64_t ff_checksum_crc64nvme(uint64_t seed, ff_bytes bytes);

/* s3_xml.c: scanning bounded XML, and writing it. */
typedef struct ff_xml_handler {
    /* An element without children was closed: its path from the root ("Delete/Object/Key") and
     * its text, decoded, in arena memory. false ends the scan with FF_FORMAT. */
    bool (*leaf)(void *user, const char *path, const char *text);
    /* An element with children was closed. May be NULL. */
    bool (*close)(void *user, const char *path);
    void *user;
} ff_xml_handler;
/* FF_FORMAT with the position. No DTD, no processing instruction but the declaration. */
ff_code ff_xml_scan(ff_bytes text, const ff_xml_handler *handler, ff_arena *arena, ff_err *err);
void ff_xml_text(ff_buf *out, const char *text); /* escaped */
void ff_xml_element(ff_buf *out, const char *name, const char *text);

/* DeleteObjects' and CompleteMultipartUpload's bodies. */
typedef struct ff_s3_deletes {
    bool quiet;
    int count;
    const char *keys[FF_S3_MAX_DELETES];
} ff_s3_deletes;
ff_code ff_s3_parse_deletes(ff_bytes text, ff_arena *arena, ff_s3_deletes *out, ff_err *err);
typedef struct ff_s3_parts {
    int count;
    int room;
    ff_part_choice *choice; /* arena memory */
} ff_s3_parts;
ff_code ff_s3_parse_parts(ff_bytes text, ff_arena *arena, ff_s3_parts *out, ff_err *err);

/* The verbs: s3_object.c, s3_list.c, s3_multipart.c, s3_bucket.c. */
void ff_s3_put_object(ff_s3_call *call);
void ff_s3_copy_object(ff_s3_call *call);
void ff_s3_get_object(ff_s3_call *call, bool head);
void ff_s3_delete_object(ff_s3_call *call);
void ff_s3_delete_objects(ff_s3_call *call);
void ff_s3_list_buckets(ff_s3_call *call);
void ff_s3_list_objects(ff_s3_call *call);
void ff_s3_begin_upload(ff_s3_call *call);
void ff_s3_put_part(ff_s3_call *call);
void ff_s3_complete_upload(ff_s3_call *call);
void ff_s3_abort_upload(ff_s3_call *call);
void ff_s3_list_parts(ff_s3_call *call);
void ff_s3_list_uploads(ff_s3_call *call);
void ff_s3_bucket_verb(ff_s3_call *call);
/* ?acl, ?policy, ...: answered, never taken for the object or the listing. false: there is none. */
bool ff_s3_sub_resource(ff_s3_call *call);

/* Shared by those files. */
/* Headers of the request that are kept with an object. false: the error was answered. */
bool ff_s3_keep_headers(ff_s3_call *call, ff_object *object);
/* x-amz-copy-source: a reference to what it names, or NULL with the error answered. */
ff_object *ff_s3_copy_source(ff_s3_call *call);
/* "bytes=a-b", "a-", "-n" of size bytes. 0: no (single, well-formed) range; -1: not satisfiable. */
int ff_s3_parse_range(const char *text, uint64_t size, uint64_t *first, uint64_t *length);

#endif
