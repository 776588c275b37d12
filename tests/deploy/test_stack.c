/* Stacks: names that AWS takes and refuses, and templates with no right too many. */
#include "deploy/stack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static ff_packaged functions[3] = {
    {.function = "master", .name = "ocr-master", .sha256 = "aaaa"},
    {.function = "w0", .name = "ocr-w0", .sha256 = "bbbb"},
    {.function = "w1", .name = "ocr-w1", .sha256 = "cccc"},
};
static const ff_package PACKAGE = {.deployment = "ocr",
                                   .target = "lambda-zip",
                                   .arch = "x86_64",
                                   .count = 3,
                                   .function = functions};

static yyjson_doc *make(const ff_package *package, const ff_stack_options *options,
                        bool bucket_only)
{
    ff_arena *arena = ff_arena_new();
    ff_stack stack;
    ff_buf json;
    ff_err err = {0};
    yyjson_doc *doc = NULL;
    ff_buf_init(&json, 0);
    if (ff_stack_init(package, options, arena, &stack, &err) ||
        ff_stack_template(&stack, bucket_only, &json, &err) ||
        ff_json_parse(ff_buf_view(&json), &doc, &err))
        fail_msg("%s", err.message);
    ff_buf_clean(&json);
    ff_arena_free(arena);
    return doc;
}

static yyjson_val *at(yyjson_doc *doc, const char *pointer)
{
    yyjson_val *value = yyjson_doc_ptr_get(doc, pointer);
    if (!value)
        fail_msg("no %s", pointer);
    return value;
}

static const char *text_at(yyjson_doc *doc, const char *pointer)
{
    return yyjson_get_str(at(doc, pointer));
}

/* Every Allow of the template: its actions on its resource, one a line. */
static void list_rights(yyjson_doc *doc, char *out, size_t size)
{
    static const char *const ROLES[] = {"MasterRole", "W0Role", "W1Role"};
    size_t used = 0;
    for (size_t r = 0; r < 3; r++) {
        char pointer[160];
        size_t i, max, k, n;
        yyjson_val *statement, *action;
        snprintf(pointer, sizeof pointer,
                 "/Resources/%s/Properties/Policies/0/PolicyDocument/Statement", ROLES[r]);
        yyjson_arr_foreach(at(doc, pointer), i, max, statement)
        {
            assert_string_equal(yyjson_get_str(yyjson_obj_get(statement, "Effect")), "Allow");
            used += (size_t)snprintf(out + used, size - used, "%s:", ROLES[r]);
            yyjson_arr_foreach(yyjson_obj_get(statement, "Action"), k, n, action)
            {
                used += (size_t)snprintf(out + used, size - used, " %s", yyjson_get_str(action));
            }
            char *resource = yyjson_val_write(yyjson_obj_get(statement, "Resource"), 0, NULL);
            used += (size_t)snprintf(out + used, size - used, " on %s\n", resource);
            free(resource);
        }
    }
}

/* All that functions may do, written out: whatever is added must be added here. */
static void test_rights(void **state)
{
    (void)state;
#define TENSORS                                                                                    \
    " s3:GetObject s3:PutObject s3:DeleteObject on "                                               \
    "{\"Fn::Sub\":\"arn:${AWS::Partition}:s3:::my-bucket/p/q/requests/ocr/*\"}\n"
#define LOG(name)                                                                                  \
    " logs:CreateLogStream logs:PutLogEvents on {\"Fn::Sub\":\"arn:${AWS::Partition}:logs:"        \
    "${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/" name ":*\"}\n"
#define INVOKE(name)                                                                               \
    "{\"Fn::Sub\":\"arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:" name  \
    ":*\"}"
    static const char wanted[] = "MasterRole:" TENSORS "MasterRole:" LOG(
        "ocr-master") "MasterRole: lambda:InvokeFunction on "
                      "[" INVOKE("ocr-w0") "," INVOKE(
                          "ocr-w1") "]\n"
                                    "W0Role:" TENSORS
                                    "W0Role:" LOG("ocr-w0") "W1Role:" TENSORS
                                                            "W1Role:" LOG("ocr-w1");
    char found[8192];
    yyjson_doc *doc =
        make(&PACKAGE, &(ff_stack_options){.bucket = "my-bucket", .prefix = "p/q"}, false);
    list_rights(doc, found, sizeof found);
    assert_string_equal(found, wanted);
    yyjson_doc_free(doc);
}

