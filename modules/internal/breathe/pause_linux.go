package breathe

// A pause by a timer of the kernel.

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// pause waits for a timer as one waits for the network, so that whatever the network has brought is
// found first. time.Sleep would take more than 1 ms where nothing else is to be done: the runtime
// waits for the network and its own timers at once, by epoll_wait(2), which counts milliseconds.
func pause() {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil { // there are too many files, perhaps
		time.Sleep(length)
		return
	}
	f := os.NewFile(uintptr(fd), "timer")
	defer f.Close()
	var fired [8]byte
	err = unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(length.Nanoseconds())}, nil)
	if err == nil {
		_, err = f.Read(fired[:])
	}
	if err != nil {
		time.Sleep(length)
	}
}
