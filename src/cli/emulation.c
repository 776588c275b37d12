#include "cli/emulation.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/profiles.h"
#include "measure/kernel.h"
#include "net/http.h"

#define ASK_PATH     "/_fanfold/emulation"
#define ASK_BYTES    65536u
#define MAX_DILATION 1000
#define MAX_GMACS    100000

/* A number of the flag's, in [lo, hi]. */
static ff_code number_of(const char *flag, const char *text, double lo, double hi, double *out,
                         ff_err *err)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= lo && value <= hi))
        return ff_err_set(err, FF_USAGE, "--%s: wanted %g to %g, found '%s'", flag, lo, hi, text);
    *out = value;
    return FF_OK;
}

static ff_code measure_host(double *gmac_per_s, ff_err *err)
{
    char dir[] = "/tmp/fanfold-kernel-XXXXXX";
    if (!mkdtemp(dir))
        return ff_err_errno(err, errno, dir, "cannot make a folder");
    ff_code code = ff_kernel_gmac_per_s(1, 0, dir, gmac_per_s, err);
    ff_dir_remove(dir, NULL);
    if (!code)
        ff_log(FF_LOG_INFO, "one CPU here: %.1f GMAC/s", *gmac_per_s);
    return code;
}

/* Flags that mean nothing without a network. */
static ff_code check_alone(const ff_args *args, ff_err *err)
{
    static const char *const FLAGS[] = {"dilation", "seed", "host-gmacs"};
    for (size_t i = 0; i < sizeof FLAGS / sizeof FLAGS[0]; i++)
        if (ff_args_has(args, FLAGS[i]))
            return ff_err_set(err, FF_USAGE, "--%s needs --network", FLAGS[i]);
    return FF_OK;
}

ff_code ff_cli_emulation_options(const ff_args *args, ff_local_options *options,
                                 ff_net_profile **profile, ff_err *err)
{
    const char *network = ff_args_value(args, "network"), *k = ff_args_value(args, "dilation");
    const char *gmacs = ff_args_value(args, "host-gmacs");
    int64_t seed = 1;
    if (!network)
        return check_alone(args, err);
    ff_code code = ff_args_int(args, "seed", 0, INT64_MAX, 1, &seed, err);
    if (!code && k && strcmp(k, "auto") != 0)
        code = number_of("dilation", k, 1, MAX_DILATION, &options->dilation, err);
    if (!code && gmacs)
        code = number_of("host-gmacs", gmacs, 0.01, MAX_GMACS, &options->host_gmac_per_s, err);
    if (!code)
        code = ff_cli_network_profile(network, profile, err);
    options->network = *profile;
    options->seed = (uint64_t)seed;
    options->cpus = ff_engine_cpus();
    if (!code && !gmacs && (*profile)->shaped)
        code = measure_host(&options->host_gmac_per_s, err);
    return code;
}

static ff_code parse_answer(ff_bytes json, ff_cli_emulation *out)
{
    yyjson_doc *doc = NULL;
    ff_code code = ff_json_parse(json, &doc, NULL);
    yyjson_val *root = yyjson_doc_get_root(doc);
    const char *network = yyjson_get_str(yyjson_obj_get(root, "network"));
    double dilation = yyjson_get_num(yyjson_obj_get(root, "dilation"));
    if (!code && dilation >= 1 && dilation <= MAX_DILATION) {
        out->emulated = yyjson_is_true(yyjson_obj_get(root, "emulated"));
        out->cpu_shares = yyjson_is_true(yyjson_obj_get(root, "cpu_shares"));
        out->dilation = dilation;
        snprintf(out->network, sizeof out->network, "%s", network ? network : "");
    }
    yyjson_doc_free(doc);
    return code;
}

