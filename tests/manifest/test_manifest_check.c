/* What a manifest says must hold together: names, regions, coverage, functions, paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "manifest/manifest.h"
#include "manifest_sample.h"

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *message;
    } rows[] = {
        {"\"deployment\": \"tiny\"", "\"deployment\": \"a b\"", "A-Za-z0-9-_"},
        {"\"deployment\": \"tiny\"", "\"deployment\": \"\"", "A-Za-z0-9-_"},
        {"\"sha256\": \"a", "\"sha256\": \"g", "64 hex"},
        {"\"form\": \"portable\"", "\"form\": \"fast\"", "fast"},
        {"\"nchwc_block\": 1", "\"nchwc_block\": 16", "found 16"},
        {"{\"name\": \"master\"}", "{\"name\": \"boss\"}", "master"},
        {"{\"name\": \"w1\"}", "{\"name\": \"w0\"}", "w"}, /* and w1 is unknown then */
        {"{\"name\": \"w2\"}", "{\"name\": \"w2\"}, {\"name\": \"w0\"}", "appears twice"},
        {"{\"name\": \"w2\"}", "{\"name\": \"w2\"}, {\"name\": \"a/b\"}", "A-Za-z0-9-_"},
        {"\"function\": \"w1\"", "\"function\": \"w0\"", "two pieces"},
        {"\"function\": \"w1\"", "\"function\": \"master\"", "grid 2x1"}, /* not piece 0 */
        {"\"function\": \"w2\"", "\"function\": \"master\"", "offload"},  /* not of several */
        {"\"function\": \"master\", \"model\"", "\"function\": \"w2\", \"model\"", "local"},
        {"\"split\": \"local\"", "\"split\": \"offload\"", "master"},
        {"\"s0/p0.onnx\"", "\"../p0.onnx\"", "leaves the bundle"},
        {"\"s0/weights.bin\"", "\"/etc/passwd\"", "leaves the bundle"},
        {"\"model_sha256\": \"a", "\"model_sha256\": \"A", "64 hex"},
        {"[[0,1],[0,3],[0,5],[0,8]]", "[[0,1],[0,3],[0,5],[0,9]]", "axis 3"},
        {"[[0,1],[0,3],[0,5],[0,8]]", "[[0,1],[0,3],[5,5],[0,8]]", "axis 2"},
        {"[[0,1],[0,3],[0,5],[0,8]]", "[[0,1],[0,3],[-1,5],[0,8]]", "axis 2"},
        {"[[0,1],[0,3],[0,5],[0,8]]", "[[0,1],[0,3],[0,5]]", "rank 3"},
        {"[[0,1],[0,4],[4,7],[0,8]]", "[[0,1],[0,4],[5,7],[0,8]]", "192 of 224"},
        {"[[0,1],[0,4],[0,4],[0,8]]", "[[0,1],[0,4],[0,5],[0,8]]", "overlap"},
        {"\"add\": false", "\"add\": true", "some do not"},
        {"\"inputs\": [{\"name\": \"b\"", "\"inputs\": [{\"name\": \"a\"", "no such tensor"},
        {"\"inputs\": [{\"name\": \"b\"", "\"inputs\": [{\"name\": \"q\"", "no such tensor"},
        {"\"name\": \"x\", \"dtype\": \"float32\", \"region\"",
         "\"name\": \"x\", \"dtype\": \"float16\", \"region\"", "found float16"},
        {"\"outputs\": [{\"name\": \"b\", \"dtype\": \"float32\", \"shape\"",
         "\"outputs\": [{\"name\": \"c\", \"dtype\": \"float32\", \"shape\"", "not among"},
        {"\"drop\": [\"b\"]", "\"drop\": [\"nothing\"]", "nothing"},
        {"\"drop\": [\"b\"]", "\"drop\": [\"z\"]", "output of the model"},
        {"\"drop\": [\"b\"]", "\"drop\": [\"b\", \"b\"]", "'b'"},
        {"\"outputs\": [{\"name\": \"z\", \"dtype\": \"float32\", \"shape\": [1, 10]}]",
         "\"outputs\": [{\"name\": \"y\", \"dtype\": \"float32\", \"shape\": [1, 10]}]",
         "no stage makes 'y'"},
        {"\"outputs\": [{\"name\": \"z\", \"dtype\": \"float32\", \"shape\": [1, 10]}]",
         "\"outputs\": [{\"name\": \"z\", \"dtype\": \"float32\", \"shape\": [1, 11]}]", "differs"},
        {"\"output\": 0", "\"output\": 1", "output 1 of 1"},
        {"\"index\": [0, 127]", "\"index\": [0, 128]", "index 128"},
        {"\"max_abs\": 2.5", "\"max_abs\": -2.5", "max_abs"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_manifest *m = NULL;
        ff_err err = {0};
        char *text = sample_with(rows[i].from, rows[i].to);
        assert_non_null(text);
        ff_code code = ff_manifest_parse(ff_bytes_of(text, strlen(text)), "", &m, &err);
        if (!code || !strstr(err.message, rows[i].message))
            fail_msg("row %zu: %s: %s", i, ff_code_name(code), err.message);
        assert_null(m);
        free(text);
    }
}

/* Partial sums: two pieces whose parts are both the whole tensor. */
static void test_added_parts(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"\"region\": [[0,1],[0,4],[0,4],[0,8]], \"add\": false",
         "\"region\": [[0,1],[0,4],[0,7],[0,8]], \"add\": true"},
        {"\"region\": [[0,1],[0,4],[4,7],[0,8]], \"add\": false",
         "\"region\": [[0,1],[0,4],[0,7],[0,8]], \"add\": true"},
    };
    char *once = sample_with(texts[0][0], texts[0][1]);
    assert_non_null(once);
    char *at = strstr(once, texts[1][0]);
    assert_non_null(at);
    char *twice = malloc(strlen(once) + 64);
    assert_non_null(twice);
    sprintf(twice, "%.*s%s%s", (int)(at - once), once, texts[1][1], at + strlen(texts[1][0]));
    ff_manifest *m = NULL;
    ff_err err = {0};
    assert_int_equal(ff_manifest_parse(ff_bytes_of(twice, strlen(twice)), "", &m, &err), FF_OK);
    assert_true(m->stage[0].piece[1].out[0].add);
    ff_manifest_free(m);
    free(once);
    free(twice);
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        ff_code code;
    } rows[] = {
        {"a", FF_OK},
        {"ocr-2_B", FF_OK},
        {"0123456789012345678901234567890123456789", FF_OK},
        {"01234567890123456789012345678901234567890", FF_FORMAT},
        {"", FF_FORMAT},
        {"a.b", FF_FORMAT},
        {"a/b", FF_FORMAT},
        {"\xc3\xa4", FF_FORMAT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(ff_manifest_check_name(rows[i].name, NULL), rows[i].code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_added_parts),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
