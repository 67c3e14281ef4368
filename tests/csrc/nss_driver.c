/* Calls the module's functions as glibc does, with every size of buffer from nothing up, at every
 * alignment, in memory of exactly that size, so that the address sanitizer sees a byte too many.
 * Arguments: "4" or "2" and "4|6", then the name, and the first size if not 0. Prints the answer
 * once it fits. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum nss_status _nss_gaiharness_gethostbyname4_r(const char *, struct gaih_addrtuple **, char *,
                                                 size_t, int *, int *, int32_t *);
enum nss_status _nss_gaiharness_gethostbyname3_r(const char *, int, struct hostent *, char *,
                                                 size_t, int *, int *, int32_t *, char **);
enum nss_status _nss_gaiharness_gethostbyname2_r(const char *, int, struct hostent *, char *,
                                                 size_t, int *, int *);

#define LARGEST 700000u

static void show(int family, const void *address, uint32_t scope)
{
    char text[INET6_ADDRSTRLEN];
    printf(" %s%%%u", inet_ntop(family, address, text, sizeof text), scope);
}

static enum nss_status four(const char *name, char *buffer, size_t size, int given, int print,
                            int *error, int *h_error)
{
    struct gaih_addrtuple brought = {0}, *list = given ? &brought : NULL;
    enum nss_status status =
        _nss_gaiharness_gethostbyname4_r(name, &list, buffer, size, error, h_error, NULL);
    if (status == NSS_STATUS_SUCCESS && given && list != &brought)
        abort();
    if (status == NSS_STATUS_SUCCESS && print) {
        printf("%s", list->name);
        for (; list != NULL; list = list->next)
            show(list->family, list->addr, list->scopeid);
    }
    return status;
}

static enum nss_status by_family(const char *name, int family, char *buffer, size_t size,
                                 int canon, int print, int *error, int *h_error)
{
    struct hostent host;
    char *canonical = NULL;
    enum nss_status status =
        canon ? _nss_gaiharness_gethostbyname3_r(name, family, &host, buffer, size, error,
                                                 h_error, NULL, &canonical)
              : _nss_gaiharness_gethostbyname2_r(name, family, &host, buffer, size, error,
                                                 h_error);
    if (status == NSS_STATUS_SUCCESS) {
        if (host.h_addrtype != family || host.h_aliases[0] != NULL)
            abort();
        if (canon && canonical != host.h_name)
            abort();
        if (print) {
            printf("%s", host.h_name);
            for (char **at = host.h_addr_list; *at != NULL; at++)
                show(family, *at, 0);
        }
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 5)
        return 2;
    size_t smallest = argc == 5 ? (size_t)atol(argv[4]) : 0;
    int first = dup(0);
    close(first);
    int family = strcmp(argv[2], "6") == 0 ? AF_INET6 : AF_INET;
    for (unsigned skip = 0; skip < 17; skip++) {
        for (int variant = 0; variant < 2; variant++) {
            /* every size up to 1100, then as scratch buffers grow */
            for (size_t size = smallest; size < LARGEST; size += size < 1100 ? 1 : size) {
                char *memory = malloc(skip + size + (skip + size == 0));
                int error = 0, h_error = 0, print = skip == 16 && variant == 1;
                enum nss_status status =
                    argv[1][0] == '4'
                        ? four(argv[3], memory + skip, size, variant, print, &error, &h_error)
                        : by_family(argv[3], family, memory + skip, size, variant, print, &error,
                                    &h_error);
                free(memory);
                if (status == NSS_STATUS_TRYAGAIN && error == ERANGE && h_error == NETDB_INTERNAL)
                    continue;
                if (print)
                    printf("\n%d %d %d\n", status, status == NSS_STATUS_SUCCESS ? 0 : error,
                           h_error);
                break;
            }
        }
    }
    return dup(0) == first ? 0 : 3; /* else a descriptor was left open */
}
