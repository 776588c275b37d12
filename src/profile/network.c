#include "profile/network.h"

#include <math.h>
#include <string.h>

#include "profile/profile_int.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* Bounds keep out what no network is; they are not opinions. */
#define MS_MAX     3600000.0 /* an hour */
#define RATE_MIN   1e-4      /* MB/s */
#define RATE_MAX   1e6
#define BYTES_MAX  1e15
#define USD_MAX    1000.0
#define CODEC_MAX  1e5 /* ms per MB */
#define MEMORY_MAX 1048576.0

#define AT(member) offsetof(HOST, member)
#define FIGURE(m, lo, hi, r)                                                                       \
    {                                                                                              \
#m, FF_FIELD_FIGURE, AT(m), lo, hi, FF_FIELD_##r, NULL, 0                                  \
    }
#define SPREAD(m, hi)                                                                              \
    {                                                                                              \
#m, FF_FIELD_SPREAD, AT(m), 0, hi, FF_FIELD_REQUIRED, NULL, 0                              \
    }
#define GROUP(name, m, table)                                                                      \
    {                                                                                              \
        name, FF_FIELD_GROUP, AT(m), 0, 0, FF_FIELD_REQUIRED, table, COUNT(table)                  \
    }

#define HOST ff_leg
static const ff_field LEG[] = {
    {"fixed_ms", FF_FIELD_FIXED, AT(fixed_ms), 0, MS_MAX, FF_FIELD_REQUIRED, NULL, 0},
    {"less_ms", FF_FIELD_FIXED, AT(less_ms), 0, MS_MAX, FF_FIELD_OPTIONAL, NULL, 0},
    {"mb_per_s", FF_FIELD_RATE, AT(mb_per_s), RATE_MIN, RATE_MAX, FF_FIELD_NULLABLE, NULL, 0},
    FIGURE(head_bytes, 1, BYTES_MAX, OPTIONAL),
    {"head_mb_per_s", FF_FIELD_RATE, AT(head_mb_per_s), RATE_MIN, RATE_MAX, FF_FIELD_OPTIONAL, NULL,
     0},
    FIGURE(function_mb_per_s, RATE_MIN, RATE_MAX, NULLABLE),
    FIGURE(encoding_factor, 1, 16, REQUIRED),
    FIGURE(limit_bytes, 1, BYTES_MAX, WHOLE),
};
#undef HOST
#define HOST ff_nic
static const ff_field NIC[] = {
    FIGURE(burst_bytes, 0, BYTES_MAX, REQUIRED),
    FIGURE(burst_mb_per_s, RATE_MIN, RATE_MAX, NULLABLE),
    FIGURE(sustained_mb_per_s, RATE_MIN, RATE_MAX, NULLABLE),
};
#undef HOST
#define HOST ff_net_inline
static const ff_field INLINE_ROUTE[] = {
    GROUP("request", request, LEG),
    GROUP("response", response, LEG),
    FIGURE(encode_ms_per_mb, 0, CODEC_MAX, REQUIRED),
    FIGURE(decode_ms_per_mb, 0, CODEC_MAX, REQUIRED),
};
#undef HOST
#define HOST ff_net_store
static const ff_field STORE[] = {
    GROUP("put", put, LEG),
    GROUP("get", get, LEG),
    FIGURE(connections, 1, 1000, WHOLE),
    FIGURE(part_bytes, 1, BYTES_MAX, WHOLE),
    FIGURE(encode_ms_per_mb, 0, CODEC_MAX, REQUIRED),
    FIGURE(decode_ms_per_mb, 0, CODEC_MAX, REQUIRED),
};
#undef HOST
#define HOST ff_net_function
static const ff_field FUNCTION[] = {
    GROUP("up", up, NIC),
    GROUP("down", down, NIC),
    SPREAD(cold_start_ms, MS_MAX),
    {"kernel", FF_FIELD_TEXT, AT(kernel), 0, 0, FF_FIELD_REQUIRED, NULL, 0},
    FIGURE(vcpu_gmac_per_s, 1e-3, 1e5, REQUIRED),
    FIGURE(mb_per_vcpu, 1, MEMORY_MAX, REQUIRED),
    FIGURE(min_memory_mb, 1, MEMORY_MAX, WHOLE),
    FIGURE(max_memory_mb, 1, MEMORY_MAX, WHOLE),
    FIGURE(package_limit_bytes, 1, BYTES_MAX, NULLABLE),
};
#undef HOST
#define HOST ff_net_price
static const ff_field PRICE[] = {
    FIGURE(gb_second_usd, 0, USD_MAX, REQUIRED), FIGURE(request_usd, 0, USD_MAX, REQUIRED),
    FIGURE(put_usd, 0, USD_MAX, REQUIRED),       FIGURE(get_usd, 0, USD_MAX, REQUIRED),
    FIGURE(write_gb_usd, 0, USD_MAX, REQUIRED),  FIGURE(read_gb_usd, 0, USD_MAX, REQUIRED),
    FIGURE(billing_ms, 1e-3, MS_MAX, REQUIRED),
};
#undef HOST
#define HOST ff_net_profile
static const ff_field PROFILE[] = {
    {"name", FF_FIELD_TEXT, AT(name), 0, 0, FF_FIELD_REQUIRED, NULL, 0},
    {"about", FF_FIELD_TEXT, AT(about), 0, 0, FF_FIELD_REQUIRED, NULL, 0},
    {"shaped", FF_FIELD_FLAG, AT(shaped), 0, 0, FF_FIELD_REQUIRED, NULL, 0},
    GROUP("inline", inline_route, INLINE_ROUTE),
    GROUP("store", store, STORE),
    GROUP("function", function, FUNCTION),
    GROUP("price", price, PRICE),
};
#undef HOST

