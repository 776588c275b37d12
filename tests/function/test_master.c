/* Whole requests through master and workers: the model's answer by every policy, nothing left
 * behind; and what the master refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/rig.h"

static rig r;

static int set_up(void **state)
{
    rig_start(&r, *state == NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&r);
    return 0;
}

/* bytes as .npy: x's tiles 1x3x9x12: 1296+128; a's 4x8x12: 1664, b's 896; c and b whole */
static const struct {
    const char *members;
    int puts; /* of master and workers */
} POLICIES[] = {
    {"", 0},
    {"\"policy\":\"inline\",", 0},
    {"\"policy\":\"store\",", 2 + 4 + 2 + 1 + 1},
    {"\"policy\":\"0\",", 2 + 4 + 2 + 1 + 1},
    {"\"policy\":\"1500\",", 0 + 2 + 2 + 1 + 1}, /* a's tiles; b and c whole; y; y to the client */
    {"\"policy\":\"3KB\",", 1},                  /* c alone */
    {"\"policy\":1424,", 2 + 2 + 2 + 1 + 1},     /* x's tiles too: exactly their size */
};

static void test_every_policy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof POLICIES / sizeof POLICIES[0]; i++) {
        ff_buf reply = {0};
        ff_envelope e = {0};
        ff_err err = {0};
        r.store.puts = r.worker_store.puts = r.invoker.calls = 0;
        ff_code code = rig_ask(&r, POLICIES[i].members, &reply, &err);
        if (code)
            fail_msg("%s: %s", POLICIES[i].members, err.message);
        assert_int_equal(ff_envelope_parse(FF_ENV_REPLY, &reply, "runs/tiny/", &e, &err), FF_OK);
        assert_int_equal(e.count, 1);
        assert_string_equal(e.tensor[0].name, "y");
        assert_true(rig_is_y(&r, &e.tensor[0]));
        assert_true(e.latency_ms > 0);
        assert_null(e.trace_json);
        assert_int_equal(r.invoker.calls, 3);
        if (r.store.puts + r.worker_store.puts != POLICIES[i].puts)
            fail_msg("%s: %d puts, wanted %d", POLICIES[i].members,
                     r.store.puts + r.worker_store.puts, POLICIES[i].puts);
        /* only what the client is to read is left */
        assert_int_equal(r.store.count, e.tensor[0].route == FF_ROUTE_STORE);
        ff_envelope_clean(&e);
        ff_buf_clean(&reply);
        ff_store_free(&r.store.store);
    }
    ff_buf reply = {0};
    r.invoker.delay_ms = 5; /* an answer takes a while: both tiles are computed at once */
    assert_int_equal(rig_ask(&r, "", &reply, NULL), FF_OK);
    assert_int_equal(r.invoker.most_in_flight, 2);
    ff_buf_clean(&reply);
}

static void test_trace_and_ids(void **state)
{
    (void)state;
    ff_buf reply = {0};
    ff_envelope e = {0};
    ff_err err = {0};
    assert_int_equal(rig_ask(&r,
                             "\"fanfold\":1,\"deployment\":\"tiny\",\"requestId\":\"mine\","
                             "\"trace\":true,\"policy\":\"1500\",\"outputs\":[\"y\"],",
                             &reply, &err),
                     FF_OK);
    assert_int_equal(ff_envelope_parse(FF_ENV_REPLY, &reply, "runs/tiny/", &e, &err), FF_OK);
    assert_string_equal(e.request_id, "mine");
    yyjson_val *trace = e.trace_json, *stages = NULL, *bytes = NULL;
    int64_t count = 0;
    assert_int_equal(ff_json_arr(trace, "stages", &stages, NULL), FF_OK);
    assert_int_equal(yyjson_arr_size(stages), 3);
    assert_int_equal(ff_json_obj(trace, "bytes", &bytes, NULL), FF_OK);
    assert_int_equal(ff_json_int(bytes, "store", 0, INT64_MAX, &count, NULL), FF_OK);
    /* a's tiles twice 1664, b 1664, c 3200, y 1664 twice (to the master, to the client) */
    assert_int_equal(count, 2 * 1664 + 1664 + 3200 + 2 * 1664);
    yyjson_val *pieces = NULL, *outs = NULL;
    assert_int_equal(ff_json_arr(yyjson_arr_get_first(stages), "pieces", &pieces, NULL), FF_OK);
    assert_int_equal(yyjson_arr_size(pieces), 2);
    assert_int_equal(ff_json_arr(yyjson_arr_get_first(pieces), "outputs", &outs, NULL), FF_OK);
    assert_int_equal(yyjson_arr_size(outs), 2);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(yyjson_arr_get_first(outs), "name")), "a");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(yyjson_arr_get_first(outs), "route")),
                        "store");
    assert_true(yyjson_is_obj(yyjson_obj_get(yyjson_arr_get_first(pieces), "worker")));
    ff_envelope_clean(&e);
    ff_buf_clean(&reply);
}

