#include "net/server_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"

#define MAX_CONNECTIONS 512
#define REQUEST_MS      300000
#define IDLE_MS         60000
#define BODY_TOTAL      ((size_t)2 << 30)
#define POOL_BYTES      (256u << 10) /* a connection's headers and its read buffer */
#define GROW_BYTES      (64u << 10)
#define DISCARD_BYTES   ((uint64_t)64 << 20) /* of a refused body, before the connection is cut */
#define BACKLOG         256
#define THREAD_STACK    (512u << 10)

typedef enum phase { PHASE_IDLE, PHASE_READING, PHASE_HANDLING, PHASE_SENDING } phase;

/* One TCP connection and the request it carries. */
typedef struct conn {
    ff_server *server;
    struct {               /* guarded by the server's lock */
        struct conn *next; /* a doubly linked list */
        struct conn *prev;
        phase phase;
        int64_t since_ns;
    } synced;
    int fd;
    /* the rest belongs to the connection's own thread */
    bool begun;
    int64_t begun_ns;
    ff_arena *arena;
    char *uri;
    ff_buf body;
    size_t limit;
    size_t held;       /* of this body, in the server's total */
    uint64_t received; /* of this body, kept or not */
    ff_server_request request;
} conn;

struct ff_server {
    struct MHD_Daemon *daemon;
    ff_server_options options;
    int port;
    pthread_t watcher;
    struct {
        pthread_mutex_t lock;
        pthread_cond_t stop;
        bool stopping;
        conn *first;
        size_t held; /* bytes of all bodies that are being read or handled */
    } synced;
};

static void set_phase(conn *c, phase next)
{
    pthread_mutex_lock(&c->server->synced.lock);
    c->synced.phase = next;
    c->synced.since_ns = ff_clock_now_ns();
    pthread_mutex_unlock(&c->server->synced.lock);
}

/* Changes what this connection holds of the bodies' total; false where that is over its bound. */
static bool hold(conn *c, size_t bytes)
{
    ff_server *server = c->server;
    pthread_mutex_lock(&server->synced.lock);
    size_t others = server->synced.held - c->held;
    bool fits =
        bytes <= server->options.max_body_total && others <= server->options.max_body_total - bytes;
    if (fits) {
        server->synced.held = others + bytes;
        c->held = bytes;
    }
    pthread_mutex_unlock(&server->synced.lock);
    return fits;
}

/* Ends the request that the connection carries, if any. */
static void reset(conn *c)
{
    ff_buf_clean(&c->body);
    hold(c, 0);
    ff_arena_free(c->arena);
    c->arena = NULL;
    c->uri = NULL;
    c->begun = false;
    c->received = 0;
    c->request = (ff_server_request){0};
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    ff_server *server = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        conn *c = ff_mem_must(sizeof *c);
        c->server = server;
        c->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        c->synced.since_ns = ff_clock_now_ns();
        pthread_mutex_lock(&server->synced.lock);
        c->synced.next = server->synced.first;
        if (c->synced.next)
            c->synced.next->synced.prev = c;
        server->synced.first = c;
        pthread_mutex_unlock(&server->synced.lock);
        *context = c;
        return;
    }
    conn *c = *context; /* closed: called before the socket is, so the watcher cuts no other's */
    reset(c);
    pthread_mutex_lock(&server->synced.lock);
    if (c->synced.prev)
        c->synced.prev->synced.next = c->synced.next;
    else
        server->synced.first = c->synced.next;
    if (c->synced.next)
        c->synced.next->synced.prev = c->synced.prev;
    pthread_mutex_unlock(&server->synced.lock);
    ff_mem_free(c);
    *context = NULL;
}

static conn *conn_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* Called with the request line; the headers are not there yet. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    (void)cls;
    conn *c = conn_of(connection);
    reset(c);
    c->arena = ff_arena_new();
    c->uri = ff_arena_strdup(c->arena, uri);
    c->begun_ns = ff_clock_now_ns();
    set_phase(c, PHASE_READING);
    return c;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    (void)cls;
    (void)context;
    (void)code;
    conn *c = conn_of(connection);
    reset(c);
    set_phase(c, PHASE_IDLE);
}

static size_t keep_as_is(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, conn *c, int status,
                                   const char *text)
{
    ff_server_response response = {.arena = ff_arena_new(), .close = true};
    ff_server_text(&response, status, "text/plain", text);
    set_phase(c, PHASE_SENDING);
    return ff_server_send(connection, &response);
}

typedef struct collect {
    conn *conn;
    int count;
    size_t bytes;
    ff_http_header *headers;
} collect;

