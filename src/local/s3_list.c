/* ListObjectsV2 and V1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/limits.h"
#include "local/s3_int.h"

#define MAX_KEYS 1000

typedef struct lister {
    ff_s3_call *call;
    ff_list_query query;
    bool v2, encode;
    const char *token; /* as sent */
} lister;

/* A parameter's value; absent and empty are the same (s3cmd sends empty ones). */
static const char *text_of(const ff_s3_call *call, const char *name)
{
    const char *value = ff_s3_param_of(call, name);
    return value ? value : "";
}

/* A continuation token is the base64 of the last name of the page before. */
static const char *read_token(ff_s3_call *call, const char *token)
{
    size_t len = 0;
    if (ff_base64_decoded_len(token, strlen(token), &len, NULL) || len > FF_MAX_KEY)
        return NULL;
    char *name = ff_arena_alloc(call->arena, len + 1);
    if (ff_base64_decode(token, strlen(token), (uint8_t *)name, NULL) || strlen(name) != len)
        return NULL;
    return name;
}

static void put_token(ff_buf *xml, const char *name)
{
    size_t len = strlen(name);
    char text[(FF_MAX_KEY + 2) / 3 * 4 + 1];
    ff_base64_encode((const uint8_t *)name, len, text);
    text[ff_base64_encoded_len(len)] = '\0';
    ff_xml_element(xml, "NextContinuationToken", text);
}

/* A key, or what else is encoded with encoding-type=url. */
static void put_name(const lister *l, ff_buf *xml, const char *element, const char *name)
{
    ff_buf encoded = {0};
    if (l->encode && !ff_http_encode(name, strlen(name), true, &encoded, NULL) &&
        !ff_buf_append(&encoded, "", 1, NULL))
        ff_xml_element(xml, element, (const char *)encoded.data);
    else
        ff_xml_element(xml, element, name);
    ff_buf_clean(&encoded);
}

static bool read_query(lister *l)
{
    ff_s3_call *call = l->call;
    const char *type = text_of(call, "list-type"), *max = text_of(call, "max-keys");
    const char *encoding = text_of(call, "encoding-type");
    l->v2 = strcmp(type, "2") == 0;
    l->encode = strcmp(encoding, "url") == 0;
    l->token = text_of(call, "continuation-token");
    l->query = (ff_list_query){.prefix = text_of(call, "prefix"),
                               .delimiter = text_of(call, "delimiter"),
                               .after = text_of(call, l->v2 ? "start-after" : "marker"),
                               .max = MAX_KEYS};
    if ((*encoding && !l->encode) || (*type && !l->v2)) {
        ff_s3_error(call, 400, "InvalidArgument", "encoding-type=url or list-type=2 is wanted");
        return false;
    }
    if (*max && (strspn(max, "0123456789") != strlen(max) || strlen(max) > 9)) {
        ff_s3_error(call, 400, "InvalidArgument", "max-keys must be a number from 0 to 2147483647");
        return false;
    }
    if (*max && atoi(max) < MAX_KEYS)
        l->query.max = atoi(max);
    if (l->v2 && *l->token) {
        l->query.after = read_token(call, l->token);
        if (!l->query.after) {
            ff_s3_error(call, 400, "InvalidArgument",
                        "The continuation token provided is incorrect");
            return false;
        }
    }
    return true;
}

static void put_entries(const lister *l, const ff_list *list, ff_buf *xml)
{
    for (int i = 0; i < list->count; i++) {
        const ff_object *object = list->entries[i].object;
        char date[40];
        if (!object)
            continue;
        ff_clock_iso(object->modified_ms, date, sizeof date);
        ff_buf_text(xml, "<Contents>", NULL);
        put_name(l, xml, "Key", object->key);
        ff_buf_printf(xml, NULL,
                      "<LastModified>%s</LastModified><ETag>&quot;%s&quot;</ETag><Size>%llu</Size>"
                      "<StorageClass>STANDARD</StorageClass></Contents>",
                      date, object->etag, (unsigned long long)object->blob->size);
    }
    for (int i = 0; i < list->count; i++) {
        if (!list->entries[i].prefix)
            continue;
        ff_buf_text(xml, "<CommonPrefixes>", NULL);
        put_name(l, xml, "Prefix", list->entries[i].prefix);
        ff_buf_text(xml, "</CommonPrefixes>", NULL);
    }
}

static void put_page(const lister *l, const ff_list *list, ff_buf *xml)
{
    const ff_list_entry *last = list->count ? &list->entries[list->count - 1] : NULL;
    const char *name = !last ? "" : last->object ? last->object->key : last->prefix;
    ff_buf_text(xml,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult "
                "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">",
                NULL);
    ff_xml_element(xml, "Name", l->call->bucket);
    put_name(l, xml, "Prefix", l->query.prefix);
    if (*l->query.delimiter)
        put_name(l, xml, "Delimiter", l->query.delimiter);
    ff_buf_printf(xml, NULL, "<MaxKeys>%d</MaxKeys><IsTruncated>%s</IsTruncated>", l->query.max,
                  list->truncated ? "true" : "false");
    if (l->encode)
        ff_buf_text(xml, "<EncodingType>url</EncodingType>", NULL);
    if (l->v2) {
        ff_buf_printf(xml, NULL, "<KeyCount>%d</KeyCount>", list->count);
        if (*l->token)
            ff_xml_element(xml, "ContinuationToken", l->token);
        if (*text_of(l->call, "start-after"))
            put_name(l, xml, "StartAfter", text_of(l->call, "start-after"));
        if (list->truncated && last)
            put_token(xml, name);
    } else {
        put_name(l, xml, "Marker", l->query.after);
        if (list->truncated && last)
            put_name(l, xml, "NextMarker", name);
    }
    put_entries(l, list, xml);
    ff_buf_text(xml, "</ListBucketResult>", NULL);
}

void ff_s3_list_objects(ff_s3_call *call)
{
    lister l = {.call = call};
    ff_list list = {0};
    ff_err err = {0};
    ff_buf xml = {0};
    if (!read_query(&l))
        return;
    ff_code code = ff_objects_list(call->local->objects, call->bucket, &l.query, &list, &err);
    if (code) {
        ff_s3_fail(call, code, &err);
        return;
    }
    if (l.query.max == 0)
        list.truncated = false;
    put_page(&l, &list, &xml);
    ff_list_clean(&list);
    ff_s3_xml(call, 200, &xml);
}
