"""What lines of strace say of addresses: looked at, connected to, sent to, and what came of it."""

from collections.abc import Sequence

from harness.native.calls import ProcessEnd, Reader, SystemCall
from harness.native.contacts import Contact, Contacts, Look


def read(lines: Sequence[str]) -> list[SystemCall | ProcessEnd]:
    reader = Reader()
    return [one for line in lines if (one := reader.read(line)) is not None]


def found(*lines: str) -> tuple[tuple[Look, ...], tuple[Contact, ...]]:
    """Of lines in the form ``PID SECONDS CALL``."""
    contacts, reader = Contacts({"eth0": 7}), Reader()
    for line in lines:
        call = reader.read(line)
        if isinstance(call, SystemCall):
            contacts.take(call)
    for call in reader.unfinished():
        contacts.take(call)
    return contacts.found(100.0)


def four(address: str, port: int = 80) -> str:
    return f'{{sa_family=AF_INET, sin_port=htons({port}), sin_addr=inet_addr("{address}")}}'


def six(address: str, port: int = 80, zone: str = "0") -> str:
    return (
        f"{{sa_family=AF_INET6, sin6_port=htons({port}), sin6_flowinfo=htonl(0), "
        f'inet_pton(AF_INET6, "{address}", &sin6_addr), sin6_scope_id={zone}}}'
    )


def opened(kind: str, number: int, inode: int, family: str = "AF_INET", pid: int = 1) -> str:
    call = f"socket({family}, SOCK_{kind}|SOCK_CLOEXEC, IPPROTO_IP)"
    return f"{pid} 100.000000 {call} = {number}<socket:[{inode}]> <0.000010>"


def test_a_call_in_two_pieces_is_one() -> None:
    calls = read(
        [
            "7     100.5 connect(3<socket:[9]>, {sa_family=AF_UNIX}, 16 <unfinished ...>",
            "8     100.6 close(4) = 0 <0.1>",
            "7     101.0 <... connect resumed>) = -1 ENOENT (No such file or directory) <0.5>",
            "7     101.1 connect(3<socket:[9]>, {sa_family=AF_UNIX}, 16 <unfinished ...>) = ?",
            "7     101.2 +++ killed by SIGKILL +++",
            "8     101.3 +++ exited with 3 +++",
            "8     101.4 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_KILLED} ---",
        ]
    )
    arguments = "3<socket:[9]>, {sa_family=AF_UNIX}, 16"
    assert calls == [
        SystemCall("close", "4", 0, None, 8, 100.6, 0.1),
        SystemCall("connect", arguments, -1, "ENOENT", 7, 100.5, 0.5),
        SystemCall("connect", arguments, None, None, 7, 101.1),
        ProcessEnd(7, 101.2, None, "SIGKILL"),
        ProcessEnd(8, 101.3, 3, None),
    ]


def test_an_address_looked_at_is_no_contact() -> None:
    """glibc's sort: one socket, a connect for each address, between them one of AF_UNSPEC."""
    looks, contacts = found(
        opened("DGRAM", 3, 50),
        f"1 100.001 connect(3<socket:[50]>, {four('192.0.2.9')}, 16) = 0 <0.000010>",
        f"1 100.002 getsockname(3<socket:[50]>, {four('192.0.2.2', 9)}, [28 => 16]) = 0 <0.1>",
        '1 100.003 connect(3<socket:[50]>, {sa_family=AF_UNSPEC, sa_data="\\0"}, 16) = 0 <0.1>',
        f"1 100.004 connect(3<socket:[50]>, {four('10.0.0.9')}, 16)"
        " = -1 ENETUNREACH (Network is unreachable) <0.000010>",
        "1 100.005 close(3<socket:[50]>) = 0 <0.000010>",
    )
    assert looks == (
        Look("192.0.2.9", 80, 1.0, "192.0.2.2", None),
        Look("10.0.0.9", 80, 4.0, None, "ENETUNREACH"),
    )
    assert contacts == ()


def test_what_is_sent_makes_it_one() -> None:
    looks, contacts = found(
        opened("DGRAM", 3, 50),
        opened("DGRAM", 4, 51),
        f"1 100.001 connect(3<socket:[50]>, {four('192.0.2.9', 53)}, 16) = 0 <0.000010>",
        '1 100.002 sendmmsg(3<socket:[50]>, [{msg_hdr={msg_name=NULL, msg_iov=[{iov_base=""...}'
        "]}, msg_len=21}], 1, MSG_NOSIGNAL) = 1 <0.001000>",
        '1 100.004 recvfrom(3<socket:[50]>, ""..., 2048, 0, NULL, NULL) = 60 <0.001000>',
        f'1 100.006 sendto(4<socket:[51]>, ""..., 1, 0, {four("192.0.2.2", 9)}, 16) = 1 <0.001>',
        '1 100.008 write(4<socket:[51]>, ""..., 1) = -1 ECONNREFUSED (Refused) <0.001000>',
        f'1 100.009 sendto(4<socket:[51]>, ""..., 1, 0, {four("192.0.2.7", 9)}, 16) = 1 <0.001>',
    )
    assert looks == ()
    assert contacts == (
        Contact("192.0.2.9", 53, "udp", 2.0, False, "answered", 3.0),
        Contact("192.0.2.2", 9, "udp", 6.0, False, "ECONNREFUSED", 3.0),
        Contact("192.0.2.7", 9, "udp", 9.0, False, "sent", 1.0),
    )


