/* Shapes of ops that move elements, with the differences between opsets. */
#include "support/infer_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const infer_case cases[] = {
    {13, "Concat", "1x2x3 1x5x3", "axis=1", "1x7x3"},
    {13, "Concat", "1x2x3 1x2x3 1x2x4", "axis=-1", "1x2x10"},
    {13, "Concat", "1x2x3 1x5x4", "axis=1", "!'x1' is 1x5x4"},
    {13, "Concat", "1x2x3 1x5", "axis=1", "!does not fit"},
    {13, "Concat", "1x2x3 1x5x3", "", "!'axis' is missing"},
    {13, "Concat", "1x2 i64:1x2", "axis=0", "!one type"},
    {13, "Concat", "1x2x3 ?", "axis=1", "?"},
    {11, "Split", "6x4", "axis=0 split=2,4", "2x4 4x4"},
    {13, "Split", "6x4 =2,4", "axis=0", "2x4 4x4"},
    {13, "Split", "6x4", "axis=1", "6x2 6x2"},
    {18, "Split", "7x4", "num_outputs=3", "3x4 3x4 1x4"},
    {13, "Split", "6x4 =2,3", "axis=0", "!'split' should have 1 numbers"},
    {13, "Split", "6x4 i64:2", "axis=0", "? ?"},
    {9, "Slice", "10x5", "starts=1,0 ends=3,2", "2x2"},
    {9, "Slice", "10x5", "axes=[1] starts=[-2] ends=[9223372036854775807]", "10x2"},
    {10, "Slice", "10x5 =0 =9223372036854775807 =0 =3", "", "4x5"},
    {13, "Slice", "10x5 =-1 =-9223372036854775807 =0 =-1", "", "10x5"},
    {13, "Slice", "10x5 =-1 =-9223372036854775808 =0 =-9223372036854775808", "", "1x5"},
    {13, "Slice", "10x5 =8 =2 =0", "", "0x5"},
    {13, "Slice", "10x5 =2,1 =20,3", "", "8x2"},
    {13, "Slice", "10x5 i64:1 =3", "", "?"},
    {13, "Slice", "10x5 =1 =2 =0 =0", "", "!a step is 0"},
    {13, "Slice", "10x5 =1 =2 =2", "", "!axis 2 is outside"},
    {13, "Slice", "10x5 =1 =2,3", "", "!as many ends"},
    {10, "Pad", "2x3", "pads=0,1,0,2", "2x6"},
    {13, "Pad", "2x3 =1,0,1,0", "", "4x3"},
    {18, "Pad", "2x3x4 =1,2 - =2", "", "2x3x7"},
    {13, "Pad", "2x3 =0,-1,0,-1", "", "2x1"},
    {13, "Pad", "2x3 =0,-2,0,-2", "", "!do not fit axis 1"},
    {13, "Pad", "2x3 =1,1", "", "!found 2"},
    {13, "Pad", "2x3 i64:4", "", "?"},
    {13, "Transpose", "2x3x4", "", "4x3x2"},
    {13, "Transpose", "2x3x4", "perm=0,2,1", "2x4x3"},
    {13, "Transpose", "2x3x4", "perm=0,2,2", "!'perm' has axis 2 twice"},
    {13, "Transpose", "2x3x4", "perm=0,3,1", "!'perm' should be within"},
    {13, "Reshape", "2x3x4 =6,-1", "", "6x4"},
    {13, "Reshape", "2x3x4 =0,0,2,2", "", "2x3x2x2"},
    {13, "Reshape", "2x3x4 =0,-1", "", "2x12"},
    {14, "Reshape", "0x4 =4,0", "allowzero=1", "4x0"},
    {13, "Reshape", "24 =", "", "!24 elements do not make a shape of 1"},
    {13, "Reshape", "1x1 =", "", "scalar"},
    {13, "Reshape", "2x3x4 =5,-1", "", "!24 elements do not make"},
    {13, "Reshape", "2x3x4 =-1,-1", "", "!dim 1 of the new shape is -1"},
    {13, "Reshape", "2x3x4 =2,-3", "", "!is -3"},
    {13, "Reshape", "? =2,3", "", "2x3"},
    {13, "Reshape", "? =2,-1", "", "?"},
    {13, "Reshape", "2x3 =9223372036854775807,9223372036854775807", "", "!too many elements"},
    {13, "Flatten", "2x3x4x5", "", "2x60"},
    {13, "Flatten", "2x3x4x5", "axis=0", "1x120"},
    {13, "Flatten", "2x3x4x5", "axis=-1", "24x5"},
    {13, "Flatten", "2x3x4x5", "axis=5", "!axis 5 is outside"},
    {11, "Squeeze", "1x3x1x4", "axes=[0]", "3x1x4"},
    {13, "Squeeze", "1x3x1x4 =-2", "", "1x3x4"},
    {13, "Squeeze", "1x3x1x4", "", "3x4"},
    {13, "Squeeze", "1x3x1x4 =1", "", "!axis 1 has 3 elements"},
    {11, "Unsqueeze", "3x4", "axes=0,3", "1x3x4x1"},
    {13, "Unsqueeze", "3x4 =-1", "", "3x4x1"},
    {13, "Unsqueeze", "3x4 =1,1", "", "!axis 1 is given twice"},
    {13, "Unsqueeze", "3x4 i64:1", "", "?"},
    {13, "Expand", "3x1 =2,1,4", "", "2x3x4"},
    {13, "Expand", "3x1 =2", "", "3x2"},
    {13, "Tile", "2x3 =2,1", "", "4x3"},
    {13, "Tile", "2x3 =2", "", "!should have 2 repeats"},
    {13, "DepthToSpace", "1x8x2x3", "blocksize=2", "1x2x4x6"},
    {13, "SpaceToDepth", "1x2x4x6", "blocksize=2", "1x8x2x3"},
    {13, "DepthToSpace", "1x7x2x3", "blocksize=2", "!'blocksize' is 2"},
    {13, "DepthToSpace", "1x8x2x3", "blocksize=-1", "!'blocksize' is -1"},
};

static void moves(void **state)
{
    (void)state;
    assert_int_equal(infer_case_run_all(cases, sizeof cases / sizeof *cases), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(moves)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
