package admin

// Who may ask and who may act: the file of bearer tokens.

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
)

// Role is what somebody may do.
type Role uint8

// The roles; each may do what those before it may.
const (
	Nothing Role = iota
	Read         // ask
	Act          // change something
)

// String is the role as the file has it.
func (r Role) String() string {
	switch r {
	case Read:
		return "read"
	case Act:
		return "act"
	}
	return "none"
}

// ParseRole reads a role: none, read or act.
func ParseRole(text string) (r Role, ok bool) {
	for _, r := range []Role{Nothing, Read, Act} {
		if r.String() == text {
			return r, true
		}
	}
	return Nothing, false
}

// Bounds of the file.
const (
	maxTokens     = 1000
	maxTokensFile = 1 << 20 // bytes
)

// Tokens are those of a file, of which a line is
//
//	NAME ROLE sha256:HASH
//
// with the hash of the token in hex, or "loopback ROLE", what this machine may do without a token
// ("act" unless it is said). What follows a "#" is a comment. The file holds no token itself.
type Tokens struct {
	path string
	list atomic.Pointer[tokenList]

	mu    sync.Mutex
	asked map[*asked]struct{} // guarded by mu: requests under way
}

// asked is a request under way.
type asked struct {
	may    func() bool // still
	end    func()
	reread func() // called when roles were read again, nil: nobody asks. Guarded by Tokens.mu
}

// follow ends a request when its token is gone, until forget is called. onReread is given what is
// to be called whenever the roles were read again.
func (t *Tokens) follow(may func() bool, end func()) (forget func(), onReread func(f func())) {
	one := &asked{may: may, end: end}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked == nil {
		t.asked = map[*asked]struct{}{}
	}
	t.asked[one] = struct{}{}
	forget = func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.asked, one)
	}
	return forget, func(f func()) {
		t.mu.Lock()
		defer t.mu.Unlock()
		one.reread = f
	}
}

// tellOthers ends the requests whose tokens are gone, as streams may have no end of their own, and
// tells the others that roles may have changed.
func (t *Tokens) tellOthers() {
	var tell []func()
	t.mu.Lock()
	for one := range t.asked {
		switch {
		case !one.may():
			one.end()
		case one.reread != nil:
			tell = append(tell, one.reread)
		}
	}
	t.mu.Unlock()
	for _, f := range tell {
		f()
	}
}

type tokenList struct {
	loopback Role
	tokens   []token
	lines    int // that say something
}

type token struct {
	name string
	role Role
	hash [sha256.Size]byte
}

// LoadTokens reads a file.
func LoadTokens(path string) (*Tokens, error) {
	t := &Tokens{path: path}
	return t, t.Reload()
}

// Path is that of the file.
func (t *Tokens) Path() string { return t.path }

// Reload reads the file again. On an error the tokens stay as they were.
func (t *Tokens) Reload() error {
	f, err := os.Open(t.path)
	if err != nil {
		return fmt.Errorf("admin: tokens: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxTokensFile+1))
	if err != nil {
		return fmt.Errorf("admin: tokens: %w", err)
	}
	if len(text) > maxTokensFile { // a last line "loopback none" must not be lost
		return fmt.Errorf("admin: tokens: %s is longer than %d bytes", t.path, maxTokensFile)
	}
	list, err := readTokens(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("admin: tokens: %s:%w", t.path, err)
	}
	if list.lines == 0 && t.list.Load() != nil { // somebody writes it just now
		return fmt.Errorf("admin: tokens: %s: nothing is in it any longer", t.path)
	}
	t.list.Store(list)
	t.tellOthers()
	return nil
}

func readTokens(r io.Reader) (*tokenList, error) {
	list := &tokenList{loopback: Act}
	names := map[string]bool{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		if names[words[0]] {
			return nil, fmt.Errorf("%d: %q is there twice", n, words[0])
		}
		names[words[0]] = true
		list.lines++
		if err := list.add(words); err != nil {
			return nil, fmt.Errorf("%d: %w", n, err)
		}
		if len(list.tokens) > maxTokens {
			return nil, fmt.Errorf("%d: there are more than %d tokens", n, maxTokens)
		}
	}
	return list, lines.Err()
}

func (l *tokenList) add(words []string) error {
	if len(words) < 2 {
		return fmt.Errorf("expected NAME ROLE sha256:HASH")
	}
	role, ok := ParseRole(words[1])
	if !ok {
		return fmt.Errorf("%q is not a role: expected read or act", words[1])
	}
	if words[0] == "loopback" {
		l.loopback = role
		if len(words) > 2 {
			return fmt.Errorf("loopback has a role and no token")
		}
		return nil
	}
	if len(words) != 3 {
		return fmt.Errorf("expected NAME ROLE sha256:HASH")
	}
	text, ok := strings.CutPrefix(words[2], "sha256:")
	hash, err := hex.DecodeString(text)
	if !ok || err != nil || len(hash) != sha256.Size {
		return fmt.Errorf("expected sha256: and 64 hex digits; make a line with `sipscript token %s --role %s`", words[0], role)
	}
	l.tokens = append(l.tokens, token{words[0], role, [sha256.Size]byte(hash)})
	return nil
}

// find is whose a token is. It takes as long for one that is wrong as for one that is right.
func (t *Tokens) find(text string) (name string, role Role) {
	hash := sha256.Sum256([]byte(text))
	for _, one := range t.list.Load().tokens {
		if subtle.ConstantTimeCompare(one.hash[:], hash[:]) == 1 {
			name, role = one.name, one.role
		}
	}
	return name, role
}

// NewToken makes a token, and the line that admits it.
func NewToken(name string, role Role) (token, line string) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // it never fails
	token = base64.RawURLEncoding.EncodeToString(random[:])
	return token, fmt.Sprintf("%s %s sha256:%x", name, role, sha256.Sum256([]byte(token)))
}
