#include "share/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

const char *ff_route_name(ff_route route)
{
    return route == FF_ROUTE_STORE ? "store" : "inline";
}

static const char *const AUTO[] = {"", "auto", "auto-p99", "auto-cost"}; /* by ff_auto */

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
    for (int i = FF_AUTO_P50; i <= FF_AUTO_COST; i++)
        if (!strcmp(text, AUTO[i])) {
            *out = (ff_policy){UINT64_MAX, (ff_auto)i};
            return FF_OK;
        }
    if (ff_units_parse_bytes(text, &bytes, NULL))
        return ff_err_set(err, FF_USAGE,
                          "policy: wanted auto, auto-p99, auto-cost, inline, store or a size such "
                          "as 800KB, found '%.60s'",
                          text);
    *out = (ff_policy){bytes, FF_AUTO_OFF};
    return FF_OK;
}

const char *ff_policy_text(ff_policy policy, char *text, size_t size)
{
    if (policy.automatic)
        snprintf(text, size, "%s", AUTO[policy.automatic]);
    else if (policy.threshold == UINT64_MAX)
        snprintf(text, size, "inline");
    else if (policy.threshold == 0)
        snprintf(text, size, "store");
    else
        snprintf(text, size, "%" PRIu64, policy.threshold);
    return text;
}
