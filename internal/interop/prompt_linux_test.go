package interop

// The password that is typed at a terminal: a real one, with the command as its foreground process.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipscript/sipscript/internal/child"
)

// terminal is a pseudo terminal with a command at it.
type terminal struct {
	t    *testing.T
	pty  *os.File // the side of who types and reads
	out  *lines
	cmd  *exec.Cmd
	done <-chan error // the command's end
}

func atTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo terminals here: ", err)
	}
	t.Cleanup(func() { _ = pty.Close() })
	n, err := unix.IoctlGetInt(int(pty.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(pty.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	side, err := os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	// Kept open: what the terminal is set to outlives the command
	t.Cleanup(func() { _ = side.Close() })
	x := &terminal{t: t, pty: pty, out: newLines()}
	x.cmd = exec.Command(commands, args...)
	x.cmd.Env = withoutOurs(os.Environ())
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = side, side, side
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if x.done, err = child.Start(x.cmd); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the terminal
		buf := make([]byte, 1024)
		for {
			n, err := pty.Read(buf)
			if err != nil {
				return
			}
			_, _ = x.out.Write(buf[:n])
		}
	}()
	return x
}

// echoes reports whether the terminal shows what is typed.
func (x *terminal) echoes() bool {
	x.t.Helper()
	s, err := unix.IoctlGetTermios(int(x.pty.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return s.Lflag&unix.ECHO != 0
}

// answer types a line once the prompt is there and the echo is off.
func (x *terminal) answer(prompt, text string) {
	x.t.Helper()
	eventually(x.t, "it asks "+prompt, func() bool { return strings.HasSuffix(x.out.text(), prompt) && !x.echoes() })
	if _, err := x.pty.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}

// end waits for the command and returns its exit code.
func (x *terminal) end() int {
	x.t.Helper()
	select {
	case <-x.done:
	case <-time.After(patience):
		_ = x.cmd.Process.Kill()
		x.t.Fatal("it does not end")
	}
	return x.cmd.ProcessState.ExitCode()
}

func TestPasswordPrompt(t *testing.T) {
	store := "sqlite:" + filepath.Join(t.TempDir(), "users")
	run := func(what string) *terminal {
		return atTerminal(t, "user", what, "--store", store, "--realm", "example.com", "alice")
	}
	listed := func() string {
		out, _ := command(t, "user", "list", "--store", store)
		return out
	}
	for _, c := range []struct {
		name, command string
		answers       []string
		code          int
		says          string
		listed        bool
	}{
		{"not the same twice", "add", []string{"sesame\n", "sesam\n"}, 1, "the passwords differ; nothing was changed", false},
		{"^C", "add", []string{"\x03"}, 1, "interrupted; nothing was changed", false},
		{"^C at the second time", "add", []string{"sesame\n", "ses\x03"}, 1, "interrupted; nothing was changed", false},
		{"nothing", "add", []string{"\n", "\n"}, 1, "the password is empty", false},
		{"added", "add", []string{"sesame\n", "sesame\n"}, 0, "", true},
		// With a correction
		{"changed", "passwd", []string{"se\x7fsame\n", "ssame\n"}, 0, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := run(c.command)
			x.t = t
			for i, text := range c.answers {
				x.answer([]string{"Password: ", "Repeat the password: "}[i], text)
			}
			if code := x.end(); code != c.code {
				t.Errorf("exit %d, want %d", code, c.code)
			}
			if !x.echoes() {
				t.Error("the terminal was left without echo")
			}
			eventually(t, "it says "+c.says, func() bool { return strings.Contains(x.out.text(), c.says) })
			if out := x.out.text(); strings.Contains(out, "ses") || strings.Contains(out, "same\r") {
				t.Errorf("the password is to be seen:\n%s", out)
			}
			if got := strings.Contains(listed(), "alice\texample.com"); got != c.listed {
				t.Errorf("listed: %v", got)
			}
		})
	}
}
