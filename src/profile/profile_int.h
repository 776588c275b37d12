/*
 * Between the files of profile/ only: members of a profile as tables, by which they are read,
 * written and compared.
 */
#ifndef FF_PROFILE_PROFILE_INT_H
#define FF_PROFILE_PROFILE_INT_H

#include "base/json.h"
#include "profile/network.h"

#define FF_PROFILE_FORMAT   1
#define FF_PROFILE_MAX_TEXT 4096u /* of a source, or any other string */
#define FF_PROFILE_PATH     160

typedef enum ff_field_kind {
    FF_FIELD_FIGURE, /* ff_figure */
    FF_FIELD_SPREAD, /* ff_spread, p50 <= p99 */
    FF_FIELD_RATE,   /* ff_spread, p50 >= p99 */
    FF_FIELD_FIXED,  /* ff_fixed */
    FF_FIELD_NUMBER, /* double, without a source */
    FF_FIELD_TEXT,   /* const char * */
    FF_FIELD_FLAG,   /* bool */
    FF_FIELD_GROUP   /* a struct with fields of its own */
} ff_field_kind;

typedef struct ff_field {
    const char *name;
    ff_field_kind kind;
    size_t offset;
    double lo, hi;
    enum { FF_FIELD_REQUIRED, FF_FIELD_OPTIONAL, FF_FIELD_NULLABLE, FF_FIELD_WHOLE } rule;
    const struct ff_field *group;
    int group_count;
} ff_field;

/* Absent optional members leave zeros. path: of obj, "" for the root. */
ff_code ff_fields_parse(const ff_field *fields, int count, yyjson_val *obj, void *base,
                        ff_arena *arena, const char *path, ff_err *err);
/* The same without a look at other members of obj. */
ff_code ff_fields_members(const ff_field *fields, int count, yyjson_val *obj, void *base,
                          ff_arena *arena, const char *path, ff_err *err);
void ff_fields_emit(const ff_field *fields, int count, const void *base, yyjson_mut_doc *doc,
                    yyjson_mut_val *obj);
bool ff_fields_equal(const ff_field *fields, int count, const void *a, const void *b);

/* Strings copied into arena. */
void ff_fields_own(const ff_field *fields, int count, void *base, ff_arena *arena);

/* Is obj an object whose members are all in names[] (or the fields' names) and come once? */
ff_code ff_fields_known(const ff_field *fields, int count, const char *const *names, int name_count,
                        yyjson_val *obj, const char *path, ff_err *err);
/* A number in [lo, hi]; path.name is named. */
ff_code ff_fields_number(yyjson_val *v, const char *path, const char *name, double lo, double hi,
                         double *out, ff_err *err);
ff_code ff_fields_text(yyjson_val *v, const char *path, const char *name, ff_arena *arena,
                       const char **out, ff_err *err);
void ff_fields_put_number(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *name, double value);
void ff_fields_put_text(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *name,
                        const char *text);
/* An exponnorm's parameters, in the order of the format. */
#define FF_FIXED_PARAMETERS 6
extern const char *const ff_fixed_names[FF_FIXED_PARAMETERS];
double *ff_fixed_parameter(ff_fixed *fixed, int i);

/* Parses a document, checks its bound, "format" and "kind". The caller frees doc. */
ff_code ff_profile_open(ff_bytes json, const char *kind, yyjson_doc **doc, ff_err *err);
/* {"format": 1, "kind": kind} to begin with. NULL where memory is out. */
yyjson_mut_doc *ff_profile_begin(const char *kind, ff_err *err);

#endif
