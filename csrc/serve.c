/* Frames in and out, and the process of each session; the contract is in serve.h. */
#define _GNU_SOURCE
#include "serve.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "view.h"

#define SMALL_FRAME 200u
#define LOOKUP_FIXED 24u
#define VIEW_FIXED 8u
#define MS_MAX 86400000u

enum gai_read gai_read_all(int fd, uint8_t *to, size_t length)
{
    size_t got = 0;
    while (got < length) {
        ssize_t n = read(fd, to + got, length - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return GAI_READ_ERROR;
        if (n == 0)
            return got == 0 ? GAI_READ_EOF : GAI_READ_TRUNCATED;
        got += (size_t)n;
    }
    return GAI_READ_OK;
}

enum gai_read gai_read_frame(int fd, struct gai_frame *frame)
{
    uint8_t header[GAI_HEADER_SIZE];
    enum gai_read r = gai_read_all(fd, header, sizeof header);
    if (r != GAI_READ_OK)
        return r;
    frame->length = gai_get32(header);
    frame->type = header[4];
    if (frame->length > GAI_REQUEST_MAX)
        return GAI_READ_TOO_LONG;
    r = gai_read_all(fd, frame->payload, frame->length);
    return r == GAI_READ_EOF ? GAI_READ_TRUNCATED : r;
}

int gai_write_all(int fd, const uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, data, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        length -= (size_t)n;
    }
    return 0;
}

int gai_write_frame(int fd, uint8_t type, const uint8_t *payload, size_t length)
{
    uint8_t frame[GAI_HEADER_SIZE + SMALL_FRAME];
    if (length > SMALL_FRAME)
        return -1;
    gai_put32(frame, (uint32_t)length);
    frame[4] = type;
    if (length > 0)
        memcpy(frame + GAI_HEADER_SIZE, payload, length);
    return gai_write_all(fd, frame, GAI_HEADER_SIZE + length);
}

void gai_write_error(int fd, const char *text)
{
    /* The caller is about to exit with a status that says the same; nothing is left to do
     * when nobody reads. */
    (void)gai_write_frame(fd, GAI_ERROR, (const uint8_t *)text, strlen(text));
}

const char *gai_read_error(enum gai_read why)
{
    switch (why) {
    case GAI_READ_TRUNCATED:
        return "truncated frame";
    case GAI_READ_TOO_LONG:
        return "frame too long";
    default:
        return "cannot read";
    }
}

/* One optional string: u8 present, u16 length, bytes, and a NUL that the length leaves out. */
static int take_string(const uint8_t *payload, uint32_t length, uint32_t *at, const char **out)
{
    if (length - *at < 3)
        return -1;
    uint8_t present = payload[*at];
    uint32_t size = (uint32_t)payload[*at + 1] | (uint32_t)payload[*at + 2] << 8;
    *at += 3;
    *out = NULL;
    if (present == 0)
        return size == 0 ? 0 : -1;
    if (present != 1 || length - *at < size + 1)
        return -1;
    const char *text = (const char *)payload + *at;
    /* The first NUL must be the terminator, so that what is looked up is what was sent. */
    if (memchr(text, 0, size + 1) != text + size)
        return -1;
    *at += size + 1;
    *out = text;
    return 0;
}

static int parse_lookup(const struct gai_frame *frame, struct gai_query *query,
                        uint32_t *timeout_ms)
{
    uint32_t length = frame->length;
    if (length < LOOKUP_FIXED)
        return -1;
    const uint8_t *p = frame->payload;
    *timeout_ms = gai_get32(p + 4);
    query->family = (int32_t)gai_get32(p + 8);
    query->socktype = (int32_t)gai_get32(p + 12);
    query->protocol = (int32_t)gai_get32(p + 16);
    query->flags = (int32_t)gai_get32(p + 20);
    uint32_t at = LOOKUP_FIXED;
    if (*timeout_ms == 0 || *timeout_ms > MS_MAX ||
        take_string(p, length, &at, &query->name) != 0 ||
        take_string(p, length, &at, &query->service) != 0)
        return -1;
    query->no_hints = length - at == 1 && p[at] == 0;
    return at + (uint32_t)query->no_hints == length ? 0 : -1;
}

