/* Envelopes from outside: what is missing, too large, elsewhere, cut short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "share/envelope.h"

#define FOLDER "runs/ocr/"

static const char TASK[] =
    "{\"fanfold\":1,\"deployment\":\"ocr\",\"requestId\":\"id-1\",\"timestamp\":"
    "\"2026-01-01_00h00m00s_UTC\",\"stage\":2,\"function\":\"w5\",\"policy\":\"800KB\","
    "\"deadlineMs\":1767225600123,\"tensors\":[{\"name\":\"x\",\"dtype\":\"float32\",\"shape\":"
    "[1,3,8,8],\"route\":\"inline\",\"codec\":\"raw\",\"crc32c\":\"0000beef\",\"data\":\"QUJD\"},"
    "{\"name\":\"y\",\"dtype\":\"int64\",\"shape\":[],\"route\":\"store\",\"crc32c\":\"00000000\","
    "\"bytes\":136,\"key\":\"runs/ocr/t/id-1/2/w5/input.y.npy\"}]}";

static ff_code parse(ff_env_kind kind, const char *text, size_t len, ff_envelope *e, ff_buf *buf,
                     ff_err *err)
{
    ff_buf_init(buf, 0);
    assert_int_equal(ff_buf_append(buf, text, len, NULL), FF_OK);
    return ff_envelope_parse(kind, buf, FOLDER, e, err);
}

static void test_sound(void **state)
{
    (void)state;
    ff_envelope e = {0};
    ff_buf buf;
    ff_err err = {0};
    assert_int_equal(parse(FF_ENV_TASK, TASK, strlen(TASK), &e, &buf, &err), FF_OK);
    assert_int_equal(e.count, 2);
    assert_int_equal(e.tensor[0].data.len, 4);
    assert_int_equal(e.tensor[0].crc32c, 0xbeef);
    assert_int_equal(e.tensor[1].shape.rank, 0);
    assert_int_equal(e.tensor[1].data_bytes, 8);
    ff_shape shape = {4, {1, 3, 8, 8}}, other = {4, {1, 3, 8, 9}};
    assert_int_equal(ff_env_tensor_expect(&e.tensor[0], FF_DTYPE_F32, &shape, &err), FF_OK);
    assert_int_equal(ff_env_tensor_expect(&e.tensor[0], FF_DTYPE_F32, &other, &err), FF_FORMAT);
    assert_non_null(strstr(err.message, "1x3x8x9"));
    assert_non_null(strstr(err.message, "1x3x8x8"));
    assert_int_equal(ff_env_tensor_expect(&e.tensor[0], FF_DTYPE_F16, &shape, &err), FF_FORMAT);
    ff_envelope_clean(&e);
    ff_buf_clean(&buf);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        ff_code code;
        const char *message;
    } rows[] = {
        {"\"fanfold\":1,", "", FF_FORMAT, "fanfold"},
        {"\"fanfold\":1", "\"fanfold\":2", FF_UNSUPPORTED, "found 2"},
        {"\"fanfold\":1", "\"fanfold\":\"describe\"", FF_FORMAT, "fanfold"}, /* for masters */
        {"\"deployment\":\"ocr\",", "", FF_FORMAT, "deployment"},
        {"\"requestId\":\"id-1\"", "\"requestId\":\"../id\"", FF_FORMAT, "../id"},
        {"\"requestId\":\"id-1\"", "\"requestId\":\"\"", FF_FORMAT, "requestId"},
        {"\"requestId\":\"id-1\"", "\"requestId\":\"a\\u0000b\"", FF_FORMAT, "NUL"},
        {"2026-01-01_", "2026-01-01 ", FF_FORMAT, "timestamp"},
        {"\"stage\":2", "\"stage\":-1", FF_FORMAT, "stage"},
        {"\"stage\":2", "\"stage\":1024", FF_FORMAT, "stage"},
        {"\"stage\":2", "\"stage\":1e3", FF_FORMAT, "stage"},
        {"\"function\":\"w5\",", "", FF_FORMAT, "function"},
        {"\"policy\":\"800KB\"", "\"policy\":\"auto-best\"", FF_FORMAT, "auto-best"},
        {"\"policy\":\"800KB\"", "\"thresholds\":7", FF_FORMAT, "thresholds"},
        {"\"policy\":\"800KB\"", "\"thresholds\":[]", FF_LIMIT, "found 0"},
        {"\"policy\":\"800KB\"", "\"thresholds\":[1,-1]", FF_FORMAT, "element 1"},
        {"\"policy\":\"800KB\"", "\"thresholds\":[1.5]", FF_FORMAT, "element 0"},
        {"\"policy\":\"800KB\"", "\"policy\":\"quick\"", FF_FORMAT, "quick"},
        {"\"policy\":\"800KB\"", "\"policy\":-1", FF_FORMAT, "policy"},
        {"\"deadlineMs\":1767225600123", "\"deadlineMs\":\"soon\"", FF_FORMAT, "deadlineMs"},
        {"\"name\":\"x\",", "", FF_FORMAT, "name"},
        {"\"name\":\"y\"", "\"name\":\"x\"", FF_FORMAT, "twice"},
        {"\"dtype\":\"float32\"", "\"dtype\":\"string\"", FF_FORMAT, "string"},
        {"\"dtype\":\"float32\"", "\"dtype\":1", FF_FORMAT, "dtype"},
        {"[1,3,8,8]", "[1,3,8,0]", FF_FORMAT, "axis 3"},
        {"[1,3,8,8]", "[1,3,8,-8]", FF_FORMAT, "axis 3"},
        {"[1,3,8,8]", "[1,1,1,1,1,1,1,1,1]", FF_LIMIT, "rank 9"},
        {"[1,3,8,8]", "[4000000000,4000000000]", FF_LIMIT, "elements"},
        {"[1,3,8,8]", "[9223372036854775807,9223372036854775807,4]", FF_LIMIT, "elements"},
        {"[1,3,8,8]", "[18446744073709551615]", FF_FORMAT, "axis 0"},
        {"[1,3,8,8]", "{}", FF_FORMAT, "shape"},
        {"\"route\":\"inline\"", "\"route\":\"pigeon\"", FF_FORMAT, "pigeon"},
        {"\"codec\":\"raw\"", "\"codec\":\"zero\"", FF_UNSUPPORTED, "zero"},
        {"0000beef", "0000bee", FF_FORMAT, "8 hex"},
        {"0000beef", "0000beefa", FF_FORMAT, "8 hex"},
        {"0000beef", "0000BEEF", FF_FORMAT, "8 hex"},
        {"\"data\":\"QUJD\"", "\"dat\":\"QUJD\"", FF_FORMAT, "data"},
        {"runs/ocr/t", "runs/other/t", FF_DENIED, "runs/other"},
        {"runs/ocr/t", "runs/ocr/../x", FF_DENIED, ".."},
        {"\"bytes\":136,\"key\"", "\"bytes\":136,\"ky\"", FF_FORMAT, "key"},
        {"\"tensors\"", "\"tensor\"", FF_FORMAT, "tensors"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[2048];
        const char *at = strstr(TASK, rows[i].from);
        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - TASK), TASK, rows[i].to,
                 at + strlen(rows[i].from));
        ff_envelope e = {.count = 77};
        ff_buf buf;
        ff_err err = {0};
        ff_code code = parse(FF_ENV_TASK, text, strlen(text), &e, &buf, &err);
        if (code != rows[i].code || !strstr(err.message, rows[i].message))
            fail_msg("row %zu: %s: %s", i, ff_code_name(code), err.message);
        assert_int_equal(e.count, 77); /* untouched */
        ff_buf_clean(&buf);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        ff_env_kind kind;
        const char *text;
        ff_code code;
    } rows[] = {
        {FF_ENV_REQUEST, "{\"tensors\":[]}", FF_OK},
        {FF_ENV_REQUEST, "{\"fanfold\":\"describe\"}", FF_OK},
        {FF_ENV_REQUEST, "{\"fanfold\":\"explode\",\"tensors\":[]}", FF_FORMAT},
        {FF_ENV_REQUEST, "{\"tensors\":[],\"outputs\":[]}", FF_LIMIT},
        {FF_ENV_REQUEST, "{\"tensors\":[],\"outputs\":[1]}", FF_FORMAT},
        {FF_ENV_REQUEST, "{\"tensors\":[],\"outputs\":null,\"policy\":null,\"trace\":null}", FF_OK},
        {FF_ENV_REQUEST, "{\"tensors\":[],\"trace\":1}", FF_FORMAT},
        {FF_ENV_REQUEST, "{\"tensors\":[],\"policy\":800000}", FF_OK},
        {FF_ENV_RESULT, "{\"fanfold\":1,\"requestId\":\"a\",\"stage\":0,\"tensors\":[]}",
         FF_FORMAT},
        {FF_ENV_RESULT,
         "{\"fanfold\":1,\"requestId\":\"a\",\"stage\":0,\"function\":\"w\",\"tensors\":[]}",
         FF_OK},
        {FF_ENV_RESULT,
         "{\"fanfold\":1,\"requestId\":\"a\",\"stage\":0,\"function\":\"w\",\"tensors\":[],"
         "\"times\":{\"get_ms\":1}}",
         FF_FORMAT},
        {FF_ENV_REPLY, "{\"fanfold\":1,\"requestId\":\"a\",\"tensors\":[]}", FF_FORMAT},
        {FF_ENV_REPLY, "{\"fanfold\":1,\"requestId\":\"a\",\"tensors\":[],\"latency_ms\":3}",
         FF_OK},
        {FF_ENV_TASK, "[]", FF_FORMAT},
        {FF_ENV_TASK, "7", FF_FORMAT},
        {FF_ENV_TASK, "null", FF_FORMAT},
        {FF_ENV_TASK, "", FF_FORMAT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_envelope e = {0};
        ff_buf buf;
        ff_err err = {0};
        ff_code code = parse(rows[i].kind, rows[i].text, strlen(rows[i].text), &e, &buf, &err);
        if (code != rows[i].code)
            fail_msg("row %zu: %s: %s", i, ff_code_name(code), err.message);
        ff_envelope_clean(&e);
        ff_buf_clean(&buf);
    }
}

