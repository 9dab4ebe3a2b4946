package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pair writes a certificate that ends at a time, and its key.
func pair(t *testing.T, until time.Time) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until, DNSNames: []string{"example.com"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret)
}

// A file that can't be used ends the start with 1, and a line that names it; also where no listener
// would have read it.
func TestTLSFilesAreNamed(t *testing.T) {
	cert, key := pair(t, time.Now().Add(time.Hour))
	_, other := pair(t, time.Now().Add(time.Hour))
	for _, c := range []struct {
		listen, args string
		contains     string
	}{
		{"tls", "--tls-cert /does/not/exist --tls-key " + key, "/does/not/exist: no such file"},
		{"tls", "--tls-cert " + cert + " --tls-key /does/not/exist", "/does/not/exist: no such file"},
		{"tls", "--tls-cert " + cert + " --tls-key " + other, other},
		{"tls", "--tls-cert " + cert + " --tls-key " + key + " --tls-client-ca /does/not/exist", "/does/not/exist: no such file"},
		{"udp", "--tls-cert " + cert + " --tls-key " + cert, "key " + cert},
		{"udp", "--tls-ca /does/not/exist", "/does/not/exist: no such file"},
	} {
		t.Run(c.listen, func(t *testing.T) {
			var out bytes.Buffer
			args := append([]string{"sipscript", "run", "-l", c.listen + ":127.0.0.1:0"}, strings.Fields(c.args)...)
			code := execute(args, environment{lookup: func(string) (string, bool) { return "", false }, stdout: &out, stderr: &out})
			if code != exitFailed || !strings.Contains(out.String(), c.contains) || !strings.Contains(out.String(), "PEM files that this process may read") {
				t.Errorf("%s: exit %d, want 1 with %q:\n%s", c.args, code, c.contains, &out)
			}
		})
	}
}

// A reload whose certificates are refused leaves the script as it was, too.
func TestReloadOfBadCertificatesChangesNothing(t *testing.T) {
	cert, key := pair(t, time.Now().Add(-time.Hour))
	script := filepath.Join(t.TempDir(), "route.lua")
	if err := os.WriteFile(script, []byte("function route(req) return req:reply(404) end\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := parse(t, []string{"-l", "tls:127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--drain", "0s", script}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s := newServer(set, &out)
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	s.announce(t.Context())
	defer s.drain()
	if !strings.Contains(out.String(), "a certificate is not valid at this time") || !strings.Contains(out.String(), cert) {
		t.Errorf("nobody is warned of a certificate that ended an hour ago:\n%s", &out)
	}
	if err := os.WriteFile(key, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.reload(t.Context()); err == nil || !strings.Contains(err.Error(), key) {
		t.Errorf("a reload with a bad key: %v", err)
	}
	if g := s.router.Stats().Generation; g != 1 {
		t.Errorf("generation %d serves after a reload that was refused", g)
	}
	if _, failed := s.reloads.last(); !strings.Contains(failed, key) {
		t.Errorf("the status says %q of it", failed)
	}
}

// What is said of a port that is taken says it once, and names the flag that chooses another.
func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for args, flag := range map[string]string{"-l tcp:" + taken.Addr().String(): "--listen", "-l tcp:127.0.0.1:0 --admin " + taken.Addr().String(): "--admin", "-l tcp:192.0.2.77:0": "--listen"} {
		t.Run(args, func(t *testing.T) {
			var out bytes.Buffer
			code := execute(append([]string{"sipscript", "run"}, strings.Fields(args)...), environment{lookup: func(string) (string, bool) { return "", false }, stdout: &out, stderr: &out})
			_, line, _ := strings.Cut(out.String(), "sipscript: ")
			if code != exitFailed || strings.Count(line, "choose another") != 1 || strings.Count(line, "--") != 1 || !strings.Contains(line, flag) {
				t.Errorf("%s: exit %d, want 1 and one piece of advice with %s:\n%s", args, code, flag, line)
			}
		})
	}
}
