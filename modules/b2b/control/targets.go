package control

// Who is to be called, as orders name them.

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sipscript/sipscript/engine"
)

// Targets is the value of an option: a URI, an object of the options below, or a list of these.
type Targets []*engine.Target

// target is one of them.
type target struct {
	URI        string              `lua:"uri,required" doc:"who is called"`
	NextHop    string              `lua:"next_hop" doc:"where the INVITE goes, if not to uri"`
	Path       []string            `lua:"path" doc:"the Route set to write"`
	FromSocket string              `lua:"from_socket" doc:"the name of the listener to send from"`
	Headers    []engine.HeaderEdit `lua:"headers" doc:"{Name = text | list}: of this INVITE"`
}

var errTargets = errors.New("must be a URI, an object with uri and no key twice, or a list of these")

// UnmarshalJSON reads them.
func (t *Targets) UnmarshalJSON(text []byte) error {
	var list []json.RawMessage
	if json.Unmarshal(text, &list) != nil {
		list = []json.RawMessage{text}
	}
	*t = make(Targets, 0, len(list))
	for _, one := range list {
		x, err := targetOf(one)
		if err != nil {
			return err
		}
		*t = append(*t, x)
	}
	return nil
}

func targetOf(text json.RawMessage) (*engine.Target, error) {
	var o target
	if json.Unmarshal(text, &o.URI) != nil {
		object, ok := readObject(text)
		if !ok {
			return nil, errTargets
		}
		if err := decode(object, &o); err != nil {
			return nil, fmt.Errorf("a target: %w", err)
		}
	}
	return &engine.Target{URI: o.URI, NextHop: o.NextHop, Path: o.Path, FromSocket: o.FromSocket, Headers: o.Headers}, nil
}
