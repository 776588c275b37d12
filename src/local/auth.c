#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "local/local_int.h"

#define KEY_BITS 40 /* of an instance's number: 8 characters of the alphabet's 32 */

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

size_t ff_local_error_code(const char *message)
{
    size_t len = 0;
    while (isalnum((unsigned char)message[len]))
        len++;
    return message[len] == ':' ? len : 0;
}

void ff_instance_key(const char *role_key, uint64_t id, char key[FF_INSTANCE_KEY])
{
    memcpy(key, role_key, FF_ROLE_KEY);
    for (int i = 0; i < KEY_BITS / 5; i++)
        key[FF_ROLE_KEY + i] = ALPHABET[id >> (KEY_BITS - 5 * (i + 1)) & 31];
    key[FF_INSTANCE_KEY - 1] = '\0';
}

uint64_t ff_instance_of_key(const char *role_key, const char *key)
{
    uint64_t id = 0;
    if (strncmp(key, role_key, FF_ROLE_KEY) != 0)
        return FF_SHAPER_NOBODY;
    for (int i = 0; i < KEY_BITS / 5; i++) {
        const char *letter = key[FF_ROLE_KEY + i] ? strchr(ALPHABET, key[FF_ROLE_KEY + i]) : NULL;
        if (!letter)
            return FF_SHAPER_NOBODY;
        id = id << 5 | (uint64_t)(letter - ALPHABET);
    }
    return id;
}

/* The access key that the request claims to be signed with, in its header or its query; "" where
 * there is none. Only a hint which credentials to verify it with. */
static const char *claimed_key(const ff_server_request *request)
{
    const char *header = ff_server_header(request, "Authorization");
    const char *at = strstr(header ? header : request->raw_query, "Credential=");
    return at ? at + strlen("Credential=") : "";
}

ff_code ff_local_authorise(const ff_local *local, const ff_server_request *request,
                           const char *service, const char *payload_hash, ff_sigv4_claim *claim,
                           ff_credentials *credentials, ff_err *err)
{
    uint64_t id = ff_instance_of_key(local->role.access_key, claimed_key(request));
    *credentials = local->user;
    if (id != FF_SHAPER_NOBODY) {
        *credentials = local->role;
        ff_instance_key(local->role.access_key, id, credentials->access_key);
    }
    ff_code code = ff_sigv4_verify(request->method, request->raw_path, request->raw_query,
                                   request->headers, request->header_count, payload_hash,
                                   credentials, ff_clock_wall_ms(), claim, err);
    if (!code && strcmp(claim->service, service) != 0)
        return ff_err_set(err, FF_DENIED,
                          "AuthorizationHeaderMalformed: signed for the service '%s', not '%s'",
                          claim->service, service);
    return code;
}
