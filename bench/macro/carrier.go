//go:build unix

package main

// A carrier's whole policy: scripts/carrier.lua, and kamailio/carrier.lua, which takes the same
// decisions by permissions, pike, htable, dialplan, mtree, dispatcher, secsipid, dialog with a
// profile, topoh and acc. Both have the same 1000 peers, 10,000 prefixes and 10 gateways, sign each
// call, hide Via, Record-Route, Contact and Call-ID, and write a record of it.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// carrierLoad calls numbers of a country, from a number that is the customer's.
var carrierLoad = []string{"-caller", "sip:+493011123@example.com", "-number", "089123"}

const (
	carrierPeers    = 1000
	carrierPrefixes = 10_000
	carrierGateways = 10
)

// files writes name by name what both servers read, one line an entry.
func (b *bench) files(texts map[string]string) error {
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// each is n lines.
func each(n int, line func(i int) string) string {
	var s strings.Builder
	for i := range n {
		s.WriteString(line(i) + "\n")
	}
	return s.String()
}

// peer is the address of the i-th one; the last one is the load.
func peer(i int) string {
	if i == carrierPeers-1 {
		return "127.0.0.1"
	}
	return fmt.Sprintf("10.%d.%d.1", i/250, i%250)
}

// prefix is the i-th one; all numbers of the load have the first, and the number of digits differs.
func prefix(i int) string {
	if i == 0 {
		return "4989"
	}
	return fmt.Sprint(10_000 + i*7)
}

func (b *bench) oursCarrier(addr, callee string) ([]string, error) {
	err := b.files(map[string]string{
		"peers.csv": "address,attrs\n" + each(carrierPeers, func(i int) string {
			return fmt.Sprintf(`%s,"{""name"": ""customer%d"", ""prefix"": ""+4930111"", ""calls"": 100000, ""rate"": 100000}"`, peer(i), i)
		}),
		"plan.csv":  "prefix,strip,add\n00,2,+\n0,1,+49\n+,0,\n",
		"rates.csv": "prefix,carrier,cost\n" + each(carrierPrefixes, func(i int) string { return fmt.Sprintf("%s,one,0.01", prefix(i)) }),
		"gateways.csv": "next_hop,carrier\n" + each(carrierGateways, func(i int) string {
			return fmt.Sprintf("sip:%s;gw=%d,one", callee, i)
		}),
	})
	if err == nil {
		err = b.certificate()
	}
	args := []string{filepath.Join(b.dir, "sipscript"), "run", "--no-watch", "--log-level", "error", "-d", "example.com", "-l", "udp:" + addr}
	for name, value := range map[string]string{"peers": "file:peers.csv", "plan": "file:plan.csv", "rates": "file:rates.csv", "gateways": "file:gateways.csv",
		"certificate": "cert.pem", "key": "key.pem", "roots": "cert.pem", "records": "json:cdr.jsonl"} {
		kind, file, is := strings.Cut(value, ":")
		if !is {
			kind, file = "", value
		} else {
			kind += ":"
		}
		args = append(args, "--set", name+"="+kind+filepath.Join(b.dir, file))
	}
	return append(args, "--set", "x5u=https://cert.example.com/a.pem", "scripts/carrier.lua"), err
}

func (b *bench) kamailioCarrier(addr, callee string) ([]string, error) {
	err := b.files(map[string]string{
		"address.list": each(carrierPeers, func(i int) string { return fmt.Sprintf("1 %s 32 0 customer%d", peer(i), i) }),
		"dispatcher.list": each(carrierGateways, func(i int) string {
			return fmt.Sprintf("1 sip:%s;gw=%d 0 0", callee, i)
		}),
		"version": "table_name(string) table_version(int)\ndialplan:2\nmtree:1\n",
		"dialplan": "id(int,auto) dpid(int) pr(int) match_op(int) match_exp(string) match_len(int) subst_exp(string) repl_exp(string) attrs(string)\n" +
			`1:1:1:1:^00:0:^00(.*)$:+\\1:x` + "\n" + `2:1:2:1:^0:0:^0(.*)$:+49\\1:x` + "\n" + `3:1:3:1:^\\+:0:^(.*)$:\\1:x` + "\n",
		"mtree": "id(int,auto) tprefix(string) tvalue(string)\n" + each(carrierPrefixes, func(i int) string { return fmt.Sprintf("%d:%s:1", i+1, prefix(i)) }),
	})
	if err == nil {
		err = b.certificate()
	}
	if err != nil {
		return nil, err
	}
	script, err := os.ReadFile("bench/kamailio/carrier.lua")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(b.dir, "carrier.lua"), []byte(strings.ReplaceAll(string(script), "DIR", b.dir)), 0o600); err != nil {
		return nil, err
	}
	cfg, err := os.ReadFile("bench/kamailio/carrier.cfg")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(b.dir, "carrier.cfg")
	text := strings.NewReplacer("LISTEN", addr, "DIR", b.dir).Replace(string(cfg))
	return []string{"kamailio", "-DD", "-E", "-m", "1024", "-M", "64", "-w", b.dir, "-f", file}, os.WriteFile(file, []byte(text), 0o600)
}

// certificate writes a key and the certificate of it that names a provider (RFC 8226).
func (b *bench) certificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	spc := []byte{0x30, 8, 0xa0, 6, 0x16, 4, '7', '0', '9', 'J'}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{{Id: []int{1, 3, 6, 1, 5, 5, 7, 1, 26}, Value: spc}}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return err
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return b.files(map[string]string{
		"cert.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"key.pem":  string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})),
	})
}
