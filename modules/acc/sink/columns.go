package sink

// Records as rows.

import (
	"encoding/json"
	"maps"
	"strconv"

	"github.com/sipscript/sipscript/modules/acc/cdr"
)

// columns of a record, in files and databases.
var columns = []string{"id", "type", "call", "event", "node", "call_id", "from_uri", "from_tag", "to_uri", "to_tag", "request_uri", "user", "source", "target",
	"user_agent", "callee_agent", "diversion", "began", "rang", "answered", "ended", "duration", "code", "reason", "cause", "ended_by", "legs", "fields"}

// valueOf is a column of a record: string, float64, int or cdr.Time.
func valueOf(r *cdr.Record, column string) any {
	switch column {
	case "id":
		return r.ID
	case "type":
		return r.Type
	case "call":
		return r.Call
	case "event":
		return r.Event
	case "node":
		return r.Node
	case "call_id":
		return r.CallID
	case "from_uri":
		return r.FromURI
	case "from_tag":
		return r.FromTag
	case "to_uri":
		return r.ToURI
	case "to_tag":
		return r.ToTag
	case "request_uri":
		return r.RequestURI
	case "user":
		return r.User
	case "source":
		return r.Source
	case "target":
		return r.Target
	case "user_agent":
		return r.UserAgent
	case "callee_agent":
		return r.CalleeAgent
	case "diversion":
		return r.Diversion
	}
	return laterValue(r, column)
}

func laterValue(r *cdr.Record, column string) any {
	switch column {
	case "began":
		return r.Began
	case "rang":
		return r.Rang
	case "answered":
		return r.Answered
	case "ended":
		return r.Ended
	case "duration":
		return r.Duration
	case "code":
		return r.Code
	case "reason":
		return r.Reason
	case "cause":
		return r.Cause
	case "ended_by":
		return r.EndedBy
	case "legs":
		if len(r.Legs) == 0 {
			return ""
		}
		return string(cdr.AppendLegs(nil, r.Legs))
	case "fields":
		if len(r.Fields) == 0 {
			return ""
		}
		return string(cdr.AppendFields(nil, r.Fields))
	}
	return ""
}

func jsonText(v any) string {
	text, _ := json.Marshal(v) // it came out of JSON
	return string(text)
}

// csvValues appends a record's values, with these of its fields after the columns.
func csvValues(values []string, r *cdr.Record, fields []string) []string {
	row := *r
	if len(fields) > 0 {
		row.Fields = maps.Clone(r.Fields)
	}
	for _, name := range fields {
		delete(row.Fields, name)
	}
	for _, c := range columns {
		switch v := valueOf(&row, c).(type) {
		case string:
			values = append(values, harmless(v))
		case cdr.Time:
			values = append(values, v.String())
		case int:
			values = append(values, strconv.Itoa(v))
		case float64:
			values = append(values, strconv.FormatFloat(v, 'f', 3, 64))
		}
	}
	for _, name := range fields {
		values = append(values, harmless(fieldText(r.Fields[name])))
	}
	return values
}

// fieldText is a field as text.
func fieldText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	return jsonText(v)
}
