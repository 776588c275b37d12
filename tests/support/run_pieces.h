/*
 * Runs a graph whole and in pieces, in this process, and compares. Links ff_split and ff_engine.
 */
#ifndef FF_TESTS_SUPPORT_RUN_PIECES_H
#define FF_TESTS_SUPPORT_RUN_PIECES_H

#include "engine/engine.h"
#include "split/split.h"

typedef struct run_result {
    double worst; /* over all outputs: max|diff| / max|reference| */
    int pieces;
    uint64_t flops, whole_flops; /* of all stages */
} run_result;

/* stages cover all nodes, in order. Inputs are seeded normal numbers. FF_MISMATCH names the output
 * that differs by more than the tolerance of its type. */
ff_code run_and_compare(ff_engine *engine, const ff_graph *g, const ff_stage *stages,
                        int stage_count, uint64_t seed, run_result *result, ff_err *err);

/* The graph as one model. in, out: a tensor an input or output of g, in its order; out is the
 * caller's (ff_tensor_clean). */
ff_code run_whole(ff_engine *engine, const ff_graph *g, const ff_tensor *in, ff_tensor *out,
                  ff_err *err);
/* The same by the pieces of the stages, which cover all nodes, in order. result is added to. */
ff_code run_in_pieces(ff_engine *engine, const ff_graph *g, const ff_stage *stages, int stage_count,
                      const ff_tensor *in, ff_tensor *out, run_result *result, ff_err *err);

#endif
