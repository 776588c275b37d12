/*
 * One signed call, waited for; and what is read from XML answers.
 */
#ifndef FF_DEPLOY_CLOUD_INT_H
#define FF_DEPLOY_CLOUD_INT_H

#include "deploy/cloud.h"

typedef struct cloud_call {
    const char *method, *path, *query;
    const char *content_type; /* NULL = none */
    const char *md5;          /* Content-MD5, or NULL */
    ff_bytes body;
    const char *sha256; /* of the body; NULL: it is computed */
    size_t max_response;
} cloud_call;

/* Any answer below 500 but 429 is FF_OK: the caller looks at its status. */
ff_code ff_cloud_call(ff_cloud *cloud, const ff_aws_service *service, const cloud_call *call,
                      ff_http_response *out, ff_err *err);
/* Fills err from an answer of status 300 or more: "S3 said AccessDenied (403) to ...". */
ff_code ff_cloud_fault(const ff_http_response *response, const char *service, const char *what,
                       ff_err *err);

/* The text of the first element of that name at or behind *at, unescaped and cut to size; false
 * where there is none. *at moves behind it. */
bool ff_xml_next(ff_bytes xml, size_t *at, const char *name, char *out, size_t size);
/* Where the element of that name at or behind from begins and ends; false where there is none. */
bool ff_xml_find(ff_bytes xml, size_t from, const char *name, size_t *begin, size_t *end);

#endif
