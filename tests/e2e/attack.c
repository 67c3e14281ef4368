/* What a hostile image holds in the place of its dynamic loader: everything that code which
 * runs with somebody else's rights would try. It says on standard error what it achieved.
 * It changes nothing that outlives a sandbox, and leaves off at once outside of one.
 * SECRET is a file of the caller that nobody else may read, SCRIBBLE one that it may make.
 * It needs no C library, which a compiler would have to build for it first. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* A system call; below zero it is the error. */
static long call5(long number, long a, long b, long c, long d, long e)
{
    long result;
#ifdef __x86_64__
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    __asm__ volatile("syscall" : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
#else
    __asm__ volatile("int $0x80" : "=a"(result)
                     : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
#endif
    return result;
}

#define FIVE(number, a, b, c, d, e, ...) \
    call5(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))
#define CALL(name, ...) FIVE(SYS_##name, __VA_ARGS__ __VA_OPT__(, ) 0, 0, 0, 0, 0)

/* Three texts one after the other; the buffer has room for them. */
static char *joined(char *buffer, const char *one, const char *two, const char *three)
{
    char *end = buffer;
    const char *const parts[] = {one, two, three};
    for (int i = 0; i < 3; i++)
        for (const char *from = parts[i]; *from != 0; from++)
            *end++ = *from;
    *end = 0;
    return end;
}

static void achieved_by(const char *how, const char *what)
{
    char said[64];
    char *end = joined(said, " ", how, what);
    CALL(write, 2, said, end - said);
}

static void achieved(const char *what)
{
    achieved_by("", what);
}

static int opens(const char *path, int flags)
{
    long fd = CALL(open, path, flags, 0600);
    if (fd >= 0)
        CALL(close, fd);
    return fd >= 0;
}

/* What lies behind the root, once one is out of it. */
static void look_around(const char *how)
{
    if (opens(SECRET, O_RDONLY))
        achieved_by(how, "-secret");
    if (opens(SCRIBBLE, O_WRONLY | O_CREAT))
        achieved_by(how, "-write");
    /* opened, never written: it is this host's */
    if (opens("/proc/sys/kernel/core_pattern", O_WRONLY))
        achieved_by(how, "-core_pattern");
    if (opens("/etc/hosts", O_WRONLY) || opens("/lib/new", O_WRONLY | O_CREAT) ||
        opens("/new", O_WRONLY | O_CREAT) || opens("/python/new", O_WRONLY | O_CREAT) ||
        opens("/python/bin/python", O_WRONLY))
        achieved_by(how, "-root");
}

static void climb(void)
{
    long root = CALL(open, "/", O_RDONLY | O_DIRECTORY);
    if (CALL(chroot, "/lib") != 0)
        return;
    achieved("chroot");
    if (CALL(fchdir, root) != 0)
        return;
    for (int i = 0; i < 64; i++)
        if (CALL(chdir, "..") != 0)
            break;
    if (CALL(chroot, ".") == 0)
        look_around("climbed");
}

static void take_capabilities(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0}};
    CALL(capget, &header, data);
    for (int i = 0; i < 2; i++)
        if (data[i].effective || data[i].permitted || data[i].inheritable)
            achieved("capabilities");
    for (int i = 0; i < 41; i++)
        if (CALL(prctl, PR_CAPBSET_READ, i) == 1) {
            achieved("bounding-set");
            break;
        }
    if (CALL(prctl, PR_GET_NO_NEW_PRIVS) != 1)
        achieved("new-privileges");
    if (CALL(setuid, 0) == 0 || CALL(setuid, 1000) == 0 || CALL(setgid, 0) == 0 ||
        CALL(setgroups, 0, 0) == 0)
        achieved("setuid");
    if (CALL(sethostname, "owned", 5) == 0)
        achieved("sethostname");
}

static void take_what_was_left(char **environment)
{
    for (int fd = 3; fd < 4096; fd++)
        if (CALL(fcntl, fd, F_GETFD) >= 0) {
            achieved("descriptor");
            break;
        }
    for (; *environment != NULL; environment++) {
        const char *own = "LD_PRELOAD=libnss_gaiharness.so.2", *given = *environment;
        while (*own != 0 && *own == *given)
            own++, given++;
        if (*own != *given)
            achieved("environment");
    }
}

