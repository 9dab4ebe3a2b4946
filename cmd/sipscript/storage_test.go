package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeRedis answers everything with one line.
func fakeRedis(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil { // the test is over
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 4096)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					for range bytes.Count(buf[:n], []byte("*")) {
						_, _ = c.Write([]byte(answer + "\r\n"))
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// A start without Redis ends with 1 and says what to do, and no password.
func TestRedisThatIsNotThere(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		"redis://:hidden@127.0.0.1:1/0": "start Redis there, or correct the URL",
		"redis://:hidden@" + fakeRedis(t, "-NOAUTH HELLO must be called with the client already authenticated") + "/0": "put the password in the URL",
		"redis://:hidden@" + fakeRedis(t, "-WRONGPASS invalid username-password pair") + "/0":                          "put the password in the URL",
		"rediss://:hidden@127.0.0.1:1/0": "use redis:// without TLS",
	} {
		t.Run(url, func(t *testing.T) {
			var out bytes.Buffer
			code := execute([]string{"sipscript", "run", "-l", "udp:127.0.0.1:0", "--secret", secret, "--redis", url}, environment{lookup: func(string) (string, bool) { return "", false }, stdout: &out, stderr: &out})
			if code != exitFailed || !strings.Contains(out.String(), want) || strings.Contains(out.String(), "hidden") || strings.Count(out.String(), "\n") != 1 {
				t.Errorf("%s: exit %d, want 1 and one line with %q:\n%s", url, code, want, &out)
			}
		})
	}
}
