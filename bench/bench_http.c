/* module: net */
/*
 * The HTTP client's throughput against a server on this machine that reads a body and answers with
 * another: many exchanges in flight on one thread, beside the same bytes over a bare socket.
 *
 *   bench_http [--bytes N] [--runs N] [--keep N]
 *
 * --keep: so much freed memory stays with the process (256MiB; a function does likewise); with 0
 * the allocator gives each body back to the system, and faulting it in again costs more than the
 * transfer.
 *
 * Prints, for each number of exchanges at once, the median time of a round (all of them started,
 * then drained) and the rate of both directions together.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/units.h"
#include "net/http.h"

#define MAX_RUNS 1000
#define BUFFER   (256u << 10)

static size_t bytes = 4000000;
static int port;
static uint8_t *payload;

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "bench_http: %s\n", what);
    exit(1);
}

static bool send_all(int fd, const void *data, size_t len)
{
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(fd, (const char *)data + sent, len - sent, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

/* Reads a request, or a response: its head and its body of Content-Length. */
static bool receive_message(int fd, char *buffer)
{
    size_t len = 0;
    char *end = NULL;
    while (!end && len < BUFFER) {
        ssize_t n = recv(fd, buffer + len, BUFFER - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        end = memmem(buffer, len, "\r\n\r\n", 4);
    }
    const char *at = end ? memmem(buffer, len, "Content-Length: ", 16) : NULL;
    if (!at)
        return false;
    size_t body = strtoull(at + 16, NULL, 10), have = len - (size_t)(end + 4 - buffer);
    while (have < body) {
        ssize_t n = recv(fd, buffer, BUFFER, 0);
        if (n <= 0)
            return false;
        have += (size_t)n;
    }
    return true;
}

static bool send_message(int fd, const char *start)
{
    char head[200];
    int len =
        snprintf(head, sizeof head, "%s\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", start, bytes);
    return send_all(fd, head, (size_t)len) && send_all(fd, payload, bytes);
}

static void *serve(void *user)
{
    int fd = (int)(intptr_t)user, one = 1;
    char *buffer = malloc(BUFFER);
    must(buffer != NULL, "no memory");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    while (receive_message(fd, buffer) && send_message(fd, "HTTP/1.1 200 OK"))
        ;
    close(fd);
    free(buffer);
    return NULL;
}

static void *accept_all(void *user)
{
    for (int fd; (fd = accept((int)(intptr_t)user, NULL, NULL)) >= 0;) {
        pthread_t thread;
        must(!pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd), "no thread");
        pthread_detach(thread);
    }
    return NULL;
}

static void start_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    pthread_t thread;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    must(fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof address) && !listen(fd, 256),
         "cannot listen");
    must(!getsockname(fd, (struct sockaddr *)&address, &len), "no port");
    port = ntohs(address.sin_port);
    must(!pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)fd), "no thread");
    pthread_detach(thread);
}

static void count_done(void *user, ff_code code, const ff_err *err, ff_http_response *response)
{
    must(!code && response->body.len == bytes, code ? err->message : "a short answer");
    ++*(int *)user;
}

static int64_t round_of(ff_http *http, const char *url, int at_once)
{
    int done = 0;
    int64_t start = ff_clock_now_ns();
    for (int i = 0; i < at_once; i++) {
        ff_http_request request = {.method = "PUT",
                                   .url = url,
                                   .body = {1, {{payload, bytes}}},
                                   .max_response = bytes,
                                   .deadline_ns = FF_NEVER,
                                   .done = count_done,
                                   .user = &done};
        must(!ff_http_start(http, &request, NULL, NULL), "cannot start");
    }
    must(!ff_http_drain(http, NULL) && done == at_once, "not all came back");
    return ff_clock_now_ns() - start;
}

static int64_t round_of_socket(int fd, char *buffer)
{
    int64_t start = ff_clock_now_ns();
    must(send_message(fd, "PUT / HTTP/1.1") && receive_message(fd, buffer), "the socket broke");
    return ff_clock_now_ns() - start;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double cpu_ms(void)
{
    struct rusage use;
    getrusage(RUSAGE_THREAD, &use);
    return 1e3 * (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           1e-3 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static void print_line(const char *name, int at_once, int64_t *times, int runs, double cpu)
{
    qsort(times, (size_t)runs, sizeof *times, compare);
    double ms = ff_clock_ms(times[runs / 2]);
    printf("%-8s %7d %12.2f %16.0f %18.2f\n", name, at_once, ms,
           2e-3 * (double)bytes * at_once / ms, cpu / runs / at_once);
}

int main(int argc, char **argv)
{
    static const int widths[] = {1, 4, 16, 32};
    static int64_t times[MAX_RUNS];
    int64_t runs = 30;
    uint64_t wanted = bytes, keep = 256 << 20;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        bool ok = !strcmp(argv[i], "--bytes") ? !ff_units_parse_bytes(value, &wanted, NULL)
                  : !strcmp(argv[i], "--keep")
                      ? !ff_units_parse_bytes(value, &keep, NULL)
                      : !strcmp(argv[i], "--runs") &&
                            !ff_units_parse_int(value, 1, MAX_RUNS, &runs, NULL);
        must(ok, "usage: bench_http [--bytes N] [--runs N] [--keep N]");
    }
    if (keep) {
        mallopt(M_MMAP_THRESHOLD, 32 << 20);
        mallopt(M_TRIM_THRESHOLD, keep < INT_MAX ? (int)keep : INT_MAX);
    }
    bytes = (size_t)wanted;
    payload = calloc(1, bytes);
    char *buffer = malloc(BUFFER), url[64];
    must(payload && buffer, "no memory");
    memset(payload, 'x', bytes);
    start_server();
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    printf("%zu bytes each way, %d rounds\n", bytes, (int)runs);
    printf("%-8s %7s %12s %16s %18s\n", "client", "at once", "median ms", "MB/s both ways",
           "CPU ms an exchange");

    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    must(fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof address), "cannot connect");
    double cpu = cpu_ms();
    for (int r = 0; r < runs; r++)
        times[r] = round_of_socket(fd, buffer);
    print_line("socket", 1, times, (int)runs, cpu_ms() - cpu);
    close(fd);

    ff_http *http = NULL;
    must(!ff_http_new(NULL, &http, NULL), "no client");
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
        round_of(http, url, widths[w]); /* connects */
        cpu = cpu_ms();
        for (int r = 0; r < runs; r++)
            times[r] = round_of(http, url, widths[w]);
        print_line("ff_http", widths[w], times, (int)runs, cpu_ms() - cpu);
    }
    ff_http_free(http);
    free(payload);
    free(buffer);
    return 0;
}
