#include "profile/shipped.h"

#include <stdio.h>
#include <string.h>

const ff_shipped *ff_shipped_find(const char *kind, const char *name)
{
    for (int i = 0; i < FF_SHIPPED_COUNT; i++)
        if (!strcmp(FF_SHIPPED[i].kind, kind) && !strcmp(FF_SHIPPED[i].name, name))
            return &FF_SHIPPED[i];
    return NULL;
}

const char *ff_shipped_names(const char *kind, char *text, size_t size)
{
    size_t at = 0;
    text[0] = '\0';
    for (int i = 0; i < FF_SHIPPED_COUNT && at < size; i++)
        if (!strcmp(FF_SHIPPED[i].kind, kind))
            at +=
                (size_t)snprintf(text + at, size - at, "%s%s", at ? ", " : "", FF_SHIPPED[i].name);
    return text;
}
