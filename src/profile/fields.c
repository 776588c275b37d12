#include <math.h>
#include <stdio.h>
#include <string.h>

#include "profile/profile_int.h"

#define MEMBER(base, offset) ((void *)((char *)(base) + (offset)))

const char *const ff_fixed_names[FF_FIXED_PARAMETERS] = {
    "k", "k_per_mb", "loc_ms", "loc_ms_per_mb", "sd_ms", "sd_ms_per_mb"};
#define MAX_SLOPE 1e6

double *ff_fixed_parameter(ff_fixed *f, int i)
{
    double *all[FF_FIXED_PARAMETERS] = {&f->k,     &f->k_per_mb,    &f->loc_ms, &f->loc_ms_per_mb,
                                        &f->sd_ms, &f->sd_ms_per_mb};
    return all[i];
}

static const char *dot(const char *path)
{
    return *path ? "." : "";
}

ff_code ff_fields_number(yyjson_val *v, const char *path, const char *name, double lo, double hi,
                         double *out, ff_err *err)
{
    if (!yyjson_is_num(v))
        return ff_err_set(err, FF_FORMAT, "%s%s%s: wanted a number, found %s", path, dot(path),
                          name, v ? yyjson_get_type_desc(v) : "none");
    double value = yyjson_get_num(v);
    if (!(value >= lo && value <= hi)) /* a NaN is neither */
        return ff_err_set(err, FF_FORMAT, "%s%s%s: wanted %g to %g, found %g", path, dot(path),
                          name, lo, hi, value);
    *out = value + 0.0; /* no -0 */
    return FF_OK;
}

ff_code ff_fields_text(yyjson_val *v, const char *path, const char *name, ff_arena *arena,
                       const char **out, ff_err *err)
{
    if (!yyjson_is_str(v))
        return ff_err_set(err, FF_FORMAT, "%s%s%s: wanted a string, found %s", path, dot(path),
                          name, v ? yyjson_get_type_desc(v) : "none");
    size_t len = yyjson_get_len(v);
    if (!len || len > FF_PROFILE_MAX_TEXT || strlen(yyjson_get_str(v)) != len)
        return ff_err_set(err, FF_FORMAT,
                          "%s%s%s: wanted 1 to %u bytes of text without NUL, found %zu", path,
                          dot(path), name, FF_PROFILE_MAX_TEXT, len);
    *out = ff_arena_strndup(arena, yyjson_get_str(v), len);
    return FF_OK;
}

static bool in_names(const char *const *names, int count, const char *key)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i], key))
            return true;
    return false;
}

static bool in_fields(const ff_field *fields, int count, const char *key)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(fields[i].name, key))
            return true;
    return false;
}

ff_code ff_fields_known(const ff_field *fields, int count, const char *const *names, int name_count,
                        yyjson_val *obj, const char *path, ff_err *err)
{
    if (!yyjson_is_obj(obj))
        return ff_err_set(err, FF_FORMAT, "%s: wanted an object, found %s",
                          *path ? path : "profile", obj ? yyjson_get_type_desc(obj) : "none");
    size_t i, max;
    yyjson_val *key, *v;
    yyjson_obj_foreach(obj, i, max, key, v)
    {
        const char *text = yyjson_get_str(key);
        if (strlen(text) != yyjson_get_len(key) ||
            !(in_names(names, name_count, text) || in_fields(fields, count, text)))
            return ff_err_set(err, FF_FORMAT, "%s%s%.80s: unknown member", path, dot(path), text);
        if (yyjson_obj_get(obj, text) != v)
            return ff_err_set(err, FF_FORMAT, "%s%s%s: given twice", path, dot(path), text);
    }
    return FF_OK;
}