static void test_describe(void **state)
{
    (void)state;
    ff_buf reply = {0}, payload = {0};
    ff_err err = {0};
    yyjson_doc *doc = NULL;
    yyjson_val *list = NULL, *obj = NULL;
    int64_t n = 0;
    assert_int_equal(ff_buf_text(&payload, "{\"fanfold\":\"describe\"}", &err), FF_OK);
    ff_call call = {&payload, "id-7", FF_NEVER};
    assert_int_equal(ff_function_call(r.master, &call, &reply, &err), FF_OK);
    assert_int_equal(ff_json_parse(ff_buf_view(&reply), &doc, &err), FF_OK);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "deployment")), "tiny");
    assert_int_equal(ff_json_arr(root, "inputs", &list, &err), FF_OK);
    assert_int_equal(yyjson_arr_size(list), 1);
    assert_int_equal(ff_json_arr(root, "stages", &list, &err), FF_OK);
    assert_int_equal(yyjson_arr_size(list), 3);
    assert_int_equal(ff_json_obj(root, "store", &obj, &err), FF_OK);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(obj, "url")), "fake://objects");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(obj, "prefix")), "runs");
    assert_int_equal(ff_json_obj(root, "limits", &obj, &err), FF_OK);
    assert_int_equal(ff_json_int(obj, "request_bytes", 0, INT64_MAX, &n, &err), FF_OK);
    assert_int_equal(n, 1 << 20);
    assert_true(yyjson_is_null(yyjson_obj_get(root, "preprocess")));
    yyjson_doc_free(doc);
    ff_buf_clean(&reply);
    ff_buf_clean(&payload);
}

/* A client's input by key: read, and removed. */
static void test_input_by_key(void **state)
{
    (void)state;
    ff_share share;
    ff_send send;
    ff_buf reply = {0};
    ff_envelope e = {0};
    ff_err err = {0};
    ff_env_head head = {.kind = FF_ENV_REQUEST};
    ff_send_part part = {"x", &r.x, ff_region_whole(&r.x.shape)};
    ff_send_options o = {
        .policy = FF_POLICY_STORE,
        .place = {NULL, NULL, "2026-01-01_00h00m00s_UTC", "c", FF_STAGE_CLIENT, "client"},
        .deadline_ns = FF_NEVER};
    assert_int_equal(ff_share_init(&share, &r.store.store, "runs", "tiny", &err), FF_OK);
    ff_send_start(&send, &share, &head, &part, 1, &o);
    while (send.pending)
        assert_int_equal(ff_http_poll(r.http, FF_NEVER, NULL), FF_OK);
    assert_int_equal(ff_send_finish(&send, "", &err), FF_OK);
    assert_int_equal(r.store.count, 1);
    ff_call call = {&send.payload, NULL, FF_NEVER};
    assert_int_equal(ff_function_call(r.master, &call, &reply, &err), FF_OK);
    assert_int_equal(ff_envelope_parse(FF_ENV_REPLY, &reply, NULL, &e, &err), FF_OK);
    assert_true(rig_is_y(&r, &e.tensor[0]));
    assert_int_equal(r.store.count, 0);
    ff_envelope_clean(&e);
    ff_buf_clean(&reply);
    ff_send_clean(&send);
}

