/*
 * Graphs of every kind, from a file to a verified bundle: control flow, strings, sequences, ops of
 * other domains, float16, bfloat16, int8, sparse weights, several inputs and outputs. What can be
 * split is; the rest runs whole.
 */
#include "build/bundle.h"

#include "base/log.h"
#include "base/random.h"
#include "support/onnx_make.h"
#include "tensor/half.h"

static ff_engine *engine;

static uint64_t elems_of(const char *dims)
{
    uint64_t elems = 1; /* "" is a scalar */
    for (const char *p = dims[0] != '\0' ? dims : NULL; p != NULL;
         p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        elems *= strtoull(p, NULL, 10);
    return elems;
}

/* A seeded weight of any type: floats of unit scale / 4, whole numbers of -3 to 3 or 1 to 4. */
static void weight(onnx_make *m, const char *name, int dtype, const char *dims)
{
    ff_random r;
    uint64_t elems = elems_of(dims);
    size_t size = ff_dtype_bytes((ff_dtype)dtype);
    uint8_t *data = ff_mem_must(elems * size + 1);
    ff_random_init(&r, (uint64_t)name[0] + elems);
    for (uint64_t i = 0; i < elems; i++) {
        float f = (float)(ff_random_normal(&r) / 4);
        uint16_t half = dtype == FF_DTYPE_F16 ? ff_half_from_float(f) : ff_half_to_bf16(f);
        int64_t whole =
            dtype == FF_DTYPE_U8 ? ff_random_between(&r, 1, 4) : ff_random_between(&r, -3, 3);
        const void *from = dtype == FF_DTYPE_F32                             ? (const void *)&f
                           : dtype == FF_DTYPE_F16 || dtype == FF_DTYPE_BF16 ? (const void *)&half
                                                                             : (const void *)&whole;
        memcpy(data + i * size, from, size);
    }
    om_weight(m, name, dtype, dims, data, elems * size);
    ff_mem_free(data);
}

static void floats(onnx_make *m, const char *name, const char *dims, float value, float step)
{
    float data[16];
    uint64_t elems = elems_of(dims);
    for (uint64_t i = 0; i < elems; i++)
        data[i] = value + step * (float)i;
    om_weight(m, name, FF_DTYPE_F32, dims, data, elems * sizeof *data);
}

/* Equal small numbers. */
static void bytes_of(onnx_make *m, const char *name, int dtype, const char *dims, int value)
{
    uint8_t data[16];
    uint64_t elems = elems_of(dims);
    memset(data, value, sizeof data);
    om_weight(m, name, dtype, dims, data, elems);
}

static void conv(onnx_make *m, const char *op, const char *in, const char *out)
{
    static const int64_t pads[4] = {1, 1, 1, 1};
    om_attr_ints(m, "pads", pads, 4);
    om_node(m, op, in, out);
}

static void branch(onnx_make *m, const char *name, const char *op, const char *in, const char *out)
{
    onnx_make inner;
    om_init(&inner, 0);
    om_node(&inner, op, in, out);
    om_output(&inner, out);
    om_attr_graph(m, name, ff_buf_view(&inner.graph));
    om_clean(&inner);
}

static void make_if(onnx_make *m)
{
    om_input(m, "x", FF_DTYPE_F32, "1,4,8,8");
    weight(m, "w", FF_DTYPE_F32, "4,4,3,3");
    weight(m, "v", FF_DTYPE_F32, "4,4,3,3");
    floats(m, "zero", "1", 0, 0);
    conv(m, "Conv", "x w", "a");
    om_attr_int(m, "keepdims", 0);
    om_node(m, "ReduceSum", "a", "sum");
    om_node(m, "Greater", "sum zero", "more");
    branch(m, "then_branch", "Relu", "a", "relu");
    branch(m, "else_branch", "Neg", "a", "neg");
    om_node(m, "If", "more", "b");
    om_value_info(m, "b", FF_DTYPE_F32, "1,4,8,8");
    conv(m, "Conv", "b v", "y");
    om_output(m, "y");
}

/* Three times v + t, where t is a tensor of the outer graph. */
static void make_loop(onnx_make *m)
{
    onnx_make body;
    static const int64_t trips = 3;
    om_input(m, "x", FF_DTYPE_F32, "1,4,8,8");
    weight(m, "w", FF_DTYPE_F32, "4,4,3,3");
    weight(m, "t", FF_DTYPE_F32, "4,1,1");
    om_weight(m, "trips", FF_DTYPE_I64, "", &trips, sizeof trips);
    conv(m, "Conv", "x w", "a");
    om_init(&body, 0);
    om_input(&body, "i", FF_DTYPE_I64, "");
    om_input(&body, "go", FF_DTYPE_BOOL, "");
    om_input(&body, "v", FF_DTYPE_F32, "1,4,8,8");
    om_node(&body, "Identity", "go", "go_on");
    om_node(&body, "Add", "v t", "v_next");
    om_output(&body, "go_on");
    om_output(&body, "v_next");
    om_attr_graph(m, "body", ff_buf_view(&body.graph));
    om_clean(&body);
    om_node(m, "Loop", "trips - a", "y");
    om_value_info(m, "y", FF_DTYPE_F32, "1,4,8,8");
    om_output(m, "y");
}

/* Running sums over rows. */
static void make_scan(onnx_make *m)
{
    onnx_make body;
    om_input(m, "x", FF_DTYPE_F32, "6,8");
    weight(m, "first", FF_DTYPE_F32, "8");
    om_init(&body, 0);
    om_input(&body, "sum", FF_DTYPE_F32, "8");
    om_input(&body, "row", FF_DTYPE_F32, "8");
    om_node(&body, "Add", "sum row", "next");
    om_node(&body, "Relu", "next", "out");
    om_output(&body, "next");
    om_output(&body, "out");
    om_attr_graph(m, "body", ff_buf_view(&body.graph));
    om_clean(&body);
    om_attr_int(m, "num_scan_inputs", 1);
    om_node(m, "Scan", "first x", "last all");
    om_value_info(m, "last", FF_DTYPE_F32, "8");
    om_value_info(m, "all", FF_DTYPE_F32, "6,8");
    om_output(m, "last");
    om_output(m, "all");
}

static void string_weight(onnx_make *m, const char *name, const char *dims, int count, int bytes)
{
    ff_buf t = {0};
    char word[512];
    om_tensor(&t, name, FF_DTYPE_STRING, dims);
    for (int i = 0; i < count; i++) {
        memset(word, 'a' + i % 3, sizeof word);
        word[bytes] = '\0';
        must(ff_wire_put_text(&t, 6, word, err));
    }
    om_initializer(m, ff_buf_view(&t));
    ff_buf_clean(&t);
}

/* Numbers to words (2 KB of them), words to numbers. */
static void make_strings(onnx_make *m)
{
    om_input(m, "x", FF_DTYPE_I64, "2,6");
    string_weight(m, "words", "8", 8, 256);
    string_weight(m, "word", "", 1, 256);
    om_node(m, "Gather", "words x", "said");
    om_node(m, "Equal", "said word", "same");
    om_attr_int(m, "to", FF_DTYPE_F32);
    om_node(m, "Cast", "same", "y");
    om_output(m, "y");
}

static void make_sequence(onnx_make *m)
{
    static const int64_t one = 1;
    om_input(m, "x", FF_DTYPE_F32, "2,4,8,8");
    weight(m, "w", FF_DTYPE_F32, "4,4,3,3");
    om_weight(m, "one", FF_DTYPE_I64, "", &one, sizeof one);
    om_attr_int(m, "axis", 0);
    om_node(m, "SplitToSequence", "x one", "list");
    om_node(m, "SequenceAt", "list one", "a");
    om_value_info(m, "a", FF_DTYPE_F32, "1,4,8,8");
    conv(m, "Conv", "a w", "y");
    om_output(m, "y");
}

static void make_domain(onnx_make *m)
{
    size_t mark = 0;
    must(ff_wire_open(&m->model, 8, &mark, err));
    must(ff_wire_put_text(&m->model, 1, "com.microsoft", err));
    must(ff_wire_put_int(&m->model, 2, 1, err));
    ff_wire_close(&m->model, mark);
    om_input(m, "x", FF_DTYPE_F32, "1,4,8,8");
    weight(m, "w", FF_DTYPE_F32, "4,4,3,3");
    conv(m, "Conv", "x w", "a");
    om_node_in(m, "com.microsoft", "QuickGelu", "a", "b");
    om_value_info(m, "b", FF_DTYPE_F32, "1,4,8,8");
    conv(m, "Conv", "b w", "y");
    om_output(m, "y");
}

static void convs(onnx_make *m, int dtype)
{
    om_input(m, "x", dtype, "1,4,9,9");
    weight(m, "w", dtype, "6,4,3,3");
    weight(m, "b", dtype, "6");
    weight(m, "v", dtype, "4,6,3,3");
    conv(m, "Conv", "x w b", "a");
    om_node(m, "Relu", "a", "r");
    conv(m, "Conv", "r v", "y");
    om_output(m, "y");
}

static void make_f16(onnx_make *m)
{
    convs(m, FF_DTYPE_F16);
}

static void make_bf16(onnx_make *m)
{
    convs(m, FF_DTYPE_BF16);
}

/* As exporters quantize: a scale a tensor, and one a channel for the weights. */
static void make_qdq(onnx_make *m)
{
    om_input(m, "x", FF_DTYPE_F32, "1,4,8,8");
    weight(m, "w", FF_DTYPE_I8, "6,4,3,3");
    floats(m, "xs", "", 0.02f, 0);
    floats(m, "ys", "", 0.05f, 0);
    floats(m, "ws", "6", 0.01f, 0.01f);
    bytes_of(m, "xz", FF_DTYPE_U8, "", 128);
    bytes_of(m, "wz", FF_DTYPE_I8, "6", 0);
    om_node(m, "QuantizeLinear", "x xs xz", "xq");
    om_node(m, "DequantizeLinear", "xq xs xz", "xd");
    om_attr_int(m, "axis", 0);
    om_node(m, "DequantizeLinear", "w ws wz", "wd");
    conv(m, "Conv", "xd wd", "a");
    om_node(m, "Relu", "a", "r");
    om_node(m, "QuantizeLinear", "r ys xz", "rq");
    om_node(m, "DequantizeLinear", "rq ys xz", "y");
    om_output(m, "y");
}

static void make_qlinear_conv(onnx_make *m)
{
    om_input(m, "x", FF_DTYPE_U8, "1,4,8,8");
    weight(m, "w", FF_DTYPE_I8, "6,4,3,3");
    weight(m, "b", FF_DTYPE_I32, "6");
    floats(m, "xs", "", 0.02f, 0);
    floats(m, "ys", "", 0.05f, 0);
    floats(m, "ws", "6", 0.01f, 0.01f);
    bytes_of(m, "xz", FF_DTYPE_U8, "", 3);
    bytes_of(m, "wz", FF_DTYPE_I8, "6", 0);
    bytes_of(m, "yz", FF_DTYPE_U8, "", 100);
    conv(m, "QLinearConv", "x xs xz w ws wz ys yz b", "y");
    om_output(m, "y");
}

static void make_conv_integer(onnx_make *m)
{
    om_input(m, "x", FF_DTYPE_U8, "1,4,8,8");
    weight(m, "w", FF_DTYPE_U8, "6,4,3,3");
    bytes_of(m, "xz", FF_DTYPE_U8, "", 3);
    bytes_of(m, "wz", FF_DTYPE_U8, "", 2);
    conv(m, "ConvInteger", "x w xz wz", "y");
    om_output(m, "y");
}

static void make_matmul_integer(onnx_make *m)
{
    om_input(m, "x", FF_DTYPE_U8, "1,2,6,8");
    weight(m, "w", FF_DTYPE_I8, "8,6");
    bytes_of(m, "xz", FF_DTYPE_U8, "", 3);
    om_node(m, "MatMulInteger", "x w xz", "y");
    om_output(m, "y");
}

static void make_qlinear_matmul(onnx_make *m)
{
    om_input(m, "x", FF_DTYPE_U8, "1,2,6,8");
    weight(m, "w", FF_DTYPE_U8, "8,6");
    floats(m, "xs", "", 0.02f, 0);
    floats(m, "ws", "6", 0.5f, 0.1f); /* one a column */
    bytes_of(m, "wz", FF_DTYPE_U8, "6", 2);
    bytes_of(m, "z", FF_DTYPE_U8, "", 2);
    om_node(m, "QLinearMatMul", "x xs z w ws wz xs z", "y");
    om_output(m, "y");
}

/* Two inputs of batch 2, two outputs of other sizes. */
static void make_many(onnx_make *m)
{
    static const int64_t two[2] = {2, 2};
    om_input(m, "x", FF_DTYPE_F32, "2,4,8,8");
    om_input(m, "z", FF_DTYPE_F32, "2,4,8,8");
    weight(m, "w", FF_DTYPE_F32, "6,4,3,3");
    om_node(m, "Add", "x z", "a");
    conv(m, "Conv", "a w", "y");
    om_attr_ints(m, "kernel_shape", two, 2);
    om_attr_ints(m, "strides", two, 2);
    om_node(m, "MaxPool", "y", "small");
    om_output(m, "y");
    om_output(m, "small");
}

/* LSTM, GRU, LSTM over five steps of batch 2, as exporters stack them: a Squeeze between. */
static void make_recurrent(onnx_make *m)
{
    static const struct {
        const char *op, *in, *out, *nodes, *flat;
        int gates;
    } layers[] = {{"LSTM", "x wa ra", "ya", "ya axes", "a", 4},
                  {"GRU", "a wb rb", "yb", "yb axes", "b", 3},
                  {"LSTM", "b wc rc", "yc", "yc axes", "y", 4}};
    static const int64_t axis = 1;
    om_input(m, "x", FF_DTYPE_F32, "5,2,8");
    om_weight(m, "axes", FF_DTYPE_I64, "1", &axis, sizeof axis);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        char name[2][3] = {{'w', (char)('a' + i), '\0'}, {'r', (char)('a' + i), '\0'}};
        char dims[16];
        snprintf(dims, sizeof dims, "1,%d,8", layers[i].gates * 8);
        weight(m, name[0], FF_DTYPE_F32, dims);
        weight(m, name[1], FF_DTYPE_F32, dims);
        om_attr_int(m, "hidden_size", 8);
        om_node(m, layers[i].op, layers[i].in, layers[i].out);
        om_node(m, "Squeeze", layers[i].nodes, layers[i].flat);
    }
    om_output(m, "y");
}

