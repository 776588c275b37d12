/* Sessions: what runs is what arithmetic says; what is malformed is refused with its reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "engine/engine.h"
#include "support/tiny_onnx.h"

static ff_engine *engine;

static int setup(void **state)
{
    (void)state;
    return ff_engine_new(2, &engine, NULL) == FF_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    ff_engine_free(engine);
    return 0;
}

/* sum = a + b, product = a * b over [n, 3] */
static void add_model(ff_buf *out)
{
    tiny_onnx t = tiny_new();
    tiny_input(&t, "a", 2, (int64_t[]){0, 3});
    tiny_input(&t, "b", 2, (int64_t[]){0, 3});
    tiny_output(&t, "sum", 2, (int64_t[]){0, 3});
    tiny_output(&t, "product", 2, (int64_t[]){0, 3});
    tiny_node(&t, "Add", "a b", "sum", NULL, 0);
    tiny_node(&t, "Mul", "a b", "product", NULL, 0);
    tiny_emit(&t, out);
    tiny_clean(&t);
}

static ff_session *open_add(const ff_session_options *options)
{
    ff_buf model = {0};
    ff_session *session = NULL;
    ff_err err = {0};
    add_model(&model);
    ff_code code =
        ff_session_open_bytes(engine, ff_buf_view(&model), NULL, options, &session, &err);
    if (code)
        print_error("%s\n", err.message);
    assert_int_equal(code, FF_OK);
    ff_buf_clean(&model);
    return session;
}

static ff_tensor view(float *values, int64_t rows, int64_t columns)
{
    ff_tensor t;
    ff_shape shape = {2, {rows, columns}};
    assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &shape, values,
                                    (size_t)(rows * columns) * sizeof(float), &t, NULL),
                     FF_OK);
    return t;
}

static void test_run(void **state)
{
    (void)state;
    static const ff_session_options kinds[] = {{0}, {.plain = true}, {.stored = true}};
    float a[7] = {0, 1, 2, 3, 4, 5, 6}, b[6] = {10, 20, 30, 40, 50, 60};
    for (size_t k = 0; k < 3; k++) {
        ff_session *session = open_add(&kinds[k]);
        ff_tensor in[2] = {view(a + 1, 2, 3), view(b, 2, 3)}, out[2] = {{0}};
        assert_int_equal(ff_session_in_count(session), 2);
        assert_int_equal(ff_session_out_count(session), 2);
        assert_string_equal(ff_session_in_name(session, 1), "b");
        assert_string_equal(ff_session_out_name(session, 1), "product");
        assert_int_equal(ff_session_run(session, in, 2, out, 2, NULL), FF_OK);
        for (int i = 0; i < 6; i++) {
            assert_true(((float *)out[0].data)[i] == a[i + 1] + b[i]);
            assert_true(((float *)out[1].data)[i] == a[i + 1] * b[i]);
        }
        assert_int_equal(out[0].shape.rank, 2);
        assert_int_equal(out[0].shape.dim[0], 2);
        assert_int_equal(out[0].bytes, 24);
        ff_tensor_clean(&out[0]);
        ff_tensor_clean(&out[1]);
        in[0] = view(a, 0, 3); /* nothing in, nothing out */
        in[1] = view(b, 0, 3);
        in[0].data = NULL;
        assert_int_equal(ff_session_run(session, in, 2, out, 2, NULL), FF_OK);
        assert_int_equal(out[0].bytes, 0);
        ff_tensor_clean(&out[0]);
        ff_tensor_clean(&out[1]);
        ff_session_close(session);
    }
}

