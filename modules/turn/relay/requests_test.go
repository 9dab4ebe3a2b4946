package relay_test

// What requests are answered (RFC 8656), a row for each rule.

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/sipscript/sipscript/modules/turn/relay"
)

const elsewhere = "127.0.0.9:9" // a peer that nobody sends to

func TestAllocate(t *testing.T) {
	token := field{stun.AttrReservationToken, []byte("12345678")}
	even := field{stun.AttrEvenPort, []byte{0x80}}
	for name, row := range map[string]struct {
		fields []stun.Setter
		want   stun.ErrorCode
	}{
		"plain":                    {[]stun.Setter{overUDP()}, 0},
		"no transport":             {nil, stun.CodeBadRequest},
		"short transport":          {[]stun.Setter{field{stun.AttrRequestedTransport, []byte{17}}}, stun.CodeBadRequest},
		"TCP":                      {[]stun.Setter{field{stun.AttrRequestedTransport, []byte{6, 0, 0, 0}}}, stun.CodeUnsupportedTransProto},
		"unfragmented":             {[]stun.Setter{overUDP(), field{stun.AttrDontFragment, nil}}, stun.CodeUnknownAttribute},
		"something unknown":        {[]stun.Setter{overUDP(), field{0x7777, nil}}, stun.CodeUnknownAttribute},
		"something optional":       {[]stun.Setter{overUDP(), field{0xF777, nil}}, 0},
		"IPv4":                     {[]stun.Setter{overUDP(), family(1)}, 0},
		"IPv6, which there is not": {[]stun.Setter{overUDP(), family(2)}, stun.CodeAddrFamilyNotSupported},
		"no family":                {[]stun.Setter{overUDP(), family(3)}, stun.CodeAddrFamilyNotSupported},
		"a pair":                   {[]stun.Setter{overUDP(), even}, 0},
		"a token for nothing":      {[]stun.Setter{overUDP(), token}, stun.CodeInsufficientCapacity},
		"a token and a pair":       {[]stun.Setter{overUDP(), token, even}, stun.CodeBadRequest},
		"a token and a family":     {[]stun.Setter{overUDP(), token, family(1)}, stun.CodeBadRequest},
		"a short token":            {[]stun.Setter{overUDP(), field{stun.AttrReservationToken, []byte("1234")}}, stun.CodeBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			k := dial(t, "udp4", at(serve(t, nil))).login("alice", time.Minute)
			k.wants(k.ask(stun.MethodAllocate, row.fields...), row.want)
		})
	}
}

// The answer to a request that is sent again is the same; another one from the same place is
// refused.
func TestAllocateAgain(t *testing.T) {
	k := dial(t, "udp4", at(serve(t, nil))).login("alice", time.Minute)
	first := k.ask(stun.MethodAllocate, overUDP())
	again := k.exchange(k.last)
	if relayed(t, first) != relayed(t, again) {
		t.Error("another allocation")
	}
	k.wants(k.ask(stun.MethodAllocate, overUDP()), stun.CodeAllocMismatch)
}

// The other port of a pair is kept for the same user.
func TestPair(t *testing.T) {
	for name, row := range map[string]struct {
		user string
		late time.Duration
		want stun.ErrorCode
	}{
		"same user": {"alice", 0, 0},
		"another":   {"bob", 0, stun.CodeInsufficientCapacity},
		"too late":  {"alice", 31 * time.Second, stun.CodeInsufficientCapacity},
	} {
		t.Run(name, func(t *testing.T) {
			var c clock
			s := serve(t, func(o *relay.Options) { o.Now = c.now })
			k := dial(t, "udp4", at(s)).login("alice", time.Hour)
			m := k.ask(stun.MethodAllocate, overUDP(), field{stun.AttrEvenPort, []byte{0x80}})
			first := relayed(t, m)
			if first.Port()%2 != 0 {
				t.Errorf("%v is not even", first)
			}
			other := dial(t, "udp4", at(s)).login(row.user, time.Hour)
			c.advance(row.late)
			second := other.ask(stun.MethodAllocate, overUDP(), field{stun.AttrReservationToken, []byte(text(m, stun.AttrReservationToken))})
			if other.wants(second, row.want); row.want == 0 && relayed(t, second).Port() != first.Port()+1 {
				t.Errorf("%v after %v", relayed(t, second), first)
			}
		})
	}
}

