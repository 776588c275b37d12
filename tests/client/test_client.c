/* The client against a master of our own making: what it asks, and what it does with bad answers.
 */
#include "client/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "client/client_int.h"
#include "net/server.h"

#define PATH   "/2015-03-31/functions/net-master/invocations"
#define FOLDER "runs/net/"

/* The master: answers "describe" with about, all else with reply. */
static struct {
    ff_server *server;
    char about[2048];
    char reply[4096];
    bool function_error;
    int requests;
    bool described;
    char asked[4096]; /* the last request's beginning */
} master;

static char store[64]; /* the directory that is the deployment's store */

static size_t admit(void *user, const ff_server_request *head)
{
    (void)user;
    (void)head;
    return 8u << 20;
}

static void handle(void *user, const ff_server_request *request, ff_server_response *response)
{
    (void)user;
    if (strcmp(request->path, PATH) != 0) {
        ff_server_text(response, 404, "application/json", "{\"Message\": \"no such function\"}");
        return;
    }
    size_t len =
        request->body.len < sizeof master.asked ? request->body.len : sizeof master.asked - 1;
    memcpy(master.asked, request->body.data, len);
    master.asked[len] = '\0';
    bool describe = strstr(master.asked, "\"describe\"") != NULL;
    master.requests += !describe;
    master.described = master.described || describe;
    if (master.function_error && !describe)
        ff_server_add_header(response, "X-Amz-Function-Error", "Unhandled");
    ff_server_text(response, 200, "application/json", describe ? master.about : master.reply);
}

