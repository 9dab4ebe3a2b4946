// Package plugin is auth as the command has it: with the challenges it shares by --redis, and the
// commands that manage users.
package plugin

import (
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/auth"
	"github.com/sipscript/sipscript/modules/auth/rediscluster"
	"github.com/sipscript/sipscript/modules/host"
)

// Plugin is the module "auth".
func Plugin() host.Plugin {
	return host.Plugin{Name: "auth", Commands: []host.Command{userCommand()}, New: open}
}

// clustered is an authenticator whose challenges other processes accept.
type clustered struct {
	*auth.Auth
	cluster *rediscluster.Cluster
}

// Close ends the connection.
func (c *clustered) Close() error { return c.cluster.Close() }

func open(env *host.Environment) (luabind.Opener, error) {
	if env.Redis == "" {
		return auth.New(auth.Options{Clients: env.Clients})
	}
	cluster, err := rediscluster.Open(string(env.Redis), rediscluster.Options{Log: env.Log})
	if err != nil {
		return nil, env.Redis.Explain("redis", err)
	}
	a, err := auth.New(auth.Options{Cluster: cluster, Clients: env.Clients})
	return &clustered{a, cluster}, err
}
