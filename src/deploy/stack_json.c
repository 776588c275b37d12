#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "deploy/stack_int.h"

#define MAX_TEXT 2048 /* names and prefixes are bounded far below it */

static val *text_of(document *d, const char *fmt, va_list args)
{
    char text[MAX_TEXT];
    vsnprintf(text, sizeof text, fmt, args);
    return yyjson_mut_strcpy(d, text);
}

val *ff_cf_text(document *d, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    val *text = text_of(d, fmt, args);
    va_end(args);
    return text;
}

static val *intrinsic(document *d, const char *name, val *argument)
{
    val *object = yyjson_mut_obj(d);
    yyjson_mut_obj_add_val(d, object, name, argument);
    return object;
}

val *ff_cf_sub(document *d, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    val *text = text_of(d, fmt, args);
    va_end(args);
    return intrinsic(d, "Fn::Sub", text);
}

val *ff_cf_ref(document *d, const char *id)
{
    return intrinsic(d, "Ref", yyjson_mut_strcpy(d, id));
}

val *ff_cf_att(document *d, const char *id, const char *attribute)
{
    val *list = yyjson_mut_arr(d);
    yyjson_mut_arr_add_strcpy(d, list, id);
    yyjson_mut_arr_add_strcpy(d, list, attribute);
    return intrinsic(d, "Fn::GetAtt", list);
}

val *ff_cf_resource(document *d, val *resources, const char *id, const char *type)
{
    val *resource = yyjson_mut_obj(d), *properties = yyjson_mut_obj(d);
    yyjson_mut_obj_add(resources, yyjson_mut_strcpy(d, id), resource);
    yyjson_mut_obj_add_str(d, resource, "Type", type);
    yyjson_mut_obj_add_val(d, resource, "Properties", properties);
    return properties;
}

val *ff_cf_statement(document *d, const char *sid, const char *effect, const char *actions,
                     val *resources)
{
    val *s = yyjson_mut_obj(d), *list = yyjson_mut_arr(d);
    for (const char *p = actions; *p;) {
        size_t len = strcspn(p, " ");
        yyjson_mut_arr_add_strncpy(d, list, p, len);
        p += len + (p[len] == ' ');
    }
    yyjson_mut_obj_add_strcpy(d, s, "Sid", sid);
    yyjson_mut_obj_add_str(d, s, "Effect", effect);
    yyjson_mut_obj_add_val(d, s, "Action", list);
    yyjson_mut_obj_add_val(d, s, "Resource", resources);
    return s;
}

val *ff_cf_policy(document *d, val *statements)
{
    val *policy = yyjson_mut_obj(d);
    yyjson_mut_obj_add_str(d, policy, "Version", "2012-10-17");
    yyjson_mut_obj_add_val(d, policy, "Statement", statements);
    return policy;
}
