/* The C library's own getaddrinfo, whose record core.c packs. */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <string.h>
#ifdef __GLIBC__ /* any header of it says so */
#include <gnu/libc-version.h>
#endif

#include "core.h"

const char *gai_version(void)
{
#ifdef __GLIBC__
    return gnu_get_libc_version();
#else
    /* musl does not say what it is: who starts the worker gives it as argv[0]. */
    return program_invocation_name;
#endif
}

int gai_lookup(const struct gai_query *query, struct gai_buffer *buffer)
{
    struct addrinfo hints;
    memset(&hints, 0, sizeof hints);
    hints.ai_family = query->family;
    hints.ai_socktype = query->socktype;
    hints.ai_protocol = query->protocol;
    hints.ai_flags = query->flags;

    struct gai_call call;
    struct addrinfo *list = NULL;
    if (gai_call_begin(&call, gai_version(), buffer) != 0)
        return -1;
    errno = 0;
    int eai = getaddrinfo(query->name, query->service, query->no_hints ? NULL : &hints, &list);
    /* errno has a meaning only with EAI_SYSTEM; otherwise it is what some inner call left. */
    gai_call_end(&call, eai, eai == EAI_SYSTEM ? errno : 0, list, buffer);
    if (list != NULL)
        freeaddrinfo(list);
    return 0;
}
