#include "support/signed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"

#define MAX_HEADERS 32

void signed_open(signed_client *client, int port, const ff_credentials *credentials)
{
    *client = (signed_client){.port = port, .credentials = *credentials};
    if (ff_http_new(NULL, &client->http, NULL))
        abort();
}

void signed_close(signed_client *client)
{
    ff_http_free(client->http);
    client->http = NULL;
}

ff_code signed_try(signed_client *client, const signed_request *r, ff_http_response *response,
                   ff_err *err)
{
    ff_arena *arena = ff_arena_new();
    char hash[FF_SHA256_HEX];
    ff_http_header headers[MAX_HEADERS + 8];
    int count = 0;
    ff_hash_sha256_hex(ff_bytes_of(r->body, r->len), hash);
    for (int i = 0; r->headers && r->headers[i] && count < MAX_HEADERS; i++) {
        char *name = ff_arena_strdup(arena, r->headers[i]);
        char *colon = strstr(name, ": ");
        *colon = '\0';
        headers[count++] = (ff_http_header){name, colon + 2};
    }
    ff_sigv4_request sign = {
        .method = r->method ? r->method : "GET",
        .path = r->path,
        .query = r->query ? r->query : "",
        .host = ff_arena_printf(arena, "127.0.0.1:%d", client->port),
        .headers = headers,
        .header_count = count,
        .payload_hash = r->payload_hash ? r->payload_hash : hash,
        .region = "us-east-1",
        .service = r->service ? r->service : "s3",
        .epoch_ms = ff_clock_wall_ms(),
    };
    ff_http_header added[4];
    int added_count = ff_sigv4_sign(&sign, &client->credentials, arena, added);
    for (int i = 0; i < added_count; i++)
        headers[count++] = added[i];
    ff_http_request request = {
        .method = sign.method,
        .url = ff_arena_printf(arena, "http://%s%s%s%s", sign.host, r->path, r->query ? "?" : "",
                               sign.query),
        .headers = headers,
        .header_count = count,
        .body = {r->len ? 1 : 0, {ff_bytes_of(r->body, r->len)}},
        .max_response = 64u << 20,
        .deadline_ns = ff_clock_deadline_ms(30000),
    };
    ff_code code = ff_http_perform(client->http, &request, response, err);
    ff_arena_free(arena);
    return code;
}

void signed_ask(signed_client *client, const signed_request *r, ff_http_response *response)
{
    ff_err err = {0};
    if (signed_try(client, r, response, &err)) {
        fprintf(stderr, "signed_ask: %s %s: %s\n", r->method ? r->method : "GET", r->path,
                err.message);
        abort();
    }
}

int signed_status(signed_client *client, const signed_request *request)
{
    ff_http_response response = {0};
    signed_ask(client, request, &response);
    int status = response.status;
    ff_http_response_clean(&response);
    return status;
}
