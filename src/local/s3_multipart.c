/* Multipart uploads over HTTP. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "local/s3_int.h"

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

void ff_s3_begin_upload(ff_s3_call *call)
{
    char id[37];
    ff_err err = {0};
    ff_object *draft = ff_object_new(call->key);
    if (!ff_s3_keep_headers(call, draft)) {
        ff_object_unref(draft);
        return;
    }
    ff_code code = ff_upload_begin(call->local->objects, call->bucket, draft, id, &err);
    if (code) {
        ff_object_unref(draft);
        ff_s3_fail(call, code, &err);
        return;
    }
    ff_buf xml = {0};
    ff_buf_text(&xml, XML_HEAD "<InitiateMultipartUploadResult>", NULL);
    ff_xml_element(&xml, "Bucket", call->bucket);
    ff_xml_element(&xml, "Key", call->key);
    ff_xml_element(&xml, "UploadId", id);
    ff_buf_text(&xml, "</InitiateMultipartUploadResult>", NULL);
    ff_s3_xml(call, 200, &xml);
}

/* The part's bytes: the body's, or (UploadPartCopy) a range of another object. */
static bool part_bytes(ff_s3_call *call, ff_buf *bytes, ff_s3_checksum *checksum)
{
    if (!ff_s3_header(call, "x-amz-copy-source"))
        return ff_s3_payload(call, bytes, checksum);
    *checksum = (ff_s3_checksum){0};
    ff_err err = {0};
    const char *range = ff_s3_header(call, "x-amz-copy-source-range");
    ff_object *source = ff_s3_copy_source(call);
    if (!source)
        return false;
    uint64_t first = 0, length = source->blob->size;
    bool ok = !range || ff_s3_parse_range(range, source->blob->size, &first, &length) == 1;
    if (!ok) {
        ff_s3_error(call, 400, "InvalidArgument", "x-amz-copy-source-range: bytes=A-B is wanted");
    } else {
        ff_code code = ff_buf_reserve(bytes, (size_t)length, &err);
        if (!code)
            code = ff_blob_read(source->blob, first, (size_t)length, bytes->data, &err);
        if (!code)
            bytes->len = (size_t)length;
        else
            ff_s3_fail(call, code, &err);
        ok = !code;
    }
    ff_object_unref(source);
    return ok;
}

void ff_s3_put_part(ff_s3_call *call)
{
    const char *text = ff_s3_param_of(call, "partNumber");
    const char *id = ff_s3_param_of(call, "uploadId");
    size_t digits = strspn(text, "0123456789");
    int number = digits && digits < 6 && !text[digits] ? atoi(text) : 0;
    bool copying = ff_s3_header(call, "x-amz-copy-source") != NULL;
    char etag[33];
    ff_buf bytes = {0};
    ff_s3_checksum checksum;
    ff_err err = {0};
    if (number < 1 || number > FF_PARTS_MAX) {
        ff_s3_error(call, 400, "InvalidArgument", "partNumber: 1 to %d is wanted, found '%.20s'",
                    FF_PARTS_MAX, text);
        return;
    }
    if (!part_bytes(call, &bytes, &checksum)) {
        ff_buf_clean(&bytes);
        return;
    }
    ff_code code = ff_upload_part(call->local->objects, call->bucket, call->key, id, number, &bytes,
                                  etag, &err);
    ff_buf_clean(&bytes);
    if (code) {
        ff_s3_fail(call, code, &err);
    } else if (copying) {
        ff_buf xml = {0};
        char now[40];
        ff_clock_iso(ff_clock_wall_ms(), now, sizeof now);
        ff_buf_printf(&xml, NULL,
                      XML_HEAD "<CopyPartResult><LastModified>%s</LastModified>"
                               "<ETag>&quot;%s&quot;</ETag></CopyPartResult>",
                      now, etag);
        ff_s3_xml(call, 200, &xml);
    } else {
        call->response->status = 200;
        ff_server_add_header(call->response, "ETag", "\"%s\"", etag);
        if (checksum.name[0])
            ff_server_add_header(call->response, ff_arena_strdup(call->arena, checksum.name), "%s",
                                 checksum.value);
    }
}

