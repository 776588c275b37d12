/* Folding of ops that move elements: what a shape's arithmetic comes to. */
#include "support/infer_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const infer_case cases[] = {
    {13, "Identity", "=1,2,3", "", "=1,2,3"},
    {13, "Reshape", "=1,2,3,4 =2,2", "", "=1,2,3,4"},
    {13, "Squeeze", "=7 =0", "", "=7"},
    {13, "Unsqueeze", "=:7 =0", "", "=7"},
    {13, "Concat", "=1,2 =3 =4,5", "axis=0", "=1,2,3,4,5"},
    {13, "Concat", "=1,2 i64:1", "axis=0", "i64:3"},
    {13, "Slice", "=10,11,12,13,14 =1 =4", "", "=11,12,13"},
    {13, "Slice", "=10,11,12,13,14 =-1 =-100 =0 =-2", "", "=14,12,10"},
    {9, "Slice", "=10,11,12,13,14", "starts=[2] ends=[100]", "=12,13,14"},
    {13, "Split", "=1,2,3,4,5 =2,3", "axis=0", "=1,2 =3,4,5"},
    {13, "Gather", "=10,11,12 =2,0,-1", "", "=12,10,12"},
    {13, "Gather", "=10,11,12 =:1", "", "=11"},
    {13, "Gather", "=10,11,12 =3", "", "i64:1"}, /* out of range: the runtime's business */
    {13, "Transpose", "=1,2,3", "", "=1,2,3"},
    {13, "Expand", "=5 =3", "", "=5,5,5"},
    {13, "Expand", "=1,2 =2,2", "", "=1,2,1,2"},
    {13, "Tile", "=1,2 =3", "", "=1,2,1,2,1,2"},
    {13, "Concat", "f=0.5 f=1.5", "axis=0", "f=0.5,1.5"},
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
