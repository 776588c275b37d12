/*
 * Ops that work element by element: one input or several, broadcast to each other.
 */
#include "graph/op_int.h"

static bool each_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    (void)at, (void)axis, (void)why, (void)size;
    return true;
}

static bool dropout_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    (void)axis;
    if (!ff_op_has_in(at, 2)) {
        return true; /* inference, by default */
    }
    const ff_value *training = &at->g->values[at->node->in[2]];
    if (training->kind != FF_VALUE_WEIGHT || training->data.len != 1 ||
        training->data.data[0] != 0) {
        return ff_op_no(why, size, "its training_mode is not a constant false");
    }
    return true;
}

/* The second input gives a type only; ratio and training_mode have no axes. */
static ff_axis_map first_map(const ff_op_at *at, int axis, int input)
{
    return input == 0 ? ff_op_map_same(at, 0, axis) : ff_op_map_none();
}

/* QuantizeLinear, DequantizeLinear: scale and zero point are scalars, or lie along one axis. */
static bool quantize_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    (void)axis;
    const ff_shape *scale = ff_op_in(at, 1);
    if (scale == NULL || scale->rank > 1 || ff_node_int(at->node, "block_size", 0) != 0) {
        return ff_op_no(why, size, "its scales lie in blocks");
    }
    if (ff_op_axis_attr(at, "axis", 1, at->out->rank) < 0 && scale->rank == 1 &&
        scale->dim[0] != 1) {
        return ff_op_no(why, size, "its axis attribute is out of range");
    }
    return true;
}

static ff_axis_map quantize_map(const ff_op_at *at, int axis, int input)
{
    const ff_shape *in = ff_op_in(at, input);
    if (input == 0) {
        return ff_op_map_same(at, 0, axis);
    }
    if (in->rank == 1 && in->dim[0] != 1 && axis == ff_op_axis_attr(at, "axis", 1, at->out->rank)) {
        return ff_op_map_same(at, input, 0);
    }
    return ff_op_map_none();
}

/* Terms of a sum, factors, and what is the same for each element. */
static ff_linear each_linear(const ff_op_at *at, int input)
{
    const ff_node *n = at->node;
    if (ff_node_is(n, "Add") || ff_node_is(n, "Sub") || ff_node_is(n, "Sum")) {
        return FF_LINEAR_TERM;
    }
    if (ff_node_is(n, "Mul")) {
        return FF_LINEAR_FACTOR;
    }
    if (ff_node_is(n, "Div")) {
        return input == 0 ? FF_LINEAR_FACTOR : FF_LINEAR_NO;
    }
    return input == 0 ? FF_LINEAR_DATA : FF_LINEAR_NO; /* Identity, Neg, Dropout */
}

#define LINEAR(op)                                                                                 \
    {                                                                                              \
        .name = op, .summary = "every axis", .passes = each_passes, .map = ff_op_map_broadcast,    \
        .linear = each_linear                                                                      \
    }
#define EACH(op)                                                                                   \
    {                                                                                              \
        .name = op, .summary = "every axis", .passes = each_passes, .map = ff_op_map_broadcast     \
    }

const ff_op_entry ff_ops_each[] = {
    EACH("Abs"),
    EACH("Acos"),
    EACH("Acosh"),
    EACH("Asin"),
    EACH("Asinh"),
    EACH("Atan"),
    EACH("Atanh"),
    EACH("BitwiseNot"),
    EACH("Cast"),
    EACH("Ceil"),
    EACH("Celu"),
    EACH("Clip"),
    EACH("Cos"),
    EACH("Cosh"),
    EACH("Elu"),
    EACH("Erf"),
    EACH("Exp"),
    EACH("Floor"),
    EACH("Gelu"),
    EACH("HardSigmoid"),
    EACH("HardSwish"),
    LINEAR("Identity"),
    EACH("IsInf"),
    EACH("IsNaN"),
    EACH("LeakyRelu"),
    EACH("Log"),
    EACH("Mish"),
    LINEAR("Neg"),
    EACH("Not"),
    EACH("Reciprocal"),
    EACH("Relu"),
    EACH("Round"),
    EACH("Selu"),
    EACH("Shrink"),
    EACH("Sigmoid"),
    EACH("Sign"),
    EACH("Sin"),
    EACH("Sinh"),
    EACH("Softplus"),
    EACH("Softsign"),
    EACH("Sqrt"),
    EACH("Tan"),
    EACH("Tanh"),
    EACH("ThresholdedRelu"),
    /* several inputs */
    LINEAR("Add"),
    EACH("And"),
    EACH("BitShift"),
    EACH("BitwiseAnd"),
    EACH("BitwiseOr"),
    EACH("BitwiseXor"),
    LINEAR("Div"),
    EACH("Equal"),
    EACH("Greater"),
    EACH("GreaterOrEqual"),
    EACH("Less"),
    EACH("LessOrEqual"),
    EACH("Max"),
    EACH("Mean"),
    EACH("Min"),
    EACH("Mod"),
    LINEAR("Mul"),
    EACH("Or"),
    EACH("PRelu"),
    EACH("Pow"),
    LINEAR("Sub"),
    LINEAR("Sum"),
    EACH("Where"),
    EACH("Xor"),
    {.name = "CastLike", .summary = "every axis", .passes = each_passes, .map = first_map},
    {.name = "Dropout",
     .summary = "every axis, in inference",
     .passes = dropout_passes,
     .map = first_map,
     .linear = each_linear},
    {.name = "QuantizeLinear",
     .summary = "every axis",
     .passes = quantize_passes,
     .map = quantize_map},
    {.name = "DequantizeLinear",
     .summary = "every axis",
     .passes = quantize_passes,
     .map = quantize_map},
    {.name = NULL}};
