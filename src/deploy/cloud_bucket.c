#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "deploy/cloud_int.h"

#define SID_HASH 10

/* "/bucket/key", encoded and NUL-terminated. */
static ff_code path_of(const ff_cloud *cloud, const char *key, ff_buf *path, ff_err *err)
{
    ff_buf_init(path, 0);
    ff_code code = ff_buf_printf(path, err, "%s/", cloud->root);
    if (!code)
        code = ff_http_encode(key, strlen(key), true, path, err);
    return code ? code : ff_buf_append(path, "", 1, err);
}

/* A call to an object; its status is the caller's to judge. */
static ff_code object(ff_cloud *cloud, const char *method, const char *key, ff_bytes body,
                      const char *sha256, ff_http_response *response, ff_err *err)
{
    ff_buf path;
    ff_code code = path_of(cloud, key, &path, err);
    if (!code)
        code = ff_cloud_call(
            cloud, &cloud->s3,
            &(cloud_call){
                .method = method, .path = (const char *)path.data, .body = body, .sha256 = sha256},
            response, err);
    ff_buf_clean(&path);
    return code;
}

/* The same, where all but a status below 300 is a failure. */
static ff_code object_must(ff_cloud *cloud, const char *method, const char *key, ff_bytes body,
                           const char *sha256, ff_err *err)
{
    char what[400];
    ff_http_response response = {0};
    ff_code code = object(cloud, method, key, body, sha256, &response, err);
    snprintf(what, sizeof what, "%s s3://%s/%.300s", method, cloud->bucket, key);
    if (!code && response.status >= 300)
        code = ff_cloud_fault(&response, "S3", what, err);
    ff_http_response_clean(&response);
    return code;
}

ff_code ff_cloud_put(ff_cloud *cloud, const char *key, ff_bytes bytes, ff_err *err)
{
    return object_must(cloud, "PUT", key, bytes, NULL, err);
}

ff_code ff_cloud_put_file(ff_cloud *cloud, const char *key, const char *path, const char *sha256,
                          bool *there, ff_err *err)
{
    ff_map map = {0};
    ff_http_response response = {0};
    ff_code code = object(cloud, "HEAD", key, (ff_bytes){0}, NULL, &response, err);
    *there = !code && response.status == 200;
    ff_http_response_clean(&response);
    if (code || *there)
        return code;
    code = ff_file_map(path, &map, err);
    if (!code)
        code = object_must(cloud, "PUT", key, ff_bytes_of(map.data, map.len), sha256, err);
    ff_file_unmap(&map);
    return code;
}

ff_code ff_cloud_url(const ff_cloud *cloud, const char *key, ff_buf *url, ff_err *err)
{
    ff_code code = ff_buf_printf(url, err, "%s%s/", cloud->s3.base, cloud->root);
    if (!code)
        code = ff_http_encode(key, strlen(key), true, url, err);
    return code ? code : ff_buf_append(url, "", 1, err);
}

/* A call about the bucket itself. */
static ff_code bucket_call(ff_cloud *cloud, const char *method, const char *query, ff_bytes body,
                           const char *type, ff_http_response *response, ff_err *err)
{
    uint8_t digest[16];
    char md5[25];
    ff_hash_md5(body, digest);
    ff_base64_encode(digest, sizeof digest, md5);
    md5[24] = '\0';
    return ff_cloud_call(cloud, &cloud->s3,
                         &(cloud_call){.method = method,
                                       .path = *cloud->root ? cloud->root : "/",
                                       .query = query,
                                       .content_type = body.len ? type : NULL,
                                       .md5 = body.len ? md5 : NULL,
                                       .body = body,
                                       .max_response = 8u << 20},
                         response, err);
}

static ff_code list_some(ff_cloud *cloud, const char *prefix, ff_http_response *response,
                         ff_err *err)
{
    ff_buf query;
    ff_buf_init(&query, 0);
    ff_code code = ff_buf_text(&query, "list-type=2&prefix=", err);
    if (!code)
        code = ff_http_encode(prefix, strlen(prefix), false, &query, err);
    if (!code)
        code = ff_buf_append(&query, "", 1, err);
    if (!code)
        code =
            bucket_call(cloud, "GET", (const char *)query.data, (ff_bytes){0}, NULL, response, err);
    if (!code && response->status >= 300)
        code = ff_cloud_fault(response, "S3", "listing the bucket", err);
    ff_buf_clean(&query);
    return code;
}

