// Package proxy is the stateful and stateless proxy of RFC 3261 §16: the response context of a
// request, its forks and branches, request forwarding (§16.6), response processing (§16.7), timer
// C, CANCEL, Record-Route and Route.
//
// A [Core] belongs to one lane. A [Context] is the response context of one request (§16.7): it is
// made when the request arrives and is forgotten when it has been answered and its last branch has
// ended. A [Fork] is one target set of it (§16.5): targets tried in parallel, one after the other,
// or by q. A [Branch] is one target with its client transaction.
//
// A target may have several ways to one user agent instance ([Target].Others, RFC 5626 §7). They
// are tried one after the other in place of the branch that failed, so that an instance rings once;
// the first answer by the instance itself ends this. A connection that is lost while a response is
// pending on it counts as a failed way, at once.
//
// What the layer above decides (when a request counts as decided, what a script may do) is in
// package engine; this package calls back through [Handler] and the callbacks in [ForkOptions].
// Callbacks may wait: in the meantime the responses of the same request are queued in their order
// of arrival, and other calls carry on.
package proxy
