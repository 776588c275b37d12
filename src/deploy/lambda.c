#include "deploy/lambda.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"

#define STACK_MS 1800000 /* provisioned instances take minutes */

typedef struct job {
    ff_cloud *cloud;
    const ff_stack *stack;
    const char *packages;
    ff_lambda_progress progress;
    void *user;
    ff_cloud_stack now;
} job;

__attribute__((format(printf, 2, 3))) static void tell(const job *j, const char *fmt, ...)
{
    char text[512];
    va_list args;
    if (!j->progress)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    j->progress(j->user, text);
}

static bool usable(const char *status)
{
    static const char *const GOOD[] = {"CREATE_COMPLETE", "UPDATE_COMPLETE",
                                       "UPDATE_ROLLBACK_COMPLETE"};
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++)
        if (!strcmp(status, GOOD[i]))
            return true;
    return false;
}

/* May the stack that is there be changed into ours? */
static ff_code check_stack(const job *j, ff_err *err)
{
    const ff_cloud_stack *now = &j->now;
    const char *deployment = j->stack->package->deployment;
    if (!now->there)
        return FF_OK;
    if (strstr(now->status, "_IN_PROGRESS"))
        return ff_err_set(err, FF_BUSY, "stack %s is being changed (%s): wait for it",
                          j->stack->name, now->status);
    if (!usable(now->status))
        return ff_err_set(err, FF_CONFLICT, "stack %s is in state %s: fanfold undeploy it first",
                          j->stack->name, now->status);
    if (strcmp(now->deployment, deployment) != 0)
        return ff_err_set(err, FF_CONFLICT,
                          "stack %s holds %s%s, not deployment %s: give another name with --stack",
                          j->stack->name, *now->deployment ? "deployment " : "nothing of fanfold's",
                          now->deployment, deployment);
    if (now->has_bucket != !j->stack->bucket ||
        (j->stack->bucket && strcmp(j->stack->bucket, now->bucket) != 0))
        return ff_err_set(err, FF_CONFLICT,
                          "stack %s uses bucket %s%s: go on with it, or undeploy first",
                          j->stack->name, now->bucket, now->has_bucket ? ", its own" : "");
    return FF_OK;
}

/* Waits for what CloudFormation does; anything but success is told with its reason. */
static ff_code wait_for(job *j, const char *wanted, ff_err *err)
{
    char id[sizeof j->now.id], reason[FF_CLOUD_REASON] = "";
    ff_code code = ff_cloud_stack_read(j->cloud, j->stack->name, &j->now, err);
    snprintf(id, sizeof id, "%s", *j->now.id ? j->now.id : j->stack->name);
    if (!code)
        code = ff_cloud_stack_wait(j->cloud, id, ff_clock_deadline_ms(STACK_MS), &j->now, err);
    if (code || !strcmp(j->now.status, wanted))
        return code;
    (void)ff_cloud_stack_reason(j->cloud, id, reason, NULL);
    return ff_err_set(err, FF_REMOTE,
                      "stack %s was not made, and what had been is rolled back (%s): %s%s",
                      j->stack->name, *j->now.status ? j->now.status : "gone",
                      *reason ? reason : "CloudFormation gives no reason",
                      j->now.there ? "; fanfold undeploy removes what is left" : "");
}

static ff_code write_stack(job *j, const char *template, bool is_url, ff_err *err)
{
    bool changed = false, create = !j->now.there;
    ff_code code =
        ff_cloud_stack_write(j->cloud, create ? "CreateStack" : "UpdateStack", j->stack->name,
                             template, is_url, j->stack->package->deployment, &changed, err);
    if (code)
        return code;
    if (!changed) {
        tell(j, "stack %s: nothing to change", j->stack->name);
        return ff_cloud_stack_read(j->cloud, j->stack->name, &j->now, err);
    }
    tell(j, "stack %s: %s", j->stack->name, create ? "being created" : "being updated");
    return wait_for(j, create ? "CREATE_COMPLETE" : "UPDATE_COMPLETE", err);
}

/* The bucket is there, with our rules, before code is put into it. */
static ff_code prepare_bucket(job *j, ff_err *err)
{
    const ff_stack *s = j->stack;
    ff_code code = FF_OK;
    if (s->bucket) {
        code = ff_cloud_use_bucket(j->cloud, s->bucket, err);
        if (!code)
            code = ff_cloud_bucket_rules(j->cloud, s->package->deployment, s->own, true, err);
        if (!code)
            tell(j, "bucket %s: our lifecycle rule and statement are in", s->bucket);
        return code;
    }
    if (!j->now.there) {
        ff_buf json;
        ff_buf_init(&json, 0);
        code = ff_stack_template(s, true, &json, err);
        if (!code)
            code = ff_buf_append(&json, "", 1, err);
        if (!code)
            code = write_stack(j, (const char *)json.data, false, err);
        ff_buf_clean(&json);
    }
    if (!code && !*j->now.bucket)
        code = ff_err_set(err, FF_REMOTE, "stack %s does not tell its bucket", s->name);
    return code ? code : ff_cloud_use_bucket(j->cloud, j->now.bucket, err);
}

