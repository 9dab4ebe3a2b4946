package clients_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
)

// Everybody who opens the same database shares its connections, and each call has a deadline.
func Example() {
	dir, err := os.MkdirTemp("", "clients")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	pool := clients.New(clients.Options{Drivers: drivers.All()})
	db, err := pool.DB("sqlite:"+filepath.Join(dir, "pbx.db"), clients.DBOptions{Create: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	err = db.Do(context.Background(), func(ctx context.Context, db *sql.DB) error {
		_, err := db.ExecContext(ctx, `CREATE TABLE forwards (user TEXT, target TEXT); INSERT INTO forwards VALUES ('bob', 'sip:carol@example.com')`)
		return err
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = db.Query(context.Background(), func(rows *sql.Rows) error {
		var target string
		err := rows.Scan(&target)
		fmt.Println(target)
		return err
	}, `SELECT target FROM forwards WHERE user = ?`, "bob")
	fmt.Println(err)
	// Output:
	// sip:carol@example.com
	// <nil>
}
