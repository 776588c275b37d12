#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "deploy/cloud_int.h"

#define CALL_MS 900000 /* a zip of 250 MB on a slow line */
#define IDLE_MS 60000

static const char *domain_of(const char *region)
{
    return strncmp(region, "cn-", 3) ? "amazonaws.com" : "amazonaws.com.cn";
}

ff_code ff_cloud_open(ff_cloud *cloud, ff_err *err)
{
    char base[200];
    *cloud = (ff_cloud){0};
    ff_code code = ff_aws_region_from_env(&cloud->region, err);
    if (!code)
        code = ff_credentials_from_env(&cloud->credentials, err);
    if (!code)
        code = ff_http_new(NULL, &cloud->http, err);
    if (code)
        return code;
    const char *endpoint = ff_aws_endpoint_from_env("AWS_ENDPOINT_URL_CLOUDFORMATION");
    snprintf(base, sizeof base, "https://cloudformation.%.80s.%s", cloud->region,
             domain_of(cloud->region));
    code = ff_aws_service_init(&cloud->formation, "cloudformation", endpoint ? endpoint : base,
                               cloud->region, &cloud->credentials, 0, err);
    cloud->s3_endpoint = ff_aws_endpoint_from_env("AWS_ENDPOINT_URL_S3");
    if (code)
        ff_cloud_close(cloud);
    return code;
}

void ff_cloud_close(ff_cloud *cloud)
{
    ff_http_free(cloud->http);
    ff_aws_service_clean(&cloud->formation);
    ff_aws_service_clean(&cloud->s3);
    *cloud = (ff_cloud){0};
}

ff_code ff_cloud_use_bucket(ff_cloud *cloud, const char *bucket, ff_err *err)
{
    char base[256];
    /* a dot in its name would not match the certificate of *.s3.<region> */
    bool in_path = cloud->s3_endpoint || strchr(bucket, '.');
    if (strlen(bucket) >= sizeof cloud->bucket)
        return ff_err_set(err, FF_FORMAT, "not a bucket's name: '%.100s'", bucket);
    snprintf(cloud->bucket, sizeof cloud->bucket, "%s", bucket);
    snprintf(cloud->root, sizeof cloud->root, "%s%s", in_path ? "/" : "", in_path ? bucket : "");
    snprintf(base, sizeof base, "https://%s%ss3.%.80s.%s", in_path ? "" : bucket,
             in_path ? "" : ".", cloud->region, domain_of(cloud->region));
    ff_aws_service_clean(&cloud->s3);
    return ff_aws_service_init(&cloud->s3, "s3", cloud->s3_endpoint ? cloud->s3_endpoint : base,
                               cloud->region, &cloud->credentials, 0, err);
}

typedef struct waiting {
    bool done;
    ff_code code;
    ff_err err;
    ff_http_response *out;
} waiting;

static ff_code judge(void *user, const ff_http_response *response, ff_err *err)
{
    (void)user;
    if (response->status >= 500 || response->status == 429)
        return ff_cloud_fault(response, "AWS", "the request", err);
    return FF_OK;
}

static void answered(void *user, ff_code code, const ff_err *err, ff_http_response *response,
                     int attempts)
{
    waiting *w = user;
    (void)attempts;
    w->done = true;
    w->code = code;
    if (code) {
        w->err = *err;
        return;
    }
    *w->out = *response;
    *response = (ff_http_response){0}; /* taken */
}

