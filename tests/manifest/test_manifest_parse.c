/* Reading manifests: what is in them, members missing or of a wrong kind, files cut short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "manifest/manifest.h"
#include "manifest_sample.h"
#include "support/guard.h"

static ff_code parse(const char *text, ff_manifest **out, ff_err *err)
{
    return ff_manifest_parse(ff_bytes_of(text, strlen(text)), "/bundle", out, err);
}

static void test_whole(void **state)
{
    (void)state;
    ff_manifest *m = NULL;
    ff_err err = {0};
    assert_int_equal(parse(SAMPLE, &m, &err), FF_OK);
    assert_string_equal(m->dir, "/bundle");
    assert_string_equal(m->deployment, "tiny");
    assert_string_equal(m->model_path, "../m.onnx");
    assert_string_equal(m->form, "portable");
    assert_int_equal(m->in_count, 1);
    assert_int_equal(m->in[0].dtype, FF_DTYPE_F32);
    assert_int_equal(m->in[0].shape.dim[2], 8);
    assert_string_equal(m->preprocess_json, "{\"input\":\"x\",\"mean\":[0.5,1,2]}");
    assert_int_equal(m->function_count, 4);
    assert_int_equal(m->stage_count, 3);
    assert_false(m->stage[0].local);
    assert_true(m->stage[1].local);
    assert_string_equal(m->stage[0].drop[0], "x");
    const ff_mf_piece *p = &m->stage[0].piece[1];
    assert_int_equal(p->function, 2);
    assert_int_equal(p->in[0].region.lo[2], 3);
    assert_int_equal(p->in[0].region.hi[2], 8);
    assert_int_equal(p->weights_bytes, 432);
    assert_int_equal(p->probe.count, 0);
    p = &m->stage[0].piece[0];
    assert_int_equal(p->probe.count, 2);
    assert_int_equal(p->probe.index[1], 127);
    assert_true(p->probe.value[1] == -1.5);
    ff_manifest_free(m);
    ff_manifest_free(NULL);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        ff_code code;
        const char *message; /* a part of it */
    } rows[] = {
        {"\"format\": 1", "\"format\": 2", FF_UNSUPPORTED, "format 2"},
        {"\"format\": 1,", "", FF_FORMAT, "format"},
        {"\"format\": 1,", "\"format\": 1, \"network\": 7,", FF_FORMAT, "\"network\""},
        {"\"format\": 1,", "\"format\": 1, \"network\": {\"format\": 1},", FF_FORMAT,
         "\"network\""},
        {"\"deployment\": \"tiny\"", "\"deployment\": 5", FF_FORMAT, "deployment"},
        {"\"dtype\": \"float32\"", "\"dtype\": \"float31\"", FF_UNSUPPORTED, "float31"},
        {"\"dtype\": \"float32\"", "\"dtype\": \"string\"", FF_UNSUPPORTED, "string"},
        {"[1, 3, 8, 8]", "[1, 3, 8, 0]", FF_FORMAT, "axis 3"},
        {"[1, 3, 8, 8]", "[1, 3, 8, -8]", FF_FORMAT, "axis 3"},
        {"[1, 3, 8, 8]", "[1, 3, 8, 8.5]", FF_FORMAT, "axis 3"},
        {"[1, 3, 8, 8]", "[1,1,1,1,1,3,8,8,1]", FF_LIMIT, "shape"},
        {"[1, 3, 8, 8]", "[9000000000000, 9000000000000]", FF_LIMIT, "elements"},
        {"[1, 3, 8, 8]", "\"1x3x8x8\"", FF_FORMAT, "shape"},
        {"[[0,1],[0,3],[0,5],[0,8]]", "[[0,1],[0,3],[0,5],[0]]", FF_FORMAT, "axis 3"},
        {"[[0,1],[0,3],[0,5],[0,8]]", "[[0,1],[0,3],[0,5],8]", FF_FORMAT, "axis 3"},
        {"\"function\": \"w1\"", "\"function\": \"w9\"", FF_FORMAT, "'w9'"},
        {"\"flops\": 99", "\"flops\": -1", FF_FORMAT, "flops"},
        {"\"index\": [0, 127]", "\"index\": [0]", FF_FORMAT, "2 values for 1"},
        {"\"index\": [0, 127]", "\"index\": [0, \"x\"]", FF_FORMAT, "element 1"},
        {"\"drop\": [\"x\"]", "\"drop\": [7]", FF_FORMAT, "drop"},
        {"\"drop\": [\"x\"]", "\"drop\": \"x\"", FF_FORMAT, "drop"},
        {"\"preprocess\": {\"input\": \"x\", \"mean\": [0.5, 1, 2]}", "\"preprocess\": [1]",
         FF_FORMAT, "preprocess"},
        {"\"add\": false", "\"add\": 0", FF_FORMAT, "add"},
        {"\"inputs\": [{\"name\": \"x\", \"dtype\": \"float32\", \"shape\": [1, 3, 8, 8]}]",
         "\"inputs\": []", FF_FORMAT, "inputs"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_manifest *m = NULL;
        ff_err err = {0};
        char *text = sample_with(rows[i].from, rows[i].to);
        assert_non_null(text);
        ff_code code = parse(text, &m, &err);
        if (code != rows[i].code || !strstr(err.message, rows[i].message))
            fail_msg("row %zu: %s: %s", i, ff_code_name(code), err.message);
        assert_null(m);
        free(text);
    }
}

/* Every prefix is refused, and not one byte behind it is read. */
static void test_cut_short(void **state)
{
    (void)state;
    size_t len = strlen(SAMPLE);
    for (size_t cut = 0; cut < len; cut += 1 + cut % 7) {
        ff_manifest *m = NULL;
        ff_err err = {0};
        guard g = guard_copy(SAMPLE, cut);
        ff_code code = ff_manifest_parse(ff_bytes_of(g.data, g.len), "", &m, &err);
        assert_int_equal(code, FF_FORMAT);
        assert_null(m);
        guard_free(&g);
    }
}

static void test_load(void **state)
{
    (void)state;
    char dir[] = "/tmp/ff-manifest-XXXXXX", path[64];
    ff_manifest *m = NULL;
    ff_err err = {0};
    assert_non_null(mkdtemp(dir));
    assert_int_equal(ff_manifest_load(dir, &m, &err), FF_NOT_FOUND);
    snprintf(path, sizeof path, "%s/manifest.json", dir);
    assert_int_equal(ff_file_write(path, ff_bytes_of("{\"format\": 1", 12), &err), FF_OK);
    assert_int_equal(ff_manifest_load(dir, &m, &err), FF_FORMAT);
    assert_string_equal(err.file, path);
    assert_int_equal(ff_file_write(path, ff_bytes_of(SAMPLE, strlen(SAMPLE)), &err), FF_OK);
    assert_int_equal(ff_manifest_load(dir, &m, &err), FF_OK);
    assert_string_equal(m->dir, dir);
    ff_manifest_free(m);
    assert_int_equal(ff_dir_remove(dir, &err), FF_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
