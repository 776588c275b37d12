#include "measure/op_sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

#define WEIGHTS  ((size_t)16 << 20) /* elements of the largest weight */
#define MACS_MAX 1.2e9              /* of one run */
#define MACS_MIN 2e5
#define MAP_MAX  4e6 /* elements of a map */
#define OPSET    17
#define CHAIN    4 /* of a cheap op: the session costs more than one */
#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* A graph that grows by one node at a time. */
typedef struct maker {
    ff_sweep *sweep;
    ff_random random;
    ff_graph *g;
    int names;
    int base; /* of what is finished next; -1 = none */
} maker;

static void begin(maker *m, const char *what)
{
    m->g = ff_graph_new(what);
    ff_graph_add_opset(m->g, "", OPSET);
}

static void must(ff_code code, const ff_err *err)
{
    if (code) { /* a fault of the sweep itself */
        fprintf(stderr, "sweep: %s\n", err->message);
        abort();
    }
}

static int add_value(maker *m, ff_value_kind kind, ff_dtype dtype, const ff_shape *shape)
{
    char name[16];
    ff_err err = {0};
    int v = FF_NO_VALUE;
    snprintf(name, sizeof name, "v%d", m->names++);
    if (kind == FF_VALUE_WEIGHT) {
        size_t bytes = 0;
        must(ff_shape_bytes(shape, dtype, &bytes, &err), &err);
        must(ff_graph_add_weight(m->g, name, dtype, shape, ff_bytes_of(m->sweep->weights, bytes),
                                 &v, &err),
             &err);
    } else {
        must(ff_graph_add_value(m->g, name, kind, dtype, shape, &v, &err), &err);
    }
    if (kind == FF_VALUE_INPUT)
        ff_graph_add_input(m->g, v);
    return v;
}

static ff_shape shape_of(int rank, int64_t a, int64_t b, int64_t c, int64_t d)
{
    return (ff_shape){rank, {a, b, c, d}};
}

static int input(maker *m, ff_shape shape)
{
    return add_value(m, FF_VALUE_INPUT, FF_DTYPE_F32, &shape);
}

static int weight(maker *m, ff_shape shape)
{
    return add_value(m, FF_VALUE_WEIGHT, FF_DTYPE_F32, &shape);
}

static int scalar(maker *m)
{
    return weight(m, (ff_shape){0});
}

static int ints(maker *m, const int64_t *values, int count)
{
    char name[16];
    ff_err err = {0};
    int v = FF_NO_VALUE;
    int64_t *copy = ff_arena_array(m->g->arena, (size_t)count, sizeof *copy);
    ff_shape shape = {1, {count}};
    memcpy(copy, values, (size_t)count * sizeof *copy);
    snprintf(name, sizeof name, "v%d", m->names++);
    must(ff_graph_add_weight(m->g, name, FF_DTYPE_I64, &shape,
                             ff_bytes_of(copy, (size_t)count * sizeof *copy), &v, &err),
         &err);
    return v;
}

/* Appends a node of one output. in: values, FF_NO_VALUE for none. */
static int node(maker *m, const char *op, const int *in, int in_count)
{
    int out = add_value(m, FF_VALUE_NODE, FF_DTYPE_NONE, NULL);
    ff_graph_add_node(m->g, "", op, "", in, in_count, &out, 1);
    return out;
}

static int node1(maker *m, const char *op, int x)
{
    return node(m, op, &x, 1);
}

static int node2(maker *m, const char *op, int x, int y)
{
    int in[2] = {x, y};
    return node(m, op, in, 2);
}

static int last(const maker *m)
{
    return m->g->node_count - 1;
}

static void finish(maker *m, int out)
{
    ff_err err = {0};
    ff_graph_add_output(m->g, out);
    must(ff_graph_seal(m->g, &err), &err);
    must(ff_graph_infer(m->g, &err), &err);
    ff_sweep *s = m->sweep;
    if (s->count == s->room) {
        int room = s->room ? 2 * s->room : 512;
        s->item = ff_mem_must_grow(s->item, (size_t)s->room, (size_t)room, sizeof *s->item);
        s->room = room;
    }
    s->item[s->count++] = (ff_sweep_item){m->g, m->base};
    m->base = -1;
    m->g = NULL;
}

