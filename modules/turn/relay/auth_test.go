package relay_test

// Credentials (RFC 8489 §9.2).

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/sipscript/sipscript/modules/turn/relay"
)

const algorithms = "\x00\x02\x00\x00\x00\x01\x00\x00"

func TestAuthentication(t *testing.T) {
	old := relay.Secrets{[]byte("the secret of last month")}
	for name, row := range map[string]struct {
		change func(k *talker)
		want   stun.ErrorCode
	}{
		"right":            {func(*talker) {}, 0},
		"wrong password":   {func(k *talker) { k.key = stun.NewLongTermIntegrity(k.username, k.realm, "x") }, stun.CodeUnauthorized},
		"another realm":    {func(k *talker) { k.realm = "example.org" }, stun.CodeUnauthorized},
		"unknown nonce":    {func(k *talker) { k.nonce = "obMatJos2gAAAxxxxxxxxxxxxxxxxxxxxx" }, stun.CodeStaleNonce},
		"half a nonce":     {func(k *talker) { k.nonce = k.nonce[:20] }, stun.CodeStaleNonce},
		"nonce changed":    {func(k *talker) { k.nonce = k.nonce[:13] + "A" + k.nonce[14:] }, stun.CodeStaleNonce},
		"expired":          {func(k *talker) { sign(k, relay.Secrets{[]byte(secret)}, "alice", -time.Second) }, stun.CodeUnauthorized},
		"the other secret": {func(k *talker) { sign(k, old, "alice", time.Minute) }, 0},
		"no secret of it":  {func(k *talker) { sign(k, relay.Secrets{[]byte("a secret of our own")}, "alice", time.Minute) }, stun.CodeUnauthorized},
		"long name": {func(k *talker) {
			sign(k, relay.Secrets{[]byte(secret)}, strings.Repeat("x", 500), time.Minute)
		}, stun.CodeUnauthorized},
		"not a time": {func(k *talker) { k.username = "alice" }, stun.CodeUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(o *relay.Options) { o.Secrets = append(o.Secrets, old...) })
			k := dial(t, "udp4", at(s)).login("alice", time.Minute)
			row.change(k)
			m := k.ask(stun.MethodAllocate, overUDP())
			k.wants(m, row.want)
			switch {
			case row.want == 0:
				if stun.MessageIntegrity(k.key).Check(m) != nil {
					t.Error("the answer is not signed")
				}
			default:
				if text(m, stun.AttrNonce) == "" || text(m, stun.AttrRealm) != "example.com" || text(m, 0x8002) != algorithms {
					t.Errorf("%v does not say how to do better", m)
				}
				if f := s.Stats(); f.Stale+f.Rejected != 1 || (row.want == stun.CodeStaleNonce) != (f.Stale == 1) {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

func sign(k *talker, secrets relay.Secrets, user string, ttl time.Duration) {
	c := secrets.Credentials(user, time.Now(), ttl)
	k.username, k.key = c.Username, stun.NewLongTermIntegrity(c.Username, k.realm, c.Password)
}

// What is missing beside a MESSAGE-INTEGRITY is a bad request.
func TestIncompleteCredentials(t *testing.T) {
	for name, keep := range map[string][3]bool{"user": {false, true, true}, "realm": {true, false, true}, "nonce": {true, true, false}} {
		t.Run(name, func(t *testing.T) {
			k := dial(t, "udp4", at(serve(t, nil))).login("alice", time.Minute)
			fields := []stun.Setter{stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), overUDP()}
			for i, f := range []stun.Setter{stun.NewUsername(k.username), stun.NewRealm(k.realm), stun.NewNonce(k.nonce)} {
				if keep[i] {
					fields = append(fields, f)
				}
			}
			k.wants(k.exchange(stun.MustBuild(append(fields, stun.MessageIntegrity(k.key))...)), stun.CodeBadRequest)
		})
	}
}

// Nonces end, and belong to one address.
func TestNonces(t *testing.T) {
	var c clock
	s := serve(t, func(o *relay.Options) { o.Now = c.now })
	k := dial(t, "udp4", at(s)).login("alice", time.Hour)
	k.allocate()
	c.advance(10*time.Minute + 2*time.Second)
	m := k.ask(stun.MethodRefresh)
	k.wants(m, stun.CodeStaleNonce)
	k.challenged(m)
	k.wants(k.ask(stun.MethodRefresh), 0)

	conn, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}}).Dial("udp4", at(s).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	k.conn = conn
	k.wants(k.ask(stun.MethodAllocate, overUDP()), stun.CodeStaleNonce)
}

// A call may last longer than the credentials that it began with; another can't begin with them.
func TestCredentialsEndBeforeTheCall(t *testing.T) {
	var c clock
	s := serve(t, func(o *relay.Options) { o.Now = c.now })
	k, other := dial(t, "udp4", at(s)).login("alice", time.Minute), dial(t, "udp4", at(s)).login("alice", time.Minute)
	k.allocate()
	c.advance(2 * time.Minute)
	k.wants(k.ask(stun.MethodRefresh), 0)
	other.wants(other.ask(stun.MethodAllocate, overUDP()), stun.CodeUnauthorized)
	sign(k, relay.Secrets{[]byte(secret)}, "alice", time.Second) // others of the same user
	k.wants(k.ask(stun.MethodRefresh), stun.CodeUnauthorized)
}

// What is behind MESSAGE-INTEGRITY is not looked at (RFC 8489 §14.5): anybody can have put it
// there.
func TestUnsignedAttributes(t *testing.T) {
	k := dial(t, "udp4", at(serve(t, nil))).login("alice", time.Minute)
	k.allocate()
	k.unsignedFields = []stun.Setter{peer(elsewhere)}
	k.wants(k.ask(stun.MethodCreatePermission), stun.CodeBadRequest)
	k.unsignedFields = []stun.Setter{seconds(0)}
	k.wants(k.ask(stun.MethodRefresh), 0)
	k.unsignedFields = nil
	k.wants(k.ask(stun.MethodRefresh), 0) // it is still there
}

// withSHA256 signs as RFC 8489 §14.6 says.
type withSHA256 struct {
	key []byte
	cut int // bytes at the end that are left out
}

func (w withSHA256) AddTo(m *stun.Message) error {
	m.WriteLength()
	b := append([]byte{}, m.Raw...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-20+36-w.cut))
	mac := hmac.New(sha256.New, w.key)
	mac.Write(b)
	m.Add(stun.AttrMessageIntegritySHA256, mac.Sum(nil)[:sha256.Size-w.cut])
	return nil
}

