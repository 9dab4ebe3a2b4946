package main

// The authenticator: it outlives scripts, and shares its challenges with other servers where --redis names what they share.

import (
	"fmt"

	"github.com/sipscript/sipscript/modules/auth"
	"github.com/sipscript/sipscript/modules/auth/rediscluster"
)

// passwords are the authenticator and what it shares.
type passwords struct {
	auth    *auth.Auth
	cluster *rediscluster.Cluster // nil without --redis
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
	s.passwords.auth = auth.New(o)
	return nil
}

func (p *passwords) close() {
	if p.cluster != nil {
		_ = p.cluster.Close()
	}
}
