// Package resolver finds the addresses that a request to a SIP or SIPS URI is sent to: RFC 3263 on
// DNS, with a cache.
//
//	r, err := resolver.New(resolver.Options{Kinds: []transport.Kind{transport.UDP, transport.TCP, transport.TLS}})
//	r.Resolve(&resolver.Query{Host: "example.com"}, func(peers []transport.Peer, err error) {
//		// the addresses to try, in order (RFC 3263 §4.3)
//	})
//	r.Failed(&peers[0])   // tried last for a while
//	r.Close()
//
// What is looked up depends on the URI (RFC 3263 §4.1, §4.2):
//
//	a numeric host                    nothing
//	a name and a port                 A and AAAA
//	a name and a transport            SRV of that transport, else A and AAAA with its default port
//	a name alone                      NAPTR, else SRV of each transport the engine has, else A and AAAA
//
// Names in the hosts file, and localhost, are addresses: the DNS is not asked for them, not even
// for SRV. Names below .invalid do not exist (RFC 6761 §6.4); SIP clients put them into Contact
// (RFC 7118 §5).
//
// [Resolver.Resolve] never blocks. Cached results are returned on the caller's goroutine; the rest
// comes from one goroutine per distinct query, of which there are at most Options.MaxInFlight, and
// callers with the same query wait for the same answer. [Resolver.Cached] is the first half alone,
// for callers that must know which goroutine they are on:
//
//	if peers, ok, err := r.Cached(q); ok {
//		done(peers, err) // on the lane
//		return
//	}
//	r.Resolve(q, func(peers []transport.Peer, err error) {
//		l.Post(lane.Func(func(*lane.Lane) { done(peers, err) }))
//	})
//
// There are two caches, both bounded, with the least recently used entries dropped first: DNS
// answers by question, and plans by query. A plan is all addresses of a query with their priorities
// and weights; each call draws its own order from it (RFC 2782), and moves addresses that failed
// recently to the end.
//
// Servers are not trusted: an answer must repeat the question, records of other names are skipped,
// chains of aliases, numbers of records and times to live are bounded.
package resolver
