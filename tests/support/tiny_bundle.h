/*
 * A bundle of a tiny model in three stages, made by hand:
 *
 *   stage 0  grid 2x1 on w0, w1   a = Relu(Conv3x3(x)), b = Conv3x3(x)      two tensors cross
 *   stage 1  local                c = Relu(Conv3x3(a))                      b passes by
 *   stage 2  offload on w2        y = Conv1x1(c) + b
 *
 * x is 1x3xHxW float32, y 1x2xHxW; whole.onnx beside the bundle's files is the model in one.
 */
#ifndef FF_TESTS_SUPPORT_TINY_BUNDLE_H
#define FF_TESTS_SUPPORT_TINY_BUNDLE_H

#include <stdbool.h>
#include <stdint.h>

/* Writes folder (made if absent). height even. break_sha: the manifest tells a wrong SHA-256 of
 * w1's piece. extra: further members of the manifest, with a comma behind, or "". */
typedef struct tiny_bundle {
    int64_t height, width;
    const char *deployment;
    const char *form; /* NULL = portable */
    int nchwc_block;
    int break_sha;
    double probe_off; /* not 0: the probe of the local piece does not hold */
    const char *extra;
    bool own;       /* stage 0's piece 0 is the master's; nothing is w0's then */
    bool own_wrong; /* and the manifest gives it a row less than its model wants */
} tiny_bundle;
void tiny_bundle_write(const char *folder, const tiny_bundle *options);

#endif
