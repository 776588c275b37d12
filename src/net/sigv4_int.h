/*
 * SigV4's parts that signing and verifying share: the canonical request and the key's chain.
 */
#ifndef FF_NET_SIGV4_INT_H
#define FF_NET_SIGV4_INT_H

#include "net/sigv4.h"

/* One signed header: name in lower case, value trimmed and folded. */
typedef struct ff_sigv4_header {
    const char *name;
    const char *value;
} ff_sigv4_header;

typedef struct ff_sigv4_canonical {
    const char *method;
    const char *raw_path;
    const char *raw_query;
    const char *skip_parameter;     /* left out of the query: "X-Amz-Signature", or NULL */
    const ff_sigv4_header *headers; /* sorted by name, each name once */
    int header_count;
    const char *payload_hash;
    bool s3; /* the path is encoded once and not normalised */
} ff_sigv4_canonical;

/* The canonical request's text, in arena memory. */
const char *ff_sigv4_canonical_text(const ff_sigv4_canonical *canonical, ff_arena *arena);
/* "host;x-amz-date", in arena memory. */
const char *ff_sigv4_signed_names(const ff_sigv4_header *headers, int count, ff_arena *arena);
/* Lower-cased names, trimmed values with runs of blanks folded, sorted; values of one name joined
 * by ','. Returns how many remain. out has room for count. */
int ff_sigv4_sort_headers(const ff_http_header *headers, int count, ff_arena *arena,
                          ff_sigv4_header *out);
/* hex(HMAC(key of date/region/service, text)). date: YYYYMMDD. */
void ff_sigv4_hmac_hex(const char *secret, const char *date, const char *region,
                       const char *service, const char *text, char signature[65]);
/* The string to sign of a canonical request, signed. */
void ff_sigv4_sign_canonical(const char *canonical_text, const char *amz_date, const char *region,
                             const char *service, const char *secret, ff_arena *arena,
                             char signature[65]);

#endif
