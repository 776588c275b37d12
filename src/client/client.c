#include "client/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/log.h"
#include "base/random.h"
#include "client/client_int.h"

#define MAX_FUNCTION_NAME 64

static ff_code describe(ff_client *c, int64_t deadline_ns, ff_err *err)
{
    static const char QUESTION[] = "{\"fanfold\":\"describe\"}";
    ff_invoke_result result = {0};
    ff_code code = ff_invoke(c->invoker, c->master, ff_bytes_of(QUESTION, sizeof QUESTION - 1),
                             deadline_ns, &result, err);
    if (!code)
        code = ff_client_about_parse(ff_buf_view(&result.body), c->arena, &c->about, err);
    ff_buf_clean(&result.body);
    return code;
}

ff_code ff_client_open(const char *deployment, int64_t deadline_ns, ff_client **out, ff_err *err)
{
    size_t len = strlen(deployment);
    if (!len || len > MAX_FUNCTION_NAME)
        return ff_err_set(err, FF_USAGE, "a deployment's name of %zu bytes, wanted 1 to %d", len,
                          MAX_FUNCTION_NAME);
    ff_client *c = ff_mem_must(sizeof *c);
    ff_lambda_options *lambda = ff_mem_must(sizeof *lambda);
    ff_http_options http = {.ca_bundle = getenv("AWS_CA_BUNDLE")};
    c->arena = ff_arena_new();
    size_t name = strcspn(deployment, ":"); /* an alias or version of the master may follow */
    c->master =
        ff_arena_printf(c->arena, "%.*s-master%s", (int)name, deployment, deployment + name);
    ff_code code = ff_lambda_options_from_env(lambda, err);
    if (!code)
        code = ff_http_new(&http, &c->http, err);
    if (!code)
        code = ff_lambda_new(c->http, lambda, &c->invoker, err);
    ff_mem_free(lambda);
    if (!code)
        code = describe(c, deadline_ns, err);
    if (!code && c->about.store_url)
        code = ff_store_open(c->about.store_url, c->http, &c->store, err);
    if (!code)
        code = ff_share_init(&c->share, c->store, c->about.prefix, c->about.deployment, err);
    if (code)
        ff_client_close(c);
    else
        *out = c;
    return code;
}

void ff_client_close(ff_client *client)
{
    if (!client)
        return;
    ff_store_free(client->store);
    ff_invoker_free(client->invoker);
    ff_http_free(client->http);
    ff_arena_free(client->arena);
    ff_mem_free(client);
}

const ff_client_about *ff_client_about_of(const ff_client *client)
{
    return &client->about;
}

/* One request on its way. */
typedef struct trip {
    ff_client *client;
    const ff_client_request *request;
    ff_send send;
    ff_envelope reply;
    ff_buf body;
    ff_recv *recv;
    int recv_count;
    char id[37], timestamp[32];
} trip;

static ff_code check_inputs(const ff_client_about *about, const ff_tensor *in, ff_err *err)
{
    char wanted[128], found[128];
    for (int i = 0; i < about->in_count; i++) {
        const ff_client_port *port = &about->in[i];
        if (in[i].dtype != port->dtype || !ff_shape_equal(&in[i].shape, &port->shape))
            return ff_err_set(
                err, FF_FORMAT, "input '%s': wanted %s %s, found %s %s", port->name,
                ff_dtype_name(port->dtype), ff_shape_text(&port->shape, wanted, sizeof wanted),
                ff_dtype_name(in[i].dtype), ff_shape_text(&in[i].shape, found, sizeof found));
    }
    return FF_OK;
}

/* Bytes of payload that a tensor takes inline, with room for its member's words. */
static uint64_t inline_bytes(const ff_tensor *t)
{
    return ff_base64_encoded_len(t->bytes + FF_NPY_HEADER_MAX) + 2048;
}

