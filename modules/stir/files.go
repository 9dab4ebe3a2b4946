package stir

// Our certificate and key, and those of authorities: files, read again when they have changed.

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/modules/stir/passport"
)

const (
	// look is how often files are checked. Changed ones are read once they look the same twice.
	look = time.Second
	// mostBytes bounds a file; the list of all authorities of a country has some 100 kB.
	mostBytes = 8 << 20
)

// Config is what a script sets.
type Config struct {
	Certificate string        `lua:"certificate" doc:"our certificate and those that lead to its authority: a file of PEM, or the PEM text itself"`
	Key         string        `lua:"key" doc:"its private key: a file of PEM, or the text"`
	X5U         string        `lua:"x5u" doc:"the https URL where others get the certificate"`
	Roots       []string      `lua:"roots" doc:"the certificates of authorities: files of PEM, or texts; needed to verify"`
	MaxAge      time.Duration `lua:"max_age,reloadable" min:"1" max:"3600" default:"60" doc:"by how much Date and iat may differ from now"`
	Hosts       []string      `lua:"hosts" default:"any" doc:"the hosts that certificates are fetched from: \"cert.example.org\", \"*.example.org\", \"cert.example.org:8444\""`
	Authority   bool          `lua:"authority" default:"true" doc:"false: a certificate may sign for numbers that it does not name (TNAuthList)"`
}

// DefaultConfig is what a script gets that sets nothing.
func DefaultConfig() Config { return Config{MaxAge: time.Minute, Authority: true} }

// Check refuses what makes no sense.
func (c *Config) Check() error {
	set := 0
	for _, s := range [...]string{c.Certificate, c.Key, c.X5U} {
		if s != "" {
			set++
		}
	}
	switch {
	case set != 0 && set != 3:
		return errors.New("certificate, key and x5u belong together")
	case c.MaxAge <= 0:
		return errors.New("max_age must be more than 0 seconds")
	}
	if set > 0 {
		if _, err := where(c.X5U, nil); err != nil {
			return fmt.Errorf("x5u: %w", err)
		}
	}
	for _, h := range c.Hosts {
		if u, err := url.Parse("https://" + strings.TrimPrefix(h, "*.")); err != nil || u.Host == "" || u.Host != strings.TrimPrefix(h, "*.") {
			return fmt.Errorf("hosts: %.80q is not a host", h)
		}
	}
	return nil
}

// setup is a configuration with its files.
type setup struct {
	Config
	stir  *Stir
	own   atomic.Pointer[own]           // nil: nothing is signed
	roots atomic.Pointer[x509.CertPool] // nil: nothing is verified
	seen  map[string]os.FileInfo        // the files as they were read; the watcher's
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// own is our certificate.
type own struct {
	key  *ecdsa.PrivateKey
	cert *passport.Certificate
}

// open reads the files, and reads them again when they change until close.
func (s *Stir) open(c Config) (*setup, error) {
	u, err := s.prepare(c)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	u.stop = stop
	if len(u.files()) > 0 {
		u.ended.Go(func() { u.watch(ctx) }) // ends with close
	}
	return u, nil
}

// prepare reads the files.
func (s *Stir) prepare(c Config) (*setup, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	u := &setup{Config: c, stir: s, seen: map[string]os.FileInfo{}, stop: func() {}}
	if err := u.load(); err != nil {
		return nil, err
	}
	return u, nil
}

func (u *setup) close() {
	if u != nil {
		u.stop()
		u.ended.Wait()
	}
}

// files are those that are read; a text in place of a file can't change.
func (u *setup) files() (list []string) {
	for _, s := range append([]string{u.Certificate, u.Key}, u.Roots...) {
		if s != "" && !isText(s) {
			list = append(list, s)
		}
	}
	return list
}

// isText reports whether an option is the PEM itself, as secrets come in environment variables, and
// not a file's name.
func isText(s string) bool { return strings.HasPrefix(s, "-----BEGIN ") }

// nameOf is what an error calls a file, and never a key.
func nameOf(s, option string) string {
	if isText(s) {
		return option
	}
	return s
}

// load reads all files, and puts them into force only if all are right.
func (u *setup) load() error {
	for _, path := range u.files() {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		u.seen[path] = info
	}
	var o *own
	if u.Certificate != "" {
		var err error
		if o, err = readOwn(u.Certificate, u.Key); err != nil {
			return err
		}
	}
	var roots *x509.CertPool
	if len(u.Roots) > 0 {
		roots = x509.NewCertPool()
	}
	for _, path := range u.Roots {
		b, err := read(path)
		if err == nil {
			err = passport.ReadRoots(roots, b)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", nameOf(path, "roots"), err)
		}
	}
	u.own.Store(o)
	u.roots.Store(roots)
	return nil
}

func read(path string) ([]byte, error) {
	if isText(path) {
		return []byte(path), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, mostBytes+1))
	if err == nil && len(b) > mostBytes {
		err = fmt.Errorf("the file has more than %d bytes", mostBytes)
	}
	return b, err
}

func readOwn(certificate, key string) (*own, error) {
	b, err := read(certificate)
	if err != nil {
		return nil, err
	}
	c, err := passport.ReadCertificate(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", nameOf(certificate, "certificate"), err)
	}
	if b, err = read(key); err != nil {
		return nil, err
	}
	k, err := parseKey(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", nameOf(key, "key"), err)
	}
	if !k.PublicKey.Equal(c.Key) {
		return nil, fmt.Errorf("%s is not the key of %s", nameOf(key, "key"), nameOf(certificate, "certificate"))
	}
	return &own{k, c}, nil
}

var errKey = errors.New("there is no private key of P-256 in it")

// parseKey reads the first private key of a PEM text.
func parseKey(b []byte) (*ecdsa.PrivateKey, error) {
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		var found any
		var err error
		switch block.Type {
		case "EC PRIVATE KEY":
			found, err = x509.ParseECPrivateKey(block.Bytes)
		case "PRIVATE KEY":
			found, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		default:
			continue
		}
		k, ok := found.(*ecdsa.PrivateKey)
		if err != nil || !ok || k.Curve != elliptic.P256() {
			return nil, errKey
		}
		return k, nil
	}
	return nil, errKey
}

// watch reads the files again when one has changed. If one is bad, all remain as they were.
func (u *setup) watch(ctx context.Context) {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	var before map[string]os.FileInfo
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		before = u.glance(before)
	}
}

// glance reads the files if they are not those that were read, and have not changed since they were
// seen.
func (u *setup) glance(before map[string]os.FileInfo) map[string]os.FileInfo {
	now := map[string]os.FileInfo{}
	for _, path := range u.files() {
		info, err := os.Stat(path)
		if err != nil { // it is being replaced
			return nil
		}
		now[path] = info
	}
	if same(now, u.seen) {
		return nil
	}
	if !same(now, before) {
		return now
	}
	if err := u.load(); err != nil {
		u.stir.count.bad.Add(1)
		u.stir.log.Error("stir: the certificates can't be read again; those before remain in force", "error", err)
		return nil
	}
	u.stir.count.reread.Add(1)
	u.stir.log.Info("stir: the certificates were read again")
	return nil
}

func same(a, b map[string]os.FileInfo) bool {
	for path, info := range a {
		o := b[path]
		if o == nil || !os.SameFile(info, o) || info.Size() != o.Size() || !info.ModTime().Equal(o.ModTime()) {
			return false
		}
	}
	return true
}
