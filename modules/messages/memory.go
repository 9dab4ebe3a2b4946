package messages

// Messages in memory.

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Memory is a Store that ends with the process.
type Memory struct {
	most int // bytes

	mu    sync.Mutex
	users map[string][]*Message // guarded by mu
	bytes int                   // guarded by mu
	count int                   // guarded by mu
	next  uint64                // guarded by mu
}

// NewMemory makes a store for as many bytes of messages; 0: 64 MiB.
func NewMemory(bytes int) *Memory {
	if bytes <= 0 {
		bytes = 64 << 20
	}
	return &Memory{most: bytes, users: map[string][]*Message{}}
}

// Waits reports that nothing waits.
func (s *Memory) Waits() bool { return false }

// May reports whether a user has messages.
func (s *Memory) May(aor string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.users[aor]) > 0
}

// Put keeps a message.
func (s *Memory) Put(_ context.Context, m *Message, most int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.users[m.AOR]) >= most || s.bytes+m.size() > s.most {
		return ErrFull
	}
	s.next++
	m.ID = strconv.FormatUint(s.next, 10)
	s.users[m.AOR] = append(s.users[m.AOR], m)
	s.bytes += m.size()
	s.count++
	return nil
}

// Pending are the user's messages.
func (s *Memory) Pending(_ context.Context, aor string, limit int) ([]*Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.users[aor]
	return slices.Clone(list[:min(len(list), limit)]), nil
}

// Remove removes one.
func (s *Memory) Remove(_ context.Context, m *Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.users[m.AOR]
	for i, o := range list {
		if o.ID != m.ID {
			continue
		}
		s.bytes -= o.size()
		s.count--
		if list = slices.Delete(list, i, i+1); len(list) == 0 {
			delete(s.users, m.AOR)
		} else {
			s.users[m.AOR] = list
		}
		break
	}
	return nil
}

// Users calls f with each user who has messages.
func (s *Memory) Users(_ context.Context, f func(aor string) bool) error {
	s.mu.Lock()
	all := make([]string, 0, len(s.users))
	for aor := range s.users {
		all = append(all, aor)
	}
	s.mu.Unlock()
	slices.Sort(all)
	for _, aor := range all {
		if !f(aor) {
			break
		}
	}
	return nil
}

// Overdue are messages whose time is over.
func (s *Memory) Overdue(_ context.Context, now time.Time, limit int) (over []*Message, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range s.users {
		for _, m := range list {
			if now.After(m.Expires) && len(over) < limit {
				over = append(over, m)
			}
		}
	}
	return over, nil
}

// Count is how many there are.
func (s *Memory) Count(context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count, nil
}

// Claim always succeeds: there is no other process.
func (*Memory) Claim(context.Context, string, time.Duration) (bool, error) { return true, nil }

// Release has nothing to do.
func (*Memory) Release(context.Context, string) error { return nil }

// Close has nothing to do.
func (*Memory) Close() error { return nil }