static int64_t draw(maker *m, const int64_t *list, int count)
{
    return list[ff_random_below(&m->random, (uint64_t)count)];
}

/* --- convolutions ------------------------------------------------------------------------- */

typedef struct conv {
    int64_t in, out, group, kernel, stride;
    int64_t rows, cols; /* of the output */
    bool padded;
} conv;

static int conv_node(maker *m, const conv *c, int x)
{
    int in[3] = {x, weight(m, shape_of(4, c->out, c->in / c->group, c->kernel, c->kernel)),
                 weight(m, shape_of(1, c->out, 0, 0, 0))};
    int64_t pad = c->padded ? c->kernel / 2 : 0;
    int64_t kernel[2] = {c->kernel, c->kernel}, strides[2] = {c->stride, c->stride};
    int64_t pads[4] = {pad, pad, pad, pad};
    int y = node(m, "Conv", in, 3);
    ff_graph_set_ints(m->g, last(m), "kernel_shape", kernel, 2);
    ff_graph_set_ints(m->g, last(m), "strides", strides, 2);
    ff_graph_set_ints(m->g, last(m), "pads", pads, 4);
    ff_graph_set_int(m->g, last(m), "group", c->group);
    return y;
}

static int conv_input(maker *m, const conv *c)
{
    int64_t pad = c->padded ? c->kernel / 2 : 0;
    return input(m, shape_of(4, 1, c->in, (c->rows - 1) * c->stride + c->kernel - 2 * pad,
                             (c->cols - 1) * c->stride + c->kernel - 2 * pad));
}

static double conv_macs(const conv *c)
{
    return (double)c->out * (double)(c->in / c->group) * (double)(c->kernel * c->kernel) *
           (double)(c->rows * c->cols);
}

static bool conv_fits(const conv *c)
{
    double weights = (double)c->out * (double)(c->in / c->group) * (double)(c->kernel * c->kernel);
    int64_t pad = c->padded ? c->kernel / 2 : 0;
    double in = (double)c->in * (double)(c->rows * c->cols * c->stride * c->stride);
    return in <= MAP_MAX && (double)(c->out * c->rows * c->cols) <= MAP_MAX &&
           conv_macs(c) <= (c->group == c->in ? MACS_MAX / 10 : MACS_MAX) &&
           conv_macs(c) >= MACS_MIN && weights <= (double)WEIGHTS &&
           (c->rows - 1) * c->stride + c->kernel > 2 * pad &&
           (c->cols - 1) * c->stride + c->kernel > 2 * pad;
}

static const int64_t SIDES[] = {1, 2, 3, 4, 7, 7, 8, 10, 14, 14, 16, 20, 28, 28, 35, 56, 56, 112};
static const int64_t WIDTHS[] = {16,  24,  32,  48,  64,  64,  96,  128,  128, 192,
                                 256, 256, 320, 384, 512, 512, 768, 1024, 2048};

/* Tiles are squares, or cut along one axis. */
static void draw_tile(maker *m, int64_t *rows, int64_t *cols)
{
    *rows = draw(m, SIDES, COUNT(SIDES));
    *cols = *rows;
    if (ff_random_below(&m->random, 2))
        *rows = (*rows + (int64_t)ff_random_below(&m->random, 4)) /
                (1 + (int64_t)ff_random_below(&m->random, 4));
    *rows = *rows < 1 ? 1 : *rows;
}

