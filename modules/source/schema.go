package source

// The tables that lists are read from, as SQL: from the queries that read them and the fields of
// their entries.

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The parts of a query of ours.
var (
	queryParts = regexp.MustCompile(`(?is)^\s*SELECT\s+(.+?)\s+FROM\s+(\w+)(?:\s+WHERE\s+(.+?))?(?:\s+ORDER\s+BY\s+(.+?))?\s*$`)
	queryItem  = regexp.MustCompile(`(?i)^(\w+)(?:\s+AS\s+"?(\w+)"?)?$`)
	queryWhere = regexp.MustCompile(`(?i)(\w+)\s*=\s*(\?|%d|\d+|'[^']*')`)
)

// column is a column of a table.
type column struct {
	name, sqlType string
	required      bool
	doc           string
}

// Schema are the statements that make the table which query reads entries of type T from, in
// "sqlite", "postgres" or "mysql": its columns are those that the query names, with the types of
// the fields they become. unique names columns that no two rows have alike. It panics if the query
// is not of the kind that modules write, or names what is not a field: a mistake in the module.
func Schema[T any](database, query string, unique ...string) []string {
	m := queryParts.FindStringSubmatch(query)
	if m == nil {
		panic(fmt.Sprintf("source: the query is not understood: %s", query))
	}
	t := reflect.TypeFor[T]()
	e := typeOf(t)
	var columns, selectors []column
	for _, w := range queryWhere.FindAllStringSubmatch(m[3], -1) {
		c := column{name: w[1], sqlType: sqlText(database), required: true, doc: "which of the lists the row belongs to"}
		if w[2] == "%d" || w[2][0] >= '0' && w[2][0] <= '9' {
			c.sqlType = "BIGINT"
		}
		if i, ok := e.byName[w[1]]; ok { // also a field of the entry: a user's name
			c.sqlType, c.doc = sqlTypeOf(t.Field(e.fields[i].index), database), t.Field(e.fields[i].index).Tag.Get("doc")
		}
		selectors = append(selectors, c)
	}
	columns = append(columns, selectors...)
	for item := range strings.SplitSeq(m[1], ",") {
		x := queryItem.FindStringSubmatch(strings.TrimSpace(item))
		if x == nil {
			panic(fmt.Sprintf("source: the query is not understood at %q: %s", item, query))
		}
		name, field := x[1], x[1]
		if x[2] != "" {
			field = x[2]
		}
		i, ok := e.byName[field]
		if !ok {
			panic(fmt.Sprintf("source: %s of the query is not a field of %s", field, t))
		}
		if slices.ContainsFunc(columns, func(c column) bool { return c.name == name }) {
			continue
		}
		f := t.Field(e.fields[i].index)
		columns = append(columns, column{name: name, sqlType: sqlTypeOf(f, database), required: e.fields[i].required, doc: f.Tag.Get("doc")})
	}
	return append([]string{createTable(m[2], database, columns, unique)}, createIndex(m[2], selectors, unique)...)
}

// createTable writes the statement, with what is known of each column as a comment.
func createTable(table, database string, columns []column, unique []string) string {
	id := map[string]string{"sqlite": "INTEGER PRIMARY KEY", "postgres": "BIGSERIAL PRIMARY KEY", "mysql": "BIGINT AUTO_INCREMENT PRIMARY KEY"}[database]
	lines := []string{"id " + id}
	docs := []string{""}
	for _, c := range columns {
		text := c.name + " " + c.sqlType
		if c.required {
			text += " NOT NULL"
		}
		lines, docs = append(lines, text), append(docs, c.doc)
	}
	if len(unique) > 0 {
		lines, docs = append(lines, "UNIQUE ("+strings.Join(unique, ", ")+")"), append(docs, "")
	}
	var b strings.Builder
	b.WriteString("CREATE TABLE " + table + " (\n")
	for i, line := range lines {
		if i < len(lines)-1 {
			line += ","
		}
		b.WriteString("  " + line)
		if docs[i] != "" {
			b.WriteString(" -- " + strings.ReplaceAll(docs[i], "\n", " "))
		}
		b.WriteString("\n")
	}
	b.WriteString(")")
	return b.String()
}

// createIndex is the index by which rows are chosen, if there is a choice and it has none yet.
func createIndex(table string, selectors []column, unique []string) []string {
	var names []string
	for _, c := range selectors {
		names = append(names, c.name)
	}
	if len(names) == 0 || slices.Equal(names, unique) {
		return nil
	}
	return []string{"CREATE INDEX " + table + "_" + strings.Join(names, "_") + " ON " + table + " (" + strings.Join(names, ", ") + ")"}
}

// sqlText is a text that is compared. Names differ by case, which MySQL has to be told.
func sqlText(database string) string {
	if database == "mysql" {
		return "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
	}
	return "VARCHAR(255)"
}

// sqlTypeOf is the type of a column that becomes a field.
func sqlTypeOf(f reflect.StructField, database string) string {
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[time.Time]():
		return map[string]string{"sqlite": "TEXT", "postgres": "TIMESTAMPTZ", "mysql": "DATETIME"}[database]
	case reflect.TypeFor[time.Duration]():
		return realType(database)
	case reflect.TypeFor[map[string]any](), reflect.TypeFor[[]string](), reflect.TypeFor[any]():
		return "TEXT"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "BOOLEAN"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if t.PkgPath() == "" { // a type with a name of its own reads text
			return "BIGINT"
		}
	case reflect.Float32, reflect.Float64:
		return realType(database)
	}
	return sqlText(database)
}

func realType(database string) string {
	if database == "sqlite" {
		return "REAL"
	}
	return map[string]string{"postgres": "DOUBLE PRECISION", "mysql": "DOUBLE"}[database]
}
