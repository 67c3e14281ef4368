package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"unsafe"
)

// As linux/signal.h and bits/signum.h number them.
const (
	signals      = 32
	sigSetMask   = 2
	signalSet    = 8
	timerReal    = 0
	actionSize   = 64 // of struct sigaction at most, on any architecture
	secondMs     = 1000
	microsOfMs   = 1000
	resourceCore = syscall.RLIMIT_CORE
)

// becomeSession gives the process what a fresh one has, and lets it leave no core file.
func becomeSession() {
	// What Go's runtime handles is handled as in a program that is none of Go's: an alarm, a fault or
	// a signal from outside ends the process, and the worker sees by which.
	var action [actionSize]byte
	for number := uintptr(1); number < signals; number++ {
		syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, number,
			uintptr(unsafe.Pointer(&action)), 0, signalSet, 0, 0)
	}
	var none [signalSet]byte
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, sigSetMask,
		uintptr(unsafe.Pointer(&none)), 0, signalSet, 0, 0)
	runtime.UnlockOSThread()
	setAlarm(0)
	_ = syscall.Setrlimit(resourceCore, &syscall.Rlimit{})
	// A panic becomes SIGABRT, which is a death, and no exit status.
	debug.SetTraceback("crash")
	// The answers to A and AAAA are kept in the order in which their goroutines come to run: with one
	// processor that is the order in which they arrive.
	runtime.GOMAXPROCS(1)
}

// setAlarm has SIGALRM end the process in so many milliseconds; with 0 it takes that back.
func setAlarm(ms uint32) {
	var timer struct{ interval, value syscall.Timeval }
	timer.value = syscall.NsecToTimeval(int64(ms) * microsOfMs * 1000)
	syscall.RawSyscall(syscall.SYS_SETITIMER, timerReal, uintptr(unsafe.Pointer(&timer)), 0)
}

// serve answers the requests of one session; it gives the exit status.
func serve(session uint32) int {
	becomeSession()
	if writeFrame('S', put32(nil, session, uint32(os.Getpid()))) != nil {
		return exitBroken
	}
	for {
		asked, why := readFrame()
		if why == ended {
			return exitOK
		}
		if why != fine {
			return refuse(string(why))
		}
		if asked.kind == 'Q' && len(asked.payload) == 0 {
			return exitQuit
		}
		if asked.kind != 'L' && asked.kind != 'V' && asked.kind != 'E' {
			return refuse("bad frame type in a session")
		}
		if len(asked.payload) < 4 || little.Uint32(asked.payload) != session {
			return refuse("wrong session number")
		}
		reply := put32(nil, session)
		switch asked.kind {
		case 'E':
			if len(asked.payload) != 4 {
				return refuse("bad end request")
			}
			return exitOK
		case 'L':
			wanted, ok := parseLookup(asked.payload)
			if !ok {
				return refuse("bad lookup request")
			}
			setAlarm(wanted.timeout)
			reply = putRecord(reply, wanted)
			setAlarm(0)
			why := writeFrame('A', reply)
			if why != nil {
				return exitBroken
			}
		case 'V':
			if len(asked.payload) < viewFixed {
				return refuse("bad view request")
			}
			timeout := little.Uint32(asked.payload[4:])
			if timeout == 0 || timeout > longestMs {
				return refuse("bad view request")
			}
			setAlarm(timeout)
			reply, ok := putView(reply, asked.payload[viewFixed:])
			setAlarm(0)
			if !ok {
				return refuse("bad view request")
			}
			if writeFrame('V', reply) != nil {
				return exitBroken
			}
		}
	}
}

func refuse(text string) int {
	fail(text)
	return exitBadInput
}
