#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "local/local_int.h"

size_t ff_local_error_code(const char *message)
{
    size_t len = 0;
    while (isalnum((unsigned char)message[len]))
        len++;
    return message[len] == ':' ? len : 0;
}

ff_code ff_local_authorise(const ff_local *local, const ff_server_request *request,
                           const char *service, const char *payload_hash, ff_sigv4_claim *claim,
                           const ff_credentials **credentials, ff_err *err)
{
    const ff_credentials *known[] = {&local->user, &local->role};
    ff_err local_err = {0};
    ff_code code = FF_DENIED;
    for (int i = 0; i < 2 && code; i++) {
        code = ff_sigv4_verify(request->method, request->raw_path, request->raw_query,
                               request->headers, request->header_count, payload_hash, known[i],
                               ff_clock_wall_ms(), claim, &local_err);
        if (!code)
            *credentials = known[i];
        else if (strncmp(local_err.message, "InvalidAccessKeyId", 18) != 0)
            break; /* it was that key's, but the rest is wrong */
    }
    if (!code && strcmp(claim->service, service) != 0)
        return ff_err_set(err, FF_DENIED,
                          "AuthorizationHeaderMalformed: signed for the service '%s', not '%s'",
                          claim->service, service);
    if (code && err)
        *err = local_err;
    return code;
}