// Ports that nobody claims are bounded, whoever had them reserved.
func TestReservedPortsAreBounded(t *testing.T) {
	k := dial(t, "udp4", at(serve(t, nil))).login("alice", time.Minute)
	pair := field{stun.AttrEvenPort, []byte{0x80}}
	for range relay.FewReserved {
		k.allocate(pair)
		k.wants(k.ask(stun.MethodRefresh, seconds(0)), 0)
	}
	k.wants(k.ask(stun.MethodAllocate, overUDP(), pair), stun.CodeInsufficientCapacity)
	k.allocate()
}

func TestLifetimes(t *testing.T) {
	for name, row := range map[string]struct {
		fields []stun.Setter
		want   string
	}{
		"none":     {nil, "\x00\x00\x02\x58"},
		"short":    {[]stun.Setter{seconds(60)}, "\x00\x00\x02\x58"},
		"nonsense": {[]stun.Setter{field{stun.AttrLifetime, []byte{0, 0}}}, "\x00\x00\x02\x58"},
		"middling": {[]stun.Setter{seconds(1800)}, "\x00\x00\x07\x08"},
		"long":     {[]stun.Setter{seconds(1 << 31)}, "\x00\x00\x0e\x10"},
	} {
		t.Run(name, func(t *testing.T) {
			k := dial(t, "udp4", at(serve(t, nil))).login("alice", time.Minute)
			if got := text(k.ask(stun.MethodAllocate, append(row.fields, overUDP())...), stun.AttrLifetime); got != row.want {
				t.Errorf("allocated for %q", got)
			}
			if got := text(k.ask(stun.MethodRefresh, row.fields...), stun.AttrLifetime); got != row.want {
				t.Errorf("refreshed for %q", got)
			}
		})
	}
}

