// Package jwt is the module "jwt": scripts sign and verify JSON Web Tokens (RFC 7519), as clients
// behind WebSockets bring them. golang-jwt does the work.
package jwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
)

// Plugin is the module "jwt".
func Plugin() host.Plugin {
	return host.Plugin{Name: "jwt", New: func(*host.Environment) (luabind.Opener, error) { return New(), nil }}
}

// JWT is the module.
type JWT struct{}

// New makes the module.
func New() *JWT { return &JWT{} }

// Doc describes the module.
func (*JWT) Doc() string { return "Signs and verifies JSON Web Tokens." }

// Name is "jwt".
func (*JWT) Name() string { return "jwt" }

// Open makes the module of one script generation, which reads the keys' files again.
func (*JWT) Open(*luabind.Host) (luabind.Module, error) { return &module{keys: map[string]*key{}}, nil }

type module struct {
	mu   sync.Mutex
	keys map[string]*key // by their text; guarded by mu
}

// Close has nothing to do.
func (*module) Close() error { return nil }

// verifyOptions are those of verify.
type verifyOptions struct {
	Keys   luabind.FuncOrValue `lua:"keys,required" doc:"a secret, a public key as PEM, \"file:PATH\" with one, or a table of these by kid"`
	Alg    []string            `lua:"alg" default:"what suits the key" doc:"the algorithms that are accepted: HS256, RS256, PS256, ES256, EdDSA and their stronger kin"`
	Aud    string              `lua:"aud" doc:"which aud must name; without it aud is not looked at"`
	Iss    string              `lua:"iss" doc:"what iss must be; without it iss is not looked at"`
	Leeway time.Duration       `lua:"leeway" max:"3600" default:"0" doc:"by how much clocks may differ"`
	Exp    *bool               `lua:"exp" default:"true" doc:"false: a token without exp is accepted, which is good for ever"`
}

// signOptions are those of sign.
type signOptions struct {
	Key string        `lua:"key,required" doc:"a secret, a private key as PEM, or \"file:PATH\" with one"`
	Alg string        `lua:"alg" default:"what suits the key" doc:"the algorithm"`
	KID string        `lua:"kid" doc:"the name of the key, in the header"`
	TTL time.Duration `lua:"ttl" min:"1" max:"31536000" default:"300" doc:"sets iat and exp, unless claims has exp, which may be sip.json.null for none"`
}

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Try2(luabind.Function{Name: "verify", Asks: "*", Effects: luabind.Vets,
			Doc:     "The claims of a token whose signature, time, and audience are right. nil, err for any other.",
			Raises:  "for keys that can't be read",
			Example: "local claims, err = jwt.verify(req:header(\"X-Token\") or \"\", { keys = \"a secret of at least 32 bytes, shared\" })"},
			luabind.TextArg("token", ""), luabind.RequiredOptionsArg("options", verifyOptions{}), returnsJSON, m.verify),
		luabind.Try2(luabind.Function{Name: "sign", Doc: "A token with these claims.", Raises: "for a key that can't be read, or does not suit alg",
			Example: `local token = jwt.sign({ sub = "alice" }, { key = "a secret of at least 32 bytes, shared", ttl = 60 })`},
			claimsArg, luabind.RequiredOptionsArg("options", signOptions{}), luabind.ReturnsText("the token"), m.sign),
	}
}

// returnsJSON pushes the claims as sip.json.decode does.
var returnsJSON = luabind.ReturnsOf(func(c *luabind.Call, text luabind.JSON) int {
	n, err := c.PushJSON(text)
	if err != nil { // of a token that was verified: it is JSON
		c.Raise("%v", err)
	}
	return n
}, luabind.Result{Type: luabind.Table, Doc: "the claims"})

var claimsArg = luabind.ArgOf(func(c *luabind.Call, n int) luabind.JSON {
	if c.Kind(n) != luabind.Table {
		c.Raise("argument %d must be a table of claims, not %s", n, c.Describe(n))
	}
	return c.JSON(n)
}, luabind.Param{Name: "claims", Type: luabind.Table, Doc: "as sip.json.encode takes it"})

// mostToken bounds a token, in bytes.
const mostToken = 16 << 10