def test_a_connect_that_waits_and_those_that_do_not() -> None:
    progress = "= -1 EINPROGRESS (Operation now in progress) <0.000000>"
    zoned = six("fe80::1", 80, 'if_nametoindex("eth0")')
    # the number of a socket is another process's too, and two descriptors are one socket
    looks, contacts = found(
        *(opened("STREAM", 3, inode) for inode in range(60, 66)),
        f"1 100.010 connect(3<socket:[60]>, {four('192.0.2.1')}, 16) = 0 <0.500000>",
        f"1 100.020 connect(3<socket:[61]>, {six('2001:db8::1')}, 28) {progress}",
        "2 100.025 getsockopt(9<socket:[61]>, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0 <0>",
        f"1 100.030 connect(3<socket:[62]>, {zoned}, 28) {progress}",
        "1 100.050 getsockopt(3<socket:[62]>, SOL_SOCKET, SO_ERROR, [113], [4]) = 0 <0.000000>",
        f"1 100.040 connect(3<socket:[63]>, {six('::ffff:192.0.2.3')}, 28) {progress}",
        "1 100.290 close(3<socket:[63]>) = 0 <0.000000>",
        f"1 100.060 connect(3<socket:[64]>, {four('192.0.2.4')}, 16) {progress}",
        f"1 100.070 connect(3<socket:[64]>, {four('192.0.2.4')}, 16)"
        " = -1 EALREADY (Operation already in progress) <0.000000>",
        f"1 100.080 connect(3<socket:[64]>, {four('192.0.2.4')}, 16) = 0 <0.000000>",
        f"1 100.090 connect(3<socket:[65]>, {four('192.0.2.5')}, 16 <unfinished ...>",
    )
    assert looks == ()
    assert contacts == (
        Contact("192.0.2.1", 80, "tcp", 10.0, False, "connected", 500.0),
        Contact("2001:db8::1", 80, "tcp", 20.0, True, "ECONNREFUSED", 5.0),
        Contact("fe80::1%7", 80, "tcp", 30.0, True, "EHOSTUNREACH", 20.0),
        Contact("192.0.2.3", 80, "tcp", 40.0, True, "no answer", 250.0),
        Contact("192.0.2.4", 80, "tcp", 60.0, True, "connected", 20.0),
        Contact("192.0.2.5", 80, "tcp", 90.0, False, "no answer", None),
    )


def test_without_the_sockets_own_number_the_process_tells_them_apart() -> None:
    """Where /proc is another process tree's, -y shows nothing."""
    made = "socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3 <0.000000>"
    _, contacts = found(
        f"1 100.0 {made}",
        f"2 100.0 {made.replace('STREAM', 'DGRAM')}",
        f"1 100.010 connect(3, {four('192.0.2.1')}, 16) = 0 <0.000000>",
        f"2 100.020 connect(3, {four('192.0.2.2')}, 16) = 0 <0.000000>",
    )
    assert [one.address for one in contacts] == ["192.0.2.1"]


def test_other_sockets_are_passed_over() -> None:
    lines = [
        opened("STREAM", 3, 70, "AF_UNIX"),
        "1 100.0 connect(3<socket:[70]>, {sa_family=AF_UNIX,"
        ' sun_path="/run/nscd/socket inet_addr(\\"192.0.2.1\\") htons(1)"}, 110) = 0 <0.1>',
        opened("RAW", 4, 71, "AF_NETLINK"),
        f"1 100.1 connect(5<socket:[72]>, {four('192.0.2.1')}, 16) = 0 <0.000000>",
        "[ Process PID=1 runs in 32 bit mode. ]",
        "",
    ]
    assert found(*lines) == ((), ())


def test_a_flood_is_counted_and_not_kept() -> None:
    contacts = Contacts({})
    connect = f'socket:[1]>, "", 1, 0, {four("192.0.2.1")}, 16'
    for call in read([opened("DGRAM", 3, 1)]):
        assert isinstance(call, SystemCall)
        contacts.take(call)
    for number in range(1005):
        arguments = f"3<{connect.replace('192.0.2.1', f'10.0.{number // 256}.{number % 256}')}"
        contacts.take(SystemCall("sendto", arguments, 1, at=100.0))
    looks, kept = contacts.found(100.0)
    assert (len(looks), len(kept), contacts.left_out) == (0, 1000, 5)
