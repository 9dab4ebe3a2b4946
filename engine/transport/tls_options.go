// What TLS proves and requires: the options, and the loading of files.

package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// ClientAuth says what is required of clients that connect over TLS.
type ClientAuth uint8

const (
	ClientAuthDefault ClientAuth = iota // required if there is a client CA, otherwise not requested
	ClientAuthNone                      // no certificate is requested
	// A client without a certificate is let in, one with a bad certificate is not
	ClientAuthOptional
	ClientAuthRequired // mutual TLS
)

// TLSOptions are the stack's identity towards both clients and servers. It is the same for all
// listeners: if there are several certificates, the name a client asks for (SNI) decides.
type TLSOptions struct {
	// The first certificate is for clients that ask for no name, or an unknown one.
	Files []TLSFiles
	// PEM file of the authorities that vouch for servers we connect to; "": those of the system
	RootCA string
	// Load, if set, is called instead of reading Files and RootCA: at Listen, and by
	// ReloadCertificates.
	Load func() (*TLSMaterial, error)

	// What is required of clients of all listeners but wss
	ClientAuth ClientAuth
	// WSSClientAuth is ClientAuth for wss listeners, because a browser would ask its user for a
	// certificate; the default is ClientAuth.
	WSSClientAuth ClientAuth
}

// TLSFiles name the PEM files of one certificate. Cert has the chain, the server's own certificate
// first.
type TLSFiles struct {
	Cert, Key string
	// ClientCA are the authorities that vouch for clients (mutual TLS); "" for none. Those of
	// several TLSFiles are added up.
	ClientCA string
}

// TLSMaterial is what is loaded. It must not be changed once given to a stack.
type TLSMaterial struct {
	Certificates []tls.Certificate // of this server; a client's SNI chooses among them
	// Nil: there are none, and clients cannot be asked for certificates
	ClientCAs *x509.CertPool
	RootCAs   *x509.CertPool // nil: the system's
}

// LoadTLS reads the files. Its errors name the file and what is wrong with it.
func LoadTLS(files []TLSFiles, rootCA string) (*TLSMaterial, error) {
	m := &TLSMaterial{}
	for _, f := range files {
		cert, err := f.load()
		if err != nil {
			return nil, err
		}
		m.Certificates = append(m.Certificates, cert)
		if f.ClientCA == "" {
			continue
		}
		if m.ClientCAs == nil {
			m.ClientCAs = x509.NewCertPool()
		}
		if err := addAuthorities(m.ClientCAs, f.ClientCA); err != nil {
			return nil, err
		}
	}
	if rootCA != "" {
		m.RootCAs = x509.NewCertPool()
		if err := addAuthorities(m.RootCAs, rootCA); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (f TLSFiles) load() (tls.Certificate, error) {
	none := tls.Certificate{}
	if f.Cert == "" || f.Key == "" {
		return none, errors.New("tls: both a certificate file and its key file are needed")
	}
	cert, err := os.ReadFile(f.Cert)
	if err != nil {
		return none, fmt.Errorf("tls: certificate: %w", err)
	}
	key, err := os.ReadFile(f.Key)
	if err != nil {
		return none, fmt.Errorf("tls: key: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return none, fmt.Errorf("tls: certificate %s with key %s: %w", f.Cert, f.Key, err)
	}
	return pair, nil
}

func addAuthorities(pool *x509.CertPool, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("tls: authorities: %w", err)
	}
	if !pool.AppendCertsFromPEM(text) {
		return fmt.Errorf("tls: authorities: %s has no certificate in PEM form", file)
	}
	return nil
}

// load obtains the stack's material.
func (o *TLSOptions) load() (*TLSMaterial, error) {
	if o.Load != nil {
		return o.Load()
	}
	return LoadTLS(o.Files, o.RootCA)
}

// clientAuth is what a listener of the kind requires of clients.
func (o *TLSOptions) clientAuth(k Kind, m *TLSMaterial) ClientAuth {
	asked := o.ClientAuth
	if k == WSS && o.WSSClientAuth != ClientAuthDefault {
		asked = o.WSSClientAuth
	}
	if asked != ClientAuthDefault {
		return asked
	}
	if m.ClientCAs == nil {
		return ClientAuthNone
	}
	return ClientAuthRequired
}
