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
            if (function > 0 && manifest->stage[s].piece[p].function == function) {
                *stage = s;
                *piece = p;
                return FF_OK;
            }
    bool known = function >= 0 && function < manifest->function_count;
    return ff_err_set(err, FF_NOT_FOUND, "function %s has no piece of its own",
                      known ? manifest->functions[function] : "(unknown)");
}

static bool is_signed(ff_dtype dtype)
{
    return dtype == FF_DTYPE_I8 || dtype == FF_DTYPE_I16 || dtype == FF_DTYPE_I32 ||
           dtype == FF_DTYPE_I64;
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
    int64_t value = is_signed(dtype)         ? ff_random_between(r, -8, 7)
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

static double element(const ff_tensor *t, int64_t i)
{
    size_t bytes = ff_dtype_bytes(t->dtype);
    const uint8_t *at = t->data + (size_t)i * bytes;
    float f;
    double d;
    int64_t whole = 0;
    uint16_t half;
    switch (t->dtype) {
    case FF_DTYPE_F32:
        memcpy(&f, at, sizeof f);
        return (double)f;
    case FF_DTYPE_F64:
        memcpy(&d, at, sizeof d);
        return d;
    case FF_DTYPE_F16:
        memcpy(&half, at, sizeof half);
        return (double)ff_half_to_float(half);
    case FF_DTYPE_BF16:
        memcpy(&half, at, sizeof half);
        return (double)ff_half_from_bf16(half);
    default: /* integers: the sign of the narrow ones comes from the top byte */
        memset(&whole, is_signed(t->dtype) && (at[bytes - 1] & 0x80) ? 0xff : 0, sizeof whole);
        memcpy(&whole, at, bytes);
        return t->dtype == FF_DTYPE_U64 ? (double)(uint64_t)whole : (double)whole;
    }
}

ff_code ff_manifest_probe_check(const ff_mf_piece *piece, const ff_tensor *output, ff_err *err)
{
    const ff_mf_probe *probe = &piece->probe;
    if (!probe->count)
        return FF_OK;
    const ff_mf_part *part = &piece->out[probe->output];
    ff_shape shape = ff_region_shape(&part->region);
    if (output->dtype != part->dtype || !ff_shape_equal(&output->shape, &shape)) {
        char wanted[200], found[200];
        return ff_err_set(
            err, FF_MISMATCH, "probe: output '%.100s': wanted %s %s, found %s %s", part->name,
            ff_dtype_name(part->dtype), ff_shape_text(&shape, wanted, sizeof wanted),
            ff_dtype_name(output->dtype), ff_shape_text(&output->shape, found, sizeof found));
    }
    double room = ff_dtype_tolerance(output->dtype) * probe->max_abs;
    for (int i = 0; i < probe->count; i++) {
        double found = element(output, probe->index[i]);
        if (!(fabs(found - probe->value[i]) <= room))
            return ff_err_set(err, FF_MISMATCH,
                              "probe: output '%.100s', element %lld: wanted %g within %g, found %g",
                              part->name, (long long)probe->index[i], probe->value[i], room, found);
    }
    return FF_OK;
}
