/* Pad and Slice: what a range of rows needs, and what they refuse. */
#include "graph/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "support/graph_make.h"

typedef struct range_case {
    const char *op, *attrs;
    int64_t lo, hi;           /* of the output's rows */
    int64_t need_lo, need_hi; /* of the input's 10 rows */
} range_case;

static const range_case CASES[] = {
    {"Pad", "pads=0,0,2,0,0,0,3,0", 0, 4, 0, 2},
    {"Pad", "pads=0,0,2,0,0,0,3,0", 5, 8, 3, 6},
    {"Pad", "pads=0,0,2,0,0,0,3,0", 11, 15, 9, 10},
    {"Pad", "pads=0,0,2,0,0,0,3,0", 0, 2, 0, 1}, /* padding only: the nearest row */
    {"Pad", "pads=0,0,2,0,0,0,3,0", 13, 15, 9, 10},
    {"Pad", "pads=0,0,-2,0,0,0,3,0", 0, 4, 2, 6}, /* crops */
    {"Pad", "pads=0,0,4,0,0,0,3,0 mode=edge", 0, 2, 0, 1},
    {"Pad", "pads=0,0,4,0,0,0,3,0 mode=reflect", 0, 2, 0, 5}, /* rows 4 and 3 */
    {"Pad", "pads=0,0,4,0,0,0,3,0 mode=reflect", 4, 8, 0, 4},
    {"Pad", "pads=0,0,4,0,0,0,3,0 mode=reflect", 15, 17, 6, 10}, /* rows 7 and 6 */
    {"Slice", "starts=[2] ends=[9] axes=[2]", 0, 3, 2, 5},
    {"Slice", "starts=[-4] ends=[100] axes=[2]", 1, 3, 7, 9},
    {"Slice", "starts=[1] ends=[2] axes=[1]", 4, 6, 4, 6},
};

static void needs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const range_case *c = &CASES[i];
        graph_make m;
        ff_need need[1];
        ff_err err = {0};
        gm_init(&m, 9, 1);
        int y = gm_op1(&m, c->op, gm_input(&m, gm_shape(4, 1, 2, 10, 3)), c->attrs);
        ff_region out = ff_region_whole(gm_shape_of(&m, y));
        out.lo[2] = c->lo;
        out.hi[2] = c->hi;
        ff_code code = ff_op_needs(m.g, 0, &out, need, &err);
        if (code != FF_OK || need[0].region.lo[2] != c->need_lo ||
            need[0].region.hi[2] != c->need_hi) {
            fail_msg("case %zu, %s %s: %s needs [%lld, %lld), expected [%lld, %lld)", i, c->op,
                     c->attrs, err.message, (long long)need[0].region.lo[2],
                     (long long)need[0].region.hi[2], (long long)c->need_lo, (long long)c->need_hi);
        }
        assert_int_equal(need[0].region.hi[3], 3);
        gm_clean(&m);
    }
}

/* Inputs that hold numbers are replaced in a part, not read. */
static void numbers_are_not_read(void **state)
{
    (void)state;
    graph_make m;
    ff_need need[5];
    gm_init(&m, 18, 1);
    int x = gm_input(&m, gm_shape(4, 1, 2, 10, 8));
    int pad[4] = {x, gm_ints(&m, (int64_t[]){1, 1}, 2), gm_weight(&m, gm_shape(0), 0, 1),
                  gm_ints(&m, (int64_t[]){-2}, 1)};
    int y = gm_op(&m, "Pad", pad, 4, NULL);
    int slice[5] = {y, gm_ints(&m, (int64_t[]){1}, 1), gm_ints(&m, (int64_t[]){INT64_MAX}, 1),
                    gm_ints(&m, (int64_t[]){2}, 1), gm_ints(&m, (int64_t[]){2}, 1)};
    int z = gm_op(&m, "Slice", slice, 5, NULL);
    assert_int_equal(gm_shape_of(&m, z)->dim[2], 6); /* rows 1, 3, .. 11 of 12 */
    ff_region out = ff_region_whole(gm_shape_of(&m, z));
    out.lo[2] = 2;
    out.hi[2] = 4;
    assert_int_equal(ff_op_needs(m.g, 1, &out, need, NULL), FF_OK);
    assert_int_equal(need[0].region.lo[2], 5);
    assert_int_equal(need[0].region.hi[2], 8);
    for (int i = 1; i < 5; i++) {
        assert_false(need[i].reads);
    }
    out = ff_region_whole(gm_shape_of(&m, y));
    out.hi[2] = 4;
    assert_int_equal(ff_op_needs(m.g, 0, &out, need, NULL), FF_OK);
    assert_true(need[0].reads && need[2].reads);
    assert_false(need[1].reads || need[3].reads);
    assert_int_equal(need[0].region.hi[2], 3);
    gm_clean(&m);
}