ff_code ff_cloud_call(ff_cloud *cloud, const ff_aws_service *service, const cloud_call *call,
                      ff_http_response *out, ff_err *err)
{
    char hash[FF_SHA256_HEX];
    ff_http_header headers[2];
    int count = 0;
    waiting w = {.out = out};
    if (call->content_type)
        headers[count++] = (ff_http_header){"Content-Type", call->content_type};
    if (call->md5)
        headers[count++] = (ff_http_header){"Content-MD5", call->md5};
    if (!call->sha256)
        ff_hash_sha256_hex(call->body, hash);
    ff_aws_call start = {.method = call->method,
                         .path = call->path,
                         .query = call->query ? call->query : "",
                         .headers = headers,
                         .header_count = count,
                         .body = {call->body.len ? 1 : 0, {call->body}},
                         .payload_hash = call->sha256 ? call->sha256 : hash,
                         .max_response = call->max_response ? call->max_response : 1u << 20,
                         .deadline_ns = ff_clock_deadline_ms(CALL_MS),
                         .idle_timeout_ms = IDLE_MS,
                         .judge = judge,
                         .done = answered,
                         .user = &w};
    ff_code code = ff_aws_call_start(cloud->http, service, &start, err);
    while (!code && !w.done)
        code = ff_http_poll(cloud->http, FF_NEVER, err);
    if (!code && w.code) {
        code = w.code;
        if (err)
            *err = w.err;
    }
    return code;
}

bool ff_xml_find(ff_bytes xml, size_t from, const char *name, size_t *begin, size_t *end)
{
    char open[48], shut[48];
    int open_len = snprintf(open, sizeof open, "<%s>", name);
    int shut_len = snprintf(shut, sizeof shut, "</%s>", name);
    if (from >= xml.len)
        return false;
    const uint8_t *a = memmem(xml.data + from, xml.len - from, open, (size_t)open_len);
    if (!a)
        return false;
    size_t inside = (size_t)(a - xml.data) + (size_t)open_len;
    const uint8_t *b = memmem(xml.data + inside, xml.len - inside, shut, (size_t)shut_len);
    if (!b)
        return false;
    *begin = inside;
    *end = (size_t)(b - xml.data);
    return true;
}

bool ff_xml_next(ff_bytes xml, size_t *at, const char *name, char *out, size_t size)
{
    size_t begin, end;
    if (!ff_xml_find(xml, *at, name, &begin, &end))
        return false;
    ff_aws_xml_text(xml.data + begin, end - begin, out, size);
    *at = end;
    return true;
}

/* What a code of AWS's means to us, where the status does not tell it. */
static ff_code code_of(int status, const char *name)
{
    static const struct {
        const char *name;
        ff_code code;
    } KNOWN[] = {{"AlreadyExistsException", FF_CONFLICT},
                 {"LimitExceededException", FF_LIMIT},
                 {"InsufficientCapabilitiesException", FF_DENIED},
                 {"NoSuchBucket", FF_NOT_FOUND},
                 {"ExpiredToken", FF_DENIED},
                 {"Throttling", FF_BUSY}};
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (!strcmp(name, KNOWN[i].name))
            return KNOWN[i].code;
    return status < 400 ? FF_USAGE : ff_aws_status_code(status);
}

ff_code ff_cloud_fault(const ff_http_response *response, const char *service, const char *what,
                       ff_err *err)
{
    char name[96] = "", message[512] = "", hint[160] = "";
    ff_bytes xml = ff_buf_view(&response->body);
    size_t a = 0, b = 0;
    ff_xml_next(xml, &a, "Code", name, sizeof name);
    ff_xml_next(xml, &b, "Message", message, sizeof message);
    ff_code code = code_of(response->status, name);
    const char *region = ff_http_response_header(response, "x-amz-bucket-region");
    if (region && (response->status == 301 || response->status == 400 || response->status == 307))
        snprintf(hint, sizeof hint, " (the bucket is in %.40s: set AWS_REGION to it)", region);
    else if (code == FF_DENIED && !strcmp(service, "S3"))
        snprintf(hint, sizeof hint,
                 " (the bucket is another account's, or these credentials lack the right)");
    return ff_err_set(err, code, "%s said %s (%d) to %s%s%s%s", service, *name ? name : "no code",
                      response->status, what, *message ? ": " : "", message, hint);
}
