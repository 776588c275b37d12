/*
 * Parts of weights: views of the whole graph's where they are one run of bytes, copies where not.
 */
#include <string.h>

#include "split/split_int.h"

ff_code ff_weight_bytes(ff_arena *arena, const ff_value *whole, const ff_region *region, int axis,
                        int64_t runs, ff_bytes *out, ff_err *err)
{
    ff_shape part = ff_region_shape(region), shape = part;
    size_t offset = 0, bytes = 0, run_bytes = 0;
    ff_tensor from, to, run;
    shape.dim[axis] *= runs;
    ff_code code = ff_shape_bytes(&shape, whole->dtype, &bytes, err);
    if (code == FF_OK && runs == 1 && ff_region_is_whole(region, &whole->shape)) {
        *out = whole->data;
        return FF_OK;
    }
    if (code == FF_OK && runs == 1 &&
        ff_region_contiguous(region, &whole->shape, whole->dtype, &offset)) {
        *out = ff_bytes_of(whole->data.data + offset, bytes);
        return FF_OK;
    }
    if (code == FF_OK) {
        code = ff_tensor_view(whole->dtype, &whole->shape, (void *)(uintptr_t)whole->data.data,
                              whole->data.len, &from, err);
    }
    if (code != FF_OK) {
        return code;
    }
    if (arena == NULL) {
        *out = ff_bytes_of(whole->data.data, bytes);
        return FF_OK;
    }
    uint8_t *copy = ff_arena_alloc(arena, bytes + 1);
    *out = ff_bytes_of(copy, bytes);
    if (runs == 1) {
        return ff_region_slice(&from, region, copy, err);
    }
    code = ff_tensor_new(whole->dtype, &part, &run, err);
    if (code != FF_OK) {
        return code;
    }
    run_bytes = run.bytes;
    code = ff_tensor_view(whole->dtype, &shape, copy, run_bytes * (size_t)runs, &to, err);
    for (int64_t r = 0; r < runs && code == FF_OK; r++) {
        ff_region source = *region, target = ff_region_whole(&shape);
        int64_t len = part.dim[axis], period = whole->shape.dim[axis] / runs;
        source.lo[axis] += r * period;
        source.hi[axis] += r * period;
        target.lo[axis] = r * len;
        target.hi[axis] = r * len + len;
        code = ff_region_slice(&from, &source, run.data, err);
        code = code == FF_OK ? ff_region_place(&to, &target, &run, err) : code;
    }
    ff_tensor_clean(&run);
    return code;
}

ff_code ff_weight_gather(ff_arena *arena, const ff_value *whole, int axis, const ff_range *runs,
                         int count, ff_bytes *out, ff_err *err)
{
    const ff_shape *shape = &whole->shape;
    size_t elem = ff_dtype_bytes(whole->dtype), outer = 1, inner = elem, part = 0;
    size_t axis_len = (size_t)shape->dim[axis];
    for (int a = 0; a < shape->rank; a++) {
        outer *= a < axis ? (size_t)shape->dim[a] : 1;
        inner *= a > axis ? (size_t)shape->dim[a] : 1;
    }
    for (int r = 0; r < count; r++) {
        part += (size_t)(runs[r].hi - runs[r].lo);
        if (runs[r].lo < 0 || runs[r].hi <= runs[r].lo || runs[r].hi > shape->dim[axis]) {
            return ff_err_set(err, FF_INTERNAL, "'%.100s' has no places [%lld, %lld) of axis %d",
                              whole->name, (long long)runs[r].lo, (long long)runs[r].hi, axis);
        }
    }
    if (arena == NULL) {
        *out = ff_bytes_of(whole->data.data, outer * part * inner);
        return FF_OK;
    }
    uint8_t *copy = ff_arena_alloc(arena, outer * part * inner + 1), *to = copy;
    for (size_t o = 0; o < outer; o++) {
        for (int r = 0; r < count; r++) {
            size_t bytes = (size_t)(runs[r].hi - runs[r].lo) * inner;
            memcpy(to, whole->data.data + (o * axis_len + (size_t)runs[r].lo) * inner, bytes);
            to += bytes;
        }
    }
    *out = ff_bytes_of(copy, outer * part * inner);
    return FF_OK;
}