// Requests that need an allocation, and what is wrong with them.
func TestWithAllocation(t *testing.T) {
	for name, row := range map[string]struct {
		method stun.Method
		fields []stun.Setter
		want   stun.ErrorCode
	}{
		"refresh":                   {stun.MethodRefresh, nil, 0},
		"refresh of another family": {stun.MethodRefresh, []stun.Setter{family(2)}, stun.CodePeerAddrFamilyMismatch},
		"permission":                {stun.MethodCreatePermission, []stun.Setter{peer("127.0.0.1:1"), peer("127.0.0.2:1")}, 0},
		"permission for nobody":     {stun.MethodCreatePermission, nil, stun.CodeBadRequest},
		"permission in IPv6":        {stun.MethodCreatePermission, []stun.Setter{peer("[2001:db8::1]:1")}, stun.CodePeerAddrFamilyMismatch},
		"permission with nonsense":  {stun.MethodCreatePermission, []stun.Setter{field{stun.AttrXORPeerAddress, []byte{0, 1, 2}}}, stun.CodeBadRequest},
		"one of two forbidden":      {stun.MethodCreatePermission, []stun.Setter{peer("127.0.0.1:1"), peer("10.0.0.1:1")}, stun.CodeForbidden},
		"channel":                   {stun.MethodChannelBind, []stun.Setter{channel(0x4000), peer(elsewhere)}, 0},
		"channel of RFC 5766":       {stun.MethodChannelBind, []stun.Setter{channel(0x7FFE), peer(elsewhere)}, 0},
		"channel below":             {stun.MethodChannelBind, []stun.Setter{channel(0x3FFF), peer(elsewhere)}, stun.CodeBadRequest},
		"channel beyond":            {stun.MethodChannelBind, []stun.Setter{channel(0x7FFF), peer(elsewhere)}, stun.CodeBadRequest},
		"channel to nobody":         {stun.MethodChannelBind, []stun.Setter{channel(0x4000)}, stun.CodeBadRequest},
		"channel without a number":  {stun.MethodChannelBind, []stun.Setter{peer(elsewhere)}, stun.CodeBadRequest},
		"channel in IPv6":           {stun.MethodChannelBind, []stun.Setter{channel(0x4000), peer("[2001:db8::1]:1")}, stun.CodePeerAddrFamilyMismatch},
		"channel forbidden":         {stun.MethodChannelBind, []stun.Setter{channel(0x4000), peer("10.0.0.1:1")}, stun.CodeForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, nil)
			k := dial(t, "udp4", at(s)).login("alice", time.Minute)
			k.wants(k.ask(row.method, row.fields...), stun.CodeAllocMismatch)
			k.allocate()
			k.wants(k.ask(row.method, row.fields...), row.want)
			// It belongs to its user.
			before := *k
			c := relay.Secrets{[]byte(secret)}.Credentials("bob", time.Now(), time.Minute)
			k.username, k.key = c.Username, stun.NewLongTermIntegrity(c.Username, k.realm, c.Password)
			k.wants(k.ask(row.method, row.fields...), stun.CodeWrongCredentials)
			// Newer credentials of the same user are as good.
			c = relay.Secrets{[]byte(secret)}.Credentials("alice", time.Now(), time.Hour)
			*k = before
			k.username, k.key = c.Username, stun.NewLongTermIntegrity(c.Username, k.realm, c.Password)
			k.wants(k.ask(row.method, row.fields...), row.want)
		})
	}
}

// A request of several addresses is carried out as a whole or not at all (RFC 8656 §10.2).
func TestPermissionsAreAllOrNone(t *testing.T) {
	s := serve(t, nil)
	k := dial(t, "udp4", at(s)).login("alice", time.Minute)
	k.allocate()
	to, addr := socket(t)
	k.wants(k.ask(stun.MethodCreatePermission, peer(addr), peer("10.0.0.1:1")), stun.CodeForbidden)
	k.silent(indication(t, addr, "not permitted"))
	k.wants(k.ask(stun.MethodCreatePermission, peer(addr)), 0)
	k.silent(indication(t, addr, "permitted"))
	if got, _ := receive(t, to); got != "permitted" {
		t.Errorf("%q", got)
	}
}

func TestChannelsAreUnique(t *testing.T) {
	k := dial(t, "udp4", at(serve(t, nil))).login("alice", time.Minute)
	k.allocate()
	for _, row := range []struct {
		name   string
		number uint16
		peer   string
		want   stun.ErrorCode
	}{
		{"bound", 0x4000, "127.0.0.1:1", 0},
		{"again", 0x4000, "127.0.0.1:1", 0},
		{"number taken", 0x4000, "127.0.0.1:2", stun.CodeBadRequest},
		{"peer taken", 0x4001, "127.0.0.1:1", stun.CodeBadRequest},
		{"another", 0x4001, "127.0.0.1:2", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			k.wants(k.ask(stun.MethodChannelBind, channel(row.number), peer(row.peer)), row.want)
		})
	}
}

// An allocation has so many permissions and channels, and no more.
func TestBoundsOfAnAllocation(t *testing.T) {
	s := serve(t, nil)
	k := dial(t, "udp4", at(s)).login("alice", time.Minute)
	k.allocate()
	for i := range relay.MostPermissions {
		k.wants(k.ask(stun.MethodCreatePermission, peer(fmt.Sprintf("127.0.1.%d:1", i))), 0)
	}
	k.wants(k.ask(stun.MethodCreatePermission, peer("127.0.2.1:1")), stun.CodeInsufficientCapacity)
	k.wants(k.ask(stun.MethodCreatePermission, peer("127.0.1.1:1")), 0)
	for i := range relay.MostChannels {
		k.wants(k.ask(stun.MethodChannelBind, channel(uint16(0x4000+i)), peer(fmt.Sprintf("127.0.1.1:%d", i+1))), 0)
	}
	k.wants(k.ask(stun.MethodChannelBind, channel(0x4FFF), peer("127.0.1.1:9999")), stun.CodeInsufficientCapacity)
	if n := s.Stats().Refused["routes"]; n != 2 {
		t.Errorf("%d counted", n)
	}
}

