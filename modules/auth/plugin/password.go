package plugin

// Passwords: typed unseen, or read from standard input.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/sipscript/sipscript/modules/host"
)

// maxPassword bounds what is read, in bytes.
const maxPassword = 1024

// readPassword reads a password: a line of standard input, or what is typed twice at the terminal.
func readPassword(c *host.Invocation, fromStdin bool) (string, error) {
	if fromStdin {
		line, err := bufio.NewReader(io.LimitReader(c.Stdin, maxPassword+2)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("standard input: %w", err)
		}
		return checkPassword(strings.TrimRight(line, "\r\n"))
	}
	f, ok := c.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", host.Usagef("there is no terminal to ask for the password: pass it on standard input with --password-stdin")
	}
	var typed [2]string
	for i, prompt := range []string{"Password: ", "Repeat the password: "} {
		fmt.Fprint(c.Stderr, prompt)
		text, err := readUnseen(int(f.Fd()))
		fmt.Fprintln(c.Stderr)
		if err != nil {
			return "", err
		}
		typed[i] = text
	}
	if typed[0] != typed[1] {
		return "", errors.New("the passwords differ; nothing was changed")
	}
	return checkPassword(typed[0])
}

// readUnseen reads a line without echo. An interrupt restores the echo.
func readUnseen(fd int) (string, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(interrupted)
	var text []byte
	read := make(chan error, 1)
	go func() { // ends with the line; after an interrupt with the process
		line, err := term.ReadPassword(fd)
		text = line
		read <- err
	}()
	select {
	case err := <-read:
		if err != nil {
			return "", fmt.Errorf("reading the password: %w", err)
		}
		return string(text), nil
	case <-interrupted:
		_ = term.Restore(fd, before)
		return "", errors.New("interrupted; nothing was changed")
	}
}

func checkPassword(s string) (string, error) {
	switch {
	case s == "":
		return "", errors.New("the password is empty; nothing was changed")
	case len(s) > maxPassword:
		return "", fmt.Errorf("the password has more than %d bytes; nothing was changed", maxPassword)
	}
	return s, nil
}