static void make_sparse(onnx_make *m)
{
    static const float values[4] = {1, -2, 0.5f, 3};
    static const int64_t places[4] = {0, 17, 100, 143};
    static const int64_t dims[4] = {4, 4, 3, 3};
    ff_buf t = {0}, v = {0}, at = {0};
    om_input(m, "x", FF_DTYPE_F32, "1,4,8,8");
    om_tensor(&v, "w", FF_DTYPE_F32, "4");
    must(ff_wire_put_bytes(&v, 9, ff_bytes_of(values, sizeof values), err));
    om_tensor(&at, "", FF_DTYPE_I64, "4");
    must(ff_wire_put_bytes(&at, 9, ff_bytes_of(places, sizeof places), err));
    must(ff_wire_put_bytes(&t, 1, ff_buf_view(&v), err));
    must(ff_wire_put_bytes(&t, 2, ff_buf_view(&at), err));
    for (int i = 0; i < 4; i++)
        must(ff_wire_put_int(&t, 3, dims[i], err));
    must(ff_wire_put_bytes(&m->graph, 15, ff_buf_view(&t), err));
    conv(m, "Conv", "x w", "y");
    om_output(m, "y");
    ff_buf_clean(&t);
    ff_buf_clean(&v);
    ff_buf_clean(&at);
}