static void convs(maker *m, const int64_t *kernels, int kernel_count, bool depthwise, int64_t group,
                  int count)
{
    for (int made = 0; made < count;) {
        conv c = {.in = draw(m, WIDTHS, COUNT(WIDTHS)),
                  .out = draw(m, WIDTHS, COUNT(WIDTHS)),
                  .group = group,
                  .kernel = draw(m, kernels, kernel_count),
                  .stride = ff_random_below(&m->random, 4) ? 1 : 2,
                  .padded = ff_random_below(&m->random, 3) > 0};
        draw_tile(m, &c.rows, &c.cols);
        if (depthwise) {
            c.out = c.group = c.in;
            c.stride = 1 + (int64_t)(ff_random_below(&m->random, 3) == 0);
        }
        if (c.kernel == 7) /* a network's first layer */
            c.in = 3, c.stride = 2;
        if (!depthwise && ff_random_below(&m->random, 12) == 0 && group == 1)
            c.in = 3;
        if (!conv_fits(&c) || c.in % c.group || c.out % c.group)
            continue;
        begin(m, "Conv");
        int y = conv_node(m, &c, conv_input(m, &c));
        /* There and back again: a row of convolutions tells the cost of a node beside the
         * session's. */
        bool keeps = c.stride == 1 && c.kernel < 7 && (c.padded || c.kernel == 1);
        conv back = c;
        back.in = c.out;
        back.out = c.in;
        for (int k = 1; k < CHAIN && keeps && c.in > 3 && made % 2 == 0; k++)
            y = conv_node(m, k % 2 ? &back : &c, y);
        finish(m, y);
        made++;
    }
}

/* Each with, and without, what fuses behind it. */
static void conv_runs(maker *m)
{
    static const conv ALL[] = {
        {64, 64, 1, 3, 1, 28, 28, true},   {256, 64, 1, 1, 1, 28, 28, false},
        {64, 256, 1, 1, 1, 56, 56, false}, {96, 96, 96, 3, 1, 56, 56, true},
        {256, 256, 1, 3, 1, 14, 14, true}, {512, 512, 1, 1, 1, 7, 7, false},
    };
    static const char *const BEHIND[] = {NULL,   "BatchNormalization", "Relu", "Clip", "Sigmoid",
                                         "Tanh", "LeakyRelu"};
    for (int i = 0; i < COUNT(ALL); i++)
        for (int k = 0; k < COUNT(BEHIND); k++) {
            const conv *c = &ALL[i];
            begin(m, BEHIND[k] ? BEHIND[k] : "Conv");
            m->base = k ? m->sweep->count - k : -1;
            int y = conv_node(m, c, conv_input(m, c));
            ff_shape channels = shape_of(1, c->out, 0, 0, 0);
            int in[5] = {y};
            if (BEHIND[k] && !strcmp(BEHIND[k], "BatchNormalization")) {
                for (int w = 1; w < 5; w++)
                    in[w] = weight(m, channels);
                y = node(m, BEHIND[k], in, 5);
            } else if (BEHIND[k] && !strcmp(BEHIND[k], "Clip")) {
                in[1] = scalar(m);
                in[2] = scalar(m);
                y = node(m, BEHIND[k], in, 3);
            } else if (BEHIND[k]) {
                y = node1(m, BEHIND[k], y);
            }
            finish(m, y);
        }
}

static void transposed(maker *m, int count)
{
    for (int made = 0; made < count;) {
        conv c = {.in = draw(m, WIDTHS, COUNT(WIDTHS)),
                  .out = draw(m, WIDTHS, COUNT(WIDTHS)),
                  .group = 1,
                  .kernel = 2 + 2 * (int64_t)ff_random_below(&m->random, 2)};
        draw_tile(m, &c.rows, &c.cols);
        if (!conv_fits(&c))
            continue;
        begin(m, "ConvTranspose");
        int in[3] = {input(m, shape_of(4, 1, c.in, c.rows, c.cols)),
                     weight(m, shape_of(4, c.in, c.out, c.kernel, c.kernel)),
                     weight(m, shape_of(1, c.out, 0, 0, 0))};
        int64_t strides[2] = {2, 2};
        int y = node(m, "ConvTranspose", in, 3);
        ff_graph_set_ints(m->g, last(m), "strides", strides, 2);
        finish(m, y);
        made++;
    }
}

/* --- products ----------------------------------------------------------------------------- */

static const int64_t ROWS[] = {1, 1, 1, 2, 4, 8, 16, 25, 32, 50, 64, 99, 128, 197, 256};
static const int64_t INNER[] = {64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096};

/* The columns of a layer that tells words. */
static const int64_t WORDS[] = {8000, 16384, 30522, 50257};

