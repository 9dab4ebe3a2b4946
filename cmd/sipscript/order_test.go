package main

import (
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestFlagsFirst(t *testing.T) {
	commands := []*cli.Command{
		{Name: "acl", Subcommands: []*cli.Command{{Name: "block", Flags: append(clientFlags(), &cli.DurationFlag{Name: "ttl"}, &cli.BoolFlag{Name: "json"})}}},
		{Name: "test", Flags: []cli.Flag{&cli.GenericFlag{Name: "cover", Value: new(optional)}}},
		{Name: "reload", Flags: []cli.Flag{&cli.GenericFlag{Name: "gate", Value: &gateRules{}}, &cli.StringFlag{Name: "script"}}},
		{Name: "user", Flags: []cli.Flag{&cli.StringFlag{Name: "store"}}},
	}
	for text, want := range map[string]string{
		"acl block 192.0.2.7 --ttl 1h":                 "acl block --ttl 1h -- 192.0.2.7",
		"acl block 192.0.2.7 --ttl=1h -json --note x":  "acl block --ttl=1h -json --note -- 192.0.2.7 x",
		"acl block --json 192.0.2.7":                   "acl block --json -- 192.0.2.7",
		"acl block -- --ttl 1h":                        "acl block -- --ttl 1h",
		"acl block --ttl":                              "acl block --ttl",
		"acl block":                                    "acl block",
		"acl --ttl 1h":                                 "acl --ttl 1h",
		"user a --store x":                             "user --store x -- a",
		"test a_spec.lua --cover b_spec.lua --cover=f": "test --cover --cover=f -- a_spec.lua b_spec.lua",
		"reload --gate errors,codes=1% --script f":     "reload --gate=errors,codes=1% --script f",
		"reload --gate --script f":                     "reload --gate --script f",
		"reload --gate eror --script f":                "reload --gate --script f -- eror",
		"reload -gate any":                             "reload -gate=any",
		"--log-level debug":                            "--log-level debug",
	} {
		t.Run(text, func(t *testing.T) {
			got := strings.Join(flagsFirst(commands, strings.Fields("sipscript "+text)), " ")
			if got != "sipscript "+want {
				t.Errorf("%s\nwant sipscript %s", got, want)
			}
		})
	}
}

// optional is the value of a flag that may stand alone.
type optional string

func (o *optional) Set(s string) error { *o = optional(s); return nil }
func (o *optional) String() string     { return string(*o) }
func (o *optional) IsBoolFlag() bool   { return true }
