#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/packaging.h"
#include "client/client.h"
#include "deploy/lambda.h"

#define SMOKE_MS 120000 /* a cold start, with room */

static const ff_flag FLAGS[] = {
    {"target", "T", "lambda", false},
    {"dry-run", NULL, "show what would be done, and do nothing: no credentials are needed", false},
    {"output", "DIR", "keep packages and template.json in this folder (-o)", false},
    {"bucket", "B", "a bucket that exists (default: the stack makes its own)", false},
    {"prefix", "P", "in front of every key (default fanfold)", false},
    {"stack", "NAME", "the stack's name (default fanfold-DEPLOYMENT)", false},
    {"memory", "MB", "memory of each function, from 128 to 10240 (default 3008)", false},
    {"timeout", "TIME", "time-out of each function, at most 900s (default 60s)", false},
    {"provisioned", "N", "instances of each function that are kept ready (default 0)", false},
    {"no-smoke", NULL, "do not ask the deployed master whether it is there", false},
    FF_CLI_PACKAGING_FLAGS,
    {0},
};

static ff_code read_options(const ff_args *args, ff_stack_options *o, ff_err *err)
{
    int64_t memory = 0, provisioned = 0, timeout_ns = 0;
    const char *timeout = ff_args_value(args, "timeout");
    ff_code code = ff_args_int(args, "memory", 128, FF_STACK_MAX_MEMORY, 0, &memory, err);
    if (!code)
        code = ff_args_int(args, "provisioned", 0, 10000, 0, &provisioned, err);
    if (!code && timeout)
        code = ff_units_parse_time(timeout, &timeout_ns, err);
    int64_t timeout_s = timeout_ns / 1000000000;
    if (!code && timeout && (timeout_s < 1 || timeout_s > FF_STACK_MAX_TIMEOUT))
        code = ff_err_set(err, FF_USAGE, "--timeout: wanted 1s to %ds, found '%s'",
                          FF_STACK_MAX_TIMEOUT, timeout);
    *o = (ff_stack_options){.name = ff_args_value(args, "stack"),
                            .bucket = ff_args_value(args, "bucket"),
                            .prefix = ff_args_value(args, "prefix"),
                            .memory_mb = (int)memory,
                            .timeout_s = (int)timeout_s,
                            .provisioned = (int)provisioned};
    return code;
}

static ff_code check_target(const ff_args *args, ff_err *err)
{
    const char *target = NULL;
    ff_code code = ff_args_required(args, "target", &target, err);
    if (!code && strcmp(target, "lambda") != 0)
        code = ff_err_set(err, FF_USAGE, "--target: wanted lambda, found '%s'", target);
    return code;
}

/* The template's resources by kind, with their logical ids. */
static ff_code print_resources(yyjson_val *root, ff_buf *out, ff_err *err)
{
    yyjson_val *id, *resource;
    yyjson_obj_iter iter = yyjson_obj_iter_with(yyjson_obj_get(root, "Resources"));
    ff_code code = FF_OK;
    while (!code && (id = yyjson_obj_iter_next(&iter))) {
        resource = yyjson_obj_iter_get_val(id);
        code = ff_buf_printf(out, err, "create  %-30s %s\n",
                             yyjson_get_str(yyjson_obj_get(resource, "Type")), yyjson_get_str(id));
    }
    return code;
}

static ff_code print_text(const ff_stack *s, yyjson_val *root, ff_buf *out, ff_err *err)
{
    const ff_package *p = s->package;
    const char *bucket = s->bucket ? s->bucket : "(the stack's own bucket)";
    ff_code code =
        ff_buf_printf(out, err, "stack   %s: %d functions of %d MB, %d s, %s, provisioned %d\n",
                      s->name, p->count, s->memory_mb, s->timeout_s, p->arch, s->provisioned);
    for (int i = 0; !code && i < p->count; i++) {
        char bytes[32];
        code = ff_buf_printf(out, err, "upload  s3://%s/%s  %s, %s\n", bucket, s->key[i],
                             ff_units_bytes(p->function[i].bytes, bytes, sizeof bytes),
                             p->function[i].name);
    }
    if (!code && s->bucket)
        code = ff_buf_printf(out, err,
                             "add     to %s: objects under %s expire after a day; requests without "
                             "TLS are denied\n",
                             bucket, s->own);
    if (!code)
        code = print_resources(root, out, err);
    return code;
}

