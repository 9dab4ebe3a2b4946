package lcr

// Carriers: what they want numbers to look like, and where their gateways are.

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// Gateways are sets of gateways that another module looks after: dispatch.
type Gateways interface {
	// Carriers is nil for a set that does not exist; otherwise it calls each for the gateways that
	// are up, in the order to try them, with their carrier.
	Carriers(set string) func(random func() uint64, each func(carrier string, t *engine.Target))
}

// Carrier is how a carrier is reached.
type Carrier struct {
	Strip   int      // characters that are taken away from the front of a number
	Add     string   // what is put in front then
	Targets []string // URIs of its gateways; nil: they are in the set
}

const (
	// mostTargets bounds the gateways that a carrier names.
	mostTargets = 100
	// mostNumber bounds a number, with what a carrier wants before it.
	mostNumber = 64
)

// rule is how routes are tried, as the gateways of dispatch are: one after the other, the next one
// while nobody has been reached. A carrier whose user is busy was the right one.
var rule = &engine.Rule{Order: engine.Serial, Failover: (*engine.Response).Failed}

// destination is a gateway, ready for numbers.
type destination struct {
	before, after string // the number, in the URI
	base          *engine.Target
}

// destinationOf reads a gateway: the Request-URI is its own, with the number for a user.
func destinationOf(base *engine.Target, uri string) (d destination, err error) {
	u, err := message.ParseURI([]byte(uri))
	if err != nil {
		return d, err
	}
	if !u.IsSIP() || len(u.Host) == 0 {
		return d, fmt.Errorf("%.60q is not a sip URI", uri)
	}
	u.User, u.Password, u.HasPassword, u.Headers = nil, nil, false, nil
	text := string(u.AppendTo(nil))
	scheme, rest, _ := strings.Cut(text, ":")
	return destination{scheme + ":", "@" + rest, base}, nil
}

// number is the number as the carrier wants it, as the user of a URI.
func (c *Carrier) number(number string) string {
	number = c.Add + number[min(c.Strip, len(number)):]
	// RFC 3261 §25.1: "#" is none of a user's characters.
	return strings.ReplaceAll(number, "#", "%23")
}

// numberOf is what may be a number: digits, *, #, and a + in front.
func numberOf(text string) (string, error) {
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9', c == '*', c == '#', c == '+' && i == 0:
		default:
			return "", fmt.Errorf("%.40q is not a number", text)
		}
	}
	if text == "" || text == "+" || len(text) > mostNumber {
		return "", fmt.Errorf("%.40q is not a number", text)
	}
	return text, nil
}

// carriersOf reads the option carriers: a set, and carriers by name.
func carriersOf(value any) (set string, carriers map[string]*Carrier, err error) {
	carriers = map[string]*Carrier{}
	if value == nil {
		return "", carriers, nil
	}
	t, ok := value.(map[string]any)
	if !ok {
		return "", nil, errors.New("carriers must be a table {set =, NAME = {strip =, add =, targets =}}")
	}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if text, isText := t[name].(string); name == "set" && isText {
			set = text
			continue
		}
		fields, ok := t[name].(map[string]any)
		if !ok {
			return "", nil, fmt.Errorf("carriers.%s must be a table {strip =, add =, targets =}", name)
		}
		c, err := carrierOf(fields)
		if err != nil {
			return "", nil, fmt.Errorf("carriers.%s: %w", name, err)
		}
		carriers[name] = c
	}
	return set, carriers, nil
}

func carrierOf(fields map[string]any) (*Carrier, error) {
	c := &Carrier{}
	for key, x := range fields {
		switch key {
		case "strip":
			n, ok := x.(float64)
			if !ok || n < 0 || n > mostNumber || n != float64(int(n)) {
				return nil, fmt.Errorf("strip must be a whole number from 0 to %d", mostNumber)
			}
			c.Strip = int(n)
		case "add":
			text, ok := x.(string)
			if _, err := numberOf(text); !ok || text != "" && text != "+" && err != nil {
				return nil, errors.New("add must be digits, *, # or a + in front")
			}
			c.Add = text
		case "targets":
			list, ok := x.([]any)
			if text, isText := x.(string); isText {
				list, ok = []any{text}, true
			}
			if !ok || len(list) == 0 || len(list) > mostTargets {
				return nil, fmt.Errorf("targets must be a list of 1 to %d URIs", mostTargets)
			}
			for _, one := range list {
				text, _ := one.(string)
				if _, err := destinationOf(nil, text); err != nil {
					return nil, fmt.Errorf("targets: %w", err)
				}
				c.Targets = append(c.Targets, text)
			}
		default:
			return nil, fmt.Errorf("unknown key %q; the keys are add, strip, targets", key)
		}
	}
	return c, nil
}
