/* Sessions: loading a model and running it. */
#include <inttypes.h>
#include <onnxruntime_session_options_config_keys.h>
#include <string.h>

#include "engine/engine_int.h"

/* An input or output as the model declares it; dim -1 stands for any. */
typedef struct port {
    char *name;
    ff_dtype dtype;
    ff_shape shape; /* rank 0: a scalar, or a rank that is not declared */
} port;

struct ff_session {
    OrtSession *ort;
    OrtMemoryInfo *memory;
    int in_count;
    int out_count;
    port *in;
    port *out;
    const char **in_names; /* views into the ports */
    const char **out_names;
};

/* Numbered alike: ONNXTensorElementDataType and ff_dtype both follow TensorProto.DataType. */
_Static_assert((int)ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT == (int)FF_DTYPE_F32, "dtype");
_Static_assert((int)ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL == (int)FF_DTYPE_BOOL, "dtype");
_Static_assert((int)ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 == (int)FF_DTYPE_F16, "dtype");
_Static_assert((int)ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64 == (int)FF_DTYPE_U64, "dtype");
_Static_assert((int)ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16 == (int)FF_DTYPE_BF16, "dtype");

static ff_code read_tensor_info(const OrtTensorTypeAndShapeInfo *info, ff_dtype *dtype,
                                ff_shape *shape, ff_err *err)
{
    const OrtApi *ort = ff_ort();
    ONNXTensorElementDataType type;
    size_t rank;
    ff_code code =
        ff_ort_check(ort->GetTensorElementType(info, &type), FF_ORT_SETUP, "element type", err);
    if (!code)
        code = ff_ort_check(ort->GetDimensionsCount(info, &rank), FF_ORT_SETUP, "rank", err);
    if (code)
        return code;
    if (ff_dtype_bytes((ff_dtype)type) == 0)
        return ff_err_set(err, FF_UNSUPPORTED, "elements of type %s (%d) are not supported",
                          ff_dtype_name((ff_dtype)type), (int)type);
    if (rank > FF_MAX_RANK)
        return ff_err_set(err, FF_UNSUPPORTED, "rank %zu, at most %d is supported", rank,
                          FF_MAX_RANK);
    *dtype = (ff_dtype)type;
    shape->rank = (int)rank;
    return ff_ort_check(ort->GetDimensions(info, shape->dim, rank), FF_ORT_SETUP, "dimensions",
                        err);
}

static ff_code read_port(const OrtSession *session, size_t i, bool input, port *out, ff_err *err)
{
    const OrtApi *ort = ff_ort();
    OrtAllocator *allocator;
    OrtTypeInfo *type = NULL;
    const OrtTensorTypeAndShapeInfo *tensor = NULL;
    char *name;
    ff_code code = ff_ort_check(ort->GetAllocatorWithDefaultOptions(&allocator), FF_ORT_SETUP,
                                "allocator", err);
    if (!code)
        code = ff_ort_check(input ? ort->SessionGetInputName(session, i, allocator, &name)
                                  : ort->SessionGetOutputName(session, i, allocator, &name),
                            FF_ORT_SETUP, "name", err);
    if (code)
        return code;
    out->name = ff_mem_must_strdup(name);
    allocator->Free(allocator, name);
    code = ff_ort_check(input ? ort->SessionGetInputTypeInfo(session, i, &type)
                              : ort->SessionGetOutputTypeInfo(session, i, &type),
                        FF_ORT_SETUP, out->name, err);
    if (!code)
        code = ff_ort_check(ort->CastTypeInfoToTensorInfo(type, &tensor), FF_ORT_SETUP, out->name,
                            err);
    if (!code && !tensor)
        code = ff_err_set(err, FF_UNSUPPORTED, "it is no tensor");
    if (!code)
        code = read_tensor_info(tensor, &out->dtype, &out->shape, err);
    if (code)
        ff_err_wrap(err, "%s \"%s\"", input ? "input" : "output", out->name);
    ort->ReleaseTypeInfo(type);
    return code;
}

static ff_code read_ports(ff_session *session, bool input, ff_err *err)
{
    size_t count;
    ff_code code = ff_ort_check(input ? ff_ort()->SessionGetInputCount(session->ort, &count)
                                      : ff_ort()->SessionGetOutputCount(session->ort, &count),
                                FF_ORT_SETUP, "count", err);
    if (code)
        return code;
    port *ports = ff_mem_must_array(count ? count : 1, sizeof *ports);
    const char **names = ff_mem_must_array(count ? count : 1, sizeof *names);
    if (input) {
        session->in = ports;
        session->in_names = names;
        session->in_count = (int)count;
    } else {
        session->out = ports;
        session->out_names = names;
        session->out_count = (int)count;
    }
    for (size_t i = 0; i < count; i++) {
        code = read_port(session->ort, i, input, &ports[i], err);
        if (code)
            return code;
        names[i] = ports[i].name;
    }
    return FF_OK;
}

