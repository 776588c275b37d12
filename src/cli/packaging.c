#include "cli/packaging.h"

#include "base/file.h"
#include "cli/programs.h"

ff_code ff_cli_packaging_read(const ff_args *args, ff_cli_packaging *out, ff_err *err)
{
    const char *runtime = ff_args_value(args, "runtime");
    ff_code code = runtime ? ff_cli_program(runtime, "fanfold-function", out->program, err)
                           : ff_cli_function_program(out->program, err);
    if (!code)
        code = ff_cli_program(runtime, "fanfold-bootstrap", out->bootstrap, err);
    if (!code && runtime)
        code = ff_path_join(runtime, "lib", out->libraries, err);
    out->dirs[0] = runtime ? out->libraries : NULL;
    out->dirs[1] = NULL;
    out->options = (ff_pack_options){.arch = ff_args_value(args, "arch"),
                                     .program = out->program,
                                     .bootstrap = out->bootstrap,
                                     .ca_bundle = ff_args_value(args, "ca-bundle"),
                                     .library_dirs = out->dirs};
    if (!code && !out->options.ca_bundle)
        code = ff_cli_ca_bundle(&out->options.ca_bundle, err);
    return code;
}
