"""Calling the real ``getaddrinfo``: in this interpreter's glibc or in any other.

A *lane* reaches one glibc. Each *session* of a lane is a process that has never called
``getaddrinfo`` before, so that it reads gai.conf afresh.

Example:
    >>> from harness.native.cffi_lane import CffiLane
    >>> from harness.native.record import Query
    >>> with CffiLane() as lane, lane.open() as session:
    ...     answer = session.lookup(Query("192.0.2.9"))
    >>> str(answer.addrinfos[0].address)
    '192.0.2.9'
"""
