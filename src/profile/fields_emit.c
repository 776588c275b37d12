#include <math.h>
#include <string.h>

#include "profile/profile_int.h"

#define MEMBER(base, offset) ((const void *)((const char *)(base) + (offset)))

void ff_fields_put_number(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *name, double value)
{
    yyjson_mut_val *v;
    if (isnan(value))
        v = yyjson_mut_str(doc, "NaN"); /* which reading it back refuses, by name */
    else if (isinf(value))
        v = yyjson_mut_null(doc);
    else if (value == floor(value) && fabs(value) < 9007199254740992.0)
        v = yyjson_mut_sint(doc, (int64_t)value); /* 11, not 11.0 */
    else
        v = yyjson_mut_real(doc, value);
    yyjson_mut_obj_add(obj, yyjson_mut_strcpy(doc, name), v);
}

void ff_fields_put_text(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *name,
                        const char *text)
{
    yyjson_mut_obj_add(obj, yyjson_mut_strcpy(doc, name), yyjson_mut_strcpy(doc, text));
}

static void emit_fixed(const ff_fixed *fixed, yyjson_mut_doc *doc, yyjson_mut_val *obj)
{
    ff_fixed copy = *fixed;
    if (fixed->kind == FF_DIST_LOGNORMAL) {
        ff_fields_put_number(doc, obj, "p50", fixed->p50);
        ff_fields_put_number(doc, obj, "p99", fixed->p99);
    }
    for (int i = 0; fixed->kind == FF_DIST_EXPONNORM && i < FF_FIXED_PARAMETERS; i++)
        ff_fields_put_number(doc, obj, ff_fixed_names[i], *ff_fixed_parameter(&copy, i));
    ff_fields_put_text(doc, obj, "source", fixed->source);
}

static bool absent(const ff_field *f, const void *at)
{
    if (f->rule != FF_FIELD_OPTIONAL)
        return false;
    switch (f->kind) {
    case FF_FIELD_FIGURE:
        return !((const ff_figure *)at)->source;
    case FF_FIELD_SPREAD:
    case FF_FIELD_RATE:
        return !((const ff_spread *)at)->source;
    case FF_FIELD_FIXED:
        return !((const ff_fixed *)at)->source;
    case FF_FIELD_NUMBER: /* an absent number is 0 */
        return *(const double *)at == 0;
    case FF_FIELD_TEXT:
        return !*(const char *const *)at;
    case FF_FIELD_FLAG:
    case FF_FIELD_GROUP:
        break;
    }
    return false;
}

void ff_fields_emit(const ff_field *fields, int count, const void *base, yyjson_mut_doc *doc,
                    yyjson_mut_val *obj)
{
    for (int i = 0; i < count; i++) {
        const ff_field *f = &fields[i];
        const void *at = MEMBER(base, f->offset);
        if (absent(f, at))
            continue;
        if (f->kind == FF_FIELD_NUMBER) {
            ff_fields_put_number(doc, obj, f->name, *(const double *)at);
        } else if (f->kind == FF_FIELD_TEXT) {
            ff_fields_put_text(doc, obj, f->name, *(const char *const *)at);
        } else if (f->kind == FF_FIELD_FLAG) {
            yyjson_mut_obj_add_bool(doc, obj, f->name, *(const bool *)at);
        } else {
            yyjson_mut_val *inner = yyjson_mut_obj(doc);
            yyjson_mut_obj_add(obj, yyjson_mut_strcpy(doc, f->name), inner);
            if (f->kind == FF_FIELD_GROUP) {
                ff_fields_emit(f->group, f->group_count, at, doc, inner);
            } else if (f->kind == FF_FIELD_FIXED) {
                emit_fixed(at, doc, inner);
            } else if (f->kind == FF_FIELD_FIGURE) {
                const ff_figure *figure = at;
                ff_fields_put_number(doc, inner, "value", figure->value);
                ff_fields_put_text(doc, inner, "source", figure->source);
            } else {
                const ff_spread *spread = at;
                ff_fields_put_number(doc, inner, "p50", spread->p50);
                ff_fields_put_number(doc, inner, "p99", spread->p99);
                ff_fields_put_text(doc, inner, "source", spread->source);
            }
        }
    }
}

static bool text_equal(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static bool fixed_equal(const ff_fixed *a, const ff_fixed *b)
{
    ff_fixed x = *a, y = *b;
    bool equal = a->kind == b->kind && a->p50 == b->p50 && a->p99 == b->p99;
    for (int i = 0; i < FF_FIXED_PARAMETERS; i++)
        equal = equal && *ff_fixed_parameter(&x, i) == *ff_fixed_parameter(&y, i);
    return equal && text_equal(a->source, b->source);
}

static bool field_equal(const ff_field *f, const void *a, const void *b)
{
    switch (f->kind) {
    case FF_FIELD_FIGURE: {
        const ff_figure *x = a, *y = b;
        return x->value == y->value && text_equal(x->source, y->source);
    }
    case FF_FIELD_SPREAD:
    case FF_FIELD_RATE: {
        const ff_spread *x = a, *y = b;
        return x->p50 == y->p50 && x->p99 == y->p99 && text_equal(x->source, y->source);
    }
    case FF_FIELD_FIXED:
        return fixed_equal(a, b);
    case FF_FIELD_NUMBER:
        return *(const double *)a == *(const double *)b;
    case FF_FIELD_TEXT:
        return text_equal(*(const char *const *)a, *(const char *const *)b);
    case FF_FIELD_FLAG:
        return *(const bool *)a == *(const bool *)b;
    case FF_FIELD_GROUP:
        return ff_fields_equal(f->group, f->group_count, a, b);
    }
    return false;
}

bool ff_fields_equal(const ff_field *fields, int count, const void *a, const void *b)
{
    for (int i = 0; i < count; i++)
        if (!field_equal(&fields[i], MEMBER(a, fields[i].offset), MEMBER(b, fields[i].offset)))
            return false;
    return true;
}

void ff_fields_own(const ff_field *fields, int count, void *base, ff_arena *arena)
{
    for (int i = 0; i < count; i++) {
        const ff_field *f = &fields[i];
        void *at = (char *)base + f->offset;
        const char **text = NULL;
        if (f->kind == FF_FIELD_GROUP)
            ff_fields_own(f->group, f->group_count, at, arena);
        else if (f->kind == FF_FIELD_FIGURE)
            text = &((ff_figure *)at)->source;
        else if (f->kind == FF_FIELD_SPREAD || f->kind == FF_FIELD_RATE)
            text = &((ff_spread *)at)->source;
        else if (f->kind == FF_FIELD_FIXED)
            text = &((ff_fixed *)at)->source;
        else if (f->kind == FF_FIELD_TEXT)
            text = at;
        if (text && *text)
            *text = ff_arena_strdup(arena, *text);
    }
}
