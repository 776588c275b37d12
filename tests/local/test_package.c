/* A bundle's functions: names, the deployment's own name, environments, package sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "local/local.h"
#include "manifest/manifest_sample.h"
#include "support/signed.h"

#define RUNTIME FF_BINARY_DIR "/prog_runtime"

static char dir[] = "/tmp/ff_test_package_XXXXXX";
static ff_manifest *manifest;

static void put_file(const char *name, size_t len)
{
    char path[128];
    static const uint8_t zeros[10000];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(ff_file_write(path, ff_bytes_of(zeros, len), NULL), FF_OK);
}

/* The sample's bundle, with files of known sizes. */
static int make_bundle(void **state)
{
    (void)state;
    ff_err err = {0};
    if (!mkdtemp(dir))
        return -1;
    for (int s = 0; s < 3; s++) {
        char path[64];
        snprintf(path, sizeof path, "%s/s%d", dir, s);
        ff_dir_make(path, NULL);
    }
    put_file("manifest.json", 1);
    put_file("s0/p0.onnx", 20);
    put_file("s0/p1.onnx", 300);
    put_file("s0/weights.bin", 4000);
    put_file("s1/p0.onnx", 5);
    put_file("s2/p0.onnx", 6);
    put_file("library.so", 7);
    return (int)ff_manifest_parse(ff_bytes_of(SAMPLE, strlen(SAMPLE)), dir, &manifest, &err);
}

static int remove_bundle(void **state)
{
    (void)state;
    ff_manifest_free(manifest);
    return (int)ff_dir_remove(dir, NULL);
}

static void options_of_bundle(ff_local_options *options)
{
    static const ff_manifest *bundles[1];
    bundles[0] = manifest;
    *options = (ff_local_options){
        .bundles = bundles, .bundle_count = 1, .program = RUNTIME, .prefix = "p"};
}

static void assert_has(const ff_http_response *response, const char *text)
{
    if (!memmem(response->body.data, response->body.len, text, strlen(text)))
        fail_msg("no %s in %.*s", text, (int)response->body.len, (const char *)response->body.data);
}

static void invoke(signed_client *client, const char *name, ff_http_response *response)
{
    char path[128];
    snprintf(path, sizeof path, "/2015-03-31/functions/%s/invocations", name);
    signed_ask(client,
               &(signed_request){.method = "POST",
                                 .service = "lambda",
                                 .path = path,
                                 .body = "{\"do\":\"env\"}",
                                 .len = 12},
               response);
}

static void test_names_and_environments(void **state)
{
    (void)state;
    static const struct {
        const char *name, *part; /* NULL: there is none */
    } rows[] = {{"tiny-master", "master"}, {"tiny", "master"}, {"tiny-w0", "w0"},
                {"tiny-w2", "w2"},         {"tiny-w3", NULL},  {"w0", NULL}};
    ff_local_options options;
    ff_local *local = NULL;
    ff_err err = {0};
    signed_client client;
    options_of_bundle(&options);
    static const char *const env[] = {"MORE=1", NULL};
    options.env = env;
    if (ff_local_start(&options, &local, &err))
        fail_msg("%s", err.message);
    signed_open(&client, ff_local_port(local), ff_local_credentials(local));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_http_response response = {0};
        char text[200];
        invoke(&client, rows[i].name, &response);
        assert_int_equal(response.status, rows[i].part ? 200 : 404);
        if (rows[i].part) {
            snprintf(text, sizeof text, "FANFOLD_FUNCTION=%s\n", rows[i].part);
            assert_has(&response, text);
            snprintf(text, sizeof text, "AWS_LAMBDA_FUNCTION_NAME=tiny-%s\n", rows[i].part);
            assert_has(&response, text);
            snprintf(text, sizeof text, "FANFOLD_BUNDLE=%s\n", dir);
            assert_has(&response, text);
            snprintf(text, sizeof text, "AWS_ENDPOINT_URL=%s\n", ff_local_endpoint(local));
            assert_has(&response, text);
            assert_has(&response, "FANFOLD_DEPLOYMENT=tiny\n");
            assert_has(&response, "FANFOLD_STORE=s3://fanfold\n");
            assert_has(&response, "FANFOLD_PREFIX=p\n");
            assert_has(&response, "MORE=1\n");
        }
        ff_http_response_clean(&response);
    }
    signed_close(&client);
    ff_local_stop(local);
}

/* Manifest, the function's own pieces, weights once, program and libraries. */
static void test_package_sizes(void **state)
{
    (void)state;
    static const uint64_t own[] = {1 + 5 + 7, 1 + 20 + 4000 + 7, 1 + 300 + 4000 + 7, 1 + 6 + 7};
    uint64_t program = 0;
    char library[128];
    ff_local_options options;
    ff_local *local = NULL;
    ff_err err = {0};
    ff_buf json = {0};
    yyjson_doc *doc = NULL;
    assert_int_equal(ff_file_size(RUNTIME, &program, NULL), FF_OK);
    snprintf(library, sizeof library, "%s/library.so", dir);
    const char *const libraries[] = {library, NULL};
    options_of_bundle(&options);
    options.libraries = libraries;
    options.package_limit = program + own[2];
    if (ff_local_start(&options, &local, &err))
        fail_msg("%s", err.message);
    assert_int_equal(ff_local_state(local, &json, NULL), FF_OK);
    assert_int_equal(ff_json_parse(ff_buf_view(&json), &doc, NULL), FF_OK);
    yyjson_val *list = yyjson_obj_get(yyjson_doc_get_root(doc), "functions");
    assert_int_equal(yyjson_arr_size(list), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(yyjson_get_uint(yyjson_obj_get(yyjson_arr_get(list, i), "package_bytes")),
                         program + own[i]);
    yyjson_doc_free(doc);
    ff_buf_clean(&json);
    ff_local_stop(local);
    options.package_limit--;
    assert_int_equal(ff_local_start(&options, &local, &err), FF_LIMIT);
    char text[128];
    snprintf(text, sizeof text, "the package of tiny-w1 has %llu bytes, at most %llu are allowed",
             (unsigned long long)(program + own[2]), (unsigned long long)options.package_limit);
    assert_string_equal(err.message, text);
    options.package_limit = 0;
    options.program = "/nowhere";
    assert_int_equal(ff_local_start(&options, &local, &err), FF_NOT_FOUND);
    options.program = NULL;
    assert_int_equal(ff_local_start(&options, &local, &err), FF_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_environments),
        cmocka_unit_test(test_package_sizes),
    };
    return cmocka_run_group_tests(tests, make_bundle, remove_bundle);
}