/* The stages that each split gives (0: all runs whole), and whether the answer is to be equal. */
typedef struct kind {
    const char *name;
    void (*make)(onnx_make *m);
    bool exact;
    int grid, channel, batch, reduce;
} kind;

static const kind kinds[] = {
    {"if", make_if, false, 2, 2, 0, 2},
    {"loop", make_loop, false, 1, 1, 0, 1},
    {"scan", make_scan, false, 0, 0, 0, 0},
    {"strings", make_strings, true, 0, 0, 1, 0},
    {"sequence", make_sequence, false, 1, 1, 0, 1},
    {"other domain", make_domain, false, 2, 2, 0, 2},
    {"float16", make_f16, false, 2, 2, 0, 2},
    {"bfloat16", make_bf16, false, 2, 2, 0, 2},
    {"qdq", make_qdq, false, 1, 1, 0, 1},
    {"QLinearConv", make_qlinear_conv, true, 1, 1, 0, 0},
    {"ConvInteger", make_conv_integer, true, 1, 1, 0, 1},
    {"MatMulInteger", make_matmul_integer, true, 0, 1, 0, 1},
    {"QLinearMatMul", make_qlinear_matmul, true, 0, 1, 0, 0},
    {"several", make_many, false, 1, 1, 1, 1},
    {"recurrent", make_recurrent, false, 0, 0, 0, 0},
    {"sparse", make_sparse, false, 1, 1, 0, 1},
};

