/* A tiny model is profiled from end to end; no test asks how fast anything is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "measure/codec.h"
#include "measure/kernel.h"
#include "measure/measure_int.h"
#include "support/graph_make.h"

static char dir[] = "/tmp/ff-measure-XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return ff_dir_remove(dir, NULL) ? -1 : 0;
}

static void assert_dir_empty(void)
{
    int count = 0;
    DIR *d = opendir(dir);
    while (readdir(d))
        count++;
    closedir(d);
    assert_int_equal(count, 2);
}

static void tiny(graph_make *m)
{
    gm_init(m, 17, 1);
    int y = gm_input(m, gm_shape(4, 1, 8, 12, 12));
    for (int i = 0; i < 4; i++)
        y = gm_op1(m, "Relu", gm_conv(m, y, 8, 3, 3, "pads=1,1,1,1"), NULL);
    gm_output(m, y);
}

static void profile(void **state)
{
    (void)state;
    graph_make m;
    ff_err err = {0};
    ff_measured measured = {0};
    ff_compute_profile *again = NULL;
    ff_buf json;
    tiny(&m);
    const ff_graph *models[] = {m.g};
    ff_measure_options o = {.minutes = 0.5,
                            .dir = dir,
                            .name = "tiny",
                            .about = "a",
                            .machine = "m",
                            .models = models,
                            .model_count = 1,
                            .holdout = models,
                            .holdout_count = 1};
    if (ff_measure_compute(&o, &measured, &err))
        fail_msg("%s", err.message);
    const ff_compute_profile *p = measured.profile;
    static const char *const WANTED[] = {"Conv",   "Relu",   "Conv+Relu",  "*",
                                         "encode", "decode", "encode raw", "run"};
    for (size_t i = 0; i < sizeof WANTED / sizeof WANTED[0]; i++)
        assert_string_equal(ff_compute_find(p, WANTED[i])->op, WANTED[i]);
    assert_true(p->threads == 1 && p->vcpu_gmac_per_s.value > 0);
    assert_true(measured.sample_count > 5 && measured.piece_count > 0);
    assert_true(p->holdout.pieces == measured.piece_count);
    for (int i = 0; i < measured.piece_count; i++)
        assert_true(measured.pieces[i].ms > 0 && measured.pieces[i].predicted_ms > 0);
    ff_buf_init(&json, 0);
    assert_int_equal(ff_compute_profile_emit(p, &json, &err), FF_OK);
    assert_int_equal(ff_compute_profile_parse(ff_buf_view(&json), &again, &err), FF_OK);
    assert_true(ff_compute_profile_equal(p, again));
    ff_buf_clean(&json);
    ff_compute_profile_free(again);
    ff_measured_clean(&measured);
    ff_measured_clean(&measured);
    gm_clean(&m);
    assert_dir_empty();
}

static bool at_once(void *user)
{
    (void)user;
    return true;
}

static void stopped(void **state)
{
    (void)state;
    ff_measured measured = {0};
    ff_err err = {0};
    ff_measure_options o = {.dir = dir, .name = "n", .about = "a", .machine = "m", .stop = at_once};
    assert_int_equal(ff_measure_compute(&o, &measured, &err), FF_CANCELLED);
    assert_null(measured.profile);
    o.stop = NULL;
    o.minutes = 1e-9; /* over at once: a few are timed all the same */
    assert_int_equal(ff_measure_compute(&o, &measured, &err), FF_OK);
    assert_true(measured.sample_count > 5 && measured.sample_count < 200);
    assert_true(measured.profile->holdout.pieces == 0);
    ff_measured_clean(&measured);
    assert_dir_empty();
}

static void kernel(void **state)
{
    (void)state;
    double speed = 0;
    ff_err err = {0};
    assert_int_equal(ff_kernel_gmac_per_s(1, 2, dir, &speed, &err), FF_OK);
    assert_true(speed > 0.01 && speed < 1e5);
    assert_int_equal(ff_kernel_gmac_per_s(2, 2, dir, &speed, &err), FF_OK);
    assert_int_equal(ff_kernel_gmac_per_s(1, 2, "/nonexistent", &speed, &err), FF_NOT_FOUND);
    assert_dir_empty();
}

/* A model that ONNX Runtime refuses is left out; the others are timed. */
static void refused(void **state)
{
    (void)state;
    graph_make good, bad;
    ff_engine *engine = NULL;
    ff_err err = {0};
    tiny(&good);
    tiny(&bad);
    bad.g->nodes[0].op = "NoSuchOp";
    ff_case cases[2] = {{.graph = bad.g, .base = -1}, {.graph = good.g, .base = -1}};
    ff_case *order[2] = {&cases[0], &cases[1]};
    assert_int_equal(ff_engine_new(1, &engine, &err), FF_OK);
    ff_timing_options o = {
        .engine = engine, .dir = dir, .threads = 1, .rounds = 2, .deadline_ns = FF_NEVER};
    assert_int_equal(ff_time_cases(&o, order, 2, &err), FF_OK);
    assert_int_equal(cases[0].runs, 0);
    assert_int_equal(cases[1].runs, 2);
    assert_true(cases[1].ms > 0);
    ff_engine_free(engine);
    gm_clean(&good);
    gm_clean(&bad);
    assert_dir_empty();
}

static void codec(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"encode", "decode", "encode raw", "decode raw"};
    ff_compute_op ops[FF_CODEC_ENTRIES];
    ff_arena *arena = ff_arena_new();
    ff_measure_codec(3, arena, ops);
    for (int i = 0; i < FF_CODEC_ENTRIES; i++) {
        assert_string_equal(ops[i].op, NAMES[i]);
        assert_true(ops[i].ms_per_melem_in > 0 && ops[i].fixed_ms >= 0 && ops[i].ms_per_mb == 0);
        assert_non_null(ops[i].source);
    }
    ff_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profile), cmocka_unit_test(stopped), cmocka_unit_test(kernel),
        cmocka_unit_test(refused), cmocka_unit_test(codec),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
