package main

import (
	"context"
	"net"
	"syscall"
	"time"
)

const (
	recordVersion = 2
	recordMax     = 16 * 1024 * 1024
	entryMax      = 29 + net.IPv6len
	largestDigits = 0xFFFFFF
)

// The EAI codes of netdb.h on Linux.
const (
	eaiBadFlags   = -1
	eaiNoName     = -2
	eaiAgain      = -3
	eaiFail       = -4
	eaiFamily     = -6
	eaiSockType   = -7
	eaiService    = -8
	eaiAddrFamily = -9
	eaiMemory     = -10
)

var resolver = net.Resolver{PreferGo: true}

// lookUp asks Go's own resolver, by the call that knows the family: LookupIPAddr, or LookupIP for one
// family, which knows no zones.
func lookUp(asked query) ([]net.IPAddr, int32) {
	switch {
	case asked.flags != 0:
		return nil, eaiBadFlags
	case asked.name == nil:
		return nil, eaiNoName
	case asked.service != nil:
		return nil, eaiService
	case asked.protocol != 0 || asked.socktype < 0 || asked.socktype > syscall.SOCK_DGRAM:
		return nil, eaiSockType
	}
	networks := map[int32]string{syscall.AF_INET: "ip4", syscall.AF_INET6: "ip6"}
	network, single := networks[asked.family]
	if !single {
		if asked.family != syscall.AF_UNSPEC {
			return nil, eaiFamily
		}
		found, err := resolver.LookupIPAddr(context.Background(), *asked.name)
		return found, code(err)
	}
	ips, err := resolver.LookupIP(context.Background(), network, *asked.name)
	found := make([]net.IPAddr, len(ips))
	for i, ip := range ips {
		found[i].IP = ip
	}
	return found, code(err)
}

// code is the EAI code that says most nearly what an error of Go's says. A name without an address
// of the family is no error of DNS to Go.
func code(err error) int32 {
	switch one := err.(type) {
	case nil:
		return 0
	case *net.AddrError:
		return eaiAddrFamily
	case *net.DNSError:
		switch {
		case one.IsNotFound:
			return eaiNoName
		case one.IsTimeout, one.IsTemporary:
			return eaiAgain
		}
	}
	return eaiFail
}

// scope is the number that Go's sockets give the kernel for a zone: the index of an interface, else
// the decimal number that it begins with.
func scope(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if found, err := net.InterfaceByName(zone); err == nil {
		return uint32(found.Index)
	}
	number := uint32(0)
	for i := 0; i < len(zone) && '0' <= zone[i] && zone[i] <= '9'; i++ {
		number = number*10 + uint32(zone[i]-'0')
		if number >= largestDigits {
			return largestDigits
		}
	}
	return number
}

// putRecord appends the record of one look-up: an entry for each address, of no socket type.
func putRecord(to []byte, asked query) []byte {
	before := time.Now()
	found, eai := lookUp(asked)
	elapsed := uint64(time.Since(before))
	errno := syscall.Errno(0)
	if len(found) > recordMax/entryMax {
		found, eai, errno = nil, eaiMemory, syscall.ENOMEM
	}
	to = put32(append(to, recordVersion), uint32(eai), uint32(errno), uint32(elapsed), uint32(elapsed>>32))
	to = putBytes(to, []byte(version()))
	count := len(to)
	to = put32(to, 0)
	entries := uint32(0)
	for _, one := range found {
		family, size := uint32(syscall.AF_INET6), uint32(syscall.SizeofSockaddrInet6)
		address, zone := one.IP, scope(one.Zone)
		if four := address.To4(); four != nil {
			family, size = syscall.AF_INET, syscall.SizeofSockaddrInet4
			address, zone = four, 0
		} else if len(address) != net.IPv6len {
			continue // Go before 1.21 gives one without an address for an empty name
		}
		to = put32(to, family, 0, 0, 0, size)
		to = append(to, byte(family), byte(family>>8), 0, 0)
		to = putBytes(put32(to, zone), address)
		entries++
	}
	little.PutUint32(to[count:], entries)
	if eai == 0 {
		to = put32(to, 0) // canonical names
	}
	return to
}