static enum MHD_Result collect_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    (void)kind;
    collect *all = cls;
    all->bytes += strlen(name) + (value ? strlen(value) : 0) + 4;
    if (all->count < (int)FF_MAX_HTTP_HEADERS)
        all->headers[all->count] =
            (ff_http_header){ff_arena_strdup(all->conn->arena, name),
                             ff_arena_strdup(all->conn->arena, value ? value : "")};
    all->count++;
    return MHD_YES;
}

/* Splits the request's target. Returns 0, or the status of what is wrong. */
static int read_target(conn *c)
{
    char *uri = c->uri;
    ff_server_request *request = &c->request;
    if (*uri != '/') { /* the absolute form, or "*" */
        char *authority = strstr(uri, "://");
        char *slash = authority ? strchr(authority + 3, '/') : NULL;
        if (authority && slash)
            uri = slash;
        else if (strcmp(uri, "*") != 0)
            return 400;
    }
    char *query = strchr(uri, '?');
    request->raw_query = query ? query + 1 : "";
    if (query)
        *query = '\0';
    request->raw_path = uri;
    char *path = ff_arena_strdup(c->arena, uri);
    int64_t len = ff_http_decode(path, strlen(path));
    if (len < 0 || memchr(path, 0, (size_t)len))
        return 400;
    path[len] = '\0';
    request->path = path;
    return 0;
}

/* Everything but the body. Returns 0, or the status of what is wrong. */
static int read_head(conn *c, struct MHD_Connection *connection, const char *method)
{
    ff_server_request *request = &c->request;
    *request = (ff_server_request){.connection = c, .take = &c->body, .begun_ns = c->begun_ns};
    request->method = ff_arena_strdup(c->arena, method);
    collect all = {c, 0, 0, ff_arena_array(c->arena, FF_MAX_HTTP_HEADERS, sizeof(ff_http_header))};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, collect_header, &all);
    if (all.count > (int)FF_MAX_HTTP_HEADERS || all.bytes > FF_MAX_HTTP_HEADER_BYTES)
        return 431;
    request->header_count = all.count;
    request->headers = all.headers;
    return read_target(c);
}

/* Makes room for the body, or notes why it is refused. */
static void admit_body(conn *c)
{
    ff_server *server = c->server;
    ff_server_request *request = &c->request;
    const char *length = ff_server_header(request, "Content-Length");
    if (!length && !ff_server_header(request, "Transfer-Encoding"))
        return;
    c->limit = server->options.admit ? server->options.admit(server->options.user, request) : 0;
    request->body_bytes = length ? strtoull(length, NULL, 10) : 0; /* checked by the library */
    ff_buf_init(&c->body, 0);
    if (request->body_bytes > c->limit)
        request->refused = FF_LIMIT;
    else if (!hold(c, (size_t)request->body_bytes))
        request->refused = FF_BUSY;
    else if (request->body_bytes &&
             ff_buf_reserve(&c->body, (size_t)request->body_bytes + FF_JSON_PADDING, NULL))
        request->refused = FF_NO_MEMORY;
}

/* The first call of a request. Returns 0, or a status to answer with at once. */
static int begin(conn *c, struct MHD_Connection *connection, const char *method)
{
    c->begun = true;
    int status = read_head(c, connection, method);
    if (status)
        return status;
    admit_body(c);
    return 0;
}

static void keep_bytes(conn *c, const char *data, size_t len)
{
    ff_server_request *request = &c->request;
    c->received += len;
    if (c->received > request->body_bytes) /* it comes in chunks */
        request->body_bytes = c->received;
    if (request->refused)
        return;
    if (len > c->limit - c->body.len)
        request->refused = FF_LIMIT;
    else if (c->body.len + len > c->held && !hold(c, c->body.len + len))
        request->refused = FF_BUSY;
    else if (ff_buf_reserve(&c->body, len + FF_JSON_PADDING, NULL))
        request->refused = FF_NO_MEMORY;
    if (request->refused) {
        ff_buf_clean(&c->body);
        hold(c, 0);
        return;
    }
    memcpy(c->body.data + c->body.len, data, len);
    c->body.len += len;
}

