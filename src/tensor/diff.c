/* Comparing tensors: ff_tensor_diff and the project's tolerances. */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "tensor/half.h"
#include "tensor/tensor.h"

/* Elements may lie unaligned in a message: every read goes through memcpy. */
static double error_of(double reference, double result)
{
    if (isnan(reference) || isnan(result))
        return isnan(reference) && isnan(result) ? 0 : INFINITY;
    if (isinf(reference) || isinf(result))
        return reference == result ? 0 : INFINITY;
    return fabs(reference - result);
}

typedef struct diff_state {
    ff_diff diff;
    double best_reference;
    double best_result;
    double reference_there; /* the reference where the result is largest */
} diff_state;

static inline void diff_step(diff_state *s, int64_t i, double reference, double result,
                             double error)
{
    if (error > s->diff.max_abs_error)
        s->diff.max_abs_error = error;
    if (fabs(reference) > s->diff.max_abs_reference && !isinf(reference))
        s->diff.max_abs_reference = fabs(reference);
    if (s->diff.argmax_reference < 0 ? !isnan(reference) : reference > s->best_reference) {
        s->best_reference = reference;
        s->diff.argmax_reference = i;
    }
    if (s->diff.argmax < 0 ? !isnan(result) : result > s->best_result) {
        s->best_result = result;
        s->diff.argmax = i;
        s->reference_there = reference;
    }
}

/* One loop a type: VALUE makes a double of an element, ERROR the exact distance of two. */
#define DIFF_LOOP(name, type, VALUE, ERROR)                                                        \
    static void diff_##name(diff_state *s, const uint8_t *reference, const uint8_t *result,        \
                            size_t elems)                                                          \
    {                                                                                              \
        for (size_t i = 0; i < elems; i++) {                                                       \
            type a, b;                                                                             \
            memcpy(&a, reference + i * sizeof a, sizeof a);                                        \
            memcpy(&b, result + i * sizeof b, sizeof b);                                           \
            s->diff.differing += memcmp(&a, &b, sizeof a) != 0;                                    \
            diff_step(s, (int64_t)i, (double)VALUE(a), (double)VALUE(b), ERROR(a, b));             \
        }                                                                                          \
    }
#define SAME(x)             (x)
#define FLOAT_ERROR(a, b)   error_of((double)(a), (double)(b))
#define HALF_ERROR(a, b)    error_of((double)ff_half_to_float(a), (double)ff_half_to_float(b))
#define BF16_ERROR(a, b)    error_of((double)ff_half_from_bf16(a), (double)ff_half_from_bf16(b))
#define INTEGER_ERROR(a, b) (double)(a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a)

DIFF_LOOP(f32, float, SAME, FLOAT_ERROR)
DIFF_LOOP(f64, double, SAME, FLOAT_ERROR)
DIFF_LOOP(f16, uint16_t, ff_half_to_float, HALF_ERROR)
DIFF_LOOP(bf16, uint16_t, ff_half_from_bf16, BF16_ERROR)
DIFF_LOOP(u8, uint8_t, SAME, INTEGER_ERROR)
DIFF_LOOP(i8, int8_t, SAME, INTEGER_ERROR)
DIFF_LOOP(u16, uint16_t, SAME, INTEGER_ERROR)
DIFF_LOOP(i16, int16_t, SAME, INTEGER_ERROR)
DIFF_LOOP(u32, uint32_t, SAME, INTEGER_ERROR)
DIFF_LOOP(i32, int32_t, SAME, INTEGER_ERROR)
DIFF_LOOP(u64, uint64_t, SAME, INTEGER_ERROR)
DIFF_LOOP(i64, int64_t, SAME, INTEGER_ERROR)

typedef void diff_fn(diff_state *s, const uint8_t *reference, const uint8_t *result, size_t elems);

static diff_fn *diff_of(ff_dtype dtype)
{
    static diff_fn *const table[] = {
        [FF_DTYPE_F32] = diff_f32,   [FF_DTYPE_U8] = diff_u8,   [FF_DTYPE_I8] = diff_i8,
        [FF_DTYPE_U16] = diff_u16,   [FF_DTYPE_I16] = diff_i16, [FF_DTYPE_I32] = diff_i32,
        [FF_DTYPE_I64] = diff_i64,   [FF_DTYPE_BOOL] = diff_u8, [FF_DTYPE_F16] = diff_f16,
        [FF_DTYPE_F64] = diff_f64,   [FF_DTYPE_U32] = diff_u32, [FF_DTYPE_U64] = diff_u64,
        [FF_DTYPE_BF16] = diff_bf16,
    };
    size_t i = (size_t)dtype;
    return i < sizeof table / sizeof table[0] ? table[i] : NULL;
}

ff_code ff_tensor_diff(const ff_tensor *reference, const ff_tensor *result, ff_diff *out,
                       ff_err *err)
{
    if (reference->dtype != result->dtype || !ff_shape_equal(&reference->shape, &result->shape)) {
        char wanted[200], found[200];
        return ff_err_set(
            err, FF_MISMATCH, "%s %s wanted, found %s %s", ff_dtype_name(reference->dtype),
            ff_shape_text(&reference->shape, wanted, sizeof wanted), ff_dtype_name(result->dtype),
            ff_shape_text(&result->shape, found, sizeof found));
    }
    diff_fn *diff = diff_of(reference->dtype);
    if (!diff)
        return ff_err_set(err, FF_UNSUPPORTED, "tensors of type %s cannot be compared",
                          ff_dtype_name(reference->dtype));
    diff_state state = {.diff = {.argmax = -1, .argmax_reference = -1}};
    diff(&state, reference->data, result->data,
         reference->bytes / ff_dtype_bytes(reference->dtype));
    state.diff.argmax_gap = state.best_reference - state.reference_there;
    *out = state.diff;
    return FF_OK;
}

double ff_dtype_tolerance(ff_dtype dtype)
{
    switch (dtype) {
    case FF_DTYPE_F32:
    case FF_DTYPE_F64:
        return 1e-4;
    case FF_DTYPE_F16:
        return 2e-3;
    case FF_DTYPE_BF16: /* 8 times as coarse as float16 */
        return 1.6e-2;
    default:
        return 0;
    }
}

bool ff_diff_ok(const ff_diff *diff, ff_dtype dtype)
{
    return diff->max_abs_error <= ff_dtype_tolerance(dtype) * diff->max_abs_reference;
}

bool ff_diff_argmax_ok(const ff_diff *diff, ff_dtype dtype)
{
    return diff->argmax == diff->argmax_reference ||
           diff->argmax_gap <= ff_dtype_tolerance(dtype) * diff->max_abs_reference;
}
