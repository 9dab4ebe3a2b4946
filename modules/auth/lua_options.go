package auth

// This file reads what scripts set while they load: configure and users.

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/source"
)

// settings are the options of configure. The policy's defaults apply to what is not given.
type settings struct {
	Realm         string              `lua:"realm,reloadable" default:"the claimed domain if it is local, otherwise the first domain" doc:"what clients show, and what password hashes are computed with"`
	Algorithms    luabind.FuncOrValue `lua:"algorithms,reloadable" default:"\"auto\"" doc:"\"auto\": SHA-256 and MD5, and MD5 alone for a client that cannot choose and for users in tables of Kamailio or OpenSIPS; or a list in order of preference, with one challenge each: { \"SHA-256\", \"MD5\" } or \"SHA-256, MD5\""`
	QOP           []string            `lua:"qop,reloadable" default:"{\"auth\"}" doc:"any of \"auth\", \"auth-int\" and \"none\". \"none\" accepts clients that do not know qop (RFC 2069); a nonce is then valid for one request"`
	NonceLifetime time.Duration       `lua:"nonce_lifetime,reloadable" min:"10" max:"86400" default:"300" doc:"how long a nonce is valid, in seconds; 10 to 86400"`
	Users         luabind.FuncOrValue `lua:"users,reloadable" default:"none" doc:"as for auth.users"`
	URI           string              `lua:"uri,reloadable" oneof:"direct always never" default:"\"direct\"" doc:"whether the signed uri must name the user and host of the Request-URI. \"always\"; \"never\"; or \"direct\": it may also name this server, or use another of its names, and it is not checked if a proxy in between may have changed the Request-URI: one in trusted, or in --trust-via, whose phones still need passwords. A server with the same --secret needs no listing: its Via proves what the Request-URI was before. It is not checked after the script itself has changed req.ruri"`
	Info          string              `lua:"info,reloadable" oneof:"auto always never" default:"\"auto\"" doc:"whether this server's own 2xx responses carry Authentication-Info: \"auto\", once half of the nonce's lifetime has passed, to supply the next nonce; \"always\"; \"never\""`
	MaxFailures   *int                `lua:"max_failures,reloadable" min:"0" default:"10" doc:"wrong passwords for one user from one source before a ban; 0: no limit"`
	MaxSource     *int                `lua:"max_source_failures,reloadable" min:"0" default:"100" doc:"wrong passwords for all users from one source before a ban; 0: no limit"`
	Window        time.Duration       `lua:"window,reloadable" min:"1" max:"86400" default:"300" doc:"seconds in which failures are counted"`
	Ban           time.Duration       `lua:"ban,reloadable" min:"1" max:"86400" default:"300" doc:"how long a ban lasts, in seconds"`
	Trusted       []string            `lua:"trusted,reloadable" default:"{}" doc:"the peers for auth.trusted and identity_headers"`
	Cache         *time.Duration      `lua:"cache,reloadable" max:"86400" default:"60" doc:"seconds for which a user from a database is not looked up again. A wrong password always causes a new look-up"`

	IdentityHeaders string `lua:"identity_headers,reloadable" oneof:"any trusted" default:"\"any\"" doc:"whose identity headers pass: \"any\" peer's, or \"trusted\": those of the peers in trusted only"`
}

func (m *module) configure(c *luabind.Call, s settings) {
	if m.configured[c.VM()] {
		c.Raise("has already been called")
	}
	users := s.Users
	s.Users = luabind.FuncOrValue{}
	if len(m.configured) == 0 {
		if err := m.apply(&s); err != nil {
			c.Raise("%v", err)
		}
		m.first = s
	} else if !reflect.DeepEqual(m.first, s) {
		c.Raise("the options differ from lane to lane; make them the same each time the file runs")
	}
	m.configured[c.VM()] = true
	if users.Given() {
		m.setUsers(c, &users)
	}
}

// apply puts the options into force, for the first VM whose file gives them.
func (m *module) apply(s *settings) error {
	p := m.auth.given
	p.Realm = orElse(s.Realm, p.Realm)
	p.NonceLifetime = orElse(s.NonceLifetime, p.NonceLifetime)
	p.CheckURI = orElse(s.URI, p.CheckURI)
	p.Info = orElse(s.Info, p.Info)
	p.IdentityHeaders = orElse(s.IdentityHeaders, p.IdentityHeaders)
	p.Limits.Window = orElse(s.Window, p.Limits.Window)
	p.Limits.Ban = orElse(s.Ban, p.Limits.Ban)
	p.Limits.PerUser = limit(s.MaxFailures, p.Limits.PerUser)
	p.Limits.PerSource = limit(s.MaxSource, p.Limits.PerSource)
	if s.Cache != nil {
		if p.Cache = *s.Cache; p.Cache == 0 {
			p.Cache = -1
		}
	}
	if s.Trusted != nil {
		p.Trusted = s.Trusted
	}
	if s.QOP != nil {
		p.QOP = s.QOP
	}
	if s.Algorithms.Given() {
		list, err := algorithmsOf(&s.Algorithms)
		if err != nil {
			return err
		}
		p.Algorithms = list
	}
	return m.use(p)
}

