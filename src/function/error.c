#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "function/function.h"

#define CATEGORY "Function."

const char *ff_function_error_type(ff_code code, char *text, size_t size)
{
    size_t at = (size_t)snprintf(text, size, CATEGORY);
    bool up = true;
    for (const char *c = ff_code_name(code); *c && at + 1 < size; c++) {
        if (*c == '_') {
            up = true;
            continue;
        }
        text[at++] = (char)(up ? *c : tolower((unsigned char)*c));
        up = false;
    }
    if (at < size)
        text[at] = '\0';
    return text;
}

ff_code ff_function_error_code(const char *type)
{
    char text[64];
    for (int code = FF_OK + 1; code < FF_CODE_COUNT; code++)
        if (!strcmp(ff_function_error_type((ff_code)code, text, sizeof text), type))
            return (ff_code)code;
    return FF_REMOTE;
}

ff_code ff_function_error_json(const ff_err *error, ff_buf *out, ff_err *err)
{
    char type[64], message[1400];
    ff_err_format(error, message, sizeof message);
    size_t before = out->len;
    ff_code code = ff_buf_text(out, "{\"errorMessage\":", err);
    if (!code)
        code = ff_json_quote(message, strlen(message), out, err);
    if (!code)
        code = ff_buf_printf(out, err, ",\"errorType\":\"%s\"}",
                             ff_function_error_type(error->code, type, sizeof type));
    if (code)
        out->len = before;
    return code;
}
