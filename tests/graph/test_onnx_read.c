/* ONNX files as a whole: good ones, truncated ones, contradictions, opsets, memory. */
#include "graph/onnx.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/guard.h"
#include "support/onnx_make.h"

/* Conv with a weight, a Constant and typed data, shape arithmetic, an unknown op: a bit of all. */
static void small_model(ff_buf *file)
{
    static float w[4 * 3 * 3 * 3];
    static const int64_t two[2] = {1, -1}, pads[4] = {1, 1, 1, 1};
    onnx_make m;
    ff_buf t = {0};
    om_init(&m, 13);
    om_input(&m, "x", FF_DTYPE_F32, "N,3,8,8");
    om_weight(&m, "w", FF_DTYPE_F32, "4,3,3,3", w, sizeof w);
    om_tensor(&t, "b", FF_DTYPE_F32, "4");
    for (int i = 0; i < 4; i++) {
        const float f = (float)i;
        ff_wire_put_tag(&t, 4, FF_WIRE_FIXED32, NULL);
        ff_buf_append(&t, &f, sizeof f, NULL);
    }
    om_initializer(&m, ff_buf_view(&t));
    om_attr_ints(&m, "pads", pads, 4);
    om_node(&m, "Conv", "x w b", "c");
    om_attr_ints(&m, "value_ints", two, 2);
    om_node(&m, "Constant", "", "shape");
    om_node(&m, "Reshape", "c shape", "r");
    om_attr_string(&m, "mode", "any");
    om_node_in(&m, "com.example", "Mystery", "r -", "y -");
    om_output(&m, "y");
    om_output(&m, "r");
    om_emit(&m, file);
    om_clean(&m);
    ff_buf_clean(&t);
}

static void a_small_model(void **state)
{
    (void)state;
    ff_buf file = {0};
    ff_graph *g = NULL;
    small_model(&file);
    assert_int_equal(ff_onnx_parse(ff_buf_view(&file), NULL, NULL, 0, &g, NULL), FF_OK);
    assert_int_equal(g->node_count, 3); /* the Constant became a weight */
    assert_string_equal(g->nodes[0].op, "Conv");
    assert_string_equal(g->nodes[0].name, "c");
    assert_string_equal(g->nodes[2].domain, "com.example");
    assert_int_equal(g->nodes[2].in[1], FF_NO_VALUE);
    assert_true(ff_node_string_is(&g->nodes[2], "mode", "any", ""));
    const ff_value *r = &g->values[ff_graph_find_value(g, "r")];
    assert_true(ff_shape_equal(&r->shape, &(ff_shape){2, {1, 256}}));
    assert_int_equal(g->values[ff_graph_find_value(g, "shape")].kind, FF_VALUE_WEIGHT);
    assert_int_equal(g->values[ff_graph_find_value(g, "shape")].known[1], -1);
    assert_false(g->values[ff_graph_find_value(g, "y")].has_shape);
    assert_int_equal(ff_graph_opset(g, ""), 13);
    assert_string_equal(g->name, "made");
    ff_graph_free(g);
    ff_buf_clean(&file);
}

/* At a guard page, so that a read past the end crashes. */
static void truncated_at_every_length(void **state)
{
    (void)state;
    ff_buf file = {0};
    small_model(&file);
    for (size_t len = 0; len < file.len; len++) {
        guard cut = guard_copy(file.data, len);
        ff_graph *g = NULL;
        ff_err err = {0};
        ff_code code = ff_onnx_parse(ff_bytes_of(cut.data, len), NULL, NULL, 0, &g, &err);
        assert_true(code == FF_FORMAT || code == FF_UNSUPPORTED);
        assert_null(g);
        assert_true(err.message[0] != '\0');
        guard_free(&cut);
    }
    ff_buf_clean(&file);
}

/* Every byte changed, in three ways: an error or a graph, never a crash. */
static void changed_at_every_byte(void **state)
{
    (void)state;
    static const uint8_t masks[3] = {0xff, 0x01, 0x80};
    ff_buf file = {0};
    size_t good = 0, bad = 0;
    small_model(&file);
    for (size_t i = 0; i < file.len * 3; i++) {
        guard g = guard_copy(file.data, file.len);
        ff_graph *graph = NULL;
        g.data[i / 3] ^= masks[i % 3];
        ff_code code = ff_onnx_parse(ff_bytes_of(g.data, g.len), NULL, NULL, 0, &graph, NULL);
        assert_true((code == FF_OK) == (graph != NULL));
        good += code == FF_OK;
        bad += code != FF_OK;
        ff_graph_free(graph);
        guard_free(&g);
    }
    assert_true(good > 0 && bad > 0);
    ff_buf_clean(&file);
}

