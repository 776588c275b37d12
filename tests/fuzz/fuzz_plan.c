/* module: plan */
/* plan.json: what parses must come back the same when it is written. */
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ff_err err = {0};
    ff_plan *plan = NULL, *again = NULL;
    ff_buf first, second;
    if (ff_plan_parse(ff_bytes_of(data, size), &plan, &err) != FF_OK)
        return 0;
    ff_buf_init(&first, 0);
    ff_buf_init(&second, 0);
    if (ff_plan_emit(plan, &first, &err) != FF_OK ||
        ff_plan_parse(ff_buf_view(&first), &again, &err) != FF_OK ||
        ff_plan_emit(again, &second, &err) != FF_OK || first.len != second.len ||
        memcmp(first.data, second.data, first.len) != 0)
        abort();
    ff_plan_free(plan);
    ff_plan_free(again);
    ff_buf_clean(&first);
    ff_buf_clean(&second);
    return 0;
}
