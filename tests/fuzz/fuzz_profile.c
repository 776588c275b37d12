/* module: profile */
/* Any bytes as a profile: what is accepted reads back equal, and predicts times that are numbers.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "profile/compute.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

static void try_network(ff_bytes json)
{
    ff_net_profile *p = NULL, *again = NULL;
    ff_err err;
    if (ff_net_profile_parse(json, &p, &err)) {
        must(p == NULL);
        return;
    }
    ff_buf text;
    ff_buf_init(&text, 0);
    ff_code code = ff_net_profile_emit(p, &text, &err);
    must(code == FF_OK || code == FF_LIMIT); /* indented, it may be over the bound */
    if (!code) {
        must(ff_net_profile_parse(ff_buf_view(&text), &again, &err) == FF_OK);
        must(ff_net_profile_equal(p, again));
    }
    static const uint64_t SIZES[] = {0, 100000, 5000000};
    for (int i = 0; i < 12; i++) {
        ff_edge edge = {(ff_net_route)(i % 2), (ff_net_way)(i / 2 % 2), SIZES[i / 4],
                        1 + 3 * (i % 3)};
        ff_slowest s = ff_net_edge_slowest(p, &edge);
        must(isfinite(s.mean_ms) && isfinite(s.p50_ms) && isfinite(s.p99_ms));
        must(s.p50_ms <= s.p99_ms);
    }
    ff_buf_clean(&text);
    ff_net_profile_free(p);
    ff_net_profile_free(again);
}

static void try_compute(ff_bytes json)
{
    ff_compute_profile *p = NULL, *again = NULL;
    ff_err err;
    if (ff_compute_profile_parse(json, &p, &err)) {
        must(p == NULL);
        return;
    }
    ff_buf text;
    ff_buf_init(&text, 0);
    ff_code code = ff_compute_profile_emit(p, &text, &err);
    must(code == FF_OK || code == FF_LIMIT);
    if (!code) {
        must(ff_compute_profile_parse(ff_buf_view(&text), &again, &err) == FF_OK);
        must(ff_compute_profile_equal(p, again));
    }
    for (int i = 0; i < p->op_count; i++) {
        ff_work work = {.op = p->ops[i].op,
                        .macs = 1u << 30,
                        .weight_elems = 1u << 20,
                        .in_elems = 1u << 18,
                        .out_elems = 1u << 18,
                        .moved_bytes = 1u << 22,
                        .tile_elems = 3136,
                        .patch_elems = 1u << 20,
                        .kind = "1x1"};
        double ms = -1;
        must(ff_compute_predict(p, &work, &ms, &err) == FF_OK);
        must(isfinite(ms) && ms >= 0);
    }
    ff_buf_clean(&text);
    ff_compute_profile_free(p);
    ff_compute_profile_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_network(ff_bytes_of(data, size));
    try_compute(ff_bytes_of(data, size));
    return 0;
}