/* The n-th allocation of the file's sizes fails, for every n. Leaks are ASan's to find. */
static void no_memory(void **state)
{
    (void)state;
    ff_buf file = {0};
    small_model(&file);
    for (uint64_t n = 1;; n++) {
        ff_graph *g = NULL;
        ff_err err = {0};
        ff_mem_fail_at(n);
        ff_code code = ff_onnx_parse(ff_buf_view(&file), NULL, NULL, 0, &g, &err);
        ff_mem_fail_at(0);
        if (code == FF_OK) {
            assert_true(n > 20); /* it did fail before */
            ff_graph_free(g);
            break;
        }
        assert_int_equal(code, FF_NO_MEMORY);
        assert_int_equal(err.code, FF_NO_MEMORY);
        assert_null(g);
    }
    ff_buf_clean(&file);
}

typedef struct wrong {
    const char *nodes[3]; /* "Op in in>out" */
    const char *outputs;
    ff_code code;
    const char *says;
} wrong;

static const wrong wrong_cases[] = {
    {{"Relu x>a", "Relu a>y"}, "y", FF_OK, ""},
    {{"Relu a>y", "Relu x>a"}, "y", FF_OK, ""}, /* out of order */
    {{"Relu x>a", "Add a nowhere>y"},
     "y",
     FF_FORMAT,
     "Add 'y' (node 1) reads 'nowhere', which nothing produces"},
    {{"Add x b>a", "Relu a>b", "Relu b>y"}, "y", FF_FORMAT, "cycle through"},
    {{"Relu x>a", "Relu x>a", "Relu a>y"}, "y", FF_FORMAT, "tensor 'a' is defined twice"},
    {{"Relu x>x"}, "x", FF_FORMAT, "tensor 'x' is defined twice"},
    {{"Relu x>w"}, "w", FF_FORMAT, "tensor 'w' is defined twice"},
    {{"Relu x>y"}, "z", FF_FORMAT, "graph output 'z' is produced by nothing"},
    {{"Relu x>y"}, "y y", FF_FORMAT, "'y' is listed twice"},
    {{"Relu x>y"}, "", FF_FORMAT, "has no outputs"},
    {{"Add x i>y"},
     "y",
     FF_FORMAT,
     "Add 'y' (node 0): inputs should have one type, but 'x' is "
     "float32 and 'i' is int64"},
    {{"Conv x w>y"}, "y", FF_FORMAT, "Conv 'y' (node 0)"},
    {{" x>y"}, "y", FF_FORMAT, "has no op_type"},
};

static void make_wrong(const wrong *c, ff_buf *file)
{
    static const float w[2] = {1, 2};
    static const int64_t i[2] = {1, 2};
    onnx_make m;
    char op[64], in[64];
    om_init(&m, 13);
    om_input(&m, "x", FF_DTYPE_F32, "2");
    om_weight(&m, "w", FF_DTYPE_F32, "2", w, sizeof w);
    om_weight(&m, "i", FF_DTYPE_I64, "2", i, sizeof i);
    for (int n = 0; n < 3 && c->nodes[n] != NULL; n++) {
        const char *blank = strchr(c->nodes[n], ' '), *arrow = strchr(c->nodes[n], '>');
        snprintf(op, sizeof op, "%.*s", (int)(blank - c->nodes[n]), c->nodes[n]);
        snprintf(in, sizeof in, "%.*s", (int)(arrow - blank - 1), blank + 1);
        om_node(&m, op, in, arrow + 1);
    }
    for (const char *p = c->outputs; *p != '\0'; p++) {
        const char name[2] = {*p, '\0'};
        if (*p != ' ') {
            om_output(&m, name);
        }
    }
    om_emit(&m, file);
    om_clean(&m);
}

static void contradictions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong_cases / sizeof *wrong_cases; i++) {
        ff_buf file = {0};
        ff_graph *g = NULL;
        ff_err err = {0};
        make_wrong(&wrong_cases[i], &file);
        ff_code code = ff_onnx_parse(ff_buf_view(&file), NULL, NULL, 0, &g, &err);
        if (code != wrong_cases[i].code || strstr(err.message, wrong_cases[i].says) == NULL) {
            fail_msg("wanted '%s', found %s '%s'", wrong_cases[i].says, ff_code_name(code),
                     err.message);
        }
        ff_graph_free(g);
        ff_buf_clean(&file);
    }
}

