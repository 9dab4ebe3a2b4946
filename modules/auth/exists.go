package auth

// This file answers about users without credentials: whether there is one, and whether one who is
// known otherwise may use the identity that a request claims.

import (
	"context"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// Known reports whether the users of the script in force include an address. sure is false if there
// are no users, or a function of the script finds them. It may block until ctx ends. An error: they
// cannot be looked up at present.
func (a *Auth) Known(ctx context.Context, e *engine.Engine, uri *message.URI) (known, sure bool, err error) {
	serving := a.service.serving.Load()
	if serving == nil || !serving.policy.asks {
		return false, false, nil
	}
	if _, function := serving.policy.Users.(byFunction); function {
		return false, false, nil
	}
	known, err = serving.exists(e, uri, waits{ctx: ctx})
	return known, true, err
}

// exists reports whether an address is that of a user: at a local domain, and known to the policy's
// Users by its user part, or by user and domain. An error: they cannot be looked up at present.
func (a *Auth) exists(e *engine.Engine, uri *message.URI, by waits) (bool, error) {
	users := a.policy.Users
	name, ok := unpercent(uri.User)
	if !uri.IsSIP() || len(name) == 0 || !ok || !e.IsLocal(string(uri.Host), uri.Port) || users == nil {
		return false, nil
	}
	realm := a.realmOf(e, uri)
	domain := strings.TrimSuffix(strings.ToLower(string(uri.Host)), ".")
	if base := e.UserBase(uri.Host, uri.Port); base != "" {
		domain = base
	}
	for _, user := range [...]string{string(name), string(name) + "@" + domain} {
		q := Query{User: user, Realm: realm, Now: e.Clock().Wall(), TTL: a.policy.Cache}
		secret, certainty := users.Find(q)
		if by.ask != nil || secret == nil && certainty != Certain {
			var err error
			if secret, err = by.fetch(users, q); err != nil {
				return false, err
			}
		}
		if secret != nil {
			return true, nil
		}
	}
	return false, nil
}

// identify is require for a user who is known otherwise, such as by a token: it returns the user,
// or "" if the request has been answered, or is over, or cannot be answered.
func (a *Auth) identify(req *engine.Request, w *Want, user string) (string, error) {
	switch {
	case user == "":
		return "", &engine.MisuseError{Text: "the user is empty: nobody is known yet"}
	case req.Decided():
		return "", &engine.MisuseError{Text: "this request has been decided already; return after the first decision"}
	case !challengeable(req) || req.Over():
		return "", nil
	}
	ok, err := a.admit(req, w, user)
	switch {
	case err != nil || req.Over():
		return "", err
	case ok:
		return user, nil
	}
	return "", a.refuse(req, w, &Verdict{Reason: Identity, User: user})
}

// admit holds a user to the identity that a request claims, and makes him the request's.
func (a *Auth) admit(req *engine.Request, w *Want, user string) (bool, error) {
	may, identified, err := a.may(req, w, user)
	if err != nil || req.Over() {
		return false, err
	}
	if !may {
		source := req.Source().Addr.Addr()
		a.figures.identity.Add(1)
		a.emit(Event{Kind: EventFailed, User: user, Source: source.Unmap().String(), Reason: Identity})
		a.warn(&Question{Source: source, Now: req.Engine().Clock().Wall(), engine: req.Engine()}, "identity", "the user may not use the identity claimed", user)
		return false, nil
	}
	a.figures.accepted.Add(1)
	req.SetUser(user)
	if identified {
		req.SetIdentified()
	}
	return true, nil
}
