package sink

// Records as rows.

import (
	"encoding/json"

	"github.com/sipscript/sipscript/modules/acc/cdr"
	"github.com/sipscript/sipscript/modules/internal/spool"
)

// columns of a record, in files and databases.
var columns = []string{"id", "type", "call", "event", "node", "call_id", "from_uri", "from_tag", "to_uri", "to_tag", "request_uri", "user", "source", "target",
	"user_agent", "callee_agent", "diversion", "began", "rang", "answered", "ended", "duration", "code", "reason", "cause", "ended_by", "legs", "fields"}

// valueOf is a column of a record: string, float64, int or cdr.Time.
func valueOf(r *cdr.Record, column string) any {
	if text := r.TextOf(column); text != nil {
		return *text
	}
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

// read is the record, read unless it is still there.
func read(r *spool.Record) (*cdr.Record, error) {
	if rec, ok := r.Value.(*cdr.Record); ok {
		return rec, nil
	}
	return cdr.Read(r.Data)
}

func jsonText(v any) string {
	text, _ := json.Marshal(v) // it came out of JSON
	return string(text)
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
