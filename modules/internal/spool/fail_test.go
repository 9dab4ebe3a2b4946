package spool

// This file tests what happens when a disk takes nothing.

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// disk makes files that fail while the test says so.
type disk struct {
	write, sync atomic.Bool // they fail
	half        atomic.Bool // a write that fails has written half
}

type diskFile struct {
	*os.File
	d *disk
}

func (d *disk) create(path string) (file, error) {
	if d.write.Load() {
		return nil, syscall.ENOSPC
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return &diskFile{f, d}, err
}

func (f *diskFile) WriteAt(b []byte, off int64) (int, error) {
	if f.d.write.Load() {
		n := 0
		if f.d.half.Load() {
			n, _ = f.File.WriteAt(b[:len(b)/2], off)
		}
		return n, syscall.ENOSPC
	}
	return f.File.WriteAt(b, off)
}

func (f *diskFile) Truncate(size int64) error {
	if f.d.half.Load() {
		return syscall.EIO
	}
	return f.File.Truncate(size)
}

func (f *diskFile) Sync() error {
	if f.d.sync.Load() {
		return syscall.EIO
	}
	return nil
}

// While the disk is full, readers get records from memory; what they did not take is written when
// there is room, and nothing is lost, torn or there twice.
func TestFullDisk(t *testing.T) {
	for _, half := range []bool{false, true} {
		t.Run(fmt.Sprintf("half written: %t", half), func(t *testing.T) {
			dir, d := t.TempDir(), &disk{}
			synctest.Test(t, func(t *testing.T) {
				var log strings.Builder
				o := quiet(dir)
				o.create, o.Log = d.create, slog.New(slog.NewTextHandler(&log, nil))
				s, _ := open(t, o)
				here, away := attach(t, s, "here"), attach(t, s, "away")
				put(t, s, 0, 10)
				time.Sleep(time.Second)
				d.half.Store(half)
				d.write.Store(true)
				if err := s.Begin(keyOf(10), []byte("begun")); err != nil {
					t.Fatal(err)
				}
				put(t, s, 10, 20)
				take(t, here, 0, 20)
				time.Sleep(time.Minute)
				if st := s.Stats(); !errors.Is(st.Failing, syscall.ENOSPC) || st.Memory == 0 || st.Failures < 2 {
					t.Errorf("%+v", st)
				}
				d.write.Store(false)
				d.half.Store(false)
				time.Sleep(time.Minute)
				if st := s.Stats(); st.Failing != nil || st.Memory != 0 || st.Lost != 0 {
					t.Errorf("%+v", st)
				}
				if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), "written again") {
					t.Errorf("log:\n%s", &log)
				}
				closed(t, s, here, away)
				s, list := open(t, quiet(dir))
				if len(list) != 0 || s.stats.Damaged != 0 {
					t.Errorf("unfinished %v, damaged %d", list, s.stats.Damaged)
				}
				here, away = attach(t, s, "here"), attach(t, s, "away")
				take(t, away, 0, 20)
				nothing(t, away)
				nothing(t, here)
				closed(t, s, here, away)
			})
		})
	}
}

// Memory is bounded: beyond it records are refused, and counted. What all readers have leaves it.
func TestFullMemory(t *testing.T) {
	dir, d := t.TempDir(), &disk{}
	synctest.Test(t, func(t *testing.T) {
		o := quiet(dir)
		o.create, o.Memory = d.create, 20*(header+60)
		s, _ := open(t, o)
		r := attach(t, s, "r")
		d.write.Store(true)
		accepted := 0
		for s.Append(keyOf(accepted), text(accepted)) == nil {
			accepted++
		}
		if accepted < 20 || s.Append(Key{}, text(1)) != ErrFull || s.Stats().Lost != 2 {
			t.Errorf("%d accepted; %+v", accepted, s.Stats())
		}
		time.Sleep(time.Second)
		take(t, r, 0, accepted)
		put(t, s, accepted, accepted+10)
		take(t, r, accepted, accepted+10)
		if err := r.Close(false); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("nothing was lost, and yet: %v", err)
		}
	})
}

