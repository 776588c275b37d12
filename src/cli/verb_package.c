#include <string.h>

#include "base/units.h"
#include "cli/cli.h"
#include "cli/packaging.h"
#include "deploy/package.h"

static const ff_flag FLAGS[] = {
    {"target", "T", "lambda-zip (a zip a function), or image (an OCI layout, an image a function)",
     false},
    {"output", "DIR", "the folder to write (-o)", false},
    FF_CLI_PACKAGING_FLAGS,
    {0},
};

static ff_code print(const ff_args *args, const ff_package *package, const char *dir, ff_err *err)
{
    bool image = !strcmp(package->target, "image");
    ff_buf out;
    ff_buf_init(&out, 0);
    ff_code code = FF_OK;
    if (args->json)
        code = ff_package_emit(package, &out, err);
    for (int i = 0; !code && !args->json && i < package->count; i++) {
        const ff_packaged *f = &package->function[i];
        char bytes[32], unpacked[32];
        code = ff_buf_printf(&out, err, "%s/%s  %s, %s unpacked\n", dir, image ? f->name : f->file,
                             ff_units_bytes(f->bytes, bytes, sizeof bytes),
                             ff_units_bytes(f->unpacked_bytes, unpacked, sizeof unpacked));
    }
    if (!code)
        code = ff_cli_print(&out, err);
    ff_buf_clean(&out);
    return code;
}

static ff_code run(const ff_args *args, ff_err *err)
{
    const char *target = NULL, *dir = NULL;
    ff_cli_packaging packaging;
    ff_manifest *manifest = NULL;
    ff_package package = {0};
    ff_code code = ff_args_required(args, "target", &target, err);
    bool image = !code && !strcmp(target, "image");
    if (!code && !image && strcmp(target, "lambda-zip") != 0)
        code =
            ff_err_set(err, FF_USAGE, "--target: wanted lambda-zip or image, found '%s'", target);
    if (!code)
        code = ff_args_required(args, "output", &dir, err);
    if (!code)
        code = ff_manifest_load(args->positional[0], &manifest, err);
    if (!code)
        code = ff_cli_packaging_read(args, &packaging, err);
    if (code) {
        ff_manifest_free(manifest);
        return code;
    }
    ff_arena *arena = ff_arena_new();
    code = (image ? ff_package_image : ff_package_zip)(manifest, &packaging.options, dir,
                                                       ff_cli_progress, NULL, arena, &package, err);
    ff_cli_progress_end();
    if (!code)
        code = print(args, &package, dir, err);
    ff_arena_free(arena);
    ff_manifest_free(manifest);
    return code;
}

const ff_verb ff_verb_package = {
    "package",
    "package BUNDLE --target lambda-zip|image -o DIR [--arch A] [--runtime DIR]",
    "write what a platform is given to run a bundle's functions",
    "Each package holds its function's pieces, fanfold-function, every library with the loader, "
    "and\n"
    "certificates: it needs nothing of the machine that it runs on but the kernel. Equal bundles\n"
    "give equal bytes. See docs/lambda.md.",
    FLAGS,
    1,
    1,
    run,
};
