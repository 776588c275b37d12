/*
 * The platform for tests that are scripts: functions "echo" and "slow" by prog_runtime, objects in
 * memory or in the folder given as the second argument. Prints one line of JSON, then runs until
 * its input ends.
 *
 *   prog_platform RUNTIME [DATA_DIR]
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "local/local.h"

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: prog_platform RUNTIME [DATA_DIR]\n");
        return 2;
    }
    const char *command[] = {argv[1], NULL};
    const ff_local_function functions[] = {
        {.name = "echo", .command = command, .dir = "/tmp"},
        {.name = "slow", .command = command, .dir = "/tmp", .timeout_ms = 1000},
    };
    const ff_local_options options = {
        .functions = functions, .function_count = 2, .data_dir = argc == 3 ? argv[2] : NULL};
    ff_local *local = NULL;
    ff_err err = {0};
    if (ff_local_start(&options, &local, &err)) {
        fprintf(stderr, "prog_platform: %s\n", err.message);
        return 1;
    }
    const ff_credentials *credentials = ff_local_credentials(local);
    printf("{\"port\":%d,\"endpoint\":\"%s\",\"region\":\"%s\",\"bucket\":\"%s\","
           "\"access_key\":\"%s\",\"secret_key\":\"%s\"}\n",
           ff_local_port(local), ff_local_endpoint(local), ff_local_region(local),
           ff_local_bucket(local), credentials->access_key, credentials->secret_key);
    fflush(stdout);
    char ignored[256];
    while (read(STDIN_FILENO, ignored, sizeof ignored) > 0)
        ;
    ff_local_stop(local);
    return 0;
}
