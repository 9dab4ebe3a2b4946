package stir

// This file is the module "stir" of scripts. It only translates; README.md describes what scripts
// see.

import (
	"context"
	"errors"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/stir/passport"
)

// Plugin is the module "stir".
func Plugin() host.Plugin {
	return host.Plugin{Name: "stir", New: func(e *host.Environment) (luabind.Opener, error) {
		return New(Options{Log: e.Log, Clients: e.Clients, Now: e.Now}), nil
	}}
}

// Doc describes the module.
func (*Stir) Doc() string { return "Signs callers' numbers, and verifies them (STIR/SHAKEN)." }

// Name is "stir".
func (*Stir) Name() string { return "stir" }

// Open makes the module of one script generation.
func (s *Stir) Open(*luabind.Host) (luabind.Module, error) { return &module{stir: s}, nil }

// module is stir within one script generation. It is written while the file loads.
type module struct {
	stir  *Stir
	setup *setup // nil: nothing was configured
}

// Activate puts the file's setup into force.
func (m *module) Activate() error {
	m.stir.serving.Store(m.setup)
	return nil
}

// Close stops looking for changes of files.
func (m *module) Close() error {
	m.setup.close()
	m.stir.serving.CompareAndSwap(m.setup, nil)
	return nil
}

func (m *module) configure(c Config) (err error) {
	m.setup, err = m.stir.open(c)
	return err
}

// outcome is what verify returns.
type outcome struct {
	v   *passport.Verified
	err error
}

// divertOptions are those of divert.
type divertOptions struct {
	Dest string `lua:"dest" default:"the Request-URI" doc:"who is called now: a number or URI"`
}

var returnsVerified = luabind.ReturnsOf(func(c *luabind.Call, o outcome) int {
	if o.err != nil {
		code := passport.Invalid
		var known *passport.Error
		if errors.As(o.err, &known) {
			code = known.Code
		}
		return c.PushNil() + c.PushString(o.err.Error()) + c.PushNumber(float64(code))
	}
	return c.Push(tableOf(o.v))
},
	luabind.Result{Type: luabind.Table, OrNil: true, Doc: "{orig, dest, attest, origid, certificate, diverted}"},
	luabind.Result{Name: "err", Type: luabind.String, OrNil: true, Doc: "why not; \"missing\" for 428"},
	luabind.Result{Name: "code", Type: luabind.Integer, OrNil: true, Doc: "403, 428, 436, 437 or 438 (RFC 8224 §6.2.2)"})

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Configure(luabind.Function{Doc: "Names our certificate, and the authorities whose certificates are trusted. Files that change are read again.",
			Raises: "if a file can't be read, or the key is not the certificate's", Example: `stir.configure({ max_age = 60 })`}, DefaultConfig(), m.configure),
		luabind.Act2(luabind.Function{Name: "sign", Where: luabind.InHandler,
			Doc: "Has everything that is sent for the request signed, as it is sent: an Identity header is added, and Date if it has none that is right. A branch is signed at once, " +
				"so this comes last in on_branch. nil, err if the caller or callee has no number or address, and if our certificate has expired or is not for the number.",
			Raises:  "without certificate, key and x5u, for an ACK or CANCEL, and for options that contradict each other",
			Example: `-- stir.sign(req, { attest = "A" })`},
			luabind.RequestOrBranchArg[editable](), luabind.OptionsArg(SignOptions{}), m.sign),
		luabind.Act2(luabind.Function{Name: "divert", Where: luabind.InHandler,
			Doc: "Has everything that is sent for the request say that it was diverted, by whom it was for, to whom it is for now (RFC 8946). It does nothing if that is the same. " +
				"nil, \"missing\" if nobody signed the request; what is there should have been verified.",
			Raises:  "without certificate, key and x5u, and for an ACK or CANCEL",
			Example: `-- req.ruri = "sip:+4930123457@example.com" stir.divert(req)`},
			luabind.RequestArg(), luabind.OptionsArg(divertOptions{}), m.divert),
		luabind.Func1(luabind.Function{Name: "verify", Where: luabind.InHandler, Asks: "*", Waits: true, Effects: luabind.Vets,
			Doc:     "Who vouches for the caller of the request, and how. Waits only for certificates that are not known yet. nil, err, code if nobody does whom we trust.",
			Raises:  "without roots",
			Example: "-- local caller, err, code = stir.verify(req)\n-- if not caller and code ~= 428 then return req:reply(code) end"},
			luabind.RequestArg(), returnsVerified, m.verify),
		luabind.Try2(luabind.Function{Name: "verstat",
			Doc:     "A uri with the parameter by which phones learn what came of a verification, in place of one that is there; without status it has none.",
			Example: `local shown = stir.verstat("sip:+4930123456@example.com;user=phone", "TN-Validation-Passed")`},
			luabind.URITextArg("uri", "a SIP or tel URI"), luabind.OneOfArg("status", "", passport.VerstatPassed, passport.VerstatFailed, passport.VerstatNone).Optional(),
			luabind.ReturnsText("the uri"), func(_ *luabind.Call, uri, status string) (string, error) { return passport.Verstat(uri, status) }),
	}
}

