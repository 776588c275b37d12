/*
 * A function for the platform's tests: speaks the Runtime API over a bare socket, and does what the
 * payload's "do" says; RUNTIME_INIT in its environment says how it starts.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int api = -1;
static char host[64];
static char head[16384];

static void die(const char *what)
{
    perror(what);
    exit(3);
}

static void open_api(void)
{
    const char *text = getenv("AWS_LAMBDA_RUNTIME_API");
    char address[64];
    int port = 0;
    if (!text || sscanf(text, "%63[0-9.]:%d", address, &port) != 2)
        die("AWS_LAMBDA_RUNTIME_API");
    snprintf(host, sizeof host, "%s", text);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    inet_pton(AF_INET, address, &name.sin_addr);
    if (api >= 0)
        close(api);
    int one = 1;
    api = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(api, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(api, (struct sockaddr *)&name, sizeof name))
        die("connect");
}

static void send_all(const char *data, size_t len)
{
    while (len) {
        ssize_t n = send(api, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            die("send");
        data += n;
        len -= (size_t)n;
    }
}

/* Reads a head and its body by Content-Length; returns the status. */
static int receive(char **body, size_t *len)
{
    size_t n = 0;
    while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0)
        if (n + 1 >= sizeof head || recv(api, head + n++, 1, 0) != 1)
            die("recv");
    head[n] = '\0';
    const char *length = strcasestr(head, "\r\nContent-Length:");
    *len = length ? strtoul(length + 17, NULL, 10) : 0;
    *body = malloc(*len + 1);
    for (size_t at = 0; at < *len;) {
        ssize_t got = recv(api, *body + at, *len - at, 0);
        if (got <= 0)
            die("recv");
        at += (size_t)got;
    }
    (*body)[*len] = '\0';
    return atoi(head + 9);
}

static int post(const char *path, const char *headers, const char *data, size_t len)
{
    char request[1024], *body;
    size_t body_len;
    int n = snprintf(request, sizeof request,
                     "POST /2018-06-01/runtime/%s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %zu\r\n"
                     "\r\n",
                     path, host, headers, len);
    send_all(request, (size_t)n);
    send_all(data, len);
    int status = receive(&body, &body_len);
    free(body);
    return status;
}

static int answer(const char *id, const char *data, size_t len)
{
    char path[128];
    snprintf(path, sizeof path, "invocation/%s/response", id);
    return post(path, "", data, len);
}

static void answer_text(const char *id, const char *text)
{
    answer(id, text, strlen(text));
}

static int next(char id[64], char **body, size_t *len)
{
    char request[256];
    int n = snprintf(request, sizeof request,
                     "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n", host);
    send_all(request, (size_t)n);
    int status = receive(body, len);
    const char *at = strcasestr(head, "\r\nLambda-Runtime-Aws-Request-Id:");
    if (status != 200 || !at || sscanf(at + 32, " %63[0-9a-f-]", id) != 1)
        exit(4);
    return status;
}

/* Anonymous memory, touched a page at a time, until somebody stops it. */
static void hog(void)
{
    for (int i = 0; i < 4000; i++) {
        char *memory = malloc(1 << 20);
        for (size_t at = 0; memory && at < 1 << 20; at += 4096)
            memory[at] = 1;
        usleep(500);
    }
    sleep(5);
}

/* 0.2 s of CPU. */
static void burn(void)
{
    struct timespec t;
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    while (t.tv_sec == 0 && t.tv_nsec < 200000000);
}

static void answer_environment(const char *id)
{
    size_t len = 0;
    char *text = malloc(1 << 16);
    for (char **e = environ; *e && len < 60000; e++)
        len += (size_t)snprintf(text + len, (1 << 16) - len, "%s\n", *e);
    answer(id, text, len);
    free(text);
}