void ff_s3_complete_upload(ff_s3_call *call)
{
    ff_buf body = {0};
    ff_s3_checksum checksum;
    ff_s3_parts parts;
    ff_err err = {0};
    char etag[64];
    if (!ff_s3_payload(call, &body, &checksum))
        return;
    ff_code code = ff_s3_parse_parts(ff_buf_view(&body), call->arena, &parts, &err);
    ff_buf_clean(&body);
    if (code) {
        ff_s3_error(call, 400, "MalformedXML", "%s", err.message);
        return;
    }
    code =
        ff_upload_complete(call->local->objects, call->bucket, call->key,
                           ff_s3_param_of(call, "uploadId"), parts.choice, parts.count, etag, &err);
    if (code) {
        ff_s3_fail(call, code, &err);
        return;
    }
    ff_buf xml = {0};
    ff_buf_text(&xml, XML_HEAD "<CompleteMultipartUploadResult>", NULL);
    ff_xml_element(&xml, "Location", call->request->path);
    ff_xml_element(&xml, "Bucket", call->bucket);
    ff_xml_element(&xml, "Key", call->key);
    ff_buf_printf(&xml, NULL, "<ETag>&quot;%s&quot;</ETag></CompleteMultipartUploadResult>", etag);
    ff_s3_xml(call, 200, &xml);
}

void ff_s3_abort_upload(ff_s3_call *call)
{
    ff_err err = {0};
    ff_code code = ff_upload_abort(call->local->objects, call->bucket, call->key,
                                   ff_s3_param_of(call, "uploadId"), &err);
    if (code)
        ff_s3_fail(call, code, &err);
    else
        call->response->status = 204;
}

static void put_part(void *user, int number, const char *etag, uint64_t size)
{
    ff_buf_printf(user, NULL,
                  "<Part><PartNumber>%d</PartNumber><ETag>&quot;%s&quot;</ETag><Size>%llu</Size>"
                  "</Part>",
                  number, etag, (unsigned long long)size);
}

void ff_s3_list_parts(ff_s3_call *call)
{
    ff_buf xml = {0};
    ff_err err = {0};
    const char *id = ff_s3_param_of(call, "uploadId");
    ff_buf_text(&xml, XML_HEAD "<ListPartsResult>", NULL);
    ff_xml_element(&xml, "Bucket", call->bucket);
    ff_xml_element(&xml, "Key", call->key);
    ff_xml_element(&xml, "UploadId", id);
    ff_buf_text(&xml, "<IsTruncated>false</IsTruncated>", NULL);
    ff_code code =
        ff_upload_parts(call->local->objects, call->bucket, call->key, id, put_part, &xml, &err);
    ff_buf_text(&xml, "</ListPartsResult>", NULL);
    if (code) {
        ff_buf_clean(&xml);
        ff_s3_fail(call, code, &err);
    } else {
        ff_s3_xml(call, 200, &xml);
    }
}

static void put_upload(void *user, const char *key, const char *id, int64_t started_ms)
{
    ff_buf *xml = user;
    char date[40];
    ff_clock_iso(started_ms, date, sizeof date);
    ff_buf_text(xml, "<Upload>", NULL);
    ff_xml_element(xml, "Key", key);
    ff_xml_element(xml, "UploadId", id);
    ff_xml_element(xml, "Initiated", date);
    ff_buf_text(xml, "<StorageClass>STANDARD</StorageClass></Upload>", NULL);
}

void ff_s3_list_uploads(ff_s3_call *call)
{
    ff_buf xml = {0};
    ff_buf_text(&xml, XML_HEAD "<ListMultipartUploadsResult>", NULL);
    ff_xml_element(&xml, "Bucket", call->bucket);
    ff_buf_text(&xml, "<IsTruncated>false</IsTruncated>", NULL);
    ff_uploads_list(call->local->objects, call->bucket, put_upload, &xml);
    ff_buf_text(&xml, "</ListMultipartUploadsResult>", NULL);
    ff_s3_xml(call, 200, &xml);
}