/* {"stack", "functions": [{"name", "key", "bytes"}], "template"} */
static ff_code print_json(const ff_stack *s, yyjson_val *root, ff_err *err)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *o = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, o);
    yyjson_mut_obj_add_str(doc, o, "stack", s->name);
    yyjson_mut_obj_add_str(doc, o, "bucket", s->bucket);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, o, "functions");
    for (int i = 0; i < s->package->count; i++) {
        yyjson_mut_val *f = yyjson_mut_arr_add_obj(doc, list);
        yyjson_mut_obj_add_str(doc, f, "name", s->package->function[i].name);
        yyjson_mut_obj_add_str(doc, f, "key", s->key[i]);
        yyjson_mut_obj_add_uint(doc, f, "bytes", s->package->function[i].bytes);
    }
    yyjson_mut_obj_add_val(doc, o, "template", yyjson_val_mut_copy(doc, root));
    ff_code code = ff_cli_print_json(doc, err);
    yyjson_mut_doc_free(doc);
    return code;
}

static ff_code show(const ff_args *args, const ff_stack *stack, ff_bytes json, ff_err *err)
{
    yyjson_doc *doc = NULL;
    ff_buf out;
    ff_code code = ff_json_parse(json, &doc, err);
    if (code)
        return code;
    if (args->json) {
        code = print_json(stack, yyjson_doc_get_root(doc), err);
    } else {
        ff_buf_init(&out, 0);
        code = print_text(stack, yyjson_doc_get_root(doc), &out, err);
        if (!code)
            code = ff_cli_print(&out, err);
        ff_buf_clean(&out);
    }
    yyjson_doc_free(doc);
    return code;
}

static void log_step(void *user, const char *what)
{
    (void)user;
    ff_log(FF_LOG_INFO, "%s", what);
}

/* One request, described by the master that was deployed: it starts, and it is this deployment's.
 */
static ff_code smoke_test(const char *deployment, ff_err *err)
{
    char name[80];
    ff_client *client = NULL;
    snprintf(name, sizeof name, "%s:" FF_STACK_ALIAS, deployment);
    ff_code code = ff_client_open(name, ff_clock_deadline_ms(SMOKE_MS), &client, err);
    if (!code && strcmp(ff_client_about_of(client)->deployment, deployment) != 0)
        code = ff_err_set(err, FF_MISMATCH, "wanted deployment %s, found %s", deployment,
                          ff_client_about_of(client)->deployment);
    ff_client_close(client);
    if (code)
        ff_err_wrap(err, "the functions are deployed, but the smoke test failed (--no-smoke leaves "
                         "it out)");
    return code;
}

static ff_code print_deployed(const ff_args *args, const ff_stack *s, const ff_cloud_stack *now,
                              ff_err *err)
{
    const char *deployment = s->package->deployment;
    if (!args->json)
        return ff_cli_printf(err,
                             "%s: stack %s is %s\n"
                             "function %s-master:" FF_STACK_ALIAS " %s\n"
                             "fanfold infer --deployment %s:" FF_STACK_ALIAS "\n",
                             deployment, s->name, now->status, deployment, now->endpoint,
                             deployment);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *o = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, o);
    yyjson_mut_obj_add_str(doc, o, "deployment", deployment);
    yyjson_mut_obj_add_str(doc, o, "stack", s->name);
    yyjson_mut_obj_add_str(doc, o, "status", now->status);
    yyjson_mut_obj_add_str(doc, o, "bucket", now->bucket);
    yyjson_mut_obj_add_str(doc, o, "endpoint", now->endpoint);
    ff_code code = ff_cli_print_json(doc, err);
    yyjson_mut_doc_free(doc);
    return code;
}

static ff_code deploy_live(const ff_args *args, const ff_stack *stack, const char *packages,
                           ff_err *err)
{
    ff_cloud *cloud = ff_mem_must(sizeof *cloud);
    ff_cloud_stack now = {0};
    ff_code code = ff_cloud_open(cloud, err);
    if (!code)
        code = ff_lambda_deploy(cloud, stack, packages, log_step, NULL, &now, err);
    if (!code && !ff_args_has(args, "no-smoke"))
        code = smoke_test(stack->package->deployment, err);
    if (!code)
        code = print_deployed(args, stack, &now, err);
    ff_cloud_close(cloud);
    ff_mem_free(cloud);
    return code;
}

static ff_code deploy(const ff_args *args, const ff_package *package, const char *dir,
                      const ff_stack_options *options, ff_arena *arena, ff_err *err)
{
    char path[PATH_MAX];
    ff_stack stack;
    ff_buf json;
    ff_buf_init(&json, 0);
    ff_code code = ff_stack_init(package, options, arena, &stack, err);
    if (!code)
        code = ff_stack_template(&stack, false, &json, err);
    if (!code)
        code = ff_path_join(dir, "template.json", path, err);
    if (!code)
        code = ff_file_write(path, ff_buf_view(&json), err);
    if (!code)
        code = ff_args_has(args, "dry-run") ? show(args, &stack, ff_buf_view(&json), err)
                                            : deploy_live(args, &stack, dir, err);
    ff_buf_clean(&json);
    return code;
}

