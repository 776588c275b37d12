#include "share/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

const char *ff_route_name(ff_route route)
{
    return route == FF_ROUTE_STORE ? "store" : "inline";
}

ff_code ff_policy_parse(const char *text, ff_policy *out, ff_err *err)
{
    uint64_t bytes = 0;
    if (!text || !*text || !strcmp(text, "inline")) {
        *out = FF_POLICY_INLINE;
        return FF_OK;
    }
    if (!strcmp(text, "store")) {
        *out = FF_POLICY_STORE;
        return FF_OK;
    }
    if (!strcmp(text, "auto"))
        return ff_err_set(err, FF_UNSUPPORTED,
                          "policy auto needs a calibrated network profile, which this version "
                          "does not have: use inline, store or a size such as 800KB");
    if (ff_units_parse_bytes(text, &bytes, NULL))
        return ff_err_set(err, FF_USAGE,
                          "policy: wanted inline, store or a size such as 800KB, found '%.60s'",
                          text);
    out->threshold = bytes;
    return FF_OK;
}

const char *ff_policy_text(ff_policy policy, char *text, size_t size)
{
    if (policy.threshold == UINT64_MAX)
        snprintf(text, size, "inline");
    else if (policy.threshold == 0)
        snprintf(text, size, "store");
    else
        snprintf(text, size, "%" PRIu64, policy.threshold);
    return text;
}
