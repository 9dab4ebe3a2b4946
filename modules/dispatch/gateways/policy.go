package gateways

// What decides whether a gateway is up.

import (
	"errors"
	"fmt"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

// Policy of a module's sets.
type Policy struct {
	Probe     Probe         `lua:"probe,reloadable" doc:"how gateways are probed"`
	Passive   Passive       `lua:"passive,reloadable" doc:"what is learned from requests"`
	SlowStart time.Duration `lua:"slow_start,reloadable" max:"3600" default:"0" doc:"over how many seconds a gateway that came back gets its full share"`
}

// Probe says how gateways are probed.
type Probe struct {
	Interval  time.Duration `lua:"interval,reloadable" max:"3600" default:"10" doc:"seconds from one probe of an address to the next; 0: none are sent"`
	Timeout   time.Duration `lua:"timeout,reloadable" min:"0.1" max:"30" default:"2" doc:"seconds for the answer"`
	Method    string        `lua:"method,reloadable" default:"OPTIONS" doc:"what is sent"`
	OK        Codes         `lua:"ok,reloadable" default:"{\"2xx\", 404, 405, 501}" doc:"answers of a gateway that is up"`
	DownAfter int           `lua:"down_after,reloadable" min:"1" max:"100" default:"3" doc:"failures in a row after which it is down; one that says that nobody is there counts at once"`
	UpAfter   int           `lua:"up_after,reloadable" min:"1" max:"100" default:"1" doc:"answers in a row after which it is up"`
	From      string        `lua:"from,reloadable" default:"the first domain" doc:"the URI in From"`
}

// Passive says what is learned from requests that were sent anyway.
type Passive struct {
	Failures int           `lua:"failures,reloadable" max:"1000" default:"5" doc:"failures in a row after which it is down; 0: never"`
	Within   time.Duration `lua:"within,reloadable" min:"1" max:"3600" default:"30" doc:"seconds in which they have to happen. Without probes a gateway is tried again after this time"`
}

// DefaultPolicy is that of a module which is not configured.
func DefaultPolicy() Policy {
	return Policy{Probe: Probe{Interval: 10 * time.Second, Timeout: 2 * time.Second, Method: "OPTIONS", OK: Codes{{200, 299}, {404, 404}, {405, 405}, {501, 501}},
		DownAfter: 3, UpAfter: 1}, Passive: Passive{Failures: 5, Within: 30 * time.Second}}
}

// Check refuses a policy that makes no sense.
func (p *Policy) Check() error {
	b := &p.Probe
	if b.Interval > 0 && b.Interval < 100*time.Millisecond {
		return errors.New("probe.interval must be at least 0.1 seconds, or 0 for no probes")
	}
	switch message.ParseMethod([]byte(b.Method)) {
	case message.MethodInvite, message.MethodAck, message.MethodCancel, message.MethodBye:
		return fmt.Errorf("probe.method: %s needs a call; OPTIONS does not", b.Method)
	}
	if !message.IsToken([]byte(b.Method)) {
		return fmt.Errorf("probe.method: %.40q is not a method", b.Method)
	}
	if b.From != "" {
		if _, err := message.ParseURI([]byte(b.From)); err != nil {
			return fmt.Errorf("probe.from: %.80q is not a URI: %w", b.From, err)
		}
	}
	return nil
}

// Codes is a set of response codes: ranges, each with its ends.
type Codes [][2]int

// Has reports whether a code is in the set.
func (c Codes) Has(code int) bool {
	for _, r := range c {
		if r[0] <= code && code <= r[1] {
			return true
		}
	}
	return false
}

// OptionType is what scripts write.
func (c *Codes) OptionType() string { return "list of codes and classes" }

// DecodeOption reads a list of codes and classes, {"2xx", 404}.
func (c *Codes) DecodeOption(value any) error {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	*c = nil
	for _, x := range list {
		switch v := x.(type) {
		case float64:
			if code := int(v); v == float64(code) && code >= 200 && code <= 699 {
				*c = append(*c, [2]int{code, code})
				continue
			}
		case string:
			if len(v) == 3 && v[0] >= '2' && v[0] <= '6' && (v[1:] == "xx" || v[1:] == "XX") {
				low := int(v[0]-'0') * 100
				*c = append(*c, [2]int{low, low + 99})
				continue
			}
		}
		return fmt.Errorf("must be a list of final codes and classes such as {\"2xx\", 404}, not %v", x)
	}
	return nil
}
