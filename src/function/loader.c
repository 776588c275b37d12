#include <string.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "function/function_int.h"

/* A file made for another CPU gives wrong answers without an error: refuse it here. */
static ff_code check_form(const ff_manifest *m, ff_err *err)
{
    struct utsname machine;
    if (!uname(&machine) && strcmp(machine.machine, m->arch) != 0)
        return ff_err_set(err, FF_UNSUPPORTED, "the bundle was built for %s, this machine is %s",
                          m->arch, machine.machine);
    if (!strcmp(m->form, "nchwc") && m->nchwc_block != ff_engine_nchwc_block())
        return ff_err_set(err, FF_UNSUPPORTED,
                          "the bundle's pieces are stored for CPUs of NCHWc block %d, this one "
                          "(%s) has %d: build it with the portable form",
                          m->nchwc_block, ff_engine_cpu(), ff_engine_nchwc_block());
    return FF_OK;
}

/* The model is small, and hashed; of the weights, mapped and perhaps never read whole, only that
 * they are there is checked (the engine checks that none lies behind their end). */
static ff_code check_files(const ff_manifest *m, const ff_mf_piece *piece, char *model, ff_err *err)
{
    char weights[4096], hex[FF_SHA256_HEX];
    uint64_t size = 0;
    ff_code code = ff_path_join(m->dir, piece->model, model, err);
    if (!code)
        code = ff_hash_sha256_file(model, hex, err);
    if (!code && strcmp(hex, piece->model_sha256) != 0)
        code = ff_err_at(err, FF_CHECKSUM, model, 0, "SHA-256: wanted %s, found %s",
                         piece->model_sha256, hex);
    if (code || !*piece->weights)
        return code;
    code = ff_path_join(m->dir, piece->weights, weights, err);
    if (!code)
        code = ff_file_size(weights, &size, err);
    if (!code && !size)
        code = ff_err_at(err, FF_FORMAT, weights, 0, "wanted weights, found an empty file");
    return code;
}

static int find_part(const ff_mf_part *parts, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(parts[i].name, name))
            return i;
    return -1;
}

/* The session's order of names, as numbers of parts. */
static ff_code match(const ff_session *s, const ff_mf_part *parts, int count, bool in, int **order,
                     ff_err *err)
{
    int found = in ? ff_session_in_count(s) : ff_session_out_count(s);
    if (found != count)
        return ff_err_set(err, FF_FORMAT, "the piece has %d %s, the manifest says %d", found,
                          in ? "inputs" : "outputs", count);
    *order = ff_mem_must_array((size_t)count, sizeof **order);
    for (int i = 0; i < count; i++) {
        const char *name = in ? ff_session_in_name(s, i) : ff_session_out_name(s, i);
        (*order)[i] = find_part(parts, count, name);
        if ((*order)[i] < 0)
            return ff_err_set(err, FF_FORMAT, "the piece's %s '%.100s' is not in the manifest",
                              in ? "input" : "output", name);
    }
    return FF_OK;
}

static void clean_tensors(ff_tensor *tensors, int count)
{
    for (int i = 0; i < count; i++)
        ff_tensor_clean(&tensors[i]);
    ff_mem_free(tensors);
}

static ff_code run_probe(const ff_loaded *loaded, ff_err *err)
{
    const ff_mf_piece *piece = loaded->piece;
    ff_tensor *in = ff_mem_must_array((size_t)piece->in_count, sizeof *in);
    ff_tensor *out = ff_mem_must_array((size_t)piece->out_count, sizeof *out);
    ff_code code = FF_OK;
    for (int i = 0; i < piece->in_count && !code; i++) {
        ff_shape shape = ff_region_shape(&piece->in[i].region);
        code = ff_tensor_new(piece->in[i].dtype, &shape, &in[i], err);
        if (!code)
            ff_manifest_probe_input(piece->probe.seed, i, &in[i]);
    }
    if (!code)
        code = ff_loaded_run(loaded, in, out, err);
    if (!code)
        code = ff_manifest_probe_check(piece, &out[piece->probe.output], err);
    clean_tensors(in, piece->in_count);
    clean_tensors(out, piece->out_count);
    return code;
}

ff_code ff_loaded_open(ff_loaded *loaded, const ff_function *f, const ff_mf_piece *piece,
                       bool probe, ff_err *err)
{
    char model[4096] = "";
    ff_session_options options = {.stored = true};
    loaded->piece = piece;
    ff_code code = check_form(f->manifest, err);
    if (!code)
        code = check_files(f->manifest, piece, model, err);
    if (!code)
        code = ff_session_open(f->engine, model, &options, &loaded->session, err);
    if (!code)
        code = match(loaded->session, piece->in, piece->in_count, true, &loaded->in_order, err);
    if (!code)
        code = match(loaded->session, piece->out, piece->out_count, false, &loaded->out_order, err);
    if (!code && probe && piece->probe.count) {
        code = run_probe(loaded, err);
        if (!code)
            ff_log(FF_LOG_INFO, "piece %s: its probe holds on %s", piece->model, ff_engine_cpu());
    }
    if (code) {
        ff_err_wrap(err, "piece %s", piece->model);
        ff_loaded_close(loaded);
    }
    return code;
}

void ff_loaded_close(ff_loaded *loaded)
{
    ff_session_close(loaded->session);
    ff_mem_free(loaded->in_order);
    ff_mem_free(loaded->out_order);
    *loaded = (ff_loaded){0};
}

static ff_code check_output(const ff_mf_part *part, const ff_tensor *t, ff_err *err)
{
    ff_shape shape = ff_region_shape(&part->region);
    char wanted[200], found[200];
    if (t->dtype == part->dtype && ff_shape_equal(&t->shape, &shape))
        return FF_OK;
    return ff_err_set(err, FF_INTERNAL, "the piece made '%.100s' as %s %s, the manifest says %s %s",
                      part->name, ff_dtype_name(t->dtype),
                      ff_shape_text(&t->shape, found, sizeof found), ff_dtype_name(part->dtype),
                      ff_shape_text(&shape, wanted, sizeof wanted));
}

ff_code ff_loaded_run(const ff_loaded *loaded, const ff_tensor *in, ff_tensor *out, ff_err *err)
{
    int in_count = loaded->piece->in_count, out_count = loaded->piece->out_count;
    ff_tensor *given = ff_mem_must_array((size_t)in_count, sizeof *given);
    ff_tensor *made = ff_mem_must_array((size_t)out_count, sizeof *made);
    for (int i = 0; i < in_count; i++)
        given[i] = in[loaded->in_order[i]];
    ff_code code = ff_session_run(loaded->session, given, in_count, made, out_count, err);
    for (int i = 0; i < out_count && !code; i++)
        code = check_output(&loaded->piece->out[loaded->out_order[i]], &made[i], err);
    for (int i = 0; i < out_count && !code; i++) {
        out[loaded->out_order[i]] = made[i];
        made[i] = (ff_tensor){0};
    }
    clean_tensors(made, out_count);
    ff_mem_free(given);
    return code;
}
