/* Names to numbers, once: every part of the tiny bundle leads to the tensor of its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "function/function_int.h"
#include "support/tiny_bundle.h"

static void test_tiny(void **state)
{
    (void)state;
    char dir[] = "/tmp/ff-wiring-XXXXXX";
    tiny_bundle bundle = {.height = 8, .width = 8, .deployment = "tiny"};
    ff_manifest *m = NULL;
    ff_wiring w;
    ff_err err = {0};
    assert_non_null(mkdtemp(dir));
    tiny_bundle_write(dir, &bundle);
    assert_int_equal(ff_manifest_load(dir, &m, &err), FF_OK);
    ff_wiring_init(&w, m);
    assert_int_equal(w.value_count, 5); /* x, a, b, c, y */
    assert_string_equal(w.value[w.in[0]]->name, "x");
    assert_string_equal(w.value[w.out[0]]->name, "y");
    for (int s = 0; s < m->stage_count; s++) {
        for (int p = 0; p < m->stage[s].piece_count; p++) {
            const ff_mf_piece *piece = &m->stage[s].piece[p];
            for (int i = 0; i < piece->in_count; i++)
                assert_string_equal(w.value[w.stage[s].piece[p].in[i]]->name, piece->in[i].name);
            for (int i = 0; i < piece->out_count; i++)
                assert_string_equal(w.value[w.stage[s].piece[p].out[i]]->name, piece->out[i].name);
        }
        for (int i = 0; i < m->stage[s].drop_count; i++)
            assert_string_equal(w.value[w.stage[s].drop[i]]->name, m->stage[s].drop[i]);
    }
    ff_wiring_clean(&w);
    ff_wiring_clean(&w);
    ff_manifest_free(m);
    ff_dir_remove(dir, NULL);
}

/* A name that is dropped and given again means the new tensor from then on, and the old before. */
static void test_name_again(void **state)
{
    (void)state;
    ff_mf_tensor x = {"x", FF_DTYPE_F32, {1, {4}}}, a = {"a", FF_DTYPE_F32, {1, {4}}};
    ff_mf_part from_x = {"x", FF_DTYPE_F32, {1, {0}, {4}}, false};
    ff_mf_part from_a = {"a", FF_DTYPE_F32, {1, {0}, {4}}, false};
    ff_mf_piece first = {.in_count = 1, .in = &from_x, .out_count = 1, .out = &from_a};
    ff_mf_piece second = {.in_count = 1, .in = &from_a, .out_count = 1, .out = &from_x};
    ff_mf_piece third = first;
    const char *drop_x[] = {"x"}, *drop_a[] = {"a"};
    ff_mf_stage stages[] = {
        {.out_count = 1,
         .out = &a,
         .drop_count = 1,
         .drop = drop_x,
         .piece_count = 1,
         .piece = &first},
        {.out_count = 1,
         .out = &x,
         .drop_count = 1,
         .drop = drop_a,
         .piece_count = 1,
         .piece = &second},
        {.out_count = 1, .out = &a, .piece_count = 1, .piece = &third},
    };
    ff_manifest m = {
        .in_count = 1, .in = &x, .out_count = 1, .out = &a, .stage_count = 3, .stage = stages};
    ff_wiring w;
    ff_wiring_init(&w, &m);
    assert_int_equal(w.value_count, 4);
    assert_int_equal(w.in[0], 0);
    assert_int_equal(w.stage[0].piece[0].in[0], 0);
    assert_int_equal(w.stage[0].piece[0].out[0], 1);
    assert_int_equal(w.stage[0].drop[0], 0);
    assert_int_equal(w.stage[1].piece[0].in[0], 1);
    assert_int_equal(w.stage[1].out[0], 2);
    assert_int_equal(w.stage[2].piece[0].in[0], 2);
    assert_int_equal(w.out[0], 3);
    ff_wiring_clean(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiny),
        cmocka_unit_test(test_name_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
