/*
 * Every bound on bytes from outside, with its reason. Checked before anything is allocated.
 */
#ifndef FF_BASE_LIMITS_H
#define FF_BASE_LIMITS_H

#include <stdint.h>

/* Tensors */
#define FF_MAX_RANK         8                    /* ONNX models in use stay at 6 */
#define FF_MAX_TENSOR_BYTES ((uint64_t)16 << 30) /* above any function's memory (10 GB) */
#define FF_MAX_NPY_HEADER   65536u               /* version 1.0's own bound */

/* ONNX files */
#define FF_MAX_ONNX_DEPTH  32u /* messages in messages; real models: 12 */
#define FF_MAX_ONNX_NODES  200000u
#define FF_MAX_ONNX_VALUES 1000000u
#define FF_MAX_ONNX_SPAN   ((uint64_t)16 << 30)  /* one weight */
#define FF_MAX_ONNX_HEAD   ((uint64_t)256 << 20) /* the file without its weights */
#define FF_MAX_NAME        1024u                 /* a node's or tensor's name */

/* Requests (AWS Lambda's synchronous limits) */
#define FF_LAMBDA_REQUEST_BYTES  6291456u
#define FF_LAMBDA_RESPONSE_BYTES 6291556u
#define FF_LAMBDA_PACKAGE_BYTES  262144000u     /* unzipped */
#define FF_LAMBDA_IMAGE_BYTES    10000000000ull /* "10 GB": taken as the smaller reading */
#define FF_MAX_JSON_DEPTH        64u
#define FF_MAX_ENVELOPE_TENSORS  256u
#define FF_MAX_HTTP_HEADERS      128u
#define FF_MAX_HTTP_HEADER_BYTES 65536u
#define FF_MAX_KEY               1024u /* S3's bound on a key */

/* Deployments */
#define FF_MAX_STAGES    1024u
#define FF_MAX_FUNCTIONS 4096u /* ResNet-152 as channel 8: 1,217 */
#define FF_MAX_TILES     64u   /* pieces of one stage */

#endif
