/* What a piece is made of: its parts, names, weights, and nothing that it does not need. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "split/split.h"
#include "support/graph_make.h"

static ff_pieces split(const graph_make *m, int begin, int end, int rows, int cols)
{
    ff_stage stage = {begin, end, {FF_SPLIT_GRID, rows, cols}};
    ff_pieces pieces = {0};
    ff_err err = {0};
    if (rows == 0) {
        stage.split = (ff_split){FF_SPLIT_OFFLOAD, 0, 0};
    }
    gm_must(ff_stage_split(m->g, &stage, &pieces, &err), &err, "split");
    return pieces;
}

static void assert_region(const ff_region *r, const int64_t *lo, const int64_t *hi)
{
    for (int a = 0; a < r->rank; a++) {
        assert_int_equal(r->lo[a], lo[a]);
        assert_int_equal(r->hi[a], hi[a]);
    }
}

/* 7 rows in 2 tiles are 4 and 3; the halo of a 3x3 window is one row; the outer pads stay. */
static void parts_are_small(void **state)
{
    (void)state;
    graph_make m;
    gm_init(&m, 13, 1);
    gm_output(&m, gm_conv(&m, gm_input(&m, gm_shape(4, 1, 2, 7, 8)), 3, 3, 3, "pads=1,1,1,1"));
    ff_pieces p = split(&m, 0, 1, 2, 2);
    const struct {
        int64_t in_lo[4], in_hi[4], out_lo[4], out_hi[4], pads[4];
    } want[] = {
        {{0, 0, 0, 0}, {1, 2, 5, 5}, {0, 0, 0, 0}, {1, 3, 4, 4}, {1, 1, 0, 0}},
        {{0, 0, 0, 3}, {1, 2, 5, 8}, {0, 0, 0, 4}, {1, 3, 4, 8}, {1, 0, 0, 1}},
        {{0, 0, 3, 0}, {1, 2, 7, 5}, {0, 0, 4, 0}, {1, 3, 7, 4}, {0, 1, 1, 0}},
        {{0, 0, 3, 3}, {1, 2, 7, 8}, {0, 0, 4, 4}, {1, 3, 7, 8}, {0, 0, 1, 1}},
    };
    assert_int_equal(p.count, 4);
    for (int i = 0; i < 4; i++) {
        int64_t pads[4] = {-1};
        const ff_piece *q = &p.piece[i];
        assert_int_equal(q->in_count, 1);
        assert_int_equal(q->out_count, 1);
        assert_int_equal(q->in[0].value, m.g->inputs[0]);
        assert_int_equal(q->out[0].value, m.g->outputs[0]);
        assert_false(q->out[0].add);
        assert_region(&q->in[0].region, want[i].in_lo, want[i].in_hi);
        assert_region(&q->out[0].region, want[i].out_lo, want[i].out_hi);
        assert_int_equal(q->graph->node_count, 1);
        assert_int_equal(ff_node_ints(&q->graph->nodes[0], "pads", pads, 4), 4);
        assert_memory_equal(pads, want[i].pads, sizeof pads);
        /* named as in the whole, weights by view */
        assert_string_equal(q->graph->values[q->graph->inputs[0]].name,
                            m.g->values[m.g->inputs[0]].name);
        int w = ff_graph_find_value(q->graph, m.g->values[m.g->nodes[0].in[1]].name);
        assert_true(w >= 0);
        assert_ptr_equal(q->graph->values[w].data.data, m.g->values[m.g->nodes[0].in[1]].data.data);
        assert_int_equal(q->weight_bytes, (3 * 2 * 9 + 3) * 4);
    }
    /* a convolution's cost is in proportion to its output: no halo is computed twice */
    assert_int_equal(p.piece[0].flops + p.piece[1].flops + p.piece[2].flops + p.piece[3].flops,
                     p.whole_flops);
    assert_int_equal(p.piece[0].flops, 4 * 4 * 3 * 2 * 9 * 2);
    ff_pieces_clean(&p);
    ff_pieces_clean(&p);
    gm_clean(&m);
}

/* Two readers of one value: it is held once, the one that needs less reads a Slice; what leaves the
 * stage is the tile exactly. */
static void hull_and_slices(void **state)
{
    (void)state;
    graph_make m;
    gm_init(&m, 13, 1);
    int x = gm_op1(&m, "Relu", gm_input(&m, gm_shape(4, 1, 2, 8, 8)), NULL);
    int y = gm_conv(&m, x, 2, 5, 5, "pads=2,2,2,2");
    gm_output(&m, x);
    gm_output(&m, gm_op2(&m, "Add", x, y, NULL));
    ff_pieces p = split(&m, 0, 3, 2, 1);
    const ff_graph *q = p.piece[0].graph;
    int slices = 0;
    for (int n = 0; n < q->node_count; n++) {
        slices += ff_node_is(&q->nodes[n], "Slice") ? 1 : 0;
    }
    assert_int_equal(q->node_count, 3 + slices);
    assert_int_equal(slices, 2); /* one for Add, one that is the output */
    assert_int_equal(p.piece[0].in[0].region.hi[2], 6);
    assert_int_equal(p.piece[0].out[0].region.hi[2], 4);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(q->values[q->outputs[i]].name, m.g->values[m.g->outputs[i]].name);
        assert_int_equal(q->values[q->outputs[i]].shape.dim[2], 4);
    }
    ff_pieces_clean(&p);
    gm_clean(&m);
}

