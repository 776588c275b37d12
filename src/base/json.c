#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* yyjson reads without recursion; a deep document would still overflow those who walk it. */
static ff_code check_depth(const uint8_t *text, size_t len, ff_err *err)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = text[i];
        if (in_string) {
            const uint8_t *quote = memchr(text + i, '"', len - i);
            if (!quote)
                return FF_OK; /* the parser reports it */
            const uint8_t *back = quote;
            while (back > text + i && back[-1] == '\\')
                back--;
            in_string = (quote - back) % 2 != 0;
            i = (size_t)(quote - text);
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > FF_MAX_JSON_DEPTH) {
                ff_err_set(err, FF_LIMIT, "JSON nested over %u levels", FF_MAX_JSON_DEPTH);
                if (err) {
                    err->position = i;
                    err->has_position = true;
                }
                return FF_LIMIT;
            }
        } else if ((c == '}' || c == ']') && depth) {
            depth--;
        }
    }
    return FF_OK;
}

static ff_code parse(char *text, size_t len, yyjson_read_flag flags, yyjson_doc **doc, ff_err *err)
{
    ff_code code = check_depth((const uint8_t *)text, len, err);
    if (code)
        return code;
    yyjson_read_err fault;
    yyjson_doc *d = yyjson_read_opts(text, len, flags, NULL, &fault);
    if (!d) {
        if (fault.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
            return ff_err_set(err, FF_NO_MEMORY, "no memory to read %zu bytes of JSON", len);
        ff_err_set(err, FF_FORMAT, "not JSON: %s", fault.msg);
        if (err) {
            err->position = fault.pos;
            err->has_position = true;
        }
        return FF_FORMAT;
    }
    *doc = d;
    return FF_OK;
}

ff_code ff_json_parse(ff_bytes text, yyjson_doc **doc, ff_err *err)
{
    if (!text.len)
        return ff_err_set(err, FF_FORMAT, "not JSON: no bytes at all");
    return parse((char *)(uintptr_t)text.data, text.len, YYJSON_READ_NOFLAG, doc, err);
}

ff_code ff_json_parse_insitu(uint8_t *text, size_t len, yyjson_doc **doc, ff_err *err)
{
    if (!len)
        return ff_err_set(err, FF_FORMAT, "not JSON: no bytes at all");
    memset(text + len, 0, FF_JSON_PADDING);
    return parse((char *)text, len, YYJSON_READ_INSITU, doc, err);
}

static ff_code wanted(yyjson_val *found, const char *name, const char *what, ff_err *err)
{
    return ff_err_set(err, FF_FORMAT, "member \"%s\": wanted %s, found %s", name, what,
                      found ? yyjson_get_type_desc(found) : "none");
}

ff_code ff_json_str_n(yyjson_val *obj, const char *name, const char **out, size_t *len, ff_err *err)
{
    yyjson_val *v = yyjson_obj_get(obj, name);
    if (!yyjson_is_str(v))
        return wanted(v, name, "a string", err);
    *out = yyjson_get_str(v);
    *len = yyjson_get_len(v);
    return FF_OK;
}

ff_code ff_json_str(yyjson_val *obj, const char *name, const char **out, ff_err *err)
{
    const char *text = NULL;
    size_t len = 0;
    ff_code code = ff_json_str_n(obj, name, &text, &len, err);
    if (code)
        return code;
    if (strlen(text) != len)
        return ff_err_set(err, FF_FORMAT, "member \"%s\": a NUL in the string", name);
    *out = text;
    return FF_OK;
}

ff_code ff_json_int(yyjson_val *obj, const char *name, int64_t lo, int64_t hi, int64_t *out,
                    ff_err *err)
{
    yyjson_val *v = yyjson_obj_get(obj, name);
    if (!yyjson_is_int(v))
        return wanted(v, name, "a whole number", err);
    bool over = yyjson_is_uint(v) && yyjson_get_uint(v) > INT64_MAX;
    int64_t value = over ? INT64_MAX : yyjson_get_sint(v);
    if (over || value < lo || value > hi)
        return ff_err_set(err, FF_FORMAT, "member \"%s\": wanted %lld to %lld, found %s%lld", name,
                          (long long)lo, (long long)hi, over ? "over " : "", (long long)value);
    *out = value;
    return FF_OK;
}

ff_code ff_json_num(yyjson_val *obj, const char *name, double *out, ff_err *err)
{
    yyjson_val *v = yyjson_obj_get(obj, name);
    if (!yyjson_is_num(v))
        return wanted(v, name, "a number", err);
    *out = yyjson_get_num(v);
    return FF_OK;
}

ff_code ff_json_bool(yyjson_val *obj, const char *name, bool *out, ff_err *err)
{
    yyjson_val *v = yyjson_obj_get(obj, name);
    if (!yyjson_is_bool(v))
        return wanted(v, name, "true or false", err);
    *out = yyjson_get_bool(v);
    return FF_OK;
}

ff_code ff_json_arr(yyjson_val *obj, const char *name, yyjson_val **out, ff_err *err)
{
    yyjson_val *v = yyjson_obj_get(obj, name);
    if (!yyjson_is_arr(v))
        return wanted(v, name, "an array", err);
    *out = v;
    return FF_OK;
}

ff_code ff_json_obj(yyjson_val *obj, const char *name, yyjson_val **out, ff_err *err)
{
    yyjson_val *v = yyjson_obj_get(obj, name);
    if (!yyjson_is_obj(v))
        return wanted(v, name, "an object", err);
    *out = v;
    return FF_OK;
}

bool ff_json_has(yyjson_val *obj, const char *name)
{
    yyjson_val *v = yyjson_obj_get(obj, name);
    return v && !yyjson_is_null(v);
}

ff_code ff_json_emit(yyjson_mut_doc *doc, bool pretty, ff_buf *buf, ff_err *err)
{
    size_t len = 0;
    yyjson_write_err fault;
    yyjson_write_flag flags = pretty ? YYJSON_WRITE_PRETTY_TWO_SPACES : YYJSON_WRITE_NOFLAG;
    char *text = yyjson_mut_write_opts(doc, flags, NULL, &len, &fault);
    if (!text)
        return ff_err_set(err, FF_NO_MEMORY, "cannot write JSON: %s", fault.msg);
    ff_code code = ff_buf_append(buf, text, len, err);
    free(text);
    return code;
}

ff_code ff_json_quote(const char *text, size_t len, ff_buf *buf, ff_err *err)
{
    ff_code code = ff_buf_text(buf, "\"", err);
    for (size_t i = 0; !code && i < len;) {
        size_t plain = i;
        while (plain < len && (uint8_t)text[plain] >= 0x20 && text[plain] != '"' &&
               text[plain] != '\\')
            plain++;
        code = ff_buf_append(buf, text + i, plain - i, err);
        i = plain;
        if (code || i == len)
            break;
        uint8_t c = (uint8_t)text[i++];
        if (c == '"' || c == '\\')
            code = ff_buf_printf(buf, err, "\\%c", c);
        else
            code = ff_buf_printf(buf, err, "\\u%04x", c);
    }
    return code ? code : ff_buf_text(buf, "\"", err);
}
