/*
 * Plans: which stages, how each is split, and what the planner predicted. plan.json:
 *
 * {"format": 1, "planner": "grid", "model": {"path" (relative to the plan), "sha256", "nodes"},
 *  "shapes": {"x": [1, 3, 640, 640]},
 *  "stages": [{"begin": 0, "end": 12, "split": "grid 2x2", "workers": 4, "flops", "weights_bytes",
 *              "halo_flops_ratio", "inputs": [{"name", "bytes", "route": null}], "outputs":
 * [...]}], "predicted": null, "planning_ms": 1.2}
 *
 * A stage may have "master_piece": true: then piece 0 is the master's, and there is a worker less.
 * Where a planner knew a network and what ops cost: "network" and "compute" are the profiles'
 * names, "memory_mb" the master's memory and, in a stage, its workers'; routes are "inline" or
 * "store"; "predicted" is {"latency_ms" (p50), "mean_ms", "p99_ms", "cost_usd"}, and in a stage
 * {"mean_ms", "p99_ms", "compute_ms", "codec_ms", "route_ms", "serial_ms", "cost_usd"}: what
 * plan_cost.h says. Unknown and repeated members are refused. begin and end are node indices in the
 * loaded graph's order (ff_onnx_load), checked on reading by "nodes" and the names of the tensors
 * that cross. A route of null is decided at each request. Opens no file: what it needs comes in as
 * data.
 */
#ifndef FF_PLAN_PLAN_H
#define FF_PLAN_PLAN_H

#include "base/json.h"
#include "graph/onnx.h"
#include "plan/plan_cost.h"
#include "split/split.h"

#define FF_MAX_PLAN_BYTES  (64u << 20) /* of a plan.json */
#define FF_MAX_PLAN_SHAPES 1024        /* of inputs */

typedef enum ff_plan_route {
    FF_PLAN_ROUTE_OPEN, /* decided at each request; or it does not travel */
    FF_PLAN_ROUTE_INLINE,
    FF_PLAN_ROUTE_STORE
} ff_plan_route;

typedef struct ff_plan_tensor {
    const char *name;
    uint64_t bytes; /* of the largest part that travels */
    ff_plan_route route;
} ff_plan_tensor;

typedef struct ff_plan_stage {
    ff_stage stage;
    bool own; /* the master computes piece 0 itself while the workers run; not of local, offload */
    uint64_t flops;
    uint64_t weight_bytes; /* summed over the pieces */
    double halo;           /* extra FLOPs of the pieces, as a ratio of the stage's */
    double worker_mb;      /* 0 = not decided */
    bool predicted;
    ff_stage_cost cost; /* where predicted; of it, workers and bytes are not in plan.json */
    int in_count;
    ff_plan_tensor *in;
    int out_count;
    ff_plan_tensor *out;
} ff_plan_stage;

typedef struct ff_plan {
    ff_arena *arena;
    const char *planner;
    const char *model_path; /* as in the file */
    const char *model_sha256;
    int node_count;
    int shape_count;
    ff_onnx_shape *shapes;
    int stage_count;
    ff_plan_stage *stage;
    double planning_ms;
    const char *network, *compute; /* names of profiles; NULL = none was used */
    double master_mb;              /* 0 = not decided */
    bool predicted;
    double latency_ms, mean_ms, p99_ms, cost_usd; /* where predicted; latency is the p50 */
} ff_plan;

typedef struct ff_plan_options {
    const char *planner; /* "single", "grid" */
    int rows, cols;      /* grid */
    int stages;          /* wanted number of grid stages, 0 = the planner's choice */
} ff_plan_options;

/* FF_USAGE for an unknown planner; FF_UNSUPPORTED never: what no grid passes runs local. The
 * model's path is the graph's, its hash "", and no shapes are held, until ff_plan_set_model. */
ff_code ff_plan_make(const ff_graph *g, const ff_plan_options *options, ff_plan **out, ff_err *err);
/* The same for one split of any kind, in as many stages as pass it ("planner": "split"): "local"
 * and "offload" are one stage. */
ff_code ff_plan_make_split(const ff_graph *g, const ff_split *split, ff_plan **out, ff_err *err);
/* A chain of `stages` whole stages, each on a worker of its own, cut near equal shares of FLOPs and
 * weights ("planner": "split"); fewer where there are not so many places to cut. */
ff_code ff_plan_make_chain(const ff_graph *g, int stages, ff_plan **out, ff_err *err);
/* Fills in what the plan takes by the target's profiles and memory sizes (those of the plan where
 * it has some): routes, times, cost; exact pieces, the slowest of unequal workers, stages added up
 * as distributions by their first three cumulants. FF_LIMIT: a bound that a function of the plan
 * breaks; FF_NOT_FOUND: an op without an entry. The plan is then as it was. */
ff_code ff_plan_predict(ff_plan *plan, const ff_graph *g, const ff_plan_target *target,
                        ff_err *err);
/* What the plan says about its model; all is copied. FF_USAGE where sha256 is no 64 hex digits. */
ff_code ff_plan_set_model(ff_plan *plan, const char *path, const char *sha256,
                          const ff_onnx_shape *shapes, int shape_count, ff_err *err);
/* FF_FORMAT names the member at fault, FF_LIMIT the bound. */
ff_code ff_plan_parse(ff_bytes json, ff_plan **out, ff_err *err);
/* Does the plan fit this graph? FF_FORMAT tells where not. */
ff_code ff_plan_check(const ff_plan *plan, const ff_graph *g, ff_err *err);
ff_code ff_plan_emit(const ff_plan *plan, ff_buf *json, ff_err *err);
void ff_plan_free(ff_plan *plan); /* accepts NULL */

#endif
