#include "base/out_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/units.h"

#define PARTIAL ".partial-"

ff_code ff_out_dir_find(const char *dir, const char *marker, const char *what, ff_out_dir *out,
                        ff_err *err)
{
    char path[PATH_MAX];
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/')
        len--;
    if (len == 0 || len + 32 >= sizeof out->dir)
        return ff_err_set(err, FF_LIMIT, "a %s's path has 1 to %d bytes, found %zu", what,
                          PATH_MAX - 33, len);
    memcpy(out->dir, dir, len);
    out->dir[len] = '\0';
    snprintf(out->temp, sizeof out->temp, "%s" PARTIAL "%d", out->dir, (int)getpid());
    ff_code code = ff_path_join(out->dir, marker, path, err);
    if (code)
        return code;
    out->replaces = ff_file_exists(path);
    if (!out->replaces && ff_file_exists(out->dir))
        return ff_err_at(err, FF_CONFLICT, out->dir, 0, "exists and is no %s (it has no %s)", what,
                         marker);
    return FF_OK;
}

static void remove_stale(const ff_out_dir *out)
{
    char parent[PATH_MAX], path[PATH_MAX], start[PATH_MAX];
    int len = snprintf(start, sizeof start, "%s" PARTIAL, ff_path_base(out->dir));
    DIR *folder = ff_path_dir(out->dir, parent, NULL) ? NULL : opendir(parent);
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
        int64_t pid = 0;
        if (!strncmp(entry->d_name, start, (size_t)len) &&
            !ff_units_parse_int(entry->d_name + len, 1, INT_MAX, &pid, NULL) &&
            kill((pid_t)pid, 0) != 0 && errno == ESRCH &&
            !ff_path_join(parent, entry->d_name, path, NULL))
            (void)ff_dir_remove(path, NULL);
    }
    if (folder)
        closedir(folder);
}

ff_code ff_out_dir_begin(const ff_out_dir *out, ff_err *err)
{
    remove_stale(out);
    return ff_dir_make(out->temp, err);
}

ff_code ff_out_dir_commit(const ff_out_dir *out, ff_err *err)
{
    if (out->replaces && renameat2(AT_FDCWD, out->temp, AT_FDCWD, out->dir, RENAME_EXCHANGE) == 0) {
        (void)ff_dir_remove(out->temp, NULL);
        return FF_OK;
    }
    if (out->replaces) { /* a file system that cannot exchange */
        ff_code code = ff_dir_remove(out->dir, err);
        if (code)
            return code;
    }
    return rename(out->temp, out->dir) == 0
               ? FF_OK
               : ff_err_errno(err, errno, out->dir, "cannot rename to");
}

void ff_out_dir_abort(const ff_out_dir *out)
{
    (void)ff_dir_remove(out->temp, NULL);
}
