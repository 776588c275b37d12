/*
 * Shapes of ops that work element by element, normalise, or quantise.
 */
#include <string.h>

#include "graph/infer_int.h"

/* Output 0 is like input 0. */
static ff_code like_input(ff_infer *c)
{
    return ff_infer_out(c, 0, ff_infer_dtype(c, 0), ff_infer_shape(c, 0));
}

/* The axis is checked only where it is given: what it is without depends on the opset. */
static ff_code along_axis(ff_infer *c)
{
    const ff_shape *shape = ff_infer_shape(c, 0);
    int axis = 0;
    ff_code code = FF_OK;
    if (shape != NULL && ff_node_attr(c->node, "axis") != NULL) {
        code = ff_infer_axis(c, ff_node_int(c->node, "axis", 0), shape->rank, &axis);
    }
    return code != FF_OK ? code : like_input(c);
}

static ff_code bool_like_input(ff_infer *c)
{
    return ff_infer_out(c, 0, FF_DTYPE_BOOL, ff_infer_shape(c, 0));
}

static ff_code dropout(ff_infer *c)
{
    ff_code code = like_input(c);
    /* the mask is of the input's type before opset 10 */
    return code != FF_OK ? code
                         : ff_infer_out(c, 1, c->opset < 10 ? ff_infer_dtype(c, 0) : FF_DTYPE_BOOL,
                                        ff_infer_shape(c, 0));
}

/* BatchNormalization: scale, bias, mean, variance have one element a channel. */
static ff_code batch_norm(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    ff_code code = ff_infer_rank(c, 0, 1, FF_MAX_RANK);
    if (code != FF_OK) {
        return code;
    }
    for (int i = 1; i < 5 && x != NULL; i++) {
        const ff_shape *p = ff_infer_shape(c, i);
        int64_t channels = x->rank > 1 ? x->dim[1] : 1;
        if (p != NULL && (p->rank != 1 || p->dim[0] != channels)) {
            char text[256];
            return ff_infer_fail(c, "input '%s' should have %lld elements, found %s",
                                 ff_infer_in(c, i)->name, (long long)channels,
                                 ff_shape_text(p, text, sizeof text));
        }
    }
    code = like_input(c);
    for (int i = 1; i < 5 && code == FF_OK; i++) { /* in training: running statistics */
        code = ff_infer_out(c, i, ff_infer_dtype(c, i < 3 ? 3 + (i - 1) : i), ff_infer_shape(c, 3));
    }
    return code;
}

/* Outputs 1 and 2 (mean, inverse deviation) keep the axes before `axis`; the others are 1. */
static ff_code layer_norm(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    ff_code code = like_input(c);
    if (code != FF_OK || x == NULL) {
        return code;
    }
    int axis = 0;
    code = ff_infer_axis(c, ff_node_int(c->node, "axis", -1), x->rank, &axis);
    ff_shape s = *x;
    for (int i = axis; i < s.rank && code == FF_OK; i++) {
        s.dim[i] = 1;
    }
    for (int i = 1; i < 3 && code == FF_OK; i++) {
        code = ff_infer_out(c, i, FF_DTYPE_F32, &s);
    }
    return code;
}

/* A type from the attribute `name`; NONE where absent or unknown. */
static ff_dtype dtype_attr(const ff_infer *c, const char *name)
{
    int64_t to = ff_node_int(c->node, name, 0);
    return to > 0 && to <= FF_DTYPE_BF16 && (ff_dtype_bytes((ff_dtype)to) > 0 || to == 8)
               ? (ff_dtype)to
               : FF_DTYPE_NONE;
}

static ff_code cast(ff_infer *c)
{
    const ff_attr *to = ff_node_attr(c->node, "to");
    if (to == NULL || to->kind != FF_ATTR_INT) {
        return ff_infer_fail(c, "attribute 'to' is missing");
    }
    return ff_infer_out(c, 0, dtype_attr(c, "to"), ff_infer_shape(c, 0));
}

