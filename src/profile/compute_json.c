#include <stdio.h>
#include <string.h>

#include "profile/compute.h"
#include "profile/profile_int.h"

#define COUNT(a)  ((int)(sizeof(a) / sizeof((a)[0])))
#define COEF_MAX  1e9
#define TILE_MAX  1e12
#define FIXED_MAX 1e6

#define OPTIONAL(host, m, lo, hi)                                                                  \
    {                                                                                              \
#m, FF_FIELD_NUMBER, offsetof(host, m), lo, hi, FF_FIELD_OPTIONAL, NULL, 0                 \
    }
#define NUMBER(host, m, lo, hi)                                                                    \
    {                                                                                              \
#m, FF_FIELD_NUMBER, offsetof(host, m), lo, hi, FF_FIELD_REQUIRED, NULL, 0                 \
    }
#define TEXT(host, m)                                                                              \
    {                                                                                              \
#m, FF_FIELD_TEXT, offsetof(host, m), 0, 0, FF_FIELD_REQUIRED, NULL, 0                     \
    }

static const ff_field OP[] = {
    TEXT(ff_compute_op, op),
    NUMBER(ff_compute_op, fixed_ms, -FIXED_MAX, FIXED_MAX),
    OPTIONAL(ff_compute_op, ms_per_gmac, 0, COEF_MAX),
    OPTIONAL(ff_compute_op, ms_per_mweight, 0, COEF_MAX),
    OPTIONAL(ff_compute_op, ms_per_melem_in, 0, COEF_MAX),
    OPTIONAL(ff_compute_op, ms_per_melem_out, 0, COEF_MAX),
    OPTIONAL(ff_compute_op, ms_per_mpatch, 0, COEF_MAX),
    OPTIONAL(ff_compute_op, ms_per_mb, 0, COEF_MAX),
    OPTIONAL(ff_compute_op, r2, -1e6, 1),
    OPTIONAL(ff_compute_op, samples, 0, 1e12),
    TEXT(ff_compute_op, source),
};
static const ff_field HOLDOUT[] = {
    NUMBER(ff_holdout, pieces, 1, 1e9),
    NUMBER(ff_holdout, mean_abs_error, 0, 1e3),
    NUMBER(ff_holdout, max_abs_error, 0, 1e3),
};
static const ff_field PROFILE[] = {
    TEXT(ff_compute_profile, name),
    TEXT(ff_compute_profile, about),
    TEXT(ff_compute_profile, machine),
    NUMBER(ff_compute_profile, threads, 1e-3, 4096),
    TEXT(ff_compute_profile, kernel),
    {"vcpu_gmac_per_s", FF_FIELD_FIGURE, offsetof(ff_compute_profile, vcpu_gmac_per_s), 1e-3, 1e5,
     FF_FIELD_REQUIRED, NULL, 0},
};

static ff_code parse_efficiency(yyjson_val *list, ff_compute_op *op, ff_arena *arena,
                                const char *path, ff_err *err)
{
    if (!yyjson_is_arr(list))
        return ff_err_set(err, FF_FORMAT, "%s.efficiency: wanted an array, found %s", path,
                          yyjson_get_type_desc(list));
    size_t n = yyjson_arr_size(list);
    if (!n || n > FF_MAX_COMPUTE_EFFICIENCY)
        return ff_err_set(err, FF_FORMAT, "%s.efficiency: wanted 1 to %d pairs, found %zu", path,
                          FF_MAX_COMPUTE_EFFICIENCY, n);
    ff_efficiency *all = ff_arena_array(arena, n, sizeof *all);
    for (size_t i = 0; i < n; i++) {
        yyjson_val *pair = yyjson_arr_get(list, i);
        char name[40];
        snprintf(name, sizeof name, "efficiency[%zu]", i);
        if (!yyjson_is_arr(pair) || yyjson_arr_size(pair) != 2)
            return ff_err_set(err, FF_FORMAT, "%s.%s: wanted [tile elements, factor]", path, name);
        ff_code code = ff_fields_number(yyjson_arr_get_first(pair), path, name, 1, TILE_MAX,
                                        &all[i].tile_elems, err);
        if (!code)
            code = ff_fields_number(yyjson_arr_get_last(pair), path, name, 1e-4, 1, &all[i].factor,
                                    err);
        if (code)
            return code;
        if (i && all[i].tile_elems <= all[i - 1].tile_elems)
            return ff_err_set(err, FF_FORMAT, "%s.%s: wanted over %g elements, found %g", path,
                              name, all[i - 1].tile_elems, all[i].tile_elems);
    }
    op->efficiency = all;
    op->efficiency_count = (int)n;
    return FF_OK;
}

