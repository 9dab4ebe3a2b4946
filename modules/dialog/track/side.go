package track

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/transport"
)

// Side is where a party is reached: most are at their Contact, and have no way of their own.
type Side struct {
	URI string `json:"uri,omitempty"` // its remote target: the URI in its Contact; "" for none
	Way *Way   `json:"way,omitempty"` // nil: the URI leads there
}

// Way leads to a party whose Contact alone does not; see engine.Reach. It is never changed.
type Way struct {
	engine.Reach // without its URI
}

// Reach is where requests to the party go.
func (s *Side) Reach() engine.Reach {
	if s.Way == nil {
		return engine.Reach{URI: s.URI}
	}
	r := s.Way.Reach
	r.URI = s.URI
	return r
}

// Flow is the connection that is the only way to the party, 0 for none.
func (s *Side) Flow() transport.FlowID {
	if s.Way != nil && s.Way.Only {
		return s.Way.Flow
	}
	return 0
}

// Set says where the party is reached from now on.
func (s *Side) Set(r engine.Reach) {
	if s.URI != r.URI {
		s.URI = r.URI
	}
	s.Way = nil
	if len(r.Routes) > 0 || r.Flow != 0 || r.At != "" || r.Socket != "" || r.CallID != "" {
		r.URI = ""
		s.Way = &Way{r}
	}
}
