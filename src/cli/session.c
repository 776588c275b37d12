#include "cli/session.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"

#define MAX_SESSION_BYTES 16384u

static ff_code folder(char out[PATH_MAX], ff_err *err)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR"), *home = getenv("HOME");
    if (runtime && *runtime)
        return ff_path_join(runtime, "fanfold", out, err);
    return ff_path_join(home && *home ? home : "/tmp", ".local/state/fanfold", out, err);
}

static ff_code session_path(char out[PATH_MAX], ff_err *err)
{
    char dir[PATH_MAX];
    ff_code code = folder(dir, err);
    return code ? code : ff_path_join(dir, "up.json", out, err);
}

ff_code ff_cli_session_write(const ff_cli_session *session, ff_err *err)
{
    char dir[PATH_MAX], path[PATH_MAX];
    ff_buf json;
    ff_buf_init(&json, MAX_SESSION_BYTES);
    ff_code code = folder(dir, err);
    if (!code)
        code = ff_dir_make(dir, err);
    if (!code)
        code = session_path(path, err);
    if (!code)
        code = ff_buf_printf(&json, err,
                             "{\"endpoint\": \"%s\", \"region\": \"%s\", \"deployment\": \"%s\",\n"
                             " \"access_key\": \"%s\", \"secret_key\": \"%s\", \"pid\": %d}\n",
                             session->endpoint, session->region, session->deployment,
                             session->credentials.access_key, session->credentials.secret_key,
                             session->pid);
    if (!code) {
        mode_t old = umask(077); /* it holds a secret */
        code = ff_file_write(path, ff_buf_view(&json), err);
        umask(old);
    }
    ff_buf_clean(&json);
    return code;
}

static ff_code copy_member(yyjson_val *root, const char *name, char *out, size_t size, ff_err *err)
{
    const char *text = NULL;
    ff_code code = ff_json_str(root, name, &text, err);
    if (!code && strlen(text) >= size)
        code = ff_err_set(err, FF_LIMIT, "member \"%s\": over %zu bytes", name, size - 1);
    if (!code)
        strcpy(out, text);
    return code;
}

ff_code ff_cli_session_read(ff_cli_session *out, ff_err *err)
{
    char path[PATH_MAX];
    ff_buf json;
    ff_buf_init(&json, 0);
    yyjson_doc *doc = NULL;
    ff_cli_session s = {0};
    ff_code code = session_path(path, err);
    if (!code)
        code = ff_file_read(path, MAX_SESSION_BYTES, &json, err);
    if (!code)
        code = ff_json_parse(ff_buf_view(&json), &doc, err);
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (!code)
        code = copy_member(root, "endpoint", s.endpoint, sizeof s.endpoint, err);
    if (!code)
        code = copy_member(root, "region", s.region, sizeof s.region, err);
    if (!code)
        code = copy_member(root, "deployment", s.deployment, sizeof s.deployment, err);
    if (!code)
        code = copy_member(root, "access_key", s.credentials.access_key,
                           sizeof s.credentials.access_key, err);
    if (!code)
        code = copy_member(root, "secret_key", s.credentials.secret_key,
                           sizeof s.credentials.secret_key, err);
    int64_t pid = 0;
    if (!code)
        code = ff_json_int(root, "pid", 1, INT_MAX, &pid, err);
    s.pid = (int)pid;
    if (code)
        ff_err_in_file(err, path);
    else
        *out = s;
    yyjson_doc_free(doc);
    ff_buf_clean(&json);
    return code;
}

ff_code ff_cli_session_check(const ff_cli_session *session, ff_err *err)
{
    if (kill(session->pid, 0) && errno == ESRCH)
        return ff_err_set(err, FF_UNAVAILABLE, "fanfold up (pid %d) is gone", session->pid);
    return FF_OK;
}

void ff_cli_session_remove(const char *endpoint)
{
    char path[PATH_MAX];
    ff_cli_session s;
    if (!ff_cli_session_read(&s, NULL) && !strcmp(s.endpoint, endpoint) &&
        !session_path(path, NULL))
        unlink(path);
}