static void opsets(void **state)
{
    (void)state;
    static const struct {
        int64_t version;
        ff_code code;
    } cases[] = {{0, FF_UNSUPPORTED},  {6, FF_UNSUPPORTED}, {7, FF_OK},
                 {13, FF_OK},          {21, FF_OK},         {22, FF_OK},
                 {23, FF_UNSUPPORTED}, {-1, FF_UNSUPPORTED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        onnx_make m;
        ff_buf file = {0};
        ff_graph *g = NULL;
        ff_err err = {0};
        om_init(&m, cases[i].version);
        om_input(&m, "x", FF_DTYPE_F32, "2");
        om_node(&m, "Relu", "x", "y");
        om_output(&m, "y");
        om_emit(&m, &file);
        assert_int_equal(ff_onnx_parse(ff_buf_view(&file), NULL, NULL, 0, &g, &err), cases[i].code);
        if (g == NULL) {
            char number[32];
            snprintf(number, sizeof number, "opset %lld ",
                     (long long)(cases[i].version == 0 ? 1 : cases[i].version));
            assert_non_null(strstr(err.message, number));
        }
        ff_graph_free(g);
        ff_buf_clean(&file);
        om_clean(&m);
    }
}

/* A model may import other domains only; then it has no op of ONNX's own. */
static void other_domains_only(void **state)
{
    (void)state;
    for (int own = 0; own < 2; own++) {
        onnx_make m;
        ff_buf file = {0};
        ff_graph *g = NULL;
        ff_err err = {0};
        size_t mark = 0;
        om_init(&m, 0);
        assert_int_equal(ff_wire_open(&m.model, 8, &mark, NULL), FF_OK);
        assert_int_equal(ff_wire_put_text(&m.model, 1, "com.example", NULL), FF_OK);
        assert_int_equal(ff_wire_put_int(&m.model, 2, 1, NULL), FF_OK);
        ff_wire_close(&m.model, mark);
        om_input(&m, "x", FF_DTYPE_F32, "2");
        om_node_in(&m, own ? "" : "com.example", "Relu", "x", "y");
        om_output(&m, "y");
        om_emit(&m, &file);
        assert_int_equal(ff_onnx_parse(ff_buf_view(&file), NULL, NULL, 0, &g, &err),
                         own ? FF_FORMAT : FF_OK);
        assert_true(own == 0 || strstr(err.message, "Relu") != NULL);
        ff_graph_free(g);
        ff_buf_clean(&file);
        om_clean(&m);
    }
}

/* Every way a Constant node holds its elements. */
static void constants(void **state)
{
    (void)state;
    static const float floats[2] = {1.5f, 2.5f};
    static const int64_t ints[2] = {3, 4}, minus_seven = -7;
    onnx_make m;
    ff_buf file = {0}, t = {0};
    ff_graph *g = NULL;
    ff_err err = {0};
    om_init(&m, 13);
    om_tensor(&t, "", FF_DTYPE_F32, "2");
    ff_wire_put_bytes(&t, 9, ff_bytes_of(floats, sizeof floats), NULL);
    om_attr_tensor(&m, "value", ff_buf_view(&t));
    om_node(&m, "Constant", "", "a");
    om_attr_float(&m, "value_float", 1.5f);
    om_node(&m, "Constant", "", "b");
    om_attr_floats(&m, "value_floats", floats, 2);
    om_node(&m, "Constant", "", "c");
    om_attr_int(&m, "value_int", -7);
    om_node(&m, "Constant", "", "d");
    om_attr_ints(&m, "value_ints", ints, 2);
    om_node(&m, "Constant", "", "e");
    om_attr_string(&m, "value_string", "text");
    om_node(&m, "Constant", "", "f");
    for (const char *p = "a b c d e f"; *p != '\0'; p += p[1] == ' ' ? 2 : 1) {
        om_output(&m, (const char[2]){*p, '\0'});
    }
    om_emit(&m, &file);
    assert_int_equal(ff_onnx_parse(ff_buf_view(&file), NULL, NULL, 0, &g, &err), FF_OK);
    assert_int_equal(g->node_count, 1); /* the text stays a node */
    static const struct {
        const char *name;
        ff_dtype dtype;
        int rank;
        const void *data;
        size_t len;
    } wanted[] = {
        {"a", FF_DTYPE_F32, 1, floats, 8}, {"b", FF_DTYPE_F32, 0, floats, 4},
        {"c", FF_DTYPE_F32, 1, floats, 8}, {"d", FF_DTYPE_I64, 0, &minus_seven, 8},
        {"e", FF_DTYPE_I64, 1, ints, 16},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const ff_value *v = &g->values[ff_graph_find_value(g, wanted[i].name)];
        assert_int_equal(v->kind, FF_VALUE_WEIGHT);
        assert_int_equal(v->dtype, wanted[i].dtype);
        assert_int_equal(v->shape.rank, wanted[i].rank);
        assert_int_equal(v->data.len, wanted[i].len);
        assert_memory_equal(v->data.data, wanted[i].data, wanted[i].len);
    }
    ff_graph_free(g);
    ff_buf_clean(&file);
    ff_buf_clean(&t);
    om_clean(&m);
}

/* A file with a weight of 64 MB: what the graph takes for itself is small. */
static void weights_are_not_copied(void **state)
{
    (void)state;
    char path[] = "/tmp/ff-large-XXXXXX.onnx";
    int fd = mkstemps(path, 5);
    assert_true(fd >= 0);
    close(fd);
    size_t bytes = (size_t)64 << 20;
    float *w = calloc(1, bytes);
    assert_non_null(w);
    w[5] = 42.0f;
    onnx_make m;
    ff_buf file = {0};
    ff_graph *g = NULL;
    om_init(&m, 13);
    om_input(&m, "x", FF_DTYPE_F32, "1,4096");
    om_weight(&m, "w", FF_DTYPE_F32, "4096,4096", w, bytes);
    om_node(&m, "MatMul", "x w", "y");
    om_output(&m, "y");
    om_emit(&m, &file);
    assert_int_equal(ff_file_write(path, ff_buf_view(&file), NULL), FF_OK);
    ff_buf_clean(&file);
    om_clean(&m);
    free(w);
    assert_int_equal(ff_onnx_load(path, NULL, 0, &g, NULL), FF_OK);
    assert_true(ff_arena_bytes(g->arena) < (size_t)1 << 20);
    assert_int_equal(ff_graph_weight_bytes(g), bytes);
    assert_int_equal(g->map_count, 1);
    const ff_value *v = &g->values[ff_graph_find_value(g, "w")];
    assert_true(v->data.data > g->maps[0].data);
    assert_true(v->data.data + v->data.len <= g->maps[0].data + g->maps[0].len);
    float f;
    memcpy(&f, v->data.data + 5 * sizeof f, sizeof f);
    assert_true(f == 42.0f);
    assert_int_equal(ff_node_flops(g, 0), 2u * 4096 * 4096);
    ff_graph_free(g);
    unlink(path);
}

static void files_that_are_not_there(void **state)
{
    (void)state;
    ff_graph *g = NULL;
    ff_err err = {0};
    assert_int_equal(ff_onnx_load("/nonexistent/model.onnx", NULL, 0, &g, &err), FF_NOT_FOUND);
    assert_int_equal(ff_onnx_load("/tmp", NULL, 0, &g, &err), FF_IO);
    assert_int_equal(ff_onnx_load("/dev/null", NULL, 0, &g, &err) != FF_OK, 1);
    char path[] = "/tmp/ff-text-XXXXXX.onnx";
    int fd = mkstemps(path, 5);
    assert_int_equal(write(fd, "hello, world\n", 13), 13);
    close(fd);
    err = (ff_err){0};
    assert_int_equal(ff_onnx_load(path, NULL, 0, &g, &err), FF_FORMAT);
    assert_string_equal(err.file, path);
    assert_true(err.has_position);
    assert_non_null(strstr(err.message, "not an ONNX model"));
    assert_null(g);
    unlink(path);
}

/* The demo's model, where `make deps` has put it. */
static void a_real_model(void **state)
{
    (void)state;
    const char *path = FF_SOURCE_DIR "/third_party/ocr/ch_PP-OCRv4_det_infer.onnx";
    ff_graph *g = NULL;
    ff_err err = {0};
    if (!ff_file_exists(path)) {
        skip();
    }
    assert_int_equal(ff_onnx_load(path, NULL, 0, &g, &err), FF_USAGE);
    assert_non_null(strstr(err.message, "--shape x=1,3,"));
    const ff_onnx_shape shape = {"x", {4, {1, 3, 640, 640}}};
    assert_int_equal(ff_onnx_load(path, &shape, 1, &g, &err), FF_OK);
    for (int v = 0; v < g->value_count; v++) {
        assert_true(g->values[v].has_shape);
        assert_int_not_equal(g->values[v].dtype, FF_DTYPE_NONE);
    }
    const ff_shape *y = &g->values[g->outputs[0]].shape;
    assert_true(ff_shape_equal(y, &(ff_shape){4, {1, 1, 640, 640}}));
    ff_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_model),          cmocka_unit_test(truncated_at_every_length),
        cmocka_unit_test(changed_at_every_byte),  cmocka_unit_test(no_memory),
        cmocka_unit_test(contradictions),         cmocka_unit_test(opsets),
        cmocka_unit_test(other_domains_only),     cmocka_unit_test(constants),
        cmocka_unit_test(weights_are_not_copied), cmocka_unit_test(files_that_are_not_there),
        cmocka_unit_test(a_real_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
