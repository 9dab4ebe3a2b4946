package message

// Credentials and challenges: Authorization, Proxy-Authorization, WWW-Authenticate,
// Proxy-Authenticate (§20.7, §20.44, RFC 7616), and the bare parameters of Authentication-Info
// (§20.6).

// Auth is the value of a header of the Authorization family.
type Auth struct {
	// As written: "Digest"; empty for Authentication-Info and Proxy-Authentication-Info
	Scheme []byte
	Params AuthParams // name=value, separated by commas; quotes are part of a value
}

// AuthParams is a run of name=value pairs separated by commas, as written. Names compare without
// case.
type AuthParams []byte

// ParseAuth reads the value of a credentials or challenge header: a scheme and its parameters. It
// is an error if there is no scheme, or if the parameters are not name=value pairs. Schemes whose
// credentials are not parameters (Basic) have them unchanged in Params, without an error.
func ParseAuth(value []byte) (Auth, error) {
	i := skipSpace(value, 0)
	lo := i
	for i < len(value) && is(value[i], charToken) {
		i++
	}
	a := Auth{Scheme: value[lo:i]}
	if i == lo {
		return a, &Error{Status: 400, Reason: "Bad credentials: no scheme"}
	}
	a.Params = AuthParams(value[skipSpace(value, i):])
	if !equalFold(a.Scheme, "digest") {
		return a, nil
	}
	return a, a.Params.check()
}

// ParseAuthInfo reads the value of Authentication-Info or Proxy-Authentication-Info: parameters
// without a scheme.
func ParseAuthInfo(value []byte) (AuthParams, error) {
	p := AuthParams(value)
	return p, p.check()
}

// Get is the value of the first parameter with a name, without its quotes (escapes still in it).
func (p AuthParams) Get(name string) (value []byte, present bool) {
	_ = p.each(func(n, v []byte) bool {
		if equalFold(n, name) {
			value, present = v, true
		}
		return !present
	})
	return value, present
}

// Each calls f for each parameter in order until it returns false; values are without their quotes.
func (p AuthParams) Each(f func(name, value []byte) bool) { _ = p.each(f) }

func (p AuthParams) check() error {
	if !p.each(func(_, _ []byte) bool { return true }) {
		return &Error{Status: 400, Reason: "Bad credentials: not a list of name=value"}
	}
	return nil
}

// each walks the parameters; false when they can't be read.
func (p AuthParams) each(f func(name, value []byte) bool) bool {
	for i := 0; ; {
		for i = skipSpace(p, i); i < len(p) && p[i] == ','; i = skipSpace(p, i+1) {
		}
		if i >= len(p) {
			return true
		}
		lo := i
		for i < len(p) && is(p[i], charToken) {
			i++
		}
		name := p[lo:i]
		i = skipSpace(p, i)
		if len(name) == 0 || i >= len(p) || p[i] != '=' {
			return false
		}
		value, end, ok := authValue(p, skipSpace(p, i+1))
		if !ok {
			return false
		}
		if !f(name, value) {
			return true
		}
		if i = skipSpace(p, end); i < len(p) && p[i] != ',' {
			return false
		}
	}
}

// authValue reads a token or quoted string at i.
func authValue(p []byte, i int) (value []byte, end int, ok bool) {
	if i < len(p) && p[i] == '"' {
		end = skipQuoted(p, i)
		if end < 0 {
			return nil, i, false
		}
		return p[i+1 : end-1], end, true
	}
	lo := i
	for i < len(p) && p[i] != ',' && p[i] != '"' && p[i] > ' ' {
		i++
	}
	return p[lo:i], i, true
}