/* whole: nothing of the body is left to come. */
static enum MHD_Result finish(conn *c, struct MHD_Connection *connection, bool whole)
{
    ff_server *server = c->server;
    ff_server_request *request = &c->request;
    if (request->refused && !server->options.handle_refused) {
        char text[160];
        if (request->refused == FF_LIMIT)
            snprintf(text, sizeof text, "the body has %llu bytes, at most %zu are taken here\n",
                     (unsigned long long)request->body_bytes, c->limit);
        else
            snprintf(text, sizeof text, "no room for a body of %llu bytes now\n",
                     (unsigned long long)request->body_bytes);
        return answer_text(connection, c, request->refused == FF_LIMIT ? 413 : 503, text);
    }
    request->body = ff_buf_view(&c->body);
    ff_server_response response = {.arena = ff_arena_new()};
    set_phase(c, PHASE_HANDLING);
    server->options.handle(server->options.user, request, &response);
    set_phase(c, PHASE_SENDING);
    if (!whole)
        response.close = true;
    return ff_server_send(connection, &response);
}

/* Called with the headers, then with each part of the body, then once more without any. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_size, void **context)
{
    (void)cls;
    (void)url;
    (void)version;
    conn *c = *context;
    if (!c->begun) {
        int status = begin(c, connection, method);
        if (status)
            return answer_text(connection, c, status,
                               status == 431 ? "too many headers\n" : "the path cannot be read\n");
        /* A client that waits for "100 Continue" has sent nothing yet: refuse at once. */
        bool now = ff_server_header(&c->request, "Expect") || c->request.body_bytes > DISCARD_BYTES;
        return c->request.refused && now ? finish(c, connection, false) : MHD_YES;
    }
    if (!*data_size)
        return finish(c, connection, true);
    keep_bytes(c, data, *data_size);
    *data_size = 0;
    return c->request.refused && c->received > DISCARD_BYTES ? MHD_NO : MHD_YES;
}

/* How long a connection may stay in a phase; a handler has its own deadlines. */
static int64_t allowed_ms(const ff_server *server, phase at)
{
    if (at == PHASE_HANDLING)
        return INT64_MAX / 2000000;
    return at == PHASE_IDLE ? server->options.idle_timeout_ms : server->options.request_timeout_ms;
}

static void *watch(void *arg)
{
    ff_server *server = arg;
    int64_t shortest = server->options.idle_timeout_ms < server->options.request_timeout_ms
                           ? server->options.idle_timeout_ms
                           : server->options.request_timeout_ms;
    int64_t tick_ms = shortest / 4 < 10 ? 10 : shortest / 4 > 1000 ? 1000 : shortest / 4;
    pthread_mutex_lock(&server->synced.lock);
    while (!server->synced.stopping) {
        int64_t now = ff_clock_now_ns();
        for (conn *c = server->synced.first; c; c = c->synced.next)
            if ((now - c->synced.since_ns) / 1000000 > allowed_ms(server, c->synced.phase))
                shutdown(c->fd, SHUT_RDWR); /* its thread wakes, and ends it */
        int64_t until = now + tick_ms * 1000000;
        struct timespec when = {until / 1000000000, until % 1000000000};
        pthread_cond_timedwait(&server->synced.stop, &server->synced.lock, &when);
    }
    pthread_mutex_unlock(&server->synced.lock);
    return NULL;
}

static ff_code listen_on(const ff_server_options *options, int *out, int *out_port, ff_err *err)
{
    const char *address = options->bind ? options->bind : "127.0.0.1";
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t size = sizeof name;
    int one = 1;
    if (options->port < 0 || options->port > 65535)
        return ff_err_set(err, FF_USAGE, "a port is wanted (0 to 65535), found %d", options->port);
    name.sin_port = htons((uint16_t)options->port);
    if (inet_pton(AF_INET, address, &name.sin_addr) != 1)
        return ff_err_set(err, FF_USAGE, "an IPv4 address is wanted to bind, found '%s'", address);
    char where[80];
    snprintf(where, sizeof where, "%s:%d", address, options->port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ff_err_errno(err, errno, where, "cannot make a socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&name, sizeof name) || listen(fd, BACKLOG) ||
        getsockname(fd, (struct sockaddr *)&name, &size)) {
        ff_code code = ff_err_errno(err, errno, where, "cannot listen");
        close(fd);
        return code;
    }
    *out = fd;
    *out_port = ntohs(name.sin_port);
    return FF_OK;
}

static void apply_defaults(ff_server_options *options)
{
    if (!options->max_connections)
        options->max_connections = MAX_CONNECTIONS;
    if (!options->request_timeout_ms)
        options->request_timeout_ms = REQUEST_MS;
    if (!options->idle_timeout_ms)
        options->idle_timeout_ms = IDLE_MS;
    if (!options->max_body_total)
        options->max_body_total = BODY_TOTAL;
}

static void free_parts(ff_server *server)
{
    pthread_cond_destroy(&server->synced.stop);
    pthread_mutex_destroy(&server->synced.lock);
    ff_mem_free(server);
}

ff_code ff_server_new(const ff_server_options *options, ff_server **out, ff_err *err)
{
    int fd = -1, port = 0;
    ff_code code = listen_on(options, &fd, &port, err);
    if (code)
        return code;
    signal(SIGPIPE, SIG_IGN);
    ff_server *server = ff_mem_must(sizeof *server);
    server->options = *options;
    server->port = port;
    apply_defaults(&server->options);
    pthread_mutex_init(&server->synced.lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&server->synced.stop, &attributes);
    pthread_condattr_destroy(&attributes);
    server->daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
            MHD_USE_ITC,
        0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)server->options.max_connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)GROW_BYTES, MHD_OPTION_THREAD_STACK_SIZE,
        (size_t)THREAD_STACK, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        server, MHD_OPTION_UNESCAPE_CALLBACK, keep_as_is, NULL, MHD_OPTION_END);
    if (!server->daemon) {
        close(fd);
        free_parts(server);
        return ff_err_set(err, FF_IO, "cannot start a server on port %d", port);
    }
    if (pthread_create(&server->watcher, NULL, watch, server)) {
        MHD_stop_daemon(server->daemon);
        free_parts(server);
        return ff_err_set(err, FF_NO_MEMORY, "cannot start the server's watching thread");
    }
    *out = server;
    return FF_OK;
}

