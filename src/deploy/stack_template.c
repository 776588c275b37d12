/*
 * The template: a bucket (its own), and of each function its log group, role, function and version;
 * the master's alias, and no retries.
 *
 * A version's logical id ends with a hash of all that makes the function: CloudFormation publishes
 * a new one exactly where something changed, and keeps the old ones, which an alias may go back to.
 * The master is told its workers' versions, so that its own hash changes with theirs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "deploy/stack_int.h"

#define ID_HASH 10 /* characters of the hash in a version's logical id */

typedef struct names {
    char id[32];                /* "Master", "W0": before the kinds of resources */
    char version[48 + ID_HASH]; /* "W0Version0123456789" */
    char logs[48], role[48], function[48];
} names;

typedef struct writer {
    document *d;
    val *resources;
    const ff_stack *stack;
    names *names; /* a function */
} writer;

static void add(const writer *w, val *object, const char *name, val *value)
{
    yyjson_mut_obj_add_val(w->d, object, name, value);
}

static void add_bool(const writer *w, val *object, const char *name, bool value)
{
    yyjson_mut_obj_add_bool(w->d, object, name, value);
}

/* The bucket's name: given, or whatever CloudFormation calls it. */
static val *bucket_name(const writer *w)
{
    const char *bucket = w->stack->bucket;
    return bucket ? yyjson_mut_strcpy(w->d, bucket) : ff_cf_ref(w->d, "Bucket");
}

static val *bucket_arn(const writer *w, const char *behind)
{
    const char *bucket = w->stack->bucket;
    return bucket ? ff_cf_sub(w->d, "arn:${AWS::Partition}:s3:::%s%s", bucket, behind)
                  : ff_cf_sub(w->d, "${Bucket.Arn}%s", behind);
}

static void add_lifecycle(const writer *w, val *bucket)
{
    document *d = w->d;
    val *lifecycle = yyjson_mut_obj_add_obj(d, bucket, "LifecycleConfiguration");
    val *rule = yyjson_mut_arr_add_obj(d, yyjson_mut_obj_add_arr(d, lifecycle, "Rules"));
    add(w, rule, "Id", ff_cf_text(d, "fanfold-%s", w->stack->package->deployment));
    yyjson_mut_obj_add_str(d, rule, "Status", "Enabled");
    yyjson_mut_obj_add_str(d, rule, "Prefix", w->stack->own);
    yyjson_mut_obj_add_int(d, rule, "ExpirationInDays", 1);
    val *abort_ = yyjson_mut_obj_add_obj(d, rule, "AbortIncompleteMultipartUpload");
    yyjson_mut_obj_add_int(d, abort_, "DaysAfterInitiation", 1);
}

static void add_bucket(const writer *w)
{
    static const char *const BLOCKED[] = {"BlockPublicAcls", "BlockPublicPolicy",
                                          "IgnorePublicAcls", "RestrictPublicBuckets"};
    document *d = w->d;
    val *bucket = ff_cf_resource(d, w->resources, "Bucket", "AWS::S3::Bucket");
    val *block = yyjson_mut_obj_add_obj(d, bucket, "PublicAccessBlockConfiguration");
    for (size_t i = 0; i < sizeof BLOCKED / sizeof *BLOCKED; i++)
        add_bool(w, block, BLOCKED[i], true);
    val *owner = yyjson_mut_obj_add_obj(d, bucket, "OwnershipControls");
    val *rule = yyjson_mut_arr_add_obj(d, yyjson_mut_obj_add_arr(d, owner, "Rules"));
    yyjson_mut_obj_add_str(d, rule, "ObjectOwnership", "BucketOwnerEnforced");
    val *encryption = yyjson_mut_obj_add_obj(d, bucket, "BucketEncryption");
    rule = yyjson_mut_arr_add_obj(
        d, yyjson_mut_obj_add_arr(d, encryption, "ServerSideEncryptionConfiguration"));
    val *by_default = yyjson_mut_obj_add_obj(d, rule, "ServerSideEncryptionByDefault");
    yyjson_mut_obj_add_str(d, by_default, "SSEAlgorithm", "AES256");
    add_lifecycle(w, bucket);
}

