/* The server against bytes by hand: bodies, limits, deadlines, HEAD, files, clients that leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "net/server.h"
#include "support/wire.h"

#define BODY_LIMIT 100000u

static atomic_int releases;
static atomic_int gone_seen;
static char file_path[] = "/tmp/ff_test_server_XXXXXX";

static size_t admit(void *user, const ff_server_request *head)
{
    (void)user;
    return strncmp(head->path, "/big", 4) == 0 ? 64u << 20 : BODY_LIMIT;
}

static void count_release(void *owner)
{
    atomic_fetch_add(&releases, 1);
    free(owner);
}

/* What the server understood, as text. */
static void describe(const ff_server_request *request, ff_server_response *response)
{
    const char *q = ff_server_query(request, response->arena, "q");
    const char *empty = ff_server_query(request, response->arena, "empty");
    const char *header = ff_server_header(request, "x-THING");
    unsigned sum = 0;
    for (size_t i = 0; i < request->body.len; i++)
        sum += request->body.data[i];
    char *text =
        ff_arena_printf(response->arena, "%s|%s|%s|%s|q=%s|empty=%s|thing=%s|%zu|%u|%s",
                        request->method, request->path, request->raw_path, request->raw_query,
                        q ? q : "none", empty ? empty : "none", header ? header : "none",
                        request->body.len, sum, ff_code_name(request->refused));
    ff_server_text(response, 200, "text/plain", text);
}

/* Three bytes more with each question; cuts the connection behind `until`. */
typedef struct pacer {
    uint64_t until;
    atomic_int asked, ended;
} pacer;

static uint64_t pace(void *user, uint64_t sent)
{
    pacer *p = user;
    atomic_fetch_add(&p->asked, 1);
    return sent < p->until ? sent + 3 : 0;
}

static void pace_end(void *user)
{
    pacer *p = user;
    atomic_fetch_add(&p->ended, 1);
}

static pacer paced;

static void handle(void *user, const ff_server_request *request, ff_server_response *response)
{
    (void)user;
    if (strstr(request->path, "paced")) {
        response->pace = pace;
        response->pace_end = pace_end;
        response->pacer = &paced;
    }
    if (strcmp(request->path, "/view") == 0) {
        char *text = strdup("a view");
        response->status = 200;
        response->view = ff_bytes_of(text, 6);
        response->release = count_release;
        response->owner = text;
    } else if (strcmp(request->path, "/big-echo") == 0) {
        response->status = 200;
        response->body = *request->take;
        *request->take = (ff_buf){0};
    } else if (strcmp(request->path, "/paced") == 0) {
        response->status = 200;
        response->view = ff_bytes_of("0123456789", 10);
    } else if (strcmp(request->path, "/since") == 0) {
        bool before = request->begun_ns > 0 && request->begun_ns <= ff_clock_now_ns();
        bool waited = ff_clock_now_ns() - request->begun_ns >= 20000000;
        ff_server_text(response, 200, "text/plain", before && waited ? "since" : "not");
    } else if (strcmp(request->path, "/file") == 0 || strcmp(request->path, "/paced-file") == 0) {
        response->status = 206;
        response->file = file_path;
        response->file_offset = 3;
        response->file_length = 4;
    } else if (strcmp(request->path, "/missing-file") == 0) {
        response->status = 200;
        response->file = "/tmp/no/such/file";
        response->file_length = 4;
    } else if (strcmp(request->path, "/head") == 0) {
        response->status = 200;
        response->head_only = true;
        response->head_length = (uint64_t)5 << 30;
    } else if (strcmp(request->path, "/forgot") == 0) {
        response->status = 0;
    } else if (strcmp(request->path, "/empty") == 0) {
        response->status = 204;
        response->release = count_release;
    } else if (strcmp(request->path, "/wait") == 0) {
        for (int i = 0; i < 1000 && !ff_server_client_gone(request); i++)
            usleep(10000);
        atomic_store(&gone_seen, ff_server_client_gone(request));
        ff_server_text(response, 200, "text/plain", "waited");
    } else {
        describe(request, response);
    }
}

static ff_server *start(const ff_server_options *with)
{
    ff_server_options options = with ? *with : (ff_server_options){0};
    options.admit = admit;
    options.handle = handle;
    ff_server *server = NULL;
    ff_err err = {0};
    if (ff_server_new(&options, &server, &err))
        fail_msg("%s", err.message);
    return server;
}

static void assert_body(const wire_answer *answer, const char *text)
{
    if (answer->body.len != strlen(text) || memcmp(answer->body.data, text, strlen(text)) != 0)
        fail_msg("wanted '%s', found '%.*s'", text, (int)answer->body.len,
                 answer->body.data ? (const char *)answer->body.data : "");
}