static int set_up(void **state)
{
    (void)state;
    const ff_server_options options = {.admit = admit, .handle = handle};
    char url[64];
    memset(&master, 0, sizeof master);
    strcpy(store, "/tmp/ff-client-XXXXXX");
    assert_non_null(mkdtemp(store));
    assert_int_equal(ff_server_new(&options, &master.server, NULL), FF_OK);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", ff_server_port(master.server));
    setenv("AWS_ENDPOINT_URL", url, 1);
    unsetenv("AWS_ENDPOINT_URL_LAMBDA");
    setenv("AWS_REGION", "us-east-1", 1);
    setenv("AWS_ACCESS_KEY_ID", "AKIATEST", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ff_server_free(master.server);
    assert_int_equal(ff_dir_remove(store, NULL), FF_OK);
    return 0;
}

/* One float32 input x of 2x3, outputs y of 2 and z of 1. */
static void describe(bool with_store, int request_bytes)
{
    char url[128] = "null";
    if (with_store)
        snprintf(url, sizeof url, "{\"url\": \"dir:%s\", \"prefix\": \"runs\"}", store);
    snprintf(master.about, sizeof master.about,
             "{\"fanfold\": 1, \"deployment\": \"net\","
             " \"inputs\": [{\"name\": \"x\", \"dtype\": \"float32\", \"shape\": [2, 3]}],"
             " \"outputs\": [{\"name\": \"y\", \"dtype\": \"float32\", \"shape\": [2]},"
             " {\"name\": \"z\", \"dtype\": \"int64\", \"shape\": [1]}],"
             " \"preprocess\": null, \"store\": %s, \"limits\": {\"request_bytes\": %d}}",
             url, request_bytes);
}

static const float Y[2] = {1.5f, -2};
static const int64_t Z[1] = {42};

/* What a test's master answers with. */
typedef struct answer {
    const char *y, *z; /* names; NULL: the tensor is left out */
    ff_dtype y_dtype;
    int y_elems;
    bool y_in_store;
} answer;

static const answer GOOD = {"y", "z", FF_DTYPE_F32, 2, false};

static void add(ff_buf *out, const char *name, ff_dtype dtype, int elems, const void *data,
                bool in_store, bool first)
{
    ff_shape shape = {1, {elems}};
    ff_tensor t;
    ff_region all = ff_region_whole(&shape);
    ff_wire wire;
    static uint8_t bytes[64];
    memcpy(bytes, data, 8);
    assert_int_equal(
        ff_tensor_view(dtype, &shape, bytes, ff_dtype_bytes(dtype) * (size_t)elems, &t, NULL),
        FF_OK);
    assert_int_equal(ff_wire_init(&wire, &t, &all, NULL), FF_OK);
    if (!in_store) {
        assert_int_equal(ff_envelope_add_inline(out, name, &wire, first, NULL), FF_OK);
        return;
    }
    uint8_t npy[256];
    char dir[128], path[160];
    memcpy(npy, wire.header, wire.header_bytes);
    uint32_t crc = ff_wire_slice(&wire, npy + wire.header_bytes);
    snprintf(dir, sizeof dir, "%s/" FOLDER, store);
    snprintf(path, sizeof path, "%sout.npy", dir);
    assert_int_equal(ff_dir_make(dir, NULL), FF_OK);
    assert_int_equal(ff_file_write(path, ff_bytes_of(npy, wire.npy_bytes), NULL), FF_OK);
    assert_int_equal(ff_envelope_add_key(out, name, &wire, crc, FOLDER "out.npy", first, NULL),
                     FF_OK);
}

static void answer_with(const answer *a)
{
    const ff_env_head head = {.kind = FF_ENV_REPLY, .request_id = "id"};
    ff_buf out;
    ff_buf_init(&out, 0);
    assert_int_equal(ff_envelope_begin(&out, &head, NULL), FF_OK);
    if (a->y)
        add(&out, a->y, a->y_dtype, a->y_elems, Y, a->y_in_store, true);
    if (a->z)
        add(&out, a->z, FF_DTYPE_I64, 1, Z, false, !a->y);
    assert_int_equal(ff_envelope_end(&out, "\"latency_ms\": 1.25", NULL), FF_OK);
    assert_true(out.len < sizeof master.reply);
    memcpy(master.reply, out.data, out.len);
    master.reply[out.len] = '\0';
    ff_buf_clean(&out);
}

static bool store_is_empty(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/runs", store);
    return access(path, F_OK) != 0;
}

static ff_code ask(const char *policy, ff_client_reply *reply, ff_err *err)
{
    static float x[2][3] = {{1, 2, 3}, {4, 5, 6}};
    ff_shape shape = {2, {2, 3}};
    ff_tensor in;
    ff_client *client = NULL;
    int64_t deadline = ff_clock_deadline_ms(20000);
    assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &shape, x, sizeof x, &in, NULL), FF_OK);
    ff_code code = ff_client_open("net", deadline, &client, err);
    ff_client_request request = {&in, policy, false, deadline};
    if (!code)
        code = ff_client_infer(client, &request, reply, err);
    ff_client_close(client);
    return code;
}

static void asks_and_answers(void **state)
{
    (void)state;
    ff_client_reply reply = {0};
    ff_err err = {0};
    describe(false, 6000000);
    answer_with(&GOOD);
    assert_int_equal(ask("800KB", &reply, &err), FF_OK);
    assert_true(master.described);
    assert_int_equal(master.requests, 1);
    assert_non_null(strstr(master.asked, "\"policy\":\"800000\""));
    assert_int_equal(reply.count, 2);
    assert_string_equal(reply.name[0], "y");
    assert_memory_equal(reply.out[0].data, Y, sizeof Y);
    assert_memory_equal(reply.out[1].data, Z, sizeof Z);
    assert_true(reply.master_ms > 1.24 && reply.master_ms < 1.26);
    assert_true(reply.latency_ms > 0);
    ff_client_reply_clean(&reply);
    ff_client_reply_clean(&reply);
}

static void reads_and_removes_objects(void **state)
{
    (void)state;
    ff_client_reply reply = {0};
    ff_err err = {0};
    answer in_store = GOOD;
    in_store.y_in_store = true;
    describe(true, 6000000);
    answer_with(&in_store);
    assert_false(store_is_empty());
    assert_int_equal(ask(NULL, &reply, &err), FF_OK);
    assert_memory_equal(reply.out[0].data, Y, sizeof Y);
    assert_true(store_is_empty());
    ff_client_reply_clean(&reply);
}

/* A payload limit that the input does not fit under: it goes through the store, and is removed
 * where the request failed. */