// signer is the setup, if something can be signed.
func (m *module) signer(c *luabind.Call) *setup {
	if m.setup == nil || m.setup.own.Load() == nil {
		c.Raise("needs stir.configure with certificate, key and x5u")
	}
	return m.setup
}

func (m *module) sign(c *luabind.Call, e editable, o SignOptions) error {
	u := m.signer(c)
	claims, err := claim(o)
	if errors.Is(err, errCompact) {
		c.Raise("%v", err)
	}
	if err != nil {
		return err
	}
	r, ok := e.(*engine.Request)
	if !ok {
		return u.sign(e, claims, c.Now())
	}
	mustFollow(c, r)
	if _, err := u.token(u.own.Load(), r.Message(), claims, c.Now()); err != nil {
		return err
	}
	u.signingOf(r).own = &claims
	return nil
}

// mustFollow raises for requests that belong to others.
func mustFollow(c *luabind.Call, r *engine.Request) {
	if method := r.Method(); method == message.MethodAck || method == message.MethodCancel {
		c.Raise("an ACK or CANCEL is not signed (RFC 8224 §4)")
	}
}

func (m *module) divert(c *luabind.Call, r *engine.Request, o divertOptions) error {
	u := m.signer(c)
	mustFollow(c, r)
	var target passport.Identity
	var err error
	if o.Dest != "" {
		target, err = passport.Of(o.Dest)
	} else {
		target, err = passport.OfURI(r.Message().RequestURI())
	}
	if err != nil {
		return err
	}
	d, err := diversion(r.Message(), target)
	if err != nil {
		return err
	}
	if d == nil {
		if s, ok := engine.FollowerOf[*signing](r); ok {
			s.div = nil
		}
		return nil
	}
	if _, err := u.token(u.own.Load(), r.Message(), *d, c.Now()); err != nil {
		return err
	}
	u.signingOf(r).div = d
	return nil
}

func (m *module) verify(c *luabind.Call, r *engine.Request) outcome {
	u := m.setup
	if u == nil || u.roots.Load() == nil {
		c.Raise("needs stir.configure with roots")
	}
	q, err := requestOf(r.Message())
	if err != nil {
		return u.counted(nil, err)
	}
	now := c.Now()
	if missing := u.unknown(q, now); len(missing) > 0 {
		c.Await(func(ctx context.Context) { u.fetch(ctx, missing) })
	}
	return u.counted(u.verify(q, now))
}

// counted counts an outcome.
func (u *setup) counted(v *passport.Verified, err error) outcome {
	if err == nil {
		u.stir.count.verified.Add(1)
		return outcome{v: v}
	}
	code := passport.Invalid
	var known *passport.Error
	if errors.As(err, &known) {
		code = known.Code
	}
	for i, c := range codes {
		if c == code {
			u.stir.count.refused[i].Add(1)
		}
	}
	return outcome{err: err}
}

// tableOf is what a script gets.
func tableOf(v *passport.Verified) map[string]any {
	t, leaf := v.Token, v.Certificate.Leaf
	cert := map[string]any{"subject": leaf.Subject.String(), "issuer": leaf.Issuer.String(), "serial": leaf.SerialNumber.Text(16), "x5u": t.X5U,
		"expires": float64(v.Certificate.NotAfter.Unix())}
	if n := v.Certificate.Numbers; n != nil && len(n.Codes) > 0 {
		cert["spc"] = n.Codes[0]
	}
	out := map[string]any{"orig": t.Claims.Orig.String(), "dest": t.Claims.Dest.First().String(), "certificate": cert}
	if t.Type == passport.Shaken {
		out["attest"], out["origid"] = t.Claims.Attest, t.Claims.OrigID
	}
	if v.Diverted != nil {
		list := make([]any, len(v.Diverted))
		for i, id := range v.Diverted {
			list[i] = id.String()
		}
		out["diverted"] = list
	}
	return out
}