static void test_what_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
        const char *body;
    } rows[] = {
        {"GET /a%20b/c?q=x%26y&empty HTTP/1.1\r\nHost: h\r\nX-Thing: 5\r\n\r\n", 200,
         "GET|/a b/c|/a%20b/c|q=x%26y&empty|q=x&y|empty=|thing=5|0|0|OK"},
        {"GET http://h:1/p?q= HTTP/1.1\r\nHost: h\r\n\r\n", 200,
         "GET|/p|/p|q=|q=|empty=none|thing=none|0|0|OK"},
        {"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 200,
         "PUT|/x|/x||q=none|empty=none|thing=none|3|294|OK"},
        {"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 200,
         "PUT|/x|/x||q=none|empty=none|thing=none|0|0|OK"},
        {"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
         "2\r\nab\r\n1;ext=1\r\nc\r\n0\r\n\r\n",
         200, "POST|/x|/x||q=none|empty=none|thing=none|3|294|OK"},
        {"DELETE /x HTTP/1.1\r\nHost: h\r\n\r\n", 200,
         "DELETE|/x|/x||q=none|empty=none|thing=none|0|0|OK"},
        {"GET /a%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400, "the path cannot be read\n"},
        {"GET /a%00b HTTP/1.1\r\nHost: h\r\n\r\n", 400, "the path cannot be read\n"},
        {"GET nonsense HTTP/1.1\r\nHost: h\r\n\r\n", 400, "the path cannot be read\n"},
        {"GET /forgot HTTP/1.1\r\nHost: h\r\n\r\n", 500, "the server failed\n"},
        {"GET /missing-file HTTP/1.1\r\nHost: h\r\n\r\n", 500, "the server failed\n"},
        {"GET /file HTTP/1.1\r\nHost: h\r\n\r\n", 206, "3456"},
        {"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\nExpect: 100-continue\r\n\r\n",
         413, "the body has 100001 bytes, at most 100000 are taken here\n"},
    };
    ff_server *server = start(NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        wire_answer answer = {0};
        wire_ask(ff_server_port(server), rows[i].request, &answer);
        assert_int_equal(answer.status, rows[i].status);
        assert_body(&answer, rows[i].body);
        wire_clean(&answer);
    }
    ff_server_free(server);
}

