/*
 * The zoo: well-known networks, written as ONNX files with seeded weights.
 *
 * Weights are random but sane (He-scaled, BatchNormalization near identity), so that activations
 * stay of order 1 through the deepest network and comparisons mean something.
 */
#ifndef FF_ZOO_ZOO_H
#define FF_ZOO_ZOO_H

#include "base/err.h"

typedef struct ff_zoo_options {
    int width_num, width_den; /* all widths times this; 0 = 1/1 */
    uint64_t seed;
    int opset; /* 0 = the network's own: 13; 17 with LayerNormalization, 14 with LSTM */
} ff_zoo_options;

typedef struct ff_zoo_info {
    const char *name;
    const char *about;   /* "ResNet-50 v1" */
    uint64_t parameters; /* what training changes: without running means and variances */
    uint64_t flops;      /* 2 per multiply-add */
} ff_zoo_info;

int ff_zoo_count(void);
ff_code ff_zoo_info_at(int index, ff_zoo_info *out, ff_err *err);
/* FF_NOT_FOUND for an unknown name (the message lists the known ones). wrnD-K takes any K 1..8,
 * rnn-K 1..18. FF_USAGE for a width or an opset out of range (networks on sequences start at 13).
 */
ff_code ff_zoo_write(const char *name, const ff_zoo_options *options, const char *path,
                     ff_err *err);

#endif
