package proxy

import "github.com/sipscript/sipscript/engine/message"

// withhold removes from m, which is about to be sent, the credentials for this server (RFC 3261
// §22.3: those for other realms pass unchanged). made: the message was written here.
func (c *Core) withhold(m *message.Message, made bool) {
	if c.Withhold == nil {
		return
	}
	if m.Find(message.HeaderProxyAuthorization, 0) >= 0 || m.Find(message.HeaderAuthorization, 0) >= 0 {
		c.Withhold(m, made)
	}
}
