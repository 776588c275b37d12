#include "client/boxes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void paint(float *map, int width, int x0, int y0, int x1, int y1, float value)
{
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            map[y * width + x] = value;
}

/* Two boxes that count, one too faint, one too small, one pixel bridge between none of them. */
static void finds_and_orders(void **state)
{
    (void)state;
    static float map[40 * 60];
    paint(map, 60, 30, 5, 50, 10, 0.9f);
    paint(map, 60, 5, 20, 25, 26, 0.8f);
    paint(map, 60, 40, 30, 50, 36, 0.4f);
    paint(map, 60, 2, 2, 4, 4, 0.9f);
    ff_shape shape = {4, {1, 1, 40, 60}};
    ff_tensor t = {0};
    assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &shape, map, sizeof map, &t, NULL), FF_OK);
    ff_box *boxes = NULL;
    int count = 0;
    assert_int_equal(ff_boxes_find(&t, 120, 80, &FF_BOX_DEFAULTS, &boxes, &count, NULL), FF_OK);
    assert_int_equal(count, 2);
    /* 20 x 5: grown by 20*5*1.5/50 = 3 pixels of the map, then times 2 */
    assert_int_equal(boxes[0].x0, 54);
    assert_int_equal(boxes[0].y0, 4);
    assert_int_equal(boxes[0].x1, 106);
    assert_int_equal(boxes[0].y1, 26);
    assert_true(boxes[0].score > 0.899f && boxes[0].score < 0.901f);
    assert_int_equal(boxes[1].x0, 3);
    assert_true(boxes[1].y0 > boxes[0].y0);
    ff_mem_free(boxes);
}

static void refuses_other_tensors(void **state)
{
    (void)state;
    static float map[12];
    ff_shape shape = {4, {1, 3, 2, 2}};
    ff_tensor t = {0};
    ff_box *boxes = NULL;
    int count = 0;
    ff_err err = {0};
    assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &shape, map, sizeof map, &t, NULL), FF_OK);
    assert_int_equal(ff_boxes_find(&t, 1, 1, &FF_BOX_DEFAULTS, &boxes, &count, &err), FF_FORMAT);
    assert_null(boxes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_and_orders),
        cmocka_unit_test(refuses_other_tensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
