// Package plugin is auth as the command has it: with the challenges it shares by --redis, and the
// commands that manage users.
package plugin

import (
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/auth"
	"github.com/sipscript/sipscript/modules/auth/rediscluster"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/trust"
)

// Plugin is the module "auth".
func Plugin() host.Plugin {
	return host.Plugin{Name: "auth", Commands: []host.Command{userCommand()}, Schema: auth.Schema, New: open}
}

// clustered is an authenticator whose challenges other processes accept.
type clustered struct {
	*auth.Auth
	cluster *rediscluster.Cluster
}

// Close ends the connection.
func (c *clustered) Close() error { return c.cluster.Close() }

func open(env *host.Environment) (luabind.Opener, error) {
	lists := func() trust.Lists { return host.Find[trust.Lists](env) }
	// In a simulation time is another than that by which challenges are shared; nodes have one key
	// there, and take each other's.
	if env.Redis == "" || env.Simulated() {
		return auth.New(auth.Options{Clients: env.Clients, Lists: lists, Vouch: env.Vouch})
	}
	cluster, err := rediscluster.Open(string(env.Redis), rediscluster.Options{Log: env.Log})
	if err != nil {
		return nil, env.Redis.Explain("redis", err)
	}
	a, err := auth.New(auth.Options{Cluster: cluster, Clients: env.Clients, Lists: lists})
	return &clustered{a, cluster}, err
}
