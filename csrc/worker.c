/* The worker: forks a process per session and tells how each ended. See PROTOCOL.md.
 * It never calls getaddrinfo itself, so that each session starts with glibc untouched. */
#define _GNU_SOURCE
#include <errno.h>
#include <gnu/libc-version.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "serve.h"

static int fail(const char *text)
{
    gai_write_error(STDOUT_FILENO, text);
    return GAI_BAD_INPUT;
}

static int say_hello(void)
{
    const char *glibc = gnu_get_libc_version();
    uint8_t payload[128];
    size_t length = strlen(glibc);
    if (length > sizeof payload - 5)
        length = sizeof payload - 5;
    gai_put32(payload, GAI_PROTOCOL_VERSION);
    payload[4] = (uint8_t)length;
    memcpy(payload + 5, glibc, length);
    return gai_write_frame(STDOUT_FILENO, GAI_HELLO, payload, 5 + length);
}

static int say_ended(uint32_t session, uint8_t how, int32_t value)
{
    uint8_t payload[9];
    gai_put32(payload, session);
    payload[4] = how;
    gai_put32(payload + 5, (uint32_t)value);
    return gai_write_frame(STDOUT_FILENO, GAI_DIED, payload, sizeof payload);
}

/* Runs one session; GAI_OK when the worker is to go on. */
static int run_session(uint32_t session, struct gai_frame *frame)
{
    pid_t self = getpid();
    frame->got = 0;
    pid_t child = fork();
    if (child < 0)
        return say_ended(session, GAI_END_NO_FORK, errno) == 0 ? GAI_OK : GAI_BROKEN;
    if (child == 0) {
        gai_become_session(self);
        _exit(gai_serve(STDIN_FILENO, STDOUT_FILENO, session, frame));
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return GAI_BROKEN;
    if (WIFSIGNALED(status)) {
        int number = WTERMSIG(status);
        uint8_t how = number == SIGALRM ? GAI_END_TIMEOUT : GAI_END_SIGNAL;
        if (say_ended(session, how, number) != 0)
            return GAI_BROKEN;
        /* Killed in the middle of a frame? Then its rest is still in the pipe. */
        if (frame->got == 0)
            return GAI_OK;
        enum gai_read r = gai_read_frame(STDIN_FILENO, frame);
        return r == GAI_READ_OK ? GAI_OK : fail(gai_read_error(r));
    }
    int code = WEXITSTATUS(status);
    if (code == GAI_BAD_INPUT)
        return GAI_BAD_INPUT;
    if (say_ended(session, GAI_END_EXIT, code == GAI_WANTS_QUIT ? 0 : code) != 0)
        return GAI_BROKEN;
    return code == GAI_WANTS_QUIT ? GAI_WANTS_QUIT : GAI_OK;
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
        uint32_t length = gai_payload_length(frame);
        uint8_t type = frame->header[4];
        if (type == GAI_QUIT && length == 0)
            return GAI_OK;
        if (type != GAI_OPEN && type != GAI_LOOKUP && type != GAI_END)
            return fail("bad frame type");
        if (length < 4 || (type != GAI_LOOKUP && length != 4))
            return fail("bad frame length");
        uint32_t session = gai_get32(frame->payload);
        if (type != GAI_OPEN) {
            /* Sent before the client knew that the session had died: nothing to do. */
            if (session == 0 || session > last)
                return fail("no such session");
            continue;
        }
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

int main(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* Inherited settings that would break waitpid or the time-out. */
    signal(SIGCHLD, SIG_DFL);
    signal(SIGALRM, SIG_DFL);
    struct gai_frame *frame = mmap(NULL, sizeof *frame, PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (frame == MAP_FAILED)
        return GAI_BROKEN;
    int status = run(frame);
    munmap(frame, sizeof *frame);
    return status;
}
