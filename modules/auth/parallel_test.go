package auth

// This file uses one Auth from many goroutines, for the race detector.

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind/luabindtest"
)

func TestParallel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	line := "alice:example.com:" + HashPassword(MD5, "alice", "example.com", "open sesame") + "\n"
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := OpenFile(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for name, users := range map[string]Users{"file": file, "cache": NewCache(fileShelf{file})} {
		t.Run(name, func(t *testing.T) {
			a := luabindtest.Must(New(Options{Policy: policyOf(func(p *Policy) {
				p.Users, p.Info, p.Limits = users, "always", Limits{PerUser: 3, Window: time.Minute, Ban: time.Minute}
			}), Key: [32]byte{1}}))
			var group sync.WaitGroup
			for n := range 8 {
				group.Go(func() {
					d := &desk{Auth: a, t: t, now: start, source: home}
					for i := range 50 {
						d.now = d.now.Add(100 * time.Millisecond)
						d.expect(d.try(d.challenge(client{})), "")
						d.try(d.challenge(client{user: fmt.Sprint("nobody", n)}))
						if i%10 == 0 {
							a.Forget("alice")
							_ = a.Stats()
						}
					}
				})
			}
			group.Wait()
			if s := a.Stats(); s.Refused[Failed] != 8*3 || s.Refused[Banned] != 8*47 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// fileShelf is a store that waits, made of one that does not.
type fileShelf struct{ file *File }

func (s fileShelf) FetchSecret(ctx context.Context, user, realm string) (*Secret, error) {
	return s.file.Fetch(ctx, Query{User: user, Realm: realm})
}
