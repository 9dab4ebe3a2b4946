package engine

// Code generated from engine/proxy by `make docs`. DO NOT EDIT.

import "github.com/sipscript/sipscript/engine/proxy"

// Target is one place a request may be sent to (§16.5), with what to change on the way. Its zero
// value leads nowhere: at least one of URI, NextHop, Path or Flow says where. A Target is only
// read; the same one may be used for many requests.
//
// Fields:
//   - URI string: the new Request-URI; "" leaves it as it is
//   - NextHop string: A URI: where the request is sent, whatever Request-URI and Route say; ""
//     follows those (§16.6 step 6)
//   - Path []string: The Route set to write, each "<sip:…;lr>"; it replaces the sender's
//   - Flow transport.FlowID: the connection to send on (RFC 5626); 0 for none
//   - Received string: where a client behind a NAT is reached: "udp:192.0.2.7:1024"; "" for none.
//     It is used like NextHop, without being resolved.
//   - Q float64: preference among Targets, 0 to 1 (§20.10), used by order "q"
//   - Delay time.Duration: in parallel order: wait before this branch starts
//   - Headers []HeaderEdit: made on this branch
//   - Credentials *Credentials: for a challenge of this branch's server
//   - FromSocket string: The listener to send from, as "udp:192.0.2.1:5060"; "" lets the engine
//     choose
//   - Timeout, RingTimeout, ReplyTimeout time.Duration: Times until the branch is given up: to a
//     final response, from its first 18x, to any response. 0 is the engine's default: none except
//     Timers B and C.
//   - Others []*Target. Others are further ways to the same user agent instance (RFC 5626 §7),
//     tried one after the other in place of this one when it fails as a way: 430, 408, no
//     connection or address that accepts the request, or silence. Anything else is the instance's
//     answer and ends this. They come before the next target of a serial order; each has its own
//     times, and no Delay. Their own Others are ignored; so are those of a request that is not
//     forked.
//   - Gateway *Gateway: what a gateway of a list has in addition; nil for none
//   - Value any: the caller's own (a script's table, its vars); Response.Target brings it back.
//   - FlowOnly bool: the client asked to be reached on Flow and nowhere else (RFC 5626 §7).
//     Without it, if the connection is gone, the address in URI is tried if it can be the client's:
//     if Received does not name another one.
//   - FromHome bool: FromSocket is a listener to send from as far as it can, for requests of this
//     server's own in a dialog: they stay on the network where that began. One that cannot send to
//     an address leaves it to another with its own address, or to any.
//
// Methods:
//   - Check() error. Check refuses what cannot be sent: URIs that do not parse, headers owned by
//     the engine, line breaks.
//   - Ruled() bool. Ruled reports whether the Target has a Rule.
//   - String() string. String names the target in logs.
type Target = proxy.Target

// ForkOptions of a fork. The zero value forks in parallel and passes everything on.
//
// Fields:
//   - Defaults Target. Defaults are used for what a Target leaves empty. Its headers are set before
//     the Target's own.
//   - Order Order: how targets without a Rule are tried
//   - Ordered bool: Order is meant even if a Target has a Rule
//   - Failover func(res *Response) bool. Failover decides (Serial, ByQ) whether the failure res
//     leads to the next target. nil: every failure except 6xx.
//   - Nobody int: the outcome if there are no targets at all: 0 is 480, nobody is there for the
//     moment; 404, nobody ever is.
//   - Edge bool: the sender of the request has named the flow that is the target (RFC 5626
//     §5.3.1): it is told when the flow fails (430), so that it tries another one. A caller is
//     never told.
//   - FollowRedirects bool. FollowRedirects adds the contacts of a 3xx as targets (§16.7 step 4).
//   - OnBranch func(b *Branch) error. OnBranch edits what one branch sends, just before it is sent.
//     It may wait.
//   - OnResponse func(res *Response). OnResponse sees each response except 100, once, before it is
//     forwarded, and the outcome of a branch that got no final one: its Cause says why. It may
//     wait; the responses of a request come one after another.
//   - OnFailure func(res *Response). OnFailure (Relay only) is called with the best response when
//     all branches failed or the caller cancelled. It may reply, relay or fork again.
type ForkOptions = proxy.ForkOptions

