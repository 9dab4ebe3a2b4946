package main

// A server: its parts, in the order they start and stop.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/resolver"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/dictstore"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/admin"
	"github.com/sipscript/sipscript/ops/metrics"
	"github.com/sipscript/sipscript/ops/otel"
	"github.com/sipscript/sipscript/ops/page"
	"github.com/sipscript/sipscript/ops/watch"
)

// The states of a server.
const (
	starting int32 = iota
	serving
	draining
)

type server struct {
	set     *settings
	plugins []host.Plugin
	stderr  io.Writer
	tell    func(text string) // a line, whatever the level of the log
	log     *slog.Logger
	begun   time.Time
	figures *prometheus.Registry
	state   atomic.Int32

	// Set by start, before serving; the admin interface reads them only while serving.
	clients *clients.Pool
	// Of --data; nil without it.
	dictionaries *dictstore.Store
	lock         *os.File // of --data; nil without it, and where there is none
	modules      *host.Set
	router       *luabind.Router
	engine       *engine.Engine
	admin        *admin.Server // nil without --admin
	// Of --admin-tokens and --admin-tls-cert; nil without them.
	tokens           *admin.Tokens
	adminCertificate *admin.Certificate
	memory           memory

	callFigures *metrics.Calls
	calls       *callLog // nil with --no-call-log

	watching sync.WaitGroup // the watcher's goroutine
	reloads  reloads
	above    supervisor           // systemd, or nobody
	expiry   *prometheus.GaugeVec // nil before certificates were read
	level    *slog.LevelVar       // of the log
	live     *page.Live           // what the page draws
	endLive  func()               // ends live and waits for it; nil while it does not run

	argsMu sync.Mutex
	args   map[string]string // guarded by argsMu: those of the script; never changed, only replaced
}

func newServer(set *settings, stderr io.Writer) *server {
	level := &slog.LevelVar{}
	level.Set(set.logLevel)
	s := &server{set: set, plugins: all.Plugins(), stderr: stderr, tell: lineTeller(stderr, set.logJSON), log: newLog(stderr, level, set.logJSON), level: level, args: set.args, begun: time.Now(), figures: prometheus.NewRegistry()}
	s.live = page.NewLive(s.pageFigures)
	return s
}

// start brings everything up, or returns why not. The end of stop ends it early, without an error.
func (s *server) start(stop context.Context) error {
	if err := s.makeData(); err != nil {
		return err
	}
	secret, err := s.readKey()
	if err != nil {
		return err
	}
	steps := []func() error{
		s.checkTLS,
		s.openModules,
		s.remember,
		s.openAdmin,
		func() error { return s.loadScript(stop) },
		func() error { return s.makeEngine(secret) },
		func() error { return s.engine.Start() },
	}
	for _, step := range steps {
		if stop.Err() != nil {
			return nil
		}
		if err := step(); err != nil {
			if stop.Err() != nil && errors.Is(err, stop.Err()) { // the load of the script was ended
				return nil
			}
			return err
		}
	}
	return s.measure()
}

func (s *server) readKey() ([]byte, error) {
	path := s.set.secret
	if path == "" {
		if s.set.data == "" {
			s.tell("no --secret: each start creates a new key; requests within calls from before it will be refused")
			return nil, nil
		}
		path = filepath.Join(s.set.data, "secret")
		if err := makeSecret(path); err != nil {
			return nil, err
		}
	}
	key, warning, err := readSecret(path)
	if warning != "" {
		s.log.Warn(warning)
	}
	return key, err
}

func (s *server) makeEngine(secret []byte) (err error) {
	drain := s.set.drain
	if drain == 0 {
		drain = time.Nanosecond // 0 would be the default
	}
	s.callFigures = metrics.NewCalls(func() engine.Stats { return s.engine.Stats() })
	told := reporters{s.callFigures}
	if !s.set.noCallLog {
		s.calls = newCallLog(s.stderr, s.level, s.set.logJSON)
		told = append(told, s.calls)
	}
	config := engine.Config{Reporter: told, Listen: s.set.listen, Advertise: s.set.advertise, Domains: s.set.domains, Router: s.router,
		Secret: secret, Lanes: s.set.lanes, Log: s.log, Drain: drain, DrainCalls: s.set.drainCalls, MaxDelay: s.set.maxDelay, DNS: resolver.Options{Servers: s.set.dns}, TrustVia: s.set.trustVia,
		RouteLifetime: s.set.lifetime,
		Transport:     transport.Options{TLS: transport.TLSOptions{Files: s.set.tls, RootCA: s.set.rootCA, ClientAuth: s.set.clientAuth}}}
	if s.set.passed != nil {
		config.Transport.Sockets = s.set.passed
	}
	if s.memory.ring != nil {
		config.Observe = s.memory.ring.Observe
	}
	if s.memory.otel != nil {
		config.TraceParent = otel.Parent
	}
	s.engine, err = engine.New(config)
	s.memory.engine.Store(s.engine)
	return explainListen(err)
}

