/* Shapes of Resize and Upsample, by scales and by sizes, opsets 7 to 19. */
#include "support/infer_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const infer_case cases[] = {
    {7, "Upsample", "1x3x4x5", "scales=[1f,1f,2f,2f]", "1x3x8x10"},
    {7, "Upsample", "1x3x4x5", "scales=[1f,2f]", "!'scales' should have 4 numbers"},
    {9, "Upsample", "1x3x4x5 f=1,1,2,3", "mode=nearest", "1x3x8x15"},
    {10, "Resize", "1x3x4x5 f=1,1,0.5,2", "", "1x3x2x10"},
    {11, "Resize", "1x3x4x5 f= f=1,1,2,2", "", "1x3x8x10"},
    {13, "Resize", "1x3x4x5 - f=1,1,2.5,1.5", "", "1x3x10x7"},
    {13, "Resize", "1x3x4x5 - - =1,3,7,9", "", "1x3x7x9"},
    {13, "Resize", "1x3x4x5 - f= =1,3,7,9", "", "1x3x7x9"},
    {18, "Resize", "1x3x4x5 - f=2,2", "axes=2,3", "1x3x8x10"},
    {18, "Resize", "1x3x4x8 - - =8,8", "axes=2,3 keep_aspect_ratio_policy=not_larger", "1x3x4x8"},
    {18, "Resize", "1x3x4x8 - - =8,8", "axes=2,3 keep_aspect_ratio_policy=not_smaller", "1x3x8x16"},
    {13, "Resize", "1x3x10x10 - f=1,1,0.7,0.7", "", "1x3x7x7"}, /* float32, as the runtime */
    {13, "Resize", "1x3x4x5 - f=1,1,-2,2", "", "!cannot be scaled by -2"},
    {13, "Resize", "1x3x4x5 - f=1,1,2", "", "!should have 4 scales, found 3"},
    {13, "Resize", "1x3x4x5 - 4", "", "?"},
    {13, "Resize", "? - f=1,1,2,2", "", "?"},
};

static void resizes(void **state)
{
    (void)state;
    assert_int_equal(infer_case_run_all(cases, sizeof cases / sizeof *cases), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(resizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
