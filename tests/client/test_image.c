#include "client/image.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static ff_code parse(const char *json, ff_preprocess *out, ff_err *err)
{
    yyjson_doc *doc = NULL;
    assert_int_equal(ff_json_parse(ff_bytes_of(json, strlen(json)), &doc, NULL), FF_OK);
    ff_code code = ff_preprocess_parse(yyjson_doc_get_root(doc), out, err);
    yyjson_doc_free(doc);
    return code;
}

static void preprocess_is_checked(void **state)
{
    (void)state;
    static const char *const BAD[] = {"[]",
                                      "{}",
                                      "{\"size\":[0,4]}",
                                      "{\"size\":[4]}",
                                      "{\"size\":[4,99999]}",
                                      "{\"size\":[4,4],\"color\":\"HSV\"}",
                                      "{\"size\":[4,4],\"mean\":[1,2]}",
                                      "{\"size\":[4,4],\"std\":[1,0,1]}",
                                      "{\"size\":[4,4],\"scale\":\"x\"}"};
    ff_preprocess p;
    ff_err err = {0};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_int_equal(parse(BAD[i], &p, &err), FF_FORMAT);
    assert_int_equal(parse("{\"size\":[4,8],\"color\":\"BGR\",\"input\":\"x\"}", &p, &err), FF_OK);
    assert_int_equal(p.height, 4);
    assert_int_equal(p.width, 8);
    assert_true(p.bgr);
    assert_string_equal(p.input, "x");
}

/* A picture written, read back, stretched and normalised; values by hand. */
static void picture_to_tensor(void **state)
{
    (void)state;
    char path[] = "/tmp/ff-image-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    uint8_t pixels[2 * 2 * 3] = {10, 20, 30, 110, 120, 130, 10, 20, 30, 110, 120, 130};
    ff_image image = {2, 2, pixels}, back = {0};
    ff_err err = {0};
    assert_int_equal(ff_image_write_png(&image, path, &err), FF_OK);
    assert_int_equal(ff_image_load(path, &back, &err), FF_OK);
    assert_int_equal(back.width, 2);
    assert_memory_equal(back.rgb, pixels, sizeof pixels);
    ff_preprocess p;
    assert_int_equal(
        parse("{\"size\":[1,4],\"color\":\"BGR\",\"scale\":1,\"mean\":[0,1,2],\"std\":[1,2,4]}", &p,
              &err),
        FF_OK);
    ff_tensor t = {0};
    assert_int_equal(ff_preprocess_apply(&p, &back, &t, &err), FF_OK);
    /* columns at 0 (clamped), 0.25, 0.75, 1 (clamped) between the two pixels */
    static const float EXPECTED[3][4] = {
        {30, 55, 105, 130}, {9.5f, 22, 47, 59.5f}, {2, 8.25f, 20.75f, 27}};
    const float *data = (const float *)(const void *)t.data;
    for (int c = 0; c < 3; c++)
        for (int x = 0; x < 4; x++)
            assert_true(fabsf(data[c * 4 + x] - EXPECTED[c][x]) < 1e-4f);
    ff_tensor_clean(&t);
    ff_image_clean(&back);
    ff_image_clean(&back);
    unlink(path);
}

static void bad_pictures(void **state)
{
    (void)state;
    char path[] = "/tmp/ff-image-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    uint8_t pixels[3] = {1, 2, 3};
    ff_image image = {1, 1, pixels}, back = {0};
    ff_err err = {0};
    ff_buf png;
    ff_buf_init(&png, 0);
    assert_int_equal(ff_image_write_png(&image, path, &err), FF_OK);
    assert_int_equal(ff_file_read(path, 1 << 20, &png, &err), FF_OK);
    for (size_t len = 0; len < 45; len++) { /* before the data chunk ends */
        assert_int_equal(ff_file_write(path, ff_bytes_of(png.data, len), &err), FF_OK);
        assert_int_equal(ff_image_load(path, &back, &err), FF_FORMAT);
        assert_string_equal(err.file, path);
    }
    memcpy(png.data + 16, "\x00\x01\x00\x00\x00\x01\x00\x00", 8); /* 65536 x 65536 */
    assert_int_equal(ff_file_write(path, ff_buf_view(&png), &err), FF_OK);
    ff_code code = ff_image_load(path, &back, &err);
    assert_true(code == FF_LIMIT || code == FF_FORMAT);
    assert_null(back.rgb);
    ff_buf_clean(&png);
    unlink(path);
}

static void rectangles_are_clipped(void **state)
{
    (void)state;
    uint8_t pixels[4 * 4 * 3] = {0};
    ff_image image = {4, 4, pixels};
    ff_image_draw_rect(&image, -5, 1, 3, 99, 1, (const uint8_t[3]){9, 9, 9});
    int painted = 0;
    for (int i = 0; i < 16; i++)
        painted += pixels[3 * i] == 9;
    assert_int_equal(painted, 3 + 2); /* row 1, x 0..2; column 2, y 2..3 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preprocess_is_checked),
        cmocka_unit_test(picture_to_tensor),
        cmocka_unit_test(bad_pictures),
        cmocka_unit_test(rectangles_are_clipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
