/* The address dump, the link dump and the sources of UDP sockets, by the calls that glibc's
 * check_pf, check_native and getaddrinfo make for the same purposes. */
#define _GNU_SOURCE
#include "view.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Larger than any message of the kernel's dumps. */
#define MESSAGE_SIZE 65536u
#define HEAD_SIZE 8u
#define SEQUENCE 1u

/* An attribute's bytes inside a message, or none. */
struct part {
    const uint8_t *data;
    size_t length;
};

static int put_bytes(struct gai_buffer *buffer, struct part part)
{
    size_t length = part.length > 255 ? 255 : part.length;
    uint8_t *at = gai_buffer_grow(buffer, 1 + length);
    if (at == NULL)
        return -1;
    at[0] = (uint8_t)length;
    if (length > 0)
        memcpy(at + 1, part.data, length);
    return 0;
}

/* The attribute of a type in the rest of a message, after `fixed` bytes of its own header. */
static struct part attribute(const struct nlmsghdr *message, size_t fixed, unsigned type)
{
    struct part found = {NULL, 0};
    const uint8_t *at = (const uint8_t *)message;
    size_t end = message->nlmsg_len, from = NLMSG_HDRLEN + NLMSG_ALIGN(fixed);
    while (from + sizeof(struct rtattr) <= end) {
        struct rtattr head;
        memcpy(&head, at + from, sizeof head);
        if (head.rta_len < sizeof head || head.rta_len > end - from)
            break;
        if (head.rta_type == type) {
            found.data = at + from + RTA_LENGTH(0);
            found.length = head.rta_len - RTA_LENGTH(0);
        }
        from += RTA_ALIGN((size_t)head.rta_len);
    }
    return found;
}

static int put_address(const struct nlmsghdr *message, struct gai_buffer *buffer)
{
    struct ifaddrmsg fixed;
    memcpy(&fixed, (const uint8_t *)message + NLMSG_HDRLEN, sizeof fixed);
    uint32_t flags = fixed.ifa_flags;
    struct part wide = attribute(message, sizeof fixed, IFA_FLAGS);
    if (wide.length == sizeof flags)
        memcpy(&flags, wide.data, sizeof flags);
    uint8_t *at = gai_buffer_grow(buffer, 12);
    if (at == NULL)
        return -1;
    at[0] = fixed.ifa_family;
    at[1] = fixed.ifa_prefixlen;
    at[2] = fixed.ifa_flags;
    at[3] = fixed.ifa_scope;
    gai_put32(at + 4, fixed.ifa_index);
    gai_put32(at + 8, flags);
    if (put_bytes(buffer, attribute(message, sizeof fixed, IFA_ADDRESS)) != 0)
        return -1;
    return put_bytes(buffer, attribute(message, sizeof fixed, IFA_LOCAL));
}

static int put_link(const struct nlmsghdr *message, struct gai_buffer *buffer)
{
    struct ifinfomsg fixed;
    memcpy(&fixed, (const uint8_t *)message + NLMSG_HDRLEN, sizeof fixed);
    struct part text = attribute(message, sizeof fixed, IFLA_IFNAME);
    char name[IF_NAMESIZE] = {0}, again[IF_NAMESIZE] = {0};
    text.length = text.length > sizeof name ? sizeof name : text.length;
    text.length = text.length > 0 ? strnlen((const char *)text.data, text.length) : 0;
    if (text.length > 0 && text.length < sizeof name)
        memcpy(name, text.data, text.length);
    uint8_t *at = gai_buffer_grow(buffer, 14);
    if (at == NULL)
        return -1;
    gai_put32(at, (uint32_t)fixed.ifi_index);
    gai_put16(at + 4, fixed.ifi_type);
    gai_put32(at + 6, fixed.ifi_flags);
    gai_put32(at + 10, if_nametoindex(name));
    if (put_bytes(buffer, text) != 0)
        return -1;
    if (if_indextoname((unsigned)fixed.ifi_index, again) == NULL)
        again[0] = 0;
    return put_bytes(buffer, (struct part){(const uint8_t *)again, strlen(again)});
}