ff_code ff_cli_emulation_ask(const char *endpoint, int64_t deadline_ns, ff_cli_emulation *out,
                             ff_err *err)
{
    char url[400];
    ff_http *http = NULL;
    ff_http_response response = {0};
    *out = (ff_cli_emulation){.dilation = 1};
    if (!endpoint)
        return FF_OK;
    size_t len = strlen(endpoint);
    while (len && endpoint[len - 1] == '/')
        len--;
    if (len + sizeof ASK_PATH > sizeof url)
        return ff_err_set(err, FF_USAGE, "an endpoint of %zu bytes", len);
    snprintf(url, sizeof url, "%.*s" ASK_PATH, (int)len, endpoint);
    ff_http_request request = {
        .method = "GET", .url = url, .max_response = ASK_BYTES, .deadline_ns = deadline_ns};
    ff_code code = ff_http_new(NULL, &http, err);
    if (!code)
        code = ff_http_perform(http, &request, &response, err);
    if (!code && response.status == 200)
        (void)parse_answer(ff_buf_view(&response.body), out);
    ff_http_response_clean(&response);
    ff_http_free(http);
    return code;
}

/* All numbers that are named "ms" or "..._ms", at any depth. */
static void divide_times(yyjson_mut_val *value, double k)
{
    size_t i, count;
    yyjson_mut_val *name, *member;
    if (yyjson_mut_is_arr(value)) {
        yyjson_mut_arr_foreach(value, i, count, member)
        {
            divide_times(member, k);
        }
    }
    if (!yyjson_mut_is_obj(value))
        return;
    yyjson_mut_obj_foreach(value, i, count, name, member)
    {
        const char *text = yyjson_mut_get_str(name);
        size_t len = strlen(text);
        bool time = !strcmp(text, "ms") || (len > 3 && !strcmp(text + len - 3, "_ms"));
        if (time && yyjson_mut_is_num(member))
            yyjson_mut_set_real(member, round(yyjson_mut_get_num(member) / k * 1000) / 1000);
        else
            divide_times(member, k);
    }
}

void ff_cli_emulation_members(const ff_cli_emulation *e, yyjson_mut_doc *doc, yyjson_mut_val *to)
{
    yyjson_mut_obj_add_bool(doc, to, "emulated", e->emulated);
    if (e->network[0])
        yyjson_mut_obj_add_strcpy(doc, to, "network", e->network);
    else
        yyjson_mut_obj_add_null(doc, to, "network");
    yyjson_mut_obj_add_real(doc, to, "dilation", e->dilation);
    yyjson_mut_obj_add_bool(doc, to, "cpu_shares", e->cpu_shares);
}

static ff_code apply_to_trace(const ff_cli_emulation *e, ff_client_reply *reply, ff_err *err)
{
    yyjson_doc *read = NULL;
    ff_code code =
        ff_json_parse(ff_bytes_of(reply->trace_json, strlen(reply->trace_json)), &read, err);
    if (code)
        return code;
    yyjson_mut_doc *doc = yyjson_doc_mut_copy(read, NULL);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    divide_times(root, e->dilation);
    ff_cli_emulation_members(e, doc, root);
    char *text = yyjson_mut_write(doc, YYJSON_WRITE_NOFLAG, NULL);
    if (text)
        reply->trace_json = ff_arena_strdup(reply->arena, text);
    else
        code = ff_err_set(err, FF_NO_MEMORY, "no memory for the trace");
    free(text);
    yyjson_mut_doc_free(doc);
    yyjson_doc_free(read);
    return code;
}

ff_code ff_cli_emulation_apply(const ff_cli_emulation *e, ff_client_reply *reply, ff_err *err)
{
    if (!e->emulated)
        return FF_OK;
    reply->latency_ms /= e->dilation;
    reply->master_ms /= e->dilation;
    return reply->trace_json ? apply_to_trace(e, reply, err) : FF_OK;
}

const char *ff_cli_emulation_text(const ff_cli_emulation *e, char *text, size_t size)
{
    text[0] = '\0';
    if (e->emulated)
        snprintf(text, size, "emulated: network %s, dilation %g (times are divided by it)%s\n",
                 e->network, e->dilation,
                 e->cpu_shares ? "" : "; CPU shares are not kept: computing is this machine's");
    return text;
}