static void test_functions(void **state)
{
    (void)state;
#define MASTER "/Resources/MasterFunction/Properties"
    yyjson_doc *doc =
        make(&PACKAGE,
             &(ff_stack_options){
                 .bucket = "my-bucket", .memory_mb = 1769, .timeout_s = 9, .provisioned = 2},
             false);
    assert_null(yyjson_doc_ptr_get(doc, "/Resources/Bucket")); /* it is somebody's */
    assert_string_equal(text_at(doc, MASTER "/Code/S3Key"), "fanfold/code/ocr/aaaa.zip");
    assert_string_equal(text_at(doc, MASTER "/Code/S3Bucket"), "my-bucket");
    assert_string_equal(text_at(doc, MASTER "/Runtime"), "provided.al2023");
    assert_string_equal(text_at(doc, MASTER "/Architectures/0"), "x86_64");
    assert_int_equal(yyjson_get_int(at(doc, MASTER "/MemorySize")), 1769);
    assert_int_equal(yyjson_get_int(at(doc, MASTER "/Timeout")), 9);
    assert_string_equal(text_at(doc, MASTER "/Environment/Variables/FANFOLD_STORE"),
                        "s3://my-bucket");
    /* the master is told the versions of exactly its workers, in order */
#define VERSIONS MASTER "/Environment/Variables/FANFOLD_VERSIONS/Fn::Join/1"
    assert_int_equal(yyjson_arr_size(at(doc, VERSIONS)), 2);
    for (int i = 0; i < 2; i++) {
        char pointer[160], kind[160];
        snprintf(pointer, sizeof pointer, VERSIONS "/%d/Fn::GetAtt/0", i);
        const char *id = text_at(doc, pointer);
        snprintf(kind, sizeof kind, "/Resources/%s/Type", id);
        assert_string_equal(text_at(doc, kind), "AWS::Lambda::Version");
        snprintf(kind, sizeof kind, "/Resources/%s/Properties/FunctionName/Ref", id);
        assert_string_equal(text_at(doc, kind), i ? "W1Function" : "W0Function");
        snprintf(kind, sizeof kind,
                 "/Resources/%s/Properties/ProvisionedConcurrencyConfig/"
                 "ProvisionedConcurrentExecutions",
                 id);
        assert_int_equal(yyjson_get_int(at(doc, kind)), 2);
        snprintf(kind, sizeof kind, "/Resources/%s/DeletionPolicy", id);
        assert_string_equal(text_at(doc, kind), "Retain"); /* a rollback needs it */
    }
    assert_null(yyjson_doc_ptr_get(doc, "/Resources/W0Function/Properties/Environment/Variables/"
                                        "FANFOLD_VERSIONS"));
    assert_int_equal(
        yyjson_get_int(at(doc, "/Resources/NoRetries/Properties/MaximumRetryAttempts")), 0);
    assert_string_equal(text_at(doc, "/Outputs/BucketIsOwn/Value"), "false");
    yyjson_doc_free(doc);
}

static void test_own_bucket(void **state)
{
    (void)state;
    for (int bucket_only = 0; bucket_only < 2; bucket_only++) {
        yyjson_doc *doc = make(&PACKAGE, &(ff_stack_options){0}, bucket_only);
#define BUCKET "/Resources/Bucket/Properties"
        static const char *const blocked[] = {"BlockPublicAcls", "BlockPublicPolicy",
                                              "IgnorePublicAcls", "RestrictPublicBuckets"};
        for (size_t i = 0; i < 4; i++) {
            char pointer[160];
            snprintf(pointer, sizeof pointer, BUCKET "/PublicAccessBlockConfiguration/%s",
                     blocked[i]);
            assert_true(yyjson_get_bool(at(doc, pointer)));
        }
        assert_string_equal(text_at(doc, BUCKET "/LifecycleConfiguration/Rules/0/Prefix"),
                            "fanfold/requests/ocr/");
        assert_int_equal(
            yyjson_get_int(at(doc, BUCKET "/LifecycleConfiguration/Rules/0/ExpirationInDays")), 1);
        at(doc, BUCKET "/BucketEncryption/ServerSideEncryptionConfiguration/0");
#define STATEMENT "/Resources/BucketPolicy/Properties/PolicyDocument/Statement/0"
        assert_string_equal(text_at(doc, STATEMENT "/Effect"), "Deny");
        assert_string_equal(text_at(doc, STATEMENT "/Condition/Bool/aws:SecureTransport"), "false");
        assert_string_equal(text_at(doc, "/Outputs/BucketIsOwn/Value"), "true");
        size_t resources = yyjson_obj_size(at(doc, "/Resources"));
        assert_int_equal(resources, bucket_only ? 2 : 2 + 3 * 4 + 2);
        yyjson_doc_free(doc);
    }
}