static ff_code upload(const job *j, ff_err *err)
{
    const ff_package *p = j->stack->package;
    ff_code code = FF_OK;
    for (int i = 0; !code && i < p->count; i++) {
        char path[PATH_MAX];
        bool there = false;
        code = ff_path_join(j->packages, p->function[i].file, path, err);
        if (!code)
            code = ff_cloud_put_file(j->cloud, j->stack->key[i], path, p->function[i].sha256,
                                     &there, err);
        if (!code)
            tell(j, "%s: %s", p->function[i].name, there ? "is there already" : "uploaded");
    }
    return code;
}

/* By its URL: a template of more than 51,200 bytes does not fit into a request. */
static ff_code write_functions(job *j, ff_err *err)
{
    char key[1025], hex[FF_SHA256_HEX];
    ff_buf json, url;
    ff_buf_init(&json, 1u << 20); /* CloudFormation's own limit */
    ff_buf_init(&url, 0);
    ff_code code = ff_stack_template(j->stack, false, &json, err);
    if (!code) {
        ff_hash_sha256_hex(ff_buf_view(&json), hex);
        snprintf(key, sizeof key, "%s/code/%s/%s.json", j->stack->prefix,
                 j->stack->package->deployment, hex);
        code = ff_cloud_put(j->cloud, key, ff_buf_view(&json), err);
    }
    if (!code)
        code = ff_cloud_url(j->cloud, key, &url, err);
    if (!code)
        code = write_stack(j, (const char *)url.data, true, err);
    ff_buf_clean(&json);
    ff_buf_clean(&url);
    return code;
}

ff_code ff_lambda_deploy(ff_cloud *cloud, const ff_stack *stack, const char *packages,
                         ff_lambda_progress progress, void *user, ff_cloud_stack *out, ff_err *err)
{
    job j = {cloud, stack, packages, progress, user, {0}};
    ff_code code = ff_cloud_stack_read(cloud, stack->name, &j.now, err);
    if (!code)
        code = check_stack(&j, err);
    if (!code)
        code = prepare_bucket(&j, err);
    if (!code)
        code = upload(&j, err);
    if (!code)
        code = write_functions(&j, err);
    if (!code)
        *out = j.now;
    return code;
}

/* Code and requests of the deployment; of its own bucket, all. */
static ff_code empty_bucket(const job *j, int *objects, ff_err *err)
{
    const ff_cloud_stack *s = &j->now;
    char code_prefix[400], own[400];
    ff_code code = ff_cloud_use_bucket(j->cloud, s->bucket, err);
    snprintf(code_prefix, sizeof code_prefix, "%s/code/%s/", s->prefix, s->deployment);
    snprintf(own, sizeof own, "%s/requests/%s/", s->prefix, s->deployment);
    if (!code && s->has_bucket)
        return ff_cloud_remove_all(j->cloud, "", objects, err);
    if (!code)
        code = ff_cloud_bucket_rules(j->cloud, s->deployment, own, false, err);
    if (!code)
        code = ff_cloud_remove_all(j->cloud, code_prefix, objects, err);
    return code ? code : ff_cloud_remove_all(j->cloud, own, objects, err);
}

static ff_code delete_stack(job *j, const char *name, ff_err *err)
{
    char id[sizeof j->now.id], reason[FF_CLOUD_REASON] = "";
    ff_cloud_stack after = {0};
    snprintf(id, sizeof id, "%s", j->now.id);
    ff_code code = ff_cloud_stack_delete(j->cloud, id, err);
    if (!code)
        code = ff_cloud_stack_wait(j->cloud, id, ff_clock_deadline_ms(STACK_MS), &after, err);
    if (code || !after.there)
        return code;
    (void)ff_cloud_stack_reason(j->cloud, id, reason, NULL);
    return ff_err_set(err, FF_REMOTE, "stack %s could not be removed (%s): %s", name, after.status,
                      reason);
}

ff_code ff_lambda_undeploy(ff_cloud *cloud, const char *stack, ff_lambda_progress progress,
                           void *user, int *objects, ff_err *err)
{
    job j = {.cloud = cloud, .progress = progress, .user = user};
    *objects = 0;
    ff_code code = ff_cloud_stack_read(cloud, stack, &j.now, err);
    if (code)
        return code;
    if (!j.now.there)
        return ff_err_set(err, FF_NOT_FOUND, "there is no stack %s in %s", stack, cloud->region);
    if (strstr(j.now.status, "_IN_PROGRESS"))
        return ff_err_set(err, FF_BUSY, "stack %s is being changed (%s): wait for it", stack,
                          j.now.status);
    /* one whose creation failed tells no outputs, and has nothing left */
    bool failed = strstr(j.now.status, "ROLLBACK") || strstr(j.now.status, "FAILED");
    if (!*j.now.deployment && !failed)
        return ff_err_set(err, FF_CONFLICT, "stack %s holds nothing of fanfold's", stack);
    if (*j.now.bucket)
        code = empty_bucket(&j, objects, err);
    if (!code) {
        tell(&j, "stack %s: being removed", stack);
        code = delete_stack(&j, stack, err);
    }
    return code;
}
