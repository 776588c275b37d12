#include "manifest/manifest.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "tensor/half.h"

int ff_manifest_function(const ff_manifest *manifest, const char *name)
{
    for (int i = 0; i < manifest->function_count; i++)
        if (manifest->functions[i] && !strcmp(manifest->functions[i], name))
            return i;
    return -1;
}

ff_code ff_manifest_piece_of(const ff_manifest *manifest, int function, int *stage, int *piece,
                             ff_err *err)
{
    for (int s = 0; s < manifest->stage_count; s++)
        for (int p = 0; p < manifest->stage[s].piece_count; p++)
            if (manifest->stage[s].piece[p].function == function && !manifest->stage[s].local) {
                *stage = s;
                *piece = p;
                return FF_OK;
            }
    bool known = function >= 0 && function < manifest->function_count;
    return ff_err_set(err, FF_NOT_FOUND, "function %s has no piece of its own",
                      known ? manifest->functions[function] : "(unknown)");
}

/* One element of a probe's input: floats in [-1, 1), whole numbers of -8 to 7 or 0 to 7. */
static void fill_element(ff_dtype dtype, ff_random *r, uint8_t *to)
{
    if (ff_dtype_is_float(dtype)) {
        double x = 2 * ff_random_unit(r) - 1;
        float f = (float)x;
        uint16_t half = dtype == FF_DTYPE_F16 ? ff_half_from_float(f) : ff_half_to_bf16(f);
        if (dtype == FF_DTYPE_F64)
            memcpy(to, &x, sizeof x);
        else if (dtype == FF_DTYPE_F32)
            memcpy(to, &f, sizeof f);
        else
            memcpy(to, &half, sizeof half);
        return;
    }
    bool is_signed = dtype == FF_DTYPE_I8 || dtype == FF_DTYPE_I16 || dtype == FF_DTYPE_I32 ||
                     dtype == FF_DTYPE_I64;
    int64_t value = is_signed                ? ff_random_between(r, -8, 7)
                    : dtype == FF_DTYPE_BOOL ? ff_random_between(r, 0, 1)
                                             : ff_random_between(r, 0, 7);
    memcpy(to, &value, ff_dtype_bytes(dtype)); /* little-endian: the low bytes */
}

void ff_manifest_probe_input(uint64_t seed, int input, ff_tensor *tensor)
{
    ff_random r;
    ff_random_init(&r, seed + 0x9e3779b97f4a7c15u * ((uint64_t)input + 1));
    size_t step = ff_dtype_bytes(tensor->dtype);
    for (size_t at = 0; step && at < tensor->bytes; at += step)
        fill_element(tensor->dtype, &r, tensor->data + at);
}