/* Requests without TLS are refused. */
static void add_bucket_policy(const writer *w)
{
    document *d = w->d;
    val *policy = ff_cf_resource(d, w->resources, "BucketPolicy", "AWS::S3::BucketPolicy");
    val *both = yyjson_mut_arr(d), *statements = yyjson_mut_arr(d);
    yyjson_mut_arr_append(both, bucket_arn(w, ""));
    yyjson_mut_arr_append(both, bucket_arn(w, "/*"));
    val *s = ff_cf_statement(d, "TlsOnly", "Deny", "s3:*", both);
    yyjson_mut_obj_add_str(d, s, "Principal", "*");
    val *condition = yyjson_mut_obj_add_obj(d, s, "Condition");
    val *secure = yyjson_mut_obj_add_obj(d, condition, "Bool");
    yyjson_mut_obj_add_str(d, secure, "aws:SecureTransport", "false");
    yyjson_mut_arr_append(statements, s);
    add(w, policy, "Bucket", ff_cf_ref(d, "Bucket"));
    add(w, policy, "PolicyDocument", ff_cf_policy(d, statements));
}

static void add_logs(const writer *w, int f)
{
    const ff_packaged *p = &w->stack->package->function[f];
    val *logs = ff_cf_resource(w->d, w->resources, w->names[f].logs, "AWS::Logs::LogGroup");
    add(w, logs, "LogGroupName", ff_cf_text(w->d, "/aws/lambda/%s", p->name));
    yyjson_mut_obj_add_int(w->d, logs, "RetentionInDays", w->stack->log_days);
}

/* What a function may do: its tensors, its log, and the master its workers' versions. */
static val *permissions(const writer *w, int f)
{
    document *d = w->d;
    const ff_package *package = w->stack->package;
    char behind[512];
    val *list = yyjson_mut_arr(d);
    snprintf(behind, sizeof behind, "/%s*", w->stack->own);
    yyjson_mut_arr_append(list, ff_cf_statement(d, "Tensors", "Allow",
                                                "s3:GetObject s3:PutObject s3:DeleteObject",
                                                bucket_arn(w, behind)));
    yyjson_mut_arr_append(
        list, ff_cf_statement(d, "OwnLog", "Allow", "logs:CreateLogStream logs:PutLogEvents",
                              ff_cf_sub(d,
                                        "arn:${AWS::Partition}:logs:${AWS::Region}:"
                                        "${AWS::AccountId}:log-group:/aws/lambda/%s:*",
                                        package->function[f].name)));
    if (f > 0 || package->count == 1)
        return list;
    val *workers = yyjson_mut_arr(d);
    for (int i = 1; i < package->count; i++)
        yyjson_mut_arr_append(workers, ff_cf_sub(d,
                                                 "arn:${AWS::Partition}:lambda:${AWS::Region}:"
                                                 "${AWS::AccountId}:function:%s:*",
                                                 package->function[i].name));
    yyjson_mut_arr_append(
        list, ff_cf_statement(d, "OwnWorkers", "Allow", "lambda:InvokeFunction", workers));
    return list;
}

static void add_role(const writer *w, int f)
{
    document *d = w->d;
    val *role = ff_cf_resource(d, w->resources, w->names[f].role, "AWS::IAM::Role");
    val *trust = yyjson_mut_obj(d), *statements = yyjson_mut_arr(d);
    val *service = yyjson_mut_obj(d);
    yyjson_mut_obj_add_str(d, trust, "Effect", "Allow");
    yyjson_mut_obj_add_str(d, service, "Service", "lambda.amazonaws.com");
    add(w, trust, "Principal", service);
    yyjson_mut_obj_add_str(d, trust, "Action", "sts:AssumeRole");
    yyjson_mut_arr_append(statements, trust);
    add(w, role, "AssumeRolePolicyDocument", ff_cf_policy(d, statements));
    val *policy = yyjson_mut_arr_add_obj(d, yyjson_mut_obj_add_arr(d, role, "Policies"));
    yyjson_mut_obj_add_str(d, policy, "PolicyName", "fanfold");
    add(w, policy, "PolicyDocument", ff_cf_policy(d, permissions(w, f)));
}

