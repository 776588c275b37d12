/* Splits as text and back; what crosses the borders of a stage. */
#include "split/split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "support/graph_make.h"

static void text_and_back(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        ff_split split;
        int pieces;
    } cases[] = {
        {"local", {FF_SPLIT_LOCAL, 0, 0}, 1},      {"offload", {FF_SPLIT_OFFLOAD, 0, 0}, 1},
        {"grid 1x1", {FF_SPLIT_GRID, 1, 1}, 1},    {"grid 2x3", {FF_SPLIT_GRID, 2, 3}, 6},
        {"batch 2", {FF_SPLIT_BATCH, 2, 1}, 2},    {"channel 4", {FF_SPLIT_CHANNEL, 4, 1}, 4},
        {"reduce 2", {FF_SPLIT_REDUCE, 2, 1}, 2},  {"pair 3", {FF_SPLIT_PAIR, 3, 1}, 3},
        {"heads 64", {FF_SPLIT_HEADS, 64, 1}, 64}, {"grid 1x64", {FF_SPLIT_GRID, 1, 64}, 64},
        {"grid 8x8", {FF_SPLIT_GRID, 8, 8}, 64},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ff_split s = {0};
        char text[64];
        assert_int_equal(ff_split_parse(cases[i].text, &s, NULL), FF_OK);
        assert_int_equal(s.kind, cases[i].split.kind);
        assert_int_equal(s.rows, cases[i].split.rows);
        assert_int_equal(s.cols, cases[i].split.cols);
        assert_int_equal(ff_split_count(&s), cases[i].pieces);
        assert_string_equal(ff_split_text(&s, text, sizeof text), cases[i].text);
    }
}

static void bad_text(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "",
        "grid",
        "grid ",
        "grid 2",
        "grid 2x",
        "grid x2",
        "grid 0x2",
        "grid 2x0",
        "grid -1x2",
        "grid 2x2 ",
        " grid 2x2",
        "grid 02x2",
        "grid 9x8",
        "grid 65x1",
        "Local",
        "channel",
        "channel 1",
        "channel 65",
        "channel 2x2",
        "heads 02",
        "pairs 2",
        "grid 99999999999999999999x1",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        ff_split s = {FF_SPLIT_OFFLOAD, 5, 6};
        ff_err err = {0};
        if (ff_split_parse(TEXTS[i], &s, &err) != FF_USAGE) {
            fail_msg("'%s' is taken", TEXTS[i]);
        }
        assert_true(s.kind == FF_SPLIT_OFFLOAD && s.rows == 5 && s.cols == 6);
        assert_true(err.message[0] != '\0');
    }
}

/* x0 -> Relu a -> Neg b -> Add(a, b) c -> Mul(c, x1) d; outputs b and d. */
static void borders(void **state)
{
    (void)state;
    graph_make m;
    gm_init(&m, 13, 1);
    int x0 = gm_input(&m, gm_shape(4, 1, 2, 4, 4)), x1 = gm_input(&m, gm_shape(4, 1, 2, 4, 4));
    int a = gm_op1(&m, "Relu", x0, NULL), b = gm_op1(&m, "Neg", a, NULL);
    int c = gm_op2(&m, "Add", a, b, NULL);
    int weighted = gm_op2(&m, "Mul", c, gm_weight(&m, gm_shape(0), 1, 0), NULL);
    int d = gm_op2(&m, "Mul", weighted, x1, NULL);
    gm_output(&m, b);
    gm_output(&m, d);
    const struct {
        int begin, end, in[3], out[3]; /* -1 ends */
    } cases[] = {
        {0, 5, {x0, x1, -1}, {b, d, -1}},   {0, 1, {x0, -1}, {a, -1}},
        {1, 2, {a, -1}, {b, -1}},           {0, 2, {x0, -1}, {a, b, -1}},
        {2, 4, {a, b, -1}, {weighted, -1}}, {3, 5, {c, x1, -1}, {d, -1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int *in, *out, in_count, out_count, k = 0;
        ff_stage_borders(m.g, cases[i].begin, cases[i].end, &in, &in_count, &out, &out_count);
        for (k = 0; cases[i].in[k] >= 0; k++) {
            assert_true(k < in_count && in[k] == cases[i].in[k]);
        }
        assert_int_equal(in_count, k);
        for (k = 0; cases[i].out[k] >= 0; k++) {
            assert_true(k < out_count && out[k] == cases[i].out[k]);
        }
        assert_int_equal(out_count, k);
        ff_mem_free(in);
        ff_mem_free(out);
    }
    gm_clean(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_back),
        cmocka_unit_test(bad_text),
        cmocka_unit_test(borders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
