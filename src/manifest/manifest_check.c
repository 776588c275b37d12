#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "manifest/manifest_int.h"

/* The whole tensors that exist between two stages. */
typedef struct alive {
    int count;
    const ff_mf_tensor *tensor[FF_MANIFEST_MAX_ALIVE];
} alive;

static int find(const alive *a, const char *name)
{
    for (int i = 0; i < a->count; i++)
        if (!strcmp(a->tensor[i]->name, name))
            return i;
    return -1;
}

static ff_code born(alive *a, const ff_mf_tensor *tensor, ff_err *err)
{
    if (find(a, tensor->name) >= 0)
        return ff_err_set(err, FF_FORMAT, "tensor '%s' is made twice", tensor->name);
    if (a->count == FF_MANIFEST_MAX_ALIVE)
        return ff_err_set(err, FF_LIMIT, "over %d tensors at a time", FF_MANIFEST_MAX_ALIVE);
    a->tensor[a->count++] = tensor;
    return FF_OK;
}

static bool is_alphabet(const char *name, size_t max)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '_')
            return false;
    return len >= 1 && len <= max;
}

ff_code ff_manifest_check_name(const char *deployment, ff_err *err)
{
    if (!is_alphabet(deployment, FF_MANIFEST_NAME_CHARS))
        return ff_err_set(err, FF_FORMAT,
                          "deployment name: wanted 1 to %d of A-Za-z0-9-_, found '%.60s' (%zu)",
                          FF_MANIFEST_NAME_CHARS, deployment, strlen(deployment));
    return FF_OK;
}