static val *environment(const writer *w, int f)
{
    document *d = w->d;
    const ff_stack *s = w->stack;
    val *variables = yyjson_mut_obj(d);
    yyjson_mut_obj_add_str(d, variables, "FANFOLD_FUNCTION", s->package->function[f].function);
    if (s->bucket)
        add(w, variables, "FANFOLD_STORE", ff_cf_text(d, "s3://%s", s->bucket));
    else
        add(w, variables, "FANFOLD_STORE", ff_cf_sub(d, "s3://${Bucket}"));
    yyjson_mut_obj_add_str(d, variables, "FANFOLD_PREFIX", s->requests);
    if (f == 0 && s->package->count > 1) {
        val *versions = yyjson_mut_arr(d), *join = yyjson_mut_arr(d), *text = yyjson_mut_obj(d);
        for (int i = 1; i < s->package->count; i++)
            yyjson_mut_arr_append(versions, ff_cf_att(d, w->names[i].version, "Version"));
        yyjson_mut_arr_add_str(d, join, ",");
        yyjson_mut_arr_append(join, versions);
        add(w, text, "Fn::Join", join);
        add(w, variables, "FANFOLD_VERSIONS", text);
    }
    return variables;
}

static void add_function(const writer *w, int f)
{
    document *d = w->d;
    const ff_stack *s = w->stack;
    const ff_packaged *p = &s->package->function[f];
    val *function = ff_cf_resource(d, w->resources, w->names[f].function, "AWS::Lambda::Function");
    yyjson_mut_obj_add_str(d, function, "FunctionName", p->name);
    yyjson_mut_obj_add_str(d, function, "Runtime", "provided.al2023");
    yyjson_mut_obj_add_str(d, function, "Handler", p->function);
    val *arch = yyjson_mut_obj_add_arr(d, function, "Architectures");
    yyjson_mut_arr_add_str(d, arch, s->package->arch);
    val *where = yyjson_mut_obj_add_obj(d, function, "Code");
    add(w, where, "S3Bucket", bucket_name(w));
    yyjson_mut_obj_add_str(d, where, "S3Key", s->key[f]);
    add(w, function, "Role", ff_cf_att(d, w->names[f].role, "Arn"));
    yyjson_mut_obj_add_int(d, function, "MemorySize", s->memory_mb);
    yyjson_mut_obj_add_int(d, function, "Timeout", s->timeout_s);
    val *variables = yyjson_mut_obj_add_obj(d, function, "Environment");
    add(w, variables, "Variables", environment(w, f));
    /* Lambda would make the log group itself, and then it could not be made again */
    yyjson_mut_obj_add_str(d, yyjson_mut_obj_get(w->resources, w->names[f].function), "DependsOn",
                           w->names[f].logs);
}

/* The hash of the function's properties, which name all that it is made of. */
static ff_code name_version(const writer *w, int f, ff_err *err)
{
    names *n = &w->names[f];
    val *function = yyjson_mut_obj_get(w->resources, n->function);
    size_t len = 0;
    char hex[FF_SHA256_HEX];
    char *text = yyjson_mut_val_write(yyjson_mut_obj_get(function, "Properties"), 0, &len);
    if (!text)
        return ff_err_set(err, FF_NO_MEMORY, "the properties of %s cannot be written", n->id);
    ff_hash_sha256_hex(ff_bytes_of(text, len), hex);
    free(text);
    snprintf(n->version, sizeof n->version, "%sVersion%.*s", n->id, ID_HASH, hex);
    return FF_OK;
}

static void add_provisioned(const writer *w, val *properties)
{
    if (!w->stack->provisioned)
        return;
    val *config = yyjson_mut_obj_add_obj(w->d, properties, "ProvisionedConcurrencyConfig");
    yyjson_mut_obj_add_int(w->d, config, "ProvisionedConcurrentExecutions", w->stack->provisioned);
}

static void add_version(const writer *w, int f)
{
    document *d = w->d;
    const names *n = &w->names[f];
    val *version = ff_cf_resource(d, w->resources, n->version, "AWS::Lambda::Version");
    add(w, version, "FunctionName", ff_cf_ref(d, n->function));
    if (f > 0)
        add_provisioned(w, version); /* the master's is its alias's */
    val *resource = yyjson_mut_obj_get(w->resources, n->version);
    yyjson_mut_obj_add_str(d, resource, "DeletionPolicy", "Retain");
    yyjson_mut_obj_add_str(d, resource, "UpdateReplacePolicy", "Retain");
}

