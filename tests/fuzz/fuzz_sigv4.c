/* module: net */
/* A received request, as lines: method, path, query, then headers "name: value". Whatever it holds,
 * verifying ends in FF_DENIED with a reason, or in a claim that is bounded; a request that we sign
 * over the same path and query passes. */
#include <stdlib.h>
#include <string.h>

#include "net/sigv4.h"

#define MAX_HEADERS 32
#define NOW         1369353600000 /* 2013-05-24T00:00:00Z */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

static char *next_line(char **at)
{
    char *line = *at;
    char *end = line + strcspn(line, "\n");
    *at = *end ? end + 1 : end;
    *end = '\0';
    return line;
}

static ff_credentials example(void)
{
    return (ff_credentials){.access_key = "AKIAIOSFODNN7EXAMPLE",
                            .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
}

/* A path and query of any bytes, signed and verified. */
static void round_trip(const char *path, const char *query, const char *service)
{
    ff_credentials credentials = example();
    ff_sigv4_request request = {.method = "GET",
                                .path = path,
                                .query = query,
                                .host = "h",
                                .payload_hash = FF_SIGV4_UNSIGNED,
                                .region = "r",
                                .service = service,
                                .epoch_ms = NOW};
    ff_arena *arena = ff_arena_new();
    ff_http_header headers[5];
    int count = ff_sigv4_sign(&request, &credentials, arena, headers);
    headers[count++] = (ff_http_header){"Host", "h"};
    ff_sigv4_claim claim;
    must(ff_sigv4_verify("GET", path, query, headers, count, FF_SIGV4_UNSIGNED, &credentials, NOW,
                         &claim, NULL) == FF_OK);
    must(!strcmp(claim.service, service) && !strcmp(claim.region, "r"));
    ff_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    must(text != NULL);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    char *at = text;
    const char *method = next_line(&at), *path = next_line(&at), *query = next_line(&at);
    ff_http_header headers[MAX_HEADERS];
    int count = 0;
    while (*at && count < MAX_HEADERS) {
        char *line = next_line(&at);
        char *colon = strchr(line, ':');
        if (colon) {
            *colon = '\0';
            headers[count++] = (ff_http_header){line, colon + 1 + strspn(colon + 1, " ")};
        }
    }
    ff_credentials credentials = example();
    ff_sigv4_claim claim;
    ff_err err = {0};
    ff_code code =
        ff_sigv4_verify(method, path, query, headers, count, NULL, &credentials, NOW, &claim, &err);
    must(code == FF_OK || (code == FF_DENIED && err.message[0]));
    if (!code)
        must(strlen(claim.signature) == 64 && strlen(claim.amz_date) == 16);
    round_trip(path, query, "s3");
    round_trip(path, query, "lambda");
    free(text);
    return 0;
}
