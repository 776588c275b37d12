/* The table: names, and sizes against published counts. */
#include "zoo/zoo.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/random.h"
#include "engine/engine.h"
#include "graph/onnx.h"

static void counts(void **state)
{
    (void)state;
    /* parameters and multiply-adds as published (torchvision, Gluon, He et al., Simonyan et al.); a
     * BatchNormalization's running mean and variance count here, so ours are up to 0.3 % more */
    static const struct {
        const char *name;
        double parameters, gmacs;
    } cases[] = {
        {"resnet50-v1", 25.56e6, 3.87}, {"resnet50-v2", 25.55e6, 4.1},  {"vgg11", 132.86e6, 7.61},
        {"vgg16", 138.36e6, 15.47},     {"vgg19", 143.67e6, 19.63},     {"wrn34-1", 21.80e6, 3.66},
        {"wrn50-1", 25.56e6, 4.09},     {"resnet152-v2", 60.2e6, 11.6}, {"wrn50-3", 217.3e6, 35.8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool found = false;
        for (int k = 0; k < ff_zoo_count(); k++) {
            ff_zoo_info info;
            assert_int_equal(ff_zoo_info_at(k, &info, NULL), FF_OK);
            if (strcmp(info.name, cases[i].name) != 0)
                continue;
            found = true;
            assert_true((double)info.parameters > 0.997 * cases[i].parameters);
            assert_true((double)info.parameters < 1.006 * cases[i].parameters);
            assert_true((double)info.flops / 2e9 > 0.97 * cases[i].gmacs);
            assert_true((double)info.flops / 2e9 < 1.03 * cases[i].gmacs);
        }
        assert_true(found);
    }
    ff_zoo_info info;
    assert_int_equal(ff_zoo_info_at(-1, &info, NULL), FF_NOT_FOUND);
    assert_int_equal(ff_zoo_info_at(ff_zoo_count(), &info, NULL), FF_NOT_FOUND);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int num, den, opset;
        ff_code code;
        const char *says;
    } cases[] = {
        {"resnet51", 1, 1, 0, FF_NOT_FOUND, "wrn50-K"},
        {"", 1, 1, 0, FF_NOT_FOUND, "vgg16"},
        {"wrn50-9", 1, 1, 0, FF_NOT_FOUND, "K = 1 to 8"},
        {"wrn50-0", 1, 1, 0, FF_NOT_FOUND, "K = 1"},
        {"wrn50-K", 1, 1, 0, FF_NOT_FOUND, "K = 1"},
        {"vgg11", -1, 2, 0, FF_USAGE, "-1/2"},
        {"vgg11", 1, 100, 0, FF_USAGE, "1/100"},
        {"vgg11", 1, 8, 5, FF_USAGE, "found 5"},
        {"wrn50-33", 1, 8, 0, FF_NOT_FOUND, "K = 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ff_zoo_options options = {.width_num = cases[i].num, .width_den = cases[i].den};
        options.opset = cases[i].opset;
        ff_err err = {0};
        assert_int_equal(ff_zoo_write(cases[i].name, &options, "refused.onnx", &err),
                         cases[i].code);
        assert_non_null(strstr(err.message, cases[i].says));
        assert_false(ff_file_exists("refused.onnx"));
    }
}

static void random_image(uint64_t seed, ff_tensor *image)
{
    const ff_shape shape = {4, {1, 3, 224, 224}};
    ff_random random;
    assert_int_equal(ff_tensor_new(FF_DTYPE_F32, &shape, image, NULL), FF_OK);
    ff_random_init(&random, seed);
    float *at = (float *)(void *)image->data;
    for (size_t i = 0; i < image->bytes / sizeof *at; i++)
        at[i] = (float)ff_random_normal(&random);
}

/* Of the elements of a vector. */
static double deviation(const ff_tensor *a, const ff_tensor *minus)
{
    const float *x = (const float *)(const void *)a->data;
    const float *y = minus == NULL ? NULL : (const float *)(const void *)minus->data;
    size_t count = a->bytes / sizeof *x;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        double d = (double)x[i] - (y == NULL ? 0 : (double)y[i]);
        sum += d;
        squares += d * d;
    }
    return sqrt(squares / (double)count - (sum / (double)count) * (sum / (double)count));
}

