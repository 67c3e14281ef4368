/* The worker's loop: forks a process per session and tells how each ended. See PROTOCOL.md.
 * It never asks the resolver itself, so that each session starts with it untouched.
 * The worker program is nothing else; the extension has it too, for the
 * lanes in which an interpreter is the worker. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "serve.h"

#define GAI_COOKIE_SIZE 16u

static int fail(const char *text)
{
    gai_write_error(STDOUT_FILENO, text);
    return GAI_BAD_INPUT;
}

static int say_hello(void)
{
    const char *version = gai_version();
    if (version == NULL)
        return -1;
    uint8_t payload[128];
    size_t length = strlen(version);
    if (length > sizeof payload - 5)
        length = sizeof payload - 5;
    gai_put32(payload, GAI_PROTOCOL_VERSION);
    payload[4] = (uint8_t)length;
    memcpy(payload + 5, version, length);
    return gai_write_frame(STDOUT_FILENO, GAI_HELLO, payload, 5 + length);
}

static int say_ended(uint32_t session, uint8_t how, int32_t value, const uint8_t *cookie)
{
    uint8_t payload[9 + GAI_COOKIE_SIZE];
    gai_put32(payload, session);
    payload[4] = how;
    gai_put32(payload + 5, (uint32_t)value);
    memcpy(payload + 9, cookie, GAI_COOKIE_SIZE);
    return gai_write_frame(STDOUT_FILENO, GAI_DIED, payload, sizeof payload);
}

/* Bytes that no request written so far can hold: they need to be new, not secret. */
static void make_cookie(uint8_t cookie[GAI_COOKIE_SIZE], uint32_t session)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    gai_put64(cookie, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
    gai_put32(cookie + 8, session);
    gai_put32(cookie + 12, (uint32_t)getpid());
}

/* Drops what was sent to a session that died, up to and with the client's RESYNC frame. How much
 * of its last frame the dead process had read cannot be known, so the bytes are searched. */
static enum gai_read resynchronise(const uint8_t cookie[GAI_COOKIE_SIZE])
{
    uint8_t wanted[GAI_HEADER_SIZE + GAI_COOKIE_SIZE], seen[sizeof wanted];
    size_t matched = 0;
    gai_put32(wanted, GAI_COOKIE_SIZE);
    wanted[4] = GAI_RESYNC;
    memcpy(wanted + GAI_HEADER_SIZE, cookie, GAI_COOKIE_SIZE);
    while (matched < sizeof wanted) {
        /* The frame cannot end earlier than this, so nothing behind it is taken. */
        enum gai_read r = gai_read_all(STDIN_FILENO, seen + matched, sizeof seen - matched);
        if (r != GAI_READ_OK)
            return GAI_READ_EOF;
        for (matched = sizeof seen; matched > 0; matched--)
            if (memcmp(seen + sizeof seen - matched, wanted, matched) == 0)
                break;
        memmove(seen, seen + sizeof seen - matched, matched);
    }
    return GAI_READ_OK;
}

/* Runs one session; GAI_OK when the worker is to go on. */
static int run_session(uint32_t session, struct gai_frame *frame)
{
    uint8_t how = GAI_END_EXIT, cookie[GAI_COOKIE_SIZE];
    int value = 0;
    pid_t self = getpid();
    pid_t child = fork();
    if (child == 0) {
        gai_become_session(self);
        _exit(gai_serve(STDIN_FILENO, STDOUT_FILENO, session, frame));
    }
    if (child < 0) {
        how = GAI_END_NO_FORK;
        value = errno;
    } else {
        int status = 0;
        while (waitpid(child, &status, 0) < 0)
            if (errno != EINTR)
                return GAI_BROKEN;
        value = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
        if (WIFSIGNALED(status))
            how = value == SIGALRM ? GAI_END_TIMEOUT : GAI_END_SIGNAL;
        else if (value == GAI_BAD_INPUT)
            return GAI_BAD_INPUT; /* it has written the error frame */
    }
    int quit = how == GAI_END_EXIT && value == GAI_WANTS_QUIT;
    if (quit)
        value = 0;
    make_cookie(cookie, session);
    if (say_ended(session, how, value, cookie) != 0)
        return GAI_BROKEN;
    if (quit)
        return GAI_WANTS_QUIT;
    if (how == GAI_END_EXIT && value == 0)
        return GAI_OK;
    return resynchronise(cookie) == GAI_READ_OK ? GAI_OK : GAI_WANTS_QUIT;
}

static int run(struct gai_frame *frame)
{
    uint32_t last = 0;
    if (say_hello() != 0)
        return GAI_BROKEN;
    for (;;) {
        enum gai_read r = gai_read_frame(STDIN_FILENO, frame);
        if (r == GAI_READ_EOF)
            return GAI_OK;
        if (r != GAI_READ_OK)
            return fail(gai_read_error(r));
        uint32_t length = frame->length;
        uint8_t type = frame->type;
        if (type == GAI_QUIT && length == 0)
            return GAI_OK;
        if (type != GAI_OPEN)
            return fail("bad frame type outside a session");
        if (length != 4)
            return fail("bad open request");
        uint32_t session = gai_get32(frame->payload);
        if (session <= last)
            return fail("session numbers must grow");
        last = session;
        int status = run_session(session, frame);
        if (status == GAI_WANTS_QUIT)
            return GAI_OK;
        if (status != GAI_OK)
            return status;
    }
}

int gai_worker_main(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* Inherited settings that would break waitpid or the time-out. */
    signal(SIGCHLD, SIG_DFL);
    signal(SIGALRM, SIG_DFL);
    struct gai_frame *frame = malloc(sizeof *frame);
    if (frame == NULL)
        return GAI_BROKEN;
    int status = run(frame);
    free(frame);
    return status;
}
