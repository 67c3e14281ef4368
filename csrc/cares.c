/* c-ares in the place of the C library's getaddrinfo, as PROTOCOL.md says. The library is the one
 * that the loader finds; what is known of it here is the ABI that its ares.h makes public. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "core.h"

#define MOST_SOCKETS 16
#define NO_SOCKET (-1)
#define SHORT_WAIT_MS 250
#define ARES_OPT_TIMEOUTMS (1 << 13)

enum {
    ARES_SUCCESS = 0,
    ARES_ENODATA = 1,
    ARES_ESERVFAIL = 3,
    ARES_ENOTFOUND = 4,
    ARES_ENOTIMP = 5,
    ARES_EBADNAME = 8,
    ARES_ECONNREFUSED = 11,
    ARES_ETIMEOUT = 12,
    ARES_ENOMEM = 15,
    ARES_ESERVICE = 25
};

struct ares_channel;

/* Later versions have more in it than earlier ones, and none as much as this. */
struct ares_options {
    int flags;
    int timeout;
    char more[1016];
};

struct ares_hints {
    int flags;
    int family;
    int socktype;
    int protocol;
};

struct ares_node {
    int ttl;
    int flags;
    int family;
    int socktype;
    int protocol;
    socklen_t addrlen;
    struct sockaddr *addr;
    struct ares_node *next;
};

struct ares_cname {
    int ttl;
    char *alias;
    char *name;
    struct ares_cname *next;
};

/* Later versions have more behind this. */
struct ares_addrinfo {
    struct ares_cname *cnames;
    struct ares_node *nodes;
};

typedef void (*ares_callback)(void *argument, int status, int timeouts, struct ares_addrinfo *found);

struct library {
    const char *(*version)(int *number);
    int (*library_init)(int flags);
    void (*library_cleanup)(void);
    int (*init_options)(struct ares_channel **channel, const struct ares_options *options,
                        int given);
    void (*destroy)(struct ares_channel *channel);
    void (*getaddrinfo)(struct ares_channel *channel, const char *name, const char *service,
                        const struct ares_hints *hints, ares_callback callback, void *argument);
    void (*freeaddrinfo)(struct ares_addrinfo *found);
    int (*getsock)(struct ares_channel *channel, int *sockets, int most);
    struct timeval *(*timeout)(struct ares_channel *channel, struct timeval *most,
                               struct timeval *space);
    void (*process_fd)(struct ares_channel *channel, int readable, int writable);
};

/* The library, loaded once for the process: 0, or -1 with the reason on standard error. */
static int load(struct library *library)
{
    const struct {
        const char *name;
        void *place; /* of a function pointer, as dlsym's manual page has it */
    } functions[] = {
        {"ares_version", &library->version},
        {"ares_library_init", &library->library_init},
        {"ares_library_cleanup", &library->library_cleanup},
        {"ares_init_options", &library->init_options},
        {"ares_destroy", &library->destroy},
        {"ares_getaddrinfo", &library->getaddrinfo},
        {"ares_freeaddrinfo", &library->freeaddrinfo},
        {"ares_getsock", &library->getsock},
        {"ares_timeout", &library->timeout},
        {"ares_process_fd", &library->process_fd},
    };
    void *handle = dlopen("libcares.so.2", RTLD_NOW);
    for (size_t i = 0; handle != NULL && i < sizeof functions / sizeof *functions; i++) {
        void *function = dlsym(handle, functions[i].name);
        if (function == NULL)
            handle = NULL;
        memcpy(functions[i].place, &function, sizeof function);
    }
    if (handle != NULL)
        return 0;
    fputs(dlerror(), stderr);
    fputs("\n", stderr);
    return -1;
}

const char *gai_version(void)
{
    struct library library;
    return load(&library) == 0 ? library.version(NULL) : NULL;
}

static int eai_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return 0;
    case ARES_ENODATA:
        return EAI_NODATA;
    case ARES_ENOTFOUND:
    case ARES_EBADNAME:
        return EAI_NONAME;
    case ARES_ESERVFAIL:
    case ARES_ECONNREFUSED:
    case ARES_ETIMEOUT:
        return EAI_AGAIN;
    case ARES_ENOTIMP: /* which it says of a family */
        return EAI_FAMILY;
    case ARES_ENOMEM:
        return EAI_MEMORY;
    case ARES_ESERVICE:
        return EAI_SERVICE;
    default:
        return EAI_FAIL;
    }
}

static int flags_of(int flags)
{
    static const struct {
        int theirs;
        int ours;
    } pairs[] = {
        {1 << 0, AI_CANONNAME}, {1 << 1, AI_NUMERICHOST}, {1 << 2, AI_PASSIVE},
        {1 << 3, AI_NUMERICSERV}, {1 << 4, AI_V4MAPPED}, {1 << 5, AI_ALL},
        {1 << 6, AI_ADDRCONFIG}, {1 << 7, GAI_NOSORT}, {1 << 10, AI_IDN},
        {1 << 13, AI_CANONIDN},
    };
    int found = 0;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (flags & pairs[i].ours)
            found |= pairs[i].theirs;
    return found;
}

