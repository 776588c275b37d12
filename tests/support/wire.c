#include "support/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int wire_connect(int port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval wait = {.tv_sec = 20};
    inet_pton(AF_INET, "127.0.0.1", &name.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof name)) {
        perror("wire_connect");
        abort();
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    return fd;
}

void wire_send_bytes(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the peer hung up: the answer tells */
        at += n;
        len -= (size_t)n;
    }
}

void wire_send(int fd, const char *text)
{
    wire_send_bytes(fd, text, strlen(text));
}

static bool read_some(int fd, void *data, size_t len)
{
    char *at = data;
    while (len) {
        ssize_t n = recv(fd, at, len, 0);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static bool read_head(int fd, wire_answer *answer)
{
    size_t len = 0;
    while (len + 1 < sizeof answer->head) {
        if (!read_some(fd, answer->head + len, 1))
            return false;
        answer->head[++len] = '\0';
        if (len >= 4 && memcmp(answer->head + len - 4, "\r\n\r\n", 4) == 0)
            return true;
    }
    return false;
}

static bool read_line(int fd, char *line, size_t size)
{
    size_t len = 0;
    while (len + 1 < size && read_some(fd, line + len, 1)) {
        line[++len] = '\0';
        if (line[len - 1] == '\n')
            return true;
    }
    return false;
}

static void read_chunks(int fd, ff_buf *body)
{
    char line[64];
    while (read_line(fd, line, sizeof line)) {
        size_t len = strtoull(line, NULL, 16);
        if (ff_buf_reserve(body, len + 2, NULL) || !read_some(fd, body->data + body->len, len + 2))
            return;
        body->len += len;
        if (!len)
            return;
    }
}

void wire_read(int fd, bool body_wanted, wire_answer *answer)
{
    ff_buf_clean(&answer->body);
    answer->status = 0;
    do {
        if (!read_head(fd, answer))
            return;
    } while (strncmp(answer->head, "HTTP/1.1 100", 12) == 0);
    if (sscanf(answer->head, "HTTP/1.%*d %d", &answer->status) != 1)
        return;
    const char *length = wire_header(answer, "Content-Length");
    const char *encoding = wire_header(answer, "Transfer-Encoding");
    if (!body_wanted || answer->status == 204 || answer->status == 304)
        return;
    if (encoding && strcasecmp(encoding, "chunked") == 0) {
        read_chunks(fd, &answer->body);
    } else if (length) {
        size_t len = strtoull(wire_header(answer, "Content-Length"), NULL, 10);
        if (!ff_buf_reserve(&answer->body, len + 1, NULL) &&
            read_some(fd, answer->body.data, len)) {
            answer->body.len = len;
            answer->body.data[len] = '\0';
        }
    } else {
        char byte;
        while (read_some(fd, &byte, 1))
            ff_buf_append(&answer->body, &byte, 1, NULL);
    }
}

const char *wire_header(const wire_answer *answer, const char *name)
{
    static _Thread_local char value[1024];
    size_t name_len = strlen(name);
    for (const char *line = strchr(answer->head, '\n'); line && line[1] != '\r';
         line = strchr(line + 1, '\n')) {
        const char *at = line + 1;
        if (strncasecmp(at, name, name_len) != 0 || at[name_len] != ':')
            continue;
        at += name_len + 1;
        at += strspn(at, " ");
        snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r\n"), at);
        return value;
    }
    return NULL;
}

void wire_clean(wire_answer *answer)
{
    ff_buf_clean(&answer->body);
}

void wire_ask(int port, const char *text, wire_answer *answer)
{
    int fd = wire_connect(port);
    wire_send(fd, text);
    wire_read(fd, strncmp(text, "HEAD", 4) != 0, answer);
    close(fd);
}
