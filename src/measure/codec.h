/*
 * What it costs to put a tensor into a payload and take it out again, and the same for an object,
 * with our own codec: base64, CRC-32C, JSON.
 */
#ifndef FF_MEASURE_CODEC_H
#define FF_MEASURE_CODEC_H

#include "measure/fit_ops.h"

#define FF_CODEC_ENTRIES 4
#define FF_CODEC_SIZES   6

/* "encode", "decode", "encode raw", "decode raw", by float32 elements; runs of each of
 * FF_CODEC_SIZES sizes, the best counts (thread CPU time). Fills op, source and coefficients. */
void ff_measure_codec(int runs, ff_arena *arena, ff_compute_op out[FF_CODEC_ENTRIES]);

#endif