static void products(maker *m, int count)
{
    for (int made = 0; made < count;) {
        int64_t rows = draw(m, ROWS, COUNT(ROWS)), k = draw(m, INNER, COUNT(INNER));
        int64_t n = made % 8 == 7 ? draw(m, WORDS, COUNT(WORDS)) : draw(m, INNER, COUNT(INNER));
        double macs = (double)rows * (double)k * (double)n;
        if (macs > MACS_MAX || macs < 1e4 || k * n > (int64_t)WEIGHTS)
            continue;
        bool gemm = made % 2 == 0, across = made % 4 == 0; /* fully connected layers: transB */
        begin(m, gemm ? "Gemm" : "MatMul");
        int x = input(m, gemm ? shape_of(2, rows, k, 0, 0) : shape_of(3, 1, rows, k, 0));
        int w = weight(m, across ? shape_of(2, n, k, 0, 0) : shape_of(2, k, n, 0, 0));
        int in[3] = {x, w, gemm ? weight(m, shape_of(1, n, 0, 0, 0)) : 0};
        int y = node(m, gemm ? "Gemm" : "MatMul", in, gemm ? 3 : 2);
        if (across)
            ff_graph_set_int(m->g, last(m), "transB", 1);
        finish(m, y);
        made++;
    }
}

/* Attention's: both sides computed, by heads. */
static void attention(maker *m, int count)
{
    static const int64_t HEADS[] = {1, 2, 3, 4, 6, 12}, SEQ[] = {16, 32, 64, 128, 197, 256};
    for (int made = 0; made < count; made++) {
        int64_t heads = draw(m, HEADS, COUNT(HEADS)), seq = draw(m, SEQ, COUNT(SEQ));
        begin(m, "MatMul");
        int a = input(m, shape_of(4, 1, heads, seq, made % 2 ? 64 : seq));
        int b =
            input(m, made % 2 ? shape_of(4, 1, heads, 64, seq) : shape_of(4, 1, heads, seq, 64));
        finish(m, node2(m, "MatMul", a, b));
    }
}

/* Each with, and without, what fuses behind it. */
static void product_runs(maker *m)
{
    static const int64_t ALL[][3] = {{128, 768, 768}, {197, 192, 768}, {64, 512, 512}};
    static const char *const BEHIND[] = {NULL, "Add", "Relu", "Tanh"}; /* Add: of a MatMul */
    for (int i = 0; i < 2 * COUNT(ALL); i++)
        for (int k = 0; k < COUNT(BEHIND); k++) {
            const int64_t *d = ALL[i / 2];
            bool gemm = i % 2 == 1;
            if (k && gemm == (k == 1))
                continue;
            begin(m, gemm ? "Gemm" : "MatMul");
            m->base = k == 0 ? -1 : m->sweep->count - (gemm ? k - 1 : 1);
            int in[3] = {
                input(m, gemm ? shape_of(2, d[0], d[1], 0, 0) : shape_of(3, 1, d[0], d[1], 0)),
                weight(m, shape_of(2, d[1], d[2], 0, 0)), FF_NO_VALUE};
            if (gemm)
                in[2] = weight(m, shape_of(1, d[2], 0, 0, 0));
            int y = node(m, gemm ? "Gemm" : "MatMul", in, gemm ? 3 : 2);
            if (k == 1)
                y = node2(m, "Add", y, weight(m, shape_of(1, d[2], 0, 0, 0)));
            if (k > 1)
                y = node1(m, BEHIND[k], y);
            finish(m, y);
        }
}

static void recurrent(maker *m, int count)
{
    static const int64_t HIDDEN[] = {128, 256, 512, 1024, 1024, 2048}, STEPS[] = {1, 4, 10, 20};
    static const struct {
        const char *op;
        int gates;
    } OPS[] = {{"LSTM", 4}, {"GRU", 3}};
    for (int made = 0; made < count; made++) {
        int o = made % COUNT(OPS);
        int64_t h = draw(m, HIDDEN, COUNT(HIDDEN)), x = draw(m, HIDDEN, COUNT(HIDDEN) - 1);
        begin(m, OPS[o].op);
        int in[4] = {input(m, shape_of(3, draw(m, STEPS, COUNT(STEPS)), 1, x, 0)),
                     weight(m, shape_of(3, 1, OPS[o].gates * h, x, 0)),
                     weight(m, shape_of(3, 1, OPS[o].gates * h, h, 0)),
                     weight(m, shape_of(2, 1, 2 * OPS[o].gates * h, 0, 0))};
        int y = node(m, OPS[o].op, in, 4);
        ff_graph_set_int(m->g, last(m), "hidden_size", h);
        finish(m, y);
    }
}