static void take_others(void)
{
    static const char *const files[] = {"/mem", "/environ", "/root/etc/passwd", "/ns/mnt", "/maps"};
    char path[64], digits[8];
    int named = 0, traced = 0, killed = 0;
    long own = CALL(getpid);
    for (int pid = 1; pid < 40000; pid++) {
        if (pid == own)
            continue;
        long sent = CALL(kill, pid, 0);
        killed |= sent == 0 || sent == -EPERM;
        /* seizing, unlike attaching, stops nobody */
        if (CALL(ptrace, PTRACE_SEIZE, pid, 0, 0) == 0)
            traced = 1;
        char *first = digits + sizeof digits - 1;
        *first = 0;
        for (int left = pid; left > 0; left /= 10)
            *--first = '0' + left % 10;
        for (size_t i = 0; i < sizeof files / sizeof *files && pid < 2000; i++) {
            joined(path, "/proc/", first, files[i]);
            named |= opens(path, i == 0 ? O_RDWR : O_RDONLY);
        }
    }
    if (killed)
        achieved("signal");
    if (traced)
        achieved("ptrace");
    if (named || opens("/proc/self/status", O_RDONLY))
        achieved("proc");
    if (CALL(getppid) != 0)
        achieved("parent");
}

static void change_mounts(const char *how)
{
    int made = CALL(mount, "proc", "/proc", "proc", 0, 0) == 0;
    made |= CALL(mount, "none", "/tmp", "tmpfs", 0, 0) == 0;
    made |= CALL(mount, "none", "/", 0, MS_REMOUNT | MS_BIND, 0) == 0;
    made |= CALL(umount2, "/etc", MNT_DETACH) == 0 || CALL(umount2, "/python", MNT_DETACH) == 0;
    made |= CALL(mount, "none", "/python", 0, MS_REMOUNT | MS_BIND, 0) == 0;
    made |= CALL(mknod, "/tmp/device", S_IFBLK | 0600, 0x0801) == 0;
    if (made)
        achieved_by(how, "-mounts");
}

static void change_network(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    long fd = CALL(socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (CALL(ioctl, fd, SIOCGIFFLAGS, &request) == 0 && CALL(ioctl, fd, SIOCSIFFLAGS, &request) == 0)
        achieved("network");
    if (CALL(socket, AF_PACKET, SOCK_RAW, 0) >= 0 || CALL(socket, AF_INET, SOCK_RAW, 1) >= 0)
        achieved("raw-socket");
}

static void begin_anew(void)
{
    if (CALL(unshare, CLONE_NEWUSER) != 0)
        return;
    achieved("user-namespace");
    if (CALL(unshare, CLONE_NEWNS | CLONE_NEWPID) == 0)
        change_mounts("anew");
    look_around("anew");
}

/* Whether this is no sandbox's user namespace, which has two ids at most: what follows would
 * then mount over the machine's own folders. The third number of each line is how many it has. */
static int at_large(void)
{
    char text[4096];
    unsigned long number = 0, sum = 0;
    int column = 0, inside = 0;
    long fd = CALL(open, "/proc/self/uid_map", O_RDONLY);
    if (fd < 0)
        return 0;
    long length = CALL(read, fd, text, sizeof text);
    CALL(close, fd);
    for (long i = 0; i < length; i++) {
        if (text[i] >= '0' && text[i] <= '9') {
            number = inside ? number * 10 + (text[i] - '0') : (unsigned long)(text[i] - '0');
            inside = 1;
        } else if (inside) {
            inside = 0;
            if (++column % 3 == 0)
                sum += number;
        }
    }
    return sum > 2;
}

__attribute__((used)) static void begin(char **stack)
{
    long ignore[8] = {(long)SIG_IGN};
    CALL(rt_sigaction, SIGPIPE, ignore, 0, 8);
    CALL(write, 2, "achieved:", 9);
    look_around("plain");
    if (at_large()) {
        achieved("at-large");
    } else {
        take_capabilities();
        /* after the number of the words: they, and an end */
        take_what_was_left(stack + (long)stack[0] + 2);
        take_others();
        change_network();
        change_mounts("plain");
        look_around("mounted");
        climb();
        begin_anew();
    }
    achieved("end\n");
    CALL(exit_group, 9);
}

#ifdef __x86_64__
__asm__(".globl _start\n_start: mov %rsp, %rdi\nand $-16, %rsp\ncall begin\n");
#else
__asm__(".globl _start\n_start: mov %esp, %eax\nand $-16, %esp\nsub $12, %esp\npush %eax\ncall begin\n");
#endif
