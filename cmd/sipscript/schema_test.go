package main

import (
	"strings"
	"testing"
)

func TestSchemaCommand(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"auth", 0, "CREATE TABLE IF NOT EXISTS auth_users ("},
		{"--layout kamailio --database mysql auth", 0, "-- The columns that are read; the tables of kamailio have more.\nCREATE TABLE subscriber ("},
		{"--database postgres acl", 0, "id BIGSERIAL PRIMARY KEY"},
		{"dialplan", 0, "CREATE INDEX dialplan_rules_plan ON dialplan_rules (plan);\n"},
		{"--layout asterisk acl", exitUsage, `acl has no layout "asterisk", only kamailio, opensips`},
		{"--layout kamailio dispatch", exitUsage, "dispatch reads only its own tables"},
		{"--database oracle acl", exitUsage, "sqlite, postgres, mysql"},
		{"", exitUsage, "name one module with tables: acc, acl, auth, dialplan, dispatch, presence"},
		{"presence", 0, "CREATE TABLE presence_lists ("},
		{"nonsense", exitUsage, "name one module with tables"},
		{"acl auth", exitUsage, "name one module with tables"},
	} {
		t.Run(c.args, func(t *testing.T) {
			if code, out := sipscript(append([]string{"schema"}, strings.Fields(c.args)...)...); code != c.code || !strings.Contains(out, c.want) {
				t.Errorf("exit %d, no %q in\n%s", code, c.want, out)
			}
		})
	}
}
