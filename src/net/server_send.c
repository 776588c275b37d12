/* A handler's response, handed to libmicrohttpd. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "net/server_int.h"

#define PACED_BLOCK (64u << 10) /* of a body that is sent at a given pace */

/* What a response owns until it is sent. */
typedef struct sent {
    ff_arena *arena;
    ff_buf body;
    void (*release)(void *owner);
    void *owner;
    uint64_t (*pace)(void *pacer, uint64_t sent);
    void (*pace_end)(void *pacer);
    void *pacer;
    uint64_t allowed; /* by pace, so far */
    ff_bytes bytes;   /* what is paced, where fd is negative */
    int fd;
    uint64_t offset;
} sent;

static void sent_free(void *cls)
{
    sent *s = cls;
    if (s->pace_end)
        s->pace_end(s->pacer);
    if (s->release)
        s->release(s->owner);
    if (s->fd >= 0)
        close(s->fd);
    ff_buf_clean(&s->body);
    ff_arena_free(s->arena);
    ff_mem_free(s);
}

static ssize_t no_bytes(void *cls, uint64_t position, char *buf, size_t max)
{
    (void)cls;
    (void)position;
    (void)buf;
    (void)max;
    return MHD_CONTENT_READER_END_WITH_ERROR; /* a HEAD request asks for none */
}

/* The connection's own thread: it may block. */
static ssize_t paced_bytes(void *cls, uint64_t position, char *buf, size_t max)
{
    sent *s = cls;
    if (s->allowed <= position)
        s->allowed = s->pace(s->pacer, position);
    if (s->allowed <= position)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t n = s->allowed - position < max ? (size_t)(s->allowed - position) : max;
    if (s->fd < 0) {
        memcpy(buf, s->bytes.data + position, n);
        return (ssize_t)n;
    }
    ssize_t got = pread(s->fd, buf, n, (off_t)(s->offset + position));
    return got > 0 ? got : MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *make_paced(const ff_server_response *r, sent *s)
{
    uint64_t length = r->file_length;
    if (r->file) {
        s->fd = open(r->file, O_RDONLY | O_CLOEXEC);
        s->offset = r->file_offset;
        if (s->fd < 0)
            return NULL;
    } else {
        s->bytes = s->body.len ? ff_buf_view(&s->body) : r->view;
        length = s->bytes.len;
    }
    return MHD_create_response_from_callback(length, PACED_BLOCK, paced_bytes, s, sent_free);
}

/* A file is given up (NULL) where it cannot be opened. Owns s, also on failure. */
static struct MHD_Response *make_response(const ff_server_response *r, sent *s)
{
    struct MHD_Response *response = NULL;
    if (r->head_only) {
        response = MHD_create_response_from_callback(r->head_length, 1, no_bytes, s, sent_free);
    } else if (r->pace) {
        response = make_paced(r, s);
    } else if (r->file) {
        int fd = open(r->file, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
            response = MHD_create_response_from_fd_at_offset64(r->file_length, fd, r->file_offset);
        if (fd >= 0 && !response)
            close(fd);
        sent_free(s); /* the open file stays readable when it is unlinked */
        return response;
    } else {
        ff_bytes bytes = s->body.len ? ff_buf_view(&s->body) : r->view;
        response = MHD_create_response_from_buffer_with_free_callback_cls(
            bytes.len, (void *)(uintptr_t)bytes.data, sent_free, s);
    }
    if (!response)
        sent_free(s);
    return response;
}

enum MHD_Result ff_server_send(struct MHD_Connection *connection, ff_server_response *r)
{
    sent *s = ff_mem_must(sizeof *s);
    *s = (sent){.arena = r->arena,
                .body = r->body,
                .release = r->release,
                .owner = r->owner,
                .pace = r->pace,
                .pace_end = r->pace_end,
                .pacer = r->pacer,
                .fd = -1};
    bool lost = r->status < 200 || r->status > 599;
    if (lost)
        ff_log(FF_LOG_ERROR, "a handler left the status %d", r->status);
    struct MHD_Response *response = NULL;
    int count = r->header_count;
    ff_http_header headers[FF_SERVER_HEADERS];
    ff_arena *texts = ff_arena_new(); /* s may be freed before the headers are copied */
    for (int i = 0; i < count; i++)
        headers[i] = (ff_http_header){ff_arena_strdup(texts, r->headers[i].name),
                                      ff_arena_strdup(texts, r->headers[i].value)};
    response = make_response(r, s);
    if (!response || lost) {
        if (response)
            MHD_destroy_response(response);
        static char text[] = "the server failed\n";
        response = MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
        r->status = 500;
        count = 0;
    }
    enum MHD_Result result = response ? MHD_YES : MHD_NO;
    for (int i = 0; result && i < count; i++)
        if (!MHD_add_response_header(response, headers[i].name, headers[i].value))
            ff_log(FF_LOG_WARN, "left out the response header %s", headers[i].name);
    if (result && r->close)
        MHD_add_response_header(response, "Connection", "close");
    if (result) {
        result = MHD_queue_response(connection, (unsigned)r->status, response);
        MHD_destroy_response(response);
    }
    ff_arena_free(texts);
    return result;
}
