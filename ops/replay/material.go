package replay

import (
	"encoding/json"
	"time"

	"github.com/sipscript/sipscript/luabind"
)

// Material is what a server gives away for a replay.
type Material struct {
	Script   Script                     `json:"script" doc:"what serves"`
	Domains  []string                   `json:"domains" doc:"those that the server is responsible for"`
	Listen   []string                   `json:"listen" doc:"its listeners, such as udp:192.0.2.1:5060"`
	State    map[string]json.RawMessage `json:"state,omitempty" doc:"of modules, by their names"`
	Shared   []luabind.Shared           `json:"shared,omitempty" doc:"the values of sip.shared"`
	Missing  []string                   `json:"missing,omitempty" doc:"state that could not be had, and why"`
	Requests []Request                  `json:"requests" doc:"in the order in which they came"`
	LeftOut  map[string]int             `json:"left_out,omitempty" doc:"how many requests can't be replayed, by the reason"`
}

// Script is a script as text.
type Script struct {
	Name    string            `json:"name" doc:"as its errors call it: its path, if it is a file"`
	Text    string            `json:"text" doc:"of the script itself"`
	Files   map[string]string `json:"files,omitempty" doc:"that it requires, by their names beside it"`
	Args    map[string]string `json:"args,omitempty" doc:"sip.args"`
	Dialect string            `json:"dialect,omitempty" doc:"of another server, such as kemi"`
	Path    string            `json:"path,omitempty" doc:"the whole path of its file, \"\" if it is none"`
}

// Request is an initial request: one that begins a dialog, or stands outside of one.
type Request struct {
	CallID    string    `json:"call_id" doc:"as the request has it"`
	At        time.Time `json:"at" doc:"when it came"`
	Transport string    `json:"transport" doc:"udp, tcp, tls, ws or wss"`
	Source    string    `json:"source" doc:"the address it came from"`
	Local     string    `json:"local" doc:"the listener's address"`
	Text      []byte    `json:"text" doc:"the message; secrets are asterisks"`
	Then      Decision  `json:"then" doc:"what was decided about it"`
}

// Decision is what a script did about a request.
type Decision struct {
	// Code is the final response that its sender got, 0 for none.
	Code    int      `json:"code,omitempty"`
	Targets []Target `json:"targets,omitempty" doc:"where it was sent, in this order"`
	// RecordRoute: the first of these had a Record-Route that came without it.
	RecordRoute bool `json:"record_route,omitempty"`
	// Headers are those of the first target, or of a response of the server's own, that the request
	// did not have so; "" where one was taken away. "body" is one of them.
	Headers map[string]string `json:"headers,omitempty"`
	Auth    []string          `json:"auth,omitempty" doc:"what auth said"`
	Errors  []string          `json:"errors,omitempty" doc:"of the script, with their lines"`
	Asks    []string          `json:"asks,omitempty" doc:"what it asked outside"`
	Steps   []string          `json:"steps,omitempty" doc:"what decided, with its line"`
}

// Target is where a request was sent.
type Target struct {
	URI  string `json:"uri" doc:"the Request-URI"`
	Hop  string `json:"hop,omitempty" doc:"the first Route, or the address, if the URI does not lead there"`
	Code int    `json:"code,omitempty" doc:"how it was answered finally, 0 if it was not"`
}

// String is the URI and the next hop.
func (t Target) String() string {
	if t.Hop == "" {
		return t.URI
	}
	return t.URI + " by " + t.Hop
}