static void refuses(void **state)
{
    (void)state;
    graph_make m;
    char why[256];
    gm_init(&m, 19, 1);
    int x = gm_input(&m, gm_shape(4, 1, 2, 10, 8));
    int64_t pads[8] = {0, 0, 1, 0, 0, 0, 1, 0};
    int in[5] = {x, gm_ints(&m, pads, 8), FF_NO_VALUE, FF_NO_VALUE, FF_NO_VALUE};
    gm_op(&m, "Pad", in, 2, "mode=wrap");
    assert_false(ff_op_passes(m.g, 0, 2, why, sizeof why));
    assert_non_null(strstr(why, "mode"));
    assert_true(ff_op_passes(m.g, 0, 3, why, sizeof why)); /* not padded there */
    in[1] = gm_ints(&m, (int64_t[]){-1}, 1);
    in[2] = gm_ints(&m, (int64_t[]){INT64_MIN}, 1);
    in[3] = gm_ints(&m, (int64_t[]){2}, 1);
    in[4] = in[1];
    gm_op(&m, "Slice", in, 5, NULL);
    assert_false(ff_op_passes(m.g, 1, 2, why, sizeof why));
    assert_non_null(strstr(why, "backwards"));
    assert_true(ff_op_passes(m.g, 1, 3, why, sizeof why));
    /* starts that are not known */
    m.g->values[in[1]].kind = FF_VALUE_INPUT;
    m.g->values[in[1]].known = NULL;
    assert_false(ff_op_passes(m.g, 1, 3, why, sizeof why));
    assert_non_null(strstr(why, "constants"));
    gm_clean(&m);
}

static void hostile_numbers(void **state)
{
    (void)state;
    static const int64_t VALUES[] = {INT64_MIN, INT64_MAX, -1, 0, 3, (int64_t)1 << 40};
    for (size_t i = 0; i < 6 * 6 * 6; i++) {
        graph_make m;
        int64_t *numbers = NULL;
        gm_init(&m, 13, 1);
        int x = gm_input(&m, gm_shape(4, 1, 2, 10, 8));
        int in[5] = {x, gm_ints(&m, (int64_t[]){0}, 1), gm_ints(&m, (int64_t[]){5}, 1),
                     gm_ints(&m, (int64_t[]){2}, 1), gm_ints(&m, (int64_t[]){1}, 1)};
        gm_op(&m, "Slice", in, 5, NULL);
        static const int WHICH[] = {1, 3, 4};
        for (size_t k = 0, left = i; k < 3; k++, left /= 6) {
            memcpy(&numbers, &m.g->values[in[WHICH[k]]].data.data, sizeof numbers);
            *numbers = VALUES[left % 6];
            m.g->values[in[WHICH[k]]].known = NULL;
        }
        ff_region out = ff_region_whole(gm_shape_of(&m, m.g->nodes[0].out[0]));
        ff_need need[5];
        out.hi[2] = 2;
        if (ff_op_needs(m.g, 0, &out, need, NULL) == FF_OK) {
            assert_int_equal(ff_region_check(&need[0].region, gm_shape_of(&m, x), NULL), FF_OK);
        }
        gm_clean(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(needs),
        cmocka_unit_test(numbers_are_not_read),
        cmocka_unit_test(refuses),
        cmocka_unit_test(hostile_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
