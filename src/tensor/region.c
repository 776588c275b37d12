#include "tensor/region.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "tensor/half.h"

ff_region ff_region_whole(const ff_shape *shape)
{
    ff_region region = {.rank = shape->rank};
    for (int i = 0; i < shape->rank; i++)
        region.hi[i] = shape->dim[i];
    return region;
}

ff_shape ff_region_shape(const ff_region *region)
{
    ff_shape shape = {.rank = region->rank};
    for (int i = 0; i < region->rank; i++)
        shape.dim[i] = region->hi[i] - region->lo[i];
    return shape;
}

bool ff_region_equal(const ff_region *a, const ff_region *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->lo[i] != b->lo[i] || a->hi[i] != b->hi[i])
            return false;
    return true;
}

bool ff_region_is_whole(const ff_region *region, const ff_shape *shape)
{
    ff_region whole = ff_region_whole(shape);
    return ff_region_equal(region, &whole);
}

bool ff_region_empty(const ff_region *region)
{
    for (int i = 0; i < region->rank; i++)
        if (region->lo[i] >= region->hi[i])
            return true;
    return false;
}

ff_region ff_region_hull(const ff_region *a, const ff_region *b)
{
    assert(a->rank == b->rank);
    ff_region hull = *a;
    for (int i = 0; i < hull.rank; i++) {
        hull.lo[i] = a->lo[i] < b->lo[i] ? a->lo[i] : b->lo[i];
        hull.hi[i] = a->hi[i] > b->hi[i] ? a->hi[i] : b->hi[i];
    }
    return hull;
}

ff_code ff_region_check(const ff_region *region, const ff_shape *shape, ff_err *err)
{
    if (region->rank != shape->rank || shape->rank < 0 || shape->rank > FF_MAX_RANK)
        return ff_err_set(err, FF_FORMAT, "a region of rank %d in a tensor of rank %d",
                          region->rank, shape->rank);
    for (int i = 0; i < region->rank; i++)
        if (region->lo[i] < 0 || region->lo[i] >= region->hi[i] || region->hi[i] > shape->dim[i])
            return ff_err_set(err, FF_FORMAT,
                              "region [%" PRId64 ":%" PRId64 "] of axis %d does not lie within "
                              "its %" PRId64 " elements",
                              region->lo[i], region->hi[i], i, shape->dim[i]);
    return FF_OK;
}

const char *ff_region_text(const ff_region *region, char *text, size_t size)
{
    size_t at = 0;
    snprintf(text, size, "[");
    for (int i = 0; i < region->rank && i < FF_MAX_RANK && at < size; i++) {
        int n = snprintf(text + at, size - at, "%s%" PRId64 ":%" PRId64, i ? ", " : "[",
                         region->lo[i], region->hi[i]);
        at += n > 0 ? (size_t)n : 0;
    }
    at = strlen(text);
    if (at < size)
        snprintf(text + at, size - at, "]");
    return text;
}

/* How a region lies in its whole: equal runs of bytes, counted by the outer axes. */
typedef struct rows {
    size_t run_bytes;
    size_t offset; /* of the first run */
    int outer;     /* axes 0 .. outer-1 count runs */
    int64_t count[FF_MAX_RANK];
    size_t stride[FF_MAX_RANK]; /* bytes */
} rows;

/* region must have been checked, so nothing can overflow: the whole exists. */
static rows rows_of(const ff_region *region, const ff_shape *shape, ff_dtype dtype)
{
    rows r = {.run_bytes = ff_dtype_bytes(dtype)};
    size_t stride = r.run_bytes;
    bool whole = true; /* are all inner axes taken whole? */
    for (int i = region->rank - 1; i >= 0; i--) {
        int64_t length = region->hi[i] - region->lo[i];
        r.offset += (size_t)region->lo[i] * stride;
        r.count[i] = length;
        r.stride[i] = stride;
        if (whole)
            r.run_bytes *= (size_t)length;
        else if (r.outer == 0)
            r.outer = i + 1;
        whole = whole && length == shape->dim[i];
        stride *= (size_t)shape->dim[i];
    }
    return r;
}

/* Steps to the next run; false after the last. at is the odometer, offset the run's place. */
static bool rows_next(const rows *r, int64_t at[FF_MAX_RANK], size_t *offset)
{
    for (int i = r->outer - 1; i >= 0; i--) {
        *offset += r->stride[i];
        if (++at[i] < r->count[i])
            return true;
        *offset -= (size_t)r->count[i] * r->stride[i];
        at[i] = 0;
    }
    return false;
}

ff_code ff_runs_init(ff_runs *runs, const ff_region *region, const ff_shape *shape, ff_dtype dtype,
                     ff_err *err)
{
    ff_code code = ff_region_check(region, shape, err);
    if (code)
        return code;
    rows r = rows_of(region, shape, dtype);
    *runs = (ff_runs){.run_bytes = r.run_bytes, .next = r.offset, .outer = r.outer};
    memcpy(runs->count, r.count, sizeof r.count);
    memcpy(runs->stride, r.stride, sizeof r.stride);
    return FF_OK;
}

bool ff_runs_next(ff_runs *runs, size_t *offset)
{
    if (runs->done)
        return false;
    *offset = runs->next;
    for (int i = runs->outer - 1; i >= 0; i--) {
        runs->next += runs->stride[i];
        if (++runs->at[i] < runs->count[i])
            return true;
        runs->next -= (size_t)runs->count[i] * runs->stride[i];
        runs->at[i] = 0;
    }
    runs->done = true;
    return true;
}

