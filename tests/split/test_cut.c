/* Which stages the splits into ranges pass, and what is said where they do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "split/split.h"
#include "support/graph_make.h"
#include "support/random_layers.h"

static int image(graph_make *m, int channels)
{
    return gm_input(m, gm_shape(4, 2, channels, 8, 8));
}

static int linear(graph_make *m, int x, int columns)
{
    int rank = gm_shape_of(m, x)->rank;
    int w = gm_weight(m, gm_shape(2, (int)gm_shape_of(m, x)->dim[rank - 1], columns), 1, 0);
    return gm_op2(m, "Add", gm_op2(m, "MatMul", x, w, NULL),
                  gm_weight(m, gm_shape(1, columns), 1, 0), NULL);
}

static void one_conv(graph_make *m)
{
    int x = gm_op1(m, "Relu", gm_conv(m, image(m, 32), 64, 3, 3, NULL), NULL);
    gm_output(m, gm_op1(m, "MaxPool", x, "kernel_shape=2,2"));
}

static void two_convs(graph_make *m)
{
    int x = gm_op1(m, "Relu", gm_conv(m, image(m, 32), 64, 3, 3, NULL), NULL);
    gm_output(m, gm_conv(m, x, 32, 3, 3, NULL));
}

/* Both the sum and what follows it leave the stage. */
static void skip_over_a_sum(graph_make *m)
{
    int x = gm_conv(m, image(m, 32), 32, 1, 1, NULL);
    gm_output(m, gm_op2(m, "Add", x, gm_op1(m, "Relu", x, NULL), NULL));
}

static void depthwise(graph_make *m)
{
    int in[2] = {gm_conv(m, image(m, 32), 64, 1, 1, NULL),
                 gm_weight(m, gm_shape(4, 128, 1, 3, 3), 1, 0)};
    gm_output(m, gm_op(m, "Conv", in, 2, "group=64"));
}

/* Four groups can be shared out among four pieces, not among eight. */
static void four_groups(graph_make *m)
{
    int in[2] = {image(m, 32), gm_weight(m, gm_shape(4, 64, 8, 3, 3), 1, 0)};
    gm_output(m, gm_op1(m, "Relu", gm_op(m, "Conv", in, 2, "group=4"), NULL));
}

static void head(graph_make *m)
{
    int x = gm_op1(m, "Flatten", gm_conv(m, image(m, 4), 16, 3, 3, NULL), "axis=1");
    gm_output(m, linear(m, x, 32));
}

static void few_channels(graph_make *m)
{
    gm_output(m, gm_conv(m, image(m, 32), 3, 3, 3, NULL));
}

static void softmax(graph_make *m)
{
    gm_output(m, gm_op1(m, "Softmax", linear(m, gm_input(m, gm_shape(3, 2, 5, 32)), 64), "axis=2"));
}

static void norm_first(graph_make *m)
{
    int x = gm_input(m, gm_shape(3, 1, 5, 32));
    int in[3] = {x, gm_weight(m, gm_shape(1, 32), 1, 0), gm_weight(m, gm_shape(1, 32), 1, 0)};
    x = gm_op(m, "LayerNormalization", in, 3, "axis=-1");
    x = gm_op1(m, "Relu", linear(m, x, 64), NULL);
    gm_output(m, gm_op2(m, "Add", linear(m, x, 32), m->g->inputs[0], NULL));
}

static void attention(graph_make *m)
{
    gm_output(m, layers_attention(m, gm_input(m, gm_shape(3, 1, 5, 16)), 4, 4, 8, 1));
}

static void grouped_query(graph_make *m)
{
    gm_output(m, layers_attention(m, gm_input(m, gm_shape(3, 1, 5, 16)), 8, 2, 8, 0));
}

/* One product for queries, keys and values. */
static void fused_grouped_query(graph_make *m)
{
    gm_output(m, layers_attention(m, gm_input(m, gm_shape(3, 1, 5, 16)), 12, 4, 8, 3));
}

/* The third part of the Split leaves too: no piece has its range of it. */
static void fused_and_seen(graph_make *m)
{
    fused_grouped_query(m);
    for (int n = 0; n < m->g->node_count; n++) {
        if (ff_node_is(&m->g->nodes[n], "Split")) {
            gm_output(m, m->g->nodes[n].out[2]);
        }
    }
}

static void random_numbers(graph_make *m)
{
    int x = linear(m, gm_input(m, gm_shape(2, 4, 32)), 32);
    gm_output(m, gm_op2(m, "Add", x, gm_op1(m, "RandomNormalLike", x, NULL), NULL));
}

