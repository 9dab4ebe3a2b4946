package clients

// Numbers of single precision.

import (
	"database/sql"
	"reflect"
	"strconv"
)

// Singles has numbers of single precision in rows as a database writes them: 0.1. Drivers make them
// numbers of double precision, digit for digit of the binary: 0.10000000149011612. One is for the
// rows of one query.
type Singles struct {
	asked  bool
	single []bool // by column, of PostgreSQL, whose driver tells by the column alone
}

// Correct corrects a row's values.
func (s *Singles) Correct(rows *sql.Rows, values []any) {
	for i, v := range values {
		switch v := v.(type) {
		case float32:
			values[i] = double(v)
		case float64:
			if s.is(rows, i) {
				values[i] = double(float32(v))
			}
		}
	}
}

// is reports whether a column is of single precision.
func (s *Singles) is(rows *sql.Rows, i int) bool {
	if !s.asked {
		s.asked = true
		types, err := rows.ColumnTypes()
		if err != nil {
			return false // the rows say so too
		}
		s.single = make([]bool, len(types))
		for i, t := range types {
			s.single[i] = t.ScanType() == reflect.TypeFor[float32]()
		}
	}
	return i < len(s.single) && s.single[i]
}

// double is the number of double precision with the same decimal digits.
func double(f float32) float64 {
	d, err := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
	if err != nil {
		return float64(f)
	}
	return d
}
