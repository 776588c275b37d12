#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/units.h"
#include "build/build.h"
#include "cli/cli.h"
#include "cli/plan_file.h"
#include "cli/profiles.h"
#include "client/image.h"
#include "profile/shipped.h"

#define MAX_PREPROCESS_BYTES ((size_t)64 << 10)

static const ff_flag FLAGS[] = {
    {"output", "BUNDLE", "the folder to write (-o)", false},
    {"name", "NAME", "the deployment's name (default: the folder's)", false},
    {"form", "FORM", "portable (default), or nchwc: faster, but for CPUs like this one only",
     false},
    {"network", "P",
     "the network profile that infer --threshold auto goes by: a file, a name, or none (default: "
     "the plan's)",
     false},
    {"preprocess", "P.json", "how pictures become input tensors (see docs/bundle.md)", false},
    {0},
};

/* --network, else the profile that the plan was made for, if it is a shipped one. */
static ff_code load_network(const ff_args *args, const ff_plan *plan, ff_net_profile **out,
                            ff_err *err)
{
    const char *named = ff_args_value(args, "network");
    if (named && !strcmp(named, "none"))
        return FF_OK;
    if (!named && plan->network && ff_shipped_find("network", plan->network))
        named = plan->network;
    if (!named && plan->network)
        ff_log(FF_LOG_WARN,
               "the plan's network profile '%s' is a file of yours: name it by --network, so that "
               "tensors can take the faster way (--threshold auto)",
               plan->network);
    return named ? ff_cli_network_profile(named, out, err) : FF_OK;
}

static ff_code parse_form(const ff_args *args, ff_form *form, ff_err *err)
{
    const char *text = ff_args_value(args, "form");
    *form = text && !strcmp(text, "nchwc") ? FF_FORM_NCHWC : FF_FORM_PORTABLE;
    if (text && strcmp(text, "nchwc") && strcmp(text, "portable"))
        return ff_err_set(err, FF_USAGE, "--form: wanted portable or nchwc, found '%s'", text);
    return FF_OK;
}

static ff_code print_bundle(const ff_args *args, const char *dir, double ms, ff_err *err)
{
    ff_manifest *m = NULL;
    ff_code code = ff_manifest_load(dir, &m, err);
    if (code)
        return code;
    int pieces = 0;
    uint64_t weights = 0;
    for (int s = 0; s < m->stage_count; s++)
        for (int p = 0; p < m->stage[s].piece_count; p++, pieces++)
            weights += m->stage[s].piece[p].weights_bytes;
    if (args->json) {
        yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
        yyjson_mut_val *root = yyjson_mut_obj(doc);
        yyjson_mut_doc_set_root(doc, root);
        yyjson_mut_obj_add_str(doc, root, "bundle", dir);
        yyjson_mut_obj_add_str(doc, root, "deployment", m->deployment);
        yyjson_mut_obj_add_int(doc, root, "stages", m->stage_count);
        yyjson_mut_obj_add_int(doc, root, "pieces", pieces);
        yyjson_mut_obj_add_int(doc, root, "functions", m->function_count);
        yyjson_mut_obj_add_uint(doc, root, "weights_bytes", weights);
        yyjson_mut_obj_add_real(doc, root, "build_ms", ms);
        code = ff_cli_print_json(doc, err);
        yyjson_mut_doc_free(doc);
    } else {
        char text[32];
        code = ff_cli_printf(
            err,
            "%s: deployment %s, %d stages, %d pieces, %d functions, weights %s, built in %.1f s\n",
            dir, m->deployment, m->stage_count, pieces, m->function_count,
            ff_units_bytes(weights, text, sizeof text), ms / 1e3);
    }
    ff_manifest_free(m);
    return code;
}

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static bool is_interrupted(void *user)
{
    (void)user;
    return interrupted != 0;
}

/* The first signal ends the build after the piece that is being made, so that nothing is left; a
 * second one ends the process at once. What the shell had ignored stays so. */
