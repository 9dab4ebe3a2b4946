package geo

// What is read of a record, whoever has made the database.

import (
	"strconv"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2/mmdbdata"
)

// record is what a database says of an address. MaxMind and DB-IP have maps: country.iso_code,
// city.names.en. Others have texts: IPinfo's country is a code or, beside a country_code, a name,
// and its asn "AS64500"; those of ip-location-db have country_code and city.
type record struct {
	country, code, registered, city, asn, org string
}

// UnmarshalMaxMindDBCursor reads a record.
func (r *record) UnmarshalMaxMindDBCursor(c mmdbdata.Cursor) (mmdbdata.Cursor, error) {
	entries, err := c.Map()
	if err != nil {
		return c, mmdbdata.NormalizeUnmarshalError[record](err)
	}
	var next mmdbdata.Cursor
	for {
		key, value, ok := entries.Next(next)
		if !ok {
			return entries.End()
		}
		switch string(key) {
		case "country":
			r.country, next, err = word(value, "iso_code")
		case "country_code":
			r.code, next, err = word(value)
		case "registered_country":
			r.registered, next, err = word(value, "iso_code")
		case "city":
			r.city, next, err = word(value, "names", "en")
		case "autonomous_system_number", "asn":
			r.asn, next, err = word(value)
		case "autonomous_system_organization", "as_name":
			r.org, next, err = word(value)
		default:
			next, err = value.Skip()
		}
		if err != nil {
			return c, err
		}
	}
}

// word is a text or number, as it is or within maps by a path of keys, and what comes after it. It
// is empty if the value is something else.
func word(c mmdbdata.Cursor, path ...string) (text string, next mmdbdata.Cursor, err error) {
	kind, err := c.Kind()
	if err != nil {
		return "", c, err
	}
	switch {
	case kind == mmdbdata.KindString:
		return c.ReadString()
	case kind == mmdbdata.KindUint16 || kind == mmdbdata.KindUint32 || kind == mmdbdata.KindUint64:
		n, next, err := c.ReadUint()
		return strconv.FormatUint(n, 10), next, err
	case kind != mmdbdata.KindMap || len(path) == 0:
		next, err = c.Skip()
		return "", next, err
	}
	entries, err := c.Map()
	if err != nil {
		return "", c, err
	}
	for {
		key, value, ok := entries.Next(next)
		if !ok {
			next, err = entries.End()
			return text, next, err
		}
		if string(key) == path[0] {
			text, next, err = word(value, path[1:]...)
		} else {
			next, err = value.Skip()
		}
		if err != nil {
			return "", c, err
		}
	}
}

// place is where the address is.
func (r *record) place() Place {
	p := Place{Country: r.code, City: r.city, Org: r.org}
	if p.Country == "" && len(r.country) == 2 {
		p.Country = r.country
	}
	if p.Country == "" {
		p.Country = r.registered
	}
	number := r.asn
	if len(number) > 2 && strings.EqualFold(number[:2], "AS") {
		number = number[2:]
	}
	if n, err := strconv.ParseUint(number, 10, 32); err == nil {
		p.ASN = uint32(n)
	}
	return p
}