/* Takes the messages of one recvmsg: 1 at the dump's end, 0 for more to come, or -1 with errno. */
static int take(const uint8_t *data, size_t length, uint32_t pid, uint16_t wanted,
                struct gai_buffer *buffer, uint32_t *count)
{
    size_t at = 0;
    while (at + NLMSG_HDRLEN <= length) {
        /* the buffer is malloc's, and each message is aligned in it */
        const struct nlmsghdr *message = (const void *)(data + at);
        if (message->nlmsg_len < NLMSG_HDRLEN || message->nlmsg_len > length - at) {
            errno = EBADMSG;
            return -1;
        }
        /* glibc passes over what is not for it, and so would wait for ever */
        if (message->nlmsg_pid != pid || message->nlmsg_seq != SEQUENCE) {
            errno = EPROTO;
            return -1;
        }
        if (message->nlmsg_type == NLMSG_DONE)
            return 1;
        if (message->nlmsg_type == NLMSG_ERROR) {
            errno = EIO;
            return -1;
        }
        size_t fixed = wanted == RTM_NEWADDR ? sizeof(struct ifaddrmsg) : sizeof(struct ifinfomsg);
        if (message->nlmsg_type == wanted && message->nlmsg_len >= NLMSG_HDRLEN + fixed) {
            int failed = wanted == RTM_NEWADDR ? put_address(message, buffer)
                                               : put_link(message, buffer);
            if (failed) {
                errno = ENOMEM;
                return -1;
            }
            ++*count;
        }
        at += NLMSG_ALIGN((size_t)message->nlmsg_len);
    }
    return 0;
}

static int read_dump(int fd, uint32_t pid, uint8_t *data, uint16_t wanted,
                     struct gai_buffer *buffer, uint32_t *count)
{
    for (;;) {
        struct sockaddr_nl from;
        struct iovec part = {data, MESSAGE_SIZE};
        struct msghdr header;
        memset(&from, 0, sizeof from);
        memset(&header, 0, sizeof header);
        header.msg_name = &from;
        header.msg_namelen = sizeof from;
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        ssize_t n = recvmsg(fd, &header, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (header.msg_flags & MSG_TRUNC) {
            errno = EMSGSIZE;
            return -1;
        }
        if (from.nl_pid != 0)
            continue; /* not from the kernel */
        int end = take(data, (size_t)n, pid, wanted, buffer, count);
        if (end != 0)
            return end < 0 ? -1 : 0;
    }
}

/* A dump by RTM_GETADDR or RTM_GETLINK: 0, or -1 with errno. */
static int dump(uint16_t asked, uint16_t wanted, struct gai_buffer *buffer, uint32_t *count)
{
    struct {
        struct nlmsghdr head;
        struct rtgenmsg body;
        uint8_t padding[NLMSG_ALIGN(sizeof(struct rtgenmsg)) - sizeof(struct rtgenmsg)];
    } request;
    struct sockaddr_nl own;
    socklen_t size = sizeof own;
    int result = -1;
    uint8_t *data = malloc(MESSAGE_SIZE);
    if (data == NULL) {
        errno = ENOMEM;
        return -1;
    }
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    memset(&own, 0, sizeof own);
    own.nl_family = AF_NETLINK;
    if (fd >= 0 && bind(fd, (struct sockaddr *)&own, sizeof own) == 0 &&
        getsockname(fd, (struct sockaddr *)&own, &size) == 0) {
        uint32_t pid = own.nl_pid;
        memset(&request, 0, sizeof request);
        request.head.nlmsg_len = sizeof request;
        request.head.nlmsg_type = asked;
        request.head.nlmsg_flags = NLM_F_ROOT | NLM_F_MATCH | NLM_F_REQUEST;
        request.head.nlmsg_seq = SEQUENCE;
        request.body.rtgen_family = AF_UNSPEC;
        memset(&own, 0, sizeof own);
        own.nl_family = AF_NETLINK;
        if (sendto(fd, &request, sizeof request, 0, (struct sockaddr *)&own, sizeof own) >= 0)
            result = read_dump(fd, pid, data, wanted, buffer, count);
    }
    int error = errno;
    if (fd >= 0)
        close(fd);
    free(data);
    errno = error;
    return result;
}

/* One destination of a sources request, as a socket address; its size, or 0. */
static socklen_t destination(const uint8_t *data, size_t length, struct sockaddr_storage *to)
{
    memset(to, 0, sizeof *to);
    if (length == sizeof(struct in_addr)) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(9)};
        memcpy(&in.sin_addr, data, length);
        memcpy(to, &in, sizeof in);
        return sizeof in;
    }
    if (length == sizeof(struct in6_addr)) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
        memcpy(&in6.sin6_addr, data, length);
        in6.sin6_scope_id = gai_get32(data + length);
        memcpy(to, &in6, sizeof in6);
        return sizeof in6;
    }
    return 0;
}