static ff_code parse_figure(const ff_field *f, yyjson_val *v, ff_figure *out, ff_arena *arena,
                            const char *path, ff_err *err)
{
    static const char *const NAMES[] = {"value", "source"};
    ff_figure figure = {0};
    ff_code code = ff_fields_known(NULL, 0, NAMES, 2, v, path, err);
    yyjson_val *value = yyjson_obj_get(v, "value");
    if (!code && f->rule == FF_FIELD_NULLABLE && yyjson_is_null(value))
        figure.value = INFINITY;
    else if (!code)
        code = ff_fields_number(value, path, "value", f->lo, f->hi, &figure.value, err);
    if (!code && f->rule == FF_FIELD_WHOLE && figure.value != floor(figure.value))
        code = ff_err_set(err, FF_FORMAT, "%s.value: wanted a whole number, found %g", path,
                          figure.value);
    if (!code)
        code =
            ff_fields_text(yyjson_obj_get(v, "source"), path, "source", arena, &figure.source, err);
    if (!code)
        *out = figure;
    return code;
}

static ff_code parse_spread(const ff_field *f, yyjson_val *v, ff_spread *out, ff_arena *arena,
                            const char *path, ff_err *err)
{
    static const char *const NAMES[] = {"p50", "p99", "source"};
    ff_spread s = {0};
    ff_code code = ff_fields_known(NULL, 0, NAMES, 3, v, path, err);
    yyjson_val *p50 = yyjson_obj_get(v, "p50"), *p99 = yyjson_obj_get(v, "p99");
    if (!code && f->rule == FF_FIELD_NULLABLE && yyjson_is_null(p50) && yyjson_is_null(p99)) {
        s.p50 = s.p99 = INFINITY;
    } else {
        if (!code)
            code = ff_fields_number(p50, path, "p50", f->lo, f->hi, &s.p50, err);
        if (!code)
            code = ff_fields_number(p99, path, "p99", f->lo, f->hi, &s.p99, err);
    }
    if (!code && f->kind == FF_FIELD_SPREAD && (s.p99 < s.p50 || s.p99 > 1000 * s.p50))
        code = ff_err_set(err, FF_FORMAT, "%s.p99: wanted 1 to 1000 times p50 (%g), found %g", path,
                          s.p50, s.p99);
    if (!code && f->kind == FF_FIELD_RATE && (s.p99 > s.p50 || s.p50 > 1000 * s.p99))
        code = ff_err_set(err, FF_FORMAT,
                          "%s.p99: wanted 0.001 to 1 times p50 (%g; the slow ones' rate), found %g",
                          path, s.p50, s.p99);
    if (!code)
        code = ff_fields_text(yyjson_obj_get(v, "source"), path, "source", arena, &s.source, err);
    if (!code)
        *out = s;
    return code;
}

static ff_code parse_fixed(const ff_field *f, yyjson_val *v, ff_fixed *out, ff_arena *arena,
                           const char *path, ff_err *err)
{
    if (!yyjson_is_obj(v) || !yyjson_obj_get(v, "k")) {
        ff_field as_spread = *f;
        as_spread.kind = FF_FIELD_SPREAD;
        ff_spread s;
        ff_code code = parse_spread(&as_spread, v, &s, arena, path, err);
        if (!code)
            *out = (ff_fixed){
                .kind = FF_DIST_LOGNORMAL, .p50 = s.p50, .p99 = s.p99, .source = s.source};
        return code;
    }
    static const char *const SOURCE[] = {"source"};
    const char *names[FF_FIXED_PARAMETERS + 1];
    memcpy(names, ff_fixed_names, sizeof ff_fixed_names);
    names[FF_FIXED_PARAMETERS] = SOURCE[0];
    ff_fixed fixed = {.kind = FF_DIST_EXPONNORM};
    ff_code code = ff_fields_known(NULL, 0, names, FF_FIXED_PARAMETERS + 1, v, path, err);
    for (int i = 0; !code && i < FF_FIXED_PARAMETERS; i++)
        code = ff_fields_number(yyjson_obj_get(v, ff_fixed_names[i]), path, ff_fixed_names[i], 0,
                                i == 0 ? 1000 : MAX_SLOPE, ff_fixed_parameter(&fixed, i), err);
    if (!code)
        code =
            ff_fields_text(yyjson_obj_get(v, "source"), path, "source", arena, &fixed.source, err);
    if (!code)
        *out = fixed;
    return code;
}

