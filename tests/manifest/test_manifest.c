/* Looking things up, and the inputs of probes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "manifest/manifest.h"
#include "manifest_sample.h"
#include "tensor/half.h"

static void test_lookup(void **state)
{
    (void)state;
    ff_manifest *m = NULL;
    ff_err err = {0};
    int stage = -1, piece = -1;
    assert_int_equal(ff_manifest_parse(ff_bytes_of(SAMPLE, strlen(SAMPLE)), "d", &m, &err), FF_OK);
    assert_int_equal(ff_manifest_function(m, "master"), 0);
    assert_int_equal(ff_manifest_function(m, "w2"), 3);
    assert_int_equal(ff_manifest_function(m, "w3"), -1);
    assert_int_equal(ff_manifest_piece_of(m, 2, &stage, &piece, &err), FF_OK);
    assert_int_equal(stage, 0);
    assert_int_equal(piece, 1);
    assert_int_equal(ff_manifest_piece_of(m, 3, &stage, &piece, &err), FF_OK);
    assert_int_equal(stage, 2);
    assert_int_equal(ff_manifest_piece_of(m, 0, &stage, &piece, &err), FF_NOT_FOUND);
    assert_int_equal(ff_manifest_piece_of(m, 99, &stage, &piece, &err), FF_NOT_FOUND);
    assert_int_equal(stage, 2); /* untouched */
    ff_manifest_free(m);
}

static double element(const ff_tensor *t, size_t i)
{
    const uint8_t *at = t->data + i * ff_dtype_bytes(t->dtype);
    switch (t->dtype) {
    case FF_DTYPE_F32:
        return *(const float *)at;
    case FF_DTYPE_F64:
        return *(const double *)at;
    case FF_DTYPE_F16:
        return ff_half_to_float(*(const uint16_t *)at);
    case FF_DTYPE_I8:
        return *(const int8_t *)at;
    case FF_DTYPE_I64:
        return (double)*(const int64_t *)at;
    default:
        return *at;
    }
}

static void test_probe_input(void **state)
{
    (void)state;
    static const struct {
        ff_dtype dtype;
        double lo, hi;
    } rows[] = {{FF_DTYPE_F32, -1, 1}, {FF_DTYPE_F64, -1, 1}, {FF_DTYPE_F16, -1, 1},
                {FF_DTYPE_I8, -8, 7},  {FF_DTYPE_I64, -8, 7}, {FF_DTYPE_U8, 0, 7},
                {FF_DTYPE_BOOL, 0, 1}};
    ff_shape shape = {1, {1000}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_tensor a, b, c;
        double sum = 0;
        assert_int_equal(ff_tensor_new(rows[i].dtype, &shape, &a, NULL), FF_OK);
        assert_int_equal(ff_tensor_new(rows[i].dtype, &shape, &b, NULL), FF_OK);
        assert_int_equal(ff_tensor_new(rows[i].dtype, &shape, &c, NULL), FF_OK);
        ff_manifest_probe_input(7, 0, &a);
        ff_manifest_probe_input(7, 0, &b);
        ff_manifest_probe_input(7, 1, &c);
        assert_memory_equal(a.data, b.data, a.bytes);
        assert_memory_not_equal(a.data, c.data, a.bytes);
        for (size_t k = 0; k < 1000; k++) {
            double x = element(&a, k);
            assert_true(x >= rows[i].lo && x <= rows[i].hi);
            sum += x;
        }
        double mean = (rows[i].lo + rows[i].hi) / 2;
        assert_true(sum / 1000 > mean - 0.6 && sum / 1000 < mean + 0.6);
        ff_tensor_clean(&a);
        ff_tensor_clean(&b);
        ff_tensor_clean(&c);
    }
}

static void test_probe_check(void **state)
{
    (void)state;
    ff_manifest *m = NULL;
    ff_err err = {0};
    assert_int_equal(ff_manifest_parse(ff_bytes_of(SAMPLE, strlen(SAMPLE)), "d", &m, &err), FF_OK);
    ff_mf_piece *piece = &m->stage[0].piece[0];
    ff_shape shape = ff_region_shape(&piece->out[0].region), other = {1, {128}};
    ff_tensor out, flat;
    assert_int_equal(ff_tensor_new(FF_DTYPE_F32, &shape, &out, NULL), FF_OK);
    float *at = (float *)(void *)out.data;
    memset(out.data, 0, out.bytes);
    at[0] = 0.25f;
    at[127] = -1.5f + 2.4e-4f; /* room: 1e-4 of 2.5 */
    assert_int_equal(ff_manifest_probe_check(piece, &out, &err), FF_OK);
    at[127] = -1.5f + 2.6e-4f;
    assert_int_equal(ff_manifest_probe_check(piece, &out, &err), FF_MISMATCH);
    assert_non_null(strstr(err.message, "element 127"));
    at[127] = 0.0f / 0.0f;
    assert_int_equal(ff_manifest_probe_check(piece, &out, &err), FF_MISMATCH);
    assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &other, out.data, 512, &flat, NULL), FF_OK);
    assert_int_equal(ff_manifest_probe_check(piece, &flat, &err), FF_MISMATCH);
    assert_int_equal(ff_manifest_probe_check(&m->stage[0].piece[1], &flat, &err), FF_OK); /* none */
    /* whole numbers: the narrow ones keep their sign, and no room is given */
    int8_t bytes[128] = {[0] = 1, [127] = -3};
    piece->out[0].dtype = FF_DTYPE_I8;
    piece->probe.value[0] = 1;
    piece->probe.value[1] = -3;
    assert_int_equal(ff_tensor_view(FF_DTYPE_I8, &shape, bytes, 128, &flat, NULL), FF_OK);
    assert_int_equal(ff_manifest_probe_check(piece, &flat, &err), FF_OK);
    bytes[127] = -2;
    assert_int_equal(ff_manifest_probe_check(piece, &flat, &err), FF_MISMATCH);
    ff_tensor_clean(&out);
    ff_manifest_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_probe_input),
        cmocka_unit_test(test_probe_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
