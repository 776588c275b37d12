/*
 * The --input flags as tensors: [NAME=]X.npy, or [NAME=]X.png|X.jpg by the bundle's preprocessing.
 */
#ifndef FF_CLI_INPUTS_H
#define FF_CLI_INPUTS_H

#include "cli/args.h"
#include "client/image.h"
#include "tensor/tensor.h"

#define FF_CLI_MAX_INPUTS 64

/* Fills out[0..name_count) in the order of names; *count is 0 where no --input is given, else
 * name_count. A name may be left out where the model has one input. FF_USAGE for an unknown name,
 * one given twice or one missing, or a picture without preprocessing. picture (may be NULL) gets
 * the last picture read, the caller's to clean. */
ff_code ff_cli_read_inputs(const ff_args *args, const char *const *names, int name_count,
                           const char *preprocess_json, ff_tensor out[FF_CLI_MAX_INPUTS],
                           int *count, ff_image *picture, ff_err *err);

#endif