/* A stored model: nothing is optimised, and nothing that would copy its weights happens. */
static ff_code configure_stored(OrtSessionOptions *options, ff_err *err)
{
    static const ff_ort_entry entries[] = {
        {kOrtSessionOptionsConfigDisablePrepacking, "1"},
    };
    const OrtApi *ort = ff_ort();
    ff_code code = ff_ort_configure(options, entries, 1, err);
    if (!code)
        code = ff_ort_check(ort->SetSessionGraphOptimizationLevel(options, ORT_DISABLE_ALL),
                            FF_ORT_SETUP, "optimisation level", err);
    if (!code)
        code = ff_ort_check(ort->DisableMemPattern(options), FF_ORT_SETUP, "memory pattern", err);
    return code;
}

static ff_code make_options(const ff_engine *engine, const char *dir,
                            const ff_session_options *wanted, OrtSessionOptions **out, ff_err *err)
{
    OrtSessionOptions *options;
    ff_code code = ff_ort_options(engine, &options, err);
    if (code)
        return code;
    if (!wanted->plain) {
        static const ff_ort_entry no_spinning[] = {
            {kOrtSessionOptionsConfigAllowIntraOpSpinning, "0"},
            {kOrtSessionOptionsConfigAllowInterOpSpinning, "0"},
        };
        code = ff_ort_configure(options, no_spinning, 2, err);
    }
    if (!code && dir) {
        ff_ort_entry folder = {kOrtSessionOptionsModelExternalInitializersFileFolderPath, dir};
        code = ff_ort_configure(options, &folder, 1, err);
    }
    if (!code && wanted->stored)
        code = configure_stored(options, err);
    else if (!code && wanted->portable)
        code =
            ff_ort_check(ff_ort()->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_EXTENDED),
                         FF_ORT_SETUP, "optimisation level", err);
    if (code) {
        ff_ort()->ReleaseSessionOptions(options);
        return code;
    }
    *out = options;
    return FF_OK;
}

/* path or model, the other one empty. */
static ff_code open_session(ff_engine *engine, const char *path, ff_bytes model, const char *dir,
                            const ff_session_options *wanted, ff_session **out, ff_err *err)
{
    static const ff_session_options none = {0};
    const OrtApi *ort = ff_ort();
    OrtSessionOptions *options = NULL;
    ff_session *session = ff_mem_must(sizeof *session);
    ff_code code = make_options(engine, dir, wanted ? wanted : &none, &options, err);
    if (code)
        goto fail;
    code = ff_ort_check(path ? ort->CreateSession(engine->env, path, options, &session->ort)
                             : ort->CreateSessionFromArray(engine->env, model.data, model.len,
                                                           options, &session->ort),
                        FF_ORT_LOAD, "loading a model", err);
    if (code)
        goto fail;
    code = ff_ort_check(
        ort->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &session->memory),
        FF_ORT_SETUP, "memory info", err);
    if (!code)
        code = read_ports(session, true, err);
    if (!code)
        code = read_ports(session, false, err);
    if (code)
        goto fail;
    ort->ReleaseSessionOptions(options);
    *out = session;
    return FF_OK;
fail:
    ort->ReleaseSessionOptions(options);
    ff_session_close(session);
    return code;
}

ff_code ff_session_open(ff_engine *engine, const char *path, const ff_session_options *options,
                        ff_session **out, ff_err *err)
{
    ff_code code = open_session(engine, path, (ff_bytes){0}, NULL, options, out, err);
    if (code)
        ff_err_in_file(err, path);
    return code;
}

ff_code ff_session_open_bytes(ff_engine *engine, ff_bytes model, const char *dir,
                              const ff_session_options *options, ff_session **out, ff_err *err)
{
    if (model.len == 0)
        return ff_err_set(err, FF_FORMAT, "a model of 0 bytes");
    return open_session(engine, NULL, model, dir, options, out, err);
}

static void free_ports(port *ports, int count)
{
    for (int i = 0; i < count; i++)
        ff_mem_free(ports[i].name);
    ff_mem_free(ports);
}

void ff_session_close(ff_session *session)
{
    if (!session)
        return;
    ff_ort()->ReleaseMemoryInfo(session->memory);
    ff_ort()->ReleaseSession(session->ort);
    free_ports(session->in, session->in_count);
    free_ports(session->out, session->out_count);
    ff_mem_free(session->in_names);
    ff_mem_free(session->out_names);
    ff_mem_free(session);
}

int ff_session_in_count(const ff_session *session)
{
    return session->in_count;
}

int ff_session_out_count(const ff_session *session)
{
    return session->out_count;
}

const char *ff_session_in_name(const ff_session *session, int i)
{
    return session->in[i].name;
}

const char *ff_session_out_name(const ff_session *session, int i)
{
    return session->out[i].name;
}

static bool shape_fits(const ff_shape *declared, const ff_shape *found)
{
    if (declared->rank == 0) /* perhaps not declared: ONNX Runtime tells */
        return true;
    if (declared->rank != found->rank)
        return false;
    for (int i = 0; i < found->rank; i++)
        if (declared->dim[i] >= 0 && declared->dim[i] != found->dim[i])
            return false;
    return true;
}

