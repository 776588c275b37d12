#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/random.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/emulation.h"
#include "cli/infer_print.h"
#include "cli/inputs.h"
#include "cli/session.h"
#include "client/boxes.h"
#include "client/client.h"
#include "tensor/npy.h"

static const ff_flag FLAGS[] = {
    {"endpoint", "URL", "where the platform is (default: AWS_ENDPOINT_URL, or what is up here)",
     false},
    {"deployment", "D", "which deployment (default: the first that is up here)", false},
    {"input", "[NAME=]FILE", "an input: .npy, or .png/.jpg with the bundle's preprocessing", true},
    {"random", "SEED", "seeded random inputs instead", false},
    {"threshold", "T",
     "auto, auto-p99, auto-cost, inline, store, or a size: tensors of it and more go through the "
     "store",
     false},
    {"timeout", "TIME", "give up after it (default 60s)", false},
    {"output", "DIR", "write each output as DIR/NAME.npy (-o)", false},
    {"trace", "T.json", "write what the request did, tensor by tensor", false},
    {"expect", "DIR", "compare the outputs with DIR/NAME.npy; differing ends with exit code 17",
     false},
    {"boxes", "B.txt", "text boxes of a detector's map, one a line: x0 y0 x1 y1 score", false},
    {"draw", "B.png", "the input picture with those boxes drawn", false},
    {0},
};

/* The endpoint that the environment names, or NULL. */
static const char *endpoint_of_environment(void)
{
    const char *lambda = getenv("AWS_ENDPOINT_URL_LAMBDA"), *all = getenv("AWS_ENDPOINT_URL");
    return lambda && *lambda ? lambda : all && *all ? all : NULL;
}

/* Everything that the environment does not say comes from what `fanfold up` left, where it is about
 * the same endpoint. where: the endpoint, "" for AWS. */
static ff_code find_platform(const ff_args *args, char deployment[64], char where[300], ff_err *err)
{
    const char *given = ff_args_value(args, "endpoint"), *endpoint = given;
    const char *name = ff_args_value(args, "deployment");
    ff_cli_session s = {0};
    bool up = !ff_cli_session_read(&s, NULL);
    if (!endpoint)
        endpoint = endpoint_of_environment();
    bool by_environment = endpoint && !given;
    if (!endpoint && up)
        endpoint = s.endpoint;
    up = up && !strcmp(endpoint, s.endpoint);
    snprintf(where, 300, "%s", endpoint ? endpoint : "");
    ff_code code = up ? ff_cli_session_check(&s, err) : FF_OK;
    if (code)
        return code;
    if (endpoint && !by_environment) {
        setenv("AWS_ENDPOINT_URL", endpoint, 1);
        unsetenv("AWS_ENDPOINT_URL_LAMBDA");
        unsetenv("AWS_ENDPOINT_URL_S3");
        if (!getenv("AWS_DEFAULT_REGION"))
            setenv("AWS_REGION", up ? s.region : "us-east-1", 0);
    }
    if (up) {
        if (!getenv("AWS_DEFAULT_REGION"))
            setenv("AWS_REGION", s.region, 0);
        if (!getenv("AWS_ACCESS_KEY_ID")) {
            setenv("AWS_ACCESS_KEY_ID", s.credentials.access_key, 1);
            setenv("AWS_SECRET_ACCESS_KEY", s.credentials.secret_key, 1);
        }
        name = name ? name : s.deployment;
    }
    if (!name)
        return ff_err_set(err, FF_USAGE, "--deployment is required: nothing is up %s",
                          endpoint ? "at that endpoint" : "here");
    if (strlen(name) >= 64)
        return ff_err_set(err, FF_USAGE, "--deployment: a name over 63 bytes");
    strcpy(deployment, name);
    return FF_OK;
}

static ff_code random_inputs(const ff_client_about *about, uint64_t seed, ff_tensor *in, int *count,
                             ff_err *err)
{
    ff_random r;
    ff_random_init(&r, seed);
    for (int i = 0; i < about->in_count; i++) {
        if (about->in[i].dtype != FF_DTYPE_F32)
            return ff_err_set(err, FF_USAGE, "--random: input '%s' is %s, only float32 is made",
                              about->in[i].name, ff_dtype_name(about->in[i].dtype));
        ff_code code = ff_tensor_new(FF_DTYPE_F32, &about->in[i].shape, &in[i], err);
        if (code)
            return code;
        *count = i + 1;
        float *x = (float *)(void *)in[i].data;
        for (size_t k = 0; k < in[i].bytes / sizeof *x; k++)
            x[k] = (float)(2 * ff_random_unit(&r) - 1);
    }
    return FF_OK;
}