func TestSHA256(t *testing.T) {
	key := func(k *talker) []byte {
		c := relay.Secrets{[]byte(secret)}.Credentials("alice", time.Now(), time.Minute)
		k.username = c.Username
		sum := sha256.Sum256([]byte(c.Username + ":" + k.realm + ":" + c.Password))
		return sum[:]
	}
	for name, row := range map[string]struct {
		list, one string
		cut       int
		want      stun.ErrorCode
	}{
		"as told":         {algorithms, "\x00\x02\x00\x00", 0, 0},
		"list shortened":  {"\x00\x02\x00\x00", "\x00\x02\x00\x00", 0, stun.CodeBadRequest},
		"not of the list": {algorithms, "\x00\x03\x00\x00", 0, stun.CodeBadRequest},
		"no choice":       {algorithms, "", 0, stun.CodeBadRequest},
		"no list":         {"", "\x00\x02\x00\x00", 0, stun.CodeBadRequest},
		"another key":     {algorithms, "\x00\x01\x00\x00", 0, stun.CodeUnauthorized},
		"cut short":       {algorithms, "\x00\x02\x00\x00", 16, 0},
		"cut too short":   {algorithms, "\x00\x02\x00\x00", 20, stun.CodeUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			k := dial(t, "udp4", at(serve(t, nil))).login("alice", time.Minute)
			k256 := key(k)
			fields := []stun.Setter{stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), overUDP(),
				stun.NewUsername(k.username), stun.NewRealm(k.realm), stun.NewNonce(k.nonce)}
			if row.list != "" {
				fields = append(fields, field{0x8002, []byte(row.list)})
			}
			if row.one != "" {
				fields = append(fields, field{0x001D, []byte(row.one)})
			}
			m := k.exchange(stun.MustBuild(append(fields, withSHA256{k256, row.cut})...))
			k.wants(m, row.want)
			if row.want != 0 {
				return
			}
			// The answer is signed in the same way, with the same key.
			signed := stun.New()
			signed.Type, signed.TransactionID = m.Type, m.TransactionID
			signed.WriteHeader()
			for _, a := range m.Attributes[:len(m.Attributes)-1] {
				signed.Add(a.Type, a.Value)
			}
			_ = withSHA256{key: k256}.AddTo(signed)
			if text(signed, stun.AttrMessageIntegritySHA256) != text(m, stun.AttrMessageIntegritySHA256) {
				t.Error("the answer's signature is wrong")
			}
		})
	}
}