ff_code ff_cloud_remove_all(ff_cloud *cloud, const char *prefix, int *count, ff_err *err)
{
    ff_code code = FF_OK;
    for (int found = 1; !code && found;) { /* what is removed is not listed again */
        char key[1025];
        ff_http_response response = {0};
        found = 0;
        code = list_some(cloud, prefix, &response, err);
        size_t at = 0;
        while (!code && ff_xml_next(ff_buf_view(&response.body), &at, "Key", key, sizeof key)) {
            found++;
            code = object_must(cloud, "DELETE", key, (ff_bytes){0}, NULL, err);
        }
        *count += found;
        ff_http_response_clean(&response);
    }
    return code;
}

/* xml without the rule of that id, and with ours where it is not NULL. Text is moved, not parsed:
 * other rules stay byte by byte as they are. */
static ff_code merge_rules(ff_bytes xml, const char *id, const char *own, ff_buf *out, int *rules,
                           ff_err *err)
{
    char found[256];
    size_t begin, end, at = 0;
    bool old_form = false; /* rules with a Prefix of their own: S3 takes no mixture */
    ff_code code = ff_buf_text(
        out, "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">", err);
    *rules = 0;
    for (; !code && ff_xml_find(xml, at, "Rule", &begin, &end); at = end) {
        ff_bytes rule = {xml.data + begin, end - begin};
        size_t a = 0;
        if (ff_xml_next(rule, &a, "ID", found, sizeof found) && !strcmp(found, id))
            continue;
        old_form = old_form || !memmem(rule.data, rule.len, "<Filter", 7);
        ++*rules;
        code = ff_buf_text(out, "<Rule>", err);
        if (!code)
            code = ff_buf_append(out, rule.data, rule.len, err);
        if (!code)
            code = ff_buf_text(out, "</Rule>", err);
    }
    if (!code && own) {
        ++*rules;
        code = ff_buf_printf(
            out, err,
            "<Rule><ID>%s</ID>%s<Prefix>%s</Prefix>%s<Status>Enabled</Status><Expiration>"
            "<Days>1</Days></Expiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>1"
            "</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>",
            id, old_form ? "" : "<Filter>", own, old_form ? "" : "</Filter>");
    }
    return code ? code : ff_buf_text(out, "</LifecycleConfiguration>", err);
}

static ff_code change_lifecycle(ff_cloud *cloud, const char *id, const char *own, ff_err *err)
{
    ff_http_response response = {0}, written = {0};
    ff_buf xml;
    int rules = 0;
    ff_buf_init(&xml, 4u << 20);
    ff_code code = bucket_call(cloud, "GET", "lifecycle=", (ff_bytes){0}, NULL, &response, err);
    if (!code && response.status >= 300 && response.status != 404)
        code = ff_cloud_fault(&response, "S3", "reading the bucket's lifecycle", err);
    else if (!code && response.status == 404 &&
             memmem(response.body.data, response.body.len, "NoSuchBucket", 12))
        code = ff_cloud_fault(&response, "S3", "reading the bucket's lifecycle", err);
    if (!code)
        code = merge_rules(response.status == 200 ? ff_buf_view(&response.body) : (ff_bytes){0}, id,
                           own, &xml, &rules, err);
    if (!code)
        code = bucket_call(cloud, rules ? "PUT" : "DELETE",
                           "lifecycle=", rules ? ff_buf_view(&xml) : (ff_bytes){0},
                           "application/xml", &written, err);
    if (!code && written.status >= 300)
        code = ff_cloud_fault(&written, "S3", "writing the bucket's lifecycle", err);
    ff_http_response_clean(&response);
    ff_http_response_clean(&written);
    ff_buf_clean(&xml);
    return code;
}

static void add_statement(const ff_cloud *cloud, yyjson_mut_doc *doc, yyjson_mut_val *list,
                          const char *sid, const char *own)
{
    char arn[400];
    const char *partition = !strncmp(cloud->region, "cn-", 3)       ? "aws-cn"
                            : !strncmp(cloud->region, "us-gov-", 7) ? "aws-us-gov"
                                                                    : "aws";
    snprintf(arn, sizeof arn, "arn:%s:s3:::%s/%s*", partition, cloud->bucket, own);
    yyjson_mut_val *s = yyjson_mut_arr_add_obj(doc, list);
    yyjson_mut_obj_add_strcpy(doc, s, "Sid", sid);
    yyjson_mut_obj_add_str(doc, s, "Effect", "Deny");
    yyjson_mut_obj_add_str(doc, s, "Principal", "*");
    yyjson_mut_obj_add_str(doc, s, "Action", "s3:*");
    yyjson_mut_obj_add_strcpy(doc, s, "Resource", arn);
    yyjson_mut_val *condition = yyjson_mut_obj_add_obj(doc, s, "Condition");
    yyjson_mut_val *secure = yyjson_mut_obj_add_obj(doc, condition, "Bool");
    yyjson_mut_obj_add_str(doc, secure, "aws:SecureTransport", "false");
}

/* The policy without our statement, and with it where own is not NULL. */
static ff_code merge_policy(const ff_cloud *cloud, ff_bytes json, const char *sid, const char *own,
                            ff_buf *out, size_t *statements, ff_err *err)
{
    static const char NONE[] = "{\"Version\":\"2012-10-17\",\"Statement\":[]}";
    yyjson_doc *read = NULL;
    ff_code code = ff_json_parse(json.len ? json : ff_bytes_of(NONE, sizeof NONE - 1), &read, err);
    if (code)
        return ff_err_wrap(err, "the policy of bucket %s", cloud->bucket), code;
    yyjson_mut_doc *doc = yyjson_doc_mut_copy(read, NULL);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_val *old = yyjson_mut_obj_get(root, "Statement"), *list = yyjson_mut_arr(doc);
    if (yyjson_mut_is_obj(old)) { /* a single one may stand without its list */
        yyjson_mut_val *single = yyjson_mut_obj_remove_key(root, "Statement");
        old = yyjson_mut_arr(doc);
        yyjson_mut_arr_append(old, single);
    }
    size_t i, max;
    yyjson_mut_val *s;
    yyjson_mut_arr_foreach(old, i, max, s)
    {
        const char *named = yyjson_mut_get_str(yyjson_mut_obj_get(s, "Sid"));
        if (!named || strcmp(named, sid) != 0)
            yyjson_mut_arr_append(list, yyjson_mut_val_mut_copy(doc, s));
    }
    if (own)
        add_statement(cloud, doc, list, sid, own);
    *statements = yyjson_mut_arr_size(list);
    yyjson_mut_obj_remove_key(root, "Statement");
    yyjson_mut_obj_add_val(doc, root, "Statement", list);
    code = ff_json_emit(doc, false, out, err);
    yyjson_mut_doc_free(doc);
    yyjson_doc_free(read);
    return code;
}

static ff_code change_policy(ff_cloud *cloud, const char *sid, const char *own, ff_err *err)
{
    ff_http_response response = {0}, written = {0};
    ff_buf json;
    size_t statements = 0;
    ff_buf_init(&json, 1u << 20);
    ff_code code = bucket_call(cloud, "GET", "policy=", (ff_bytes){0}, NULL, &response, err);
    if (!code && response.status >= 300 && response.status != 404)
        code = ff_cloud_fault(&response, "S3", "reading the bucket's policy", err);
    if (!code)
        code = merge_policy(cloud,
                            response.status == 200 ? ff_buf_view(&response.body) : (ff_bytes){0},
                            sid, own, &json, &statements, err);
    if (!code)
        code = bucket_call(cloud, statements ? "PUT" : "DELETE",
                           "policy=", statements ? ff_buf_view(&json) : (ff_bytes){0},
                           "application/json", &written, err);
    if (!code && written.status >= 300)
        code = ff_cloud_fault(&written, "S3", "writing the bucket's policy", err);
    ff_http_response_clean(&response);
    ff_http_response_clean(&written);
    ff_buf_clean(&json);
    return code;
}

ff_code ff_cloud_bucket_rules(ff_cloud *cloud, const char *deployment, const char *own, bool add,
                              ff_err *err)
{
    char id[128], sid[32], hex[FF_SHA256_HEX];
    /* a Sid is letters and digits, a deployment's name is not */
    ff_hash_sha256_hex(ff_bytes_of(deployment, strlen(deployment)), hex);
    snprintf(id, sizeof id, "fanfold-%.100s", deployment);
    snprintf(sid, sizeof sid, "Fanfold%.*s", SID_HASH, hex);
    ff_code code = change_lifecycle(cloud, id, add ? own : NULL, err);
    return code ? code : change_policy(cloud, sid, add ? own : NULL, err);
}
