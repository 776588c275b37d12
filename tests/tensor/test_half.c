/* 16-bit floats: every one of them, and every rounding boundary between two neighbours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "tensor/half.h"

/* binary16 by its definition, in double. */
static double half_value(uint16_t half)
{
    int exponent = (half >> 10) & 31;
    int mantissa = half & 1023;
    double value = exponent == 0    ? ldexp(mantissa, -24)
                   : exponent == 31 ? (mantissa ? NAN : INFINITY)
                                    : ldexp(1024 + mantissa, exponent - 25);
    return half & 0x8000 ? -value : value;
}

static void test_every_half(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 65536; i++) {
        uint16_t half = (uint16_t)i;
        double wanted = half_value(half);
        float found = ff_half_to_float_scalar(half);
        if (isnan(wanted)) {
            assert_true(isnan(found));
            assert_true(isnan(ff_half_to_float_scalar(ff_half_from_float_scalar(found))));
            assert_int_equal(ff_half_from_float_scalar(found), half | 0x200);
            continue;
        }
        assert_true((double)found == wanted && !signbit(found) == !signbit(wanted));
        assert_int_equal(ff_half_from_float_scalar(found), half);
        assert_int_equal(ff_half_from_float(ff_half_to_float(half)), half);
    }
}

/* Between neighbours lo < hi: the middle goes to the even one, a hair beside it to the nearer. */
static void test_rounding(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x7bff; i++) {
        float lo = (float)half_value((uint16_t)i);
        float hi = (float)half_value((uint16_t)(i + 1));
        float middle = lo + (hi - lo) / 2;
        uint32_t even = i & 1 ? i + 1 : i;
        assert_int_equal(ff_half_from_float_scalar(middle), even);
        assert_int_equal(ff_half_from_float_scalar(nextafterf(middle, 0)), i);
        assert_int_equal(ff_half_from_float_scalar(nextafterf(middle, INFINITY)), i + 1);
        assert_int_equal(ff_half_from_float_scalar(-middle), even | 0x8000);
    }
    assert_int_equal(ff_half_from_float_scalar(nextafterf(65520.0f, 0)), 0x7bff);
    assert_int_equal(ff_half_from_float_scalar(65520.0f), 0x7c00);
    assert_int_equal(ff_half_from_float_scalar(1e30f), 0x7c00);
    assert_int_equal(ff_half_from_float_scalar(-INFINITY), 0xfc00);
    assert_int_equal(ff_half_from_float_scalar(1e-30f), 0);
}

static void test_bf16(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 65536; i++) {
        float value = ff_half_from_bf16((uint16_t)i);
        if (isnan(value))
            assert_true(isnan(ff_half_from_bf16(ff_half_to_bf16(value))));
        else
            assert_int_equal(ff_half_to_bf16(value), i);
    }
    assert_int_equal(ff_half_to_bf16(ff_half_bits_float(0x3f808000)), 0x3f80); /* tie, even */
    assert_int_equal(ff_half_to_bf16(ff_half_bits_float(0x3f818000)), 0x3f82); /* tie, odd */
    assert_int_equal(ff_half_to_bf16(ff_half_bits_float(0x3f808001)), 0x3f81);
    assert_int_equal(ff_half_to_bf16(ff_half_bits_float(0x7f7fffff)), 0x7f80); /* to infinity */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_half),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_bf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
