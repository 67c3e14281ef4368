/* What the kernel looks like from here: through this glibc's calls, and through whatever stands
 * between them and the kernel. getaddrinfo has no part in it. See PROTOCOL.md. */
#ifndef GAI_VIEW_H
#define GAI_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "core.h"

enum gai_view_kind { GAI_VIEW_ADDRESSES = 'A', GAI_VIEW_LINKS = 'L', GAI_VIEW_SOURCES = 'S' };

/* Appends the answer to one view request to the buffer: 0, -1 for a malformed request, or 1 when
 * there is no memory. `request` begins with the kind. */
int gai_view(const uint8_t *request, size_t length, struct gai_buffer *buffer);

#endif