/* --- the rest: time goes with what is read and written -------------------------------------- */

static ff_shape map_of(maker *m)
{
    int64_t rows, cols, channels;
    do {
        channels = draw(m, WIDTHS, COUNT(WIDTHS));
        draw_tile(m, &rows, &cols);
    } while (channels * rows * cols > 1 << 21);
    return shape_of(4, 1, channels, rows, cols);
}

static void elementwise(maker *m, int count)
{
    static const struct {
        const char *op;
        int ins;
    } OPS[] = {{"Relu", 1}, {"Sigmoid", 1}, {"Tanh", 1}, {"Erf", 1}, {"Add", 2}, {"Mul", 2},
               {"Sub", 2},  {"Div", 2},     {"Sqrt", 1}, {"Exp", 1}, {"Neg", 1}, {"LeakyRelu", 1}};
    for (int o = 0; o < COUNT(OPS); o++)
        for (int made = 0; made < count; made++) {
            ff_shape shape = map_of(m);
            begin(m, OPS[o].op);
            int x = input(m, shape);
            int other = OPS[o].ins == 2 ? input(m, shape) : FF_NO_VALUE;
            for (int k = 0; k < CHAIN; k++)
                x = OPS[o].ins == 1 ? node1(m, OPS[o].op, x) : node2(m, OPS[o].op, x, other);
            finish(m, x);
        }
    for (int made = 0; made < count; made++) {
        begin(m, "Clip");
        int in[3] = {input(m, map_of(m)), scalar(m), scalar(m)};
        finish(m, node(m, "Clip", in, 3));
    }
    for (int made = 0; made < count; made++) { /* squeeze and excitation: by channel */
        ff_shape shape = map_of(m);
        begin(m, "Mul");
        int x = input(m, shape);
        finish(m, node2(m, "Mul", x, input(m, shape_of(4, 1, shape.dim[1], 1, 1))));
    }
    for (int made = 0; made < count; made++) {
        ff_shape shape = map_of(m);
        begin(m, "BatchNormalization");
        int in[5] = {input(m, shape)};
        for (int w = 1; w < 5; w++)
            in[w] = weight(m, shape_of(1, shape.dim[1], 0, 0, 0));
        for (int k = 0; k < CHAIN; k++)
            in[0] = node(m, "BatchNormalization", in, 5);
        finish(m, in[0]);
    }
}

static void pools(maker *m, int count)
{
    static const char *const OPS[] = {"MaxPool", "AveragePool"};
    for (int made = 0; made < 2 * count; made++) {
        ff_shape shape = map_of(m);
        int64_t k = 2 + (int64_t)ff_random_below(&m->random, 2);
        int64_t kernel[2] = {k, k}, strides[2] = {1, 1};
        strides[0] = strides[1] = ff_random_below(&m->random, 4) ? 2 : 1;
        shape.dim[2] = (shape.dim[2] < 57 ? shape.dim[2] : 57) * strides[0] + k - strides[0];
        shape.dim[3] = (shape.dim[3] < 57 ? shape.dim[3] : 57) * strides[0] + k - strides[0];
        begin(m, OPS[made % 2]);
        int y = node1(m, OPS[made % 2], input(m, shape));
        ff_graph_set_ints(m->g, last(m), "kernel_shape", kernel, 2);
        ff_graph_set_ints(m->g, last(m), "strides", strides, 2);
        finish(m, y);
    }
    for (int made = 0; made < count; made++) {
        begin(m, "GlobalAveragePool");
        finish(m, node1(m, "GlobalAveragePool", input(m, map_of(m))));
    }
    for (int made = 0; made < count; made++) {
        int64_t axes[2] = {2, 3};
        begin(m, "ReduceMean");
        int y = node1(m, "ReduceMean", input(m, map_of(m)));
        ff_graph_set_ints(m->g, last(m), "axes", axes, 2);
        finish(m, y);
    }
}

