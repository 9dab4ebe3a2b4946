package presence

// This file is the tables of the sources of authorize and lists.

import "github.com/sipscript/sipscript/modules/source"

const (
	rulesQuery = "SELECT watcher, user_uri AS user, package, allow FROM presence_rules"
	listsQuery = "SELECT uri, members FROM presence_lists"
)

// Schema are the statements that make our own tables.
func Schema(layout, database string) []string {
	if layout != "" {
		return nil
	}
	return append(source.Schema[Rule](database, rulesQuery), source.Schema[List](database, listsQuery, "uri")...)
}
