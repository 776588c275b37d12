/* The table of halos: what the pieces of every stage between two places really compute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "plan/plan_int.h"
#include "support/graph_make.h"
#include "support/random_graph.h"

/* What splitting adds to a piece moves elements only: it is no halo. NAN where a node computes more
 * than it is asked for (whole blocks of an upsampling), or counts by its input (ConvTranspose):
 * that the table does not know. */
static double flops_of(const ff_graph *p)
{
    double flops = 0;
    for (int n = 0; n < p->node_count; n++) {
        const ff_node *node = &p->nodes[n];
        if (strcmp(node->op, "ConvTranspose") == 0 || strstr(p->values[node->out[0]].name, "/wide"))
            return NAN;
        flops += node->name[0] == '\0' ? 0 : (double)ff_node_flops(p, n);
    }
    return flops;
}

/* Every stage that passes without sums; the number of those. */
static int check(const ff_graph *g, const ff_split *split, uint64_t seed)
{
    int n = g->node_count + 1, compared = 0;
    int *places = ff_mem_must_array((size_t)n, sizeof *places);
    double *extra = ff_mem_must_array((size_t)n * (size_t)n, sizeof *extra);
    for (int i = 0; i < n; i++)
        places[i] = i;
    ff_halo_table(g, split, places, n, extra);
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++) {
            const ff_stage stage = {i, j, *split};
            ff_stage_back back;
            ff_pieces pieces = {0};
            double flops = 0;
            if (ff_stage_look(g, &stage, &back, NULL) != FF_OK || back.terms > 0)
                continue;
            assert_int_equal(ff_stage_split(g, &stage, &pieces, NULL), FF_OK);
            for (int k = 0; k < pieces.count; k++)
                flops += flops_of(pieces.piece[k].graph);
            double more = flops - (double)pieces.whole_flops;
            if (fabs(extra[i * n + j] - more) > 0.5)
                fail_msg("seed %llu, nodes %d to %d, grid %dx%d: %.0f, pieces compute %.0f more",
                         (unsigned long long)seed, i, j - 1, split->rows, split->cols,
                         extra[i * n + j], more);
            compared += isnan(more) ? 0 : 1;
            ff_pieces_clean(&pieces);
        }
    ff_mem_free(places);
    ff_mem_free(extra);
    return compared;
}

static void random_graphs(void **state)
{
    (void)state;
    int compared = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        const ff_split split = {FF_SPLIT_GRID, 1 + (int)(seed % 3), 1 + (int)(seed / 3 % 3)};
        graph_make m;
        random_graph(&m, seed, 10);
        compared += check(m.g, &split, seed);
        gm_clean(&m);
    }
    assert_true(compared > 1000);
}

static void residual_blocks(void **state)
{
    (void)state;
    const ff_split split = {FF_SPLIT_GRID, 2, 2};
    graph_make m;
    gm_init(&m, 13, 1);
    int x = gm_input(&m, gm_shape(4, 1, 8, 15, 14));
    for (int i = 0; i < 3; i++) {
        int y = gm_op1(&m, "Relu", gm_conv(&m, x, 4, 1, 1, NULL), NULL);
        y = gm_op1(&m, "Relu", gm_conv(&m, y, 4, 3, 3, "pads=1,1,1,1"), NULL);
        x = gm_op1(&m, "Relu", gm_op2(&m, "Add", gm_conv(&m, y, 8, 1, 1, NULL), x, NULL), NULL);
    }
    gm_output(&m, x);
    assert_int_equal(check(m.g, &split, 0), m.g->node_count * (m.g->node_count + 1) / 2);
    gm_clean(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs),
        cmocka_unit_test(residual_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