// What can't be written before the end is lost, and Close says how much.
func TestLostAtTheEnd(t *testing.T) {
	o, d := quiet(t.TempDir()), &disk{}
	o.create = d.create
	s, _ := open(t, o)
	d.write.Store(true)
	put(t, s, 0, 3)
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "3 records") {
		t.Error(err)
	}
}

// After a sync that failed, what was written since the last one is written again, elsewhere.
func TestSyncFails(t *testing.T) {
	dir, d := t.TempDir(), &disk{}
	synctest.Test(t, func(t *testing.T) {
		o := quiet(dir)
		o.create = d.create
		s, _ := open(t, o)
		r := attach(t, s, "r")
		put(t, s, 0, 3)
		time.Sleep(time.Second)
		d.sync.Store(true)
		if err := s.Begin(keyOf(50), []byte("begun")); err != nil {
			t.Fatal(err)
		}
		put(t, s, 3, 6)
		take(t, r, 0, 4)
		time.Sleep(100 * time.Millisecond)
		d.sync.Store(false)
		first := files(t, dir)[0]
		time.Sleep(time.Minute)
		if len(files(t, dir)) != 2 {
			t.Errorf("%v", files(t, dir))
		}
		closed(t, s, r)
		// The disk lost all that was not synced
		all, err := os.ReadFile(first)
		if err != nil {
			t.Fatal(err)
		}
		size := 0
		for n := range 3 {
			size += header + len(text(n))
		}
		if err := os.WriteFile(first, append(all[:size:size], make([]byte, len(all)-size)...), 0o600); err != nil {
			t.Fatal(err)
		}
		s, list := open(t, quiet(dir))
		if len(list) != 1 || string(list[0].Data) != "begun" {
			t.Errorf("unfinished: %v", list)
		}
		r = attach(t, s, "r")
		put(t, s, 6, 8)
		take(t, r, 4, 8)
		nothing(t, r)
		closed(t, s, r)
	})
}

// A queue that has its largest size takes nothing, and takes it when a reader has caught up.
func TestLargestSize(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := quiet(dir)
		o.Segment, o.Size = 2000, 10_000
		s, _ := open(t, o)
		r := attach(t, s, "r")
		put(t, s, 0, 300)
		time.Sleep(time.Minute)
		if st := s.Stats(); !errors.Is(st.Failing, errSize) || st.Bytes > 10_000 || st.Memory == 0 {
			t.Errorf("%+v", st)
		}
		take(t, r, 0, 300)
		time.Sleep(time.Minute)
		put(t, s, 300, 301)
		time.Sleep(time.Minute)
		if st := s.Stats(); st.Failing != nil || st.Memory != 0 {
			t.Errorf("%+v", st)
		}
		take(t, r, 300, 301)
		closed(t, s, r)
	})
}

