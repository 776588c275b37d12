/* What a platform tells of its emulation, and what becomes of a reply's times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cli/emulation.h"
#include "net/server.h"

static const struct {
    int status;
    const char *body;
    bool emulated, shares;
    double dilation;
    const char *network;
} ANSWERS[] = {
    {200, "{\"emulated\":true,\"network\":\"n\",\"dilation\":2.5,\"cpu_shares\":true}", true, true,
     2.5, "n"},
    {200, "{\"emulated\":false,\"network\":null,\"dilation\":1.0}", false, false, 1, ""},
    {404, "{\"emulated\":true,\"network\":\"n\",\"dilation\":4}", false, false, 1, ""},
    {200, "no JSON", false, false, 1, ""},
    {200, "[1]", false, false, 1, ""},
    {200, "{\"emulated\":true,\"dilation\":0}", false, false, 1, ""},
    {200, "{\"emulated\":true,\"dilation\":\"x\"}", false, false, 1, ""},
    {200, "{\"emulated\":true,\"dilation\":1e9}", false, false, 1, ""},
};

static void handle(void *user, const ff_server_request *request, ff_server_response *response)
{
    const int *row = user;
    bool asked = strcmp(request->path, "/_fanfold/emulation") == 0;
    ff_server_text(response, asked ? ANSWERS[*row].status : 500, "application/json",
                   ANSWERS[*row].body);
}

static void test_ask(void **state)
{
    (void)state;
    int row = 0;
    ff_server *server = NULL;
    ff_cli_emulation e;
    ff_err err = {0};
    char endpoint[64];
    assert_int_equal(
        ff_server_new(&(ff_server_options){.handle = handle, .user = &row}, &server, &err), FF_OK);
    for (; row < (int)(sizeof ANSWERS / sizeof ANSWERS[0]); row++) {
        snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d%s", ff_server_port(server),
                 row % 2 ? "/" : "");
        assert_int_equal(ff_cli_emulation_ask(endpoint, ff_clock_deadline_ms(20000), &e, &err),
                         FF_OK);
        if (e.emulated != ANSWERS[row].emulated || e.cpu_shares != ANSWERS[row].shares ||
            e.dilation != ANSWERS[row].dilation || strcmp(e.network, ANSWERS[row].network) != 0)
            fail_msg("row %d: found %d %d %g '%s'", row, e.emulated, e.cpu_shares, e.dilation,
                     e.network);
    }
    ff_server_free(server);
    assert_int_equal(ff_cli_emulation_ask(endpoint, ff_clock_deadline_ms(20000), &e, &err),
                     FF_UNAVAILABLE);
    assert_int_equal(ff_cli_emulation_ask(NULL, FF_NEVER, &e, &err), FF_OK); /* AWS */
    assert_true(!e.emulated && e.dilation == 1);
}

static void test_apply(void **state)
{
    (void)state;
    static const char TRACE[] =
        "{\"request_id\":\"r\",\"total_ms\":40.0,\"bytes\":{\"inline\":8},\"stages\":[{\"ms\":10,"
        "\"start_ms\":0.002,\"pieces\":[{\"worker\":{\"cold\":true,\"get_ms\":6},\"attempts\":4,"
        "\"forms\":12,\"mode_ms\":\"4\"}]}]}";
    static const char WANTED[] =
        "{\"request_id\":\"r\",\"total_ms\":10.0,\"bytes\":{\"inline\":8},\"stages\":[{\"ms\":2.5,"
        "\"start_ms\":0.001,\"pieces\":[{\"worker\":{\"cold\":true,\"get_ms\":1.5},\"attempts\":4,"
        "\"forms\":12,\"mode_ms\":\"4\"}]}],\"emulated\":true,\"network\":\"n\",\"dilation\":4.0,"
        "\"cpu_shares\":false}";
    ff_cli_emulation e = {.emulated = true, .network = "n", .dilation = 4};
    ff_client_reply reply = {
        .arena = ff_arena_new(), .latency_ms = 100, .master_ms = 80, .trace_json = TRACE};
    ff_err err = {0};
    char text[300];
    assert_int_equal(ff_cli_emulation_apply(&e, &reply, &err), FF_OK);
    assert_true(reply.latency_ms == 25 && reply.master_ms == 20);
    assert_string_equal(reply.trace_json, WANTED);
    reply.trace_json = NULL;
    assert_int_equal(ff_cli_emulation_apply(&e, &reply, &err), FF_OK);
    assert_true(reply.latency_ms == 6.25);
    assert_non_null(
        strstr(ff_cli_emulation_text(&e, text, sizeof text), "emulated: network n, dilation 4"));
    assert_non_null(strstr(text, "CPU shares are not kept"));
    e = (ff_cli_emulation){.dilation = 1};
    assert_int_equal(ff_cli_emulation_apply(&e, &reply, &err), FF_OK);
    assert_true(reply.latency_ms == 6.25);
    assert_string_equal(ff_cli_emulation_text(&e, text, sizeof text), "");
    ff_arena_free(reply.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ask),
        cmocka_unit_test(test_apply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
