#include "measure/kernel.h"

#include "base/clock.h"
#include "measure/measure_int.h"
#include "measure/op_sweep.h"

#define RUNS 25

ff_code ff_kernel_gmac_per_s(int threads, int runs, const char *dir, double *gmac_per_s,
                             ff_err *err)
{
    double macs = 0;
    ff_engine *engine = NULL;
    ff_case kernel = {.base = -1, .graph = ff_sweep_kernel(&macs)};
    ff_case *only = &kernel;
    ff_code code = ff_engine_new(threads, &engine, err);
    ff_timing_options options = {.engine = engine,
                                 .dir = dir,
                                 .threads = threads,
                                 .rounds = runs > 0 ? runs : RUNS,
                                 .deadline_ns = FF_NEVER};
    if (!code)
        code = ff_time_cases(&options, &only, 1, err);
    if (!code && kernel.runs == 0)
        code = ff_err_set(err, FF_INTERNAL, "ONNX Runtime refuses the kernel (%s)", FF_KERNEL_TEXT);
    if (!code)
        *gmac_per_s = macs / 1e6 / kernel.ms;
    ff_engine_free(engine);
    ff_graph_free(kernel.graph);
    return code;
}