static ff_code parse_ops(yyjson_val *list, ff_compute_profile *p, ff_err *err)
{
    static const char *const EFFICIENCY[] = {"efficiency"};
    if (!yyjson_is_arr(list))
        return ff_err_set(err, FF_FORMAT, "ops: wanted an array, found %s",
                          list ? yyjson_get_type_desc(list) : "none");
    size_t n = yyjson_arr_size(list), i, max;
    if (!n || n > FF_MAX_COMPUTE_OPS)
        return ff_err_set(err, FF_FORMAT, "ops: wanted 1 to %d entries, found %zu",
                          FF_MAX_COMPUTE_OPS, n);
    p->ops = ff_arena_array(p->arena, n, sizeof *p->ops);
    yyjson_val *v;
    yyjson_arr_foreach(list, i, max, v)
    {
        char path[32];
        snprintf(path, sizeof path, "ops[%zu]", i);
        ff_compute_op *op = &p->ops[i];
        ff_code code = ff_fields_known(OP, COUNT(OP), EFFICIENCY, 1, v, path, err);
        if (!code)
            code = ff_fields_members(OP, COUNT(OP), v, op, p->arena, path, err);
        yyjson_val *efficiency = yyjson_obj_get(v, "efficiency");
        if (!code && efficiency)
            code = parse_efficiency(efficiency, op, p->arena, path, err);
        if (code)
            return code;
        for (size_t j = 0; j < i; j++)
            if (!strcmp(p->ops[j].op, op->op))
                return ff_err_set(err, FF_FORMAT, "%s.op: \"%.80s\" has entry %zu already", path,
                                  op->op, j);
    }
    p->op_count = (int)n;
    return FF_OK;
}

static ff_code parse_root(yyjson_val *root, ff_compute_profile *p, ff_err *err)
{
    static const char *const NAMES[] = {"format", "kind", "holdout", "ops"};
    ff_code code = ff_fields_known(PROFILE, COUNT(PROFILE), NAMES, COUNT(NAMES), root, "", err);
    if (!code)
        code = ff_fields_members(PROFILE, COUNT(PROFILE), root, p, p->arena, "", err);
    yyjson_val *holdout = yyjson_obj_get(root, "holdout");
    if (!code && holdout)
        code = ff_fields_parse(HOLDOUT, COUNT(HOLDOUT), holdout, &p->holdout, p->arena, "holdout",
                               err);
    if (!code)
        code = parse_ops(yyjson_obj_get(root, "ops"), p, err);
    return code;
}

ff_code ff_compute_profile_parse(ff_bytes json, ff_compute_profile **out, ff_err *err)
{
    yyjson_doc *doc = NULL;
    ff_code code = ff_profile_open(json, "compute", &doc, err);
    if (code)
        return code;
    ff_arena *arena = ff_arena_new();
    ff_compute_profile *p = ff_arena_alloc(arena, sizeof *p);
    p->arena = arena;
    code = parse_root(yyjson_doc_get_root(doc), p, err);
    yyjson_doc_free(doc);
    if (code)
        ff_arena_free(arena);
    else
        *out = p;
    return code;
}

static void emit_op(const ff_compute_op *op, yyjson_mut_doc *doc, yyjson_mut_val *list)
{
    yyjson_mut_val *v = yyjson_mut_arr_add_obj(doc, list);
    ff_fields_emit(OP, COUNT(OP), op, doc, v);
    if (!op->efficiency_count)
        return;
    yyjson_mut_val *pairs = yyjson_mut_arr(doc);
    yyjson_mut_obj_add(v, yyjson_mut_str(doc, "efficiency"), pairs);
    for (int i = 0; i < op->efficiency_count; i++) {
        yyjson_mut_val *pair = yyjson_mut_arr_add_arr(doc, pairs);
        yyjson_mut_arr_add_real(doc, pair, op->efficiency[i].tile_elems);
        yyjson_mut_arr_add_real(doc, pair, op->efficiency[i].factor);
    }
}

ff_code ff_compute_profile_emit(const ff_compute_profile *p, ff_buf *json, ff_err *err)
{
    yyjson_mut_doc *doc = ff_profile_begin("compute", err);
    if (!doc)
        return FF_NO_MEMORY;
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    ff_fields_emit(PROFILE, COUNT(PROFILE), p, doc, root);
    if (p->holdout.pieces > 0)
        ff_fields_emit(HOLDOUT, COUNT(HOLDOUT), &p->holdout, doc,
                       yyjson_mut_obj_add_obj(doc, root, "holdout"));
    yyjson_mut_val *ops = yyjson_mut_obj_add_arr(doc, root, "ops");
    for (int i = 0; i < p->op_count; i++)
        emit_op(&p->ops[i], doc, ops);
    ff_buf text;
    ff_buf_init(&text, FF_MAX_PROFILE_BYTES);
    ff_code code = ff_json_emit(doc, true, &text, err);
    yyjson_mut_doc_free(doc);
    ff_compute_profile *again = NULL;
    if (!code)
        code = ff_compute_profile_parse(ff_buf_view(&text), &again, err);
    if (!code)
        code = ff_buf_append(json, text.data, text.len, err);
    ff_compute_profile_free(again);
    ff_buf_clean(&text);
    return code;
}

static bool op_equal(const ff_compute_op *a, const ff_compute_op *b)
{
    if (!ff_fields_equal(OP, COUNT(OP), a, b) || a->efficiency_count != b->efficiency_count)
        return false;
    for (int i = 0; i < a->efficiency_count; i++)
        if (a->efficiency[i].tile_elems != b->efficiency[i].tile_elems ||
            a->efficiency[i].factor != b->efficiency[i].factor)
            return false;
    return true;
}

bool ff_compute_profile_equal(const ff_compute_profile *a, const ff_compute_profile *b)
{
    if (!ff_fields_equal(PROFILE, COUNT(PROFILE), a, b) ||
        !ff_fields_equal(HOLDOUT, COUNT(HOLDOUT), &a->holdout, &b->holdout) ||
        a->op_count != b->op_count)
        return false;
    for (int i = 0; i < a->op_count; i++)
        if (!op_equal(&a->ops[i], &b->ops[i]))
            return false;
    return true;
}

void ff_compute_profile_free(ff_compute_profile *p)
{
    if (p)
        ff_arena_free(p->arena);
}
