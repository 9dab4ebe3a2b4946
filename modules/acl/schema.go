package acl

import "github.com/sipscript/sipscript/modules/source"

// ownQuery asks for the entries of a list, whose name and "'" follow.
const ownQuery = "SELECT address, port, transport, expires, note, attrs FROM acl_entries WHERE list = '"

// layouts are the queries for the tables of others.
func layouts() map[string]string {
	return map[string]string{
		"kamailio": "SELECT ip_addr AS address, mask, port, tag, grp FROM address",
		"opensips": "SELECT ip AS address, mask, port, proto AS transport, context_info AS tag, grp FROM address",
	}
}

// Schema are the statements that make the table of a layout, our own for "".
func Schema(layout, database string) []string {
	query := layouts()[layout]
	if layout == "" {
		query = ownQuery + "'"
	}
	if query == "" {
		return nil
	}
	return source.Schema[Entry](database, query)
}
