package main

// --advertise: what peers are told instead of the address of a listener.

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/host"
)

func (s *settings) readAdvertise(c *cli.Context) error {
	s.advertise = map[string]string{}
	everywhere := ""
	for _, text := range c.StringSlice("advertise") {
		listener, public, ok := strings.Cut(text, "=")
		if _, port, err := engine.ParseAdvertised(text); !ok && err == nil {
			switch {
			case port != 0:
				return usagef("--advertise %s: each listener has a port of its own: write HOST alone, or PROTO:HOST:PORT=%s", text, text)
			case everywhere != "":
				return usagef("--advertise %s: %s is for all listeners already", text, everywhere)
			}
			everywhere = text
			continue
		}
		if i := slices.IndexFunc(s.listen, func(l string) bool { return strings.HasPrefix(l, listener+"?") }); i >= 0 {
			listener = s.listen[i] // with its origins
		}
		listener = s.atHost(listener)
		served := slices.IndexFunc(s.served, func(l host.Listener) bool { return l.Text == listener || strings.HasPrefix(l.Text, listener+"?") })
		switch {
		case !ok || public == "":
			return usagef("--advertise %s: expected PROTO:HOST:PORT=PUBLIC_HOST[:PORT], or PUBLIC_HOST alone for all listeners of SIP", text)
		case served >= 0 && s.served[served].Advertised != "":
			return usagef("--advertise %s: %s is advertised twice", text, listener)
		case served >= 0:
		case !slices.Contains(s.listen, listener):
			return usagef("--advertise %s: there is no --listen %s; the listeners are %s", text, listener, strings.Join(s.listen, ", "))
		case s.advertise[listener] != "":
			return usagef("--advertise %s: %s is advertised twice", text, listener)
		}
		if _, _, err := engine.ParseAdvertised(public); err != nil {
			return usagef("--advertise %s: %v", text, err)
		}
		if served >= 0 {
			s.served[served].Advertised = public
			continue
		}
		s.advertise[listener] = public
	}
	for _, l := range s.listen {
		if everywhere != "" && s.advertise[l] == "" {
			s.advertise[l] = everywhere // with the port of each
		}
	}
	return nil
}

// atHost is the listener that is meant by PROTO:HOST without its port, if there is only one there;
// otherwise what was written.
func (s *settings) atHost(text string) string {
	var found []string
	for _, l := range s.listen {
		address, _, _ := strings.Cut(l, "?")
		if l == text {
			return text
		}
		if i := strings.LastIndexByte(address, ':'); i > 0 && address[:i] == text && strings.Contains(text, ":") {
			found = append(found, l)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return text
}