static void large_inputs_go_through_the_store(void **state)
{
    (void)state;
    ff_client_reply reply = {0};
    ff_err err = {0};
    describe(true, 4096);
    answer_with(&GOOD);
    assert_int_equal(ask(NULL, &reply, &err), FF_OK);
    assert_non_null(strstr(master.asked, "\"key\":\"runs/net/"));
    assert_false(store_is_empty()); /* the master's to remove */
    ff_client_reply_clean(&reply);
    char runs[128];
    snprintf(runs, sizeof runs, "%s/runs", store);
    assert_int_equal(ff_dir_remove(runs, NULL), FF_OK);
    master.function_error = true;
    strcpy(master.reply, "{\"errorType\": \"Function.Limit\", \"errorMessage\": \"w3: too much\"}");
    assert_int_equal(ask(NULL, &reply, &err), FF_REMOTE);
    assert_non_null(strstr(err.message, "w3: too much"));
    assert_true(store_is_empty());
    describe(false, 4096);
    memset(&err, 0, sizeof err);
    assert_int_equal(ask(NULL, &reply, &err), FF_UNSUPPORTED);
    assert_non_null(strstr(err.message, "'x'"));
}

static void refuses_bad_replies(void **state)
{
    (void)state;
    static const struct {
        answer a;
        bool store;
        ff_code want;
        const char *text;
    } CASES[] = {
        {{"y", "z", FF_DTYPE_F32, 2, true}, false, FF_DENIED, "there is no store"},
        {{"q", "z", FF_DTYPE_F32, 2, false}, false, FF_FORMAT, "output 'y' is not there"},
        {{"z", "z", FF_DTYPE_F32, 2, false}, false, FF_FORMAT, "'z'"},
        {{"y", NULL, FF_DTYPE_F32, 2, false}, false, FF_FORMAT, "wanted 2 outputs, found 1"},
        {{NULL, NULL, FF_DTYPE_F32, 2, false}, false, FF_FORMAT, "wanted 2 outputs, found 0"},
        {{"y", "z", FF_DTYPE_I32, 2, false}, false, FF_FORMAT, "float32 2, found int32 2"},
        {{"y", "z", FF_DTYPE_F32, 1, false}, false, FF_FORMAT, "float32 2, found float32 1"},
        {{"y", "z", FF_DTYPE_F32, 1, true}, true, FF_FORMAT, "float32 2, found float32 1"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ff_client_reply reply = {0};
        ff_err err = {0};
        describe(CASES[i].store, 6000000);
        answer_with(&CASES[i].a);
        assert_int_equal(ask(NULL, &reply, &err), CASES[i].want);
        if (!strstr(err.message, CASES[i].text))
            fail_msg("case %zu: wanted '%s' in '%s'", i, CASES[i].text, err.message);
        assert_null(reply.arena);
        assert_true(!CASES[i].store || store_is_empty());
    }
}

static void refuses_what_is_no_reply(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"", "null", "{", "{\"fanfold\": 1}", "[1, 2]"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        ff_client_reply reply = {0};
        ff_err err = {0};
        describe(true, 6000000);
        strcpy(master.reply, TEXTS[i]);
        assert_int_equal(ask(NULL, &reply, &err), FF_FORMAT);
        assert_non_null(strstr(err.message, "the master's reply"));
    }
}

static void checks_inputs_before_sending(void **state)
{
    (void)state;
    float x[6] = {0};
    ff_shape shape = {2, {3, 2}};
    ff_tensor in;
    ff_client *client = NULL;
    ff_client_reply reply = {0};
    ff_err err = {0};
    int64_t deadline = ff_clock_deadline_ms(20000);
    describe(false, 6000000);
    assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &shape, x, sizeof x, &in, NULL), FF_OK);
    assert_int_equal(ff_client_open("net", deadline, &client, &err), FF_OK);
    ff_client_request request = {&in, NULL, false, deadline};
    assert_int_equal(ff_client_infer(client, &request, &reply, &err), FF_FORMAT);
    assert_non_null(strstr(err.message, "wanted float32 2x3, found float32 3x2"));
    assert_int_equal(master.requests, 0);
    ff_client_close(client);
}

