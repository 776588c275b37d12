/*
 * Running one piece: names to the session's order and back.
 */
#include <string.h>

#include "build/build_int.h"

void ff_build_clean_tensors(ff_tensor *tensors, int count)
{
    for (int i = 0; tensors != NULL && i < count; i++)
        ff_tensor_clean(&tensors[i]);
}

static int find_name(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static int find_out(const ff_session *session, const char *name)
{
    for (int i = 0; i < ff_session_out_count(session); i++)
        if (strcmp(ff_session_out_name(session, i), name) == 0)
            return i;
    return -1;
}

ff_code ff_build_run_session(ff_session *session, const char *const *in_names, const ff_tensor *in,
                             int in_count, const char *const *out_names, ff_tensor *out,
                             int out_count, ff_err *err)
{
    int ins = ff_session_in_count(session), outs = ff_session_out_count(session);
    ff_tensor *given = ff_mem_must_array((size_t)ins + 1, sizeof *given);
    ff_tensor *made = ff_mem_must_array((size_t)outs + 1, sizeof *made);
    ff_code code = FF_OK;
    for (int i = 0; i < ins && code == FF_OK; i++) {
        int at = find_name(in_names, in_count, ff_session_in_name(session, i));
        if (at < 0)
            code = ff_err_set(err, FF_FORMAT, "the model wants an input '%.128s' that is not given",
                              ff_session_in_name(session, i));
        else
            given[i] = in[at];
    }
    if (code == FF_OK)
        code = ff_session_run(session, given, ins, made, outs, err);
    for (int i = 0; i < out_count && code == FF_OK; i++) {
        int at = find_out(session, out_names[i]);
        if (at < 0)
            code = ff_err_set(err, FF_FORMAT, "the model has no output '%.128s'", out_names[i]);
    }
    for (int i = 0; i < out_count && code == FF_OK; i++) {
        int at = find_out(session, out_names[i]);
        out[i] = made[at];
        made[at] = (ff_tensor){0};
    }
    ff_build_clean_tensors(made, outs);
    ff_mem_free(made);
    ff_mem_free(given);
    return code;
}

ff_code ff_build_run(ff_engine *engine, const char *model, const ff_session_options *options,
                     const char *const *in_names, const ff_tensor *in, int in_count,
                     const char *const *out_names, ff_tensor *out, int out_count, ff_err *err)
{
    ff_session *session = NULL;
    ff_code code = ff_session_open(engine, model, options, &session, err);
    if (code == FF_OK)
        code =
            ff_build_run_session(session, in_names, in, in_count, out_names, out, out_count, err);
    ff_session_close(session);
    return code;
}