/* What the API answers to a runtime that breaks its rules: the statuses, as JSON. */
static void misbehave(const char *id)
{
    char text[160], again[64], path[128], *body;
    size_t len;
    int wrong = answer("00000000-0000-4000-8000-000000000000", "{}", 2);
    int init = post("init/error", "", "{}", 2);
    next(again, &body, &len);
    free(body);
    snprintf(path, sizeof path, "invocation/%s/response", id);
    int mode = post(path, "Lambda-Runtime-Function-Response-Mode: odd\r\n", "{}", 2);
    snprintf(text, sizeof text, "{\"wrong\":%d,\"init\":%d,\"same\":%d,\"mode\":%d}", wrong, init,
             strcmp(id, again) == 0, mode);
    answer_text(id, text);
    fprintf(stderr, "second answer: %d\n", answer(id, text, strlen(text)));
}

static void large(const char *id, size_t len)
{
    char *text = malloc(len);
    memset(text, 'x', len);
    text[0] = text[len - 1] = '"';
    fprintf(stderr, "large: %d\n", answer(id, text, len));
    free(text);
}

static void act(const char *id, const char *body, size_t len)
{
    const char *verb = strstr(body, "\"do\":\"");
    verb = verb ? verb + 6 : "echo\"";
    char path[128];
    if (strncmp(verb, "error\"", 6) == 0) {
        static const char text[] = "{\"errorMessage\":\"as told\",\"errorType\":\"Function.Told\"}";
        snprintf(path, sizeof path, "invocation/%s/error", id);
        post(path, "Lambda-Runtime-Function-Error-Type: Function.Told\r\n", text, sizeof text - 1);
    } else if (strncmp(verb, "plain-error\"", 12) == 0) {
        snprintf(path, sizeof path, "invocation/%s/error", id);
        post(path, "Lambda-Runtime-Function-Error-Type: odd\r\n", "no json", 7);
    } else if (strncmp(verb, "exit\"", 5) == 0) {
        exit(9);
    } else if (strncmp(verb, "exit0\"", 6) == 0) {
        exit(0);
    } else if (strncmp(verb, "crash\"", 6) == 0) {
        raise(SIGKILL);
    } else if (strncmp(verb, "hang\"", 5) == 0) {
        sleep(60);
    } else if (strncmp(verb, "slow\"", 5) == 0) {
        usleep(400000);
        answer(id, body, len);
    } else if (strncmp(verb, "large\"", 6) == 0) {
        large(id, 6291556);
    } else if (strncmp(verb, "too-large\"", 10) == 0) {
        large(id, 6291557);
    } else if (strncmp(verb, "burn\"", 5) == 0) {
        burn();
        answer(id, body, len);
    } else if (strncmp(verb, "hog\"", 4) == 0) {
        hog();
    } else if (strncmp(verb, "env\"", 4) == 0) {
        answer_environment(id);
    } else if (strncmp(verb, "head\"", 5) == 0) {
        answer_text(id, head);
    } else if (strncmp(verb, "misbehave\"", 10) == 0) {
        misbehave(id);
    } else if (strncmp(verb, "pid\"", 4) == 0) {
        char text[32];
        snprintf(text, sizeof text, "%d", (int)getpid());
        answer_text(id, text);
    } else if (strncmp(verb, "print\"", 6) == 0) {
        printf("a line on stdout\n");
        fflush(stdout);
        fprintf(stderr, "a line on stderr\n");
        answer(id, body, len);
    } else if (strncmp(verb, "last\"", 5) == 0) {
        answer(id, body, len);
        exit(0);
    } else {
        answer(id, body, len);
    }
}

int main(void)
{
    const char *init = getenv("RUNTIME_INIT");
    open_api();
    if (init && strcmp(init, "error") == 0) {
        static const char text[] =
            "{\"errorMessage\":\"no model\",\"errorType\":\"Runtime.NoModel\"}";
        post("init/error", "", text, sizeof text - 1);
        return 1;
    }
    if (init && strcmp(init, "exit") == 0)
        return 7;
    if (init && strcmp(init, "slow") == 0)
        usleep(600000);
    if (init && strcmp(init, "hang") == 0)
        sleep(60);
    if (init && strcmp(init, "stubborn") == 0)
        signal(SIGTERM, SIG_IGN);
    for (;;) {
        char id[64], *body;
        size_t len;
        next(id, &body, &len);
        act(id, body, len);
        free(body);
    }
}
