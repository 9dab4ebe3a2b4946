package spec

// This file is what stands for the destinations of records of calls: t.cdrs.

import (
	"encoding/json"

	"github.com/sipscript/sipscript/luabind"
)

// mostRecords bounds the records of one test.
const mostRecords = 100_000

// Record takes the record of a call.
func (o *outside) Record(text []byte) {
	var r map[string]any
	if err := json.Unmarshal(text, &r); err != nil {
		o.w.trouble(err)
		return
	}
	o.w.outsideMu.Lock()
	defer o.w.outsideMu.Unlock()
	if len(o.records) < mostRecords {
		o.records = append(o.records, r)
	}
}

func (w *world) recordFunctions() []luabind.Function {
	return []luabind.Function{
		luabind.Func0(luabind.Function{Name: "cdrs",
			Doc: "The records that acc has made so far, in their order: of each call that has ended, and of acc.event. A table each, with the names of the JSON: from_uri, to_uri, code, " +
				"cause, ended_by, duration, legs, fields … They go nowhere else.",
			Example: "t.equal(#t.cdrs(), 0)"},
			luabind.ReturnsValue(luabind.List, "of tables"), func(*luabind.Call) any {
				w.outsideMu.Lock()
				defer w.outsideMu.Unlock()
				return append([]any{}, w.outside.records...)
			}),
	}
}