/* Nodes that nothing needs are left out; what depends on weights only is computed whole. */
static void only_what_is_needed(void **state)
{
    (void)state;
    graph_make m;
    gm_init(&m, 13, 1);
    int x = gm_op1(&m, "Relu", gm_input(&m, gm_shape(4, 1, 2, 8, 8)), NULL);
    gm_conv(&m, x, 2, 3, 3, NULL);
    int w = gm_op1(&m, "Exp", gm_weight(&m, gm_shape(4, 1, 2, 8, 8), 1, 0), NULL);
    gm_output(&m, gm_op2(&m, "Add", x, w, NULL));
    ff_pieces p = split(&m, 0, 4, 2, 2);
    for (int i = 0; i < 4; i++) {
        const ff_graph *q = p.piece[i].graph;
        int convs = 0, exps = 0;
        for (int n = 0; n < q->node_count; n++) {
            convs += ff_node_is(&q->nodes[n], "Conv") ? 1 : 0;
            if (ff_node_is(&q->nodes[n], "Exp")) {
                exps++;
                assert_int_equal(q->values[q->nodes[n].out[0]].shape.dim[2], 8);
            }
        }
        assert_int_equal(convs, 0);
        assert_int_equal(exps, 1);
        assert_int_equal(p.piece[i].weight_bytes, 2 * 64 * 4 + 3 * 2 * 8); /* and a Slice's */
    }
    ff_pieces_clean(&p);
    gm_clean(&m);
}

/* A value that depends on weights only and leaves the stage comes from the first piece, whole. */
static void constants_leave_once(void **state)
{
    (void)state;
    graph_make m;
    gm_init(&m, 13, 1);
    int w = gm_op1(&m, "Exp", gm_weight(&m, gm_shape(1, 3), 1, 0), NULL);
    int x = gm_op1(&m, "Relu", gm_input(&m, gm_shape(4, 1, 2, 8, 8)), NULL);
    gm_output(&m, x);
    gm_output(&m, w);
    ff_pieces p = split(&m, 0, 2, 1, 2);
    assert_int_equal(p.piece[0].out_count, 2);
    assert_int_equal(p.piece[1].out_count, 1);
    ff_pieces_clean(&p);
    gm_clean(&m);
}

/* A whole stage is copied as it stands, unknown ops and captured values too. */
static void whole_stage(void **state)
{
    (void)state;
    graph_make m;
    ff_err err = {0};
    int out, other;
    gm_init(&m, 13, 1);
    int x = gm_op1(&m, "Relu", gm_input(&m, gm_shape(4, 1, 2, 8, 8)), NULL);
    int w = gm_weight(&m, gm_shape(1, 3), 1, 0);
    ff_shape shape = gm_shape(4, 1, 2, 8, 8);
    gm_must(ff_graph_add_value(m.g, "inner", FF_VALUE_NODE, FF_DTYPE_F32, NULL, &other, &err), &err,
            "value");
    gm_must(ff_graph_add_value(m.g, "y", FF_VALUE_NODE, FF_DTYPE_F32, &shape, &out, &err), &err,
            "value");
    int n = ff_graph_add_node(m.g, "odd", "Odd", "com.example", &x, 1, &other, 1);
    ff_graph_set_int(m.g, n, "level", 3);
    m.g->nodes[n].has_subgraph = true;
    m.g->nodes[n].captured_count = 1;
    m.g->nodes[n].captured = &w;
    ff_graph_add_node(m.g, "odd2", "Odd", "com.example", &other, 1, &out, 1);
    gm_output(&m, out);
    ff_pieces p = split(&m, 1, 3, 0, 0);
    const ff_graph *q = p.piece[0].graph;
    assert_int_equal(p.count, 1);
    assert_int_equal(q->node_count, 2);
    assert_int_equal(ff_node_int(&q->nodes[0], "level", 0), 3);
    assert_true(q->nodes[0].has_subgraph);
    assert_int_equal(q->nodes[0].captured_count, 1);
    assert_string_equal(q->values[q->nodes[0].captured[0]].name, m.g->values[w].name);
    assert_int_equal(p.piece[0].in[0].value, x);
    assert_int_equal(p.piece[0].weight_bytes, 12);
    assert_false(q->values[q->nodes[0].out[0]].has_shape);
    ff_pieces_clean(&p);
    gm_clean(&m);
}

/* A node that has its output's name: the Slice that brings a wider map down to that output must not
 * take it once more, which ONNX Runtime refuses. */
static void node_names_differ(void **state)
{
    (void)state;
    graph_make m;
    gm_init(&m, 13, 1);
    int x = gm_conv(&m, gm_input(&m, gm_shape(4, 1, 2, 8, 8)), 2, 3, 3, "pads=1,1,1,1");
    int y = gm_conv(&m, x, 2, 3, 3, "pads=1,1,1,1");
    gm_output(&m, gm_op2(&m, "Add", x, y, NULL));
    for (int n = 0; n < m.g->node_count; n++) {
        m.g->nodes[n].name = m.g->values[m.g->nodes[n].out[0]].name;
    }
    ff_pieces p = split(&m, 0, 2, 2, 2);
    for (int i = 0; i < p.count; i++) {
        const ff_graph *q = p.piece[i].graph;
        assert_int_equal(p.piece[i].out_count, 2);
        assert_int_equal(q->node_count, 3);
        for (int a = 0; a < q->node_count; a++) {
            for (int b = 0; b < a && q->nodes[a].name[0] != '\0'; b++) {
                assert_string_not_equal(q->nodes[a].name, q->nodes[b].name);
            }
        }
    }
    ff_pieces_clean(&p);
    gm_clean(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_small),     cmocka_unit_test(hull_and_slices),
        cmocka_unit_test(only_what_is_needed), cmocka_unit_test(constants_leave_once),
        cmocka_unit_test(whole_stage),         cmocka_unit_test(node_names_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
