package sink

import "strings"

// Schema are the statements that make the tables of a layout: our own for "", or Kamailio's.
func Schema(layout, database string) []string {
	switch layout {
	case "":
		return ownSchema(database)
	case "kamailio":
		return kamailioSchema(database)
	}
	return nil
}

// ownSchema makes our own table. A script's field whose name is that of a column that somebody adds
// goes there as well.
func ownSchema(database string) []string {
	text, moment, real := "TEXT", "TEXT", "REAL"
	id := "CHAR(40)"
	switch database {
	case "postgres":
		moment, real = "TIMESTAMPTZ", "DOUBLE PRECISION"
	case "mysql":
		text, moment, real = "TEXT CHARACTER SET utf8mb4", "DATETIME(3)", "DOUBLE"
	}
	var lines []string
	for _, c := range columns {
		line := quoted(database, []string{c}) + " "
		switch c {
		case "id":
			line += id + " NOT NULL PRIMARY KEY -- a UUID; of a leg with its number"
		case "type":
			line += "VARCHAR(8) NOT NULL -- call, leg or event"
		case "call":
			line += id + " -- of a leg or an event: the id of its call"
		case "call_id":
			line += "VARCHAR(255) -- the Call-ID"
		case "began", "rang", "answered", "ended":
			line += moment
			if database != "postgres" {
				line += " -- UTC"
			}
		case "duration":
			line += real + " -- seconds from answered to ended"
		case "code":
			line += "INTEGER -- the caller got"
		case "legs", "fields":
			line += text + " -- JSON"
		default:
			line += text
		}
		lines = append(lines, line)
	}
	table := "CREATE TABLE " + Table + " (\n"
	for i, line := range lines {
		comma := ","
		if i == len(lines)-1 {
			comma = ""
		}
		if before, after, ok := strings.Cut(line, " -- "); ok {
			table += "  " + before + comma + " -- " + after + "\n"
		} else {
			table += "  " + line + comma + "\n"
		}
	}
	return []string{table + ")", "CREATE INDEX " + Table + "_began ON " + Table + " (began)", "CREATE INDEX " + Table + "_call_id ON " + Table + " (call_id)"}
}

// kamailioSchema makes the tables as kamdbctl does.
func kamailioSchema(database string) []string {
	id, moment, real := "INTEGER PRIMARY KEY NOT NULL", "TIMESTAMP WITHOUT TIME ZONE", "REAL"
	switch database {
	case "postgres":
		id = "SERIAL PRIMARY KEY NOT NULL"
	case "mysql":
		id, moment, real = "INT(10) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL", "DATETIME", "FLOAT(10,3)"
	}
	calls := func(table string) []string {
		return []string{"CREATE TABLE " + table + ` (
  id ` + id + `,
  method VARCHAR(16) DEFAULT '' NOT NULL,
  from_tag VARCHAR(128) DEFAULT '' NOT NULL,
  to_tag VARCHAR(128) DEFAULT '' NOT NULL,
  callid VARCHAR(255) DEFAULT '' NOT NULL,
  sip_code VARCHAR(3) DEFAULT '' NOT NULL,
  sip_reason VARCHAR(128) DEFAULT '' NOT NULL,
  time ` + moment + ` NOT NULL
)`, "CREATE INDEX " + table + "_callid_idx ON " + table + " (callid)"}
	}
	return append(append(calls("acc"), `CREATE TABLE acc_cdrs (
  id `+id+`,
  start_time `+moment+` DEFAULT '2000-01-01 00:00:00' NOT NULL,
  end_time `+moment+` DEFAULT '2000-01-01 00:00:00' NOT NULL,
  duration `+real+` DEFAULT 0 NOT NULL
)`, "CREATE INDEX acc_cdrs_start_time_idx ON acc_cdrs (start_time)"), calls("missed_calls")...)
}
