// Command worker answers look-ups by Go's own resolver, as csrc/PROTOCOL.md says.
//
// It runs itself anew for each session, with the same descriptors: Go keeps what it has read of
// /etc for the whole process, and a Go process cannot be forked. It is built without cgo, from the
// standard library alone, by any Go since 1.15.
package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	protocolVersion = 1
	cookieSize      = 16
)

// How a session's process ends by itself. Go's own status for a panic, 2, is none of them.
const (
	exitOK        = 0
	exitQuit      = 3
	exitBroken    = 4
	exitBadInput  = 12
	workerBad     = 2
	endExit       = 0
	endSignal     = 1
	endTimeout    = 2
	endNoProcess  = 3
	sessionMarker = "session"
)

func init() {
	// The parent-death signal comes when the thread ends that started a session; the main one does
	// not end before the process.
	runtime.LockOSThread()
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == sessionMarker {
		number, err := strconv.ParseUint(os.Args[2], 10, 32)
		if err != nil {
			os.Exit(exitBroken)
		}
		os.Exit(serve(uint32(number)))
	}
	os.Exit(work())
}

// version is that of this Go as numbers: "1.19.8".
func version() string {
	text := runtime.Version()
	text = text[strings.Index(text, "go")+2:]
	end := 0
	for end < len(text) && (text[end] == '.' || '0' <= text[end] && text[end] <= '9') {
		end++
	}
	return strings.TrimRight(text[:end], ".")
}

// work serves session after session until the input ends; it gives the exit status.
func work() int {
	syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0)
	last := uint32(0)
	if writeFrame('H', putBytes(put32(nil, protocolVersion), []byte(version()))) != nil {
		return exitBroken
	}
	for {
		asked, why := readFrame()
		switch {
		case why == ended:
			return exitOK
		case why != fine:
			return fail(string(why))
		case asked.kind == 'Q' && len(asked.payload) == 0:
			return exitOK
		case asked.kind != 'O':
			return fail("bad frame type outside a session")
		case len(asked.payload) != 4:
			return fail("bad open request")
		}
		session := little.Uint32(asked.payload)
		if session <= last {
			return fail("session numbers must grow")
		}
		last = session
		if status, done := run(session); done {
			return status
		}
	}
}

// fail says what is wrong with the input; the status says the same where nobody reads.
func fail(text string) int {
	_ = writeFrame('X', []byte(text))
	return workerBad
}

// run has one session served by a process of its own; done where the worker is to end.
func run(session uint32) (status int, done bool) {
	how, value := byte(endExit), 0
	pid, err := syscall.ForkExec(
		os.Args[0],
		[]string{os.Args[0], sessionMarker, strconv.FormatUint(uint64(session), 10)},
		&syscall.ProcAttr{
			Env:   []string{}, // RES_OPTIONS, LOCALDOMAIN, GODEBUG and others would change answers
			Files: []uintptr{0, 1, 2},
			Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
		},
	)
	if err != nil {
		number, _ := err.(syscall.Errno)
		how, value = endNoProcess, int(number)
	} else {
		var end syscall.WaitStatus
		for {
			if _, err = syscall.Wait4(pid, &end, 0, nil); err != syscall.EINTR {
				break
			}
		}
		if err != nil {
			return exitBroken, true
		}
		value = end.ExitStatus()
		if end.Signaled() {
			how, value = endSignal, int(end.Signal())
			if end.Signal() == syscall.SIGALRM {
				how = endTimeout
			}
		} else if value == exitBadInput {
			return workerBad, true // it has written the error frame
		}
	}
	quits := how == endExit && value == exitQuit
	if quits {
		value = 0
	}
	cookie := newCookie(session)
	if writeFrame('D', append(put32(append(put32(nil, session), how), uint32(value)), cookie...)) != nil {
		return exitBroken, true
	}
	if quits || (how != endExit || value != 0) && resynchronise(cookie) != fine {
		return exitOK, true
	}
	return 0, false
}

// newCookie gives bytes that no request written so far can hold: they need to be new, not secret.
func newCookie(session uint32) []byte {
	now := uint64(time.Now().UnixNano())
	return put32(nil, uint32(now), uint32(now>>32), session, uint32(os.Getpid()))
}

// resynchronise drops what was sent to a session that died, up to and with the frame of a cookie.
// How much of its last frame the dead process had read cannot be known, so bytes are searched.
func resynchronise(cookie []byte) problem {
	wanted := string(append(append(put32(nil, cookieSize), 'R'), cookie...))
	seen := make([]byte, len(wanted))
	matched := 0
	for matched < len(wanted) {
		// the frame cannot end earlier than this, so nothing behind it is taken
		if why := readAll(seen[matched:]); why != fine {
			return why
		}
		for matched = len(wanted); matched > 0; matched-- {
			if string(seen[len(seen)-matched:]) == wanted[:matched] {
				break
			}
		}
		copy(seen, seen[len(seen)-matched:])
	}
	return fine
}
