package http

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// tlsOptions are the option tls of a request. They distinguish clients.
type tlsOptions struct {
	CA         string `lua:"ca" default:"the system's" doc:"a file of the authorities to believe"`
	Cert       string `lua:"cert" doc:"a file with the certificate to show"`
	Key        string `lua:"key" doc:"the file of its key"`
	ServerName string `lua:"server_name" default:"the host of the URL" doc:"the name that the server's certificate must have"`
}

// config reads the files. They are read once in the life of the process.
func (o tlsOptions) config() (*tls.Config, error) {
	c := &tls.Config{ServerName: o.ServerName, MinVersion: tls.VersionTLS12}
	if o.CA != "" {
		text, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, fmt.Errorf("tls.ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("tls.ca: no certificate in %s", o.CA)
		}
	}
	if (o.Cert == "") != (o.Key == "") {
		return nil, errors.New("tls: cert and key go together")
	}
	if o.Cert != "" {
		pair, err := tls.LoadX509KeyPair(o.Cert, o.Key)
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
