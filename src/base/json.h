/*
 * JSON by yyjson, with our errors: parsing with a bound on depth, and typed access to members.
 *
 * The getters fail with FF_FORMAT and name the member's path and what was wanted and found. Strings
 * returned are views into the document.
 */
#ifndef FF_BASE_JSON_H
#define FF_BASE_JSON_H

#include <stdbool.h>
#include <yyjson.h>

#include "base/buf.h"

/* Parses strict JSON of at most FF_MAX_JSON_DEPTH levels; the position of the fault in err. */
ff_code ff_json_parse(ff_bytes text, yyjson_doc **doc, ff_err *err);
/* In situ: strings point into text, which must live as long as the document and have
 * FF_JSON_PADDING writable bytes behind len. */
#define FF_JSON_PADDING 8u
ff_code ff_json_parse_insitu(uint8_t *text, size_t len, yyjson_doc **doc, ff_err *err);

/* A required member of obj. */
ff_code ff_json_str(yyjson_val *obj, const char *name, const char **out, ff_err *err);
ff_code ff_json_str_n(yyjson_val *obj, const char *name, const char **out, size_t *len,
                      ff_err *err);
ff_code ff_json_int(yyjson_val *obj, const char *name, int64_t lo, int64_t hi, int64_t *out,
                    ff_err *err);
ff_code ff_json_num(yyjson_val *obj, const char *name, double *out, ff_err *err);
ff_code ff_json_bool(yyjson_val *obj, const char *name, bool *out, ff_err *err);
ff_code ff_json_arr(yyjson_val *obj, const char *name, yyjson_val **out, ff_err *err);
ff_code ff_json_obj(yyjson_val *obj, const char *name, yyjson_val **out, ff_err *err);
/* Is there such a member, and is it not null? For optional ones. */
bool ff_json_has(yyjson_val *obj, const char *name);

/* Emission: the document as text appended to buf, compact or indented by two blanks. */
ff_code ff_json_emit(yyjson_mut_doc *doc, bool pretty, ff_buf *buf, ff_err *err);
/* Appends text as a JSON string with its quotes. */
ff_code ff_json_quote(const char *text, size_t len, ff_buf *buf, ff_err *err);

#endif