int ff_server_port(const ff_server *server)
{
    return server->port;
}

void ff_server_free(ff_server *server)
{
    if (!server)
        return;
    MHD_stop_daemon(server->daemon);
    pthread_mutex_lock(&server->synced.lock);
    server->synced.stopping = true;
    pthread_cond_signal(&server->synced.stop);
    pthread_mutex_unlock(&server->synced.lock);
    pthread_join(server->watcher, NULL);
    free_parts(server);
}

const char *ff_server_header(const ff_server_request *request, const char *name)
{
    for (int i = 0; i < request->header_count; i++)
        if (strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    return NULL;
}

const char *ff_server_query(const ff_server_request *request, ff_arena *arena, const char *name)
{
    const char *at = request->raw_query;
    while (*at) {
        size_t len = strcspn(at, "&");
        const char *equals = memchr(at, '=', len);
        size_t name_len = equals ? (size_t)(equals - at) : len;
        char *key = ff_arena_strndup(arena, at, name_len);
        int64_t key_len = ff_http_decode(key, name_len);
        if (key_len == (int64_t)strlen(name) && memcmp(key, name, (size_t)key_len) == 0) {
            size_t value_len = equals ? len - name_len - 1 : 0;
            char *value = ff_arena_strndup(arena, equals ? equals + 1 : "", value_len);
            int64_t decoded = ff_http_decode(value, value_len);
            if (decoded < 0 || memchr(value, 0, (size_t)decoded))
                return NULL;
            value[decoded] = '\0';
            return value;
        }
        at += len + (at[len] == '&');
    }
    return NULL;
}

bool ff_server_client_gone(const ff_server_request *request)
{
    const conn *c = request->connection;
    struct pollfd entry = {.fd = c->fd, .events = POLLRDHUP};
    return poll(&entry, 1, 0) > 0 && (entry.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL));
}

bool ff_server_peer_is_loopback(const ff_server_request *request)
{
    const conn *c = request->connection;
    struct sockaddr_in peer = {0};
    socklen_t len = sizeof peer;
    return getpeername(c->fd, (struct sockaddr *)(void *)&peer, &len) == 0 &&
           peer.sin_family == AF_INET && ntohl(peer.sin_addr.s_addr) >> 24 == 127;
}

void ff_server_add_header(ff_server_response *response, const char *name, const char *fmt, ...)
{
    char value[8192];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(value, sizeof value, fmt, args);
    va_end(args);
    if (response->header_count >= FF_SERVER_HEADERS || len < 0 || len >= (int)sizeof value) {
        ff_log(FF_LOG_WARN, "left out the response header %s (%d bytes)", name, len);
        return;
    }
    response->headers[response->header_count++] =
        (ff_http_header){name, ff_arena_strdup(response->arena, value)};
}

void ff_server_text(ff_server_response *response, int status, const char *type, const char *text)
{
    response->status = status;
    ff_server_add_header(response, "Content-Type", "%s", type);
    response->view = ff_bytes_of(ff_arena_strdup(response->arena, text), strlen(text));
}