struct answer {
    int has_come;
    int status;
    struct ares_addrinfo *found;
};

static void take(void *argument, int status, int timeouts, struct ares_addrinfo *found)
{
    (void)timeouts;
    *(struct answer *)argument = (struct answer){1, status, found};
}

static int is_stream(int fd)
{
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/* Waits for the servers once, and has the library take what came on one socket. Datagrams go
 * before streams: a reply over TCP follows one over UDP, and the order of replies counts. */
static void turn(const struct library *library, struct ares_channel *channel)
{
    int sockets[MOST_SOCKETS];
    struct pollfd polled[MOST_SOCKETS];
    nfds_t count = 0;
    const unsigned wanted = (unsigned)library->getsock(channel, sockets, MOST_SOCKETS);
    for (unsigned i = 0; i < MOST_SOCKETS; i++) {
        const short in = wanted >> i & 1u ? POLLIN : 0;
        const short out = wanted >> (i + MOST_SOCKETS) & 1u ? POLLOUT : 0;
        if (in || out)
            polled[count++] = (struct pollfd){.fd = sockets[i], .events = (short)(in | out)};
    }
    struct timeval space;
    const struct timeval *left = library->timeout(channel, NULL, &space);
    const int ms = left == NULL ? -1 : (int)(left->tv_sec * 1000 + (left->tv_usec + 999) / 1000);
    if (poll(polled, count, ms) < 0)
        return;
    const struct pollfd *ready = NULL;
    for (nfds_t i = 0; i < count; i++)
        if (polled[i].revents && (ready == NULL || is_stream(ready->fd)))
            ready = &polled[i];
    const int fd = ready == NULL ? NO_SOCKET : ready->fd;
    const short events = ready == NULL ? 0 : ready->revents;
    library->process_fd(channel, events & ~POLLOUT ? fd : NO_SOCKET,
                        events & POLLOUT ? fd : NO_SOCKET);
}

static struct answer ask(const struct library *library, const struct gai_query *query)
{
    const struct ares_hints hints = {
        flags_of(query->flags), query->family, query->socktype, query->protocol,
    };
    /* what stands for no hints, where one of ours has to go with them */
    const struct ares_hints unsorted = {.flags = flags_of(query->flags & GAI_NOSORT)};
    const struct ares_hints *none = unsorted.flags == 0 ? NULL : &unsorted;
    const struct ares_options options = {.timeout = SHORT_WAIT_MS};
    const int given = query->flags & GAI_SHORT_WAIT ? ARES_OPT_TIMEOUTMS : 0;
    struct ares_channel *channel = NULL;
    struct answer answer = {0};
    answer.status = library->library_init(0);
    if (answer.status == ARES_SUCCESS)
        answer.status = library->init_options(&channel, &options, given);
    if (answer.status != ARES_SUCCESS)
        return answer;
    library->getaddrinfo(channel, query->name, query->service, query->no_hints ? none : &hints,
                         take, &answer);
    while (!answer.has_come)
        turn(library, channel);
    library->destroy(channel);
    return answer;
}

/* The nodes as a list that the core packs, in one block of memory, or NULL without any; the first
 * entry has the end of the CNAME records, or of what stands for them, where a name is asked for. */
static struct addrinfo *listed(const struct ares_addrinfo *found, int named, int *status)
{
    size_t count = 0;
    for (const struct ares_node *node = found->nodes; node != NULL; node = node->next)
        count++;
    struct addrinfo *list = count == 0 ? NULL : calloc(count, sizeof *list);
    if (list == NULL) {
        *status = count == 0 ? ARES_SUCCESS : ARES_ENOMEM;
        return NULL;
    }
    struct addrinfo *entry = list;
    for (const struct ares_node *node = found->nodes; node != NULL; node = node->next, entry++)
        *entry = (struct addrinfo){
            .ai_flags = node->flags, .ai_family = node->family, .ai_socktype = node->socktype,
            .ai_protocol = node->protocol, .ai_addrlen = node->addrlen, .ai_addr = node->addr,
            .ai_next = node->next == NULL ? NULL : entry + 1,
        };
    for (const struct ares_cname *one = found->cnames; named && one != NULL; one = one->next)
        list->ai_canonname = one->name;
    return list;
}

int gai_lookup(const struct gai_query *query, struct gai_buffer *buffer)
{
    struct library library;
    struct gai_call call;
    if (load(&library) != 0 || gai_call_begin(&call, library.version(NULL), buffer) != 0)
        return -1;
    struct answer answer = ask(&library, query);
    struct addrinfo *list = NULL;
    if (answer.status == ARES_SUCCESS && answer.found != NULL)
        list = listed(answer.found, query->flags & AI_CANONNAME, &answer.status);
    gai_call_end(&call, eai_of(answer.status), answer.status, list, buffer);
    free(list);
    if (answer.found != NULL)
        library.freeaddrinfo(answer.found);
    library.library_cleanup();
    return 0;
}
