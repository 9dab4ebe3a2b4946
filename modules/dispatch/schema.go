package dispatch

import (
	"github.com/sipscript/sipscript/modules/dispatch/gateways"
	"github.com/sipscript/sipscript/modules/source"
)

// Schema are the statements that make our own table.
func Schema(layout, database string) []string {
	if layout != "" {
		return nil
	}
	return source.Schema[gateways.Entry](database, query("a set"))
}