// HeaderEdit sets a header to Values, or removes it if there are none.
//
// Fields:
//   - Name string: of the header, in any case
//   - Values []string
type HeaderEdit = proxy.HeaderEdit

// Credentials answer a digest challenge. They are printed without the password.
//
// Fields:
//   - User, Password string: as the server knows them; the realm is the challenge's
//
// Methods:
//   - GoString() string. GoString keeps passwords out of logs.
//   - String() string. String keeps passwords out of logs.
type Credentials = proxy.Credentials

// Mask is another From, or To, for the far side: a display name and URI as they are in the header,
// without parameters; "" leaves it.
//
// Fields:
//   - From, To string
//
// Methods:
//   - Check() error. Check refuses what is not an address, or is too long to be carried in each
//     request.
type Mask = proxy.Mask

// Response is a response as a router sees it: one that came in on a branch, or one made here when a
// branch had none.
//
// Fields:
//   - Handle any: the router's own.
//
// Methods:
//   - AddHeader(name, value string, first bool) error. AddHeader adds a field, before all of its
//     name when first is set.
//   - Branch() *Branch: the branch that it is the answer or the outcome of; nil when there is none.
//   - Cause() string: "" for a response from the network, otherwise one of the Cause constants.
//   - Code() int: the status code.
//   - Drop() error. Drop keeps a provisional response from going on. It works in OnResponse only; a
//     final response, or a reliable provisional one (RFC 3262), can't be dropped.
//   - Dropped() bool. Dropped reports whether Drop was called.
//   - Early() bool. Early reports whether a provisional response other than 100 came before it from
//     the same target.
//   - Failed() bool. Failed reports whether it tells of a failure of where the request was sent,
//     and not of whoever was called: see [Failed].
//   - Final() bool. Final reports whether the code is 200 or above.
//   - Message() *message.Message: the response with the edits made so far, for reading only. A
//     response made here has a start line and nothing more.
//   - Reason() string: the reason phrase.
//   - Refuse(code int, cause string). Refuse has the branch fail with this code (400 to 699) and
//     cause in place of its response. It works in OnResponse. The callee of a 2xx to an INVITE gets
//     ACK and BYE; that of a provisional response is cancelled. A final failure becomes another
//     one. Within a dialog 481 is the code that has the caller end its side as well (§12.2.1.2).
//   - Refused() bool. Refused reports whether Refuse was called.
//   - RemoveHeader(name string) error. RemoveHeader removes all fields of a name.
//   - SetBody(body []byte, contentType string) error. SetBody replaces the body and its type; an
//     empty body removes both.
//   - SetHeader(name string, values ...string) error. SetHeader replaces the header by the values,
//     one field each. Errors: CR, LF or NUL, a header the engine owns.
//   - Source() (netip.AddrPort, transport.Kind): where the response came from: the address its
//     request was sent to. It is invalid for a response made here.
//   - Target() *Target: the target passed to Relay or Fork that the response is from; nil when none
//     was.
type Response = proxy.Response

// Branch is one target of a fork: its copy of the request, its client transaction, and its time
// limits.
//
// Fields:
//   - Handle any: the router's own.
//
// Methods:
//   - AddHeader(name, value string, first bool) error. AddHeader adds a field on this branch.
//   - Carry(name, value string) (err error): [Context.Carry] for one branch, beside what the
//     request carries.
//   - Mask(k Mask) error. Mask masks this branch, instead of the request's mask.
//   - Message() *message.Message: what is about to be sent, for reading only.
//   - RemoveHeader(name string) error. RemoveHeader removes a header on this branch.
//   - SetBody(body []byte, contentType string) error. SetBody replaces the body on this branch.
//   - SetHeader(name string, values ...string) error. SetHeader replaces a header on this branch;
//     as for a request.
//   - SetRURI(uri string) error. SetRURI changes the Request-URI of this branch; its destination
//     follows, unless the target says otherwise.
//   - Target() *Target: the target of the branch; nil when none was passed.
type Branch = proxy.Branch

