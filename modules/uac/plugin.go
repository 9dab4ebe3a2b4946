package uac

// This file is the module as the command sees it, and what a running server reports about it.

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/openapi"
)

// Plugin is the module "uac".
func Plugin() host.Plugin {
	return host.Plugin{Name: "uac", New: func(*host.Environment) (luabind.Opener, error) { return New(Options{}), nil },
		Commands: []host.Command{
			{Name: "accounts", Usage: "show the accounts that a running server has registered with others", Remote: true, Flags: host.ShowFlags(), Run: accountsCommand},
			{Name: "uac", Usage: "look at what a running server has registered with others",
				Sub: []host.Command{{Name: "registrations", Usage: "show them, as accounts does", Remote: true, Flags: host.ShowFlags(), Run: accountsCommand}}}}}
}

// API is what a running server tells of its registrations with others.
func (u *UAC) API() []openapi.Operation {
	return []openapi.Operation{{Method: "GET", Path: "/registrations", Summary: "list the accounts that are registered with others", Answer: registrationsAnswer{}, Serve: func(w http.ResponseWriter, _ *http.Request) {
		list := []registrationAnswer{}
		now := u.now()
		for _, s := range u.List() {
			list = append(list, registrationAnswer{Name: s.Name, AOR: s.AOR, Contact: s.Contact, State: s.State(now),
				Expires: s.Expires(now).Seconds(), Code: s.Code, Error: s.Error})
		}
		host.Answer(w, http.StatusOK, registrationsAnswer{list})
	}}}
}

// registrationsAnswer are those of all accounts.
type registrationsAnswer struct {
	Registrations []registrationAnswer `json:"registrations"`
}

// registrationAnswer is the state of one registration.
type registrationAnswer struct {
	Name    string  `json:"name"`
	AOR     string  `json:"aor"`
	Contact string  `json:"contact"`
	State   string  `json:"state"`
	Expires float64 `json:"expires_seconds"`
	Code    int     `json:"code,omitempty"`
	Error   string  `json:"error,omitempty"`
}

// now is the time of the engine, the zero time before it is attached.
func (u *UAC) now() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.eng == nil {
		return time.Time{}
	}
	return u.eng.Clock().Wall()
}

func accountsCommand(c *host.Invocation) error {
	if len(c.Args) > 0 {
		return host.Usagef("%s takes no argument: found %q", c.Command, c.Args[0])
	}
	return host.Show(c, "/api/v1/uac/registrations", func(a *registrationsAnswer) host.View {
		rows, essence := [][]string{{"NAME", "STATE", "EXPIRES", "ADDRESS", "CONTACT", "WHY"}}, []byte{}
		for _, r := range a.Registrations {
			why := r.Error
			if r.Code >= 300 {
				why = strings.TrimSpace(fmt.Sprint(r.Code, " ", why))
			}
			left := time.Duration(r.Expires * float64(time.Second)).Round(time.Second).String()
			rows = append(rows, []string{r.Name, r.State, left, r.AOR, r.Contact, host.Printable(why)})
			essence = fmt.Appendln(essence, r.Name, r.State, r.Contact, why)
		}
		return host.View{Table: host.Table(rows...), Essence: essence}
	})
}
