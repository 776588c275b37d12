#include "client/image.h"

#include <limits.h>
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define MAX_IMAGE_FILE ((size_t)256 << 20)

ff_code ff_image_load(const char *path, ff_image *out, ff_err *err)
{
    ff_buf bytes;
    ff_buf_init(&bytes, 0);
    ff_code code = ff_file_read(path, MAX_IMAGE_FILE, &bytes, err);
    int width = 0, height = 0, channels = 0;
    if (!code && !stbi_info_from_memory(bytes.data, (int)bytes.len, &width, &height, &channels))
        code =
            ff_err_set(err, FF_FORMAT, "wanted a PNG or JPEG picture: %s", stbi_failure_reason());
    if (!code && (width > FF_MAX_IMAGE_SIDE || height > FF_MAX_IMAGE_SIDE))
        code = ff_err_set(err, FF_LIMIT, "a picture of %d x %d pixels, at most %d a side", width,
                          height, FF_MAX_IMAGE_SIDE);
    uint8_t *rgb = NULL;
    if (!code) {
        rgb = stbi_load_from_memory(bytes.data, (int)bytes.len, &width, &height, &channels, 3);
        if (!rgb)
            code =
                ff_err_set(err, FF_FORMAT, "cannot decode the picture: %s", stbi_failure_reason());
    }
    ff_buf_clean(&bytes);
    if (code) {
        ff_err_in_file(err, path);
        return code;
    }
    *out = (ff_image){width, height, rgb};
    return FF_OK;
}

void ff_image_clean(ff_image *image)
{
    stbi_image_free(image->rgb);
    *image = (ff_image){0};
}

static void collect(void *context, void *data, int size)
{
    ff_buf *buf = context;
    if (ff_buf_append(buf, data, (size_t)size, NULL))
        abort();
}

ff_code ff_image_write_png(const ff_image *image, const char *path, ff_err *err)
{
    ff_buf png;
    ff_buf_init(&png, 0);
    ff_code code = FF_OK;
    if (!stbi_write_png_to_func(collect, &png, image->width, image->height, 3, image->rgb,
                                image->width * 3))
        code = ff_err_set(err, FF_NO_MEMORY, "cannot encode the picture");
    if (!code)
        code = ff_file_write(path, ff_buf_view(&png), err);
    ff_buf_clean(&png);
    return code;
}

