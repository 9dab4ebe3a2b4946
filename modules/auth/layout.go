package auth

// This file reads users from tables: our own, those of Kamailio and OpenSIPS as they are, and the
// results of a script's query.

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/source"
)

// userRow is a row of any of these tables.
type userRow struct {
	Username  *string `lua:"username"` // nil: the answer doesn't say
	Domain    string  `lua:"domain"`
	Realm     *string `lua:"realm"`
	Password  string  `lua:"password"`
	HA1       string  `lua:"ha1"`
	HA1B      string  `lua:"ha1b"` // of user@domain:realm:password
	SHA256    string  `lua:"ha1_sha256"`
	SHA512256 string  `lua:"ha1_sha512t256"`
	Algorithm string  `lua:"algorithm"` // of HA1
}

// maxRows bounds the rows of one user: an algorithm each, or a domain.
const maxRows = 64

// layout is how users are looked up.
type layout struct {
	query  string
	args   func(a account, local, domain string) []any
	read   func(rows []userRow, a account, local, domain string) (*Secret, error)
	tables string // what is missing if a table is
}

// layoutOf is the layout that a source names.
func layoutOf(s *source.Spec) (layout, error) {
	if s.Query != "" {
		return customLayout(s.Query)
	}
	switch s.Layout {
	case "":
		if s.Domain != nil {
			return layout{}, errors.New("use_domain goes with layout = \"kamailio\" or \"opensips\"")
		}
		return layout{
			query: `SELECT username, realm, algorithm, ha1 FROM auth_users WHERE username = ? AND realm = ?`,
			args:  func(a account, _, _ string) []any { return []any{a.user, a.realm} },
			read:  ownRows,
		}, nil
	case "kamailio", "opensips":
		return subscribers(s.Domain == nil || *s.Domain), nil
	}
	return layout{}, fmt.Errorf("layout is \"kamailio\" or \"opensips\", not %.40q", s.Layout)
}

// customLayout is a query with :user and :realm.
func customLayout(query string) (layout, error) {
	text, names, err := clients.Named(query, "user", "realm")
	if err != nil {
		return layout{}, fmt.Errorf("query: %w", err)
	}
	if len(names) == 0 {
		return layout{}, errors.New("query: it asks for one user: WHERE … = :user AND … = :realm")
	}
	return layout{query: text, read: ownRows, args: func(a account, _, _ string) []any {
		list := make([]any, len(names))
		for i, name := range names {
			if list[i] = a.user; name == "realm" {
				list[i] = a.realm
			}
		}
		return list
	}}, nil
}

// subscribers is the table of Kamailio (1 to 5.x) and OpenSIPS (1 to 3.x). It is queried as their
// module auth_db does: a user name with a domain in it (user@domain) is looked up by both parts.
func subscribers(useDomain bool) layout {
	l := layout{query: `SELECT * FROM subscriber WHERE username = ?`, tables: "subscriber"}
	if useDomain {
		l.query += ` AND domain = ?`
	}
	l.args = func(_ account, local, domain string) []any {
		if !useDomain {
			return []any{local}
		}
		return []any{local, domain}
	}
	l.read = func(rows []userRow, a account, local, domain string) (*Secret, error) {
		row, err := oneOf(rows, local, domain, useDomain)
		if row == nil {
			return nil, err
		}
		return row.secret(a, a.user != local)
	}
	return l
}

// oneOf is the row of a user. Databases compare names without regard to case and to spaces at the
// end, which would make one user's row another's.
func oneOf(rows []userRow, local, domain string, useDomain bool) (found *userRow, err error) {
	several := false
	for i := range rows {
		r := &rows[i]
		switch {
		case r.Username == nil || *r.Username != local:
		case strings.EqualFold(r.Domain, domain):
			return r, nil
		case !useDomain:
			several = found != nil
			found = r
		}
	}
	if several {
		return nil, fmt.Errorf("there are several subscribers %.60q, of other domains than %.60q: which is meant?", local, domain)
	}
	return found, nil
}

// secret is the secret in a row of subscribers. A plain-text password works with all algorithms,
// but is used only if the hashes in the row, as far as there are any, match it: somebody who
// changes the hash means it.
func (r *userRow) secret(a account, withDomain bool) (*Secret, error) {
	hash := r.HA1
	if withDomain {
		hash = r.HA1B
	}
	hash = strings.TrimRight(hash, " ")
	s := &Secret{}
	for _, h := range []struct{ algorithm, hash string }{{"", hash}, {"SHA-256", r.SHA256}, {"SHA-512-256", r.SHA512256}} {
		if h.hash = strings.TrimRight(h.hash, " "); h.hash == "" || withDomain && h.algorithm != "" {
			continue
		}
		if err := s.SetHash(h.algorithm, h.hash); err != nil {
			return nil, fmt.Errorf("the row of %.60q: %w", a.user, err)
		}
	}
	if r.Password == "" {
		return s, nil
	}
	for _, algorithm := range []Algorithm{MD5, SHA256, SHA512256} {
		if h := s.ha1[algorithm.kind()]; h != "" && h != HashPassword(algorithm, a.user, a.realm, r.Password) {
			return s, nil
		}
	}
	return NewPassword(r.Password), nil
}

// ownRows reads our own table, with a row for each algorithm, and the results of a script's query.
func ownRows(rows []userRow, a account, _, _ string) (*Secret, error) {
	var s *Secret
	for i := range rows {
		r := &rows[i]
		if r.Username != nil && *r.Username != a.user || r.Realm != nil && *r.Realm != a.realm {
			continue
		}
		if s == nil {
			s = &Secret{}
		}
		if r.Password != "" {
			return NewPassword(r.Password), nil
		}
		for _, h := range []struct{ algorithm, hash string }{{r.Algorithm, r.HA1}, {"SHA-256", r.SHA256}, {"SHA-512-256", r.SHA512256}} {
			if h.hash = strings.TrimRight(h.hash, " "); h.hash == "" {
				continue
			}
			if err := s.SetHash(h.algorithm, h.hash); err != nil {
				return nil, fmt.Errorf("the row of %.60q: %w", a.user, err)
			}
		}
	}
	return s, nil
}

// FetchSecret finds everything there is about a user.
func (s *SQL) FetchSecret(ctx context.Context, user, realm string) (*Secret, error) {
	a := account{user, realm}
	local, domain, with := strings.Cut(user, "@")
	if !with {
		domain = realm
	}
	rows, err := s.rows.Query(ctx, s.db, s.layout.query, s.layout.args(a, local, domain)...)
	if err != nil {
		return nil, fmt.Errorf("auth: fetch: %w", err)
	}
	secret, err := s.layout.read(rows, a, local, domain)
	if err != nil {
		return nil, fmt.Errorf("auth: fetch: %w", err)
	}
	return secret, nil
}
