/* Codecs: there and back for every width, length and density; vector kernels give the scalar ones'
 * bytes; what is no such encoding is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "tensor/codec.h"

/* Elements of which a share is not zero; some are -0.0, or have one bit. */
static uint8_t *make(size_t elems, size_t size, double density, uint64_t seed)
{
    ff_random r;
    uint8_t *data = calloc(elems + 1, size);
    ff_random_init(&r, seed);
    for (size_t i = 0; i < elems; i++) {
        if (ff_random_unit(&r) >= density)
            continue;
        for (size_t b = 0; b < size; b++)
            data[i * size + b] = (uint8_t)(ff_random_below(&r, 4) ? ff_random_below(&r, 256) : 0);
        data[i * size + size - 1] |= 0x80;
    }
    return data;
}

static void test_zero(void **state)
{
    (void)state;
    static const double DENSITY[] = {0, 0.03, 0.5, 0.97, 1};
    static const size_t ELEMS[] = {0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 1000, 4099};
    for (size_t size = 1; size <= 8; size *= 2)
        for (size_t e = 0; e < sizeof ELEMS / sizeof *ELEMS; e++)
            for (size_t d = 0; d < sizeof DENSITY / sizeof *DENSITY; d++) {
                size_t n = ELEMS[e], lens[2];
                uint8_t *in = make(n, size, DENSITY[d], 7 + n + d), *out[2];
                for (int scalar = 0; scalar < 2; scalar++) {
                    ff_codec_scalar(scalar);
                    out[scalar] = malloc(ff_zero_room(n, size));
                    lens[scalar] = ff_zero_encode(in, n, size, out[scalar]);
                }
                assert_int_equal(lens[0], lens[1]);
                assert_memory_equal(out[0], out[1], lens[0]);
                if (DENSITY[d] == 0)
                    assert_int_equal(lens[0], ff_zero_mask_bytes(n));
                if (DENSITY[d] == 1)
                    assert_int_equal(lens[0], ff_zero_mask_bytes(n) + n * size);
                for (int scalar = 0; scalar < 2; scalar++) {
                    uint8_t *exact = malloc(lens[0] + 1); /* so that asan sees a byte too far */
                    uint8_t *back = malloc(n * size + 1);
                    memcpy(exact, out[0], lens[0]);
                    ff_codec_scalar(scalar);
                    memset(back, 0xee, n * size + 1);
                    assert_int_equal(
                        ff_zero_decode(ff_bytes_of(exact, lens[0]), n, size, back, NULL), FF_OK);
                    assert_memory_equal(back, in, n * size);
                    assert_int_equal(back[n * size], 0xee);
                    free(exact);
                    free(back);
                }
                ff_codec_scalar(false);
                free(in);
                free(out[0]);
                free(out[1]);
            }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[8];
        size_t len, elems, size;
        const char *message;
    } rows[] = {
        {{0}, 0, 1, 4, "a mask of 1 bytes, found 0"},
        {{0, 0}, 2, 17, 1, "a mask of 3 bytes, found 2"},
        {{0x08}, 1, 3, 1, "beyond the last of 3"},
        {{0x01}, 1, 3, 2, "wanted 2 bytes of elements, found 0"},
        {{0x03, 1, 2, 3}, 4, 3, 1, "wanted 2 bytes of elements, found 3"},
        {{0x00, 9}, 2, 3, 1, "wanted 0 bytes of elements, found 1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t out[64];
        ff_err err = {0};
        memset(out, 0xee, sizeof out);
        assert_int_equal(ff_zero_decode(ff_bytes_of(rows[i].bytes, rows[i].len), rows[i].elems,
                                        rows[i].size, out, &err),
                         FF_FORMAT);
        assert_non_null(strstr(err.message, rows[i].message));
        assert_int_equal(out[0], 0xee);
    }
    ff_codec codec = FF_CODEC_RAW;
    assert_int_equal(ff_codec_parse("zip", &codec, NULL), FF_UNSUPPORTED);
    for (int i = 0; i < FF_CODEC_COUNT; i++) {
        assert_int_equal(ff_codec_parse(ff_codec_name((ff_codec)i), &codec, NULL), FF_OK);
        assert_int_equal(codec, i);
    }
}

static void test_fp16(void **state)
{
    (void)state;
    static const float SPECIAL[] = {0.0f,    -0.0f,       1.0f,        65504.0f,      65520.0f,
                                    1e9f,    -1e-9f,      6e-8f,       5.9604645e-8f, 0.333333f,
                                    2049.0f, 1.0f / 0.0f, -1.0f / 0.0f};
    enum { N = 10007 };
    ff_random r;
    float *in = malloc(N * sizeof *in), *back[2];
    uint16_t *halves[2];
    ff_random_init(&r, 3);
    for (size_t i = 0; i < N; i++)
        in[i] = i < sizeof SPECIAL / sizeof *SPECIAL
                    ? SPECIAL[i]
                    : (float)(ff_random_normal(&r) * (double)(1 << (i % 20)));
    for (int scalar = 0; scalar < 2; scalar++) {
        ff_codec_scalar(scalar);
        halves[scalar] = malloc(N * 2);
        back[scalar] = malloc(N * 4);
        ff_fp16_encode((uint8_t *)in, N, (uint8_t *)halves[scalar]);
        ff_fp16_decode((uint8_t *)halves[scalar], N, (uint8_t *)back[scalar]);
    }
    ff_codec_scalar(false);
    assert_memory_equal(halves[0], halves[1], N * 2);
    assert_memory_equal(back[0], back[1], N * 4);
    for (size_t i = 100; i < N; i++)
        if (in[i] > 1e-4f && in[i] < 65000.0f)
            assert_true(back[0][i] > in[i] * 0.9995f && back[0][i] < in[i] * 1.0005f);
    for (int k = 0; k < 2; k++) {
        free(halves[k]);
        free(back[k]);
    }
    free(in);
}

/* The sample finds the density of even and of odd places, of tiles and of long runs. */
static void test_density(void **state)
{
    (void)state;
    ff_shape shape = {3, {8, 120, 200}};
    ff_tensor t;
    assert_int_equal(ff_tensor_new(FF_DTYPE_F32, &shape, &t, NULL), FF_OK);
    for (int tenth = 0; tenth <= 10; tenth++) {
        double density = tenth / 10.0;
        uint8_t *data = make(8 * 120 * 200, 4, density, 40 + (uint64_t)tenth);
        memcpy(t.data, data, t.bytes);
        ff_region regions[] = {
            ff_region_whole(&shape), {3, {0, 10, 20}, {8, 70, 119}}, {3, {3, 5, 7}, {4, 6, 10}}};
        for (int i = 0; i < 2; i++) {
            double found = ff_zero_density(&t, &regions[i]);
            assert_true(found > density - 0.03 && found < density + 0.03);
        }
        double few = ff_zero_density(&t, &regions[2]); /* three elements */
        assert_true(few >= 0 && few <= 1);
        free(data);
    }
    /* zeros at one end only */
    memset(t.data, 1, t.bytes);
    memset(t.data, 0, t.bytes / 2);
    ff_region whole = ff_region_whole(&shape);
    double half = ff_zero_density(&t, &whole);
    assert_true(half > 0.4 && half < 0.6);
    ff_tensor_clean(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zero),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_fp16),
        cmocka_unit_test(test_density),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
