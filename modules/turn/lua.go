package turn

// This file is the module "turn" of scripts. It only translates.

import (
	"crypto/rand"
	"encoding/base64"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/turn/relay"
)

// Policy is what a script configures.
type Policy struct {
	Allow       []string      `lua:"allow,reloadable" default:"none" doc:"networks and addresses that media may go to although they are not public: {\"10.1.0.0/16\"}"`
	Deny        []string      `lua:"deny,reloadable" default:"none" doc:"networks and addresses that media must not go to although they are public"`
	PerUser     int           `lua:"per_user,reloadable" min:"0" max:"1000000" default:"100" doc:"allocations of one user; 0: any number"`
	PerIP       int           `lua:"per_ip,reloadable" min:"0" max:"1000000" default:"1000" doc:"allocations of clients at one address; 0: any number"`
	Total       int           `lua:"total,reloadable" min:"0" max:"1000000" default:"10000" doc:"all allocations; 0: any number"`
	Bandwidth   int           `lua:"bandwidth,reloadable" min:"0" max:"1000000000" default:"0" doc:"bytes per second of one user, both ways together; 0: any number"`
	MaxLifetime time.Duration `lua:"max_lifetime,reloadable" min:"600" max:"86400" default:"3600" doc:"seconds that an allocation lives without a refresh, at most"`
	URIs        []string      `lua:"uris,reloadable" default:"our own listeners" doc:"what credentials are for: other servers with the same secret"`
}

// DefaultPolicy is that of a script that configures nothing.
func DefaultPolicy() Policy {
	p := relay.DefaultPolicy()
	return Policy{PerUser: p.PerUser, PerIP: p.PerIP, Total: p.Total, MaxLifetime: p.MaxLifetime}
}

// relay is the policy as the server has it.
func (p *Policy) relay() (out relay.Policy, err error) {
	out = relay.Policy{PerUser: p.PerUser, PerIP: p.PerIP, Total: p.Total, Bandwidth: p.Bandwidth, MaxLifetime: p.MaxLifetime}
	if out.Allow, err = networks("allow", p.Allow); err != nil {
		return out, err
	}
	if out.Deny, err = networks("deny", p.Deny); err != nil {
		return out, err
	}
	return out, out.Check()
}

// Open makes the module of one script generation.
func (t *Turn) Open(*luabind.Host) (luabind.Module, error) {
	return &module{turn: t, policy: DefaultPolicy()}, nil
}

type module struct {
	turn   *Turn
	policy Policy
}

// Activate puts the policy into force.
func (m *module) Activate() error {
	p, err := m.policy.relay()
	if err != nil {
		return err
	}
	return m.turn.configure(p)
}

// Close has nothing to do.
func (*module) Close() error { return nil }

const defaultTTL = 24 * time.Hour

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Configure(luabind.Function{Example: `turn.configure({ per_user = 10, deny = { "192.0.2.0/24" } })`}, m.policy, func(p Policy) error {
			m.policy = p
			_, err := p.relay()
			return err
		}),
		luabind.Func2(luabind.Function{Name: "credentials",
			Doc:     "Credentials for our STUN and TURN listeners, as RTCPeerConnection takes them. Without a user they are for somebody whose name is made up.",
			Raises:  "for a user of more than 256 bytes, or with a line break",
			Example: "local c = turn.credentials(\"alice\", 3600)\nlocal servers = { { urls = c.uris, username = c.username, credential = c.password } }"},
			luabind.TextArg("user", "whose allocations are counted together").Optional(),
			luabind.SecondsArg("seconds", "1 to 30 days").Default(defaultTTL, "86400"),
			luabind.ReturnsValue(luabind.Table, "{username, password, ttl, uris}"), m.credentials),
	}
}

func (m *module) credentials(c *luabind.Call, user string, ttl time.Duration) any {
	if len(user) > mostUser || !printable(user) {
		c.Raise("a user is at most %d bytes of text without control characters", mostUser)
	}
	if ttl < time.Second || ttl > mostTTL {
		c.Raise("credentials are good for 1 to %d seconds", mostTTL/time.Second)
	}
	if user == "" {
		var b [9]byte
		rand.Read(b[:])
		user = base64.RawURLEncoding.EncodeToString(b[:])
	}
	made, err := m.turn.Credentials(user, c.Now(), ttl)
	if err != nil {
		c.Raise("%v", err)
	}
	uris := m.policy.URIs
	if s := m.turn.Server(); s != nil && len(uris) == 0 {
		uris = s.URIs()
	}
	list := make([]any, len(uris))
	for i, uri := range uris {
		list[i] = uri
	}
	return map[string]any{"username": made.Username, "password": made.Password, "ttl": float64(ttl / time.Second), "uris": list}
}

const (
	mostUser = 256                 // bytes
	mostTTL  = 30 * 24 * time.Hour // of credentials
)

func printable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7F {
			return false
		}
	}
	return true
}
