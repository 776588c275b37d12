#include <stdio.h>
#include <string.h>

#include "deploy/cloud_int.h"

#define VERSION "2010-05-15"
#define POLL_MS 2000
#define NEVER   "does not exist"

/* "&name=value", the value encoded. */
static ff_code add(ff_buf *form, const char *name, const char *value, ff_err *err)
{
    ff_code code = ff_buf_printf(form, err, "%s%s=", form->len ? "&" : "", name);
    return code ? code : ff_http_encode(value, strlen(value), false, form, err);
}

static ff_code begin(ff_buf *form, const char *action, const char *stack, ff_err *err)
{
    ff_buf_init(form, 0);
    ff_code code = add(form, "Action", action, err);
    if (!code)
        code = add(form, "Version", VERSION, err);
    return code ? code : add(form, "StackName", stack, err);
}

/* Sends the form, and frees it. */
static ff_code send_form(ff_cloud *cloud, ff_buf *form, ff_http_response *out, ff_err *err)
{
    ff_code code = ff_cloud_call(cloud, &cloud->formation,
                                 &(cloud_call){.method = "POST",
                                               .path = "/",
                                               .content_type = "application/x-www-form-urlencoded; "
                                                               "charset=utf-8",
                                               .body = ff_buf_view(form),
                                               .max_response = 8u << 20},
                                 out, err);
    ff_buf_clean(form);
    return code;
}

static bool says(const ff_http_response *response, const char *text)
{
    return response->body.len &&
           memmem(response->body.data, response->body.len, text, strlen(text)) != NULL;
}

static void read_outputs(ff_bytes xml, ff_cloud_stack *out)
{
    char key[64], value[300];
    size_t at = 0;
    while (ff_xml_next(xml, &at, "OutputKey", key, sizeof key)) {
        size_t begun, end, inside = at;
        if (!ff_xml_find(xml, at, "OutputValue", &begun, &end) ||
            !ff_xml_next(xml, &inside, "OutputValue", value, sizeof value))
            return;
        at = end;
        if (!strcmp(key, "Deployment"))
            snprintf(out->deployment, sizeof out->deployment, "%s", value);
        else if (!strcmp(key, "Bucket"))
            snprintf(out->bucket, sizeof out->bucket, "%s", value);
        else if (!strcmp(key, "Prefix"))
            snprintf(out->prefix, sizeof out->prefix, "%s", value);
        else if (!strcmp(key, "Endpoint"))
            snprintf(out->endpoint, sizeof out->endpoint, "%s", value);
        else if (!strcmp(key, "BucketIsOwn"))
            out->has_bucket = !strcmp(value, "true");
    }
}

ff_code ff_cloud_stack_read(ff_cloud *cloud, const char *name, ff_cloud_stack *out, ff_err *err)
{
    ff_buf form;
    ff_http_response response = {0};
    ff_code code = begin(&form, "DescribeStacks", name, err);
    if (!code)
        code = send_form(cloud, &form, &response, err);
    if (code)
        return code;
    *out = (ff_cloud_stack){0};
    ff_bytes xml = ff_buf_view(&response.body);
    size_t a = 0, b = 0;
    if (response.status >= 300) {
        if (!says(&response, NEVER))
            code = ff_cloud_fault(&response, "CloudFormation", "DescribeStacks", err);
    } else if (!ff_xml_next(xml, &a, "StackStatus", out->status, sizeof out->status) ||
               !ff_xml_next(xml, &b, "StackId", out->id, sizeof out->id)) {
        code = ff_err_set(err, FF_FORMAT, "CloudFormation described stack %s without its status",
                          name);
    } else {
        out->there = strcmp(out->status, "DELETE_COMPLETE") != 0;
        read_outputs(xml, out);
    }
    ff_http_response_clean(&response);
    return code;
}

