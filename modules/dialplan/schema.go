package dialplan

import "github.com/sipscript/sipscript/modules/source"

// Schema are the statements that make the table of a layout, our own for "".
func Schema(layout, database string) []string {
	if layout == "" {
		return source.Schema[Rule](database, ownQuery(""))
	}
	query, ok := layouts(0)[layout]
	if !ok {
		return nil
	}
	return source.Schema[row](database, query)
}
