#include "report/svg_plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/units.h"
#include "support/xml_check.h"

#define assert_near(a, b, most) assert_true(fabs((a) - (b)) <= (most))

static const ff_draw_tensor IN = {"input", 1769600, FF_DRAW_STORE};
static const ff_draw_tensor OUT = {"relu_5", 400000, FF_DRAW_INLINE};
static const ff_draw_tensor SEVERAL[] = {
    {"skip</title><script>", 802816, FF_DRAW_OPEN}, {"up", 200704, FF_DRAW_STORE}, {"mask", 96, 0}};

/* Two stages of four, one on the master; in the last the master computes a piece itself. */
static ff_draw_worker first[4], last[4];
static ff_draw_stage stages[3];

static ff_draw_plan sample(void)
{
    static const char *const NAMES[] = {"w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7"};
    for (int i = 0; i < 4; i++) {
        first[i] = (ff_draw_worker){NAMES[i], false, 12.25, 1, 1, &IN, &OUT};
        last[i] = (ff_draw_worker){NAMES[i + 4], i == 0, -1, 3, 1, SEVERAL, &OUT};
    }
    stages[0] = (ff_draw_stage){"grid 2x2", 310.5, 4, first};
    stages[1] = (ff_draw_stage){"local", 55, 0, NULL};
    stages[2] = (ff_draw_stage){"channel 4", -1, 4, last};
    return (ff_draw_plan){"wrn50-3", 565.5, 3, stages};
}

static xml_doc draw(const ff_draw_plan *plan)
{
    ff_buf out;
    ff_buf_init(&out, 0);
    assert_int_equal(ff_svg_plan(plan, &out, NULL), FF_OK);
    xml_doc doc = xml_read(out.data, out.len);
    assert_string_equal(doc.fault, "");
    ff_buf_clean(&out);
    return doc;
}

static void areas_are_to_scale(void **state)
{
    (void)state;
    ff_draw_plan plan = sample();
    xml_doc doc = draw(&plan);
    /* the master's own piece has no tensors on the way */
    assert_int_equal(xml_count(&doc, "circle", "tensor"), 4 * 2 + 3 * 4);
    double area = pow(xml_number(xml_find(&doc, "circle", "tensor", 0), "r"), 2);
    for (int i = 0; i < 4 * 2 + 3 * 4; i++) {
        const ff_draw_tensor *t = i < 8        ? (i % 2 ? &OUT : &IN)
                                  : i % 4 == 3 ? &OUT
                                               : &SEVERAL[i % 4];
        const xml_element *e = xml_find(&doc, "circle", "tensor", i);
        double wanted = area * (double)t->bytes / (double)IN.bytes;
        assert_near(pow(xml_number(e, "r"), 2), wanted, area * 1e-4);
        assert_true(xml_has_class(e, t->route == FF_DRAW_STORE    ? "store"
                                     : t->route == FF_DRAW_INLINE ? "inline"
                                                                  : "open"));
    }
    const xml_element *scale = xml_find(&doc, "circle", "scale", 0);
    assert_true(xml_has_text(&doc, "text", "area to scale: 1.00 MB"));
    assert_near(pow(xml_number(scale, "r"), 2), area * 1e6 / (double)IN.bytes, area * 1e-4);
    xml_clean(&doc);
}

static void all_is_labelled(void **state)
{
    static const char *const TEXTS[] = {"wrn50-3",
                                        "565.5 ms in all",
                                        "master",
                                        "stage 0: grid 2x2, 310.5 ms",
                                        "stage 1: local, on the master, 55 ms",
                                        "stage 2: channel 4",
                                        "w0",
                                        "w3",
                                        "w7",
                                        "12.25 ms",
                                        "1.77 MB",
                                        "400.0 KB",
                                        "96 B",
                                        "up",
                                        "inline: in the payload",
                                        "store: as an object",
                                        "route decided at each request"};
    (void)state;
    ff_draw_plan plan = sample();
    xml_doc doc = draw(&plan);
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        assert_true(xml_has_text(&doc, "text", TEXTS[i]));
    assert_false(xml_has_text(&doc, "text", "w4")); /* the master has that piece */
    assert_int_equal(xml_count(&doc, "rect", "worker"), 8);
    assert_true(xml_has_text(&doc, "title", "skip</title><script>: 802.8 KB, open"));
    assert_int_equal(xml_count(&doc, "script", NULL), 0);
    xml_clean(&doc);
}

