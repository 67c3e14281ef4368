/* What a hostile image holds in the place of its dynamic loader: everything that code which
 * runs with somebody else's rights would try. It says on standard error what it achieved.
 * It changes nothing that outlives a sandbox, and leaves off at once outside of one.
 * SECRET is a file of the caller that nobody else may read, SCRIBBLE one that it may make. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void achieved(const char *what)
{
    dprintf(2, " %s", what);
}

static int opens(const char *path, int flags)
{
    int fd = open(path, flags, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* What lies behind the root, once one is out of it. */
static void look_around(const char *how)
{
    char said[64];
    if (opens(SECRET, O_RDONLY)) {
        snprintf(said, sizeof said, "%s-secret", how);
        achieved(said);
    }
    if (opens(SCRIBBLE, O_WRONLY | O_CREAT)) {
        snprintf(said, sizeof said, "%s-write", how);
        achieved(said);
    }
    /* opened, never written: it is this host's */
    if (opens("/proc/sys/kernel/core_pattern", O_WRONLY)) {
        snprintf(said, sizeof said, "%s-core_pattern", how);
        achieved(said);
    }
    if (opens("/etc/hosts", O_WRONLY) || opens("/lib/new", O_WRONLY | O_CREAT) ||
        opens("/new", O_WRONLY | O_CREAT) || opens("/python/new", O_WRONLY | O_CREAT) ||
        opens("/python/bin/python", O_WRONLY)) {
        snprintf(said, sizeof said, "%s-root", how);
        achieved(said);
    }
}

static void climb(void)
{
    int root = open("/", O_RDONLY | O_DIRECTORY);
    if (chroot("/lib") != 0)
        return;
    achieved("chroot");
    if (fchdir(root) != 0)
        return;
    for (int i = 0; i < 64; i++)
        if (chdir("..") != 0)
            break;
    if (chroot(".") == 0)
        look_around("climbed");
}

static void take_capabilities(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0}};
    syscall(SYS_capget, &header, data);
    for (int i = 0; i < 2; i++)
        if (data[i].effective || data[i].permitted || data[i].inheritable)
            achieved("capabilities");
    for (int i = 0; i < 41; i++)
        if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1) {
            achieved("bounding-set");
            break;
        }
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        achieved("new-privileges");
    /* the C library's functions would ask its threads, too: the calls alone */
    if (syscall(SYS_setuid, 0) == 0 || syscall(SYS_setuid, 1000) == 0 ||
        syscall(SYS_setgid, 0) == 0 || syscall(SYS_setgroups, 0, NULL) == 0)
        achieved("setuid");
    if (sethostname("owned", 5) == 0)
        achieved("sethostname");
}

static void take_what_was_left(void)
{
    for (int fd = 3; fd < 4096; fd++)
        if (fcntl(fd, F_GETFD) != -1) {
            achieved("descriptor");
            break;
        }
    for (char **each = environ; *each != NULL; each++)
        if (strcmp(*each, "LD_PRELOAD=libnss_gaiharness.so.2") != 0)
            achieved("environment");
}

static void take_others(void)
{
    static const char *const files[] = {"mem", "environ", "root/etc/passwd", "ns/mnt", "maps"};
    char path[64];
    int named = 0, traced = 0, killed = 0;
    for (int pid = 1; pid < 40000; pid++) {
        if (pid == getpid())
            continue;
        killed |= kill(pid, 0) == 0 || errno == EPERM;
        /* seizing, unlike attaching, stops nobody */
        if (syscall(SYS_ptrace, PTRACE_SEIZE, pid, 0, 0) == 0)
            traced = 1;
        for (size_t i = 0; i < sizeof files / sizeof *files && pid < 2000; i++) {
            snprintf(path, sizeof path, "/proc/%d/%s", pid, files[i]);
            named |= opens(path, i == 0 ? O_RDWR : O_RDONLY);
        }
    }
    if (killed)
        achieved("signal");
    if (traced)
        achieved("ptrace");
    if (named || opens("/proc/self/status", O_RDONLY))
        achieved("proc");
    if (getppid() != 0)
        achieved("parent");
}

static void change_mounts(const char *how)
{
    char said[64];
    int made = mount("proc", "/proc", "proc", 0, NULL) == 0;
    made |= mount("none", "/tmp", "tmpfs", 0, NULL) == 0;
    made |= mount("none", "/", NULL, MS_REMOUNT | MS_BIND, NULL) == 0;
    made |= umount2("/etc", MNT_DETACH) == 0 || umount2("/python", MNT_DETACH) == 0;
    made |= mount("none", "/python", NULL, MS_REMOUNT | MS_BIND, NULL) == 0;
    made |= mknod("/tmp/device", S_IFBLK | 0600, 0x0801) == 0;
    if (made) {
        snprintf(said, sizeof said, "%s-mounts", how);
        achieved(said);
    }
}

static void change_network(void)
{
    struct ifreq request = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    strcpy(request.ifr_name, "lo");
    if (ioctl(fd, SIOCGIFFLAGS, &request) == 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0)
        achieved("network");
    if (socket(AF_PACKET, SOCK_RAW, 0) >= 0 || socket(AF_INET, SOCK_RAW, 1) >= 0)
        achieved("raw-socket");
}

static void begin_anew(void)
{
    if (unshare(CLONE_NEWUSER) != 0)
        return;
    achieved("user-namespace");
    if (unshare(CLONE_NEWNS | CLONE_NEWPID) == 0)
        change_mounts("anew");
    look_around("anew");
}

/* Whether this is no sandbox's user namespace, which has two ids at most: what follows would
 * then mount over the machine's own folders. */
static int at_large(void)
{
    unsigned long inside, outside, count, sum = 0;
    FILE *map = fopen("/proc/self/uid_map", "r");
    if (map == NULL)
        return 0;
    while (fscanf(map, "%lu %lu %lu", &inside, &outside, &count) == 3)
        sum += count;
    fclose(map);
    return sum > 2;
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    dprintf(2, "achieved:");
    look_around("plain");
    if (at_large()) {
        dprintf(2, " at-large end\n");
        return 9;
    }
    take_capabilities();
    take_what_was_left();
    take_others();
    change_network();
    change_mounts("plain");
    look_around("mounted");
    climb();
    begin_anew();
    dprintf(2, " end\n");
    return 9;
}
