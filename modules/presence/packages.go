package presence

// This file is the event packages: what is published, and how it becomes one document.

import (
	"errors"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/internal/notifier"
	"github.com/sipscript/sipscript/modules/presence/dialoginfo"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
	"github.com/sipscript/sipscript/modules/presence/mwi"
	"github.com/sipscript/sipscript/modules/presence/pidf"
	"github.com/sipscript/sipscript/modules/presence/winfo"
)

// The event packages.
const (
	PackagePresence       = "presence"        // RFC 3856
	PackageDialog         = "dialog"          // RFC 4235
	PackageMessageSummary = "message-summary" // RFC 3842
	winfoSuffix           = ".winfo"          // RFC 3857, of each
	regPackage            = "reg"             // RFC 3680: the registrar's
)

// packages are those that can be served, with the intervals of RFC 3856 §6.10, RFC 4235 §3.10, RFC
// 3842 §3.10 and RFC 3857 §4.10. It is never changed.
var packages = map[string]*notifier.Package{
	PackagePresence:                     {Event: PackagePresence, Types: []string{pidf.Type, pidf.DiffType}, Extensions: []string{eventlist}, Interval: 5 * time.Second},
	PackageDialog:                       {Event: PackageDialog, Types: []string{dialoginfo.Type}, Extensions: []string{eventlist}, Interval: time.Second},
	PackageMessageSummary:               {Event: PackageMessageSummary, Types: []string{mwi.Type}, Extensions: []string{eventlist}, Interval: time.Second},
	PackagePresence + winfoSuffix:       {Event: PackagePresence + winfoSuffix, Types: []string{winfo.Type}},
	PackageDialog + winfoSuffix:         {Event: PackageDialog + winfoSuffix, Types: []string{winfo.Type}},
	PackageMessageSummary + winfoSuffix: {Event: PackageMessageSummary + winfoSuffix, Types: []string{winfo.Type}},
}

// partialType is which of the Types of presence has documents that may be partial.
const partialType = 1

// eventlist is the option tag of lists (RFC 4662).
const eventlist = "eventlist"

// published is the type that a package's PUBLISH carries, "" for none (RFC 3903 §6: each package
// says).
func published(name string) string {
	if p := packages[name]; p != nil && !strings.HasSuffix(name, winfoSuffix) {
		return p.Types[0]
	}
	return ""
}

// read reads a published body.
func read(name string, body []byte) (any, error) {
	switch name {
	case PackagePresence:
		return pidf.Parse(body)
	case PackageDialog:
		return dialoginfo.Parse(body)
	case PackageMessageSummary:
		return mwi.Parse(body)
	}
	return nil, errors.New("nothing is published for " + name)
}

// values are what publications say, the newest first.
func values[T any](pubs []*eventstate.Publication) (list []T) {
	for _, p := range pubs {
		if v, ok := p.Value.(T); ok {
			list = append(list, v)
		}
	}
	return list
}