var errAlgorithms = errors.New("option algorithms must be \"auto\" or a list of names")

// algorithmsOf reads the option: nil is "auto".
func algorithmsOf(o *luabind.FuncOrValue) ([]Algorithm, error) {
	list := []Algorithm{}
	var names []any
	switch v := o.Value.(type) {
	case string:
		if strings.EqualFold(strings.TrimSpace(v), "auto") {
			return nil, nil
		}
		for name := range strings.SplitSeq(v, ",") {
			names = append(names, strings.TrimSpace(name))
		}
	case []any:
		names = v
	case map[string]any:
		if len(v) > 0 {
			return nil, errAlgorithms
		}
	default:
		return nil, errAlgorithms
	}
	for _, v := range names {
		name, ok := v.(string)
		if !ok {
			return nil, errAlgorithms
		}
		a, err := ParseAlgorithm(name)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

func (m *module) use(p Policy) error {
	a, err := m.auth.With(p)
	if err == nil {
		m.auth = a
	}
	return err
}

// limit is a number of failures in the form Limits has: there, 0 is the default.
func limit(said *int, other int) int {
	if said == nil {
		return other
	}
	if *said == 0 {
		return -1
	}
	return *said
}

// Places of users other than stores.
const (
	fromTable    = "a table"
	fromFunction = "a function"
)

// setUsers records which store of users one VM's file names. All must name the same; it is opened
// for the first.
func (m *module) setUsers(c *luabind.Call, u *luabind.FuncOrValue) {
	if m.withUsers[c.VM()] {
		c.Raise("users are given already")
	}
	where := fromFunction
	var spec source.Spec
	if u.Func != nil {
		m.functions[c.VM()] = u.Func
	} else {
		var err error
		if spec, err = m.storeOf(u.Value); err != nil {
			c.Raise("users: %v", err)
		}
		if where = fromTable; spec.URL != "" {
			where = nameOf(&spec)
		}
	}
	if len(m.withUsers) == 0 {
		if err := m.open(where, spec); err != nil {
			c.Raise("users: %v", err)
		}
		m.where = where
	} else if where != m.where {
		c.Raise("users differ from lane to lane; make them the same each time the file runs")
	}
	m.withUsers[c.VM()] = true
}

// storeOf reads what is not a function: a table of users, or the name of a store.
func (m *module) storeOf(value any) (source.Spec, error) {
	spec, err := source.SpecOf(value, m.auth.clients.IsDatabase)
	if errors.Is(err, source.ErrSpec) {
		return spec, errSource
	}
	return spec, err
}

func (m *module) open(where string, spec source.Spec) error {
	p := m.auth.given
	switch where {
	case fromFunction:
		p.Users = Table{} // the function is called, but users exist
	case fromTable:
		t, err := tableOf(spec.Entries)
		if err != nil {
			return err
		}
		p.Users = t
	default:
		users, release, err := m.auth.sources.acquire(spec, m.auth.clients, m.host.Log())
		if err != nil {
			return err
		}
		p.Users, m.release = users, release
	}
	return m.use(p)
}

// tableOf reads a table of users.
func tableOf(value any) (Table, error) {
	named, ok := value.(map[string]any)
	if !ok {
		return nil, errSource
	}
	t := make(Table, len(named))
	for name, v := range named {
		s, err := secretOf(v)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		t[name] = s
	}
	return t, nil
}

var errSecret = errors.New("a user is a password (a string), {password=}, {ha1=, algorithm=}, or a list of hashes")

// secretOf reads what a script gives for one user: a string, or tables with hashes. Errors never
// show it.
func secretOf(value any) (*Secret, error) {
	s := &Secret{}
	switch v := value.(type) {
	case string:
		return NewPassword(v), nil
	case map[string]any:
		if password, ok := v["password"].(string); ok && len(v) == 1 {
			return NewPassword(password), nil
		}
		return s, addHash(s, v)
	case []any:
		for _, item := range v {
			h, ok := item.(map[string]any)
			if !ok {
				return nil, errSecret
			}
			if err := addHash(s, h); err != nil {
				return nil, err
			}
		}
		return s, nil
	}
	return nil, errSecret
}

func addHash(s *Secret, v map[string]any) error {
	ha1, ok := v["ha1"].(string)
	if !ok {
		return errSecret
	}
	algorithm := ""
	for key, x := range v {
		switch key {
		case "ha1":
		case "algorithm":
			if algorithm, ok = x.(string); !ok {
				return errSecret
			}
		default:
			return fmt.Errorf("unknown key %q; the keys are ha1 and algorithm", key)
		}
	}
	return s.SetHash(algorithm, ha1)
}
