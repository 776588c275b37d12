/* Buckets, the service, and the sub-resources that are not kept here. */
#include <string.h>

#include "base/clock.h"
#include "local/s3_int.h"

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define XMLNS    "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""
#define OWNER    "<Owner><ID>fanfold</ID><DisplayName>fanfold</DisplayName></Owner>"

static void put_bucket(void *user, const char *name, int64_t created_ms)
{
    ff_buf *xml = user;
    char date[40];
    ff_clock_iso(created_ms, date, sizeof date);
    ff_buf_text(xml, "<Bucket>", NULL);
    ff_xml_element(xml, "Name", name);
    ff_xml_element(xml, "CreationDate", date);
    ff_buf_text(xml, "</Bucket>", NULL);
}

void ff_s3_list_buckets(ff_s3_call *call)
{
    ff_buf xml = {0};
    ff_buf_text(&xml, XML_HEAD "<ListAllMyBucketsResult " XMLNS ">" OWNER "<Buckets>", NULL);
    ff_objects_each_bucket(call->local->objects, put_bucket, &xml);
    ff_buf_text(&xml, "</Buckets></ListAllMyBucketsResult>", NULL);
    ff_s3_xml(call, 200, &xml);
}

static void make_bucket(ff_s3_call *call)
{
    ff_buf body = {0};
    ff_s3_checksum checksum;
    ff_err err = {0};
    if (!ff_s3_payload(call, &body, &checksum))
        return;
    ff_buf_clean(&body); /* a LocationConstraint: there is one place */
    ff_code code = ff_objects_make_bucket(call->local->objects, call->bucket, &err);
    if (code == FF_CONFLICT) {
        ff_s3_error(call, 409, "BucketAlreadyOwnedByYou",
                    "Your previous request to create the named bucket succeeded and you already "
                    "own it.");
    } else if (code == FF_LIMIT) {
        ff_s3_error(call, 400, "TooManyBuckets", "%s", err.message);
    } else if (code) {
        ff_s3_fail(call, code, &err);
    } else {
        call->response->status = 200;
        ff_server_add_header(call->response, "Location", "/%s", call->bucket);
    }
}

static void remove_bucket(ff_s3_call *call)
{
    ff_err err = {0};
    ff_code code = ff_objects_remove_bucket(call->local->objects, call->bucket, &err);
    if (code == FF_CONFLICT)
        ff_s3_error(call, 409, "BucketNotEmpty", "%s", err.message);
    else if (code)
        ff_s3_fail(call, code, &err);
    else
        call->response->status = 204;
}

static void location(ff_s3_call *call)
{
    ff_buf xml = {0};
    bool first = strcmp(call->local->region, "us-east-1") == 0; /* S3 tells it as nothing */
    ff_buf_text(&xml, XML_HEAD "<LocationConstraint " XMLNS ">", NULL);
    ff_xml_text(&xml, first ? "" : call->local->region);
    ff_buf_text(&xml, "</LocationConstraint>", NULL);
    ff_s3_xml(call, 200, &xml);
}

#define ACL                                                                                        \
    "<AccessControlPolicy " XMLNS ">" OWNER                                                        \
    "<AccessControlList><Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "  \
    "xsi:type=\"CanonicalUser\"><ID>fanfold</ID><DisplayName>fanfold</DisplayName></Grantee>"      \
    "<Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>"

/* What a GET of each answers: a document, or S3's error for "none is set". */
static const struct sub_resource {
    const char *name;
    int status;
    const char *answer;
} SUB_RESOURCES[] = {
    {"acl", 200, ACL},
    {"policy", 404, "NoSuchBucketPolicy"},
    {"policyStatus", 404, "NoSuchBucketPolicy"},
    {"cors", 404, "NoSuchCORSConfiguration"},
    {"tagging", 404, "NoSuchTagSet"},
    {"lifecycle", 404, "NoSuchLifecycleConfiguration"},
    {"website", 404, "NoSuchWebsiteConfiguration"},
    {"encryption", 404, "ServerSideEncryptionConfigurationNotFoundError"},
    {"object-lock", 404, "ObjectLockConfigurationNotFoundError"},
    {"publicAccessBlock", 404, "NoSuchPublicAccessBlockConfiguration"},
    {"ownershipControls", 404, "OwnershipControlsNotFoundError"},
    {"replication", 404, "ReplicationConfigurationNotFoundError"},
    {"versioning", 200, "<VersioningConfiguration " XMLNS "/>"},
    {"logging", 200, "<BucketLoggingStatus " XMLNS "/>"},
    {"notification", 200, "<NotificationConfiguration " XMLNS "/>"},
    {"accelerate", 200, "<AccelerateConfiguration " XMLNS "/>"},
    {"requestPayment", 200,
     "<RequestPaymentConfiguration " XMLNS "><Payer>BucketOwner</Payer>"
     "</RequestPaymentConfiguration>"},
    {"versions", 501, ""},
    {"inventory", 501, ""},
    {"analytics", 501, ""},
    {"metrics", 501, ""},
    {"intelligent-tiering", 501, ""},
    {"attributes", 501, ""},
    {"torrent", 501, ""},
    {"restore", 501, ""},
    {"select", 501, ""},
    {"legal-hold", 501, ""},
    {"retention", 501, ""},
};

