/* Frames, and the loop of one session. See PROTOCOL.md. */
#ifndef GAI_SERVE_H
#define GAI_SERVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core.h"

#define GAI_PROTOCOL_VERSION 1u
#define GAI_HEADER_SIZE 5u
/* Two strings of 65535 bytes and the fixed fields fit. */
#define GAI_REQUEST_MAX (160u * 1024u)

enum gai_request {
    GAI_OPEN = 'O',
    GAI_LOOKUP = 'L',
    GAI_VIEW = 'V',
    GAI_END = 'E',
    GAI_QUIT = 'Q',
    GAI_RESYNC = 'R'
};
enum gai_reply {
    GAI_HELLO = 'H',
    GAI_STARTED = 'S',
    GAI_ANSWER = 'A',
    GAI_SEEN = 'V',
    GAI_DIED = 'D',
    GAI_ERROR = 'X'
};
enum gai_end { GAI_END_EXIT = 0, GAI_END_SIGNAL = 1, GAI_END_TIMEOUT = 2, GAI_END_NO_FORK = 3 };

/* How a session loop ended, which is also the exit status of a session's process. */
enum gai_status { GAI_OK = 0, GAI_BAD_INPUT = 2, GAI_WANTS_QUIT = 3, GAI_BROKEN = 4 };

/* The frame being read. */
struct gai_frame {
    uint32_t length; /* of the payload */
    uint8_t type;
    uint8_t payload[GAI_REQUEST_MAX];
};

enum gai_read { GAI_READ_OK, GAI_READ_EOF, GAI_READ_TRUNCATED, GAI_READ_TOO_LONG, GAI_READ_ERROR };

/* Reads exactly one frame and not a byte more: what follows may be another process's. */
enum gai_read gai_read_frame(int fd, struct gai_frame *frame);
/* Fills `to`; GAI_READ_EOF only when there was no byte at all. */
enum gai_read gai_read_all(int fd, uint8_t *to, size_t length);

int gai_write_all(int fd, const uint8_t *data, size_t length);
/* A whole small frame in one write: 0, or -1. `length` is at most 200. */
int gai_write_frame(int fd, uint8_t type, const uint8_t *payload, size_t length);
/* An error frame with a short fixed text. */
void gai_write_error(int fd, const char *text);
/* What to say about a frame that could not be read. */
const char *gai_read_error(enum gai_read why);

/* Gives the calling process what a fresh one has (signals, no environment), makes it die with
 * `parent`, and lets it leave no core file. */
void gai_become_session(pid_t parent);
/* Serves one session until its end; the caller exits with what it returns. */
int gai_serve(int in, int out, uint32_t session, struct gai_frame *frame);
/* Serves session after session on descriptors 0 and 1, each in a process forked for it, until
 * the input ends. Returns the exit status. */
int gai_worker_main(void);

#endif
