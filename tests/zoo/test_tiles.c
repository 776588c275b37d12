/* The tiles that the paper measures: of the wide residual networks, as a grid of 2x2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "split/split.h"
#include "zoo/zoo_int.h"

/* The nodes of all blocks whose names begin with one of two prefixes (the second may be NULL). */
static ff_stage stage_of(const ff_graph *g, const char *first, const char *second)
{
    ff_stage stage = {g->node_count, 0, {FF_SPLIT_GRID, 2, 2}};
    for (int n = 0; n < g->node_count; n++) {
        const char *name = g->nodes[n].name;
        if (strncmp(name, first, strlen(first)) != 0 &&
            (second == NULL || strncmp(name, second, strlen(second)) != 0))
            continue;
        stage.begin = n < stage.begin ? n : stage.begin;
        stage.end = n + 1;
    }
    return stage;
}

static void first_tiles(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int k;
        ff_zoo_block block;
        const char *first, *second;
        int nodes;
        int64_t tile[4];     /* of the stage's input, for the first piece */
        int64_t last_out[4]; /* of its output, from the last piece */
    } cases[] = {
        /* last group of blocks: 3 of 10 nodes, and 2 of the first one's shortcut */
        {"wrn50-3", 3, FF_ZOO_BOTTLENECK, "layer4.", NULL, 32, {1, 3072, 12, 12}, {1, 6144, 3, 3}},
        /* the first two blocks of the third group */
        {"wrn34-4",
         4,
         FF_ZOO_BASIC,
         "layer3.0.",
         "layer3.1.",
         16,
         {1, 512, 20, 20},
         {1, 1024, 7, 7}},
    };
    static const int depth[4] = {3, 4, 6, 3};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ff_zoo_net net;
        ff_pieces pieces = {0};
        ff_zoo_net_init(&net, cases[i].name, 13, cases[i].k, 1);
        ff_zoo_resnet(&net, cases[i].block, depth);
        assert_int_equal(ff_zoo_net_finish(&net, NULL), FF_OK);
        ff_stage stage = stage_of(net.g, cases[i].first, cases[i].second);
        assert_int_equal(stage.end - stage.begin, cases[i].nodes);
        assert_int_equal(ff_stage_split(net.g, &stage, &pieces, NULL), FF_OK);
        assert_int_equal(pieces.count, 4);
        assert_int_equal(pieces.piece[0].in_count, 1);
        ff_shape in = ff_region_shape(&pieces.piece[0].in[0].region);
        ff_shape out = ff_region_shape(&pieces.piece[3].out[0].region);
        assert_int_equal(in.rank, 4);
        assert_memory_equal(in.dim, cases[i].tile, sizeof cases[i].tile);
        assert_int_equal(out.rank, 4);
        assert_memory_equal(out.dim, cases[i].last_out, sizeof cases[i].last_out);
        ff_pieces_clean(&pieces);
        ff_zoo_net_clean(&net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_tiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