/* Text requests that are refused before any worker is asked. */
static void test_refused(void **state)
{
    (void)state;
    static const char TENSOR[] = "\"dtype\":\"float32\",\"shape\":[1,3,16,12],\"route\":\"inline\","
                                 "\"crc32c\":\"00000000\",\"data\":\"\"";
    static const struct {
        const char *format; /* %s = TENSOR */
        ff_code code;
        const char *message;
    } rows[] = {
        {"", FF_FORMAT, "no bytes"},
        {"{\"tensors\":[{\"name\":\"x\",", FF_FORMAT, "JSON"},
        {"{\"tensors\":[]}", FF_FORMAT, "input 'x' (float32 1x3x16x12) is missing"},
        {"{\"tensors\":[{\"name\":\"z\",%s}]}", FF_FORMAT, "'x'"},
        {"{\"tensors\":[{\"name\":\"x\",%s},{\"name\":\"z\",%s}]}", FF_FORMAT, "found 2"},
        {"{\"tensors\":[{\"name\":\"x\",%s}]}", FF_FORMAT, "base64"},
        {"{\"tensors\":[{\"name\":\"x\",\"dtype\":\"float64\",\"shape\":[1,3,16,12],\"route\":"
         "\"inline\",\"crc32c\":\"00000000\",\"data\":\"\"}]}",
         FF_FORMAT, "wanted float32 1x3x16x12, found float64"},
        {"{\"tensors\":[{\"name\":\"x\",\"dtype\":\"float32\",\"shape\":[1,3,16,16],\"route\":"
         "\"inline\",\"crc32c\":\"00000000\",\"data\":\"\"}]}",
         FF_FORMAT, "found float32 1x3x16x16"},
        {"{\"tensors\":[{\"name\":\"x\",\"dtype\":\"float32\",\"shape\":[1,3,16,12],\"route\":"
         "\"store\",\"crc32c\":\"00000000\",\"key\":\"runs/other/x.npy\"}]}",
         FF_DENIED, "runs/other"},
        {"{\"tensors\":[{\"name\":\"x\",\"dtype\":\"float32\",\"shape\":[1,3,16,12],\"route\":"
         "\"store\",\"crc32c\":\"00000000\",\"key\":\"runs/tiny/t/i/client/c/input.npy\"}]}",
         FF_NOT_FOUND, "client/c/input.npy"},
        {"{\"tensors\":[{\"name\":\"x\",\"dtype\":\"float32\",\"shape\":[1,3,16,12],\"route\":"
         "\"store\",\"crc32c\":\"00000000\",\"key\":\"runs/tiny/t/i/2/w2/input.npy\"}]}",
         FF_DENIED, "no client's"}, /* another request's */
        {"{\"deployment\":\"ocr\",\"tensors\":[{\"name\":\"x\",%s}]}", FF_FORMAT, "'ocr'"},
        {"{\"outputs\":[\"q\"],\"tensors\":[{\"name\":\"x\",%s}]}", FF_FORMAT, "'q'"},
        {"{\"policy\":\"auto\",\"tensors\":[{\"name\":\"x\",%s}]}", FF_UNSUPPORTED, "auto"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_buf payload = {0}, reply = {0};
        ff_err err = {0};
        char text[2048] = "";
        size_t at = 0;
        for (const char *f = rows[i].format; *f; f++)
            if (!strncmp(f, "%s", 2) && f++)
                at += (size_t)sprintf(text + at, "%s", TENSOR);
            else
                text[at++] = *f;
        text[at] = '\0';
        assert_int_equal(ff_buf_append(&payload, text, at, NULL), FF_OK);
        ff_call call = {&payload, "id-1", FF_NEVER};
        ff_code code = ff_function_call(r.master, &call, &reply, &err);
        if (code != rows[i].code || !strstr(err.message, rows[i].message))
            fail_msg("row %zu: %s: %s", i, ff_code_name(code), err.message);
        assert_int_equal(reply.len, 0);
        assert_int_equal(r.invoker.calls, 0);
        ff_buf_clean(&payload);
    }
    /* and the next request is answered */
    ff_buf reply = {0};
    assert_int_equal(rig_ask(&r, "", &reply, NULL), FF_OK);
    ff_buf_clean(&reply);
}

static void test_bad_request_id(void **state)
{
    (void)state;
    ff_buf payload = {0}, reply = {0};
    assert_int_equal(ff_buf_text(&payload, "{\"tensors\":[]}", NULL), FF_OK);
    ff_call call = {&payload, "../x", FF_NEVER};
    assert_int_equal(ff_function_call(r.master, &call, &reply, NULL), FF_FORMAT);
    ff_buf_clean(&payload);
}

static void test_no_store(void **state)
{
    (void)state;
    ff_buf reply = {0};
    ff_err err = {0};
    assert_int_equal(rig_ask(&r, "", &reply, &err), FF_OK);
    ff_buf_clean(&reply);
    assert_int_equal(rig_ask(&r, "\"policy\":\"store\",", &reply, &err), FF_UNSUPPORTED);
    assert_non_null(strstr(err.message, "stage 0, function tiny-w0"));
    assert_non_null(strstr(err.message, "policy inline"));
}

/* An output that the reply cannot hold, an input that a request cannot. */
static void test_limits(void **state)
{
    (void)state;
    ff_buf reply = {0};
    ff_err err = {0};
    r.invoker.ops.max_request = 3000; /* c is 3200 bytes */
    assert_int_equal(rig_ask(&r, "", &reply, &err), FF_LIMIT);
    assert_non_null(strstr(err.message, "stage 2, function tiny-w2"));
    assert_non_null(strstr(err.message, "'c' of 3200 bytes"));
    assert_non_null(strstr(err.message, "at most 3000"));
    assert_int_equal(rig_ask(&r, "\"policy\":\"2KB\",", &reply, &err), FF_OK);
    assert_int_equal(r.store.count, 0);
    ff_buf_clean(&reply);
}

static void test_deadline(void **state)
{
    (void)state;
    ff_buf reply = {0}, payload = {0};
    ff_err err = {0};
    r.invoker.delay_ms = 60;
    char members[80];
    snprintf(members, sizeof members, "\"deadlineMs\":%lld,", (long long)ff_clock_wall_ms() + 30);
    int64_t begun = ff_clock_now_ns();
    ff_code code = rig_ask(&r, members, &reply, &err);
    assert_int_equal(code, FF_TIMEOUT); /* noticed before the next stage */
    assert_true(ff_clock_now_ns() - begun < 1000000000);
    assert_non_null(strstr(err.message, "stage 1"));
    ff_buf_clean(&payload);
    assert_int_equal(r.store.count, 0);
}

int main(void)
{
    static int no_store = 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_policy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trace_and_ids, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_describe, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_input_by_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_request_id, set_up, tear_down),
        cmocka_unit_test_prestate_setup_teardown(test_no_store, set_up, tear_down, &no_store),
        cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deadline, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
