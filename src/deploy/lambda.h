/*
 * Deploying to AWS Lambda, and taking it away again.
 */
#ifndef FF_DEPLOY_LAMBDA_H
#define FF_DEPLOY_LAMBDA_H

#include "deploy/cloud.h"
#include "deploy/stack.h"

/* A line for people about each step. */
typedef void (*ff_lambda_progress)(void *user, const char *what);

/* Uploads what is not in the bucket yet, creates or updates the stack, waits. packages: the folder
 * of the stack's zips. out: the stack as it stands then.
 *
 * FF_CONFLICT: the stack is another's, or in a state that nothing can be made of (undeploy it);
 * FF_BUSY: it is being changed; FF_REMOTE: CloudFormation failed and rolled back: the resource and
 * its reason are named; FF_DENIED, FF_NOT_FOUND (the bucket), FF_TIMEOUT. */
ff_code ff_lambda_deploy(ff_cloud *cloud, const ff_stack *stack, const char *packages,
                         ff_lambda_progress progress, void *user, ff_cloud_stack *out, ff_err *err);

/* Removes the stack, its code and what requests left; a bucket that is not the stack's own keeps
 * all else, and loses only our rule and our statement. FF_NOT_FOUND where there is no such stack;
 * FF_CONFLICT where it is not ours. *objects: how many were removed. */
ff_code ff_lambda_undeploy(ff_cloud *cloud, const char *stack, ff_lambda_progress progress,
                           void *user, int *objects, ff_err *err);

#endif
