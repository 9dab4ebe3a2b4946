//go:build linux

package main

// What a TLS handshake costs the server, beside Kamailio's with OpenSSL.

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// exchanges are the key exchanges that are offered: the one that all clients have, and what newer
// ones send beside it, which servers without it answer by the other.
var exchanges = []struct {
	name   string
	curves []tls.CurveID
}{
	{"X25519", []tls.CurveID{tls.X25519}},
	{"X25519MLKEM768 or X25519", []tls.CurveID{tls.X25519MLKEM768, tls.X25519}},
}

// compareHandshakes has all servers make handshakes by turns, and prints medians.
func (t *test) compareHandshakes() error {
	up, err := t.startAll("tls")
	defer stopAll(up)
	if err != nil {
		return err
	}
	fmt.Printf("\n| key exchange | server | µs CPU/handshake | handshakes/s of CPU | ours makes × as many |\n|---|---|---|---|---|\n")
	for _, x := range exchanges {
		rows := make([][]float64, len(up))
		for round := range t.rounds + 1 { // the first warms up
			for i, s := range up {
				cost, err := handshakes(s, x.curves, time.Duration(t.seconds)*time.Second)
				if err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
				if round > 0 {
					rows[i] = append(rows[i], cost)
				}
			}
		}
		ours := rows[len(rows)-1]
		for i, s := range up {
			var ratios []float64
			for n, cost := range rows[i] {
				ratios = append(ratios, cost/ours[n])
			}
			cost := median(rows[i])
			fmt.Printf("| %s | %s | %.0f | %.0f | %.2f |\n", x.name, s.name, cost, 1e6/cost, median(ratios))
		}
	}
	return nil
}

// atATime is how many handshakes are made at a time.
const atATime = 8

// handshakes connects and closes for a while; no session is resumed, since the clients keep none.
// It returns the server's µs for each.
func handshakes(s *server, curves []tls.CurveID, length time.Duration) (cost float64, err error) {
	var made atomic.Int64
	var group sync.WaitGroup
	failed := make(chan error, atATime)
	used, began := s.cpu(), time.Now()
	for range atATime {
		group.Go(func() {
			for time.Since(began) < length {
				if err := handshake(s.addr, curves); err != nil {
					failed <- err
					return
				}
				made.Add(1)
			}
		})
	}
	group.Wait()
	select {
	case err := <-failed:
		return 0, err
	default:
	}
	time.Sleep(100 * time.Millisecond) // the last ones are closed there too
	return (s.cpu() - used) * 1e6 / float64(made.Load()), nil
}

func handshake(addr string, curves []tls.CurveID) error {
	conn, err := net.Dial("tcp4", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	c := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: "example.com", CurvePreferences: curves}) //nolint:gosec // the servers are ours, and have a certificate made a moment ago
	if err := c.Handshake(); err != nil {
		return err
	}
	return c.Close()
}
