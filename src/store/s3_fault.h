/*
 * What S3 says in XML when something went wrong, read from any bytes without building a tree.
 *
 *   <?xml ..?><Error><Code>NoSuchKey</Code><Message>..</Message><Resource>..</Resource>..</Error>
 *   <DeleteResult><Error><Key>..</Key><Code>..</Code><Message>..</Message></Error>..</DeleteResult>
 */
#ifndef FF_STORE_S3_FAULT_H
#define FF_STORE_S3_FAULT_H

#include <stdbool.h>

#include "base/buf.h"
#include "net/http.h"

typedef struct ff_s3_fault {
    char code[80]; /* "" where none was found */
    char message[400];
    char key[400]; /* of DeleteResult's errors */
} ff_s3_fault;

/* The next <Error> element from *at on; false where there is none. *at moves behind it. */
bool ff_s3_fault_next(ff_bytes xml, size_t *at, ff_s3_fault *out);
/* The error code for S3's answer: by its own code where that tells more than the status. */
ff_code ff_s3_fault_code(int status, const char *s3_code);
/* Fills err from a response of status 300 or more: "S3 said NoSuchKey (404) to GET key: ...". */
ff_code ff_s3_fault_set(const ff_http_response *response, const char *method, const char *key,
                        ff_err *err);
/* Appends text with XML's five characters escaped; control characters as references. */
ff_code ff_store_xml_escape(const char *text, ff_buf *xml, ff_err *err);

#endif