static void load(model *m, const kind *k, const ff_onnx_shape *shape)
{
    onnx_make made;
    ff_buf file = {0};
    *m = (model){{0}, NULL, NULL};
    snprintf(m->path, sizeof m->path, "%s/kind.onnx", test_dir());
    om_init(&made, 19);
    k->make(&made);
    om_emit(&made, &file);
    must(ff_file_write(m->path, ff_buf_view(&file), err));
    ff_buf_clean(&file);
    om_clean(&made);
    model_load(m, shape);
}

static void plan(model *m, const char *text)
{
    ff_split split;
    char hex[FF_SHA256_HEX];
    if (strncmp(text, "grid", 4) == 0) {
        model_plan(m, "grid", 2, 2, 0);
        return;
    }
    ff_plan_free(m->plan);
    m->plan = NULL;
    must(ff_split_parse(text, &split, err));
    must(ff_plan_make_split(m->g, &split, &m->plan, err));
    must(ff_hash_sha256_file(m->path, hex, err));
    must(ff_plan_set_model(m->plan, m->path, hex, NULL, 0, err));
}

static void build_and_verify(model *m, const kind *k, const char *text)
{
    char dir[128];
    ff_verify v = {0};
    ff_err err = {0};
    snprintf(dir, sizeof dir, "%s/bundle", test_dir());
    if (ff_build_bundle(m->plan, m->g, engine, dir, NULL, &err))
        fail_msg("%s, %s: %s", k->name, text, err.message);
    verify(dir, m->path, engine, &v);
    if (!v.ok || (k->exact && v.max_abs_error != 0))
        fail_msg("%s, %s: error %g of %g", k->name, text, v.max_abs_error, v.max_abs_reference);
    assert_true(v.max_abs_reference > 0);
    ff_verify_clean(&v);
    assert_int_equal(ff_dir_remove(dir, NULL), FF_OK);
}

