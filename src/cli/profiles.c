#include "cli/profiles.h"

#include "base/file.h"
#include "profile/shipped.h"

/* The bytes of one or the other; they live as long as file. */
static ff_code read_profile(const char *kind, const char *named, ff_buf *file, ff_bytes *out,
                            ff_err *err)
{
    char names[400];
    const ff_shipped *shipped = ff_shipped_find(kind, named);
    ff_buf_init(file, 0);
    if (shipped) {
        *out = shipped->json;
        return FF_OK;
    }
    if (!ff_file_exists(named))
        return ff_err_set(err, FF_NOT_FOUND, "no %s profile '%.200s': wanted a file, or one of %s",
                          kind, named, ff_shipped_names(kind, names, sizeof names));
    ff_code code = ff_file_read(named, FF_MAX_PROFILE_BYTES, file, err);
    *out = ff_buf_view(file);
    return code;
}

ff_code ff_cli_network_profile(const char *named, ff_net_profile **out, ff_err *err)
{
    ff_buf file;
    ff_bytes json;
    ff_code code = read_profile("network", named, &file, &json, err);
    if (!code) {
        code = ff_net_profile_parse(json, out, err);
        ff_err_in_file(code ? err : NULL, named);
    }
    ff_buf_clean(&file);
    return code;
}

ff_code ff_cli_compute_profile(const char *named, ff_compute_profile **out, ff_err *err)
{
    ff_buf file;
    ff_bytes json;
    ff_code code = read_profile("compute", named, &file, &json, err);
    if (!code) {
        code = ff_compute_profile_parse(json, out, err);
        ff_err_in_file(code ? err : NULL, named);
    }
    ff_buf_clean(&file);
    return code;
}