static bool target_exists(ff_s3_call *call)
{
    bool bucket_there = ff_objects_has_bucket(call->local->objects, call->bucket);
    ff_object *object = NULL;
    if (bucket_there && call->key[0])
        object = ff_objects_get(call->local->objects, call->bucket, call->key, &bucket_there);
    if (!bucket_there)
        ff_s3_error(call, 404, "NoSuchBucket", "The specified bucket does not exist");
    else if (call->key[0] && !object)
        ff_s3_error(call, 404, "NoSuchKey", "The specified key does not exist.");
    bool there = bucket_there && (!call->key[0] || object);
    ff_object_unref(object);
    return there;
}

bool ff_s3_sub_resource(ff_s3_call *call)
{
    const struct sub_resource *found = NULL;
    for (size_t i = 0; !found && i < sizeof SUB_RESOURCES / sizeof SUB_RESOURCES[0]; i++)
        if (ff_s3_param_of(call, SUB_RESOURCES[i].name))
            found = &SUB_RESOURCES[i];
    if (!found)
        return false;
    if (!target_exists(call))
        return true;
    bool read = strcmp(call->request->method, "GET") == 0;
    if (strcmp(call->request->method, "PUT") == 0 && strcmp(found->name, "acl") == 0) {
        call->response->status = 200; /* everything belongs to the one who signs */
    } else if (!read || found->status == 501) {
        ff_s3_error(call, 501, "NotImplemented", "%s ?%s is not implemented here",
                    call->request->method, found->name);
    } else if (found->status == 200) {
        ff_buf xml = {0};
        ff_buf_printf(&xml, NULL, XML_HEAD "%s", found->answer);
        ff_s3_xml(call, 200, &xml);
    } else if (call->key[0] && strcmp(found->name, "tagging") == 0) {
        ff_buf xml = {0};
        ff_buf_text(&xml, XML_HEAD "<Tagging " XMLNS "><TagSet/></Tagging>", NULL);
        ff_s3_xml(call, 200, &xml);
    } else {
        ff_s3_error(call, found->status, found->answer, "there is no %s configuration",
                    found->name);
    }
    return true;
}

static void head_bucket(ff_s3_call *call)
{
    if (!target_exists(call))
        return;
    call->response->status = 200;
    ff_server_add_header(call->response, "x-amz-bucket-region", "%s", call->local->region);
}

void ff_s3_bucket_verb(ff_s3_call *call)
{
    const char *method = call->request->method;
    if (strcmp(method, "POST") == 0 && ff_s3_param_of(call, "delete")) {
        ff_s3_delete_objects(call);
    } else if (strcmp(method, "GET") == 0 && ff_s3_param_of(call, "location")) {
        if (target_exists(call))
            location(call);
    } else if (strcmp(method, "GET") == 0 && ff_s3_param_of(call, "uploads")) {
        if (target_exists(call))
            ff_s3_list_uploads(call);
    } else if (ff_s3_sub_resource(call)) {
        return;
    } else if (strcmp(method, "PUT") == 0) {
        make_bucket(call);
    } else if (strcmp(method, "HEAD") == 0) {
        head_bucket(call);
    } else if (strcmp(method, "GET") == 0) {
        ff_s3_list_objects(call);
    } else if (strcmp(method, "DELETE") == 0) {
        remove_bucket(call);
    } else {
        ff_s3_error(call, 405, "MethodNotAllowed",
                    "The specified method is not allowed against this resource.");
    }
}
