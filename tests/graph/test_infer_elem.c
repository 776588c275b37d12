/* Shapes of ops that work element by element; expected values by ONNX's operator documents. */
#include "support/infer_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const infer_case cases[] = {
    {13, "Relu", "1x3x8x8", "", "1x3x8x8"},
    {13, "Relu", "f16:4", "", "f16:4"},
    {13, "Relu", "?", "", "?"},
    {13, "Sigmoid", "scalar", "", "scalar"},
    {6, "Clip", "2x3", "min=0f max=6f", "2x3"},
    {13, "Clip", "2x3 f=:0 f=:6", "", "2x3"},
    {13, "Softmax", "2x1000", "axis=1", "2x1000"},
    {13, "Softmax", "2x1000", "axis=2", "!axis 2 is outside of 2 dims"},
    {11, "LogSoftmax", "2x3x4", "axis=-4", "!axis -4 is outside of 3 dims"},
    {11, "Softmax", "?", "axis=9", "?"},
    {9, "Dropout", "2x3", "ratio=0.5f", "2x3 2x3"},
    {13, "Dropout", "2x3", "", "2x3 bool:2x3"},
    {13, "Cast", "2x3", "to=7", "i64:2x3"},
    {13, "Cast", "i64:2x3", "to=10", "f16:2x3"},
    {13, "Cast", "2x3", "", "!attribute 'to' is missing"},
    {15, "CastLike", "2x3 i32:1", "", "i32:2x3"},
    {13, "Add", "1x3x8x8 3x1x1", "", "1x3x8x8"},
    {13, "Add", "3x1 1x4", "", "3x4"},
    {13, "Add", "scalar 2x5", "", "2x5"},
    {13, "Add", "2x3 2x4", "", "!2x3 and 2x4 do not broadcast"},
    {13, "Add", "2x3 i64:2x3", "", "!'x0' is float32 and 'x1' is int64"},
    {13, "Add", "2x3", "", "!should have 2 inputs, found 1"},
    {13, "Mul", "2x3 ?", "", "?"},
    {13, "Pow", "2x3 i64:scalar", "", "2x3"},
    {13, "Equal", "2x3 3", "", "bool:2x3"},
    {16, "GreaterOrEqual", "i64:4 i64:scalar", "", "bool:4"},
    {13, "Greater", "i64:4 4", "", "!one type"},
    {13, "And", "bool:2x3 bool:3", "", "bool:2x3"},
    {13, "Max", "2x1 1x3 scalar", "", "2x3"},
    {8, "Sum", "2x3 2x3 2x3 2x3", "", "2x3"},
    {8, "Mean", "2x3 5x2x3", "", "5x2x3"},
    {13, "Where", "bool:4x1 5 scalar", "", "4x5"},
    {13, "Where", "bool:4x1 i64:5 f64:5", "", "!one type"},
    {13, "PRelu", "1x4x8x8 4x1x1", "", "1x4x8x8"},
    {13, "PRelu", "4 3x4", "", "!slope does not broadcast"},
    {9, "BatchNormalization", "2x4x5x5 4 4 4 4", "", "2x4x5x5"},
    {15, "BatchNormalization", "2x4x5x5 4 4 4 4", "training_mode=1", "2x4x5x5 4 4"},
    {9, "BatchNormalization", "2x4x5x5 4 5 4 4", "", "!'x2' should have 4 elements, found 5"},
    {13, "InstanceNormalization", "2x4x5x5 4 4", "", "2x4x5x5"},
    {17, "LayerNormalization", "2x5x16 16 16", "axis=-1", "2x5x16 2x5x1 2x5x1"},
    {17, "LayerNormalization", "2x5x16 16", "axis=1", "2x5x16 2x1x1"},
    {17, "LayerNormalization", "2x5x16 16", "axis=3", "!axis 3 is outside of 3 dims"},
    {21, "GroupNormalization", "2x8x5x5 8 8", "num_groups=4", "2x8x5x5"},
    {13, "QuantizeLinear", "2x3 f=:0.1 i8=:0", "", "i8:2x3"},
    {13, "QuantizeLinear", "2x3 f=:0.1", "", "u8:2x3"},
    {21, "QuantizeLinear", "2x3 f=:0.1", "output_dtype=3", "i8:2x3"},
    {13, "DequantizeLinear", "u8:2x3 f=:0.1 u8=:0", "", "2x3"},
    {13, "DynamicQuantizeLinear", "2x3", "", "u8:2x3 scalar u8:scalar"},
    {14, "Trilu", "4x4", "upper=1", "4x4"},
    {14, "CumSum", "4x4 i64:scalar", "", "4x4"},
    {20, "IsNaN", "4x4", "", "bool:4x4"},
    {21, "NoSuchOp", "4x4", "", "none:?"},
};

static void elementwise(void **state)
{
    (void)state;
    assert_int_equal(infer_case_run_all(cases, sizeof cases / sizeof *cases), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(elementwise)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
