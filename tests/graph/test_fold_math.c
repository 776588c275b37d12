/* Folding of arithmetic: exact, within the type, or not at all. */
#include "support/infer_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const infer_case cases[] = {
    {13, "Add", "=1,2 =10", "", "=11,12"},
    {13, "Sub", "=1,2 =10,20", "", "=-9,-18"},
    {13, "Mul", "=3 =4", "", "=12"},
    {13, "Div", "=7,-7 =2", "", "=3,-3"},
    {13, "Div", "=7 =0", "", "i64:1"},
    {13, "Div", "=-9223372036854775808 =-1", "", "i64:1"},
    {13, "Add", "=9223372036854775807 =1", "", "i64:1"},
    {13, "Mul", "i32=2000000000 i32=2", "", "i32:1"},
    {13, "Mul", "i32=1000000000 i32=2", "", "=2000000000"},
    {13, "Mod", "=7,-7 =3", "", "=1,2"},
    {13, "Mod", "=7 =-3", "", "=-2"},
    {13, "Min", "=3,9 =5 =4", "", "=3,4"},
    {13, "Max", "=3,9 =5", "", "=5,9"},
    {13, "Add", "f=0.1 f=0.2", "", "f=0.300000012"}, /* float32's sum */
    {13, "Mul", "f=16777216 f=1.00000012", "", "f=16777218"},
    {13, "Div", "f=1 f=3", "", "f=0.333333343"},
    {13, "Div", "f=1 f=0", "", "f=inf"},
    {13, "Floor", "f=2.7,-2.1", "", "f=2,-3"},
    {13, "Ceil", "f=2.1,-2.7", "", "f=3,-2"},
    {13, "Round", "f=2.5,3.5", "", "f=2,4"},
    {13, "Sqrt", "f=2", "", "f=1.41421354"},
    {13, "Reciprocal", "f=3", "", "f=0.333333343"},
    {13, "Neg", "=5,-6", "", "=-5,6"},
    {13, "Neg", "=-9223372036854775808", "", "i64:1"},
    {13, "Abs", "=5,-6", "", "=5,6"},
    {13, "Abs", "f=-1.5", "", "f=1.5"},
    {13, "Cast", "f=2.9,-2.9", "to=7", "=2,-2"},
    {13, "Cast", "f=1e30", "to=7", "i64:1"},
    {13, "Cast", "=16777217", "to=1", "f=16777216"},
    {13, "Cast", "=0,5", "to=9", "=0,1"},
    {13, "Cast", "=300", "to=2", "u8:1"},
    {13, "Equal", "=1,2,3 =1,5,3", "", "=1,0,1"},
    {13, "Less", "f=1,2 f=2", "", "=1,0"},
    {16, "GreaterOrEqual", "=1,2,3 =2", "", "=0,1,1"},
    {13, "And", "bool=1,1,0 bool=1,0,0", "", "=1,0,0"},
    {13, "Xor", "bool=1,1,0 bool=1,0,0", "", "=0,1,0"},
    {13, "Not", "bool=1,0", "", "=0,1"},
    {13, "Where", "bool=1,0 =5,6 =7", "", "=5,7"},
    {13, "ReduceProd", "=2,3,4", "keepdims=0", "=24"},
    {13, "ReduceSum", "=2,3,4 =0", "", "=9"},
    {13, "ReduceMax", "=2,9,4", "axes=[0]", "=9"},
    {13, "ReduceMin", "=2,9,-4", "", "=-4"},
    {13, "Pow", "=2 =3", "", "i64:1"},
    {13, "Add", "=1 i64:1", "", "i64:1"},
};

static void arithmetic(void **state)
{
    (void)state;
    assert_int_equal(infer_case_run_all(cases, sizeof cases / sizeof *cases), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(arithmetic)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
