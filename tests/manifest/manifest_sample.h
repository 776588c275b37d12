/*
 * A manifest of three stages (two tiles, the master, one worker) to change and to break.
 */
#ifndef FF_TESTS_MANIFEST_SAMPLE_H
#define FF_TESTS_MANIFEST_SAMPLE_H

#include <stdlib.h>
#include <string.h>

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char SAMPLE[] =
    "{\"format\": 1, \"deployment\": \"tiny\", \"model\": {\"path\": \"../m.onnx\", \"sha256\": "
    "\"" SHA_A "\"}, \"arch\": \"x86_64\", \"form\": \"portable\", \"nchwc_block\": 1,"
    "\"inputs\": [{\"name\": \"x\", \"dtype\": \"float32\", \"shape\": [1, 3, 8, 8]}],"
    "\"outputs\": [{\"name\": \"z\", \"dtype\": \"float32\", \"shape\": [1, 10]}],"
    "\"preprocess\": {\"input\": \"x\", \"mean\": [0.5, 1, 2]},"
    "\"functions\": [{\"name\": \"master\"}, {\"name\": \"w0\"}, {\"name\": \"w1\"}, "
    "{\"name\": \"w2\"}],"
    "\"stages\": [{\"split\": \"grid 2x1\","
    "\"outputs\": [{\"name\": \"a\", \"dtype\": \"float32\", \"shape\": [1, 4, 7, 8]}],"
    "\"drop\": [\"x\"],"
    "\"pieces\": [{\"function\": \"w0\", \"model\": \"s0/p0.onnx\", \"weights\": "
    "\"s0/weights.bin\", \"model_sha256\": \"" SHA_A "\", \"weights_bytes\": 432, \"flops\": 99,"
    "\"inputs\": [{\"name\": \"x\", \"dtype\": \"float32\", \"region\": "
    "[[0,1],[0,3],[0,5],[0,8]]}],"
    "\"outputs\": [{\"name\": \"a\", \"dtype\": \"float32\", \"region\": "
    "[[0,1],[0,4],[0,4],[0,8]], \"add\": false}],"
    "\"probe\": {\"seed\": 7, \"output\": 0, \"max_abs\": 2.5, \"index\": [0, 127], \"value\": "
    "[0.25, -1.5]}},"
    "{\"function\": \"w1\", \"model\": \"s0/p1.onnx\", \"weights\": \"s0/weights.bin\", "
    "\"model_sha256\": \"" SHA_A "\", \"weights_bytes\": 432, \"flops\": 88,"
    "\"inputs\": [{\"name\": \"x\", \"dtype\": \"float32\", \"region\": "
    "[[0,1],[0,3],[3,8],[0,8]]}],"
    "\"outputs\": [{\"name\": \"a\", \"dtype\": \"float32\", \"region\": "
    "[[0,1],[0,4],[4,7],[0,8]], \"add\": false}]}]},"
    "{\"split\": \"local\", \"outputs\": [{\"name\": \"b\", \"dtype\": \"float32\", \"shape\": "
    "[1, 10]}], \"drop\": [\"a\"],"
    "\"pieces\": [{\"function\": \"master\", \"model\": \"s1/p0.onnx\", \"weights\": \"\", "
    "\"model_sha256\": \"" SHA_A "\", \"weights_bytes\": 0, \"flops\": 5,"
    "\"inputs\": [{\"name\": \"a\", \"dtype\": \"float32\", \"region\": "
    "[[0,1],[0,4],[0,7],[0,8]]}],"
    "\"outputs\": [{\"name\": \"b\", \"dtype\": \"float32\", \"region\": [[0,1],[0,10]], "
    "\"add\": false}]}]},"
    "{\"split\": \"offload\", \"outputs\": [{\"name\": \"z\", \"dtype\": \"float32\", \"shape\": "
    "[1, 10]}], \"drop\": [\"b\"],"
    "\"pieces\": [{\"function\": \"w2\", \"model\": \"s2/p0.onnx\", \"weights\": \"\", "
    "\"model_sha256\": \"" SHA_A "\", \"weights_bytes\": 0, \"flops\": 5,"
    "\"inputs\": [{\"name\": \"b\", \"dtype\": \"float32\", \"region\": [[0,1],[0,10]]}],"
    "\"outputs\": [{\"name\": \"z\", \"dtype\": \"float32\", \"region\": [[0,1],[0,10]], "
    "\"add\": false}]}]}]}";

/* SAMPLE with its first `from` replaced; NULL where there is none. free() it. */
static inline char *sample_with(const char *from, const char *to)
{
    const char *at = strstr(SAMPLE, from);
    if (!at)
        return NULL;
    size_t before = (size_t)(at - SAMPLE), to_len = strlen(to);
    char *text = malloc(sizeof SAMPLE + to_len);
    if (!text)
        abort();
    memcpy(text, SAMPLE, before);
    memcpy(text + before, to, to_len);
    strcpy(text + before + to_len, at + strlen(from));
    return text;
}

#endif
