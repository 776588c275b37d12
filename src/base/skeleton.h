/*
 * JSON without its long strings: what is left is small, and a JSON reader's work on it with it.
 *
 * A reader of JSON looks at every character of a string for escapes and bad UTF-8, which costs
 * more than decoding the base64 that most of an envelope is (bench/bench_envelope: 300 us a MB
 * against 120). So strings of FF_SKELETON_CUT bytes and more that hold no backslash are left in
 * the payload, and a mark stands for each. Their bytes are looked at by who decodes them.
 */
#ifndef FF_BASE_SKELETON_H
#define FF_BASE_SKELETON_H

#include "base/json.h"

#define FF_SKELETON_CUT  4096u /* longer than any name, key or other word */
#define FF_SKELETON_CUTS 256   /* one a tensor; further ones stay in */

typedef struct ff_skeleton {
    yyjson_doc *doc;
    int count;
    ff_bytes cut[FF_SKELETON_CUTS]; /* views of the payload */
} ff_skeleton;

/* Parses payload, which must live as long as the cuts are used and is not changed. Fails as
 * ff_json_parse, with the position in the payload; FF_NO_MEMORY. */
ff_code ff_skeleton_parse(ff_bytes payload, ff_skeleton *out, ff_err *err);
/* The string's bytes, wherever they are. value is a string of the document, or NULL. */
ff_bytes ff_skeleton_text(const ff_skeleton *skeleton, yyjson_val *value);
/* Is payload JSON? As ff_json_parse answers; nothing is kept. */
ff_code ff_skeleton_check(ff_bytes payload, ff_err *err);
void ff_skeleton_clean(ff_skeleton *skeleton); /* accepts zeroed memory, and twice */

#endif
