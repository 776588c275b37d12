/* A master that was told versions calls those, and refuses a list that does not fit its bundle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/log.h"
#include "function/function.h"
#include "support/fake_invoker.h"
#include "support/tiny_bundle.h"

static char dir[] = "/tmp/ff-versions-XXXXXX";
static char called[2][64];
static int calls;

static ff_code refuse(void *user, const char *function, ff_buf *payload, ff_buf *reply, ff_err *err)
{
    (void)user;
    (void)payload;
    (void)reply;
    if (calls < 2)
        snprintf(called[calls++], sizeof called[0], "%s", function);
    return ff_err_set(err, FF_FORMAT, "no");
}

static ff_code new_master(const char *versions, fake_invoker *invoker, ff_http *http,
                          ff_function **out, ff_err *err)
{
    fake_invoker_init(invoker, http, refuse, NULL);
    ff_function_options o = {.bundle = dir,
                             .function = "master",
                             .threads = 1,
                             .http = http,
                             .invoker = &invoker->invoker,
                             .versions = versions};
    return ff_function_new(&o, out, err);
}

static void ask(ff_function *master)
{
    ff_buf payload, reply = {0};
    ff_wire wire;
    ff_err err = {0};
    ff_tensor tensor = {0};
    ff_shape shape = {4, {1, 3, 4, 4}};
    assert_int_equal(ff_tensor_new(FF_DTYPE_F32, &shape, &tensor, &err), FF_OK);
    memset(tensor.data, 0, 4 * 3 * 4 * 4);
    ff_region all = ff_region_whole(&shape);
    ff_buf_init(&payload, 0);
    assert_int_equal(ff_wire_init(&wire, &tensor, &all, &err), FF_OK);
    assert_int_equal(ff_buf_text(&payload, "{\"tensors\":[", &err), FF_OK);
    assert_int_equal(ff_envelope_add_inline(&payload, "x", &wire, true, &err), FF_OK);
    assert_int_equal(ff_envelope_end(&payload, "", &err), FF_OK);
    ff_call call = {&payload, NULL, FF_NEVER};
    assert_int_equal(ff_function_call(master, &call, &reply, &err), FF_REMOTE);
    ff_buf_clean(&payload);
    ff_tensor_clean(&tensor);
}

static void test_called(void **state)
{
    (void)state;
    static const struct {
        const char *versions, *first, *second;
    } rows[] = {{NULL, "tiny-w0", "tiny-w1"},
                {"7,12,3", "tiny-w0:7", "tiny-w1:12"},
                {"999999999,1,1", "tiny-w0:999999999", "tiny-w1:1"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_http *http = NULL;
        ff_function *master = NULL;
        fake_invoker invoker;
        ff_err err = {0};
        calls = 0;
        assert_int_equal(ff_http_new(NULL, &http, &err), FF_OK);
        if (new_master(rows[i].versions, &invoker, http, &master, &err))
            fail_msg("%s", err.message);
        ask(master);
        assert_int_equal(calls, 2);
        assert_string_equal(called[0], rows[i].first);
        assert_string_equal(called[1], rows[i].second);
        ff_http_free(http);
        ff_function_free(master);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"",     "7",      "7,8",   "7,8,9,10", "7,8,9,",
                                       ",8,9", "7, 8,9", "7,0,9", "7,-1,9",   "7,8,1000000000",
                                       "a,b,c"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_http *http = NULL;
        ff_function *master = NULL;
        fake_invoker invoker;
        ff_err err = {0};
        assert_int_equal(ff_http_new(NULL, &http, &err), FF_OK);
        ff_code code = new_master(rows[i], &invoker, http, &master, &err);
        if (code != FF_USAGE || !strstr(err.message, "versions: wanted 3 numbers"))
            fail_msg("'%s': %s", rows[i], code ? err.message : "accepted");
        ff_http_free(http);
    }
}

static int make(void **state)
{
    (void)state;
    ff_log_init("test", FF_LOG_ERROR, false);
    if (!mkdtemp(dir))
        return -1;
    tiny_bundle_write(dir, &(tiny_bundle){.height = 4, .width = 4, .deployment = "tiny"});
    return 0;
}

static int clean(void **state)
{
    (void)state;
    return (int)ff_dir_remove(dir, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_called),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
