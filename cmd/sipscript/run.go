package main

// sipscript run: a server from its start to its end.

import (
	"log/slog"
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
			tell := lineTeller(env.stderr, set.logJSON)
			if env.environ != nil {
				tellUnknown(tell, env.environ())
			}
			sig := watchSignals(tell, os.Exit)
			defer sig.close()
			err = run(set, env, sig)
			if err != nil && set.logJSON {
				newLog(env.stderr, slog.LevelError, true).Error("the start failed", "error", err)
				return errSilent
			}
			return err
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
