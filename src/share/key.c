#include "share/key.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

#define NAME_CHARS   64
#define PREFIX_CHARS 200
#define CLIENT       "client"

static bool plain(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

/* Is part (of len bytes) plain text that names a folder entry? */
static bool is_part(const char *part, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!plain(part[i]))
            return false;
    return len > 0 && !(len == 1 && part[0] == '.') && !(len == 2 && !memcmp(part, "..", 2));
}

ff_code ff_key_check_request_id(const char *id, ff_err *err)
{
    size_t len = strlen(id);
    if (len > 64 || !is_part(id, len))
        return ff_err_set(err, FF_FORMAT,
                          "request id: wanted 1 to 64 of A-Za-z0-9-_., found '%.70s' (%zu)", id,
                          len);
    return FF_OK;
}

ff_code ff_key_check_timestamp(const char *timestamp, ff_err *err)
{
    static const char PATTERN[] = "0000-00-00_00h00m00s_UTC";
    bool ok = strlen(timestamp) == sizeof PATTERN - 1;
    for (size_t i = 0; ok && PATTERN[i]; i++)
        ok = PATTERN[i] == '0' ? isdigit((unsigned char)timestamp[i]) != 0
                               : timestamp[i] == PATTERN[i];
    if (!ok)
        return ff_err_set(err, FF_FORMAT, "timestamp: wanted %s, found '%.40s'", PATTERN,
                          timestamp);
    return FF_OK;
}

ff_code ff_key_check_prefix(const char *prefix, ff_err *err)
{
    bool ok = strlen(prefix) <= PREFIX_CHARS;
    for (const char *p = prefix; ok && *p;) {
        size_t len = strcspn(p, "/");
        ok = is_part(p, len) && (p[len] != '/' || p[len + 1]);
        p += len + (p[len] == '/');
    }
    if (!ok)
        return ff_err_set(err, FF_FORMAT,
                          "prefix: wanted at most %d bytes, parts of A-Za-z0-9-_. between '/', "
                          "found '%.220s'",
                          PREFIX_CHARS, prefix);
    return FF_OK;
}

static ff_code finish(int len, const char *text, char out[FF_KEY_TEXT], ff_err *err)
{
    if (len < 0 || len > (int)FF_MAX_KEY)
        return ff_err_set(err, FF_LIMIT, "an object key of %d bytes, at most %u", len, FF_MAX_KEY);
    memcpy(out, text, (size_t)len + 1);
    return FF_OK;
}

ff_code ff_key_deployment_folder(const char *prefix, const char *deployment, char out[FF_KEY_TEXT],
                                 ff_err *err)
{
    char text[FF_KEY_TEXT];
    int len = snprintf(text, sizeof text, "%s%s%s/", prefix, *prefix ? "/" : "", deployment);
    return finish(len, text, out, err);
}

ff_code ff_key_request_folder(const ff_key_place *place, char out[FF_KEY_TEXT], ff_err *err)
{
    char text[FF_KEY_TEXT];
    int len = snprintf(text, sizeof text, "%s%s%s/%s/%s/", place->prefix, *place->prefix ? "/" : "",
                       place->deployment, place->timestamp, place->request_id);
    return finish(len, text, out, err);
}

/* A tensor's name as part of a key. */
static void plain_name(const char *name, char out[NAME_CHARS + 16])
{
    size_t len = strlen(name);
    bool changed = len > NAME_CHARS;
    size_t kept = changed ? NAME_CHARS : len;
    for (size_t i = 0; i < kept; i++) {
        out[i] = plain(name[i]) ? name[i] : '_';
        changed = changed || out[i] != name[i];
    }
    out[kept] = '\0';
    if (changed)
        snprintf(out + kept, 16, "-%08x", ff_hash_crc32c(0, ff_bytes_of(name, len)));
}

ff_code ff_key_make(const ff_key_place *place, ff_direction direction, const char *name,
                    bool single, char out[FF_KEY_TEXT], ff_err *err)
{
    char folder[FF_KEY_TEXT], text[2 * FF_KEY_TEXT], part[NAME_CHARS + 16], stage[16];
    ff_code code = ff_key_request_folder(place, folder, err);
    if (code)
        return code;
    plain_name(name, part);
    snprintf(stage, sizeof stage, "%d", place->stage);
    int len =
        snprintf(text, sizeof text, "%s%s/%s/%s%s%s.npy", folder,
                 place->stage == FF_STAGE_CLIENT ? CLIENT : stage, place->function,
                 direction == FF_INPUT ? "input" : "output", single ? "" : ".", single ? "" : part);
    return finish(len, text, out, err);
}

ff_code ff_key_check_inside(const char *key, const char *folder, ff_err *err)
{
    size_t len = strlen(key), folder_len = strlen(folder);
    bool ok = len <= FF_MAX_KEY && !strncmp(key, folder, folder_len);
    for (const char *p = key; ok && p;) {
        size_t part = strcspn(p, "/");
        ok = is_part(p, part);
        p = p[part] ? p + part + 1 : NULL;
    }
    if (!ok)
        return ff_err_set(err, FF_DENIED, "key '%.200s' (%zu bytes) does not lie in '%.200s'", key,
                          len, folder);
    return FF_OK;
}

ff_code ff_key_check_client(const char *key, const char *folder, ff_err *err)
{
    ff_code code = ff_key_check_inside(key, folder, err);
    if (code)
        return code;
    const char *part = key + strlen(folder);
    for (int i = 0; i < 2; i++) /* past timestamp and request id */
        part += strcspn(part, "/") + (part[strcspn(part, "/")] == '/');
    if (strncmp(part, CLIENT "/", sizeof CLIENT) != 0)
        return ff_err_set(err, FF_DENIED,
                          "key '%.200s' is no client's: wanted "
                          "%.200s<timestamp>/<request-id>/" CLIENT "/...",
                          key, folder);
    return FF_OK;
}
