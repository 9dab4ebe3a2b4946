package gateways

// One gateway as a list has it.

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
)

// Entry is one gateway of a list.
type Entry struct {
	NextHop    string         `lua:"next_hop,required" source:"bare" doc:"where it is: a URI, HOST or HOST:PORT"`
	Rewrite    string         `lua:"rewrite" oneof:"host uri" doc:"what it gets: \"host\": the Request-URI with its host and port; \"uri\": next_hop as the Request-URI; default: the Request-URI unchanged"`
	Weight     int            `lua:"weight" min:"0" max:"1000000" default:"1" doc:"its share among those of its priority; 0: only when no other is left"`
	Priority   int            `lua:"priority" default:"0" doc:"its group; the lowest number is tried first"`
	MaxCalls   int            `lua:"max_calls" min:"0" default:"no limit" doc:"calls it may have at once"`
	FromSocket string         `lua:"from_socket" doc:"the listener to send from, for its probes too"`
	Carrier    string         `lua:"carrier" doc:"whose it is, returned with it"`
	State      string         `lua:"state" oneof:"up down draining disabled" default:"up" doc:"when it is first seen; \"down\": until a probe is answered"`
	Headers    map[string]any `lua:"headers" doc:"{Name = text | list | false}, set or removed in what it gets"`
	Attrs      map[string]any `lua:"attrs" doc:"returned with it"`

	headers []engine.HeaderEdit // of Headers
	host    string              // of Rewrite "host"
}

// NewEntry is an entry before it is read.
func NewEntry() Entry { return Entry{Weight: 1} }

// Check completes an entry, and refuses one that cannot be used.
func (e *Entry) Check() error {
	if !strings.HasPrefix(e.NextHop, "sip:") && !strings.HasPrefix(e.NextHop, "sips:") {
		e.NextHop = "sip:" + e.NextHop
	}
	u, err := message.ParseURI([]byte(e.NextHop))
	if err != nil {
		return fmt.Errorf("next_hop %.80q is not a URI: %w", e.NextHop, err)
	}
	if _, err := proxy.ParseNextHop(e.NextHop); err != nil {
		return fmt.Errorf("next_hop %.80q: %w", e.NextHop, err)
	}
	if e.Rewrite == "host" {
		e.host = string(u.Host)
		if strings.Contains(e.host, ":") && !strings.HasPrefix(e.host, "[") {
			e.host = "[" + e.host + "]"
		}
		if u.Port != 0 {
			e.host = fmt.Sprintf("%s:%d", e.host, u.Port)
		}
	}
	if e.headers, err = edits(e.Headers); err != nil {
		return err
	}
	return proxy.CheckEdits(e.headers)
}

// edits are header edits from a table: text, a list of texts, or false.
func edits(table map[string]any) (list []engine.HeaderEdit, err error) {
	for _, name := range slices.Sorted(maps.Keys(table)) {
		edit := engine.HeaderEdit{Name: name}
		switch v := table[name].(type) {
		case string:
			edit.Values = []string{v}
		case []any:
			for _, x := range v {
				text, ok := x.(string)
				if !ok {
					return nil, fmt.Errorf("headers: %s must be text, a list of texts, or false", name)
				}
				edit.Values = append(edit.Values, text)
			}
		case bool:
			if v {
				return nil, fmt.Errorf("headers: %s must be text, a list of texts, or false", name)
			}
		default:
			return nil, fmt.Errorf("headers: %s must be text, a list of texts, or false", name)
		}
		list = append(list, edit)
	}
	return list, nil
}

// key identifies a gateway in its set, over changes of the list.
func (e *Entry) key() string { return e.NextHop + " " + e.FromSocket }

var errTwice = errors.New("is in the list twice")
