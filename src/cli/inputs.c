#include "cli/inputs.h"

#include <string.h>
#include <strings.h>

#include "tensor/npy.h"

static bool is_picture(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot &&
           (!strcasecmp(dot, ".png") || !strcasecmp(dot, ".jpg") || !strcasecmp(dot, ".jpeg"));
}

static ff_code read_picture(const char *path, const char *name, const char *preprocess_json,
                            ff_tensor *out, ff_image *picture, ff_err *err)
{
    if (!preprocess_json)
        return ff_err_set(err, FF_USAGE,
                          "'%s' is a picture, but the bundle declares no preprocessing "
                          "(fanfold build --preprocess)",
                          path);
    yyjson_doc *doc = NULL;
    ff_preprocess p;
    ff_image image = {0};
    ff_code code = ff_json_parse(ff_bytes_of(preprocess_json, strlen(preprocess_json)), &doc, err);
    if (!code)
        code = ff_preprocess_parse(yyjson_doc_get_root(doc), &p, err);
    if (!code && p.input[0] && strcmp(p.input, name))
        code = ff_err_set(err, FF_USAGE, "preprocessing is declared for input '%s', not '%s'",
                          p.input, name);
    if (!code)
        code = ff_image_load(path, &image, err);
    if (!code)
        code = ff_preprocess_apply(&p, &image, out, err);
    yyjson_doc_free(doc);
    if (!code && picture) {
        ff_image_clean(picture);
        *picture = image;
    } else {
        ff_image_clean(&image);
    }
    return code;
}

/* Which input "[NAME=]path" is for. A file whose name holds '=' may be written "./a=b.npy". */
static int find_input(const char *text, const char *const *names, int count, const char **path)
{
    const char *equals = strchr(text, '=');
    const char *slash = strchr(text, '/');
    if (!equals || (slash && slash < equals)) {
        *path = text;
        return count == 1 ? 0 : -1;
    }
    *path = equals + 1;
    for (int i = 0; i < count; i++)
        if (strlen(names[i]) == (size_t)(equals - text) &&
            !memcmp(names[i], text, (size_t)(equals - text)))
            return i;
    return -1;
}

ff_code ff_cli_read_inputs(const ff_args *args, const char *const *names, int name_count,
                           const char *preprocess_json, ff_tensor out[FF_CLI_MAX_INPUTS],
                           int *count, ff_image *picture, ff_err *err)
{
    ff_tensor read[FF_CLI_MAX_INPUTS] = {{0}};
    ff_code code = FF_OK;
    const char *text = ff_args_value(args, "input");
    if (!text)
        return FF_OK;
    if (name_count > FF_CLI_MAX_INPUTS)
        return ff_err_set(err, FF_LIMIT, "%d inputs, at most %d", name_count, FF_CLI_MAX_INPUTS);
    for (int n = 0; !code && (text = ff_args_nth(args, "input", n)); n++) {
        const char *path = NULL;
        int i = find_input(text, names, name_count, &path);
        if (i < 0)
            code = ff_err_set(err, FF_USAGE,
                              "--input %s: wanted NAME=FILE with one of %d inputs ('%s', ...)",
                              text, name_count, names[0]);
        else if (read[i].data)
            code = ff_err_set(err, FF_USAGE, "--input: '%s' is given twice", names[i]);
        else if (is_picture(path))
            code = read_picture(path, names[i], preprocess_json, &read[i], picture, err);
        else
            code = ff_npy_read_file(path, &read[i], err);
    }
    for (int i = 0; !code && i < name_count; i++)
        if (!read[i].data)
            code = ff_err_set(err, FF_USAGE, "--input: none for '%s'", names[i]);
    for (int i = 0; i < name_count; i++) {
        if (code)
            ff_tensor_clean(&read[i]);
        else
            out[i] = read[i];
    }
    *count = code ? *count : name_count;
    return code;
}
