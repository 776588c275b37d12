/* Loading: what a function refuses to start with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/log.h"
#include "engine/engine.h"
#include "function/function.h"
#include "support/tiny_bundle.h"

static ff_code load(const char *dir, const char *function, bool probe, ff_err *err)
{
    ff_function *f = NULL;
    ff_function_options o = {.bundle = dir, .function = function, .threads = 1, .probe = probe};
    ff_code code = ff_function_new(&o, &f, err);
    assert_true((f == NULL) == (code != FF_OK));
    if (f)
        assert_string_equal(ff_function_deployment(f), "tiny");
    ff_function_free(f);
    return code;
}

static void test_loads(void **state)
{
    (void)state;
    int block = ff_engine_nchwc_block();
    struct {
        tiny_bundle bundle;
        const char *function;
        bool probe;
        ff_code code;
        const char *message;
    } rows[] = {
        {{.deployment = "tiny"}, "w0", true, FF_OK, NULL},
        {{.deployment = "tiny"}, "w2", false, FF_OK, NULL},
        {{.deployment = "tiny"}, "w9", false, FF_NOT_FOUND, "'w9'"},
        {{.deployment = "tiny"}, "master", false, FF_USAGE, "a way to invoke them"},
        {{.deployment = "tiny", .break_sha = 1}, "w0", false, FF_OK, NULL}, /* not its piece */
        {{.deployment = "tiny", .break_sha = 1}, "w1", false, FF_CHECKSUM, "SHA-256"},
        {{.deployment = "tiny", .form = "nchwc", .nchwc_block = block}, "w0", false, FF_OK, NULL},
        {{.deployment = "tiny", .form = "nchwc", .nchwc_block = block == 8 ? 16 : 8},
         "w0",
         false,
         FF_UNSUPPORTED,
         "portable form"},
        {{.deployment = "tiny", .probe_off = 0.5}, "w0", true, FF_OK, NULL}, /* not its probe */
        {{.deployment = "tiny", .probe_off = 0.5}, "master", false, FF_USAGE, "invoke"},
        {{.deployment = "tiny", .probe_off = 0.5}, "master", true, FF_MISMATCH, "element 0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char dir[] = "/tmp/ff-loader-XXXXXX";
        ff_err err = {0};
        assert_non_null(mkdtemp(dir));
        rows[i].bundle.height = rows[i].bundle.width = 8;
        tiny_bundle_write(dir, &rows[i].bundle);
        ff_code code = load(dir, rows[i].function, rows[i].probe, &err);
        if (code != rows[i].code || (code && !strstr(err.message, rows[i].message)))
            fail_msg("row %zu: %s: %s", i, ff_code_name(code), err.message);
        ff_dir_remove(dir, NULL);
    }
}

/* A piece that is absent, or no model, though its hash is right. */
static void test_broken_files(void **state)
{
    (void)state;
    char dir[] = "/tmp/ff-loader-XXXXXX", path[64];
    ff_err err = {0};
    tiny_bundle bundle = {.height = 8, .width = 8, .deployment = "tiny"};
    assert_non_null(mkdtemp(dir));
    assert_int_equal(load(dir, "w0", false, &err), FF_NOT_FOUND);
    tiny_bundle_write(dir, &bundle);
    snprintf(path, sizeof path, "%s/s0/p0.onnx", dir);
    assert_int_equal(ff_file_write(path, ff_bytes_of("no model", 8), &err), FF_OK);
    assert_int_equal(load(dir, "w0", false, &err), FF_CHECKSUM);
    assert_int_equal(remove(path), 0);
    assert_int_equal(load(dir, "w0", false, &err), FF_NOT_FOUND);
    assert_int_equal(load(dir, "w1", false, &err), FF_OK);
    ff_dir_remove(dir, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loads),
        cmocka_unit_test(test_broken_files),
    };
    ff_log_init("test", FF_LOG_ERROR, false);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
