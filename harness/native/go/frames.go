package main

import (
	"encoding/binary"
	"syscall"
)

const (
	headerSize = 5
	requestMax = 160 * 1024
	textFixed  = 24
	viewFixed  = 8
	longestMs  = 86400000
)

// A problem of the input, in the words of the error frame; ended is none.
type problem string

const (
	fine      problem = ""
	ended     problem = "ended"
	truncated problem = "truncated frame"
	tooLong   problem = "frame too long"
	broken    problem = "cannot read"
)

var little = binary.LittleEndian

// A frame as it came.
type frame struct {
	kind    byte
	payload []byte
}

// readAll fills a buffer from descriptor 0, and reads not a byte beyond it: what follows may be
// another process's. It is ended only where there was no byte at all.
func readAll(to []byte) problem {
	got := 0
	for got < len(to) {
		n, err := syscall.Read(0, to[got:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return broken
		}
		if n == 0 {
			if got == 0 {
				return ended
			}
			return truncated
		}
		got += n
	}
	return fine
}

func readFrame() (frame, problem) {
	var header [headerSize]byte
	if why := readAll(header[:]); why != fine {
		return frame{}, why
	}
	length := little.Uint32(header[:])
	if length > requestMax {
		return frame{}, tooLong
	}
	found := frame{header[4], make([]byte, length)}
	why := readAll(found.payload)
	if why == ended {
		why = truncated
	}
	return found, why
}

// writeFrame writes a whole frame with one call, where the pipe takes it: 0, or a failure.
func writeFrame(kind byte, payload []byte) error {
	data := make([]byte, headerSize, headerSize+len(payload))
	little.PutUint32(data, uint32(len(payload)))
	data[4] = kind
	data = append(data, payload...)
	for len(data) > 0 {
		n, err := syscall.Write(1, data)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

func put32(to []byte, values ...uint32) []byte {
	for _, value := range values {
		to = append(to, byte(value), byte(value>>8), byte(value>>16), byte(value>>24))
	}
	return to
}

// putBytes appends at most 255 bytes behind their number.
func putBytes(to []byte, data []byte) []byte {
	if len(data) > 255 {
		data = data[:255]
	}
	return append(append(to, byte(len(data))), data...)
}

// A query is what a lookup request asks; nil texts are NULL.
type query struct {
	timeout                           uint32
	family, socktype, protocol, flags int32
	name, service                     *string
}

func takeText(data []byte) (text *string, rest []byte, ok bool) {
	if len(data) < 3 {
		return nil, nil, false
	}
	present, size := data[0], int(data[1])|int(data[2])<<8
	data = data[3:]
	if present == 0 {
		return nil, data, size == 0
	}
	if present != 1 || len(data) < size+1 || data[size] != 0 {
		return nil, nil, false
	}
	for _, one := range data[:size] {
		if one == 0 {
			return nil, nil, false
		}
	}
	found := string(data[:size])
	return &found, data[size+1:], true
}

func parseLookup(payload []byte) (asked query, ok bool) {
	if len(payload) < textFixed {
		return asked, false
	}
	number := func(at int) int32 { return int32(little.Uint32(payload[at:])) }
	asked = query{
		timeout: little.Uint32(payload[4:]),
		family:  number(8), socktype: number(12), protocol: number(16), flags: number(20),
	}
	rest := payload[textFixed:]
	if asked.name, rest, ok = takeText(rest); !ok {
		return asked, false
	}
	if asked.service, rest, ok = takeText(rest); !ok {
		return asked, false
	}
	if len(rest) == 1 && rest[0] == 0 { // NULL for the hints: there are none
		asked.family, asked.socktype, asked.protocol, asked.flags = 0, 0, 0, 0
		rest = nil
	}
	return asked, len(rest) == 0 && asked.timeout > 0 && asked.timeout <= longestMs
}