/* The largest inputs leave the payload until the rest fits. */
static ff_policy input_policy(const ff_client_about *about, const ff_tensor *in)
{
    ff_policy policy = FF_POLICY_INLINE;
    while (about->request_bytes) {
        uint64_t sum = 4096, largest = 0;
        for (int i = 0; i < about->in_count; i++) {
            if (in[i].bytes >= policy.threshold)
                continue;
            sum += inline_bytes(&in[i]);
            largest = in[i].bytes > largest ? in[i].bytes : largest;
        }
        if (sum <= about->request_bytes || !largest)
            break;
        policy.threshold = largest;
    }
    return policy;
}

static ff_code drain(ff_client *c, const int *pending, ff_err *err)
{
    ff_code code = FF_OK;
    while (!code && *pending)
        code = ff_http_poll(c->http, FF_NEVER, err);
    if (code)
        ff_http_cancel_all(c->http); /* what is cleaned next must not be in flight */
    return code;
}

static ff_code send_inputs(trip *t, ff_err *err)
{
    ff_client *c = t->client;
    const ff_client_about *about = &c->about;
    ff_policy policy = FF_POLICY_INLINE;
    ff_code code = ff_policy_parse(t->request->policy, &policy, err);
    if (code)
        return code;
    ff_env_head head = {.kind = FF_ENV_REQUEST,
                        .deployment = about->deployment,
                        .request_id = t->id,
                        .policy = t->request->policy ? &policy : NULL,
                        .deadline_ms = ff_clock_to_epoch_ms(t->request->deadline_ns),
                        .trace = t->request->trace};
    ff_send_options options = {.policy = input_policy(about, t->request->in),
                               .direction = FF_INPUT,
                               .place = {.timestamp = t->timestamp,
                                         .request_id = t->id,
                                         .stage = FF_STAGE_CLIENT,
                                         .function = "client"},
                               .max_payload = about->request_bytes,
                               .deadline_ns = t->request->deadline_ns};
    ff_send_part *parts = ff_mem_must_array((size_t)about->in_count, sizeof *parts);
    for (int i = 0; i < about->in_count; i++)
        parts[i] = (ff_send_part){about->in[i].name, &t->request->in[i],
                                  ff_region_whole(&t->request->in[i].shape)};
    ff_send_start(&t->send, &c->share, &head, parts, about->in_count, &options);
    code = drain(c, &t->send.pending, err);
    ff_mem_free(parts);
    if (!code && t->send.code) {
        code = t->send.code;
        if (err)
            *err = t->send.err;
    }
    return code ? code : ff_send_finish(&t->send, "", err);
}

static ff_code invoke_master(trip *t, ff_err *err)
{
    ff_invoke_result result = {0};
    ff_code code = ff_invoke(t->client->invoker, t->client->master, ff_buf_view(&t->send.payload),
                             t->request->deadline_ns, &result, err);
    t->body = result.body;
    return code;
}

/* All of the deployment's outputs, and nothing else. */
static ff_code check_outputs(const ff_client_about *about, const ff_envelope *reply, ff_err *err)
{
    if (reply->count != about->out_count)
        return ff_err_set(err, FF_FORMAT, "wanted %d outputs, found %d", about->out_count,
                          reply->count);
    for (int i = 0; i < about->out_count; i++) {
        const ff_client_port *port = &about->out[i];
        const ff_env_tensor *tensor = ff_envelope_find(reply, port->name);
        if (!tensor)
            return ff_err_set(err, FF_FORMAT, "output '%.100s' is not there", port->name);
        ff_code code = ff_env_tensor_expect(tensor, port->dtype, &port->shape, err);
        if (code)
            return code;
    }
    return FF_OK;
}

