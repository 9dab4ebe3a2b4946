package relay

import "time"

// Sweep ends what has expired, as the server does each second.
func (s *Server) Sweep() { s.sweep(s.opts.Now().UnixNano()) }

// SetIdle says how long a connection may have no allocation.
func (s *Server) SetIdle(d time.Duration) { s.idle.Store(int64(d)) }

// SetConnections bounds connections.
func (s *Server) SetConnections(all, byIP int) {
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	s.conns.most = connectionBounds{all, byIP}
}

// Bounds of an allocation.
const (
	MostPermissions = mostPermissions
	MostChannels    = mostChannels
	MostPacket      = mostPacket
	FewReserved     = fewReserved
)