/* Several requests on one connection; interim answers; HEAD; release called once. */
static void test_keep_alive(void **state)
{
    (void)state;
    ff_server *server = start(NULL);
    wire_answer answer = {0};
    atomic_store(&releases, 0);
    int fd = wire_connect(ff_server_port(server));
    wire_send(fd,
              "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
    char interim[26] = {0};
    assert_int_equal(recv(fd, interim, 25, MSG_WAITALL), 25); /* before the body was sent */
    assert_string_equal(interim, "HTTP/1.1 100 Continue\r\n\r\n");
    wire_send(fd, "a");
    wire_read(fd, true, &answer);
    assert_body(&answer, "PUT|/x|/x||q=none|empty=none|thing=none|1|97|OK");
    wire_send(fd, "HEAD /head HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(wire_header(&answer, "Content-Length"), "5368709120");
    wire_send(fd, "GET /view HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_read(fd, true, &answer);
    assert_body(&answer, "a view");
    wire_send(fd, "GET /empty HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_read(fd, true, &answer);
    assert_int_equal(answer.status, 204);
    wire_send(fd, "HEAD /view HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_read(fd, false, &answer);
    assert_string_equal(wire_header(&answer, "Content-Length"), "6");
    close(fd);
    ff_server_free(server);
    assert_int_equal(atomic_load(&releases), 3);
    wire_clean(&answer);
}

static void test_large_bodies(void **state)
{
    (void)state;
    ff_server *server = start(NULL);
    size_t len = (size_t)5 << 20;
    char *bytes = malloc(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    wire_answer answer = {0};
    for (int chunked = 0; chunked < 2; chunked++) {
        char head[160];
        int fd = wire_connect(ff_server_port(server));
        snprintf(head, sizeof head, "PUT /big-echo HTTP/1.1\r\nHost: h\r\n");
        wire_send(fd, head);
        if (chunked)
            snprintf(head, sizeof head, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", len);
        else
            snprintf(head, sizeof head, "Content-Length: %zu\r\n\r\n", len);
        wire_send(fd, head);
        wire_send_bytes(fd, bytes, len);
        if (chunked)
            wire_send(fd, "\r\n0\r\n\r\n");
        wire_read(fd, true, &answer);
        assert_int_equal(answer.status, 200);
        assert_int_equal(answer.body.len, len);
        assert_memory_equal(answer.body.data, bytes, len);
        close(fd);
    }
    wire_clean(&answer);
    free(bytes);
    ff_server_free(server);
}

/* Over the bound without Expect: the body is read and dropped, so that the client gets to see
 * the answer instead of a reset connection. */
static void test_refused_bodies(void **state)
{
    (void)state;
    static const struct {
        bool chunked, own;
        size_t len, total;
        int status;
        const char *code;
    } rows[] = {
        {false, false, BODY_LIMIT + 1, 0, 413, NULL}, {true, false, BODY_LIMIT + 1, 0, 413, NULL},
        {false, true, 3000000, 0, 200, "LIMIT"},      {true, true, 3000000, 0, 200, "LIMIT"},
        {false, true, 60000, 50000, 200, "BUSY"},     {true, true, 60000, 50000, 200, "BUSY"},
        {false, false, 60000, 50000, 503, NULL},      {true, true, 60000, 70000, 200, "OK"},
    };
    char *bytes = calloc(1, 3000000);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_server *server = start(
            &(ff_server_options){.handle_refused = rows[i].own, .max_body_total = rows[i].total});
        char head[160];
        wire_answer answer = {0};
        int fd = wire_connect(ff_server_port(server));
        if (rows[i].chunked)
            snprintf(head, sizeof head,
                     "PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n",
                     rows[i].len);
        else
            snprintf(head, sizeof head, "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n",
                     rows[i].len);
        wire_send(fd, head);
        wire_send_bytes(fd, bytes, rows[i].len);
        if (rows[i].chunked)
            wire_send(fd, "\r\n0\r\n\r\n");
        wire_read(fd, true, &answer);
        assert_int_equal(answer.status, rows[i].status);
        if (rows[i].code)
            assert_non_null(
                memmem(answer.body.data, answer.body.len, rows[i].code, strlen(rows[i].code)));
        if (rows[i].own) { /* all was read: the connection goes on */
            wire_send(fd, "GET /view HTTP/1.1\r\nHost: h\r\n\r\n");
            wire_read(fd, true, &answer);
            assert_body(&answer, "a view");
        }
        close(fd);
        wire_clean(&answer);
        ff_server_free(server);
    }
    free(bytes);
}

static void test_header_bounds(void **state)
{
    (void)state;
    static const struct {
        int count;
        int len;
        int status;
    } rows[] = {{100, 100, 200}, {1, 60000, 200}, {1, 66000, 431}, {129, 4, 431}, {60, 1200, 431}};
    ff_server *server = start(NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        wire_answer answer = {0};
        int fd = wire_connect(ff_server_port(server));
        wire_send(fd, "GET /x HTTP/1.1\r\n");
        for (int k = 0; k < rows[i].count; k++) {
            wire_send(fd, "a: ");
            for (int n = 0; n < rows[i].len; n += 4)
                wire_send(fd, "xxxx");
            wire_send(fd, "\r\n");
        }
        wire_send(fd, "\r\n");
        wire_read(fd, true, &answer);
        assert_int_equal(answer.status, rows[i].status);
        close(fd);
        wire_clean(&answer);
    }
    ff_server_free(server);
}

/* A request that drips is cut by its total deadline; an idle connection by the idle time. */
static void test_deadlines(void **state)
{
    (void)state;
    ff_server *server =
        start(&(ff_server_options){.request_timeout_ms = 300, .idle_timeout_ms = 200});
    static const char *const starts[] = {
        "GET /x HTTP/1.1\r\nA: b", "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9000\r\n\r\n",
        ""};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        int64_t start_ns = ff_clock_now_ns();
        int fd = wire_connect(ff_server_port(server));
        wire_send(fd, starts[i]);
        ssize_t n = -1;
        for (int k = 0; k < 200 && n < 0; k++) { /* each drip restarts an inactivity time-out */
            char byte;
            if (starts[i][0])
                wire_send(fd, "x");
            usleep(20000);
            n = recv(fd, &byte, 1, MSG_DONTWAIT);
            if (n < 0 && errno != EAGAIN)
                n = 0; /* reset instead of ended: cut as well */
        }
        assert_int_equal(n, 0);
        assert_in_range(ff_clock_now_ns() - start_ns, 150000000, 2000000000);
        close(fd);
    }
    wire_answer answer = {0};
    wire_ask(ff_server_port(server), "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", &answer);
    assert_int_equal(answer.status, 200);
    wire_clean(&answer);
    ff_server_free(server);
}

static void test_client_gone(void **state)
{
    (void)state;
    ff_server *server = start(NULL);
    atomic_store(&gone_seen, 0);
    int fd = wire_connect(ff_server_port(server));
    wire_send(fd, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    usleep(50000);
    assert_int_equal(atomic_load(&gone_seen), 0);
    close(fd);
    for (int i = 0; i < 500 && !atomic_load(&gone_seen); i++)
        usleep(10000);
    assert_int_equal(atomic_load(&gone_seen), 1);
    ff_server_free(server);
}

static void test_port_in_use(void **state)
{
    (void)state;
    ff_server *server = start(NULL), *second = NULL;
    ff_err err = {0};
    ff_server_options options = {.port = ff_server_port(server), .handle = handle};
    assert_int_equal(ff_server_new(&options, &second, &err), FF_BUSY);
    assert_null(second);
    char port[16];
    snprintf(port, sizeof port, ":%d", options.port);
    assert_non_null(strstr(err.file, port));
    options.port = 70000;
    assert_int_equal(ff_server_new(&options, &second, &err), FF_USAGE);
    options = (ff_server_options){.bind = "nowhere", .handle = handle};
    assert_int_equal(ff_server_new(&options, &second, &err), FF_USAGE);
    ff_server_free(server);
    ff_server_free(NULL);
}

static void *ask_many(void *arg)
{
    int port = *(int *)arg;
    intptr_t good = 0;
    wire_answer answer = {0};
    for (int i = 0; i < 50; i++) {
        wire_ask(port, "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", &answer);
        good += answer.status == 200;
    }
    wire_clean(&answer);
    return (void *)good;
}

static void test_many_at_once(void **state)
{
    (void)state;
    ff_server *server = start(NULL);
    int port = ff_server_port(server);
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, ask_many, &port);
    for (int i = 0; i < 8; i++) {
        void *good = NULL;
        pthread_join(threads[i], &good);
        assert_int_equal((intptr_t)good, 50);
    }
    ff_server_free(server);
}

/* Over the bound on connections a client is hung up on; those that are there go on. */
static void test_connection_bound(void **state)
{
    (void)state;
    ff_server *server = start(&(ff_server_options){.max_connections = 2});
    wire_answer answer = {0};
    int fds[2], over;
    for (int i = 0; i < 2; i++) {
        fds[i] = wire_connect(ff_server_port(server));
        wire_send(fds[i], "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
        wire_read(fds[i], true, &answer);
        assert_int_equal(answer.status, 200);
    }
    over = wire_connect(ff_server_port(server));
    wire_send(over, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_read(over, true, &answer);
    assert_int_equal(answer.status, 0);
    close(over);
    for (int i = 0; i < 2; i++) {
        wire_send(fds[i], "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
        wire_read(fds[i], true, &answer);
        assert_int_equal(answer.status, 200);
        close(fds[i]);
    }
    wire_clean(&answer);
    ff_server_free(server);
}

/* A body at a pace: whole, from a file, and cut: then nothing is whole. */
static void test_paced(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        uint64_t until;
        int asked;
        const char *body;
    } CASES[] = {
        {"GET /paced HTTP/1.1\r\nHost: h\r\n\r\n", 100, 4, "0123456789"},
        {"GET /paced-file HTTP/1.1\r\nHost: h\r\n\r\n", 100, 2, "3456"},
        {"GET /paced HTTP/1.1\r\nHost: h\r\n\r\n", 6, 3, ""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        ff_server *server = start(NULL);
        wire_answer answer = {0};
        atomic_store(&paced.asked, 0);
        atomic_store(&paced.ended, 0);
        paced.until = CASES[i].until;
        wire_ask(ff_server_port(server), CASES[i].request, &answer);
        assert_body(&answer, CASES[i].body);
        ff_server_free(server);
        assert_int_equal(atomic_load(&paced.asked), CASES[i].asked);
        assert_int_equal(atomic_load(&paced.ended), 1);
        wire_clean(&answer);
    }
}

/* A request began with its first line, however late the rest comes. */
static void test_begun(void **state)
{
    (void)state;
    ff_server *server = start(NULL);
    wire_answer answer = {0};
    int fd = wire_connect(ff_server_port(server));
    wire_send(fd, "PUT /since HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n");
    usleep(30000);
    wire_send(fd, "\r\nab");
    wire_read(fd, true, &answer);
    assert_body(&answer, "since");
    close(fd);
    wire_clean(&answer);
    ff_server_free(server);
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(file_path);
    bool ok = fd >= 0 && write(fd, "0123456789", 10) == 10;
    close(fd);
    return ok ? 0 : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paced),         cmocka_unit_test(test_begun),
        cmocka_unit_test(test_what_is_read),  cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_large_bodies),  cmocka_unit_test(test_refused_bodies),
        cmocka_unit_test(test_header_bounds), cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_client_gone),   cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_many_at_once),  cmocka_unit_test(test_connection_bound),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
