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
#include "zoo/published.h"

static void counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < PUBLISHED_COUNT; i++) {
        const published *p = &PUBLISHED[i];
        bool found = false;
        for (int k = 0; k < ff_zoo_count(); k++) {
            ff_zoo_info info;
            assert_int_equal(ff_zoo_info_at(k, &info, NULL), FF_OK);
            if (strcmp(info.name, p->name) != 0)
                continue;
            found = true;
            double room = p->exact ? 0 : 0.001 * p->parameters, gmacs = (double)info.flops / 2e9;
            if (fabs((double)info.parameters - p->parameters) > room ||
                (p->gmacs > 0 && fabs(gmacs - p->gmacs) > 0.03 * p->gmacs))
                fail_msg("%s: %llu parameters, published %.0f; %.3f G multiply-adds, published %g",
                         p->name, (unsigned long long)info.parameters, p->parameters, gmacs,
                         p->gmacs);
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
        {"vit-b16", 1, 8, 12, FF_USAGE, "13 to 21, found 12"},
        {"unet", 1, 8, 22, FF_USAGE, "9 to 21, found 22"},
        {"rnn-0", 1, 8, 0, FF_NOT_FOUND, "rnn-K (K = 1 to 18)"},
        {"rnn-19", 1, 8, 0, FF_NOT_FOUND, "rnn-K"},
        {"rnn-03", 1, 8, 0, FF_NOT_FOUND, "rnn-K"},
        {"rnn-", 1, 8, 0, FF_NOT_FOUND, "rnn-K"},
        {"rnn-99999999999999999999", 1, 8, 0, FF_NOT_FOUND, "rnn-K"},
        {"rnn-3x", 1, 8, 0, FF_NOT_FOUND, "rnn-K"},
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

/* Normal numbers; words below 1000, none of them masked. */
static void random_input(uint64_t seed, const ff_value *value, ff_tensor *input)
{
    ff_random random;
    assert_int_equal(ff_tensor_new(value->dtype, &value->shape, input, NULL), FF_OK);
    ff_random_init(&random, seed);
    size_t each = ff_dtype_bytes(value->dtype);
    for (size_t at = 0; at < input->bytes; at += each) {
        float number = (float)ff_random_normal(&random);
        int64_t word = strcmp(value->name, "attention_mask") == 0
                           ? 1
                           : (int64_t)ff_random_below(&random, 1000);
        memcpy(input->data + at, value->dtype == FF_DTYPE_F32 ? (void *)&number : (void *)&word,
               each);
    }
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

/* The network's file as a graph with all shapes known. */
static ff_graph *load(const char *name, const char *path)
{
    ff_graph *g = NULL;
    ff_err err = {0};
    if (ff_onnx_load(path, NULL, 0, &g, &err) != FF_OK)
        fail_msg("%s: %s", name, err.message);
    for (int v = 0; v < g->value_count; v++)
        if (!g->values[v].has_shape || g->values[v].dtype == FF_DTYPE_NONE)
            fail_msg("%s: the shape of '%s' is not known", name, g->values[v].name);
    return g;
}

/* Runs twice, on inputs that differ; of all outputs the first one is compared. */
static void run_twice(ff_session *session, const ff_graph *g, const char *name)
{
    ff_tensor first[2] = {{0}};
    assert_true(g->input_count <= 2 && g->output_count <= 2);
    assert_int_equal(ff_session_in_count(session), g->input_count);
    for (int k = 0; k < 2; k++) {
        ff_tensor in[2] = {{0}}, out[2] = {{0}};
        for (int i = 0; i < g->input_count; i++) {
            assert_string_equal(ff_session_in_name(session, i), g->values[g->inputs[i]].name);
            random_input((uint64_t)k + 1, &g->values[g->inputs[i]], &in[i]);
        }
        ff_err err = {0};
        if (ff_session_run(session, in, g->input_count, out, g->output_count, &err) != FF_OK)
            fail_msg("%s: %s", name, err.message);
        for (int i = 0; i < g->output_count; i++)
            assert_true(ff_shape_equal(&out[i].shape, &g->values[g->outputs[i]].shape));
        first[k] = out[0];
        ff_tensor_clean(&out[1]);
        ff_tensor_clean(&in[0]);
        ff_tensor_clean(&in[1]);
    }
    double each = deviation(&first[0], NULL), between = deviation(&first[0], &first[1]);
    /* noise hardly moves the gates' means */
    double least = strstr(name, "efficientnet") != NULL ? 0.01 : 0.1;
    if (!(each > 0.05 && each < 20 && between > least * each))
        fail_msg("%s: outputs deviate by %g, between inputs by %g", name, each, between);
    ff_tensor_clean(&first[0]);
    ff_tensor_clean(&first[1]);
}

/* Outputs of order 1 that depend on the input, through the deepest network too. */
static void sane_activations(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int opset;
    } cases[] = {{"resnet50-v1", 0},  {"resnet152-v2", 0}, {"vgg16", 0},
                 {"wrn34-1", 0},      {"wrn50-2", 0},      {"wrn50-5", 0},
                 {"densenet121", 0},  {"inception-v3", 0}, {"mobilenet-v2", 0},
                 {"mobilenet-v2", 9}, {"unet", 0},         {"efficientnet-b0", 0},
                 {"vit-b16", 0},      {"vit-b16", 13},     {"vit-b16", 18},
                 {"bert-base", 0},    {"bert-base", 13},   {"gpt2-small", 0},
                 {"rnn-1", 0},        {"rnn-3", 0},        {"efficientnet-b0", 21}};
    ff_engine *engine = NULL;
    assert_int_equal(ff_engine_new(0, &engine, NULL), FF_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const ff_zoo_options options = {
            .width_num = 1, .width_den = 8, .seed = i, .opset = cases[i].opset};
        const ff_session_options plain = {.plain = true};
        ff_session *session = NULL;
        char path[64];
        snprintf(path, sizeof path, "zoo-%d.onnx", (int)getpid());
        ff_err err = {0};
        if (ff_zoo_write(cases[i].name, &options, path, &err) != FF_OK ||
            ff_session_open(engine, path, &plain, &session, &err) != FF_OK)
            fail_msg("%s: %s", cases[i].name, err.message);
        ff_graph *g = load(cases[i].name, path);
        run_twice(session, g, cases[i].name);
        ff_graph_free(g);
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

/* docs/zoo.md has the table as it is; a failure prints the one that it should have. */
static void table_is_current(void **state)
{
    (void)state;
    ff_buf doc, table;
    ff_buf_init(&doc, 0);
    ff_buf_init(&table, 0);
    assert_int_equal(ff_file_read(FF_SOURCE_DIR "/docs/zoo.md", 1u << 20, &doc, NULL), FF_OK);
    assert_int_equal(ff_buf_append(&doc, "", 1, NULL), FF_OK);
    assert_int_equal(published_table(&table), FF_OK);
    assert_int_equal(ff_buf_append(&table, "", 1, NULL), FF_OK);
    if (strstr((const char *)doc.data, (const char *)table.data) == NULL) {
        (void)fputs((const char *)table.data, stdout); /* too long for fail_msg */
        fail_msg("docs/zoo.md should have the table above");
    }
    ff_buf_clean(&doc);
    ff_buf_clean(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),   cmocka_unit_test(table_is_current),
        cmocka_unit_test(refusals), cmocka_unit_test(sane_activations),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