// BranchError is an error of OnBranch that says how its branch fails: with this code and cause, not
// 503 and "unreachable".
//
// Fields:
//   - Code int: 400 to 699
//   - Cause string: what Response.Cause is
//   - Err error: why, for the log
//
// Methods:
//   - Error() string. Error says why.
//   - Unwrap() error: Err.
type BranchError = proxy.BranchError

// Order says how the targets of a fork are tried (§16.6).
type Order = proxy.Order

// Gateway is what a Target has that is one of a list somebody looks after. All may be zero.
//
// Fields:
//   - Peer *transport.Peer: an address of NextHop that was looked up before. A request for a sips
//     URI ignores one that is not reached over TLS.
//   - Host string: "host" or "host:port", in place of those of the Request-URI.
//   - Guard Guard: asked before a request leaves for the Target, and learns what becomes of it.
//     Requests forwarded without a transaction pass it by.
//   - Counted bool: the Guard counts calls, so that an INVITE must be record-routed: otherwise its
//     end would not be seen.
//   - Rule *Rule: how a list with this Target is tried unless the ForkOptions say otherwise.
type Gateway = proxy.Gateway

// Rule is how a list of Targets is tried if nobody says otherwise.
//
// Fields:
//   - Order Order: parallel for the zero value
//   - Failover func(res *Response) bool: as in ForkOptions
type Rule = proxy.Rule

// Guard stands before a place that requests are sent to. Several Targets, on all lanes, may have
// the same one; its methods must not block.
type Guard = proxy.Guard

// Outcome is what became of a request at a Target.
//
// Fields:
//   - Code int: the final one; that of Cause if there was none
//   - Cause string: "" for a response from the network, otherwise one of the Cause constants
//   - Err error: why nothing could be sent, or what was sent did not arrive; may be nil
//   - Early bool: A provisional response came before it, other than 100: somebody rang, or was
//     about to
//   - Cancelled bool: The request was cancelled before: the outcome says nothing about the Target
type Outcome = proxy.Outcome

// Witness sees what becomes of a request, after all who may change that. It is called on the
// request's lane, and must not block.
type Witness = proxy.Witness

// Answer is a response as a Witness sees it, until Answering returns.
//
// Fields:
//   - Branch *Branch: the one that it is of; nil for a 2xx that comes when the request is long
//     over.
//   - Message *message.Message: the response, as it goes on to the caller; a start line alone if it
//     was made here. Headers of those below 300 may be changed.
//   - Cause string: "" for a response from the network, otherwise one of the Cause constants
//   - Asked uint32: the CSeq number that the callee answers; the caller's may be another.
//
// Methods:
//   - At() lane.Time: when the lane began the work that brought it.
//   - Reach(known ...string) Reach: where the sender of the response is reached. Its URI is one of
//     those known, if they are equal, and no copy.
type Answer = proxy.Answer

// Reach is where a party of a dialog is reached by requests of this server's own (§12.2.1.1).
//
// Fields:
//   - URI string: its remote target: the URI in its Contact; "" for none
//   - Routes []string: the Route set from here
//   - Flow transport.FlowID: the connection that leads to it; 0 for none
//   - Only bool: nothing else leads to it
//   - At string: where a NAT has it: "udp:192.0.2.7:1024"; "" for none
//   - Socket string: the listener it is reached from; "" if any will do
//   - CallID string: the Call-ID by which it knows the dialog, if that is another
//
// Methods:
//   - Target() *Target: what a request to the party is sent to.
type Reach = proxy.Reach
