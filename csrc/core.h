/* One look-up, packed into bytes. See PROTOCOL.md for the record. */
#ifndef GAI_CORE_H
#define GAI_CORE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define GAI_RECORD_VERSION 2u
/* A reply larger than this cannot come from an honest hosts file or DNS answer. */
#define GAI_RECORD_MAX (16u * 1024u * 1024u)

/* Flags of a query for c-ares, where netdb.h has none: to leave the order as found, and to wait for
 * each server for a quarter of a second at first. */
#define GAI_NOSORT 0x40000000
#define GAI_SHORT_WAIT 0x20000000

/* A growing byte string; {0} is an empty one. Free it with gai_buffer_free. */
struct gai_buffer {
    uint8_t *data;
    size_t length;
    size_t capacity;
};

/* The arguments of one call; name and service may be NULL, and so are the hints where none are
 * given. */
struct gai_query {
    const char *name;
    const char *service;
    int32_t family;
    int32_t socktype;
    int32_t protocol;
    int32_t flags;
    int no_hints;
};

/* The version of the resolver that is asked: the C library's (libc.c), or another's. NULL, with the
 * reason on standard error, where it is not there. */
const char *gai_version(void);

/* Asks it, and appends one record to the buffer: 0, or -1 when there is no memory even for an
 * error record (the buffer is then unchanged). When memory runs out later, the record says
 * EAI_MEMORY. */
int gai_lookup(const struct gai_query *query, struct gai_buffer *buffer);

struct addrinfo;

/* A call that is being made. */
struct gai_call {
    const char *version;
    size_t version_length;
    struct timespec start;
};

/* Before the call: makes room for an error record and takes the time. 0, or -1 without memory. */
int gai_call_begin(struct gai_call *call, const char *version, struct gai_buffer *buffer);
/* After it: appends the record of what it returned. `error` is errno where that has a meaning. */
void gai_call_end(const struct gai_call *call, int32_t eai, int32_t error,
                  const struct addrinfo *list, struct gai_buffer *buffer);

/* Makes room for `extra` more bytes: 0, or -1 without any change. */
int gai_buffer_reserve(struct gai_buffer *buffer, size_t extra);

/* The place of size further bytes, which count as part of it from now on; NULL without memory. */
uint8_t *gai_buffer_grow(struct gai_buffer *buffer, size_t size);
void gai_buffer_free(struct gai_buffer *buffer);

/* Little-endian stores and loads, independent of the machine's own order and alignment. */
void gai_put16(uint8_t *to, uint16_t value);
void gai_put32(uint8_t *to, uint32_t value);
void gai_put64(uint8_t *to, uint64_t value);
uint32_t gai_get32(const uint8_t *from);

#endif
