/* Shapes of matrix products and recurrent layers. */
#include "support/infer_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const infer_case cases[] = {
    {13, "MatMul", "2x3 3x4", "", "2x4"},
    {13, "MatMul", "8x1x2x3 5x3x4", "", "8x5x2x4"},
    {13, "MatMul", "3 3x4", "", "4"},
    {13, "MatMul", "2x3 3", "", "2"},
    {13, "MatMul", "3 3", "", "scalar"},
    {13, "MatMul", "5x2x3 3", "", "5x2"},
    {13, "MatMul", "2x3 4x3", "", "!2x3 by 4x3: 3 columns, 4 rows"},
    {13, "MatMul", "scalar 3", "", "!cannot multiply"},
    {13, "MatMul", "2x3 f64:3x4", "", "!one type"},
    {13, "MatMulInteger", "u8:2x3 i8:3x4", "", "i32:2x4"},
    {13, "QLinearMatMul", "u8:2x3 f=:1 u8=:0 u8:3x4 f=:1 u8=:0 f=:1 u8=:0", "", "u8:2x4"},
    {13, "Gemm", "2x3 3x4 4", "", "2x4"},
    {13, "Gemm", "3x2 4x3", "transA=1 transB=1", "2x4"},
    {13, "Gemm", "2x3 4x3 2x1", "transB=1", "2x4"},
    {13, "Gemm", "2x3 4x3", "", "!cannot multiply 2x3 by 4x3"},
    {13, "Gemm", "2x3 3x4 3", "", "!do not broadcast"},
    {13, "Gemm", "2x3 3x4 5x2x4", "", "!does not broadcast to the product"},
    {13, "Gemm", "1x2x3 3x4", "", "!should have 2 dims"},
    {14, "LSTM", "7x2x5 1x12x5 1x12x3", "hidden_size=3", "7x1x2x3 1x2x3 1x2x3"},
    {14, "GRU", "7x2x5 2x9x5 2x9x3", "direction=bidirectional", "7x2x2x3 2x2x3"},
    {14, "LSTM", "2x7x5 1x12x5 1x12x3", "hidden_size=3 layout=1", "2x7x1x3 2x1x3 2x1x3"},
    {14, "RNN", "7x2x5 1x3x5 1x3x3", "", "- 1x2x3"},
    {14, "LSTM", "7x2 1x12x5 1x12x3", "", "!should have 3 dims"},
};

static void matrices(void **state)
{
    (void)state;
    assert_int_equal(infer_case_run_all(cases, sizeof cases / sizeof *cases), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(matrices)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