static ff_code parse_field(const ff_field *f, yyjson_val *v, void *at, ff_arena *arena,
                           const char *parent, ff_err *err)
{
    char path[FF_PROFILE_PATH];
    snprintf(path, sizeof path, "%s%s%s", parent, dot(parent), f->name);
    switch (f->kind) {
    case FF_FIELD_FIGURE:
        return parse_figure(f, v, at, arena, path, err);
    case FF_FIELD_SPREAD:
    case FF_FIELD_RATE:
        return parse_spread(f, v, at, arena, path, err);
    case FF_FIELD_FIXED:
        return parse_fixed(f, v, at, arena, path, err);
    case FF_FIELD_NUMBER:
        return ff_fields_number(v, parent, f->name, f->lo, f->hi, at, err);
    case FF_FIELD_TEXT:
        return ff_fields_text(v, parent, f->name, arena, at, err);
    case FF_FIELD_FLAG:
        if (!yyjson_is_bool(v))
            return ff_err_set(err, FF_FORMAT, "%s: wanted true or false, found %s", path,
                              v ? yyjson_get_type_desc(v) : "none");
        *(bool *)at = yyjson_get_bool(v);
        return FF_OK;
    case FF_FIELD_GROUP:
        return ff_fields_parse(f->group, f->group_count, v, at, arena, path, err);
    }
    return ff_err_set(err, FF_INTERNAL, "%s: field of unknown kind", path);
}

ff_code ff_fields_members(const ff_field *fields, int count, yyjson_val *obj, void *base,
                          ff_arena *arena, const char *path, ff_err *err)
{
    ff_code code = FF_OK;
    for (int i = 0; !code && i < count; i++) {
        yyjson_val *v = yyjson_obj_get(obj, fields[i].name);
        if (!v && fields[i].rule == FF_FIELD_OPTIONAL)
            continue;
        if (!v)
            return ff_err_set(err, FF_FORMAT, "%s%s%s: missing", path, dot(path), fields[i].name);
        code = parse_field(&fields[i], v, MEMBER(base, fields[i].offset), arena, path, err);
    }
    return code;
}

ff_code ff_fields_parse(const ff_field *fields, int count, yyjson_val *obj, void *base,
                        ff_arena *arena, const char *path, ff_err *err)
{
    static const char *const HEAD[] = {"format", "kind"}; /* of the root, read already */
    ff_code code = ff_fields_known(fields, count, HEAD, *path ? 0 : 2, obj, path, err);
    return code ? code : ff_fields_members(fields, count, obj, base, arena, path, err);
}

ff_code ff_profile_open(ff_bytes json, const char *kind, yyjson_doc **doc, ff_err *err)
{
    if (json.len > FF_MAX_PROFILE_BYTES)
        return ff_err_set(err, FF_LIMIT, "profile: at most %zu bytes, found %zu",
                          FF_MAX_PROFILE_BYTES, json.len);
    yyjson_doc *d = NULL;
    ff_code code = ff_json_parse(json, &d, err);
    if (code)
        return code;
    yyjson_val *root = yyjson_doc_get_root(d);
    const char *found = NULL;
    int64_t format = 0;
    if (!yyjson_is_obj(root))
        code = ff_err_set(err, FF_FORMAT, "profile: wanted an object, found %s",
                          yyjson_get_type_desc(root));
    if (!code)
        code = ff_json_int(root, "format", 0, INT32_MAX, &format, err);
    if (!code && format != FF_PROFILE_FORMAT)
        code = ff_err_set(err, FF_UNSUPPORTED, "format: this program reads %d, found %d",
                          FF_PROFILE_FORMAT, (int)format);
    if (!code)
        code = ff_json_str(root, "kind", &found, err);
    if (!code && strcmp(found, kind))
        code = ff_err_set(err, FF_FORMAT, "kind: wanted \"%s\", found \"%.40s\"", kind, found);
    if (code) {
        yyjson_doc_free(d);
        return code;
    }
    *doc = d;
    return FF_OK;
}

yyjson_mut_doc *ff_profile_begin(const char *kind, ff_err *err)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    if (!doc) {
        ff_err_set(err, FF_NO_MEMORY, "no memory to write a profile");
        return NULL;
    }
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_int(doc, root, "format", FF_PROFILE_FORMAT);
    yyjson_mut_obj_add_str(doc, root, "kind", kind);
    return doc;
}