static void catch_signals(void)
{
    static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof SIGNALS / sizeof *SIGNALS; i++) {
        struct sigaction old, now = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
        if (!sigaction(SIGNALS[i], NULL, &old) && old.sa_handler != SIG_IGN)
            sigaction(SIGNALS[i], &now, NULL);
    }
}

/* Can pictures become that input of the model? */
static ff_code check_preprocess(const char *json, const char *path, const ff_graph *g, ff_err *err)
{
    yyjson_doc *doc = NULL;
    ff_preprocess p = {0};
    char found[128];
    ff_code code = ff_json_parse(ff_bytes_of(json, strlen(json)), &doc, err);
    if (!code)
        code = ff_preprocess_parse(yyjson_doc_get_root(doc), &p, err);
    yyjson_doc_free(doc);
    const ff_value *input = NULL;
    for (int i = 0; !code && i < g->input_count; i++)
        if (p.input[0] ? !strcmp(g->values[g->inputs[i]].name, p.input) : g->input_count == 1)
            input = &g->values[g->inputs[i]];
    if (!code && !input)
        code =
            ff_err_set(err, FF_FORMAT,
                       "preprocess: wanted \"input\" to be one of %d inputs ('%.100s', ...), "
                       "found '%.100s'",
                       g->input_count, g->input_count ? g->values[g->inputs[0]].name : "", p.input);
    ff_shape want = {4, {1, 3, p.height, p.width}};
    if (!code && (input->dtype != FF_DTYPE_F32 || !ff_shape_equal(&input->shape, &want)))
        code = ff_err_set(err, FF_FORMAT,
                          "preprocess: \"size\" makes float32 1x3x%dx%d, but input '%.100s' is %s "
                          "%s",
                          p.height, p.width, input->name, ff_dtype_name(input->dtype),
                          ff_shape_text(&input->shape, found, sizeof found));
    ff_err_in_file(code ? err : NULL, path);
    return code;
}

static ff_code run(const ff_args *args, ff_err *err)
{
    const char *dir = NULL, *pre = ff_args_value(args, "preprocess");
    ff_build_options options = {.deployment = ff_args_value(args, "name"),
                                .progress = ff_cli_progress,
                                .stop = is_interrupted};
    ff_plan *plan = NULL;
    ff_graph *g = NULL;
    ff_engine *engine = NULL;
    ff_net_profile *network = NULL;
    ff_buf preprocess;
    ff_buf_init(&preprocess, 0);
    int64_t begin = ff_clock_now_ns();
    catch_signals();
    ff_code code = ff_args_required(args, "output", &dir, err);
    if (!code)
        code = parse_form(args, &options.form, err);
    if (!code && pre) {
        code = ff_file_read(pre, MAX_PREPROCESS_BYTES, &preprocess, err);
        if (!code)
            code = ff_buf_append(&preprocess, "", 1, err);
        options.preprocess_json = (const char *)preprocess.data;
    }
    if (!code)
        code = ff_cli_load_plan(args->positional[0], &plan, &g, err);
    if (!code)
        code = pre ? check_preprocess(options.preprocess_json, pre, g, err) : FF_OK;
    if (!code)
        code = load_network(args, plan, &network, err);
    options.network = network;
    if (!code)
        code = ff_engine_new(0, &engine, err);
    if (!code)
        code = ff_build_bundle(plan, g, engine, dir, &options, err);
    ff_cli_progress_end();
    if (!code)
        code = print_bundle(args, dir, ff_clock_ms(ff_clock_now_ns() - begin), err);
    ff_engine_free(engine);
    ff_net_profile_free(network);
    ff_graph_free(g);
    ff_plan_free(plan);
    ff_buf_clean(&preprocess);
    return code;
}

const ff_verb ff_verb_build = {
    "build",
    "build plan.json -o BUNDLE [--name NAME] [--network P] [--form portable|nchwc] ...",
    "write the bundle that is deployed: every piece as a model of its own",
    "Each piece is optimised offline and stored with its weights in a file that functions map.\n"
    "The pieces of a grid stage share one weights file.",
    FLAGS,
    1,
    1,
    run,
};