static void sequences(maker *m, int count)
{
    static const int64_t SEQ[] = {1, 8, 16, 32, 64, 128, 197, 256}, HEADS[] = {1, 3, 4, 6, 12};
    for (int made = 0; made < count; made++) {
        int64_t seq = draw(m, SEQ, COUNT(SEQ)), hidden = draw(m, INNER, COUNT(INNER));
        begin(m, "LayerNormalization");
        int in[3] = {input(m, shape_of(3, 1, seq, hidden, 0)),
                     weight(m, shape_of(1, hidden, 0, 0, 0)),
                     weight(m, shape_of(1, hidden, 0, 0, 0))};
        finish(m, node(m, "LayerNormalization", in, 3));
        begin(m, "Softmax");
        finish(m, node1(m, "Softmax",
                        input(m, shape_of(4, 1, draw(m, HEADS, COUNT(HEADS)), seq, seq))));
        begin(m, "Transpose");
        int64_t perm[4] = {0, 2, 1, 3};
        int y =
            node1(m, "Transpose", input(m, shape_of(4, 1, seq, draw(m, HEADS, COUNT(HEADS)), 64)));
        ff_graph_set_ints(m->g, last(m), "perm", perm, 4);
        finish(m, y);
        begin(m, "Gather");
        ff_shape ids = {1, {1 + made * 8}};
        finish(m, node2(m, "Gather", weight(m, shape_of(2, 512, hidden, 0, 0)),
                        add_value(m, FF_VALUE_INPUT, FF_DTYPE_I64, &ids)));
    }
}

static int number(maker *m, float value)
{
    char name[16];
    ff_err err = {0};
    ff_shape none = {0};
    int v = FF_NO_VALUE;
    float *copy = ff_arena_array(m->g->arena, 1, sizeof *copy);
    *copy = value;
    snprintf(name, sizeof name, "v%d", m->names++);
    must(ff_graph_add_weight(m->g, name, FF_DTYPE_F32, &none, ff_bytes_of(copy, sizeof *copy), &v,
                             &err),
         &err);
    return v;
}

/* x * 0.5 * (1 + erf(x / sqrt 2)), as exporters write it. */
static int gelu(maker *m, int x)
{
    int y = node1(m, "Erf", node2(m, "Div", x, number(m, 1.41421354f)));
    y = node2(m, "Mul", x, node2(m, "Add", y, number(m, 1)));
    return node2(m, "Mul", y, number(m, 0.5f));
}

static int fast_gelu(maker *m, int x)
{
    int half = node2(m, "Mul", x, number(m, 0.5f));
    int y = node2(m, "Mul", node2(m, "Pow", x, number(m, 3)), number(m, 0.044715f));
    y = node2(m, "Mul", node2(m, "Add", x, y), number(m, 0.79788458f));
    y = node2(m, "Add", node1(m, "Tanh", y), number(m, 1));
    return node2(m, "Mul", half, y);
}

static void gelus(maker *m, int count)
{
    static const int64_t SEQ[] = {1, 16, 64, 128, 197};
    for (int made = 0; made < 2 * count; made++) {
        begin(m, made % 2 ? "Gelu" : "FastGelu");
        int x = input(m, shape_of(3, 1, draw(m, SEQ, COUNT(SEQ)), draw(m, INNER, COUNT(INNER)), 0));
        finish(m, made % 2 ? gelu(m, x) : fast_gelu(m, x));
    }
    for (int made = 0; made < count; made++) { /* x * sigmoid(x) */
        begin(m, "Silu");
        int x = input(m, map_of(m));
        finish(m, node2(m, "Mul", x, node1(m, "Sigmoid", x)));
    }
    for (int made = 0; made < count; made++) { /* a residual, normalised */
        ff_shape shape = shape_of(3, 1, 1 + 16 * made, draw(m, INNER, COUNT(INNER)), 0);
        begin(m, "SkipNorm");
        int x = node2(m, "Add", input(m, shape), input(m, shape));
        int in[3] = {x, weight(m, shape_of(1, shape.dim[2], 0, 0, 0)),
                     weight(m, shape_of(1, shape.dim[2], 0, 0, 0))};
        finish(m, node(m, "LayerNormalization", in, 3));
    }
}