// announce prints where the server listens, and that it is ready.
func (s *server) announce(stop context.Context) {
	for _, line := range s.modules.Storage() {
		s.tell(line)
	}
	for _, l := range s.engine.Locals() {
		fmt.Fprintf(s.stderr, "listening %s %s\n", l.Kind, l.Addr)
	}
	for _, line := range s.modules.Listening() {
		fmt.Fprintln(s.stderr, "listening", line)
	}
	if s.admin != nil {
		scheme := "http"
		if s.adminCertificate != nil {
			scheme = "https"
		}
		s.tell(fmt.Sprintf("admin %s://%s", scheme, s.admin.Addr()))
	}
	if s.router.AwaitReady(stop) != nil {
		return
	}
	s.state.Store(serving)
	fmt.Fprintln(s.stderr, "ready")
	s.above.say("READY=1")
}

// serve handles signals and changes of the script until it is told to stop.
func (s *server) serve(sig *signals) {
	if s.set.watch {
		s.watch(sig.stop)
	}
	s.watchAdmin(sig.stop)
	s.watching.Go(func() { s.above.watchdog(sig.stop, s.alive) })
	for {
		select {
		case <-sig.hup:
			_, _ = s.reload(sig.stop) // it has logged the error
		case <-sig.stop.Done():
			return
		}
	}
}

func (s *server) watch(stop context.Context) {
	w, err := watch.New(watch.Options{
		Files:   s.router.Files,
		Changed: func() error { _, err := s.reload(stop); return err },
		Failed:  func(err error) { s.log.Warn("the script's files cannot be watched properly", "error", err) },
		Missing: func(path string, missing bool) {
			if missing {
				s.log.Warn("a file of the script is no longer there: what was loaded serves on, but no reload or start can load it", "file", path)
				return
			}
			s.log.Info("a file of the script is there again", "file", path)
		},
	})
	if err != nil {
		s.log.Warn("changes to the script will not be noticed; reload with SIGHUP", "error", err)
		return
	}
	s.watching.Go(func() { w.Run(stop) })
}

// drain refuses new calls, lets those in progress continue for --drain-calls, gives what remains
// --drain to finish, and stops the engine.
func (s *server) drain() {
	s.state.Store(draining)
	s.above.say("STOPPING=1")
	s.watching.Wait()
	if s.engine == nil {
		return
	}
	s.engine.Drain()
	if left := s.engine.AwaitCalls(context.Background()); left > 0 {
		s.log.Warn("calls were still in progress at the end of --drain-calls", "drain_calls", s.set.drainCalls, "calls", left)
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.set.drain)
	defer cancel()
	if s.calls != nil {
		s.calls.wait()
	}
	if err := s.engine.Shutdown(ctx); err != nil {
		s.log.Warn("the shutdown was not clean", "error", err)
	}
	s.tell("stopped")
}

// close ends what is left once the engine has drained: first the admin interface, through which the
// drain could be watched and which queries the stores, and then the stores, which write what they
// have not written yet.
func (s *server) close() {
	if s.set.passed != nil {
		s.set.passed.close()
	}
	if s.endLive != nil { // streams would hold up the end of the admin interface
		s.endLive()
	}
	if s.calls != nil {
		s.calls.close()
		s.calls = nil
	}
	if s.admin != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := s.admin.Close(ctx); err != nil {
			s.log.Debug("admin interface", "error", err)
		}
	}
	if err := s.memory.close(); err != nil {
		s.log.Debug("the exporter of --hep has failed", "error", err)
	}
	if s.modules != nil {
		if err := s.modules.Close(); err != nil {
			s.log.Error("some of the modules' state could not be written", "error", err)
		}
	}
	if s.dictionaries != nil {
		if err := s.dictionaries.Close(); err != nil {
			s.log.Error("the dictionaries of the script could not be closed", "error", err)
		}
	}
	if s.lock != nil { // all is written
		_ = s.lock.Close()
	}
}

// ready is nil while traffic is served.
func (s *server) ready() error {
	switch s.state.Load() {
	case serving:
		if !s.router.Ready() {
			return errors.New("the script starts")
		}
		return nil
	case draining:
		return errors.New("draining")
	}
	return errors.New("starting")
}

// explainAdmin adds advice to an error of the admin port.
func explainAdmin(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w; stop the program that uses it, or choose another port with --admin (0 picks one)", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w; ports below 1024 need privileges: choose a higher one with --admin", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w; no interface of this machine has this address: choose another with --admin", err)
	}
	return err
}

// explainListen adds to an error of a listener what its text leaves out: the flag.
func explainListen(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w Stop the program that uses it, or choose another port with --listen (0 picks one)", err)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w (--listen names it)", err)
	}
	return err
}
