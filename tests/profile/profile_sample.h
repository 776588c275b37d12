/* What the tests of profiles share: the shipped files, and texts with one thing changed. */
#ifndef FF_TESTS_PROFILE_PROFILE_SAMPLE_H
#define FF_TESTS_PROFILE_PROFILE_SAMPLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "profile/compute.h"

/* The text of profiles/<name>, NUL-terminated behind its length. */
static inline ff_buf sample_text(const char *name)
{
    char path[4096];
    ff_err err = {0};
    ff_buf text;
    snprintf(path, sizeof path, FF_SOURCE_DIR "/profiles/%s", name);
    ff_buf_init(&text, 0);
    if (ff_file_read(path, FF_MAX_PROFILE_BYTES, &text, &err) ||
        ff_buf_append(&text, "", 1, &err)) {
        fprintf(stderr, "%s: %s\n", path, err.message);
        abort();
    }
    text.len--;
    return text;
}

/* profiles/network/<name>.json, which must parse. */
static inline ff_net_profile *sample_network(const char *name)
{
    char file[256];
    ff_err err = {0};
    ff_net_profile *p = NULL;
    snprintf(file, sizeof file, "network/%s.json", name);
    ff_buf text = sample_text(file);
    if (ff_net_profile_parse(ff_buf_view(&text), &p, &err)) {
        fprintf(stderr, "%s: %s\n", file, err.message);
        abort();
    }
    ff_buf_clean(&text);
    return p;
}

static inline ff_compute_profile *sample_compute(const char *name)
{
    char file[256];
    ff_err err = {0};
    ff_compute_profile *p = NULL;
    snprintf(file, sizeof file, "compute/%s.json", name);
    ff_buf text = sample_text(file);
    if (ff_compute_profile_parse(ff_buf_view(&text), &p, &err)) {
        fprintf(stderr, "%s: %s\n", file, err.message);
        abort();
    }
    ff_buf_clean(&text);
    return p;
}

/* text with the first `from` behind `anchor` replaced by `to`; the caller frees. */
static inline char *sample_replace(const char *text, const char *anchor, const char *from,
                                   const char *to)
{
    const char *begin = strstr(text, anchor);
    const char *at = begin ? strstr(begin, from) : NULL;
    if (!at) {
        fprintf(stderr, "no '%s' behind '%s'\n", from, anchor);
        abort();
    }
    size_t size = strlen(text) + strlen(to) + 1;
    char *out = malloc(size);
    if (!out)
        abort();
    snprintf(out, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

#endif