static ff_code cast_like(ff_infer *c)
{
    return ff_infer_out(c, 0, ff_infer_dtype(c, 1), ff_infer_shape(c, 0));
}

static ff_code random_like(ff_infer *c)
{
    ff_dtype dtype = dtype_attr(c, "dtype");
    return ff_infer_out(c, 0, dtype != FF_DTYPE_NONE ? dtype : ff_infer_dtype(c, 0),
                        ff_infer_shape(c, 0));
}

/* All inputs from `first` on broadcast to one shape; NULL where one is not known. */
static ff_code broadcast_inputs(ff_infer *c, ff_shape *shape, bool *known)
{
    ff_shape all = {.rank = 0};
    *known = c->node->in_count > 0;
    for (int i = 0; i < c->node->in_count; i++) {
        const ff_shape *s = ff_infer_shape(c, i);
        if (s == NULL) {
            *known = false;
            return FF_OK;
        }
        ff_code code = ff_infer_broadcast(c, &all, s, &all);
        if (code != FF_OK) {
            return code;
        }
    }
    *shape = all;
    return FF_OK;
}

static ff_code variadic_as(ff_infer *c, ff_dtype dtype)
{
    ff_shape shape;
    bool known = false;
    ff_code code = broadcast_inputs(c, &shape, &known);
    return code != FF_OK ? code : ff_infer_out(c, 0, dtype, known ? &shape : NULL);
}

static ff_code variadic(ff_infer *c)
{
    for (int i = 1; i < c->node->in_count; i++) {
        ff_code code = ff_infer_same_dtype(c, 0, i);
        if (code != FF_OK) {
            return code;
        }
    }
    ff_dtype dtype = FF_DTYPE_NONE;
    for (int i = 0; i < c->node->in_count && dtype == FF_DTYPE_NONE; i++) {
        dtype = ff_infer_dtype(c, i);
    }
    return variadic_as(c, dtype);
}

static ff_code need_two(ff_infer *c)
{
    return c->node->in_count == 2
               ? FF_OK
               : ff_infer_fail(c, "should have 2 inputs, found %d", c->node->in_count);
}

static ff_code binary(ff_infer *c)
{
    ff_code code = need_two(c);
    return code != FF_OK ? code : variadic(c);
}

static ff_code power(ff_infer *c) /* the exponent may have another type */
{
    ff_code code = need_two(c);
    return code != FF_OK ? code : variadic_as(c, ff_infer_dtype(c, 0));
}

static ff_code compare(ff_infer *c)
{
    ff_code code = need_two(c);
    if (code == FF_OK) {
        code = ff_infer_same_dtype(c, 0, 1);
    }
    return code != FF_OK ? code : variadic_as(c, FF_DTYPE_BOOL);
}

static ff_code where(ff_infer *c)
{
    ff_code code = c->node->in_count == 3
                       ? ff_infer_same_dtype(c, 1, 2)
                       : ff_infer_fail(c, "should have 3 inputs, found %d", c->node->in_count);
    ff_dtype dtype = ff_infer_dtype(c, 1);
    return code != FF_OK ? code
                         : variadic_as(c, dtype != FF_DTYPE_NONE ? dtype : ff_infer_dtype(c, 2));
}

/* PRelu's slope broadcasts to the input, never the other way. */
static ff_code prelu(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0), *slope = ff_infer_shape(c, 1);
    ff_code code = ff_infer_same_dtype(c, 0, 1);
    ff_shape both;
    if (code == FF_OK && x != NULL && slope != NULL) {
        code = ff_infer_broadcast(c, x, slope, &both);
        if (code == FF_OK && !ff_shape_equal(&both, x)) {
            code = ff_infer_fail(c, "the slope does not broadcast to the input");
        }
    }
    return code != FF_OK ? code : like_input(c);
}

static ff_code quantize(ff_infer *c)
{
    ff_dtype dtype = ff_infer_dtype(c, 2);
    if (ff_infer_in(c, 2) == NULL) {
        dtype = dtype_attr(c, "output_dtype");
        dtype = dtype == FF_DTYPE_NONE ? FF_DTYPE_U8 : dtype;
    }
    return ff_infer_out(c, 0, dtype, ff_infer_shape(c, 0));
}

