/*
 * Puts, gets and removes an object, for scripts: prog_store STORE-URL put|get|remove KEY
 *
 * The value is read from stdin, at most 64 MiB, or written to stdout. The exit code is the error's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

#define MAX_VALUE ((size_t)64 << 20)

static ff_code put(ff_store *store, const char *key, int64_t deadline_ns, ff_err *err)
{
    uint8_t *value = malloc(MAX_VALUE);
    if (!value)
        return ff_err_set(err, FF_NO_MEMORY, "no memory for %zu bytes", MAX_VALUE);
    size_t len = fread(value, 1, MAX_VALUE, stdin);
    ff_store_put p = {.key = key, .body = {1, {{value, len}}}, .deadline_ns = deadline_ns};
    ff_code code = ff_store_put_wait(store, &p, err);
    free(value);
    return code;
}

static ff_code get(ff_store *store, const char *key, int64_t deadline_ns, ff_err *err)
{
    ff_buf body = {0};
    ff_code code = ff_store_get_wait(store, key, MAX_VALUE, deadline_ns, &body, err);
    if (!code)
        fwrite(body.data, 1, body.len, stdout);
    ff_buf_clean(&body);
    return code;
}

int main(int argc, char **argv)
{
    ff_http *http = NULL;
    ff_store *store = NULL;
    ff_err err = {0};
    int64_t deadline_ns = ff_clock_deadline_ms(20000);
    if (argc != 4) {
        fprintf(stderr, "usage: prog_store STORE-URL put|get|remove KEY\n");
        return ff_code_exit(FF_USAGE);
    }
    const char *key = argv[3];
    ff_code code = ff_http_new(NULL, &http, &err);
    if (!code)
        code = ff_store_open(argv[1], http, &store, &err);
    if (!code && !strcmp(argv[2], "put"))
        code = put(store, key, deadline_ns, &err);
    else if (!code && !strcmp(argv[2], "get"))
        code = get(store, key, deadline_ns, &err);
    else if (!code)
        code = ff_store_remove_wait(store, &key, 1, deadline_ns, &err);
    if (code) {
        char text[1500];
        ff_err_format(&err, text, sizeof text);
        fprintf(stderr, "prog_store: %s: %s\n", ff_code_name(code), text);
    }
    ff_store_free(store);
    ff_http_free(http);
    return ff_code_exit(code);
}
