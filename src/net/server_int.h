/*
 * The server's own parts.
 */
#ifndef FF_NET_SERVER_INT_H
#define FF_NET_SERVER_INT_H

#include <microhttpd.h>

#include "net/server.h"

/* Takes the response, also on failure; 500 where it cannot be made. */
enum MHD_Result ff_server_send(struct MHD_Connection *connection, ff_server_response *response);

#endif