static ff_code receive_outputs(trip *t, ff_err *err)
{
    ff_client *c = t->client;
    ff_code code = ff_envelope_parse(FF_ENV_REPLY, &t->body, c->store ? c->share.folder : NULL,
                                     &t->reply, err);
    if (!code)
        code = check_outputs(&c->about, &t->reply, err);
    if (code)
        return ff_err_wrap(err, "the master's reply");
    t->recv_count = t->reply.count;
    t->recv = ff_mem_must_array((size_t)t->recv_count, sizeof *t->recv);
    for (int i = 0; i < t->recv_count; i++)
        ff_recv_start(&t->recv[i], &c->share, &t->reply.tensor[i], NULL, NULL, false,
                      t->request->deadline_ns);
    for (int i = 0; !code && i < t->recv_count; i++)
        while (!code && t->recv[i].pending)
            code = ff_http_poll(c->http, FF_NEVER, err);
    if (code)
        ff_http_cancel_all(c->http);
    for (int i = 0; !code && i < t->recv_count; i++) {
        if (t->recv[i].code) {
            code = t->recv[i].code;
            if (err)
                *err = t->recv[i].err;
            ff_err_wrap(err, "output '%s'", t->reply.tensor[i].name);
        }
    }
    return code;
}

/* Outputs are the client's to delete: nobody else knows when they were read. So are the inputs of a
 * request that failed, which the master may never have seen. */
static void remove_objects(trip *t, bool failed)
{
    if (!t->client->store)
        return;
    int sent = failed ? ff_send_key_count(&t->send) : 0;
    const char **keys = ff_mem_must_array((size_t)(t->reply.count + sent), sizeof *keys);
    size_t count = 0;
    for (int i = 0; i < t->reply.count; i++)
        if (t->reply.tensor[i].route == FF_ROUTE_STORE)
            keys[count++] = t->reply.tensor[i].key;
    for (int i = 0; i < sent; i++)
        keys[count++] = ff_send_key(&t->send, i);
    ff_err err = {0};
    if (count && ff_store_remove_wait(t->client->store, keys, count, t->request->deadline_ns, &err))
        ff_log(FF_LOG_WARN, "objects stay in the store until they expire: %s", err.message);
    ff_mem_free(keys);
}

static void take_reply(trip *t, ff_client_reply *out)
{
    ff_client_reply r = {.arena = ff_arena_new(), .count = t->recv_count};
    r.request_id = ff_arena_strdup(r.arena, t->id);
    r.name = ff_arena_array(r.arena, (size_t)r.count, sizeof *r.name);
    r.out = ff_arena_array(r.arena, (size_t)r.count, sizeof *r.out);
    for (int i = 0; i < r.count; i++) {
        r.name[i] = ff_arena_strdup(r.arena, t->reply.tensor[i].name);
        r.out[i] = t->recv[i].tensor;
        t->recv[i].tensor = (ff_tensor){0};
    }
    r.master_ms = t->reply.latency_ms;
    if (t->reply.trace_json) {
        char *text = yyjson_val_write(t->reply.trace_json, YYJSON_WRITE_NOFLAG, NULL);
        r.trace_json = text ? ff_arena_strdup(r.arena, text) : NULL;
        free(text);
    }
    *out = r;
}

ff_code ff_client_infer(ff_client *client, const ff_client_request *request, ff_client_reply *out,
                        ff_err *err)
{
    trip t = {.client = client, .request = request};
    ff_random_uuid(t.id);
    ff_clock_key_date(ff_clock_wall_ms(), t.timestamp, sizeof t.timestamp);
    ff_code code = check_inputs(&client->about, request->in, err);
    int64_t begin = ff_clock_now_ns();
    if (!code)
        code = send_inputs(&t, err);
    if (!code)
        code = invoke_master(&t, err);
    if (!code)
        code = receive_outputs(&t, err);
    int64_t end = ff_clock_now_ns();
    remove_objects(&t, code != FF_OK);
    if (!code) {
        take_reply(&t, out);
        out->latency_ms = ff_clock_ms(end - begin);
    }
    for (int i = 0; i < t.recv_count; i++)
        ff_recv_clean(&t.recv[i]);
    ff_mem_free(t.recv);
    ff_envelope_clean(&t.reply);
    ff_buf_clean(&t.body);
    ff_send_clean(&t.send);
    return code;
}

void ff_client_reply_clean(ff_client_reply *reply)
{
    for (int i = 0; i < reply->count; i++)
        ff_tensor_clean(&reply->out[i]);
    ff_arena_free(reply->arena);
    *reply = (ff_client_reply){0};
}