static void set_alarm(uint32_t ms)
{
    struct itimerval timer;
    memset(&timer, 0, sizeof timer);
    timer.it_value.tv_sec = (time_t)(ms / 1000u);
    timer.it_value.tv_usec = (suseconds_t)(ms % 1000u) * 1000;
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* Room for a reply's header and session number; the reply itself is appended. */
static int begin_reply(struct gai_buffer *buffer)
{
    buffer->length = 0;
    if (gai_buffer_reserve(buffer, GAI_HEADER_SIZE + 4) != 0)
        return -1;
    buffer->length = GAI_HEADER_SIZE + 4;
    return 0;
}

static int send_reply(int out, uint32_t session, uint8_t type, struct gai_buffer *buffer)
{
    gai_put32(buffer->data, (uint32_t)(buffer->length - GAI_HEADER_SIZE));
    buffer->data[4] = type;
    gai_put32(buffer->data + GAI_HEADER_SIZE, session);
    return gai_write_all(out, buffer->data, buffer->length);
}

/* Answers one lookup with one write. */
static int answer(int out, uint32_t session, const struct gai_query *query, uint32_t timeout_ms,
                  struct gai_buffer *buffer)
{
    if (begin_reply(buffer) != 0)
        return -1;
    set_alarm(timeout_ms);
    int failed = gai_lookup(query, buffer);
    set_alarm(0);
    return failed ? -1 : send_reply(out, session, GAI_ANSWER, buffer);
}

/* Answers one view request: GAI_OK, GAI_BAD_INPUT or GAI_BROKEN. */
static int show(int out, uint32_t session, const struct gai_frame *frame,
                struct gai_buffer *buffer)
{
    uint32_t timeout_ms = frame->length < VIEW_FIXED ? 0 : gai_get32(frame->payload + 4);
    if (timeout_ms == 0 || timeout_ms > MS_MAX)
        return GAI_BAD_INPUT;
    if (begin_reply(buffer) != 0)
        return GAI_BROKEN;
    set_alarm(timeout_ms);
    int failed = gai_view(frame->payload + VIEW_FIXED, frame->length - VIEW_FIXED, buffer);
    set_alarm(0);
    if (failed < 0)
        return GAI_BAD_INPUT;
    return failed || send_reply(out, session, GAI_SEEN, buffer) != 0 ? GAI_BROKEN : GAI_OK;
}

void gai_become_session(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(GAI_BROKEN); /* it died before the line above could take effect */
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    for (int number = 1; number < 32; number++)
        sigaction(number, &action, NULL); /* refused for SIGKILL and SIGSTOP, rightly */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    set_alarm(0);
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    clearenv(); /* RES_OPTIONS, LOCALDOMAIN and others would change answers */
}

int gai_serve(int in, int out, uint32_t session, struct gai_frame *frame)
{
    struct gai_buffer buffer = {0};
    uint8_t started[8];
    int status = GAI_OK;
    const char *complaint = NULL;

    gai_put32(started, session);
    gai_put32(started + 4, (uint32_t)getpid());
    if (gai_write_frame(out, GAI_STARTED, started, sizeof started) != 0)
        return GAI_BROKEN;
    for (;;) {
        enum gai_read r = gai_read_frame(in, frame);
        if (r == GAI_READ_EOF)
            break;
        if (r != GAI_READ_OK) {
            complaint = gai_read_error(r);
            break;
        }
        uint8_t type = frame->type;
        if (type == GAI_QUIT && frame->length == 0) {
            status = GAI_WANTS_QUIT;
            break;
        }
        if (type != GAI_LOOKUP && type != GAI_VIEW && type != GAI_END) {
            complaint = "bad frame type in a session";
            break;
        }
        if (frame->length < 4 || gai_get32(frame->payload) != session) {
            complaint = "wrong session number";
            break;
        }
        if (type == GAI_END) {
            if (frame->length != 4)
                complaint = "bad end request";
            break;
        }
        if (type == GAI_VIEW) {
            status = show(out, session, frame, &buffer);
            if (status == GAI_OK)
                continue;
            if (status == GAI_BAD_INPUT)
                complaint = "bad view request";
            break;
        }
        struct gai_query query;
        uint32_t timeout_ms = 0;
        if (parse_lookup(frame, &query, &timeout_ms) != 0) {
            complaint = "bad lookup request";
            break;
        }
        if (answer(out, session, &query, timeout_ms, &buffer) != 0) {
            status = GAI_BROKEN;
            break;
        }
    }
    gai_buffer_free(&buffer);
    if (complaint != NULL) {
        gai_write_error(out, complaint);
        status = GAI_BAD_INPUT;
    }
    return status;
}
