package admin

// This file keeps out web pages in an operator's browser whose name was made to lead here (DNS
// rebinding): the browser would take the answers for the page's own.

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// known answers requests to a Host that the server is known by, and refuses others (421): loopback
// names, the address the request came to, the host of Options.Addr, and Options.Hosts. A request
// without a Host does not come from a browser.
func (s *Server) known(next http.Handler) http.Handler {
	names := map[string]bool{"localhost": true}
	for _, name := range s.opts.Hosts {
		names[hostName(name)] = true
	}
	if host, _, err := net.SplitHostPort(s.opts.Addr); err == nil && host != "" {
		names[hostName(host)] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostOf(r.Host)
		if host == "" || names[host] || isOwn(host, r) {
			next.ServeHTTP(w, r)
			return
		}
		s.opts.Log.Debug("the admin interface does not answer to this name", "host", r.Host, "source", r.RemoteAddr)
		answer(w, http.StatusMisdirectedRequest, map[string]any{"error": "unknown Host " + r.Host + ": name it with --admin-host"})
	})
}

// isOwn reports whether host is an address of loopback, or the one that the connection came to.
func isOwn(host string, r *http.Request) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	if ip = ip.Unmap().WithZone(""); ip.IsLoopback() {
		return true
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	at, err := netip.ParseAddrPort(local.String())
	return err == nil && at.Addr().Unmap().WithZone("") == ip
}

// hostOf is the host of a Host header, without its port.
func hostOf(text string) string {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	return hostName(text)
}

// hostName is a name as it is compared: in lower case, without brackets and the dot of the root.
func hostName(name string) string {
	return strings.TrimSuffix(strings.ToLower(strings.Trim(name, "[]")), ".")
}