static void names_are_bounded(void **state)
{
    (void)state;
    ff_client *client = NULL;
    char name[80];
    memset(name, 'n', sizeof name);
    name[65] = '\0';
    assert_int_equal(ff_client_open(name, FF_NEVER, &client, NULL), FF_USAGE);
    assert_int_equal(ff_client_open("", FF_NEVER, &client, NULL), FF_USAGE);
    assert_int_equal(ff_client_open("other", ff_clock_deadline_ms(20000), &client, NULL),
                     FF_NOT_FOUND);
    assert_null(client);
}

#define PORT(name, dtype, shape)                                                                   \
    "{\"name\": " name ", \"dtype\": \"" dtype "\", \"shape\": " shape "}"
#define ABOUT(inputs, rest)                                                                        \
    "{\"deployment\": \"net\", \"inputs\": [" inputs "], \"outputs\": []" rest "}"
#define LIMITS ", \"limits\": {\"request_bytes\": 7}"
#define GOOD_X PORT("\"x\"", "float32", "[1, 3]")

static void parses_descriptions(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        ff_code want;
        const char *text;
    } CASES[] = {
        {ABOUT(GOOD_X, LIMITS), FF_OK, ""},
        {ABOUT(GOOD_X, LIMITS ", \"store\": null, \"newer\": []"), FF_OK, ""},
        {"{}", FF_FORMAT, "deployment"},
        {"[]", FF_FORMAT, "deployment"},
        {"{\"deployment\": \"net\"}", FF_FORMAT, "inputs"},
        {ABOUT("1", LIMITS), FF_FORMAT, "\"inputs\" 0"},
        {ABOUT(GOOD_X "," PORT("3", "float32", "[1]"), LIMITS), FF_FORMAT, "\"inputs\" 1"},
        {ABOUT(PORT("\"x\"", "float33", "[1]"), LIMITS), FF_FORMAT, "unknown 'float33'"},
        {ABOUT(PORT("\"x\"", "string", "[1]"), LIMITS), FF_FORMAT, "unknown 'string'"},
        {ABOUT(PORT("\"x\"", "float32", "3"), LIMITS), FF_FORMAT, "shape"},
        {ABOUT(PORT("\"x\"", "float32", "[1, \"n\"]"), LIMITS), FF_FORMAT, "dimension 1"},
        {ABOUT(PORT("\"x\"", "float32", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"), LIMITS), FF_LIMIT,
         "rank 18"},
        {ABOUT(GOOD_X, ""), FF_FORMAT, "limits"},
        {ABOUT(GOOD_X, ", \"limits\": {}"), FF_FORMAT, "request_bytes"},
        {ABOUT(GOOD_X, LIMITS ", \"store\": {}"), FF_FORMAT, "url"},
        {ABOUT(GOOD_X, LIMITS ", \"store\": {\"url\": \"s3://b\"}"), FF_FORMAT, "prefix"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ff_arena *arena = ff_arena_new();
        ff_client_about about = {.in_count = -1};
        ff_err err = {0};
        ff_code code = ff_client_about_parse(ff_bytes_of(CASES[i].json, strlen(CASES[i].json)),
                                             arena, &about, &err);
        if (code != CASES[i].want || !strstr(err.message, CASES[i].text))
            fail_msg("case %zu: code %d, '%s'", i, (int)code, err.message);
        assert_int_equal(about.in_count, code ? -1 : 1);
        if (!code) {
            assert_string_equal(about.in[0].name, "x");
            assert_int_equal(about.in[0].shape.dim[1], 3);
            assert_int_equal(about.request_bytes, 7);
            assert_null(about.store_url);
        }
        ff_arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(asks_and_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_and_removes_objects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_inputs_go_through_the_store, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_bad_replies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_reply, set_up, tear_down),
        cmocka_unit_test_setup_teardown(checks_inputs_before_sending, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_are_bounded, set_up, tear_down),
        cmocka_unit_test(parses_descriptions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
