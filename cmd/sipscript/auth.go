package main

// Who proves himself to us, and to whom we do: the authenticator, which shares its challenges with other servers where --redis names what they share, and
// the registrations with trunks. Both outlive scripts.

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/sipscript/sipscript/modules/auth"
	"github.com/sipscript/sipscript/modules/auth/rediscluster"
	"github.com/sipscript/sipscript/modules/uac"
)

// leaveTime is how long registrars have to take our registrations back.
const leaveTime = 2 * time.Second

// passwords are the authenticator, what it shares, and the registrations.
type passwords struct {
	auth    *auth.Auth
	cluster *rediscluster.Cluster // nil without --redis
	uac     *uac.UAC
}

// openAuth makes the authenticator.
func (s *server) openAuth() (err error) {
	var o auth.Options
	if s.set.redis != "" {
		if s.passwords.cluster, err = rediscluster.Open(s.set.redis, rediscluster.Options{Log: s.log}); err != nil {
			return fmt.Errorf("--redis %s: %w", s.set.redisName, err)
		}
		o.Cluster = s.passwords.cluster
	}
	s.passwords.auth, s.passwords.uac = auth.New(o), uac.New(uac.Options{})
	return nil
}

// leave takes our registrations back: calls are to go elsewhere while those under way finish.
func (p *passwords) leave(drain time.Duration, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), min(leaveTime, drain))
	defer cancel()
	if err := p.uac.Stop(ctx); err != nil {
		log.Warn("not all registrars answered; the registrations there will expire", "error", err)
	}
}

func (p *passwords) close() {
	if p.cluster != nil {
		_ = p.cluster.Close()
	}
}
