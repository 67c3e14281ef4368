/* libnss_gaiharness.so.2, the name service module "gaiharness": hands glibc the addresses of a
 * name exactly as a file lists them, scope ids included, which neither a hosts file nor DNS can
 * carry. See NSS.md. Nothing is kept between two calls. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nss.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef GAI_NAMES_FILE
#define GAI_NAMES_FILE "/etc/gaiharness.names"
#endif
#define EXPORTED __attribute__((visibility("default")))
/* A name of 253 characters, an address and a scope id fit. */
#define LINE_SIZE 512u

/* The interface that glibc's loader looks for: one function per call of a hosts service. */
enum nss_status _nss_gaiharness_gethostbyname4_r(const char *name, struct gaih_addrtuple **pat,
                                                 char *buffer, size_t size, int *errnop,
                                                 int *h_errnop, int32_t *ttlp);
enum nss_status _nss_gaiharness_gethostbyname3_r(const char *name, int family,
                                                 struct hostent *host, char *buffer, size_t size,
                                                 int *errnop, int *h_errnop, int32_t *ttlp,
                                                 char **canonp);
enum nss_status _nss_gaiharness_gethostbyname2_r(const char *name, int family,
                                                 struct hostent *host, char *buffer, size_t size,
                                                 int *errnop, int *h_errnop);

/* Where to put what was found: the caller's buffer, used from its front. */
struct room {
    char *at;
    size_t left;
};

struct reader {
    int fd;
    size_t at, end;
    char data[4096];
};

/* One line of the file that was asked for. */
struct entry {
    int family;
    uint32_t scope;
    unsigned char address[sizeof(struct in6_addr)];
};

enum found { FOUND, NO_MORE, FAILED };

static void *take(struct room *room, size_t size, size_t alignment)
{
    size_t skip = (alignment - (uintptr_t)room->at % alignment) % alignment;
    if (room->left < skip || room->left - skip < size)
        return NULL;
    void *taken = room->at + skip;
    room->at += skip + size;
    room->left -= skip + size;
    return taken;
}

