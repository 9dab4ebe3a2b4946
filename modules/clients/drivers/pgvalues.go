package drivers

// This file has PostgreSQL take the values of scripts as the other databases do: pgx takes a number
// only for a number, which it cuts to a whole one for an integer.

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// lenient is called with each new connection.
func lenient(_ context.Context, c *pgx.Conn) error {
	m := c.TypeMap()
	m.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{wrapPlain}, m.TryWrapEncodePlanFuncs...)
	return nil
}

// wrapPlain is asked about values that are not of a parameter's own type.
func wrapPlain(value any) (pgtype.WrappedEncodePlanNextSetter, any, bool) {
	switch value.(type) {
	case int64, float64, bool:
		return &plainPlan{}, plain{value}, true
	}
	return nil, nil, false
}

// plainPlan writes a value as a plain one is written.
type plainPlan struct{ next pgtype.EncodePlan }

// SetNext has it know how a plain one is.
func (p *plainPlan) SetNext(next pgtype.EncodePlan) { p.next = next }

// Encode writes one.
func (p *plainPlan) Encode(value any, buf []byte) ([]byte, error) {
	return p.next.Encode(plain{value}, buf)
}

// plain is an int64, float64 or bool that goes into a column of another type.
type plain struct{ value any }

// TextValue is it for a column of text.
func (p plain) TextValue() (pgtype.Text, error) {
	text := fmt.Sprint(p.value)
	if f, ok := p.value.(float64); ok {
		text = strconv.FormatFloat(f, 'g', -1, 64)
	}
	return pgtype.Text{String: text, Valid: true}, nil
}

// BoolValue is it for a boolean: a number is true unless it is 0.
func (p plain) BoolValue() (pgtype.Bool, error) {
	return pgtype.Bool{Bool: p.value != false && p.value != int64(0) && p.value != 0.0, Valid: true}, nil
}

// Int64Value is it for an integer. A fraction is refused: cut, a price would be another.
func (p plain) Int64Value() (pgtype.Int8, error) {
	out := pgtype.Int8{Valid: true}
	switch v := p.value.(type) {
	case int64:
		out.Int64 = v
	case bool:
		if v {
			out.Int64 = 1
		}
	case float64:
		if v != math.Trunc(v) || v < math.MinInt64 || v >= math.MaxInt64 {
			return out, fmt.Errorf("%v is not a whole number of 64 bits", v)
		}
		out.Int64 = int64(v)
	}
	return out, nil
}

// Float64Value is it for a number of any kind.
func (p plain) Float64Value() (pgtype.Float8, error) {
	if f, ok := p.value.(float64); ok {
		return pgtype.Float8{Float64: f, Valid: true}, nil
	}
	n, err := p.Int64Value()
	return pgtype.Float8{Float64: float64(n.Int64), Valid: true}, err
}
