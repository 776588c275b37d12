/*
 * The compute kernel that speeds are compared by: a 3x3 convolution of 64 to 64 channels on a
 * 56x56 map, float32, stored and run as pieces are, in GMAC/s (1 MAC = 2 FLOPs).
 */
#ifndef FF_MEASURE_KERNEL_H
#define FF_MEASURE_KERNEL_H

#include "engine/engine.h"

#define FF_KERNEL_TEXT "3x3 convolution, 64 to 64 channels, 56x56, float32"

/* The best of `runs` runs (0: 25, about 0.2 s) by a session of `threads` threads: one thread's is
 * by its CPU time, so that other work on the machine matters little. dir: an existing folder for
 * temporary files. */
ff_code ff_kernel_gmac_per_s(int threads, int runs, const char *dir, double *gmac_per_s,
                             ff_err *err);

#endif
