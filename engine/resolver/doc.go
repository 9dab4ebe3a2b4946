// Package resolver finds where a SIP or SIPS URI is to be sent: RFC 3263 on DNS, with a cache.
//
//	r, err := resolver.New(resolver.Options{Kinds: []transport.Kind{transport.UDP, transport.TCP, transport.TLS}})
//	r.Resolve(&resolver.Query{Host: "example.com"}, func(peers []transport.Peer, err error) {
//		// the addresses to try, in order (RFC 3263 §4.3)
//	})
//	r.Failed(&peers[0])   // tried last for a while
//	r.Close()
//
// What is looked up depends on what the URI says (RFC 3263 §4.1, §4.2):
//
//	a numeric host                    nothing
//	a name and a port                 A and AAAA
//	a name and a transport            SRV of that transport, else A and AAAA with its default port
//	a name alone                      NAPTR, else SRV of each transport the engine has, else A and AAAA
//
// Names in the hosts file, and localhost, are addresses: for them the DNS is not asked, not even
// for SRV. Names below .invalid do not exist (RFC 6761 §6.4); SIP clients put them into Contact
// (RFC 7118 §5).
//
// [Resolver.Resolve] never blocks. What is cached is answered on the goroutine of the caller; the
// rest by one goroutine per distinct query, of which there are at most Options.MaxInFlight, and
// callers who ask the same wait for the same answer. [Resolver.Cached] is the first half alone, for
// callers who must know on which goroutine they are:
//
//	if peers, ok, err := r.Cached(q); ok {
//		done(peers, err) // on the lane
//		return
//	}
//	r.Resolve(q, func(peers []transport.Peer, err error) {
//		l.Post(lane.Func(func(*lane.Lane) { done(peers, err) }))
//	})
//
// There are two caches, both bounded and least recently used first out: answers of the DNS by
// question, and plans by query. A plan is all the addresses of one query with their priorities and
// weights; each call draws its own order from it (RFC 2782), and moves the addresses that failed
// lately to the end.
//
// Servers are not trusted: an answer must repeat the question, records of other names are skipped,
// chains of aliases, numbers of records and times to live are bounded.
package resolver
