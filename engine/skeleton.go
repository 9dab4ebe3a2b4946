package engine

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// What a router works with, under the names it needs.
type (
	Target      = proxy.Target
	Options     = proxy.Options
	HeaderEdit  = proxy.HeaderEdit
	Credentials = proxy.Credentials
	Response    = proxy.Response
	Branch      = proxy.Branch
)

// Router decides what happens to each new request.
type Router interface {
	// Route runs on the request's lane and must not block it: what waits goes through the request (Fork, Await, Sleep), which lends the lane to
	// other calls meanwhile. It takes at most one decision (Reply, Redirect, Relay, Forward, Drop). When it returns without one: after a Fork the best
	// response is sent; else, and on an error before a decision, the request is answered 500. req is over when Route and its callbacks have returned.
	Route(req *Request) error
}

// Starter is a Router that wants to know its engine before traffic flows (luabind: one VM for each lane). Start's error ends New.
type Starter interface {
	Start(e *Engine) error
}

// Stopper is a Router with something to let go of after the drain.
type Stopper interface {
	Stop(ctx context.Context) error
}

// Misuse is an error of the caller's program (a second decision, a header the engine owns, a provisional to an ACK): scripts raise it.
type Misuse struct{ Text string }

func (m *Misuse) Error() string { return m.Text }

// ErrOver is why a wait ended: the request is over (the caller cancelled, a final response went out, or the engine stops).
var ErrOver = errors.New("the request is over")

// Config of an engine. Router is required, and at least one Listen.
type Config struct {
	Listen    []string          // "udp:127.0.0.1:5060"; port 0 picks one
	Advertise map[string]string // listen spec → "host" or "host:port" told to peers
	Domains   []string          // local domains
	Router    Router
	Secret    []byte // keys route signatures, nonces, tokens; made at random when empty
	Lanes     int    // default GOMAXPROCS
	Timers    transaction.Timers
	TimerC    time.Duration // §16.6 step 11, default 180 s + 1
	Limits    message.Limits
	Transport transport.Options
	Log       *slog.Logger
	Drain     time.Duration // how long Run waits for transactions after its context ended, default 32 s
	// Clock and Network replace the machine's, in a simulation.
	Clock   lane.Clock
	Network func(r transport.Receiver) (transport.Wire, error)
}

type Engine struct{}

func New(c Config) (*Engine, error)             { panic("skeleton") }
func (e *Engine) Run(ctx context.Context) error { panic("skeleton") } // serves until ctx ends, then drains

// Start serves and returns; Shutdown refuses new dialogs, lets transactions finish until ctx ends, and stops.
func (e *Engine) Start() error                       { panic("skeleton") }
func (e *Engine) Shutdown(ctx context.Context) error { panic("skeleton") }
func (e *Engine) Locals() []*transport.Local         { panic("skeleton") }
func (e *Engine) Lanes() []*lane.Lane                { panic("skeleton") } // those that carry calls

// Background is one more lane, for what runs once in the process (sip.every, sip.on).
func (e *Engine) Background() *lane.Lane { panic("skeleton") }
func (e *Engine) Domains() *Domains      { panic("skeleton") }
func (e *Engine) Log() *slog.Logger      { panic("skeleton") }
func (e *Engine) Clock() lane.Clock      { panic("skeleton") }

// Key derives a key for one purpose from the secret ("nonce", "flow").
func (e *Engine) Key(purpose string) [32]byte { panic("skeleton") }

// IsLocal: domains at any port; listen and advertised addresses at their port (0 is the scheme's default).
func (e *Engine) IsLocal(host string, port uint16) bool { panic("skeleton") }

// Send sends a request of our own (not INVITE, ACK or CANCEL) and waits for its final response; l is the lane the caller holds.
func (e *Engine) Send(l *lane.Lane, s *SendSpec) (*Response, error) { panic("skeleton") }

type SendSpec struct {
	Method, URI string // URI may be empty when Target is set
	Target      *Target
	From, To    string // whole header values or URIs; default: From "sip:<first domain>", To the URI
	Headers     []HeaderEdit
	Body        []byte
	ContentType string
	Timeout     time.Duration // default 32 s
}

// Domains is the set of local domains; safe for concurrent use.
type Domains struct{}

func (d *Domains) Add(name string) error { panic("skeleton") }
func (d *Domains) Remove(name string)    { panic("skeleton") }
func (d *Domains) List() []string        { panic("skeleton") }
func (d *Domains) Has(host string) bool  { panic("skeleton") }

