package main

// sipscript run: a server from its start to its end.

import (
	"os"

	"github.com/urfave/cli/v2"
)

func runCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "serve as SCRIPT directs (by default: registrar and proxy for the local domains)", ArgsUsage: "[SCRIPT]",
		Flags: runFlags(), OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			set, err := readSettings(c, env.lookup)
			if err != nil {
				return err
			}
			if env.environ != nil {
				tellUnknown(env.stderr, env.environ())
			}
			sig := watchSignals(env.stderr, os.Exit)
			defer sig.close()
			return run(set, env, sig)
		},
	}
}

// run serves until a signal says stop.
func run(set *settings, env environment, sig *signals) error {
	defer tuneMemory(env.lookup)()
	s := newServer(set, env.stderr)
	s.above = newSupervisor(env.lookup, os.Getpid())
	defer s.close()
	if err := s.start(sig.stop); err != nil {
		return err
	}
	if sig.stop.Err() == nil {
		s.announce(sig.stop)
		s.serve(sig)
	}
	s.drain()
	return nil
}
