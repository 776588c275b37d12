#include "cli/programs.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"

ff_code ff_cli_program(const char *dir, const char *name, char *path, ff_err *err)
{
    char self[PATH_MAX], beside[PATH_MAX];
    if (dir)
        return ff_path_join(dir, name, path, err);
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len < 0)
        return ff_err_errno(err, errno, "/proc/self/exe", "cannot find this program");
    self[len] = '\0';
    ff_code code = ff_path_dir(self, beside, err);
    return code ? code : ff_path_join(beside, name, path, err);
}

ff_code ff_cli_function_program(char *path, ff_err *err)
{
    const char *given = getenv("FANFOLD_FUNCTION_PROGRAM");
    if (given && *given)
        return ff_path_join("", given, path, err);
    return ff_cli_program(NULL, "fanfold-function", path, err);
}

ff_code ff_cli_ca_bundle(const char **path, ff_err *err)
{
    static const char *const KNOWN[] = {
        "/etc/ssl/certs/ca-certificates.crt", /* Debian */
        "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, Amazon Linux */
        "/etc/ssl/cert.pem",                  /* Alpine */
    };
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (ff_file_exists(KNOWN[i])) {
            *path = KNOWN[i];
            return FF_OK;
        }
    return ff_err_set(err, FF_NOT_FOUND,
                      "no file of certificate authorities found: name one with --ca-bundle");
}