static void whole_mean(graph_make *m)
{
    gm_output(m, gm_op1(m, "ReduceMean", gm_conv(m, image(m, 32), 32, 1, 1, NULL), "axes=2,3"));
}

static const struct {
    void (*make)(graph_make *m);
    const char *split;
    const char *why; /* NULL: passes */
} CASES[] = {
    {one_conv, "channel 4", NULL},
    {one_conv, "batch 2", NULL},
    {one_conv, "batch 3", "axis 0 is too short for batch 3"},
    {one_conv, "reduce 2", "MaxPool 'n2' (node 2) cannot pass reduce 2: it makes no sum of parts"},
    {two_convs, "channel 2", "Conv 'n0' (node 0) cannot pass channel 2: every piece would need"},
    {two_convs, "reduce 2", "its channels would be cut, by channel or pair"},
    {two_convs, "pair 4", NULL},
    {two_convs, "heads 4", "multiplies no heads"},
    {two_convs, "batch 2", NULL},
    {skip_over_a_sum, "channel 2", NULL},
    {skip_over_a_sum, "reduce 2", "its sum is needed whole before the stage ends"},
    {depthwise, "channel 8", NULL},
    {four_groups, "channel 4", NULL},
    {four_groups, "channel 8", "in blocks of 16, has 4 shares"},
    {four_groups, "reduce 2", "passes none"},
    {head, "pair 4", NULL},
    {head, "channel 2", "Conv 'n0' (node 0) cannot pass channel 2: every piece would need"},
    {few_channels, "channel 4", "too short for channel 4"},
    {few_channels, "reduce 4", NULL},
    {softmax, "channel 2", "it needs the whole of axis 2"},
    {softmax, "batch 2", NULL},
    {norm_first, "pair 4", NULL},
    {norm_first, "channel 4", "every piece would need the whole"},
    {attention, "heads 4", NULL},
    {attention, "pair 2", NULL},
    {attention, "heads 3", NULL}, /* four heads as 1, 1 and 2 */
    {attention, "heads 5", "has 4 shares"},
    {attention, "reduce 2", "its channels would be cut"},
    {grouped_query, "heads 2", NULL},
    {grouped_query, "heads 4", "in blocks of 32, has 2 shares"},
    {fused_grouped_query, "heads 2", NULL},
    {fused_grouped_query, "heads 4", NULL},
    {fused_grouped_query, "heads 3", NULL}, /* four keys as 1, 1 and 2 */
    {fused_grouped_query, "heads 8", "in blocks of 24, has 4 shares"},
    {fused_and_seen, "heads 2",
     "parts of different length, and not every piece has a range of each"},
    {random_numbers, "channel 2", "RandomNormalLike"},
    {whole_mean, "channel 4", NULL},
};

/* A sketch tells the same sizes. */
static void sketch_is_as_large(const ff_graph *g, const ff_stage *stage, const ff_pieces *pieces)
{
    ff_pieces sketch = {0};
    (void)ff_stage_sketch(g, stage, &sketch, NULL);
    assert_int_equal(sketch.count, pieces->count);
    for (int i = 0; i < sketch.count; i++) {
        const ff_piece *a = &sketch.piece[i], *b = &pieces->piece[i];
        assert_int_equal(a->weight_bytes, b->weight_bytes);
        assert_int_equal(a->flops, b->flops);
        assert_int_equal(a->graph->node_count, b->graph->node_count);
        assert_int_equal(a->in_count, b->in_count);
        for (int k = 0; k < a->in_count; k++) {
            assert_true(ff_region_equal(&a->in[k].region, &b->in[k].region));
        }
    }
    ff_pieces_clean(&sketch);
}

static void checks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        graph_make m;
        ff_err err = {0};
        ff_pieces pieces = {0};
        gm_init(&m, 17, 1);
        CASES[i].make(&m);
        ff_stage stage = {0, m.g->node_count, {FF_SPLIT_LOCAL, 0, 0}};
        assert_int_equal(ff_split_parse(CASES[i].split, &stage.split, NULL), FF_OK);
        ff_code code = ff_stage_check(m.g, &stage, &err);
        bool right = CASES[i].why == NULL
                         ? code == FF_OK
                         : code == FF_UNSUPPORTED && strstr(err.message, CASES[i].why) != NULL;
        if (!right) {
            fail_msg("case %zu, %s: %d, '%s'", i, CASES[i].split, code, err.message);
        }
        /* splitting says the same, and shares out the weights */
        assert_int_equal(ff_stage_split(m.g, &stage, &pieces, NULL), code);
        uint64_t held = 0;
        for (int p = 0; p < pieces.count; p++) {
            held += pieces.piece[p].weight_bytes;
        }
        if (code == FF_OK && ff_split_divides(stage.split.kind)) {
            assert_true((double)held <=
                        1.02 * (double)pieces.whole_weight_bytes + 2048.0 * pieces.count);
        }
        sketch_is_as_large(m.g, &stage, &pieces);
        ff_pieces_clean(&pieces);
        gm_clean(&m);
    }
}