static ff_code check_leg(const ff_leg *leg, const char *path, ff_err *err)
{
    if (!leg->head_bytes.source != !leg->head_mb_per_s.source)
        return ff_err_set(err, FF_FORMAT,
                          "%s: head_bytes and head_mb_per_s go together, %s is missing", path,
                          leg->head_bytes.source ? "head_mb_per_s" : "head_bytes");
    if (leg->less_ms.source && leg->fixed_ms.kind != leg->less_ms.kind)
        return ff_err_set(err, FF_FORMAT, "%s.less_ms: wanted the same kind as fixed_ms", path);
    return FF_OK;
}

/* What holds between members. */
static ff_code check(const ff_net_profile *p, ff_err *err)
{
    const struct {
        const ff_leg *leg;
        const char *path;
    } legs[] = {{&p->inline_route.request, "inline.request"},
                {&p->inline_route.response, "inline.response"},
                {&p->store.put, "store.put"},
                {&p->store.get, "store.get"}};
    for (size_t i = 0; i < sizeof legs / sizeof legs[0]; i++) {
        ff_code code = check_leg(legs[i].leg, legs[i].path, err);
        if (code)
            return code;
    }
    for (int i = 0; i < 2; i++)
        if (legs[i].leg->limit_bytes.value <= FF_NET_ENVELOPE_BYTES)
            return ff_err_set(err, FF_FORMAT, "%s.limit_bytes.value: wanted over %d, found %g",
                              legs[i].path, FF_NET_ENVELOPE_BYTES, legs[i].leg->limit_bytes.value);
    const ff_net_function *f = &p->function;
    if (f->min_memory_mb.value > f->max_memory_mb.value)
        return ff_err_set(
            err, FF_FORMAT,
            "function.min_memory_mb.value: wanted at most max_memory_mb (%g), found %g",
            f->max_memory_mb.value, f->min_memory_mb.value);
    return FF_OK;
}

ff_code ff_net_profile_parse(ff_bytes json, ff_net_profile **out, ff_err *err)
{
    yyjson_doc *doc = NULL;
    ff_code code = ff_profile_open(json, "network", &doc, err);
    if (code)
        return code;
    ff_arena *arena = ff_arena_new();
    ff_net_profile *p = ff_arena_alloc(arena, sizeof *p);
    p->arena = arena;
    code = ff_fields_parse(PROFILE, COUNT(PROFILE), yyjson_doc_get_root(doc), p, arena, "", err);
    if (!code)
        code = check(p, err);
    yyjson_doc_free(doc);
    if (code)
        ff_arena_free(arena);
    else
        *out = p;
    return code;
}

ff_code ff_net_profile_emit(const ff_net_profile *p, ff_buf *json, ff_err *err)
{
    yyjson_mut_doc *doc = ff_profile_begin("network", err);
    if (!doc)
        return FF_NO_MEMORY;
    ff_fields_emit(PROFILE, COUNT(PROFILE), p, doc, yyjson_mut_doc_get_root(doc));
    ff_buf text;
    ff_buf_init(&text, FF_MAX_PROFILE_BYTES);
    ff_code code = ff_json_emit(doc, true, &text, err);
    yyjson_mut_doc_free(doc);
    ff_net_profile *again = NULL;
    if (!code)
        code = ff_net_profile_parse(ff_buf_view(&text), &again, err);
    if (!code)
        code = ff_buf_append(json, text.data, text.len, err);
    ff_net_profile_free(again);
    ff_buf_clean(&text);
    return code;
}

bool ff_net_profile_equal(const ff_net_profile *a, const ff_net_profile *b)
{
    return ff_fields_equal(PROFILE, COUNT(PROFILE), a, b);
}

ff_net_profile *ff_net_profile_copy(const ff_net_profile *p)
{
    ff_arena *arena = ff_arena_new();
    ff_net_profile *copy = ff_arena_alloc(arena, sizeof *copy);
    *copy = *p;
    copy->arena = arena;
    ff_fields_own(PROFILE, COUNT(PROFILE), copy, arena);
    return copy;
}

void ff_net_profile_free(ff_net_profile *p)
{
    if (p)
        ff_arena_free(p->arena);
}