static void moves(maker *m, int count)
{
    for (int made = 0; made < count; made++) {
        ff_shape shape = map_of(m);
        begin(m, "Concat");
        int a = input(m, shape);
        int y = node2(m, "Concat", a, input(m, shape));
        ff_graph_set_int(m->g, last(m), "axis", 1);
        finish(m, y);

        shape = map_of(m);
        int64_t half[1] = {(shape.dim[2] + 1) / 2}, axis[1] = {2}, zero[1] = {0};
        begin(m, "Slice");
        int in[4] = {input(m, shape), ints(m, zero, 1), ints(m, half, 1), ints(m, axis, 1)};
        finish(m, node(m, "Slice", in, 4));

        shape = map_of(m);
        int64_t pads[8] = {0, 0, 1, 1, 0, 0, 1, 1};
        begin(m, "Pad");
        int pad[2] = {input(m, shape), ints(m, pads, 8)};
        finish(m, node(m, "Pad", pad, 2));

        shape = map_of(m);
        int64_t flat[2] = {1, -1};
        begin(m, "Reshape");
        a = input(m, shape);
        finish(m, node2(m, "Reshape", a, ints(m, flat, 2)));
    }
}

static void single_ops(maker *m)
{
    static const int64_t ONE[] = {1}, THREE[] = {3}, OTHER[] = {5, 7, 3};
    convs(m, ONE, 1, false, 1, 120);
    convs(m, THREE, 1, false, 1, 120);
    convs(m, OTHER, 3, false, 1, 60);
    convs(m, OTHER, 3, true, 1, 90);
    convs(m, THREE, 1, false, 32, 24);
    transposed(m, 24);
    products(m, 120);
    attention(m, 24);
    recurrent(m, 36);
    elementwise(m, 10);
    pools(m, 24);
    sequences(m, 16);
    moves(m, 12);
}

static void make_weights(ff_sweep *sweep, size_t count)
{
    ff_random random;
    ff_random_init(&random, 1);
    sweep->weights = ff_mem_must_array(count, sizeof(float));
    for (size_t i = 0; i < count; i++) /* positive: variances are among them */
        sweep->weights[i] = (float)(0.02 + 0.05 * ff_random_unit(&random));
}

void ff_sweep_init(ff_sweep *sweep, bool runs_only)
{
    *sweep = (ff_sweep){0};
    make_weights(sweep, WEIGHTS);
    maker m = {.sweep = sweep, .base = -1};
    ff_random_init(&m.random, 1);
    begin(&m, "empty");
    finish(&m, node1(&m, "Relu", input(&m, shape_of(2, 1, 16, 0, 0))));
    conv_runs(&m);
    product_runs(&m);
    gelus(&m, 12);
    if (!runs_only)
        single_ops(&m);
}

ff_graph *ff_sweep_kernel(double *macs)
{
    static const conv KERNEL = {64, 64, 1, 3, 1, 56, 56, true};
    ff_sweep sweep = {0};
    maker m = {.sweep = &sweep, .base = -1};
    begin(&m, "kernel");
    size_t count = 64 * 64 * 9;
    sweep.weights = ff_arena_array(m.g->arena, count, sizeof *sweep.weights);
    for (size_t i = 0; i < count; i++)
        sweep.weights[i] = (float)(i % 17) / 100;
    finish(&m, conv_node(&m, &KERNEL, conv_input(&m, &KERNEL)));
    ff_graph *g = sweep.item[0].graph;
    ff_mem_free(sweep.item);
    *macs = conv_macs(&KERNEL);
    return g;
}

void ff_sweep_clean(ff_sweep *sweep)
{
    for (int i = 0; i < sweep->count; i++)
        ff_graph_free(sweep->item[i].graph);
    ff_mem_free(sweep->item);
    ff_mem_free(sweep->weights);
    *sweep = (ff_sweep){0};
}