// What lasts long does not keep its file for ever, and outlives any number of files, kills and
// copies.
func TestUnfinished(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := quiet(dir)
		o.Segment = 4 << 10
		s, _ := open(t, o)
		r := attach(t, s, "r")
		const total = 2000
		for n := range total {
			if n%100 == 0 { // a long one among short ones
				if err := s.Begin(keyOf(total+n), text(n)); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(s.Begin(keyOf(n), []byte("begun")), s.Begin(keyOf(n), []byte("answered"))); err != nil {
				t.Fatal(err)
			}
			put(t, s, n, n+1)
			if n%20 == 19 {
				time.Sleep(time.Second)
				take(t, r, n-19, n+1)
			}
			if n == total-100 { // that has ended without a record
				if err := s.End(keyOf(total)); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(time.Minute)
		if n := len(files(t, dir)); n > 8 {
			t.Errorf("%d files", n)
		}
		closed(t, s, r)
		for range 2 {
			var list []Unfinished
			s, list = open(t, o)
			if len(list) != total/100-1 || list[0].Key != keyOf(total+100) || string(list[0].Data) != string(text(100)) {
				t.Errorf("%d are unfinished: %q", len(list), list[0].Data)
			}
			if st := s.Stats(); st.Live != len(list) || st.Damaged != 0 {
				t.Errorf("%+v", st)
			}
			closed(t, s)
		}
	})
}

// What is too large is refused, not cut.
func TestLargeRecord(t *testing.T) {
	s, _ := open(t, quiet(t.TempDir()))
	if err := s.Append(Key{}, make([]byte, MaxRecord+1)); !errors.Is(err, ErrLarge) {
		t.Error(err)
	}
	r := attach(t, s, "r")
	for range 3 {
		if err := s.Append(Key{}, make([]byte, MaxRecord)); err != nil {
			t.Error(err)
		}
	}
	settle(t, s)
	for range 3 {
		if list, err := r.Next(t.Context(), 1, 1); err != nil || len(list[0].Data) != MaxRecord {
			t.Error(err)
		}
	}
	closed(t, s, r)
}

// What has begun is in its file until its end is on the disk, not only written.
func TestEndsAreSyncedFirst(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := quiet(dir)
		o.Segment, o.Sync = 500, time.Second
		s, _ := open(t, o)
		r := attach(t, s, "r")
		if err := s.Begin(keyOf(20), []byte("begun")); err != nil {
			t.Fatal(err)
		}
		for n := range 20 {
			put(t, s, n, n+1)
			synctest.Wait()
		}
		time.Sleep(5 * time.Second)
		put(t, s, 20, 21)
		take(t, r, 0, 21)
		synctest.Wait()
		first := files(t, dir)[0]
		if !strings.HasSuffix(first, "01"+extension) {
			t.Errorf("%s is the first that is left", first)
		}
		time.Sleep(5 * time.Second)
		put(t, s, 21, 22)
		synctest.Wait()
		if files(t, dir)[0] == first {
			t.Error("it is never removed")
		}
		closed(t, s, r)
	})
}

// What a reader is done with in the middle of what it got is what it is done with.
func TestDoneWithSome(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, quiet(dir))
	r := attach(t, s, "r")
	put(t, s, 0, 10)
	list, err := r.Next(t.Context(), 10, 1<<20)
	if err != nil || len(list) != 10 {
		t.Fatal(len(list), err)
	}
	r.Done(list[3].Seq)
	closed(t, s, r)
	s, _ = open(t, quiet(dir))
	r = attach(t, s, "r")
	take(t, r, 4, 10)
	closed(t, s, r)
}

// The end of what had begun is known, even if its record was never written, because all readers had
// it while the disk was full.
func TestEndsWhileFull(t *testing.T) {
	dir, d := t.TempDir(), &disk{}
	synctest.Test(t, func(t *testing.T) {
		o := quiet(dir)
		o.create = d.create
		s, _ := open(t, o)
		r := attach(t, s, "r")
		if err := s.Begin(keyOf(0), []byte("begun")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		d.write.Store(true)
		put(t, s, 0, 2)
		time.Sleep(time.Second)
		take(t, r, 0, 2)
		if n := s.Stats().Memory; n != header {
			t.Errorf("%d bytes wait", n)
		}
		d.write.Store(false)
		time.Sleep(time.Minute)
		closed(t, s, r)
		s, list := open(t, quiet(dir))
		if len(list) != 0 {
			t.Errorf("%q is unfinished", list)
		}
		closed(t, s)
	})
}

// A process that is killed while it writes something again leaves the beginning of that.
func TestKilledWhileWrittenAgain(t *testing.T) {
	dir := t.TempDir()
	begin, end := newEntry(kindBegin, keyOf(0), []byte("begun"), time.Now()), newEntry(kindRecord, keyOf(0), text(0), time.Now())
	begin.number(1)
	end.number(2)
	store(t, dir+"/0000000000000001"+extension, append(append([]byte(nil), begin.frame...), end.frame...))
	store(t, dir+"/0000000000000002"+extension, begin.frame)
	s, list := open(t, quiet(dir))
	if len(list) != 0 {
		t.Errorf("%q is unfinished", list)
	}
	closed(t, s)
}