func (m *module) verify(c *luabind.Call, token string, o verifyOptions) (luabind.JSON, error) {
	if len(token) > mostToken {
		return nil, fmt.Errorf("a token of more than %d bytes", mostToken)
	}
	known, err := m.known(o.Keys.Value)
	if err != nil {
		c.Raise("keys: %v", err)
	}
	for _, name := range o.Alg {
		if jwt.GetSigningMethod(name) == nil || name == "none" {
			c.Raise("alg: %q is none of the algorithms", name)
		}
	}
	opts := []jwt.ParserOption{jwt.WithTimeFunc(c.Now), jwt.WithLeeway(o.Leeway), jwt.WithJSONNumber()} // ids keep all their digits
	if o.Exp == nil || *o.Exp {
		opts = append(opts, jwt.WithExpirationRequired())
	}
	if o.Aud != "" {
		opts = append(opts, jwt.WithAudience(o.Aud))
	}
	if o.Iss != "" {
		opts = append(opts, jwt.WithIssuer(o.Iss))
	}
	claims := jwt.MapClaims{}
	_, err = jwt.NewParser(opts...).ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		k := known[kid]
		if k == nil {
			k = known[""] // the only one
		}
		if k == nil {
			return nil, fmt.Errorf("there is no key %q", kid)
		}
		if alg := t.Method.Alg(); !slices.Contains(k.algs, alg) || len(o.Alg) > 0 && !slices.Contains(o.Alg, alg) {
			return nil, fmt.Errorf("the algorithm %s is not accepted", alg)
		}
		return k.public, nil
	})
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(strings.ReplaceAll(err.Error(), "token is unverifiable: error while executing keyfunc: ", ""), "jwt: "))
	}
	return json.Marshal(claims)
}

func (m *module) sign(c *luabind.Call, claims luabind.JSON, o signOptions) (string, error) {
	k, err := m.key(o.Key)
	if err != nil {
		c.Raise("key: %v", err)
	}
	if k.private == nil {
		c.Raise("key: signing needs a private key")
	}
	alg := o.Alg
	if alg == "" {
		alg = k.algs[0]
	}
	if !slices.Contains(k.algs, alg) {
		c.Raise("alg: this key is for %s, not %s", strings.Join(k.algs, ", "), alg)
	}
	all := jwt.MapClaims{}
	if err := json.Unmarshal(claims, &all); err != nil {
		c.Raise("claims: %v", err)
	}
	now := c.Now()
	exp, ok := all["exp"]
	switch {
	case ok && exp == nil: // null: a token that is good for ever
		delete(all, "exp")
	case !ok:
		ttl := o.TTL
		if ttl == 0 {
			ttl = 5 * time.Minute
		}
		all["iat"], all["exp"] = now.Unix(), now.Add(ttl).Unix()
	}
	t := jwt.NewWithClaims(jwt.GetSigningMethod(alg), all)
	if o.KID != "" {
		t.Header["kid"] = o.KID
	}
	return t.SignedString(k.private)
}

// key is one key, and the algorithms it can be used for.
type key struct {
	algs            []string
	public, private any
}

// known are the keys of an option, by kid; "" is a single key.
func (m *module) known(v any) (map[string]*key, error) {
	switch v := v.(type) {
	case string:
		k, err := m.key(v)
		return map[string]*key{"": k}, err
	case map[string]any:
		all := map[string]*key{}
		for kid, text := range v {
			s, ok := text.(string)
			if !ok || kid == "" {
				return nil, errors.New("must be texts by kid")
			}
			k, err := m.key(s)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", kid, err)
			}
			all[kid] = k
		}
		if len(all) > 0 {
			return all, nil
		}
	}
	return nil, errors.New("must be a text, or texts by kid")
}

const (
	mostKeys  = 1000 // remembered
	leastText = 16   // bytes of a secret
)

// key reads a key, once for each text.
func (m *module) key(text string) (*key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.keys[text]; k != nil {
		return k, nil
	}
	content := text
	if path, ok := strings.CutPrefix(text, "file:"); ok {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		content = string(b)
	}
	k, err := parse(strings.TrimSpace(content))
	if err != nil {
		return nil, err
	}
	if len(m.keys) >= mostKeys {
		clear(m.keys)
	}
	m.keys[text] = k
	return k, nil
}

func parse(text string) (*key, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		if strings.HasPrefix(text, "-----BEGIN") {
			return nil, errors.New("a PEM text that can't be read")
		}
		if len(text) < leastText {
			return nil, fmt.Errorf("a secret of fewer than %d bytes", leastText)
		}
		return &key{algs: []string{"HS256", "HS384", "HS512"}, public: []byte(text), private: []byte(text)}, nil
	}
	var found any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		found, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		found, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(block.Bytes); err == nil {
			found = c.PublicKey
		}
	case "PRIVATE KEY":
		found, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		found, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		found, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		err = fmt.Errorf("a PEM block %q, which is not a key", block.Type)
	}
	if err != nil {
		return nil, err
	}
	k := &key{public: found}
	if s, ok := found.(crypto.Signer); ok {
		k.private, k.public = found, s.Public()
	}
	switch p := k.public.(type) {
	case *rsa.PublicKey:
		if p.N.BitLen() < 2048 {
			return nil, errors.New("an RSA key of fewer than 2048 bits")
		}
		k.algs = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case *ecdsa.PublicKey:
		switch p.Curve {
		case elliptic.P256():
			k.algs = []string{"ES256"}
		case elliptic.P384():
			k.algs = []string{"ES384"}
		case elliptic.P521():
			k.algs = []string{"ES512"}
		}
	case ed25519.PublicKey:
		k.algs = []string{"EdDSA"}
	}
	if k.algs == nil {
		return nil, fmt.Errorf("a key of type %T, which no algorithm is for", k.public)
	}
	return k, nil
}