static bool is_sha256(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static ff_code check_head(const ff_manifest *m, ff_err *err)
{
    ff_code code = ff_manifest_check_name(m->deployment, err);
    if (code)
        return code;
    if (!is_sha256(m->model_sha256))
        return ff_err_set(err, FF_FORMAT, "model: sha256: wanted 64 hex digits, found '%s'",
                          m->model_sha256);
    bool portable = !strcmp(m->form, "portable");
    if (!portable && strcmp(m->form, "nchwc") != 0)
        return ff_err_set(err, FF_UNSUPPORTED, "form: wanted portable or nchwc, found '%s'",
                          m->form);
    if (portable && m->nchwc_block != 1)
        return ff_err_set(err, FF_FORMAT, "nchwc_block of the portable form: wanted 1, found %d",
                          m->nchwc_block);
    if (strcmp(m->functions[0], "master") != 0)
        return ff_err_set(err, FF_FORMAT, "the first function: wanted master, found '%s'",
                          m->functions[0]);
    for (int i = 0; i < m->function_count; i++) {
        if (!is_alphabet(m->functions[i], 20))
            return ff_err_set(err, FF_FORMAT,
                              "function name: wanted 1 to 20 of A-Za-z0-9-_, found '%s'",
                              m->functions[i]);
        if (ff_manifest_function(m, m->functions[i]) != i)
            return ff_err_set(err, FF_FORMAT, "function '%s' appears twice", m->functions[i]);
    }
    return FF_OK;
}

static ff_code check_part(const ff_mf_part *part, const ff_mf_tensor *whole, ff_err *err)
{
    if (part->dtype != whole->dtype)
        return ff_err_set(err, FF_FORMAT, "wanted %s as the whole tensor, found %s",
                          ff_dtype_name(whole->dtype), ff_dtype_name(part->dtype));
    return ff_region_check(&part->region, &whole->shape, err);
}

static const ff_mf_tensor *stage_output(const ff_mf_stage *stage, const char *name)
{
    for (int i = 0; i < stage->out_count; i++)
        if (!strcmp(stage->out[i].name, name))
            return &stage->out[i];
    return NULL;
}

/* Both directions of one piece: names known, told once each, regions inside. */
static ff_code check_parts(const ff_mf_part *parts, int count, const alive *a,
                           const ff_mf_stage *stage, ff_err *err)
{
    for (int i = 0; i < count; i++) {
        int at = a ? find(a, parts[i].name) : -1;
        const ff_mf_tensor *whole =
            a ? (at < 0 ? NULL : a->tensor[at]) : stage_output(stage, parts[i].name);
        const char *what = a ? "input" : "output";
        if (!whole)
            return ff_err_set(err, FF_FORMAT, "%s '%s': %s", what, parts[i].name,
                              a ? "no such tensor exists at this stage"
                                : "not among the stage's outputs");
        for (int k = 0; k < i; k++)
            if (!strcmp(parts[k].name, parts[i].name))
                return ff_err_set(err, FF_FORMAT, "%s '%s' appears twice", what, parts[i].name);
        ff_code code = check_part(&parts[i], whole, err);
        if (code)
            return ff_err_wrap(err, "%s '%s'", what, parts[i].name), code;
    }
    return FF_OK;
}

static ff_code check_probe(const ff_mf_piece *piece, ff_err *err)
{
    const ff_mf_probe *probe = &piece->probe;
    if (!probe->count)
        return FF_OK;
    if (probe->output >= piece->out_count)
        return ff_err_set(err, FF_FORMAT, "probe: output %d of %d", probe->output,
                          piece->out_count);
    ff_shape shape = ff_region_shape(&piece->out[probe->output].region);
    uint64_t elems = 0;
    ff_code code = ff_shape_elems(&shape, &elems, err);
    if (code)
        return code;
    if (probe->seed > INT64_MAX)
        return ff_err_set(err, FF_FORMAT, "probe: seed: wanted at most 2^63-1, found %llu",
                          (unsigned long long)probe->seed);
    if (!isfinite(probe->max_abs) || probe->max_abs < 0)
        return ff_err_set(err, FF_FORMAT, "probe: max_abs: wanted 0 or more, found %g",
                          probe->max_abs);
    for (int i = 0; i < probe->count; i++)
        if (probe->index[i] < 0 || (uint64_t)probe->index[i] >= elems)
            return ff_err_set(err, FF_FORMAT, "probe: index %lld of an output of %llu elements",
                              (long long)probe->index[i], (unsigned long long)elems);
    return FF_OK;
}

static ff_code check_piece(const ff_manifest *m, const ff_mf_stage *stage, const ff_mf_piece *piece,
                           const alive *a, bool *used, ff_err *err)
{
    bool own = stage->own && piece == &stage->piece[0] && stage->piece_count > 1;
    if ((stage->local || own) != (piece->function == 0))
        return ff_err_set(err, FF_FORMAT, "a stage of split '%s' on function '%s'", stage->split,
                          m->functions[piece->function]);
    if (piece->function && used[piece->function])
        return ff_err_set(err, FF_FORMAT, "function '%s' has two pieces",
                          m->functions[piece->function]);
    used[piece->function] = true;
    if (!ff_path_stays_inside(piece->model))
        return ff_err_set(err, FF_FORMAT, "model path '%.200s' leaves the bundle", piece->model);
    if (*piece->weights && !ff_path_stays_inside(piece->weights))
        return ff_err_set(err, FF_FORMAT, "weights path '%.200s' leaves the bundle",
                          piece->weights);
    if (!is_sha256(piece->model_sha256))
        return ff_err_set(err, FF_FORMAT, "model_sha256: wanted 64 hex digits, found '%s'",
                          piece->model_sha256);
    ff_code code = check_parts(piece->in, piece->in_count, a, NULL, err);
    if (!code)
        code = check_parts(piece->out, piece->out_count, NULL, stage, err);
    return code ? code : check_probe(piece, err);
}

static bool overlap(const ff_region *a, const ff_region *b)
{
    for (int i = 0; i < a->rank; i++)
        if (a->hi[i] <= b->lo[i] || b->hi[i] <= a->lo[i])
            return false;
    return true;
}

/* Volume of regions that lie inside an existing tensor. */
static uint64_t volume(const ff_region *region)
{
    uint64_t v = 1;
    for (int i = 0; i < region->rank; i++)
        v *= (uint64_t)(region->hi[i] - region->lo[i]);
    return v;
}

/* Every element of an output comes from one piece, or is the sum of several with equal regions. */
static ff_code check_cover(const ff_mf_stage *stage, const ff_mf_tensor *whole, ff_err *err)
{
    const ff_mf_part *seen[FF_MAX_TILES];
    int count = 0;
    uint64_t covered = 0, elems = 0;
    bool add = false;
    for (int p = 0; p < stage->piece_count; p++) {
        const ff_mf_piece *piece = &stage->piece[p];
        for (int i = 0; i < piece->out_count; i++) {
            const ff_mf_part *part = &piece->out[i];
            bool again = false;
            if (strcmp(part->name, whole->name) != 0)
                continue;
            if (count && part->add != add)
                return ff_err_set(err, FF_FORMAT, "output '%s': some parts add, some do not",
                                  whole->name);
            add = part->add;
            for (int k = 0; k < count && !again; k++) {
                again = add && ff_region_equal(&seen[k]->region, &part->region);
                if (!again && overlap(&seen[k]->region, &part->region))
                    return ff_err_set(err, FF_FORMAT, "output '%s': two parts overlap",
                                      whole->name);
            }
            if (again)
                continue;
            seen[count++] = part; /* one part a piece: names are unique within it */
            covered += volume(&part->region);
        }
    }
    ff_code code = ff_shape_elems(&whole->shape, &elems, err);
    if (!code && covered != elems)
        code = ff_err_set(err, FF_FORMAT, "output '%s': %llu of %llu elements are covered",
                          whole->name, (unsigned long long)covered, (unsigned long long)elems);
    return code;
}

static ff_code check_drops(const ff_manifest *m, const ff_mf_stage *stage, alive *a, ff_err *err)
{
    for (int i = 0; i < stage->drop_count; i++) {
        int at = find(a, stage->drop[i]);
        if (at < 0)
            return ff_err_set(err, FF_FORMAT, "drop: no tensor '%s' exists", stage->drop[i]);
        for (int k = 0; k < m->out_count; k++)
            if (!strcmp(m->out[k].name, stage->drop[i]))
                return ff_err_set(err, FF_FORMAT, "drop: '%s' is an output of the model",
                                  stage->drop[i]);
        a->tensor[at] = a->tensor[--a->count];
    }
    return FF_OK;
}

static ff_code check_stage(const ff_manifest *m, const ff_mf_stage *stage, alive *a, bool *used,
                           ff_err *err)
{
    ff_code code = FF_OK;
    if (stage->local != !strcmp(stage->split, "local"))
        return ff_err_set(err, FF_FORMAT, "split '%s' of a stage that is %slocal", stage->split,
                          stage->local ? "" : "not ");
    if (stage->local && stage->piece_count != 1)
        return ff_err_set(err, FF_FORMAT, "a local stage has one piece, found %d",
                          stage->piece_count);
    for (int p = 0; p < stage->piece_count && !code; p++) {
        code = check_piece(m, stage, &stage->piece[p], a, used, err);
        if (code)
            ff_err_wrap(err, "piece %d", p);
    }
    for (int i = 0; i < stage->out_count && !code; i++) {
        code = check_cover(stage, &stage->out[i], err);
        if (!code)
            code = born(a, &stage->out[i], err);
    }
    return code ? code : check_drops(m, stage, a, err);
}

static ff_code check_outputs(const ff_manifest *m, const alive *a, ff_err *err)
{
    for (int i = 0; i < m->out_count; i++) {
        int at = find(a, m->out[i].name);
        if (at < 0)
            return ff_err_set(err, FF_FORMAT, "outputs: no stage makes '%s'", m->out[i].name);
        if (a->tensor[at]->dtype != m->out[i].dtype ||
            !ff_shape_equal(&a->tensor[at]->shape, &m->out[i].shape))
            return ff_err_set(err, FF_FORMAT,
                              "outputs: '%s' differs in type or shape from what "
                              "its stage makes",
                              m->out[i].name);
        for (int k = 0; k < i; k++)
            if (!strcmp(m->out[k].name, m->out[i].name))
                return ff_err_set(err, FF_FORMAT, "outputs: '%s' appears twice", m->out[i].name);
    }
    return FF_OK;
}

ff_code ff_manifest_check(const ff_manifest *m, ff_err *err)
{
    bool used[FF_MAX_FUNCTIONS] = {false};
    ff_code code = check_head(m, err);
    if (code)
        return code;
    alive *a = ff_mem_must(sizeof *a);
    for (int i = 0; i < m->in_count && !code; i++) {
        code = born(a, &m->in[i], err);
        if (code)
            ff_err_wrap(err, "inputs %d", i);
    }
    for (int s = 0; s < m->stage_count && !code; s++) {
        code = check_stage(m, &m->stage[s], a, used, err);
        if (code)
            ff_err_wrap(err, "stage %d", s);
    }
    if (!code)
        code = check_outputs(m, a, err);
    ff_mem_free(a);
    return code;
}