static void add_alias(const writer *w)
{
    document *d = w->d;
    val *alias = ff_cf_resource(d, w->resources, "Alias", "AWS::Lambda::Alias");
    yyjson_mut_obj_add_str(d, alias, "Name", FF_STACK_ALIAS);
    add(w, alias, "FunctionName", ff_cf_ref(d, w->names[0].function));
    add(w, alias, "FunctionVersion", ff_cf_att(d, w->names[0].version, "Version"));
    add_provisioned(w, alias);
    val *retries = ff_cf_resource(d, w->resources, "NoRetries", "AWS::Lambda::EventInvokeConfig");
    add(w, retries, "FunctionName", ff_cf_ref(d, w->names[0].function));
    yyjson_mut_obj_add_str(d, retries, "Qualifier", FF_STACK_ALIAS);
    yyjson_mut_obj_add_int(d, retries, "MaximumRetryAttempts", 0);
    yyjson_mut_obj_add_str(d, yyjson_mut_obj_get(w->resources, "NoRetries"), "DependsOn", "Alias");
}

static void add_output(const writer *w, val *outputs, const char *name, val *value)
{
    val *output = yyjson_mut_obj_add_obj(w->d, outputs, name);
    add(w, output, "Value", value);
}

/* What undeploy must know. */
static void add_outputs(const writer *w, val *root, bool bucket_only)
{
    document *d = w->d;
    const ff_stack *s = w->stack;
    val *outputs = yyjson_mut_obj_add_obj(d, root, "Outputs");
    add_output(w, outputs, "Deployment", yyjson_mut_strcpy(d, s->package->deployment));
    add_output(w, outputs, "Bucket", bucket_name(w));
    add_output(w, outputs, "BucketIsOwn", yyjson_mut_str(d, s->bucket ? "false" : "true"));
    add_output(w, outputs, "Prefix", yyjson_mut_strcpy(d, s->prefix));
    if (!bucket_only)
        add_output(w, outputs, "Endpoint", ff_cf_ref(d, "Alias"));
}

static void name_resources(int f, names *n)
{
    if (f == 0)
        snprintf(n->id, sizeof n->id, "Master");
    else
        snprintf(n->id, sizeof n->id, "W%d", f - 1);
    snprintf(n->logs, sizeof n->logs, "%sLogs", n->id);
    snprintf(n->role, sizeof n->role, "%sRole", n->id);
    snprintf(n->function, sizeof n->function, "%sFunction", n->id);
}

static ff_code add_functions(const writer *w, ff_err *err)
{
    int count = w->stack->package->count;
    ff_code code = FF_OK;
    for (int f = 0; f < count; f++)
        name_resources(f, &w->names[f]);
    for (int f = count - 1; !code && f >= 0; f--) { /* the master last: it names the versions */
        add_logs(w, f);
        add_role(w, f);
        add_function(w, f);
        code = name_version(w, f, err);
        if (!code)
            add_version(w, f);
    }
    if (!code)
        add_alias(w);
    return code;
}

ff_code ff_stack_template(const ff_stack *stack, bool bucket_only, ff_buf *json, ff_err *err)
{
    document *d = yyjson_mut_doc_new(NULL);
    val *root = yyjson_mut_obj(d);
    writer w = {.d = d,
                .stack = stack,
                .names = ff_mem_must_array((size_t)stack->package->count, sizeof(names))};
    yyjson_mut_doc_set_root(d, root);
    yyjson_mut_obj_add_str(d, root, "AWSTemplateFormatVersion", "2010-09-09");
    add(&w, root, "Description",
        ff_cf_text(d, "fanfold deployment %s", stack->package->deployment));
    w.resources = yyjson_mut_obj_add_obj(d, root, "Resources");
    ff_code code = FF_OK;
    if (!stack->bucket) {
        add_bucket(&w);
        add_bucket_policy(&w);
    }
    if (!bucket_only)
        code = add_functions(&w, err);
    add_outputs(&w, root, bucket_only);
    if (!code)
        code = ff_json_emit(d, false, json, err);
    ff_mem_free(w.names);
    yyjson_mut_doc_free(d);
    return code;
}
