package luabind

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	lua "github.com/yuin/gopher-lua"
)

// sip.hash, sip.base64, sip.token, sip.random, sip.json.

func sipCodecs() []Function {
	hexText := ReturnsText("in hexadecimal, lower case")
	text := TextArg("text", "any bytes")
	return []Function{
		Func1(Function{Name: "hash.md5", Doc: "The MD5 of text.", Example: `local h = sip.hash.md5("alice:example.com:secret")`}, text, hexText,
			func(_ *Call, s string) string { sum := md5.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }),
		Func1(Function{Name: "hash.sha256", Doc: "The SHA-256 of text.", Example: `local h = sip.hash.sha256("alice")`}, text, hexText,
			func(_ *Call, s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) }),
		Func2(Function{Name: "hash.hmac_sha256", Doc: "The HMAC of text with SHA-256.", Example: `local h = sip.hash.hmac_sha256("key", "text")`},
			TextArg("key", ""), text, hexText, func(_ *Call, key, s string) string {
				h := hmac.New(sha256.New, []byte(key))
				h.Write([]byte(s))
				return hex.EncodeToString(h.Sum(nil))
			}),
		Func1(Function{Name: "base64.encode", Doc: "Encodes text as Base64 (RFC 4648 §4).", Example: `local s = sip.base64.encode("alice:secret")`}, text, ReturnsText(""),
			func(c *Call, s string) string {
				spends(c.l, 4*len(s)) // with the copies on the way
				return base64.StdEncoding.EncodeToString([]byte(s))
			}),
		Try1(Function{Name: "base64.decode", Doc: "Decodes Base64 text; nil, err if it is malformed.", Example: `local s, err = sip.base64.decode("YWxpY2U=")`}, text,
			ReturnsText("any bytes"), func(c *Call, s string) (string, error) {
				spends(c.l, 2*len(s))
				b, err := base64.StdEncoding.DecodeString(s)
				return string(b), err
			}),
		Func1(Function{Name: "token", Doc: "Unpredictable random bytes.", Example: `local id = sip.token(8)`},
			tokenArg.Default(16, "16"), hexText, func(c *Call, n int) string {
				b := make([]byte, n)
				c.vm.random.read(b)
				return hex.EncodeToString(b)
			}),
		Func1(Function{Name: "random", Doc: "An unpredictable whole number from 1 to n.", Example: `if sip.random(100) <= 5 then sip.log.info("one of twenty") end`},
			randomArg, ReturnsNumber("from 1 to n"), func(c *Call, n int64) float64 { return float64(c.vm.random.r.Int64N(n) + 1) }),
		Func1(Function{Name: "json.encode", Doc: "Encodes a value as JSON: a table with the keys 1 to n is a list, any other an object, an empty one {}.",
			Raises: "for what JSON cannot represent: functions, NaN, tables of both kinds", Example: `local text = sip.json.encode({ to = tostring(req.ruri), codes = { 486, 600 } })`},
			jsonArg, ReturnsText(""), func(c *Call, b []byte) string { spends(c.l, len(b)); return string(b) }),
		Func1(Function{Name: "json.decode", Doc: "Decodes JSON text; nil, err if it is malformed. A whole number beyond 2^53, which a number in Lua cannot hold, is a string.", Example: `local rule, err = sip.json.decode('{"to": "sip:bob@example.com"}')`},
			text, returnsSome(Result{Type: Any, OrNil: true}, failure), jsonDecode),
	}
}

var tokenArg = ArgOf(func(c *Call, n int) int {
	x, ok := c.l.Get(n).(lua.LNumber)
	if bytes := int(x); ok && x == lua.LNumber(bytes) && bytes >= 1 && bytes <= 1024 {
		return bytes
	}
	c.want(n, "a number of bytes from 1 to 1024")
	return 0
}, Param{Name: "bytes", Type: Integer, Unit: "bytes", Min: "1", Max: "1024", Doc: "from 1 to 1024"})

var randomArg = ArgOf(func(c *Call, n int) int64 {
	x, ok := c.l.Get(n).(lua.LNumber)
	if !ok || x != lua.LNumber(int64(x)) || x < 1 || x > 1<<53 {
		c.want(n, "a whole number greater than 0")
	}
	return int64(x)
}, Param{Name: "n", Type: Integer, Min: "1", Doc: "above 0"})