// Allocations are bounded, and one that ends makes room.
func TestQuotas(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*relay.Options)
		user   string // of the second
		want   stun.ErrorCode
	}{
		"user":    {func(o *relay.Options) { o.Policy.PerUser = 1 }, "alice", stun.CodeAllocQuotaReached},
		"another": {func(o *relay.Options) { o.Policy.PerUser = 1 }, "bob", 0},
		"ip":      {func(o *relay.Options) { o.Policy.PerIP = 1 }, "bob", stun.CodeAllocQuotaReached},
		"total":   {func(o *relay.Options) { o.Policy.Total = 1 }, "bob", stun.CodeInsufficientCapacity},
		"ports":   {onePort, "bob", stun.CodeInsufficientCapacity},
		"none":    {func(o *relay.Options) { o.Policy.PerUser, o.Policy.PerIP, o.Policy.Total = 0, 0, 0 }, "alice", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, row.change)
			first, second := dial(t, "udp4", at(s)).login("alice", time.Minute), dial(t, "udp4", at(s)).login(row.user, time.Hour)
			first.allocate()
			second.wants(second.ask(stun.MethodAllocate, overUDP()), row.want)
			if row.want == 0 {
				return
			}
			if n := s.Stats().Refused[name]; n != 1 {
				t.Errorf("%d counted", n)
			}
			first.wants(first.ask(stun.MethodRefresh, seconds(0)), 0)
			second.allocate()
			if f := s.Stats(); f.Allocations != 1 || f.Users != 1 {
				t.Errorf("%+v", f)
			}
		})
	}
}

// onePort finds a port that is free, and has no other.
func onePort(o *relay.Options) {
	conn, err := listen("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	port := netip.MustParseAddrPort(conn.LocalAddr().String()).Port()
	o.Ports = relay.Ports{First: port, Last: port}
}

// A server that is about to stop refuses new allocations, and goes on with those that there are.
func TestDrain(t *testing.T) {
	s := serve(t, nil)
	a, b := dial(t, "udp4", at(s)).login("alice", time.Minute), dial(t, "udp4", at(s)).login("bob", time.Minute)
	a.allocate()
	s.Drain()
	b.wants(b.ask(stun.MethodAllocate, overUDP()), stun.CodeInsufficientCapacity)
	a.wants(a.ask(stun.MethodRefresh), 0)
	if n := s.Stats().Refused["draining"]; n != 1 {
		t.Errorf("%d counted", n)
	}
}

// A stun listener answers binding requests and nothing else.
func TestBinding(t *testing.T) {
	s := serve(t, func(o *relay.Options) { o.Listeners[0].Kind = relay.STUN })
	for _, network := range []string{"udp4", "tcp4"} {
		t.Run(network, func(t *testing.T) {
			k := dial(t, network, at(s))
			m := k.ask(stun.MethodBinding, stun.Fingerprint)
			var a stun.XORMappedAddress
			if k.wants(m, 0); a.GetFrom(m) != nil || a.String() != k.conn.LocalAddr().String() || stun.Fingerprint.Check(m) != nil {
				t.Errorf("%v", m)
			}
			k.wants(k.ask(stun.MethodBinding, field{stun.AttrChangeRequest, []byte{0, 0, 0, 6}}), stun.CodeUnknownAttribute)
			allocate := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), overUDP())
			k.silent(allocate.Raw)
		})
	}
}
