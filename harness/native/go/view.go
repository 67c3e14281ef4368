package main

import (
	"net"
	"syscall"
	"unsafe"
)

const (
	ifaFlags    = 8 // linux/if_addr.h
	discardPort = 9
)

// putView appends what the kernel looks like from here; it is not ok where the request is none.
func putView(to []byte, request []byte) (_ []byte, ok bool) {
	if len(request) == 0 || request[0] != 'S' && len(request) != 1 {
		return nil, false
	}
	start := len(to)
	to = put32(to, 0, 0)
	count, err := uint32(0), error(nil)
	switch request[0] {
	case 'A':
		to, count, err = putDump(to, syscall.RTM_GETADDR, syscall.RTM_NEWADDR, putAddress)
	case 'L':
		to, count, err = putDump(to, syscall.RTM_GETLINK, syscall.RTM_NEWLINK, putLink)
	case 'S':
		if to, count, err = putSources(to, request[1:]); err == syscall.EBADMSG {
			return nil, false
		}
	default:
		return nil, false
	}
	number, _ := err.(syscall.Errno)
	if err != nil {
		to, count = to[:start+8], 0
	}
	little.PutUint32(to[start:], uint32(number))
	little.PutUint32(to[start+4:], count)
	return to, true
}

type putRow func([]byte, *syscall.NetlinkMessage) []byte

func putDump(to []byte, ask int, wanted uint16, put putRow) ([]byte, uint32, error) {
	data, err := syscall.NetlinkRIB(ask, syscall.AF_UNSPEC)
	if err != nil {
		return to, 0, err
	}
	messages, err := syscall.ParseNetlinkMessage(data)
	if err != nil {
		return to, 0, err
	}
	count := uint32(0)
	for i := range messages {
		if messages[i].Header.Type == wanted {
			to = put(to, &messages[i])
			count++
		}
	}
	return to, count, nil
}

func attributes(message *syscall.NetlinkMessage) map[uint16][]byte {
	found := map[uint16][]byte{}
	parsed, _ := syscall.ParseNetlinkRouteAttr(message)
	for _, one := range parsed {
		found[one.Attr.Type] = one.Value
	}
	return found
}

func putAddress(to []byte, message *syscall.NetlinkMessage) []byte {
	fixed := (*syscall.IfAddrmsg)(unsafe.Pointer(&message.Data[0]))
	found := attributes(message)
	flags := uint32(fixed.Flags)
	if wide := found[ifaFlags]; len(wide) == 4 {
		flags = *(*uint32)(unsafe.Pointer(&wide[0]))
	}
	to = append(to, fixed.Family, fixed.Prefixlen, fixed.Flags, fixed.Scope)
	to = put32(to, fixed.Index, flags)
	return putBytes(putBytes(to, found[syscall.IFA_ADDRESS]), found[syscall.IFA_LOCAL])
}

func putLink(to []byte, message *syscall.NetlinkMessage) []byte {
	fixed := (*syscall.IfInfomsg)(unsafe.Pointer(&message.Data[0]))
	name := attributes(message)[syscall.IFLA_IFNAME]
	for len(name) > 0 && name[len(name)-1] == 0 {
		name = name[:len(name)-1]
	}
	index, again := 0, ""
	if found, err := net.InterfaceByName(string(name)); err == nil {
		index = found.Index
	}
	if found, err := net.InterfaceByIndex(int(fixed.Index)); err == nil {
		again = found.Name
	}
	to = put32(to, uint32(fixed.Index))
	to = append(to, byte(fixed.Type), byte(fixed.Type>>8))
	return putBytes(putBytes(put32(to, fixed.Flags, uint32(index)), name), []byte(again))
}

// putSources appends the source of a UDP socket for each destination; EBADMSG where one is none.
func putSources(to []byte, request []byte) ([]byte, uint32, error) {
	if len(request) < 4 {
		return to, 0, syscall.EBADMSG
	}
	family, count := int(int32(little.Uint32(request))), uint32(0)
	kind := syscall.SOCK_DGRAM | syscall.SOCK_CLOEXEC
	first, err := syscall.Socket(family, kind, 0)
	if err != nil {
		return to, 0, err
	}
	syscall.Close(first)
	for at := request[4:]; len(at) > 0; count++ {
		var target syscall.Sockaddr
		size := int(at[0])
		switch {
		case size == net.IPv4len && len(at) >= 1+size:
			four := &syscall.SockaddrInet4{Port: discardPort}
			copy(four.Addr[:], at[1:])
			target, at = four, at[1+size:]
		case size == net.IPv6len && len(at) >= 5+size:
			six := &syscall.SockaddrInet6{Port: discardPort, ZoneId: little.Uint32(at[1+size:])}
			copy(six.Addr[:], at[1:])
			target, at = six, at[5+size:]
		default:
			return to, 0, syscall.EBADMSG
		}
		to = putSource(to, family, kind, target)
	}
	return to, count, nil
}

func putSource(to []byte, family, kind int, target syscall.Sockaddr) []byte {
	socket, err := syscall.Socket(family, kind, 0)
	var source syscall.Sockaddr
	if err == nil {
		defer syscall.Close(socket)
		if err = syscall.Connect(socket, target); err == nil {
			source, err = syscall.Getsockname(socket)
		}
	}
	number, _ := err.(syscall.Errno)
	switch one := source.(type) {
	case *syscall.SockaddrInet4:
		return putBytes(put32(to, 0, syscall.AF_INET, 0), one.Addr[:])
	case *syscall.SockaddrInet6:
		return putBytes(put32(to, 0, syscall.AF_INET6, one.ZoneId), one.Addr[:])
	}
	return putBytes(put32(to, uint32(number), 0, 0), nil)
}
