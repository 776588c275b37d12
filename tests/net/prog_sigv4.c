/*
 * Signs what stdin tells it, for sigv4_botocore.sh: per request one line of fields between tabs
 *
 *   service region epoch_ms access_key secret token method path query host payload_hash
 *   [name value]...
 *
 * and per request one line on stdout: the Authorization header's value.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/sigv4.h"

#define FIELDS  11
#define HEADERS 16

static int sign(char *fields[], int count)
{
    ff_http_header headers[HEADERS], added[4];
    ff_credentials credentials = {0};
    ff_sigv4_request request = {.service = fields[0],
                                .region = fields[1],
                                .epoch_ms = strtoll(fields[2], NULL, 10),
                                .method = fields[6],
                                .path = fields[7],
                                .query = fields[8],
                                .host = fields[9],
                                .payload_hash = fields[10],
                                .headers = headers};
    snprintf(credentials.access_key, sizeof credentials.access_key, "%s", fields[3]);
    snprintf(credentials.secret_key, sizeof credentials.secret_key, "%s", fields[4]);
    snprintf(credentials.session_token, sizeof credentials.session_token, "%s", fields[5]);
    for (int i = FIELDS; i + 1 < count && request.header_count < HEADERS; i += 2)
        headers[request.header_count++] = (ff_http_header){fields[i], fields[i + 1]};
    ff_arena *arena = ff_arena_new();
    ff_sigv4_sign(&request, &credentials, arena, added);
    puts(added[0].value);
    ff_arena_free(arena);
    return 0;
}

int main(void)
{
    static char line[65536];
    while (fgets(line, sizeof line, stdin)) {
        char *fields[FIELDS + 2 * HEADERS];
        int count = 0;
        char *rest = line;
        line[strcspn(line, "\n")] = '\0';
        for (char *field; count < FIELDS + 2 * HEADERS && (field = strsep(&rest, "\t"));)
            fields[count++] = field;
        if (count < FIELDS) {
            fprintf(stderr, "prog_sigv4: wanted %d fields, found %d\n", FIELDS, count);
            return 2;
        }
        sign(fields, count);
    }
    return 0;
}
