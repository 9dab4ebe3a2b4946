package child

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// A command outlives the goroutine that asked for it, and not the process, were it killed.
func TestNobodyIsLeft(t *testing.T) {
	if os.Getenv("CHILD_TEST") != "" { // the process that is to be killed
		cmd := exec.Command("sleep", "600")
		cmd.Stdout = os.Stdout // the pipe's end is open for as long as it runs
		done := make(chan struct{})
		go func() {
			defer close(done)
			runtime.LockOSThread() // a thread that ends with this goroutine
			if _, err := Start(cmd); err != nil {
				t.Error(err)
			}
		}()
		<-done
		if _, err := os.Stdout.WriteString("started\n"); err != nil {
			t.Error(err)
		}
		select {}
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestNobodyIsLeft$")
	cmd.Env = append(os.Environ(), "CHILD_TEST=1")
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout = in
	ended, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	lines, line := bufio.NewReader(out), make(chan string, 1)
	go func() { // ends with the line
		text, _ := lines.ReadString('\n')
		line <- text
	}()
	select {
	case text := <-line:
		if text != "started\n" {
			t.Fatalf("it says %q", text)
		}
	case <-time.After(time.Minute):
		t.Fatal("it starts nobody")
	}
	read := make(chan error, 1)
	go func() { // ends when nobody has the other end of the pipe
		_, err := io.Copy(io.Discard, lines)
		read <- err
	}()
	select {
	case <-read:
		t.Fatal("the command ended with the goroutine that asked for it")
	case <-time.After(50 * time.Millisecond):
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-read:
	case <-time.After(time.Minute):
		t.Fatal("the command outlives the process that started it")
	}
	<-ended
}

func TestWhatCannotStart(t *testing.T) {
	if ended, err := Start(exec.Command("/does/not/exist")); err == nil {
		t.Errorf("no error, and %v", <-ended)
	}
}