static ff_code get_inputs(const ff_args *args, const ff_client_about *about, ff_tensor *in,
                          int *count, ff_image *picture, ff_err *err)
{
    const char *names[FF_CLI_MAX_INPUTS];
    int64_t seed = 0;
    if (about->in_count > FF_CLI_MAX_INPUTS)
        return ff_err_set(err, FF_LIMIT, "%d inputs, at most %d", about->in_count,
                          FF_CLI_MAX_INPUTS);
    ff_code code = ff_args_int(args, "random", 0, INT64_MAX, 0, &seed, err);
    if (code)
        return code;
    if (ff_args_has(args, "random"))
        return random_inputs(about, (uint64_t)seed, in, count, err);
    for (int i = 0; i < about->in_count; i++)
        names[i] = about->in[i].name;
    code = ff_cli_read_inputs(args, names, about->in_count, about->preprocess_json, in, count,
                              picture, err);
    if (!code && !*count)
        code = ff_err_set(err, FF_USAGE, "--input is required (or --random SEED)");
    return code;
}

/* DIR/NAME.npy; bytes of the name that a file system may not like become '_'. */
static ff_code output_path(const char *dir, const char *name, char path[PATH_MAX], ff_err *err)
{
    char file[300];
    snprintf(file, sizeof file, "%.250s.npy", name);
    for (char *p = file; *p; p++)
        if (*p == '/' || (unsigned char)*p < ' ')
            *p = '_';
    return ff_path_join(dir, file, path, err);
}

static ff_code write_outputs(const char *dir, const ff_client_reply *reply, ff_err *err)
{
    char path[PATH_MAX];
    ff_code code = ff_dir_make(dir, err);
    for (int i = 0; !code && i < reply->count; i++) {
        code = output_path(dir, reply->name[i], path, err);
        if (!code)
            code = ff_npy_write_file(path, &reply->out[i], err);
    }
    return code;
}

/* The worst of all outputs; FF_OK with worst->ok = false where one is out of tolerance. */
static ff_code compare(const char *dir, const ff_client_reply *reply, ff_infer_diff *worst,
                       ff_err *err)
{
    char path[PATH_MAX];
    ff_code code = FF_OK;
    *worst = (ff_infer_diff){.compared = true, .ok = true};
    for (int i = 0; !code && i < reply->count; i++) {
        ff_tensor expected = {0};
        ff_diff diff;
        code = output_path(dir, reply->name[i], path, err);
        if (!code)
            code = ff_npy_read_file(path, &expected, err);
        if (!code)
            code = ff_tensor_diff(&expected, &reply->out[i], &diff, err);
        if (!code) {
            worst->ok = worst->ok && ff_diff_ok(&diff, expected.dtype);
            if (diff.max_abs_error >= worst->max_abs_error) {
                worst->max_abs_error = diff.max_abs_error;
                worst->max_abs_reference = diff.max_abs_reference;
            }
        }
        ff_tensor_clean(&expected);
    }
    return code;
}

static ff_code write_boxes(const ff_args *args, const ff_client_reply *reply, ff_image *picture,
                           ff_err *err)
{
    static const uint8_t RED[3] = {220, 30, 60};
    const char *text = ff_args_value(args, "boxes"), *draw = ff_args_value(args, "draw");
    if (!text && !draw)
        return FF_OK;
    if (!picture->rgb || !reply->count)
        return ff_err_set(err, FF_USAGE, "--boxes and --draw need a picture as --input");
    ff_box *boxes = NULL;
    int count = 0;
    ff_buf out;
    ff_buf_init(&out, 0);
    ff_code code = ff_boxes_find(&reply->out[0], picture->width, picture->height, &FF_BOX_DEFAULTS,
                                 &boxes, &count, err);
    for (int i = 0; !code && i < count; i++) {
        ff_image_draw_rect(picture, boxes[i].x0, boxes[i].y0, boxes[i].x1, boxes[i].y1, 3, RED);
        code = ff_buf_printf(&out, err, "%d %d %d %d %.2f\n", boxes[i].x0, boxes[i].y0, boxes[i].x1,
                             boxes[i].y1, (double)boxes[i].score);
    }
    if (!code && text)
        code = ff_file_write(text, ff_buf_view(&out), err);
    if (!code && draw)
        code = ff_image_write_png(picture, draw, err);
    ff_mem_free(boxes);
    ff_buf_clean(&out);
    return code;
}

