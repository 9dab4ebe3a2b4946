// Package child starts the processes that tests need: none outlives the test's own, however that
// one ends.
package child

import (
	"os/exec"
	"runtime"
)

// Start starts a command and returns a channel that delivers the result of its Wait, once. If the
// system can do it (Linux) the command is killed when this process ends, even by a signal that
// prevents cleaning up: a leftover server would take processors and ports from the next run.
func Start(cmd *exec.Cmd) (<-chan error, error) {
	bind(cmd)
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() { // ends with the command
		// The system kills it at the end of the thread that started it, which a goroutine keeps for
		// itself until the command has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	return ended, <-started
}