static void try_plan(model *m, const kind *k, const char *text, int wanted)
{
    int split = 0;
    plan(m, text);
    for (int s = 0; s < m->plan->stage_count; s++)
        split += m->plan->stage[s].stage.split.kind != FF_SPLIT_LOCAL &&
                 m->plan->stage[s].stage.split.kind != FF_SPLIT_OFFLOAD;
    if (split != wanted) {
        const ff_stage all = {0, m->g->node_count, {FF_SPLIT_GRID, 2, 2}};
        ff_err why = {0};
        (void)ff_stage_check(m->g, &all, &why);
        fail_msg("%s, %s: %d stages are split, wanted %d (%s)", k->name, text, split, wanted,
                 why.message);
    }
    build_and_verify(m, k, text);
}

/* A worker a layer: what no split divides is still spread over functions. */
static void recurrent_chain(void **state)
{
    (void)state;
    const kind k = {"recurrent", make_recurrent, false, 0, 0, 0, 0};
    char hex[FF_SHA256_HEX];
    model m;
    load(&m, &k, NULL);
    must(ff_plan_make_chain(m.g, 3, &m.plan, err));
    must(ff_hash_sha256_file(m.path, hex, err));
    must(ff_plan_set_model(m.plan, m.path, hex, NULL, 0, err));
    assert_int_equal(m.plan->stage_count, 3);
    for (int s = 0; s < 3; s++) {
        const ff_stage *stage = &m.plan->stage[s].stage;
        int layers = 0;
        assert_int_equal(stage->split.kind, FF_SPLIT_OFFLOAD);
        for (int n = stage->begin; n < stage->end; n++)
            layers += ff_node_is(&m.g->nodes[n], "LSTM") || ff_node_is(&m.g->nodes[n], "GRU");
        assert_int_equal(layers, 1);
    }
    build_and_verify(&m, &k, "a chain");
    model_clean(&m);
}

