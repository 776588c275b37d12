/* Shapes of reductions, with axes as attribute and as input. */
#include "support/infer_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const infer_case cases[] = {
    {13, "ReduceMean", "2x3x4", "axes=1,2", "2x1x1"},
    {13, "ReduceMean", "2x3x4", "axes=[-1] keepdims=0", "2x3"},
    {13, "ReduceMax", "2x3x4", "", "1x1x1"},
    {13, "ReduceMax", "2x3x4", "keepdims=0", "scalar"},
    {18, "ReduceMean", "2x3x4 =1", "", "2x1x4"},
    {18, "ReduceMean", "2x3x4", "noop_with_empty_axes=1", "2x3x4"},
    {18, "ReduceMean", "2x3x4 i64:1", "", "?"},
    {11, "ReduceSum", "2x3x4", "axes=[0]", "1x3x4"},
    {13, "ReduceSum", "2x3x4 =0", "", "1x3x4"},
    {13, "ReduceMean", "2x3x4", "axes=[3]", "!axis 3 is outside"},
    {13, "ReduceMean", "2x3x4", "axes=1,1", "!given twice"},
    {13, "ReduceL2", "2x3x4", "axes=[1]", "2x1x4"},
    {13, "ArgMax", "2x3x4", "axis=1", "i64:2x1x4"},
    {13, "ArgMin", "2x3x4", "axis=-1 keepdims=0", "i64:2x3"},
};

static void reductions(void **state)
{
    (void)state;
    assert_int_equal(infer_case_run_all(cases, sizeof cases / sizeof *cases), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reductions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
