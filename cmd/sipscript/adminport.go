package main

// The admin interface of a server: its flags, and the files that change while it serves.

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/ops/admin"
	"github.com/sipscript/sipscript/ops/page"
	"github.com/sipscript/sipscript/ops/watch"
)

// readAdmin checks the flags of the admin interface.
func (s *settings) readAdmin(c *cli.Context) error {
	if s.admin != "" {
		if err := checkHostPort(s.admin); err != nil {
			return usagef("--admin %s: %v", s.admin, err)
		}
	}
	s.adminHosts = c.StringSlice("admin-host")
	for _, name := range s.adminHosts {
		if name == "" || strings.ContainsAny(name, "/@ *") {
			return usagef("--admin-host %s: expected a name or an address, such as pbx.example.com", name)
		}
	}
	s.adminTokens, s.adminCert, s.adminKey = c.String("admin-tokens"), c.String("admin-tls-cert"), c.String("admin-tls-key")
	switch {
	case (s.adminCert == "") != (s.adminKey == ""):
		return usagef("--admin-tls-cert and --admin-tls-key belong together")
	case s.admin == "" && s.adminCert != "":
		return usagef("--admin-tls-cert %s: there is no --admin to use it for", s.adminCert)
	case s.admin == "" && s.adminTokens != "":
		return usagef("--admin-tokens %s: there is no --admin to use it for", s.adminTokens)
	}
	return nil
}

func (s *server) openAdmin() (err error) {
	if s.set.admin == "" {
		return nil
	}
	o := admin.Options{Addr: s.set.admin, Hosts: s.set.adminHosts, Figures: s.figures, Ready: s.ready, Reload: s.reload, Status: s.status,
		Operations: slices.Concat(s.operations(), s.tracing().Operations(), s.modules.API()), Info: apiInfo(), Log: s.log}
	if s.set.passed != nil {
		o.Listener = s.set.passed.admin
	}
	if o.Page, err = page.Handler(); err != nil {
		return err
	}
	if s.set.adminTokens != "" {
		if o.Tokens, err = admin.LoadTokens(s.set.adminTokens); err != nil {
			return fmt.Errorf("--admin-tokens: %w", err)
		}
		s.warnOfReaders(s.set.adminTokens)
	}
	if s.set.adminCert != "" {
		if o.Certificate, err = admin.LoadCertificate(s.set.adminCert, s.set.adminKey); err != nil {
			return fmt.Errorf("--admin-tls-cert, --admin-tls-key: %w", err)
		}
	}
	s.tokens, s.adminCertificate = o.Tokens, o.Certificate
	if s.admin, err = admin.New(o); err != nil {
		return explainAdmin(err)
	}
	s.feedPage()
	s.admin.Serve()
	return nil
}

// warnOfReaders warns of a file that others may change.
func (s *server) warnOfReaders(path string) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o022 != 0 {
		s.log.Warn("others may change the file of tokens, and with it what they may do", "file", path)
	}
}

// watchAdmin reads tokens and certificate again when their files change, until stop ends. What
// can't be read leaves the old ones in force.
func (s *server) watchAdmin(stop context.Context) {
	if s.tokens != nil {
		s.watchFiles(stop, "tokens of the admin interface", func() []string { return []string{s.tokens.Path()} }, s.tokens.Reload)
	}
	if s.adminCertificate != nil {
		s.watchFiles(stop, "certificate of the admin interface", s.adminCertificate.Files, s.adminCertificate.Reload)
	}
}

func (s *server) watchFiles(stop context.Context, what string, files func() []string, reload func() error) {
	w, err := watch.New(watch.Options{Files: files, Changed: func() error {
		err := reload()
		if err != nil {
			s.log.Error("the "+what+" can't be read; the old stays in force", "error", err)
			return err
		}
		s.log.Info("the " + what + " was read again")
		return nil
	}})
	if err != nil {
		s.log.Warn("changes of the "+what+" will not be noticed", "error", err)
		return
	}
	s.watching.Go(func() { w.Run(stop) })
}
