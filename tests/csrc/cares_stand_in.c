/* A libcares.so.2 that does what it is told by the name it is asked for: the ABI that csrc/cares.c
 * counts on, without any network. Addresses as numbers are answered at once; other names:
 *   says NUMBER    that status
 *   shows          an address whose entry has the arguments' numbers, and the options in its port
 *   nothing        success without an address
 *   waits          two addresses, once a timer has run out
 *   hears          two addresses: of the datagram, which is to be taken first, and of the stream */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct hints {
    int flags, family, socktype, protocol;
};

struct node {
    int ttl, flags, family, socktype, protocol;
    socklen_t addrlen;
    struct sockaddr *addr;
    struct node *next;
};

struct cname {
    int ttl;
    char *alias, *name;
    struct cname *next;
};

struct found {
    struct cname *cnames;
    struct node *nodes;
    char *name;
};

typedef void (*callback)(void *argument, int status, int timeouts, struct found *found);

struct channel {
    int wait_ms, timed, here[2], there[2]; /* a datagram and a stream, and their other ends */
    struct found *found;
    callback call;
    void *argument;
};

const char *ares_version(int *number)
{
    if (number != NULL)
        *number = 0x090807;
    return "9.8.7";
}

int ares_library_init(int flags)
{
    return flags;
}

void ares_library_cleanup(void)
{
}

int ares_init_options(struct channel **channel, const void *options, int given)
{
    *channel = calloc(1, sizeof **channel);
    if (*channel == NULL)
        return 15;
    for (int i = 0; i < 2; i++)
        (*channel)->here[i] = (*channel)->there[i] = -1;
    if (given == 1 << 13)
        memcpy(&(*channel)->wait_ms, (const char *)options + sizeof(int), sizeof(int));
    return 0;
}

static void hang_up(struct channel *channel, int i)
{
    close(channel->here[i]);
    close(channel->there[i]);
    channel->here[i] = -1;
}

void ares_destroy(struct channel *channel)
{
    for (int i = 0; i < 2; i++)
        if (channel->here[i] >= 0)
            hang_up(channel, i);
    free(channel);
}

void ares_freeaddrinfo(struct found *found)
{
    while (found->nodes != NULL) {
        struct node *next = found->nodes->next;
        free(found->nodes->addr);
        free(found->nodes);
        found->nodes = next;
    }
    while (found->cnames != NULL) {
        struct cname *next = found->cnames->next;
        free(found->cnames->name);
        free(found->cnames);
        found->cnames = next;
    }
    free(found);
}

static void name(struct found *found, const char *text)
{
    struct cname **at = &found->cnames;
    while (*at != NULL)
        at = &(*at)->next;
    *at = calloc(1, sizeof **at);
    (*at)->name = strdup(text);
}

static struct node *add(struct found *found, const char *address)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct node made = {.family = AF_INET, .addrlen = sizeof four};
    const void *socket = &four;
    if (inet_pton(AF_INET, address, &four.sin_addr) != 1) {
        if (inet_pton(AF_INET6, address, &six.sin6_addr) != 1)
            return NULL;
        made.family = AF_INET6;
        made.addrlen = sizeof six;
        socket = &six;
    }
    made.addr = malloc(made.addrlen);
    memcpy(made.addr, socket, made.addrlen);
    struct node **at = &found->nodes;
    while (*at != NULL)
        at = &(*at)->next;
    *at = malloc(sizeof made);
    **at = made;
    return *at;
}

static void tell(struct channel *channel, int status)
{
    struct found *found = channel->found;
    channel->found = NULL;
    if (status != 0) {
        ares_freeaddrinfo(found);
        found = NULL;
    }
    channel->call(channel->argument, status, 0, found);
}

void ares_getaddrinfo(struct channel *channel, const char *asked, const char *service,
                      const struct hints *hints, callback call, void *argument)
{
    static const struct hints none;
    const struct hints *given = hints == NULL ? &none : hints;
    struct found *found = channel->found = calloc(1, sizeof *found);
    channel->call = call;
    channel->argument = argument;
    name(found, "an.alias");
    name(found, "its.end");
    if (asked == NULL) {
        tell(channel, service == NULL ? 4 : 25);
    } else if (strncmp(asked, "says ", 5) == 0) {
        tell(channel, atoi(asked + 5));
    } else if (strcmp(asked, "shows") == 0) {
        struct node *node = add(found, hints == NULL ? "192.0.2.1" : "192.0.2.2");
        node->flags = given->flags;
        node->socktype = given->socktype;
        node->protocol = given->protocol;
        ((struct sockaddr_in *)node->addr)->sin_port = htons((uint16_t)channel->wait_ms);
        tell(channel, 0);
    } else if (strcmp(asked, "nothing") == 0) {
        tell(channel, 0);
    } else if (strcmp(asked, "waits") == 0) {
        channel->timed = 1;
    } else if (strcmp(asked, "hears") == 0) {
        const int kinds[2] = {SOCK_DGRAM, SOCK_STREAM};
        for (int i = 0; i < 2; i++) {
            int pair[2];
            if (socketpair(AF_UNIX, kinds[i], 0, pair) != 0 || write(pair[1], "x", 1) != 1)
                abort();
            channel->here[i] = pair[0];
            channel->there[i] = pair[1];
        }
    } else {
        tell(channel, add(found, asked) == NULL ? 4 : 0);
    }
}

/* The stream stands first, and has room to be written to as well. */
int ares_getsock(struct channel *channel, int *sockets, int most)
{
    unsigned wanted = 0, count = 0;
    for (int i = 1; i >= 0 && (int)count < most; i--)
        if (channel->here[i] >= 0) {
            wanted |= 1u << count | (i == 1 ? 1u << (count + 16) : 0);
            sockets[count++] = channel->here[i];
        }
    return (int)wanted;
}

struct timeval *ares_timeout(struct channel *channel, struct timeval *most, struct timeval *space)
{
    if (!channel->timed)
        return most;
    *space = (struct timeval){.tv_usec = 1500};
    return space;
}

void ares_process_fd(struct channel *channel, int readable, int writable)
{
    const char *addresses[2] = {"192.0.2.1", "192.0.2.2"};
    if (channel->timed && readable < 0 && writable < 0) {
        for (int i = 0; i < 2; i++)
            add(channel->found, addresses[i]);
        tell(channel, 0);
    }
    for (int i = 0; i < 2; i++)
        if (readable >= 0 && readable == channel->here[i]) {
            add(channel->found, addresses[i]);
            hang_up(channel, i);
            if (channel->here[0] < 0 && channel->here[1] < 0)
                tell(channel, 0);
        }
}