/* The folder of the packages: the one that is kept, or a temporary one. */
static ff_code open_folder(const ff_args *args, char dir[PATH_MAX], bool *temporary, ff_err *err)
{
    const char *kept = ff_args_value(args, "output"), *tmp = getenv("TMPDIR");
    *temporary = !kept;
    if (kept)
        return ff_path_join("", kept, dir, err);
    ff_code code = ff_path_join(tmp && *tmp ? tmp : "/tmp", "fanfold-XXXXXX", dir, err);
    if (!code && !mkdtemp(dir))
        code = ff_err_errno(err, errno, dir, "cannot make a folder");
    return code;
}

/* What the cloud will be asked with, before minutes of packaging. */
static ff_code check_cloud(ff_err *err)
{
    ff_cloud *cloud = ff_mem_must(sizeof *cloud);
    ff_code code = ff_cloud_open(cloud, err);
    ff_cloud_close(cloud);
    ff_mem_free(cloud);
    return code;
}

static ff_code run(const ff_args *args, ff_err *err)
{
    char dir[PATH_MAX], packages[PATH_MAX];
    bool temporary = false;
    ff_stack_options options;
    ff_cli_packaging packaging;
    ff_package package;
    ff_manifest *manifest = NULL;
    ff_code code = check_target(args, err);
    if (!code)
        code = read_options(args, &options, err);
    if (!code && !ff_args_has(args, "dry-run"))
        code = check_cloud(err);
    if (!code)
        code = ff_manifest_load(args->positional[0], &manifest, err);
    if (!code)
        code = ff_cli_packaging_read(args, &packaging, err);
    if (!code)
        code = open_folder(args, dir, &temporary, err);
    if (code) {
        ff_manifest_free(manifest);
        return code;
    }
    ff_arena *arena = ff_arena_new();
    code = ff_path_join(dir, temporary ? "packages" : "", packages, err);
    if (!code)
        code = ff_package_zip(manifest, &packaging.options, packages, ff_cli_progress, NULL, arena,
                              &package, err);
    ff_cli_progress_end();
    if (!code)
        code = deploy(args, &package, packages, &options, arena, err);
    if (temporary)
        (void)ff_dir_remove(dir, NULL);
    ff_arena_free(arena);
    ff_manifest_free(manifest);
    return code;
}

const ff_verb ff_verb_deploy = {
    "deploy",
    "deploy BUNDLE --target lambda [--dry-run] [-o DIR] [--bucket B] [--memory MB] ...",
    "put a bundle's functions on a platform",
    "Packages are uploaded to a bucket, and a CloudFormation stack makes the functions, their "
    "roles\n"
    "and logs. See docs/lambda.md.",
    FLAGS,
    1,
    1,
    run,
};

static const ff_flag UNDEPLOY_FLAGS[] = {
    {"target", "T", "lambda", false},
    {"stack", "NAME", "the stack's name (default fanfold-DEPLOYMENT)", false},
    {0},
};

static ff_code run_undeploy(const ff_args *args, ff_err *err)
{
    char name[160];
    int objects = 0;
    const char *given = ff_args_value(args, "stack");
    snprintf(name, sizeof name, "fanfold-%.100s", args->positional[0]);
    ff_cloud *cloud = ff_mem_must(sizeof *cloud);
    ff_code code = check_target(args, err);
    if (!code)
        code = ff_cloud_open(cloud, err);
    if (!code)
        code = ff_lambda_undeploy(cloud, given ? given : name, log_step, NULL, &objects, err);
    if (!code && args->json)
        code = ff_cli_printf(err, "{\"stack\": \"%s\", \"objects\": %d}\n", given ? given : name,
                             objects);
    else if (!code)
        code =
            ff_cli_printf(err, "stack %s is gone, and %d objects\n", given ? given : name, objects);
    ff_cloud_close(cloud);
    ff_mem_free(cloud);
    return code;
}

const ff_verb ff_verb_undeploy = {
    "undeploy",
    "undeploy DEPLOYMENT --target lambda [--stack NAME]",
    "remove what deploy made",
    "Functions, roles, logs, code and what requests left. A bucket that was given keeps all else, "
    "and\n"
    "loses only the rule and the statement that deploy added.",
    UNDEPLOY_FLAGS,
    1,
    1,
    run_undeploy,
};