/* Connects, and appends the source or the error: 0, or -1 without memory. */
static int put_source(int fd, const struct sockaddr_storage *to, socklen_t size, int used,
                      struct gai_buffer *buffer)
{
    struct sockaddr_storage source;
    socklen_t length = sizeof source;
    struct part address = {NULL, 0};
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    uint32_t scope = 0;
    int error = 0;
    memset(&source, 0, sizeof source);
    if (used) {
        struct sockaddr nothing = {.sa_family = AF_UNSPEC};
        connect(fd, &nothing, sizeof nothing);
    }
    if (connect(fd, (const struct sockaddr *)to, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&source, &length) != 0)
        error = errno;
    else if (source.ss_family == AF_INET) {
        memcpy(&in, &source, sizeof in);
        address = (struct part){(const uint8_t *)&in.sin_addr, sizeof in.sin_addr};
    } else if (source.ss_family == AF_INET6) {
        memcpy(&in6, &source, sizeof in6);
        address = (struct part){(const uint8_t *)&in6.sin6_addr, sizeof in6.sin6_addr};
        scope = in6.sin6_scope_id;
    }
    uint8_t *at = gai_buffer_grow(buffer, 12);
    if (at == NULL)
        return -1;
    gai_put32(at, (uint32_t)error);
    gai_put32(at + 4, error != 0 ? 0 : (uint32_t)source.ss_family);
    gai_put32(at + 8, scope);
    return put_bytes(buffer, address);
}

/* The sources of all destinations, from one socket: 0, -1 for a bad request, 1 without memory. */
static int put_sources(const uint8_t *request, size_t length, struct gai_buffer *buffer,
                       uint32_t *count, int32_t *error)
{
    if (length < 4)
        return -1;
    int status = 0;
    int fd = socket((int)gai_get32(request), SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_IP);
    if (fd < 0) {
        *error = errno;
        return 0;
    }
    for (size_t at = 4; at < length && status == 0; ++*count) {
        size_t size = request[at], whole = 1 + size + (size == sizeof(struct in6_addr) ? 4 : 0);
        struct sockaddr_storage to;
        socklen_t used = whole <= length - at ? destination(request + at + 1, size, &to) : 0;
        if (used == 0)
            status = -1;
        else if (put_source(fd, &to, used, *count > 0, buffer) != 0)
            status = 1;
        at += whole;
    }
    close(fd);
    return status;
}

int gai_view(const uint8_t *request, size_t length, struct gai_buffer *buffer)
{
    uint32_t count = 0;
    int32_t error = 0;
    int status = 0;
    const size_t start = buffer->length;
    if (length < 1 || (request[0] != GAI_VIEW_SOURCES && length != 1))
        return -1;
    if (gai_buffer_grow(buffer, HEAD_SIZE) == NULL)
        return 1;
    if (request[0] == GAI_VIEW_ADDRESSES)
        error = dump(RTM_GETADDR, RTM_NEWADDR, buffer, &count) == 0 ? 0 : errno;
    else if (request[0] == GAI_VIEW_LINKS)
        error = dump(RTM_GETLINK, RTM_NEWLINK, buffer, &count) == 0 ? 0 : errno;
    else if (request[0] == GAI_VIEW_SOURCES)
        status = put_sources(request + 1, length - 1, buffer, &count, &error);
    else
        return -1;
    if (status != 0)
        return status;
    if (error != 0) {
        buffer->length = start + HEAD_SIZE;
        count = 0;
    }
    gai_put32(buffer->data + start, (uint32_t)error);
    gai_put32(buffer->data + start + 4, count);
    return 0;
}
