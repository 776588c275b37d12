/*
 * Codecs: elements as fewer bytes on their way.
 *
 * zero   lossless: one bit an element (bit i of byte i/8: 0 = all of its bits are 0), the last
 *        byte's spare bits 0; then the other elements' bytes, in order. -0.0 is no zero.
 * fp16   float32 as float16, rounded to the nearest; for who asks for it.
 *
 * Vector kernels are chosen at run time, and give the same bytes as the scalar ones.
 */
#ifndef FF_TENSOR_CODEC_H
#define FF_TENSOR_CODEC_H

#include "tensor/region.h"

typedef enum ff_codec { FF_CODEC_RAW, FF_CODEC_ZERO, FF_CODEC_FP16 } ff_codec;
#define FF_CODEC_COUNT 3
const char *ff_codec_name(ff_codec codec); /* "raw", "zero", "fp16" */
/* FF_UNSUPPORTED for another name. */
ff_code ff_codec_parse(const char *name, ff_codec *out, ff_err *err);

/* size: bytes of an element, 1, 2, 4 or 8. */
size_t ff_zero_mask_bytes(size_t elems);
/* What encode may write, spare bytes for wide stores included. */
size_t ff_zero_room(size_t elems, size_t size);
/* Returns the bytes written. in need not be aligned. */
size_t ff_zero_encode(const uint8_t *in, size_t elems, size_t size, uint8_t *out);
/* in must be exactly elems elements: FF_FORMAT otherwise, and out is untouched. */
ff_code ff_zero_decode(ff_bytes in, size_t elems, size_t size, uint8_t *out, ff_err *err);
/* The share of a region's elements that are not zero, from at most 16,384 of them. */
double ff_zero_density(const ff_tensor *whole, const ff_region *region);

void ff_fp16_encode(const uint8_t *floats, size_t elems, uint8_t *halves);
void ff_fp16_decode(const uint8_t *halves, size_t elems, uint8_t *floats);

/* For tests: kernels may be vectors (the default), or not. */
void ff_codec_scalar(bool only);

#endif