static int clamp(int x, int lo, int hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

static void fill(ff_image *image, int x0, int y0, int x1, int y1, const uint8_t rgb[3])
{
    x0 = clamp(x0, 0, image->width);
    x1 = clamp(x1, 0, image->width);
    y0 = clamp(y0, 0, image->height);
    y1 = clamp(y1, 0, image->height);
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            memcpy(image->rgb + 3 * ((size_t)y * (size_t)image->width + (size_t)x), rgb, 3);
}

void ff_image_draw_rect(ff_image *image, int x0, int y0, int x1, int y1, int thick,
                        const uint8_t rgb[3])
{
    fill(image, x0, y0, x1, y0 + thick, rgb);
    fill(image, x0, y1 - thick, x1, y1, rgb);
    fill(image, x0, y0, x0 + thick, y1, rgb);
    fill(image, x1 - thick, y0, x1, y1, rgb);
}

static ff_code three(yyjson_val *member, const char *name, double out[3], ff_err *err)
{
    yyjson_val *list = NULL;
    if (!ff_json_has(member, name))
        return FF_OK;
    ff_code code = ff_json_arr(member, name, &list, err);
    if (!code && yyjson_arr_size(list) != 3)
        code = ff_err_set(err, FF_FORMAT, "member \"%s\": wanted 3 numbers, found %zu", name,
                          yyjson_arr_size(list));
    for (size_t i = 0; !code && i < 3; i++) {
        yyjson_val *v = yyjson_arr_get(list, i);
        if (!yyjson_is_num(v))
            code = ff_err_set(err, FF_FORMAT, "member \"%s\": wanted 3 numbers", name);
        else
            out[i] = yyjson_get_num(v);
    }
    return code;
}

static ff_code parse_size(yyjson_val *member, ff_preprocess *p, ff_err *err)
{
    yyjson_val *list = NULL;
    ff_code code = ff_json_arr(member, "size", &list, err);
    if (code)
        return code;
    int64_t h = yyjson_get_sint(yyjson_arr_get(list, 0));
    int64_t w = yyjson_get_sint(yyjson_arr_get(list, 1));
    if (yyjson_arr_size(list) != 2 || h < 1 || w < 1 || h > FF_MAX_IMAGE_SIDE ||
        w > FF_MAX_IMAGE_SIDE)
        return ff_err_set(err, FF_FORMAT, "member \"size\": wanted [height, width], each 1 to %d",
                          FF_MAX_IMAGE_SIDE);
    p->height = (int)h;
    p->width = (int)w;
    return FF_OK;
}

ff_code ff_preprocess_parse(yyjson_val *member, ff_preprocess *out, ff_err *err)
{
    ff_preprocess p = {.scale = 1.0 / 255, .std = {1, 1, 1}};
    const char *text = NULL;
    ff_code code =
        yyjson_is_obj(member) ? FF_OK : ff_err_set(err, FF_FORMAT, "preprocess: wanted an object");
    if (!code)
        code = parse_size(member, &p, err);
    if (!code && ff_json_has(member, "input")) {
        code = ff_json_str(member, "input", &text, err);
        if (!code && strlen(text) >= sizeof p.input)
            code = ff_err_set(err, FF_LIMIT, "member \"input\": a name over %zu bytes",
                              sizeof p.input - 1);
        if (!code)
            strcpy(p.input, text);
    }
    if (!code && ff_json_has(member, "color")) {
        code = ff_json_str(member, "color", &text, err);
        if (!code && strcmp(text, "RGB") && strcmp(text, "BGR"))
            code = ff_err_set(err, FF_FORMAT,
                              "member \"color\": wanted \"RGB\" or \"BGR\", found \"%.20s\"", text);
        p.bgr = !code && !strcmp(text, "BGR");
    }
    if (!code && ff_json_has(member, "scale"))
        code = ff_json_num(member, "scale", &p.scale, err);
    if (!code)
        code = three(member, "mean", p.mean, err);
    if (!code)
        code = three(member, "std", p.std, err);
    for (int c = 0; !code && c < 3; c++)
        if (p.std[c] == 0)
            code = ff_err_set(err, FF_FORMAT, "member \"std\": a zero");
    if (code)
        return ff_err_wrap(err, "preprocess");
    *out = p;
    return FF_OK;
}

/* Bilinear sampling positions of one axis: pixel centres are aligned. */
typedef struct sample {
    int lo, hi;
    float weight; /* of hi */
} sample;

static sample sample_at(int i, int out_len, int in_len)
{
    float at = ((float)i + 0.5f) * (float)in_len / (float)out_len - 0.5f;
    if (at < 0)
        at = 0;
    int lo = clamp((int)at, 0, in_len - 1);
    return (sample){lo, clamp(lo + 1, 0, in_len - 1), at - (float)lo};
}

ff_code ff_preprocess_apply(const ff_preprocess *p, const ff_image *image, ff_tensor *out,
                            ff_err *err)
{
    ff_shape shape = {.rank = 4, .dim = {1, 3, p->height, p->width}};
    ff_tensor t = {0};
    ff_code code = ff_tensor_new(FF_DTYPE_F32, &shape, &t, err);
    if (code)
        return code;
    sample *xs = ff_mem_must_array((size_t)p->width, sizeof *xs);
    for (int x = 0; x < p->width; x++)
        xs[x] = sample_at(x, p->width, image->width);
    size_t row = (size_t)image->width * 3, plane = (size_t)p->height * (size_t)p->width;
    float *data = (float *)(void *)t.data;
    for (int y = 0; y < p->height; y++) {
        sample ys = sample_at(y, p->height, image->height);
        const uint8_t *top = image->rgb + (size_t)ys.lo * row;
        const uint8_t *bottom = image->rgb + (size_t)ys.hi * row;
        for (int x = 0; x < p->width; x++) {
            size_t at = (size_t)y * (size_t)p->width + (size_t)x;
            for (int c = 0; c < 3; c++) {
                int from = p->bgr ? 2 - c : c;
                float a = top[3 * xs[x].lo + from], b = top[3 * xs[x].hi + from];
                float d = bottom[3 * xs[x].lo + from], e = bottom[3 * xs[x].hi + from];
                float u = a + (b - a) * xs[x].weight, v = d + (e - d) * xs[x].weight;
                float pixel = u + (v - u) * ys.weight;
                data[(size_t)c * plane + at] = (float)((pixel * p->scale - p->mean[c]) / p->std[c]);
            }
        }
    }
    ff_mem_free(xs);
    *out = t;
    return FF_OK;
}