/* 10 heads among 4 pieces; a piece's columns of query, key and value lie in three runs. */
static void heads_stay_together(void **state)
{
    (void)state;
    graph_make m;
    ff_pieces p = {0};
    ff_err err = {0};
    gm_init(&m, 17, 3);
    gm_output(&m, layers_attention(&m, gm_input(&m, gm_shape(3, 1, 5, 16)), 10, 10, 3, 1));
    ff_stage stage = {0, m.g->node_count, {FF_SPLIT_HEADS, 4, 1}};
    gm_must(ff_stage_split(m.g, &stage, &p, &err), &err, "split");
    static const int64_t HEADS[4] = {2, 3, 2, 3};
    for (int i = 0; i < 4; i++) {
        const ff_graph *g = p.piece[i].graph;
        int columns = 0, rows = 0;
        for (int v = 0; v < g->value_count; v++) {
            const ff_shape *s = &g->values[v].shape;
            bool weight = g->values[v].kind == FF_VALUE_WEIGHT && s->rank == 2;
            columns += weight && (s->dim[0] == 3 * HEADS[i] * 3 || s->dim[1] == 3 * HEADS[i] * 3);
            rows += weight && s->dim[0] == HEADS[i] * 3 && s->dim[1] == 16;
        }
        assert_int_equal(columns, 1);
        assert_int_equal(rows, 1);
        assert_int_equal(p.piece[i].out_count, 1);
        assert_true(p.piece[i].out[0].add);
        assert_true(ff_region_is_whole(&p.piece[i].out[0].region,
                                       &m.g->values[p.piece[i].out[0].value].shape));
    }
    ff_pieces_clean(&p);
    gm_clean(&m);
}

/* Without the product that makes them: a piece's share of the columns is no region to send. */
static void fused_columns_from_outside(void **state)
{
    (void)state;
    graph_make m;
    ff_err err = {0};
    gm_init(&m, 17, 3);
    fused_grouped_query(&m);
    for (int begin = 1; begin <= 2; begin++) { /* with the bias, and without */
        const ff_stage stage = {begin, m.g->node_count, {FF_SPLIT_REDUCE, 2, 1}};
        assert_int_equal(ff_stage_check(m.g, &stage, &err), FF_UNSUPPORTED);
        assert_non_null(
            strstr(err.message, "which enters the stage, would be sent in several runs"));
    }
    gm_clean(&m);
}

/* A piece's part of the fused product: its queries, and the keys and values that they read. */
static void grouped_queries_and_keys(void **state)
{
    (void)state;
    graph_make m;
    ff_pieces p = {0};
    ff_err err = {0};
    gm_init(&m, 17, 3);
    fused_grouped_query(&m);
    ff_stage stage = {0, m.g->node_count, {FF_SPLIT_HEADS, 4, 1}};
    gm_must(ff_stage_split(m.g, &stage, &p, &err), &err, "split");
    for (int i = 0; i < 4; i++) {
        const ff_graph *g = p.piece[i].graph;
        int found = 0;
        for (int n = 0; n < g->node_count; n++) {
            const ff_node *node = &g->nodes[n];
            if (ff_node_is(node, "MatMul") && g->values[node->in[0]].kind == FF_VALUE_INPUT) {
                const ff_value *w = &g->values[node->in[1]];
                const ff_value *whole = &m.g->values[m.g->nodes[n].in[1]];
                assert_int_equal(w->shape.dim[1], (3 + 1 + 1) * 8);
                /* of the first row: 24 queries, 8 keys, 8 values */
                const float *row = (const void *)w->data.data,
                            *all = (const void *)whole->data.data;
                assert_memory_equal(row, all + i * 24, 24 * sizeof *row);
                assert_memory_equal(row + 24, all + 96 + i * 8, 8 * sizeof *row);
                assert_memory_equal(row + 32, all + 96 + 32 + i * 8, 8 * sizeof *row);
                found++;
            }
        }
        assert_int_equal(found, 1);
    }
    ff_pieces_clean(&p);
    gm_clean(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grouped_queries_and_keys),
        cmocka_unit_test(fused_columns_from_outside),
        cmocka_unit_test(checks),
        cmocka_unit_test(heads_stay_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