// Endpoint is an address a request came from or to.
type Endpoint struct {
	Addr      netip.AddrPort
	Transport transport.Kind
	Name      string // received_on: the listener as configured
}

// Request is a new request as its router sees it. It belongs to the holder of its lane's token.
type Request struct {
	// Vars is the router's own, kept with the transaction (luabind: the table req.vars).
	Vars any
	// Handle is the router's own as well (luabind: the VM's userdata of this request).
	Handle any
}

func (r *Request) Engine() *Engine           { panic("skeleton") }
func (r *Request) Lane() *lane.Lane          { panic("skeleton") }
func (r *Request) Message() *message.Message { panic("skeleton") } // with the edits made so far; to be read only
func (r *Request) Method() message.Method    { panic("skeleton") }
func (r *Request) Source() Endpoint          { panic("skeleton") }
func (r *Request) ReceivedOn() Endpoint      { panic("skeleton") }
func (r *Request) Flow() transport.FlowID    { panic("skeleton") } // the connection it came on, 0 for UDP
func (r *Request) InDialog() bool            { panic("skeleton") }

// RouteParams are the parameters our own Record-Route carried; ours is false unless the topmost Route was ours and its signature holds.
func (r *Request) RouteParams() (p message.Params, ours bool) { panic("skeleton") }
func (r *Request) Answered() int                              { panic("skeleton") } // the final code that went out, or 0
func (r *Request) Cancelled() bool                            { panic("skeleton") }
func (r *Request) Over() bool                                 { panic("skeleton") }
func (r *Request) Decided() bool                              { panic("skeleton") }

// Context ends when the request is over, or at shutdown.
func (r *Request) Context() context.Context { panic("skeleton") }

// Edits. A *Misuse for CR, LF, NUL or a header the engine owns.

func (r *Request) SetHeader(name string, values ...string) error  { panic("skeleton") }
func (r *Request) AddHeader(name, value string, first bool) error { panic("skeleton") }
func (r *Request) RemoveHeader(name string) error                 { panic("skeleton") }
func (r *Request) SetBody(body []byte, contentType string) error  { panic("skeleton") }
func (r *Request) SetRURI(uri string) error                       { panic("skeleton") }

// Decisions. They return false when the request is over already, and a *Misuse for a second decision or a bad argument.

// ReplyOptions of Reply.
type ReplyOptions struct {
	Headers     []HeaderEdit
	Body        []byte
	ContentType string
}

// Reply answers with a code from 100 to 699; a provisional one decides nothing. reason "" is the code's own phrase.
func (r *Request) Reply(code int, reason string, o *ReplyOptions) (bool, error) { panic("skeleton") }

// ReplyWith sends on a response that a Fork returned.
func (r *Request) ReplyWith(res *Response, o *ReplyOptions) (bool, error) { panic("skeleton") }

// Redirect answers 3xx with the targets as contacts, q and expires (whole seconds, 0 for none) with them. code 0 is 302.
func (r *Request) Redirect(targets []*Target, code int, expires int) (bool, error) { panic("skeleton") }

// RecordRoute adds our signed Record-Route with params (";name=value" text, or "") where a dialog can start (§16.6 step 4); double where transport or
// interface changes (RFC 5658), which is known, and done, when the branch is sent. A second call replaces the params.
func (r *Request) RecordRoute(params string) error { panic("skeleton") }

// Relay hands the request over and returns at once. targets nil: along our signed Record-Route, or to the Request-URI that was set; an empty list that
// is not nil is answered 480. o may be nil.
func (r *Request) Relay(targets []*Target, o *Options) (bool, error) { panic("skeleton") }

// Fork is Relay that waits for the outcome; it always returns a response, when err is nil.
func (r *Request) Fork(targets []*Target, o *Options) (*Response, error) { panic("skeleton") }

// Forward sends the request on statelessly (§16.11). t nil goes where Relay(nil) would.
func (r *Request) Forward(t *Target) (bool, error) { panic("skeleton") }

// Drop answers nothing and keeps nothing.
func (r *Request) Drop() (bool, error) { panic("skeleton") }

// Cancel cancels all branches; reason is a Reason header's value, or "".
func (r *Request) Cancel(reason string) { panic("skeleton") }

// Await lends the lane while f runs; f's context ends when the request is over. Its error is f's, or ErrOver's.
func Await[T any](r *Request, f func(ctx context.Context) (T, error)) (T, error) { panic("skeleton") }

// Sleep waits for d, or until the request is over, which it reports as ErrOver.
func (r *Request) Sleep(d time.Duration) error { panic("skeleton") }
