#include "store/s3_fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/aws_answer.h"

/* Where needle begins in [at, end) of xml; end where it does not. */
static size_t find(ff_bytes xml, size_t at, size_t end, const char *needle)
{
    const uint8_t *found =
        at < end ? memmem(xml.data + at, end - at, needle, strlen(needle)) : NULL;
    return found ? (size_t)(found - xml.data) : end;
}

/* The text of the first element of that name in [at, end), unescaped, cut to size; "" without. */
static void element(ff_bytes xml, size_t at, size_t end, const char *name, char *out, size_t size)
{
    char open[32], shut[32];
    snprintf(open, sizeof open, "<%s>", name);
    snprintf(shut, sizeof shut, "</%s>", name);
    size_t from = find(xml, at, end, open);
    if (from < end)
        from += strlen(open);
    size_t to = find(xml, from, end, shut);
    ff_aws_xml_text(xml.data + from, to - from, out, size);
}

bool ff_s3_fault_next(ff_bytes xml, size_t *at, ff_s3_fault *out)
{
    size_t from = find(xml, *at, xml.len, "<Error>");
    if (from == xml.len)
        return false;
    size_t end = find(xml, from, xml.len, "</Error>");
    element(xml, from, end, "Code", out->code, sizeof out->code);
    element(xml, from, end, "Message", out->message, sizeof out->message);
    element(xml, from, end, "Key", out->key, sizeof out->key);
    *at = end;
    return true;
}

ff_code ff_s3_fault_code(int status, const char *s3_code)
{
    static const struct {
        const char *s3_code;
        ff_code code;
    } KNOWN[] = {
        {"SlowDown", FF_UNAVAILABLE},
        {"ServiceUnavailable", FF_UNAVAILABLE},
        {"InternalError", FF_UNAVAILABLE},
        {"RequestTimeout", FF_UNAVAILABLE}, /* a 400: the body came too slowly */
        {"ConditionalRequestConflict", FF_BUSY},
        {"OperationAborted", FF_BUSY},
        {"BadDigest", FF_CHECKSUM},
        {"XAmzContentSHA256Mismatch", FF_CHECKSUM},
        {"XAmzContentChecksumMismatch", FF_CHECKSUM},
        {"ExpiredToken", FF_DENIED},
        {"InvalidToken", FF_DENIED},
        {"RequestTimeTooSkewed", FF_DENIED},
        {"AuthorizationHeaderMalformed", FF_DENIED}, /* another region's bucket, as a rule */
        {"EntityTooLarge", FF_LIMIT},
        {"KeyTooLongError", FF_LIMIT},
        {"NotImplemented", FF_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++)
        if (!strcmp(s3_code, KNOWN[i].s3_code))
            return KNOWN[i].code;
    switch (status) {
    case 301:
    case 307:
        return FF_USAGE;
    case 412:
        return FF_CONFLICT;
    case 413:
        return FF_LIMIT;
    case 501:
        return FF_UNSUPPORTED;
    case 507:
        return FF_NO_SPACE;
    default:
        return ff_aws_status_code(status);
    }
}

ff_code ff_s3_fault_set(const ff_http_response *response, const char *method, const char *key,
                        ff_err *err)
{
    ff_s3_fault found = {.code = ""};
    size_t at = 0;
    int status = response->status;
    ff_s3_fault_next(ff_buf_view(&response->body), &at, &found);
    ff_code code = ff_s3_fault_code(status, found.code);
    const char *region = ff_http_response_header(response, "x-amz-bucket-region");
    char hint[128] = "";
    if (region && (status == 301 || status == 307 || status == 400))
        snprintf(hint, sizeof hint, " (the bucket's region is %.40s)", region);
    else if (code == FF_DENIED && !strcmp(method, "GET"))
        snprintf(hint, sizeof hint,
                 " (or the key is absent: without s3:ListBucket S3 tells no difference)");
    return ff_err_set(err, code, "S3 said %s (%d) to %s %.400s: %s%s",
                      *found.code ? found.code : "no code", status, method, key,
                      *found.message ? found.message : "without a message", hint);
}

ff_code ff_store_xml_escape(const char *text, ff_buf *xml, ff_err *err)
{
    for (const char *p = text; *p;) {
        size_t plain = 0;
        while (p[plain] && !strchr("<>&\"'", p[plain]) && (unsigned char)p[plain] >= ' ')
            plain++;
        ff_code code = ff_buf_append(xml, p, plain, err);
        p += plain;
        if (!code && *p)
            code = ff_buf_printf(xml, err, "&#%d;", *p++);
        if (code)
            return code;
    }
    return FF_OK;
}