bool ff_region_contiguous(const ff_region *region, const ff_shape *shape, ff_dtype dtype,
                          size_t *offset)
{
    if (ff_region_check(region, shape, NULL))
        return false;
    rows r = rows_of(region, shape, dtype);
    for (int i = 0; i < r.outer; i++)
        if (r.count[i] != 1)
            return false;
    *offset = r.offset;
    return true;
}

ff_code ff_region_slice(const ff_tensor *whole, const ff_region *region, void *out, ff_err *err)
{
    ff_code code = ff_region_check(region, &whole->shape, err);
    if (code)
        return code;
    rows r = rows_of(region, &whole->shape, whole->dtype);
    int64_t at[FF_MAX_RANK] = {0};
    size_t offset = r.offset;
    uint8_t *to = out;
    do {
        memcpy(to, whole->data + offset, r.run_bytes);
        to += r.run_bytes;
    } while (rows_next(&r, at, &offset));
    return FF_OK;
}

/* Does part fit region, and region whole? */
static ff_code check_part(const ff_tensor *whole, const ff_region *region, const ff_tensor *part,
                          ff_err *err)
{
    ff_code code = ff_region_check(region, &whole->shape, err);
    if (code)
        return code;
    ff_shape wanted = ff_region_shape(region);
    if (part->dtype != whole->dtype || !ff_shape_equal(&part->shape, &wanted)) {
        char wanted_text[200], found_text[200];
        return ff_err_set(
            err, FF_FORMAT, "a part of %s %s wanted, found %s %s", ff_dtype_name(whole->dtype),
            ff_shape_text(&wanted, wanted_text, sizeof wanted_text), ff_dtype_name(part->dtype),
            ff_shape_text(&part->shape, found_text, sizeof found_text));
    }
    return FF_OK;
}

ff_code ff_region_place(ff_tensor *whole, const ff_region *region, const ff_tensor *part,
                        ff_err *err)
{
    ff_code code = check_part(whole, region, part, err);
    if (code)
        return code;
    rows r = rows_of(region, &whole->shape, whole->dtype);
    int64_t at[FF_MAX_RANK] = {0};
    size_t offset = r.offset;
    const uint8_t *from = part->data;
    do {
        memcpy(whole->data + offset, from, r.run_bytes);
        from += r.run_bytes;
    } while (rows_next(&r, at, &offset));
    return FF_OK;
}

/* to[i] += from[i] over bytes; unsigned arithmetic, so that signed integers wrap. */
#define ADD_LOOP(name, type, SUM)                                                                  \
    static void add_##name(uint8_t *to, const uint8_t *from, size_t bytes)                         \
    {                                                                                              \
        for (size_t i = 0; i < bytes; i += sizeof(type)) {                                         \
            type a, b;                                                                             \
            memcpy(&a, to + i, sizeof a);                                                          \
            memcpy(&b, from + i, sizeof b);                                                        \
            a = (type)(SUM);                                                                       \
            memcpy(to + i, &a, sizeof a);                                                          \
        }                                                                                          \
    }
ADD_LOOP(f32, float, a + b)
ADD_LOOP(f64, double, a + b)
/* A float32 sum of 16-bit floats, rounded again, is the correctly rounded sum: 24 >= 2*11 + 2. */
ADD_LOOP(f16, uint16_t, ff_half_from_float(ff_half_to_float(a) + ff_half_to_float(b)))
ADD_LOOP(bf16, uint16_t, ff_half_to_bf16(ff_half_from_bf16(a) + ff_half_from_bf16(b)))
ADD_LOOP(u8, uint8_t, a + b)
ADD_LOOP(u16, uint16_t, a + b)
ADD_LOOP(u32, uint32_t, a + b)
ADD_LOOP(u64, uint64_t, a + b)

typedef void add_fn(uint8_t *to, const uint8_t *from, size_t bytes);

static add_fn *add_of(ff_dtype dtype)
{
    static add_fn *const table[] = {
        [FF_DTYPE_F32] = add_f32, [FF_DTYPE_U8] = add_u8,   [FF_DTYPE_I8] = add_u8,
        [FF_DTYPE_U16] = add_u16, [FF_DTYPE_I16] = add_u16, [FF_DTYPE_I32] = add_u32,
        [FF_DTYPE_I64] = add_u64, [FF_DTYPE_F16] = add_f16, [FF_DTYPE_F64] = add_f64,
        [FF_DTYPE_U32] = add_u32, [FF_DTYPE_U64] = add_u64, [FF_DTYPE_BF16] = add_bf16,
    };
    size_t i = (size_t)dtype;
    return i < sizeof table / sizeof table[0] ? table[i] : NULL;
}

ff_code ff_region_add(ff_tensor *whole, const ff_region *region, const ff_tensor *part, ff_err *err)
{
    add_fn *add = add_of(whole->dtype);
    if (!add)
        return ff_err_set(err, FF_UNSUPPORTED, "tensors of type %s cannot be added",
                          ff_dtype_name(whole->dtype));
    ff_code code = check_part(whole, region, part, err);
    if (code)
        return code;
    rows r = rows_of(region, &whole->shape, whole->dtype);
    int64_t at[FF_MAX_RANK] = {0};
    size_t offset = r.offset;
    const uint8_t *from = part->data;
    do {
        add(whole->data + offset, from, r.run_bytes);
        from += r.run_bytes;
    } while (rows_next(&r, at, &offset));
    return FF_OK;
}
