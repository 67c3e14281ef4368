/* getaddrinfo: on a host without IPv6 addresses, rule 9 shifts a 32-bit value by 32.

   Build: cc -o rule9 rule9-ipv4-only.c
   Run:   unshare -rnm ./rule9      (any user, any architecture; needs util-linux and iproute2)

   In the private network it is given, the program sets up one IPv4 address, 172.18.45.2/12, and
   a hosts file that lists 172.31.80.8 before 172.18.45.6. Both destinations are in the subnet
   of the source; the first shares 12 bits with it, the second 29. It prints the order that
   getaddrinfo returns, and then the order with one IPv6 address (fe80::1) on the same host,
   which has no part in the question. The two should be the same, on every architecture. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <gnu/libc-version.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* lo is still down in a new network: nothing is done to any other. */
static const char setup[] =
    "set -e; test -z \"$(ip link show dev lo up)\"; ip link set lo up\n"
    "ip address add 172.18.45.2/12 dev lo\n"
    "printf '%s web\\n' 172.31.80.8 172.18.45.6 > /tmp/hosts.$$\n"
    "mount --bind /tmp/hosts.$$ /etc/hosts; rm /tmp/hosts.$$\n";

static void
run(const char *commands)
{
    if (system(commands) != 0) {
        fputs("start me in a network of my own: unshare -rnm ./rule9\n", stderr);
        exit(2);
    }
}

static void
ask(const char *host)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list;
    if (getaddrinfo("web", NULL, &hints, &list) != 0)
        exit(2);
    fputs(host, stdout);
    for (struct addrinfo *one = list; one != NULL; one = one->ai_next) {
        char text[INET_ADDRSTRLEN];
        struct sockaddr_in *in = (struct sockaddr_in *)one->ai_addr;
        fputs(" ", stdout);
        fputs(inet_ntop(AF_INET, &in->sin_addr, text, sizeof text), stdout);
    }
    puts("");
    freeaddrinfo(list);
}

int
main(void)
{
    fputs("glibc ", stdout);
    puts(gnu_get_libc_version());
    run(setup);
    ask("IPv4 only:       ");
    run("ip address add fe80::1/64 dev lo");
    ask("with fe80::1 too:");
    return 0;
}
