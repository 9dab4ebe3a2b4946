package auth

import (
	"path/filepath"
	"testing"

	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/source"
)

// Tables that are made as `sipscript schema auth` says are read.
func TestSchema(t *testing.T) {
	hash := HashPassword(MD5, "alice", com, "open sesame")
	for layout, insert := range map[string]string{
		"":         `INSERT INTO auth_users (username, realm, algorithm, ha1, updated) VALUES ('alice', '` + com + `', 'MD5', '` + hash + `', 0)`,
		"kamailio": `INSERT INTO subscriber (username, domain, ha1) VALUES ('alice', '` + com + `', '` + hash + `')`,
		"opensips": `INSERT INTO subscriber (username, domain, ha1) VALUES ('alice', '` + com + `', '` + hash + `')`,
	} {
		t.Run("layout "+layout, func(t *testing.T) {
			url := "sqlite:" + filepath.Join(t.TempDir(), "x.db")
			pool := newPool(nil)
			db, err := pool.DB(url, clients.DBOptions{Create: true})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			execute(t, db, append(Schema(layout, "sqlite"), insert)...)
			s, err := openSQL(t.Context(), pool, source.Spec{URL: url, Layout: layout}, fetchTimeout)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.CheckSchema(t.Context()); err != nil {
				t.Error(err)
			}
			if found, err := s.FetchSecret(t.Context(), "alice", com); err != nil || !knows(found, MD5, "alice", com, "open sesame") {
				t.Errorf("%+v, %v", found, err)
			}
		})
	}
	if Schema("asterisk", "sqlite") != nil {
		t.Error("there is a table for a layout that there is not")
	}
}