static void test_no_store_no_keys(void **state)
{
    (void)state;
    ff_envelope e = {0};
    ff_buf buf;
    ff_buf_init(&buf, 0);
    assert_int_equal(ff_buf_append(&buf, TASK, strlen(TASK), NULL), FF_OK);
    assert_int_equal(ff_envelope_parse(FF_ENV_TASK, &buf, NULL, &e, NULL), FF_DENIED);
    ff_buf_clean(&buf);
}

static void test_cut_short_and_deep(void **state)
{
    (void)state;
    ff_err err = {0};
    for (size_t cut = 0; cut < strlen(TASK); cut++) {
        ff_envelope e = {0};
        ff_buf buf;
        assert_int_equal(parse(FF_ENV_TASK, TASK, cut, &e, &buf, &err), FF_FORMAT);
        ff_buf_clean(&buf);
    }
    char *deep = malloc(1000000);
    assert_non_null(deep);
    memset(deep, '[', 1000000);
    ff_envelope e = {0};
    ff_buf buf;
    assert_int_equal(parse(FF_ENV_TASK, deep, 1000000, &e, &buf, &err), FF_LIMIT);
    ff_buf_clean(&buf);
    free(deep);
}

static void test_too_many(void **state)
{
    (void)state;
    ff_buf buf;
    ff_envelope e = {0};
    ff_err err = {0};
    ff_buf_init(&buf, 0);
    assert_int_equal(ff_buf_text(&buf, "{\"tensors\":[0", NULL), FF_OK);
    for (int i = 0; i < (int)FF_MAX_ENVELOPE_TENSORS; i++)
        assert_int_equal(ff_buf_text(&buf, ",0", NULL), FF_OK);
    assert_int_equal(ff_buf_text(&buf, "]}", NULL), FF_OK);
    assert_int_equal(ff_envelope_parse(FF_ENV_REQUEST, &buf, NULL, &e, &err), FF_LIMIT);
    assert_non_null(strstr(err.message, "257"));
    ff_buf_clean(&buf);
}

/* Every allocation may fail; none is forgotten. */
static void test_torture(void **state)
{
    (void)state;
    ff_code code = FF_NO_MEMORY;
    uint64_t n = 0;
    while (code == FF_NO_MEMORY && ++n < 50) {
        ff_envelope e = {0};
        ff_buf buf;
        ff_err err = {0};
        ff_buf_init(&buf, 0);
        assert_int_equal(ff_buf_append(&buf, TASK, strlen(TASK), NULL), FF_OK);
        ff_mem_fail_at(n);
        code = ff_envelope_parse(FF_ENV_TASK, &buf, FOLDER, &e, &err);
        ff_mem_fail_at(0);
        ff_envelope_clean(&e);
        ff_buf_clean(&buf);
    }
    assert_int_equal(code, FF_OK);
    assert_true(n > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_no_store_no_keys),
        cmocka_unit_test(test_cut_short_and_deep),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
