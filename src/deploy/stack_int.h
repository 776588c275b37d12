/*
 * Pieces of CloudFormation templates as JSON values.
 */
#ifndef FF_DEPLOY_STACK_INT_H
#define FF_DEPLOY_STACK_INT_H

#include "base/json.h"
#include "deploy/stack.h"

typedef yyjson_mut_val val;
typedef yyjson_mut_doc document;

/* {"Ref": id}, {"Fn::GetAtt": [id, attribute]}, {"Fn::Sub": text}; strings are copied. */
val *ff_cf_ref(document *d, const char *id);
val *ff_cf_att(document *d, const char *id, const char *attribute);
val *ff_cf_sub(document *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
val *ff_cf_text(document *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Adds {"Type": type, "Properties": {}} under id; returns the properties. */
val *ff_cf_resource(document *d, val *resources, const char *id, const char *type);
/* One statement of a policy; actions are separated by blanks. resources: an array, or one value. */
val *ff_cf_statement(document *d, const char *sid, const char *effect, const char *actions,
                     val *resources);
val *ff_cf_policy(document *d, val *statements);

#endif