static ff_code check_input(const port *declared, const ff_tensor *found, ff_err *err)
{
    size_t bytes;
    char wanted[200], given[200];
    if (declared->dtype != found->dtype || !shape_fits(&declared->shape, &found->shape))
        return ff_err_set(
            err, FF_FORMAT, "input \"%s\": %s %s wanted, found %s %s", declared->name,
            ff_dtype_name(declared->dtype), ff_shape_text(&declared->shape, wanted, sizeof wanted),
            ff_dtype_name(found->dtype), ff_shape_text(&found->shape, given, sizeof given));
    ff_code code = ff_shape_bytes(&found->shape, found->dtype, &bytes, err);
    if (!code && bytes != found->bytes)
        code = ff_err_set(err, FF_FORMAT, "input \"%s\": %zu bytes wanted, found %zu",
                          declared->name, bytes, found->bytes);
    return code;
}

static void release_value(void *owner)
{
    ff_ort()->ReleaseValue(owner);
}

/* Takes value, also on failure. */
static ff_code tensor_of(OrtValue *value, ff_tensor *out, ff_err *err)
{
    const OrtApi *ort = ff_ort();
    OrtTensorTypeAndShapeInfo *info = NULL;
    ff_tensor t = {.release = release_value, .owner = value};
    void *data = NULL;
    ff_code code = ff_ort_check(ort->GetTensorTypeAndShape(value, &info), FF_ORT_RUN, "type", err);
    if (!code)
        code = read_tensor_info(info, &t.dtype, &t.shape, err);
    if (!code)
        code = ff_shape_bytes(&t.shape, t.dtype, &t.bytes, err);
    if (!code)
        code = ff_ort_check(ort->GetTensorMutableData(value, &data), FF_ORT_RUN, "data", err);
    if (info)
        ort->ReleaseTensorTypeAndShapeInfo(info);
    if (code) {
        ort->ReleaseValue(value);
        return code;
    }
    t.data = data;
    *out = t;
    return FF_OK;
}

static ff_code make_values(const ff_session *session, const ff_tensor *in, OrtValue **values,
                           ff_err *err)
{
    static uint8_t nothing; /* ONNX Runtime wants an address for an empty tensor too */
    for (int i = 0; i < session->in_count; i++) {
        ff_code code = check_input(&session->in[i], &in[i], err);
        if (!code)
            code = ff_ort_check(ff_ort()->CreateTensorWithDataAsOrtValue(
                                    session->memory, in[i].data ? in[i].data : &nothing,
                                    in[i].bytes, in[i].shape.dim, (size_t)in[i].shape.rank,
                                    (ONNXTensorElementDataType)in[i].dtype, &values[i]),
                                FF_ORT_RUN, session->in[i].name, err);
        if (code)
            return code;
    }
    return FF_OK;
}

/* The values become tensors, all or none of them; values is emptied. */
static ff_code take_outputs(const ff_session *session, OrtValue **values, ff_tensor *out,
                            ff_err *err)
{
    ff_tensor *tensors = ff_mem_must_array((size_t)session->out_count + 1, sizeof *tensors);
    ff_code code = FF_OK;
    for (int i = 0; i < session->out_count && !code; i++) {
        code = tensor_of(values[i], &tensors[i], err);
        values[i] = NULL;
        if (code)
            ff_err_wrap(err, "output \"%s\"", session->out[i].name);
    }
    if (!code)
        memcpy(out, tensors, (size_t)session->out_count * sizeof *tensors);
    for (int i = 0; i < session->out_count && code; i++)
        ff_tensor_clean(&tensors[i]);
    ff_mem_free(tensors);
    return code;
}

static void release_values(OrtValue **values, int count)
{
    for (int i = 0; i < count; i++)
        if (values[i])
            ff_ort()->ReleaseValue(values[i]);
    ff_mem_free(values);
}

ff_code ff_session_run(ff_session *session, const ff_tensor *in, int in_count, ff_tensor *out,
                       int out_count, ff_err *err)
{
    if (in_count != session->in_count || out_count != session->out_count)
        return ff_err_set(err, FF_FORMAT, "%d inputs and %d outputs wanted, found %d and %d",
                          session->in_count, session->out_count, in_count, out_count);
    OrtValue **in_values = ff_mem_must_array((size_t)in_count + 1, sizeof(OrtValue *));
    OrtValue **out_values = ff_mem_must_array((size_t)out_count + 1, sizeof(OrtValue *));
    ff_code code = make_values(session, in, in_values, err);
    if (!code)
        code = ff_ort_check(ff_ort()->Run(session->ort, NULL, session->in_names,
                                          (const OrtValue *const *)in_values, (size_t)in_count,
                                          session->out_names, (size_t)out_count, out_values),
                            FF_ORT_RUN, "running a model", err);
    if (!code)
        code = take_outputs(session, out_values, out, err);
    release_values(in_values, in_count);
    release_values(out_values, out_count);
    return code;
}
