/*
 * What the answers of AWS's services have in common: texts in XML, and what a status means.
 */
#ifndef FF_NET_AWS_ANSWER_H
#define FF_NET_AWS_ANSWER_H

#include <stddef.h>

#include "base/err.h"

/* len bytes of a peer's text into out, cut to size, control characters as blanks. Returns out. */
const char *ff_aws_text(const void *text, size_t len, char *out, size_t size);
/* The same for the text of an XML element: entities ("&lt;", "&#34;", "&#x22;") become what they
 * stand for. Code points over 127 come as they are, never as references. */
const char *ff_aws_xml_text(const void *xml, size_t len, char *out, size_t size);
/* The error code for a status that is no success, where a service says nothing more of it. */
ff_code ff_aws_status_code(int status);

#endif