/* Circles of one picture do not touch, and all lie inside it, with 1 to 64 workers. */
static void nothing_overlaps(void **state)
{
    static ff_draw_worker many[64];
    (void)state;
    for (int workers = 1; workers <= 64; workers += 7) {
        for (int i = 0; i < workers; i++)
            many[i] =
                (ff_draw_worker){"a-rather-long-function-name", false, 1e6, 3, 1, SEVERAL, &IN};
        ff_draw_stage stage = {"grid 8x8", 1, workers, many};
        ff_draw_plan plan = {"a title that is longer than the picture is wide, so that it is cut",
                             1, 1, &stage};
        xml_doc doc = draw(&plan);
        const xml_element *root = xml_find(&doc, "svg", NULL, 0);
        int count = xml_count(&doc, "circle", "tensor");
        assert_int_equal(count, workers * 4);
        double *x = ff_mem_must_array((size_t)count * 3, sizeof *x), *y = x + count, *r = y + count;
        for (int i = 0; i < count; i++) {
            const xml_element *e = xml_find(&doc, "circle", "tensor", i);
            x[i] = xml_number(e, "cx");
            y[i] = xml_number(e, "cy");
            r[i] = xml_number(e, "r");
            assert_true(x[i] - r[i] > 0 && x[i] + r[i] < xml_number(root, "width"));
            assert_true(y[i] - r[i] > 0 && y[i] + r[i] < xml_number(root, "height"));
            for (int k = 0; k < i; k++)
                assert_true(hypot(x[i] - x[k], y[i] - y[k]) > r[i] + r[k]);
        }
        ff_mem_free(x);
        xml_clean(&doc);
    }
}

static void odd_plans_are_drawn(void **state)
{
    static const ff_draw_tensor EMPTY = {"empty", 0, FF_DRAW_INLINE};
    static const ff_draw_tensor HUGE = {"huge", UINT64_MAX, FF_DRAW_STORE};
    (void)state;
    ff_draw_worker worker[] = {{"w0", false, -1, 1, 0, &EMPTY, NULL},
                               {"w1", false, -1, 0, 1, NULL, &EMPTY}};
    ff_draw_stage stage = {"offload", -1, 2, worker};
    ff_draw_plan plan = {"", -1, 1, &stage};
    xml_doc doc = draw(&plan); /* no byte travels */
    assert_int_equal(xml_count(&doc, "circle", "tensor"), 2);
    xml_clean(&doc);
    worker[0].in = &HUGE;
    doc = draw(&plan);
    assert_near(xml_number(xml_find(&doc, "circle", "tensor", 1), "r"), 0, 1e-9);
    xml_clean(&doc);
    plan.stage_count = 0;
    doc = draw(&plan);
    assert_int_equal(xml_count(&doc, "circle", NULL), 0);
    xml_clean(&doc);
}

static void bounds_are_told(void **state)
{
    static ff_draw_worker many[FF_DRAW_CIRCLES];
    (void)state;
    ff_draw_stage stage = {"grid", -1, FF_DRAW_CIRCLES, many};
    ff_draw_plan plan = {"many", -1, 1, &stage};
    ff_buf out;
    ff_err err = {0};
    ff_buf_init(&out, 0);
    for (int i = 0; i < FF_DRAW_CIRCLES; i++)
        many[i] = (ff_draw_worker){"w", false, -1, 1, 1, &IN, &OUT};
    assert_int_equal(ff_svg_plan(&plan, &out, &err), FF_LIMIT);
    plan.stage_count = FF_DRAW_STAGES + 1;
    assert_int_equal(ff_svg_plan(&plan, &out, &err), FF_LIMIT);
    assert_int_equal(out.len, 0);
    ff_buf_clean(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(areas_are_to_scale), cmocka_unit_test(all_is_labelled),
        cmocka_unit_test(nothing_overlaps),   cmocka_unit_test(odd_plans_are_drawn),
        cmocka_unit_test(bounds_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
