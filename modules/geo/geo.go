// Package geo is the module "geo": where addresses are, by databases of MaxMind's format (.mmdb),
// such as GeoLite2-Country, GeoLite2-City and GeoLite2-ASN, and those of DB-IP, IPinfo and others.
//
// A Go program opens databases with [Open]. They are read into memory, so that a file may be
// written over while it is in use, and are read again when it has changed.
package geo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

const (
	// look is how often a file is checked. A changed one is read once it looks the same twice.
	look = time.Second
	// mostBytes bounds a database.
	mostBytes = 1 << 30
)

// Place is where an address is. What a database does not have is empty.
type Place struct {
	Country string // "DE": where it is, or else where it is registered
	City    string // in English
	ASN     uint32 // the autonomous system
	Org     string // whose it is
}

// Databases are some files that are asked one after the other. They are safe for concurrent use.
type Databases struct {
	files []*file
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// file is one database.
type file struct {
	path   string
	log    *slog.Logger
	reader atomic.Pointer[maxminddb.Reader]
	read   os.FileInfo // when it was read; the watcher's
}

// Open reads databases. Log may be nil.
func Open(log *slog.Logger, paths ...string) (*Databases, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d := &Databases{}
	for _, path := range paths {
		f := &file{path: path, log: log}
		if err := f.load(); err != nil {
			return nil, fmt.Errorf("geo: %w", err)
		}
		d.files = append(d.files, f)
	}
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	for _, f := range d.files {
		d.ended.Add(1)
		go func() { // ends with Close
			defer d.ended.Done()
			f.watch(ctx, look)
		}()
	}
	return d, nil
}

// Close stops looking for changes. Databases may still be asked.
func (d *Databases) Close() {
	if d != nil {
		d.stop()
		d.ended.Wait()
	}
}

var errLarge = errors.New("the database is larger than 1 GB")

func (f *file) load() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	f.read = info
	if info.Size() > mostBytes {
		return fmt.Errorf("%s: %w", f.path, errLarge)
	}
	bytes, err := os.ReadFile(f.path)
	if err != nil {
		return err
	}
	r, err := maxminddb.OpenBytes(bytes)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	f.reader.Store(r)
	return nil
}

// watch reads the file again when it has changed. A bad one is told of, and the one before remains.
func (f *file) watch(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var seen os.FileInfo
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		seen = f.glance(seen)
	}
}

// glance reads the file if it is not the one that was read, and has not changed since it was seen.
func (f *file) glance(seen os.FileInfo) os.FileInfo {
	info, err := os.Stat(f.path)
	if err != nil || same(info, f.read) {
		return nil
	}
	if seen == nil || !same(info, seen) {
		return info
	}
	if err := f.load(); err != nil {
		f.log.Error("geo: the database can't be read again; the one before remains in force", "file", f.path, "error", err)
		return nil
	}
	f.log.Info("geo: the database was read again", "file", f.path)
	return nil
}

func same(a, b os.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// Lookup finds an address. found: a database has it. An error is one of a broken database.
func (d *Databases) Lookup(a netip.Addr) (p Place, found bool, err error) {
	a = a.Unmap().WithZone("")
	for _, f := range d.files {
		res := f.reader.Load().Lookup(a)
		if !res.Found() {
			continue
		}
		var r record
		if err := res.Decode(&r); err != nil {
			return p, found, fmt.Errorf("geo: %s: %w", f.path, err)
		}
		found = true
		p.merge(r.place())
	}
	return p, found, nil
}

// merge adds what is not known yet.
func (p *Place) merge(more Place) {
	p.Country = cmp.Or(p.Country, more.Country)
	p.City = cmp.Or(p.City, more.City)
	p.ASN = cmp.Or(p.ASN, more.ASN)
	p.Org = cmp.Or(p.Org, more.Org)
}
