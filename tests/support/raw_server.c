#include "support/raw_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 256
#define MAX_REQUESTS    4096
#define MAX_REQUEST     (64u << 20)

typedef struct connection {
    raw_server *server;
    int fd;
    pthread_t thread;
} connection;

typedef struct kept {
    char *bytes;
    size_t len;
} kept;

struct raw_server {
    raw_step *steps;
    int step_count;
    int listener, port;
    pthread_t acceptor;
    char url[512];
    struct {
        pthread_mutex_t lock;
        pthread_cond_t stopped;
        bool stopping;
        int connection_count, request_count;
        connection connections[MAX_CONNECTIONS];
        kept requests[MAX_REQUESTS];
    } synced;
};

static void must(int condition, const char *what)
{
    if (condition)
        return;
    perror(what);
    abort();
}

/* Sleeps, but not past the server's stop; false when it stops. */
static bool pause_ms(raw_server *server, int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&server->synced.lock);
    int waited = 0;
    while (ms > 0 && !server->synced.stopping && waited == 0)
        waited = pthread_cond_timedwait(&server->synced.stopped, &server->synced.lock, &until);
    bool go_on = !server->synced.stopping;
    pthread_mutex_unlock(&server->synced.lock);
    return go_on;
}

static size_t content_length(const char *head)
{
    const char *at = strcasestr(head, "\r\ncontent-length:");
    return at ? strtoull(at + 17, NULL, 10) : 0;
}

/* Reads one request; 0 when the client has closed. The head must end before the body is read, so
 * that a step may leave the body unread. */
static size_t read_request(raw_server *server, int fd, char *bytes, int *number)
{
    size_t len = 0, wanted = SIZE_MAX;
    *number = -1;
    while (len < wanted) {
        size_t room = wanted == SIZE_MAX ? 65536 : wanted - len;
        ssize_t n = len + room < MAX_REQUEST ? recv(fd, bytes + len, room, 0) : 0;
        if (n <= 0)
            return 0;
        len += (size_t)n;
        bytes[len] = '\0';
        const char *end = *number < 0 ? strstr(bytes, "\r\n\r\n") : NULL;
        if (!end)
            continue;
        pthread_mutex_lock(&server->synced.lock);
        *number = server->synced.request_count++;
        pthread_mutex_unlock(&server->synced.lock);
        int step = *number < server->step_count ? *number : server->step_count - 1;
        size_t body = content_length(bytes);
        if (server->steps[step].read_at_most && server->steps[step].read_at_most < body)
            body = server->steps[step].read_at_most;
        wanted = (size_t)(end - bytes) + 4 + body;
    }
    return len;
}

static bool send_reply(raw_server *server, int fd, const raw_step *step)
{
    size_t len = step->reply_len || !step->reply ? step->reply_len : strlen(step->reply);
    size_t piece = step->piece ? step->piece : len;
    for (size_t sent = 0; sent < len;) {
        size_t n = len - sent < piece ? len - sent : piece;
        ssize_t went = send(fd, step->reply + sent, n, MSG_NOSIGNAL);
        if (went <= 0)
            return false;
        sent += (size_t)went;
        if (sent < len && step->piece_ms && !pause_ms(server, step->piece_ms))
            return false;
    }
    return true;
}