ff_code ff_cloud_stack_write(ff_cloud *cloud, const char *action, const char *name,
                             const char *template, bool is_url, const char *deployment,
                             bool *changed, ff_err *err)
{
    ff_buf form;
    ff_http_response response = {0};
    ff_code code = begin(&form, action, name, err);
    if (!code)
        code = add(&form, is_url ? "TemplateURL" : "TemplateBody", template, err);
    if (!code)
        code = add(&form, "Capabilities.member.1", "CAPABILITY_IAM", err);
    if (!code)
        code = add(&form, "Tags.member.1.Key", "fanfold:deployment", err);
    if (!code)
        code = add(&form, "Tags.member.1.Value", deployment, err);
    if (!code && !strcmp(action, "CreateStack"))
        code = add(&form, "OnFailure", "DELETE", err);
    if (!code)
        code = send_form(cloud, &form, &response, err);
    if (code)
        return code;
    *changed = response.status < 300;
    if (response.status >= 300 && !says(&response, "No updates are to be performed"))
        code = ff_cloud_fault(&response, "CloudFormation", action, err);
    ff_http_response_clean(&response);
    return code;
}

ff_code ff_cloud_stack_delete(ff_cloud *cloud, const char *id, ff_err *err)
{
    ff_buf form;
    ff_http_response response = {0};
    ff_code code = begin(&form, "DeleteStack", id, err);
    if (!code)
        code = send_form(cloud, &form, &response, err);
    if (!code && response.status >= 300)
        code = ff_cloud_fault(&response, "CloudFormation", "DeleteStack", err);
    ff_http_response_clean(&response);
    return code;
}

static void woken(void *user, ff_code code)
{
    (void)code;
    *(bool *)user = true;
}

static ff_code pause_ms(ff_cloud *cloud, int64_t ms, ff_err *err)
{
    bool over = false;
    ff_code code = ff_http_after(cloud->http, ff_clock_deadline_ms(ms), woken, &over, NULL, err);
    while (!code && !over)
        code = ff_http_poll(cloud->http, FF_NEVER, err);
    return code;
}

ff_code ff_cloud_stack_wait(ff_cloud *cloud, const char *id, int64_t deadline_ns,
                            ff_cloud_stack *out, ff_err *err)
{
    for (;;) {
        ff_code code = ff_cloud_stack_read(cloud, id, out, err);
        if (code || !strstr(out->status, "_IN_PROGRESS"))
            return code;
        if (ff_clock_now_ns() >= deadline_ns)
            return ff_err_set(err, FF_TIMEOUT, "stack %s is still %s", id, out->status);
        code = pause_ms(cloud, POLL_MS, err);
        if (code)
            return code;
    }
}

ff_code ff_cloud_stack_reason(ff_cloud *cloud, const char *id, char out[FF_CLOUD_REASON],
                              ff_err *err)
{
    ff_buf form;
    ff_http_response response = {0};
    char resource[128], status[64], reason[440];
    out[0] = '\0';
    ff_code code = begin(&form, "DescribeStackEvents", id, err);
    if (!code)
        code = send_form(cloud, &form, &response, err);
    if (code)
        return code;
    ff_bytes xml = ff_buf_view(&response.body);
    /* newest first: the last one before the change began is what failed first */
    for (size_t at = 0, from, end; ff_xml_find(xml, at, "member", &from, &end); at = end) {
        ff_bytes event = {xml.data + from, end - from};
        size_t a = 0, b = 0, c = 0;
        if (!ff_xml_next(event, &a, "LogicalResourceId", resource, sizeof resource) ||
            !ff_xml_next(event, &b, "ResourceStatus", status, sizeof status))
            continue;
        bool stack = memmem(event.data, event.len, "AWS::CloudFormation::Stack", 26) != NULL;
        if (stack &&
            (!strcmp(status, "UPDATE_IN_PROGRESS") || !strcmp(status, "CREATE_IN_PROGRESS")))
            break;
        if (stack || !strstr(status, "FAILED") ||
            !ff_xml_next(event, &c, "ResourceStatusReason", reason, sizeof reason) ||
            strstr(reason, "cancelled"))
            continue;
        snprintf(out, FF_CLOUD_REASON, "%s: %s", resource, reason);
    }
    ff_http_response_clean(&response);
    return FF_OK;
}