/* The logical ids of the three versions. */
static void version_ids(const ff_stack_options *options, char ids[3][64])
{
    static const char *const BEGIN[] = {"MasterVersion", "W0Version", "W1Version"};
    yyjson_doc *doc = make(&PACKAGE, options, false);
    yyjson_val *id, *resource;
    size_t i, max;
    memset(ids, 0, 3 * 64);
    yyjson_obj_foreach(at(doc, "/Resources"), i, max, id, resource)
    {
        for (int k = 0; k < 3; k++)
            if (!strncmp(yyjson_get_str(id), BEGIN[k], strlen(BEGIN[k])))
                snprintf(ids[k], 64, "%s", yyjson_get_str(id));
    }
    yyjson_doc_free(doc);
    for (int k = 0; k < 3; k++)
        assert_true(*ids[k] != '\0');
}

/* Lambda refuses a version of what has not changed, and CloudFormation makes one for each new id:
 * so ids change exactly with their function, and the master's with each worker's. */
static void test_versions(void **state)
{
    (void)state;
    char first[3][64], again[3][64], w1[3][64], memory[3][64];
    ff_stack_options options = {.bucket = "my-bucket"};
    version_ids(&options, first);
    version_ids(&options, again);
    for (int k = 0; k < 3; k++)
        assert_string_equal(first[k], again[k]);
    functions[2].sha256[0] = 'd';
    version_ids(&options, w1);
    functions[2].sha256[0] = 'c';
    assert_string_not_equal(first[0], w1[0]);
    assert_string_equal(first[1], w1[1]);
    assert_string_not_equal(first[2], w1[2]);
    options.memory_mb = 1024;
    version_ids(&options, memory);
    for (int k = 0; k < 3; k++)
        assert_string_not_equal(first[k], memory[k]);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        ff_stack_options options;
        ff_code code;
        const char *message;
    } rows[] = {
        {{.name = "1stack"}, FF_USAGE, "a stack's name begins with a letter"},
        {{.name = "my_stack"}, FF_USAGE, "found 'my_stack': name one with --stack"},
        {{.name = ""}, FF_USAGE, "a stack's name"},
        {{.bucket = "ab"}, FF_USAGE, "a bucket's name has 3 to 63"},
        {{.bucket = "My-Bucket"}, FF_USAGE, "found 'My-Bucket'"},
        {{.bucket = "bucket-"}, FF_USAGE, "begins and ends with a letter or digit"},
        {{.bucket = "a..b"}, FF_USAGE, "a bucket's name"},
        {{.prefix = "/p"}, FF_USAGE, "a prefix has 1 to 200"},
        {{.prefix = "p/"}, FF_USAGE, "a prefix has"},
        {{.prefix = "p//q"}, FF_USAGE, "a prefix has"},
        {{.prefix = "p*"}, FF_USAGE, "found 'p*'"}, /* it would be a wildcard in a policy */
        {{.prefix = "${AWS::Region}"}, FF_USAGE, "a prefix has"},
        {{.memory_mb = 127}, FF_USAGE, "memory in MB: wanted 128 to 10240, found 127"},
        {{.memory_mb = 10241}, FF_USAGE, "found 10241"},
        {{.timeout_s = 901}, FF_USAGE, "time-out in seconds: wanted 1 to 900, found 901"},
        {{.provisioned = -1}, FF_USAGE, "provisioned instances"},
    };
    ff_arena *arena = ff_arena_new();
    ff_stack stack;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_err err = {0};
        ff_code code = ff_stack_init(&PACKAGE, &rows[i].options, arena, &stack, &err);
        if (code != rows[i].code || !strstr(err.message, rows[i].message))
            fail_msg("row %zu: %s '%s'", i, ff_code_name(code), err.message);
    }
    ff_package package = PACKAGE;
    ff_err err = {0};
    package.count = 124;
    assert_int_equal(ff_stack_init(&package, &rows[0].options, arena, &stack, &err), FF_LIMIT);
    package.count = 1;
    package.target = "image";
    assert_int_equal(ff_stack_init(&package, &rows[0].options, arena, &stack, &err),
                     FF_UNSUPPORTED);
    ff_packaged named = {.function = "w0",
                         .name =
                             "a-name-of-65-characters-a-name-of-65-characters-a-name-of-65-char"};
    package = PACKAGE;
    package.count = 1;
    package.function = &named;
    assert_int_equal(strlen(named.name), 65);
    assert_int_equal(ff_stack_init(&package, &(ff_stack_options){0}, arena, &stack, &err),
                     FF_USAGE);
    ff_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rights),     cmocka_unit_test(test_functions),
        cmocka_unit_test(test_own_bucket), cmocka_unit_test(test_versions),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