static ff_code dequantize(ff_infer *c)
{
    return ff_infer_out(c, 0, ff_infer_dtype(c, 1), ff_infer_shape(c, 0));
}

static ff_code dynamic_quantize(ff_infer *c)
{
    const ff_shape scalar = {.rank = 0};
    ff_code code = ff_infer_out(c, 0, FF_DTYPE_U8, ff_infer_shape(c, 0));
    if (code == FF_OK) {
        code = ff_infer_out(c, 1, FF_DTYPE_F32, &scalar);
    }
    return code != FF_OK ? code : ff_infer_out(c, 2, FF_DTYPE_U8, &scalar);
}

/* One line an op. */
const ff_infer_entry ff_infer_elem_rules[] = {
    {"Relu", like_input},
    {"LeakyRelu", like_input},
    {"Sigmoid", like_input},
    {"HardSigmoid", like_input},
    {"HardSwish", like_input},
    {"Tanh", like_input},
    {"Clip", like_input},
    {"Identity", like_input},
    {"Softmax", along_axis},
    {"Elu", like_input},
    {"Selu", like_input},
    {"Celu", like_input},
    {"Softplus", like_input},
    {"Softsign", like_input},
    {"Erf", like_input},
    {"Gelu", like_input},
    {"Mish", like_input},
    {"ThresholdedRelu", like_input},
    {"Shrink", like_input},
    {"Abs", like_input},
    {"Neg", like_input},
    {"Exp", like_input},
    {"Log", like_input},
    {"Sqrt", like_input},
    {"Reciprocal", like_input},
    {"Floor", like_input},
    {"Ceil", like_input},
    {"Round", like_input},
    {"Sign", like_input},
    {"Sin", like_input},
    {"Cos", like_input},
    {"Tan", like_input},
    {"Asin", like_input},
    {"Acos", like_input},
    {"Atan", like_input},
    {"Sinh", like_input},
    {"Cosh", like_input},
    {"Asinh", like_input},
    {"Acosh", like_input},
    {"Atanh", like_input},
    {"Not", like_input},
    {"BitwiseNot", like_input},
    {"LogSoftmax", along_axis},
    {"Hardmax", along_axis},
    {"LRN", like_input},
    {"LpNormalization", like_input},
    {"MeanVarianceNormalization", like_input},
    {"InstanceNormalization", like_input},
    {"GroupNormalization", like_input},
    {"CumSum", like_input},
    {"Trilu", like_input},
    {"ReverseSequence", like_input},
    {"Scatter", like_input},
    {"ScatterElements", like_input},
    {"ScatterND", like_input},
    {"IsNaN", bool_like_input},
    {"IsInf", bool_like_input},
    {"Dropout", dropout},
    {"BatchNormalization", batch_norm},
    {"LayerNormalization", layer_norm},
    {"Cast", cast},
    {"CastLike", cast_like},
    {"EyeLike", random_like},
    {"RandomNormalLike", random_like},
    {"RandomUniformLike", random_like},
    {"Bernoulli", random_like},
    {"Add", binary},
    {"Sub", binary},
    {"Mul", binary},
    {"Div", binary},
    {"Mod", binary},
    {"And", binary},
    {"Or", binary},
    {"Xor", binary},
    {"BitShift", binary},
    {"BitwiseAnd", binary},
    {"BitwiseOr", binary},
    {"BitwiseXor", binary},
    {"Pow", power},
    {"Equal", compare},
    {"Greater", compare},
    {"GreaterOrEqual", compare},
    {"Less", compare},
    {"LessOrEqual", compare},
    {"Max", variadic},
    {"Min", variadic},
    {"Sum", variadic},
    {"Mean", variadic},
    {"Where", where},
    {"PRelu", prelu},
    {"QuantizeLinear", quantize},
    {"DequantizeLinear", dequantize},
    {"DynamicQuantizeLinear", dynamic_quantize},
    {NULL, NULL},
};