static bool serve_one(raw_server *server, int fd, char *bytes)
{
    int number = -1;
    size_t len = read_request(server, fd, bytes, &number);
    if (number < 0)
        return false;
    char *copy = malloc(len + 1);
    must(copy != NULL, "malloc");
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    pthread_mutex_lock(&server->synced.lock);
    must(number < MAX_REQUESTS, "too many requests");
    server->synced.requests[number] = (kept){copy, len};
    pthread_mutex_unlock(&server->synced.lock);
    if (!len)
        return false;
    const raw_step *step =
        &server->steps[number < server->step_count ? number : server->step_count - 1];
    if (step->hang)
        while (pause_ms(server, 60000))
            ;
    if (step->delay_ms && !pause_ms(server, step->delay_ms))
        return false;
    if (!send_reply(server, fd, step))
        return false;
    if (step->reset) {
        struct linger now = {1, 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    return !step->close && !step->reset;
}

static void *serve(void *user)
{
    connection *c = user;
    int one = 1;
    char *bytes = malloc(MAX_REQUEST + 1); /* touched as far as it is used */
    must(bytes != NULL, "malloc");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    while (serve_one(c->server, c->fd, bytes))
        ;
    free(bytes);
    pthread_mutex_lock(&c->server->synced.lock);
    close(c->fd);
    c->fd = -1;
    pthread_mutex_unlock(&c->server->synced.lock);
    return NULL;
}

static void *accept_all(void *user)
{
    raw_server *server = user;
    for (;;) {
        int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        pthread_mutex_lock(&server->synced.lock);
        bool stopping = server->synced.stopping;
        if (fd >= 0 && !stopping) {
            must(server->synced.connection_count < MAX_CONNECTIONS, "too many connections");
            connection *c = &server->synced.connections[server->synced.connection_count++];
            *c = (connection){.server = server, .fd = fd};
            must(!pthread_create(&c->thread, NULL, serve, c), "pthread_create");
        } else if (fd >= 0) {
            close(fd);
        }
        pthread_mutex_unlock(&server->synced.lock);
        if (fd < 0 || stopping)
            return NULL;
    }
}

raw_server *raw_server_start(const raw_step *steps, int count)
{
    raw_server *server = calloc(1, sizeof *server);
    must(server != NULL, "calloc");
    server->steps = calloc((size_t)count, sizeof *steps);
    must(server->steps != NULL, "calloc");
    memcpy(server->steps, steps, (size_t)count * sizeof *steps);
    server->step_count = count;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(server->listener >= 0, "socket");
    must(!bind(server->listener, (struct sockaddr *)&address, sizeof address), "bind");
    must(!listen(server->listener, 128), "listen");
    must(!getsockname(server->listener, (struct sockaddr *)&address, &len), "getsockname");
    server->port = ntohs(address.sin_port);
    pthread_mutex_init(&server->synced.lock, NULL);
    pthread_cond_init(&server->synced.stopped, NULL);
    must(!pthread_create(&server->acceptor, NULL, accept_all, server), "pthread_create");
    return server;
}

void raw_server_stop(raw_server *server)
{
    pthread_mutex_lock(&server->synced.lock);
    server->synced.stopping = true;
    pthread_cond_broadcast(&server->synced.stopped);
    for (int i = 0; i < server->synced.connection_count; i++)
        if (server->synced.connections[i].fd >= 0)
            shutdown(server->synced.connections[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&server->synced.lock);
    shutdown(server->listener, SHUT_RDWR); /* wakes accept */
    pthread_join(server->acceptor, NULL);
    for (int i = 0; i < server->synced.connection_count; i++)
        pthread_join(server->synced.connections[i].thread, NULL);
    close(server->listener);
    for (int i = 0; i < server->synced.request_count; i++)
        free(server->synced.requests[i].bytes);
    pthread_cond_destroy(&server->synced.stopped);
    pthread_mutex_destroy(&server->synced.lock);
    free(server->steps);
    free(server);
}

int raw_server_port(const raw_server *server)
{
    return server->port;
}

const char *raw_server_url(raw_server *server, const char *path)
{
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d%s", server->port, path);
    return server->url;
}

int raw_server_connections(raw_server *server)
{
    pthread_mutex_lock(&server->synced.lock);
    int count = server->synced.connection_count;
    pthread_mutex_unlock(&server->synced.lock);
    return count;
}

int raw_server_requests(raw_server *server)
{
    pthread_mutex_lock(&server->synced.lock);
    int count = server->synced.request_count;
    pthread_mutex_unlock(&server->synced.lock);
    return count;
}

const char *raw_server_request(raw_server *server, int n, size_t *len)
{
    pthread_mutex_lock(&server->synced.lock);
    bool there = n >= 0 && n < server->synced.request_count;
    const char *bytes = there ? server->synced.requests[n].bytes : NULL;
    if (len)
        *len = there ? server->synced.requests[n].len : 0;
    pthread_mutex_unlock(&server->synced.lock);
    return bytes;
}