static void every_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const kind *k = &kinds[i];
        model m;
        load(&m, k, NULL);
        try_plan(&m, k, "local", 0);
        try_plan(&m, k, "offload", 0);
        try_plan(&m, k, "grid", k->grid);
        try_plan(&m, k, "channel 2", k->channel);
        try_plan(&m, k, "batch 2", k->batch);
        try_plan(&m, k, "reduce 2", k->reduce);
        model_clean(&m);
    }
}

/* Strings at the model's border do not travel: refused, and told what would help. */
static void string_input(onnx_make *m)
{
    om_input(m, "x", FF_DTYPE_STRING, "2,6");
    string_weight(m, "word", "", 1, 4);
    om_node(m, "Equal", "x word", "y");
    om_output(m, "y");
}

static void empty_input(onnx_make *m)
{
    weight(m, "w", FF_DTYPE_F32, "3");
    om_input(m, "x", FF_DTYPE_F32, "N,3");
    om_node(m, "Add", "x w", "y");
    om_output(m, "y");
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        kind k;
        ff_onnx_shape shape;
        const char *says;
    } table[] = {
        {{"string input", string_input, true, 0, 0, 0, 0}, {NULL, {0}}, "'x' holds strings"},
        {{"empty input", empty_input, true, 0, 0, 0, 0}, {"x", {2, {0, 3}}}, "'x' is empty"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        model m;
        char dir[128];
        ff_err err = {0};
        load(&m, &table[i].k, table[i].shape.input != NULL ? &table[i].shape : NULL);
        plan(&m, "local");
        snprintf(dir, sizeof dir, "%s/bundle", test_dir());
        assert_int_equal(ff_build_bundle(m.plan, m.g, engine, dir, NULL, &err), FF_UNSUPPORTED);
        if (strstr(err.message, table[i].says) == NULL)
            fail_msg("%s: %s", table[i].k.name, err.message);
        model_clean(&m);
    }
}

static int set_up(void **state)
{
    (void)state;
    ff_log_init("test", FF_LOG_ERROR, false); /* bfloat16 is told as a warning */
    return (int)ff_engine_new(2, &engine, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    ff_engine_free(engine);
    return rmdir(test_dir());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind), cmocka_unit_test(recurrent_chain), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
