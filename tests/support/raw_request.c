#include "support/raw_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char *cut(char *at, const char *mark)
{
    char *end = at ? strstr(at, mark) : NULL;
    if (!end) {
        fprintf(stderr, "raw_request: not an HTTP request\n");
        abort();
    }
    *end = '\0';
    return end + strlen(mark);
}

raw_request raw_request_parse(char *bytes, size_t len)
{
    raw_request r = {.method = bytes, .query = ""};
    char *head_end = strstr(bytes, "\r\n\r\n");
    char *path = cut(bytes, " "), *version = cut(path, " "), *line = cut(version, "\r\n");
    r.path = path;
    char *mark = strchr(path, '?');
    if (mark) {
        *mark = '\0';
        r.query = mark + 1;
    }
    while (head_end && line < head_end + 2 && r.header_count < 64) {
        char *next = cut(line, "\r\n"), *value = cut(line, ":");
        value += strspn(value, " ");
        r.headers[r.header_count++] = (raw_header){line, value};
        line = next;
    }
    r.body = head_end + 4;
    r.body_len = len - (size_t)(r.body - bytes);
    return r;
}

const char *raw_request_header(const raw_request *request, const char *name)
{
    for (int i = 0; i < request->header_count; i++)
        if (!strcasecmp(request->headers[i].name, name))
            return request->headers[i].value;
    return NULL;
}