/* Outputs of order 1 that depend on the input, through the deepest network too. */
static void sane_activations(void **state)
{
    (void)state;
    static const char *const names[] = {"resnet50-v1", "resnet152-v2", "vgg16", "wrn34-1",
                                        "wrn50-2"};
    ff_engine *engine = NULL;
    assert_int_equal(ff_engine_new(0, &engine, NULL), FF_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const ff_zoo_options options = {.width_num = 1, .width_den = 8, .seed = i};
        const ff_session_options plain = {.plain = true};
        ff_session *session = NULL;
        ff_tensor image[2] = {{0}}, out[2] = {{0}};
        char path[64];
        snprintf(path, sizeof path, "zoo-%d.onnx", (int)getpid());
        ff_err err = {0};
        if (ff_zoo_write(names[i], &options, path, &err) != FF_OK ||
            ff_session_open(engine, path, &plain, &session, &err) != FF_OK)
            fail_msg("%s", err.message);
        assert_string_equal(ff_session_in_name(session, 0), "input");
        assert_string_equal(ff_session_out_name(session, 0), "output");
        for (int k = 0; k < 2; k++) {
            random_image((uint64_t)k + 1, &image[k]);
            assert_int_equal(ff_session_run(session, &image[k], 1, &out[k], 1, NULL), FF_OK);
            assert_int_equal(out[k].shape.dim[1], 1000);
        }
        double each = deviation(&out[0], NULL), between = deviation(&out[0], &out[1]);
        if (!(each > 0.05 && each < 20 && between > 0.1 * each))
            fail_msg("%s: outputs deviate by %g, between inputs by %g", names[i], each, between);
        for (int k = 0; k < 2; k++) {
            ff_tensor_clean(&image[k]);
            ff_tensor_clean(&out[k]);
        }
        ff_session_close(session);
        (void)unlink(path);
    }
    ff_engine_free(engine);
}

/* The same file for the same seed, another one for another; large networks keep weights outside. */
static void files(void **state)
{
    (void)state;
    ff_buf file[3];
    for (int i = 0; i < 3; i++) {
        const ff_zoo_options options = {.width_num = 1, .width_den = 16, .seed = i == 2};
        ff_buf_init(&file[i], 0);
        assert_int_equal(ff_zoo_write("wrn34-2", &options, "zoo-file.onnx", NULL), FF_OK);
        assert_int_equal(ff_file_read("zoo-file.onnx", 1u << 30, &file[i], NULL), FF_OK);
    }
    assert_int_equal(file[0].len, file[1].len);
    assert_memory_equal(file[0].data, file[1].data, file[0].len);
    assert_int_equal(file[0].len, file[2].len);
    assert_memory_not_equal(file[0].data, file[2].data, file[0].len);
    for (int i = 0; i < 3; i++)
        ff_buf_clean(&file[i]);
    ff_graph *g = NULL;
    assert_int_equal(ff_onnx_load("zoo-file.onnx", NULL, 0, &g, NULL), FF_OK);
    assert_int_equal(g->opsets[0].version, 13);
    assert_int_equal(g->values[g->outputs[0]].shape.dim[1], 1000);
    ff_graph_free(g);
    (void)unlink("zoo-file.onnx");
    ff_err err = {0};
    assert_int_not_equal(ff_zoo_write("vgg11", &(ff_zoo_options){.width_num = 1, .width_den = 64},
                                      "no/such/folder/x.onnx", &err),
                         FF_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),
        cmocka_unit_test(refusals),
        cmocka_unit_test(sane_activations),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
