/* Shapes of convolutions and poolings; expected values worked out from ONNX's formulas. */
#include "support/infer_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const infer_case cases[] = {
    {13, "Conv", "1x3x224x224 64x3x7x7", "strides=2,2 pads=3,3,3,3", "1x64x112x112"},
    {13, "Conv", "1x3x7x7 8x3x3x3 8", "", "1x8x5x5"},
    {13, "Conv", "1x3x7x7 8x3x3x3", "kernel_shape=3,3 dilations=2,2", "1x8x3x3"},
    {13, "Conv", "1x4x7x9 8x2x3x3", "group=2 pads=1,0,1,2", "1x8x7x9"},
    {13, "Conv", "1x8x10 4x8x5", "strides=[3]", "1x4x2"},
    {13, "Conv", "1x2x4x5x6 3x2x1x2x3", "", "1x3x4x4x4"},
    {13, "Conv", "1x3x7x8 8x3x3x3", "auto_pad=SAME_UPPER strides=2,2", "1x8x4x4"},
    {13, "Conv", "1x3x7x8 8x3x3x3", "auto_pad=SAME_LOWER strides=2,3", "1x8x4x3"},
    {13, "Conv", "1x3x7x8 8x3x3x3", "auto_pad=VALID strides=2,2", "1x8x3x3"},
    {13, "Conv", "1x3x7x7 ?", "", "?"},
    {13, "Conv", "1x3x7x7 8x3x3x3", "strides=0,1", "!'strides' should be within 1"},
    {13, "Conv", "1x3x7x7 8x3x3x3", "strides=-1,1", "!found -1"},
    {13, "Conv", "1x3x7x7 8x3x3x3", "strides=1,1,1", "!should have 2 numbers, found 3"},
    {13, "Conv", "1x3x7x7 8x3x3x3", "dilations=9223372036854775807,1", "!'dilations'"},
    {13, "Conv", "1x3x7x7 8x3x3x3", "pads=1,1", "!'pads' should have 4 numbers, found 2"},
    {13, "Conv", "1x3x7x7 8x3x3x3", "pads=-1,0,0,0", "!'pads' should be within 0"},
    {13, "Conv", "1x3x7x7 8x3x3x3", "kernel_shape=5,5", "!'kernel_shape' has 5"},
    {13, "Conv", "1x3x7x7 8x3x3x3", "auto_pad=SAME", "!'auto_pad'"},
    {13, "Conv", "1x3x7x7 8x4x3x3", "",
     "!does not fit the weight 8x4x3x3: with 'group' = 1 it takes 4 channels, not 3"},
    {13, "Conv", "1x8x7x7 6x2x3x3", "group=4", "!'group' = 4 does not divide the 6 channels"},
    {13, "Conv", "1x3x7x7", "", "!should have 2 inputs or more, found 1"},
    {13, "Conv", "1x3x7x7 -", "", "!input 1 may not be left out"},
    {13, "Conv", "1x3x7x7 8x3x3x3", "auto_pad=SAME",
     "!'auto_pad' should be NOTSET, SAME_UPPER, SAME_LOWER or VALID, found 'SAME'"},
    {13, "Conv", "1x3x7x7 8x3x3x3", "group=0", "!'group'"},
    {13, "Conv", "1x3x7x7 8x3x3", "", "!as many each"},
    {13, "Conv", "1x3x2x7 8x3x3x3", "", "!window of 3 does not fit in 2"},
    {13, "Conv", "1x3x7x7 8x3x3x3 7", "", "!bias 'x2' should have 8"},
    {13, "Conv", "1x3x7x7 i64:8x3x3x3", "", "!one type"},
    {13, "ConvInteger", "u8:1x3x7x7 i8:8x3x3x3", "", "i32:1x8x5x5"},
    {13, "QLinearConv", "u8:1x3x7x7 f=:1 u8=:0 i8:8x3x3x3 f=:1 i8=:0 f=:1 u8=:0", "", "u8:1x8x5x5"},
    {13, "ConvTranspose", "1x3x4x4 3x8x2x2", "strides=2,2", "1x8x8x8"},
    {13, "ConvTranspose", "1x3x4x5 3x8x3x3", "strides=2,2 pads=1,1,1,1 output_padding=1,0",
     "1x8x8x9"},
    {13, "ConvTranspose", "1x4x4x4 4x3x3x3", "group=2", "1x6x6x6"},
    {13, "ConvTranspose", "1x3x4x4 3x8x3x3", "strides=2,2 auto_pad=SAME_UPPER", "1x8x8x8"},
    {13, "ConvTranspose", "1x3x4x4 3x8x3x3", "strides=2,2 output_shape=10,9", "1x8x10x9"},
    {13, "ConvTranspose", "1x3x4x4 3x8x3x3", "dilations=2,2", "1x8x8x8"},
    {13, "ConvTranspose", "1x3x1x1 3x8x1x1", "pads=1,1,1,1", "!'pads' leaves -1"},
    {13, "ConvTranspose", "1x5x4x4 3x8x3x3", "", "!does not fit the weight"},
    {12, "MaxPool", "1x64x112x112", "kernel_shape=3,3 strides=2,2 pads=1,1,1,1", "1x64x56x56"},
    {12, "MaxPool", "1x1x4x4", "kernel_shape=2,2", "1x1x3x3 i64:1x1x3x3"},
    {12, "MaxPool", "1x1x8x8", "kernel_shape=3,3 strides=2,2", "1x1x3x3"},
    {12, "MaxPool", "1x1x8x8", "kernel_shape=3,3 strides=2,2 ceil_mode=1", "1x1x4x4"},
    {12, "MaxPool", "1x1x9x9", "kernel_shape=3,3 dilations=2,2", "1x1x5x5"},
    /* the last window would start in the pad behind the input: it is dropped */
    {12, "MaxPool", "1x1x5x5", "kernel_shape=2,2 strides=3,3 pads=1,1,1,1 ceil_mode=1", "1x1x2x2"},
    {11, "AveragePool", "1x1x1x1", "kernel_shape=1,1 strides=2,2 pads=0,0,1,1 ceil_mode=1",
     "1x1x1x1"},
    {11, "AveragePool", "1x1x7x7", "kernel_shape=2,2 strides=2,2 auto_pad=SAME_UPPER", "1x1x4x4"},
    {11, "LpPool", "1x1x6", "kernel_shape=[2] strides=[2]", "1x1x3"},
    {12, "MaxPool", "1x1x4x4", "", "!'kernel_shape' is missing"},
    {12, "MaxPool", "1x1x4x4", "kernel_shape=0,2", "!'kernel_shape' should be within 1"},
    {12, "MaxPool", "4x4", "kernel_shape=2,2", "!should have 3 or more dims"},
    {13, "GlobalAveragePool", "2x3x7x9", "", "2x3x1x1"},
    {13, "GlobalMaxPool", "2x3x7", "", "2x3x1"},
    {16, "RoiAlign", "1x8x14x14 5x4 i64:5", "output_height=7 output_width=6", "5x8x7x6"},
    {13, "MaxRoiPool", "1x8x14x14 5x5", "pooled_shape=3,4", "5x8x3x4"},
    {16, "GridSample", "2x3x8x8 2x5x6x2", "", "2x3x5x6"},
};

static void windows(void **state)
{
    (void)state;
    assert_int_equal(infer_case_run_all(cases, sizeof cases / sizeof *cases), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(windows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