static ff_code write_results(const ff_args *args, const ff_client_reply *reply,
                             const ff_cli_emulation *emulation, ff_image *picture, ff_err *err)
{
    const char *dir = ff_args_value(args, "output"), *trace = ff_args_value(args, "trace");
    const char *expect = ff_args_value(args, "expect");
    ff_infer_diff diff = {0};
    ff_code code = dir ? write_outputs(dir, reply, err) : FF_OK;
    if (!code && trace && reply->trace_json)
        code = ff_file_write(trace, ff_bytes_of(reply->trace_json, strlen(reply->trace_json)), err);
    if (!code)
        code = write_boxes(args, reply, picture, err);
    if (!code && expect)
        code = compare(expect, reply, &diff, err);
    if (!code)
        code = ff_infer_print(args, reply, emulation, &diff, err);
    if (!code && expect && !diff.ok)
        code =
            ff_err_set(err, FF_MISMATCH, "the outputs differ from %s: error %g of max |value| %g",
                       expect, diff.max_abs_error, diff.max_abs_reference);
    return code;
}

static ff_code run(const ff_args *args, ff_err *err)
{
    char deployment[64], endpoint[300];
    ff_cli_emulation emulation = {.dilation = 1};
    ff_client *client = NULL;
    ff_tensor in[FF_CLI_MAX_INPUTS] = {{0}};
    ff_image picture = {0};
    ff_client_reply reply = {0};
    int count = 0;
    int64_t timeout_ns = 60000000000;
    const char *timeout = ff_args_value(args, "timeout"), *trace = ff_args_value(args, "trace");
    ff_code code = timeout ? ff_units_parse_time(timeout, &timeout_ns, err) : FF_OK;
    if (!code && trace && !strcmp(trace, "-"))
        code = ff_err_set(err, FF_USAGE, "--trace: wanted a file, found '-' (--json prints it)");
    if (!code)
        code = find_platform(args, deployment, endpoint, err);
    int64_t deadline = ff_clock_deadline_ms(timeout_ns / 1000000);
    if (!code)
        code = ff_cli_emulation_ask(*endpoint ? endpoint : NULL, deadline, &emulation, err);
    /* the time-out is one of the emulated world, as all others are */
    deadline = ff_clock_deadline_ms((int64_t)((double)timeout_ns / 1e6 * emulation.dilation));
    if (!code)
        code = ff_client_open(deployment, deadline, &client, err);
    if (!code)
        code = get_inputs(args, ff_client_about_of(client), in, &count, &picture, err);
    const char *policy = ff_args_value(args, "threshold");
    if (!code && !policy && ff_client_about_of(client)->network)
        policy = "auto";
    ff_client_request request = {in, policy, true, deadline};
    if (!code)
        code = ff_client_infer(client, &request, &reply, err);
    if (!code)
        code = ff_cli_emulation_apply(&emulation, &reply, err);
    if (!code)
        code = write_results(args, &reply, &emulation, &picture, err);
    ff_client_reply_clean(&reply);
    ff_image_clean(&picture);
    for (int i = 0; i < count; i++)
        ff_tensor_clean(&in[i]);
    ff_client_close(client);
    return code;
}

const ff_verb ff_verb_infer = {
    "infer",
    "infer [--endpoint URL] [--deployment D] --input [NAME=]FILE [--threshold T] [--output DIR]",
    "ask a deployment, and show which way each tensor went",
    "--threshold decides, for this request alone, which way tensors go between master and "
    "workers:\n"
    "auto (the default where the bundle has a network profile) takes the faster way for each, by\n"
    "the median (auto-p99: by the slow ones; auto-cost: the cheaper way); inline (the default\n"
    "elsewhere) puts every tensor into the payload, store puts every tensor into the object "
    "store,\n"
    "a size such as 800KB sends tensors of it and more through the store.",
    FLAGS,
    0,
    0,
    run,
};
