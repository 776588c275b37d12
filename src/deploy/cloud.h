/*
 * The calls to AWS that a deployment takes, one at a time: CloudFormation's query API and S3.
 *
 * Region, credentials and endpoints come from the environment, as for AWS's own tools. Blocking.
 * Errors say what AWS said, and what to do where that is known.
 */
#ifndef FF_DEPLOY_CLOUD_H
#define FF_DEPLOY_CLOUD_H

#include "net/aws_call.h"

typedef struct ff_cloud {
    ff_http *http;
    const char *region;
    const char *s3_endpoint; /* NULL = AWS's own, by the bucket's name */
    ff_credentials credentials;
    ff_aws_service formation;
    ff_aws_service s3; /* once a bucket is known */
    char bucket[64], root[80];
} ff_cloud;

/* AWS_REGION, AWS_ACCESS_KEY_ID ..., AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_CLOUDFORMATION and _S3.
 * FF_USAGE, FF_DENIED where one is missing. */
ff_code ff_cloud_open(ff_cloud *cloud, ff_err *err);
void ff_cloud_close(ff_cloud *cloud); /* accepts zeroed memory, and twice */

/* --- CloudFormation --- */

#define FF_CLOUD_REASON 600

typedef struct ff_cloud_stack {
    bool there;
    char id[300]; /* its ARN: also of a stack that has been deleted */
    char status[64];
    char deployment[64], bucket[64], prefix[256], endpoint[300]; /* its outputs; "" = none */
    bool has_bucket;                                             /* it made its bucket */
} ff_cloud_stack;

/* By name or id. A stack that is not there, or was deleted, is no error. */
ff_code ff_cloud_stack_read(ff_cloud *cloud, const char *name, ff_cloud_stack *out, ff_err *err);
/* action: "CreateStack", "UpdateStack". template: its text, or a URL where is_url. Fine where an
 * update has nothing to do: *changed is false then. */
ff_code ff_cloud_stack_write(ff_cloud *cloud, const char *action, const char *name,
                             const char *template, bool is_url, const char *deployment,
                             bool *changed, ff_err *err);
ff_code ff_cloud_stack_delete(ff_cloud *cloud, const char *id, ff_err *err);
/* Until it is at rest; out as read last. FF_TIMEOUT. */
ff_code ff_cloud_stack_wait(ff_cloud *cloud, const char *id, int64_t deadline_ns,
                            ff_cloud_stack *out, ff_err *err);
/* "W0Function: reason", of the resource that failed first in the stack's last change; "" without.
 */
ff_code ff_cloud_stack_reason(ff_cloud *cloud, const char *id, char out[FF_CLOUD_REASON],
                              ff_err *err);

/* --- S3 --- */

/* From now on of this bucket. */
ff_code ff_cloud_use_bucket(ff_cloud *cloud, const char *bucket, ff_err *err);
/* Puts the file under key, unless it is there already (the key holds its hash). */
ff_code ff_cloud_put_file(ff_cloud *cloud, const char *key, const char *path, const char *sha256,
                          bool *there, ff_err *err);
ff_code ff_cloud_put(ff_cloud *cloud, const char *key, ff_bytes bytes, ff_err *err);
/* The URL of an object as CloudFormation wants it. */
ff_code ff_cloud_url(const ff_cloud *cloud, const char *key, ff_buf *url, ff_err *err);
/* Removes all objects whose keys begin so ("": all); *count is added to. */
ff_code ff_cloud_remove_all(ff_cloud *cloud, const char *prefix, int *count, ff_err *err);
/* Adds our lifecycle rule and our policy statement to those which the bucket has, or (add false)
 * takes them away; all others stay as they are. own: what expires, "fanfold/requests/ocr/". */
ff_code ff_cloud_bucket_rules(ff_cloud *cloud, const char *deployment, const char *own, bool add,
                              ff_err *err);

#endif
