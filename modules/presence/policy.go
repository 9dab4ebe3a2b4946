package presence

// This file is the policy: its choices, their defaults and bounds.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/internal/notifier"
)

// Policy is what is served, and how much of it. It starts from DefaultPolicy.
type Policy struct {
	Packages []string `lua:"packages,reloadable" default:"{ \"presence\", \"presence.winfo\", \"dialog\", \"message-summary\" }" doc:"the event packages that are served; any other is answered 489"`
	// RFC 3856 §6.4, RFC 3842 §3.4
	MaxExpires time.Duration `lua:"max_expires,reloadable" min:"1" max:"31536000" default:"3600" doc:"the longest duration of subscriptions and publications in seconds, and the default"`
	MinExpires time.Duration `lua:"min_expires,reloadable" min:"1" max:"3600" default:"60" doc:"seconds; a shorter duration is answered 423"`
	Interval   time.Duration `lua:"interval,reloadable" max:"3600" default:"5" doc:"minimum seconds between NOTIFYs of changes to one watcher; never more than 1 for dialog and message-summary"`
	From       string        `lua:"from,reloadable" default:"publications only" doc:"\"registrations\": who publishes nothing is there while a phone of theirs is registered"`
	BLF        bool          `lua:"blf,reloadable" default:"false" doc:"calls give dialog documents by themselves"`
	// RFC 4235 §6
	RemoteIdentity bool `lua:"remote_identity,reloadable" default:"true" doc:"dialog documents name the other party of a call; a user's own phones always see it"`
	Partial        bool `lua:"partial,reloadable" default:"false" doc:"dialog documents between the first and the last have only what has changed"`
	Unsolicited    bool `lua:"unsolicited,reloadable" default:"false" doc:"message-summary is sent to registered phones that never subscribe, too"`

	Max             int `lua:"max,reloadable" min:"1" max:"10000000" default:"200000" doc:"subscriptions in all; beyond it 503"`
	MaxPerUser      int `lua:"max_per_user,reloadable" min:"1" max:"1000000" default:"500" doc:"subscriptions to one package of one user; beyond it 403"`
	MaxPerWatcher   int `lua:"max_per_watcher,reloadable" min:"1" max:"1000000" default:"1000" doc:"subscriptions of one watcher; beyond it 403"`
	MaxPublications int `lua:"max_publications,reloadable" min:"1" max:"1000000" default:"16" doc:"publications of one package by one user; beyond it 403"`
	MaxSize         int `lua:"max_size,reloadable" min:"256" max:"65536" default:"16384" doc:"bytes of a document that is published; beyond it 413"`
}

// DefaultPolicy is what counts where nothing is said.
func DefaultPolicy() Policy {
	return Policy{Packages: []string{PackagePresence, PackagePresence + winfoSuffix, PackageDialog, PackageMessageSummary}, MaxExpires: time.Hour, MinExpires: time.Minute, Interval: 5 * time.Second, RemoteIdentity: true,
		Max: 200_000, MaxPerUser: 500, MaxPerWatcher: 1000, MaxPublications: 16, MaxSize: 16 << 10}
}

// Check reports whether the policy contradicts itself.
func (p *Policy) Check() error {
	known := make([]string, 0, len(packages))
	for name := range packages {
		known = append(known, name)
	}
	slices.Sort(known)
	for _, name := range p.Packages {
		if packages[name] == nil {
			if best := luabind.Closest(name, known); best != "" {
				return fmt.Errorf("packages: there is no %q; did you mean %q?", name, best)
			}
			return fmt.Errorf("packages: there is no %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	switch {
	case p.From != "" && p.From != "registrations":
		return fmt.Errorf("from: must be \"registrations\", not %q", p.From)
	case p.MinExpires > p.MaxExpires:
		return errors.New("min_expires is greater than max_expires")
	}
	return nil
}

func (p *Policy) notifier() notifier.Policy {
	return notifier.Policy{MaxExpires: p.MaxExpires, MinExpires: p.MinExpires, Interval: p.Interval, Max: p.Max, MaxPerResource: p.MaxPerUser, MaxPerWatcher: p.MaxPerWatcher}
}