static char *take_text(struct room *room, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = take(room, size, 1);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

/* The next byte; -1 at the end of the file, -2 with errno set on an error. */
static int next_byte(struct reader *reader)
{
    while (reader->at == reader->end) {
        ssize_t n = read(reader->fd, reader->data, sizeof reader->data);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? -1 : -2;
        reader->at = 0;
        reader->end = (size_t)n;
    }
    return (unsigned char)reader->data[reader->at++];
}

/* One line without its end. A line too long, with a NUL or cut off is an error, not skipped:
 * only a fault of who wrote the file makes one, and a wrong answer would hide it. */
static enum found next_line(struct reader *reader, char line[LINE_SIZE])
{
    size_t length = 0;
    for (;;) {
        int c = next_byte(reader);
        if (c == -1 && length == 0)
            return NO_MORE;
        if (c == '\n') {
            line[length] = 0;
            return FOUND;
        }
        if (c < 0 || c == 0 || length + 1 == LINE_SIZE) {
            if (c != -2)
                errno = EBADMSG;
            return FAILED;
        }
        line[length++] = (char)c;
    }
}

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* Names are compared by ASCII, whatever the locale. */
static int same_name(const char *a, const char *b)
{
    while (*a != 0 && lower((unsigned char)*a) == lower((unsigned char)*b))
        a++, b++;
    return *a == *b;
}

static int parse_scope(const char *text, uint32_t *scope)
{
    uint64_t value = 0;
    if (*text == 0)
        return -1;
    for (; *text != 0; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        value = value * 10 + (uint64_t)(*text - '0');
        if (value > UINT32_MAX)
            return -1;
    }
    *scope = (uint32_t)value;
    return 0;
}

/* Splits "ADDRESS[%SCOPE] NAME" in place and returns the name, or NULL. */
static const char *parse_line(char *line, struct entry *entry)
{
    char *name = strchr(line, ' ');
    if (name == NULL || name[1] == 0)
        return NULL;
    *name++ = 0;
    memset(entry, 0, sizeof *entry);
    char *scope = strchr(line, '%');
    if (scope != NULL) {
        *scope++ = 0;
        if (parse_scope(scope, &entry->scope) != 0)
            return NULL;
    }
    entry->family = strchr(line, ':') != NULL ? AF_INET6 : AF_INET;
    if (entry->family == AF_INET && scope != NULL)
        return NULL;
    return inet_pton(entry->family, line, entry->address) == 1 ? name : NULL;
}

/* The next entry of a name. */
static enum found next_entry(struct reader *reader, const char *name, struct entry *entry)
{
    char line[LINE_SIZE];
    for (;;) {
        enum found found = next_line(reader, line);
        if (found != FOUND)
            return found;
        const char *whose = parse_line(line, entry);
        if (whose == NULL) {
            errno = EBADMSG;
            return FAILED;
        }
        if (same_name(whose, name))
            return FOUND;
    }
}

static int open_names(struct reader *reader)
{
    reader->at = reader->end = 0;
    reader->fd = open(GAI_NAMES_FILE, O_RDONLY | O_CLOEXEC);
    return reader->fd < 0 ? -1 : 0;
}

static enum nss_status too_small(int *errnop, int *h_errnop)
{
    *errnop = ERANGE;
    *h_errnop = NETDB_INTERNAL;
    return NSS_STATUS_TRYAGAIN;
}

static enum nss_status unavailable(int error, int *errnop, int *h_errnop)
{
    *errnop = error;
    *h_errnop = NETDB_INTERNAL;
    return NSS_STATUS_UNAVAIL;
}

static enum nss_status not_found(int known, int *errnop, int *h_errnop)
{
    *errnop = ENOENT;
    *h_errnop = known ? NO_DATA : HOST_NOT_FOUND;
    return NSS_STATUS_NOTFOUND;
}

static enum nss_status found_it(int *h_errnop)
{
    *h_errnop = NETDB_SUCCESS;
    return NSS_STATUS_SUCCESS;
}

/* All entries of a name as a list in the buffer. Returns how the reading ended; *full tells
 * that the buffer did. */
static enum found list_tuples(struct reader *reader, const char *name, struct room *room,
                              struct gaih_addrtuple **first, int *full)
{
    struct gaih_addrtuple **link = first;
    struct entry entry;
    enum found found;
    char *own = take_text(room, name);
    if (own == NULL) {
        *full = 1;
        return NO_MORE;
    }
    while ((found = next_entry(reader, name, &entry)) == FOUND) {
        struct gaih_addrtuple *tuple = take(room, sizeof *tuple, _Alignof(struct gaih_addrtuple));
        if (tuple == NULL) {
            *full = 1;
            return NO_MORE;
        }
        memset(tuple, 0, sizeof *tuple);
        tuple->name = own;
        tuple->family = entry.family;
        tuple->scopeid = entry.scope;
        memcpy(tuple->addr, entry.address, sizeof tuple->addr);
        *link = tuple;
        link = &tuple->next;
    }
    return found;
}

EXPORTED enum nss_status _nss_gaiharness_gethostbyname4_r(const char *name,
                                                          struct gaih_addrtuple **pat,
                                                          char *buffer, size_t size, int *errnop,
                                                          int *h_errnop, int32_t *ttlp)
{
    struct reader reader;
    struct room room = {buffer, size};
    struct gaih_addrtuple *first = NULL;
    int full = 0;
    if (open_names(&reader) != 0)
        return unavailable(errno, errnop, h_errnop);
    enum found found = list_tuples(&reader, name, &room, &first, &full);
    int error = errno;
    close(reader.fd);
    if (found == FAILED)
        return unavailable(error, errnop, h_errnop);
    if (full)
        return too_small(errnop, h_errnop);
    if (first == NULL)
        return not_found(0, errnop, h_errnop);
    /* A caller that brings a first tuple wants that one filled: nscd does, and getaddrinfo
     * did up to 2.35. */
    if (*pat != NULL)
        **pat = *first;
    else
        *pat = first;
    if (ttlp != NULL)
        *ttlp = 0;
    return found_it(h_errnop);
}

/* The addresses of one family, one after another from *addresses on. *known tells whether the
 * name has any entry. */
static enum found list_addresses(struct reader *reader, const char *name, int family,
                                 struct room *room, char **addresses, size_t *count, int *known,
                                 int *full)
{
    const size_t length = family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
    struct entry entry;
    enum found found;
    while ((found = next_entry(reader, name, &entry)) == FOUND) {
        *known = 1;
        if (entry.family != family)
            continue;
        /* both lengths are multiples of the alignment, so that no gap follows an address */
        char *to = take(room, length, _Alignof(struct in6_addr));
        if (to == NULL) {
            *full = 1;
            return NO_MORE;
        }
        if (*count == 0)
            *addresses = to;
        memcpy(to, entry.address, length);
        ++*count;
    }
    return found;
}

/* Fills a hostent whose addresses lie in the buffer already; -1 when the rest does not fit. */
static int fill_host(struct hostent *host, const char *name, int family, char *addresses,
                     size_t count, struct room *room)
{
    host->h_addrtype = family;
    host->h_length = family == AF_INET ? (int)sizeof(struct in_addr) : (int)sizeof(struct in6_addr);
    host->h_name = take_text(room, name);
    /* the addresses, their NULL, and the NULL of no aliases; count is far below an overflow,
     * because that many addresses are in memory */
    char **list = take(room, (count + 2) * sizeof *list, _Alignof(char *));
    if (host->h_name == NULL || list == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        list[i] = addresses + i * (size_t)host->h_length;
    list[count] = list[count + 1] = NULL;
    host->h_addr_list = list;
    host->h_aliases = list + count + 1;
    return 0;
}

EXPORTED enum nss_status _nss_gaiharness_gethostbyname3_r(const char *name, int family,
                                                          struct hostent *host, char *buffer,
                                                          size_t size, int *errnop,
                                                          int *h_errnop, int32_t *ttlp,
                                                          char **canonp)
{
    struct reader reader;
    struct room room = {buffer, size};
    char *addresses = NULL;
    size_t count = 0;
    int known = 0, full = 0;
    if (family != AF_INET && family != AF_INET6)
        return not_found(0, errnop, h_errnop);
    if (open_names(&reader) != 0)
        return unavailable(errno, errnop, h_errnop);
    enum found found =
        list_addresses(&reader, name, family, &room, &addresses, &count, &known, &full);
    int error = errno;
    close(reader.fd);
    if (found == FAILED)
        return unavailable(error, errnop, h_errnop);
    if (full)
        return too_small(errnop, h_errnop);
    if (count == 0)
        return not_found(known, errnop, h_errnop);
    if (fill_host(host, name, family, addresses, count, &room) != 0)
        return too_small(errnop, h_errnop);
    if (ttlp != NULL)
        *ttlp = 0;
    if (canonp != NULL)
        *canonp = host->h_name;
    return found_it(h_errnop);
}

EXPORTED enum nss_status _nss_gaiharness_gethostbyname2_r(const char *name, int family,
                                                          struct hostent *host, char *buffer,
                                                          size_t size, int *errnop,
                                                          int *h_errnop)
{
    return _nss_gaiharness_gethostbyname3_r(name, family, host, buffer, size, errnop, h_errnop,
                                            NULL, NULL);
}

/* The same as a service that cannot give both families at once. */
EXPORTED enum nss_status _nss_gai_family_gethostbyname3_r(const char *name, int family,
                                                          struct hostent *host, char *buffer,
                                                          size_t size, int *errnop,
                                                          int *h_errnop, int32_t *ttlp,
                                                          char **canonp)
    __attribute__((alias("_nss_gaiharness_gethostbyname3_r")));
EXPORTED enum nss_status _nss_gai_family_gethostbyname2_r(const char *name, int family,
                                                          struct hostent *host, char *buffer,
                                                          size_t size, int *errnop,
                                                          int *h_errnop)
    __attribute__((alias("_nss_gaiharness_gethostbyname2_r")));
