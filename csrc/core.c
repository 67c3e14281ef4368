/* One call of getaddrinfo, and its answer as a record of bytes; the contract is in core.h. */
#define _GNU_SOURCE
#include "core.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* version, EAI code, errno, elapsed, length of the resolver's version */
#define HEAD_SIZE (1u + 4u + 4u + 8u + 1u)
#define COUNT_SIZE 4u
/* family, socktype, protocol, flags, ai_addrlen, sa_family, port, scope id, address length */
#define ENTRY_SIZE (4u + 4u + 4u + 4u + 4u + 2u + 2u + 4u + 1u)
/* position, length */
#define NAME_SIZE (4u + 4u)

void gai_put16(uint8_t *to, uint16_t value)
{
    to[0] = (uint8_t)(value & 0xffu);
    to[1] = (uint8_t)(value >> 8);
}

void gai_put32(uint8_t *to, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

void gai_put64(uint8_t *to, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

uint32_t gai_get32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

int gai_buffer_reserve(struct gai_buffer *buffer, size_t extra)
{
    if (extra <= buffer->capacity - buffer->length)
        return 0;
    if (extra > SIZE_MAX / 2 - buffer->length)
        return -1;
    size_t wanted = buffer->length + extra;
    size_t capacity = buffer->capacity < 512 ? 512 : buffer->capacity;
    while (capacity < wanted)
        capacity *= 2;
    uint8_t *data = realloc(buffer->data, capacity);
    if (data == NULL)
        return -1;
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

void gai_buffer_free(struct gai_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct gai_buffer){0};
}

uint8_t *gai_buffer_grow(struct gai_buffer *buffer, size_t size)
{
    if (gai_buffer_reserve(buffer, size) != 0)
        return NULL;
    uint8_t *at = buffer->data + buffer->length;
    buffer->length += size;
    return at;
}

/* Never fails: the caller has reserved the room. Returns the offset of the entry count. */
static size_t put_head(struct gai_buffer *buffer, int32_t eai, int32_t error, uint64_t elapsed,
                       const char *version, size_t version_length)
{
    uint8_t *at = buffer->data + buffer->length;
    at[0] = GAI_RECORD_VERSION;
    gai_put32(at + 1, (uint32_t)eai);
    gai_put32(at + 5, (uint32_t)error);
    gai_put64(at + 9, elapsed);
    at[17] = (uint8_t)version_length;
    memcpy(at + HEAD_SIZE, version, version_length);
    gai_put32(at + HEAD_SIZE + version_length, 0);
    buffer->length += HEAD_SIZE + version_length + COUNT_SIZE;
    return buffer->length - COUNT_SIZE;
}

static int put_entry(struct gai_buffer *buffer, const struct addrinfo *entry)
{
    uint16_t port = 0, sa_family = 0;
    uint32_t scope = 0;
    const void *address = NULL;
    size_t length = 0;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (entry->ai_addr != NULL && entry->ai_addrlen >= offsetof(struct sockaddr, sa_data)) {
        sa_family_t own;
        memcpy(&own, (const char *)entry->ai_addr + offsetof(struct sockaddr, sa_family),
               sizeof own);
        sa_family = (uint16_t)own;
    }
    /* Copied out, because nothing promises that ai_addr is aligned for the larger types. */
    if (entry->ai_addr != NULL && entry->ai_family == AF_INET &&
        entry->ai_addrlen >= sizeof in) {
        memcpy(&in, entry->ai_addr, sizeof in);
        port = ntohs(in.sin_port);
        address = &in.sin_addr;
        length = sizeof in.sin_addr;
    } else if (entry->ai_addr != NULL && entry->ai_family == AF_INET6 &&
               entry->ai_addrlen >= sizeof in6) {
        memcpy(&in6, entry->ai_addr, sizeof in6);
        port = ntohs(in6.sin6_port);
        scope = in6.sin6_scope_id;
        address = &in6.sin6_addr;
        length = sizeof in6.sin6_addr;
    }

    uint8_t *at = gai_buffer_grow(buffer, ENTRY_SIZE + length);
    if (at == NULL)
        return -1;
    gai_put32(at, (uint32_t)entry->ai_family);
    gai_put32(at + 4, (uint32_t)entry->ai_socktype);
    gai_put32(at + 8, (uint32_t)entry->ai_protocol);
    gai_put32(at + 12, (uint32_t)entry->ai_flags);
    gai_put32(at + 16, (uint32_t)entry->ai_addrlen);
    gai_put16(at + 20, sa_family);
    gai_put16(at + 22, port);
    gai_put32(at + 24, scope);
    at[28] = (uint8_t)length;
    if (length > 0)
        memcpy(at + ENTRY_SIZE, address, length);
    return 0;
}

/* The canonical names behind the entries: how many, and whose each is. */
static int put_names(struct gai_buffer *buffer, const struct addrinfo *list)
{
    const size_t count_at = buffer->length;
    uint32_t count = 0, position = 0;
    if (gai_buffer_grow(buffer, COUNT_SIZE) == NULL)
        return -1;
    for (const struct addrinfo *entry = list; entry != NULL; entry = entry->ai_next, position++) {
        if (entry->ai_canonname == NULL)
            continue;
        size_t length = strlen(entry->ai_canonname);
        if (length > GAI_RECORD_MAX)
            return -1;
        uint8_t *at = gai_buffer_grow(buffer, NAME_SIZE + length);
        if (at == NULL)
            return -1;
        gai_put32(at, position);
        gai_put32(at + 4, (uint32_t)length);
        memcpy(at + NAME_SIZE, entry->ai_canonname, length);
        count++;
    }
    gai_put32(buffer->data + count_at, count);
    return 0;
}

static uint64_t nanoseconds(const struct timespec *from, const struct timespec *to)
{
    int64_t elapsed = ((int64_t)to->tv_sec - (int64_t)from->tv_sec) * 1000000000 +
                      ((int64_t)to->tv_nsec - (int64_t)from->tv_nsec);
    return elapsed < 0 ? 0 : (uint64_t)elapsed;
}

int gai_call_begin(struct gai_call *call, const char *version, struct gai_buffer *buffer)
{
    size_t length = strlen(version);
    *call = (struct gai_call){.version = version, .version_length = length > 255 ? 255 : length};
    /* Reserved before the call, so that "no memory" can always be reported as a record. */
    if (gai_buffer_reserve(buffer, HEAD_SIZE + call->version_length + COUNT_SIZE) != 0)
        return -1;
    clock_gettime(CLOCK_MONOTONIC, &call->start);
    return 0;
}

void gai_call_end(const struct gai_call *call, int32_t eai, int32_t error,
                  const struct addrinfo *list, struct gai_buffer *buffer)
{
    struct timespec end = {0};
    clock_gettime(CLOCK_MONOTONIC, &end);
    const uint64_t elapsed = nanoseconds(&call->start, &end);
    const size_t start = buffer->length;
    size_t count_at = put_head(buffer, eai, error, elapsed, call->version, call->version_length);
    if (eai != 0)
        return;

    uint32_t count = 0;
    int failed = 0;
    for (const struct addrinfo *entry = list; entry != NULL; entry = entry->ai_next) {
        if (put_entry(buffer, entry) != 0 || buffer->length - start > GAI_RECORD_MAX) {
            failed = 1;
            break;
        }
        count++;
    }
    failed = failed || put_names(buffer, list) != 0 || buffer->length - start > GAI_RECORD_MAX;
    if (failed) {
        buffer->length = start;
        put_head(buffer, EAI_MEMORY, ENOMEM, elapsed, call->version, call->version_length);
        return;
    }
    gai_put32(buffer->data + count_at, count);
}
