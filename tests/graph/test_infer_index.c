/* Shapes of ops that pick by index or make tensors. */
#include "support/infer_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const infer_case cases[] = {
    {13, "Gather", "5x4x3 i64:2", "", "2x4x3"},
    {13, "Gather", "5x4x3 i64:2x6", "axis=1", "5x2x6x3"},
    {13, "Gather", "5x4x3 i64:scalar", "axis=-1", "5x4"},
    {13, "Gather", "5 i64:2", "axis=1", "!axis 1 is outside of 1"},
    {13, "GatherElements", "5x4 i64:2x4", "axis=0", "2x4"},
    {13, "GatherElements", "5x4 i64:2", "axis=0", "!as many dims"},
    {13, "GatherND", "5x4x3 i64:2x2", "", "2x3"},
    {13, "GatherND", "5x4x3 i64:5x1", "batch_dims=1", "5x3"},
    {13, "GatherND", "5x4x3 i64:5x4", "", "!do not fit 3 dims"},
    {13, "Shape", "2x3x4", "", "=2,3,4"},
    {15, "Shape", "2x3x4x5", "start=1 end=-1", "=3,4"},
    {15, "Shape", "2x3x4x5", "start=-2", "=4,5"},
    {15, "Shape", "2x3", "start=2 end=1", "="},
    {13, "Shape", "?", "", "i64:?"},
    {13, "Size", "2x3x4", "", "=24"},
    {13, "Range", "=:1 =:10 =:3", "", "=1,4,7"},
    {13, "Range", "=:10 =:1 =:-4", "", "=10,6,2"},
    {13, "Range", "=:5 =:1 =:1", "", "="},
    {13, "Range", "f=:0 f=:1 f=:0.25", "", "4"},
    {13, "Range", "=:1 =:10 =:0", "", "!by 0"},
    {13, "Range", "i64:scalar =:10 =:1", "", "i64:?"},
    {13, "ConstantOfShape", "=2,3", "", "f=0,0,0,0,0,0"},
    {13, "ConstantOfShape", "=", "", "f=0"},
    {13, "ConstantOfShape", "=200,300", "", "200x300"},
    {13, "ConstantOfShape", "i64:2", "", "?"},
    {13, "OneHot", "i64:2x3 =:10 f=0,1", "", "2x3x10"},
    {13, "OneHot", "i64:2x3 =:10 f=0,1", "axis=0", "10x2x3"},
    {13, "TopK", "2x10 =3", "", "2x3 i64:2x3"},
    {9, "TopK", "2x10", "k=3 axis=1", "2x3 i64:2x3"},
    {13, "TopK", "2x10 =11", "", "!within 0 and 10, found 11"},
    {13, "NonZero", "2x3", "", "i64:?"},
    {13, "RandomNormal", "", "shape=2,3 dtype=1", "2x3"},
    {13, "Einsum", "2x3 3x4", "equation=ij,jk->ik", "?"},
};

static void indices(void **state)
{
    (void)state;
    assert_int_equal(infer_case_run_all(cases, sizeof cases / sizeof *cases), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(indices)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
