package main

import (
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestFlagsFirst(t *testing.T) {
	commands := []*cli.Command{
		{Name: "acl", Subcommands: []*cli.Command{{Name: "block", Flags: append(clientFlags(), &cli.DurationFlag{Name: "ttl"}, &cli.BoolFlag{Name: "json"})}}},
		{Name: "user", Flags: []cli.Flag{&cli.StringFlag{Name: "store"}}},
	}
	for text, want := range map[string]string{
		"acl block 192.0.2.7 --ttl 1h":                "acl block --ttl 1h -- 192.0.2.7",
		"acl block 192.0.2.7 --ttl=1h -json --note x": "acl block --ttl=1h -json --note -- 192.0.2.7 x",
		"acl block --json 192.0.2.7":                  "acl block --json -- 192.0.2.7",
		"acl block -- --ttl 1h":                       "acl block -- --ttl 1h",
		"acl block --ttl":                             "acl block --ttl",
		"acl block":                                   "acl block",
		"acl --ttl 1h":                                "acl --ttl 1h",
		"user a --store x":                            "user a --store x",
		"--log-level debug":                           "--log-level debug",
	} {
		t.Run(text, func(t *testing.T) {
			got := strings.Join(flagsFirst(commands, strings.Fields("sipscript "+text)), " ")
			if got != "sipscript "+want {
				t.Errorf("%s\nwant sipscript %s", got, want)
			}
		})
	}
}