static void test_inputs_refused(void **state)
{
    (void)state;
    float values[12] = {0};
    ff_session *session = open_add(NULL);
    ff_tensor good = view(values, 2, 3), out[2] = {{.bytes = 7}};
    ff_tensor wide = view(values, 3, 4), typed = good, flat = good, cut = good;
    typed.dtype = FF_DTYPE_I32;
    flat.shape = (ff_shape){1, {6}};
    cut.bytes = 23;
    struct {
        ff_tensor *bad;
        const char *message;
    } rows[] = {
        {&wide, "input \"b\": float32 -1x3 wanted, found float32 3x4"},
        {&typed, "input \"b\": float32 -1x3 wanted, found int32 2x3"},
        {&flat, "input \"b\": float32 -1x3 wanted, found float32 6"},
        {&cut, "input \"b\": 24 bytes wanted, found 23"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_tensor in[2] = {good, *rows[i].bad};
        ff_err err = {0};
        assert_int_equal(ff_session_run(session, in, 2, out, 2, &err), FF_FORMAT);
        assert_string_equal(err.message, rows[i].message);
        assert_int_equal(out[0].bytes, 7);
    }
    ff_tensor in[2] = {good, good};
    in[1].shape.dim[0] = 1; /* fits the declaration; the sizes clash within the graph or not */
    in[1].bytes = 12;
    ff_err err = {0};
    assert_int_equal(ff_session_run(session, in, 1, out, 2, &err), FF_FORMAT);
    assert_int_equal(ff_session_run(session, in, 2, out, 1, &err), FF_FORMAT);
    assert_int_equal(ff_session_run(session, in, 2, out, 2, &err), FF_OK); /* broadcasting */
    ff_tensor_clean(&out[0]);
    ff_tensor_clean(&out[1]);
    in[0] = view(values, 4, 3);
    in[1] = good; /* 4 rows and 2 rows: only running tells */
    assert_int_equal(ff_session_run(session, in, 2, out, 2, &err), FF_INTERNAL);
    assert_non_null(strstr(err.message, "running a model: "));
    ff_session_close(session);
}

static void test_models_refused(void **state)
{
    (void)state;
    ff_buf model = {0};
    ff_session *session = NULL;
    ff_err err = {0};
    static const char text[] = "this is no model";
    assert_int_equal(ff_session_open(engine, "/nonexistent/m.onnx", NULL, &session, &err),
                     FF_NOT_FOUND);
    assert_string_equal(err.file, "/nonexistent/m.onnx");
    assert_int_equal(
        ff_session_open_bytes(engine, ff_bytes_of(text, 16), NULL, NULL, &session, &err),
        FF_FORMAT);
    assert_int_equal(ff_session_open_bytes(engine, (ff_bytes){0}, NULL, NULL, &session, &err),
                     FF_FORMAT);
    add_model(&model);
    int refused = 0;
    for (size_t len = 1; len < model.len; len++) { /* no truncation crashes */
        ff_code code =
            ff_session_open_bytes(engine, ff_bytes_of(model.data, len), NULL, NULL, &session, &err);
        refused += code != FF_OK;
        if (code == FF_OK) { /* a cut that is a whole message of its own */
            ff_session_close(session);
            session = NULL;
        }
    }
    assert_true(refused > (int)model.len / 2);
    ff_buf_clean(&model);

    tiny_onnx t = tiny_new();
    tiny_input(&t, "a", 1, (int64_t[]){3});
    tiny_output(&t, "y", 1, (int64_t[]){3});
    tiny_node(&t, "NoSuchOp", "a", "y", NULL, 0);
    tiny_emit(&t, &model);
    ff_code code = ff_session_open_bytes(engine, ff_buf_view(&model), NULL, NULL, &session, &err);
    assert_int_equal(code, FF_FORMAT);
    assert_non_null(strstr(err.message, "NoSuchOp"));
    assert_null(strchr(err.message, '\n'));
    assert_null(session);
    tiny_clean(&t);
    ff_buf_clean(&model);
}

typedef struct worker {
    ff_session *session;
    float add;
    int wrong;
} worker;

static void *run_many(void *argument)
{
    worker *w = argument;
    for (int round = 0; round < 200; round++) {
        float a[6], b[6];
        for (int i = 0; i < 6; i++) {
            a[i] = (float)(round + i);
            b[i] = w->add;
        }
        ff_shape shape = {2, {2, 3}};
        ff_tensor in[2], out[2];
        for (int i = 0; i < 2; i++)
            w->wrong +=
                ff_tensor_view(FF_DTYPE_F32, &shape, i ? b : a, sizeof a, &in[i], NULL) != FF_OK;
        if (ff_session_run(w->session, in, 2, out, 2, NULL)) {
            w->wrong++;
            continue;
        }
        for (int i = 0; i < 6; i++)
            w->wrong += ((float *)out[0].data)[i] != a[i] + b[i];
        ff_tensor_clean(&out[0]);
        ff_tensor_clean(&out[1]);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    ff_session *session = open_add(NULL);
    worker workers[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        workers[i] = (worker){session, (float)(1000 * i), 0};
        assert_int_equal(pthread_create(&threads[i], NULL, run_many, &workers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].wrong, 0);
    }
    ff_session_close(session);
}

static void test_engines(void **state)
{
    (void)state;
    ff_engine *other = NULL;
    ff_err err;
    assert_int_equal(ff_engine_new(-1, &other, &err), FF_USAGE);
    assert_int_equal(ff_engine_new(5000, &other, &err), FF_USAGE);
    assert_null(other);
    for (int round = 0; round < 3; round++) { /* one environment, several users */
        assert_int_equal(ff_engine_new(0, &other, &err), FF_OK);
        ff_engine_free(other);
    }
    ff_engine_free(NULL);
    ff_session_close(NULL);
    assert_true(strtod(ff_engine_version(), NULL) >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_inputs_refused),
        cmocka_unit_test(test_models_refused),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_engines),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
