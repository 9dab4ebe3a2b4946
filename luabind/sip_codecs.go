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

func (v *vm) sipCodecs() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"hash.md5": func(l *lua.LState) int {
			sum := md5.Sum([]byte(plainText(l, "sip.hash.md5: argument 1", l.Get(1))))
			return pushHex(l, sum[:])
		},
		"hash.sha256": func(l *lua.LState) int {
			sum := sha256.Sum256([]byte(plainText(l, "sip.hash.sha256: argument 1", l.Get(1))))
			return pushHex(l, sum[:])
		},
		"hash.hmac_sha256": func(l *lua.LState) int {
			h := hmac.New(sha256.New, []byte(plainText(l, "sip.hash.hmac_sha256: the key", l.Get(1))))
			h.Write([]byte(plainText(l, "sip.hash.hmac_sha256: argument 2", l.Get(2))))
			return pushHex(l, h.Sum(nil))
		},
		"base64.encode": func(l *lua.LState) int {
			text := plainText(l, "sip.base64.encode: argument 1", l.Get(1))
			spends(l, 4*len(text)) // with the copies on the way
			l.Push(lua.LString(base64.StdEncoding.EncodeToString([]byte(text))))
			return 1
		},
		"base64.decode": func(l *lua.LState) int {
			text := plainText(l, "sip.base64.decode: argument 1", l.Get(1))
			spends(l, 2*len(text))
			b, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return failText(l, err.Error())
			}
			l.Push(lua.LString(b))
			return 1
		},
		"token":       v.sipToken,
		"random":      v.sipRandom,
		"json.encode": v.jsonEncode,
		"json.decode": v.jsonDecode,
	}
}

func pushHex(l *lua.LState, b []byte) int {
	l.Push(lua.LString(hex.EncodeToString(b)))
	return 1
}

// sipToken is sip.token(bytes): that many random bytes, 16 by default, in hex.
func (v *vm) sipToken(l *lua.LState) int {
	n := 16
	if l.Get(1) != lua.LNil {
		x, ok := l.Get(1).(lua.LNumber)
		if n = int(x); !ok || x != lua.LNumber(n) || n < 1 || n > 1024 {
			raise(l, "sip.token: argument 1 must be a number of bytes from 1 to 1024, not %s", describe(l.Get(1)))
		}
	}
	b := make([]byte, n)
	v.random.read(b)
	return pushHex(l, b)
}

// sipRandom is sip.random(n): a whole number from 1 to n that nobody can guess.
func (v *vm) sipRandom(l *lua.LState) int {
	x, ok := l.Get(1).(lua.LNumber)
	if !ok || x != lua.LNumber(int64(x)) || x < 1 || x > 1<<53 {
		raise(l, "sip.random: argument 1 must be a whole number greater than 0, not %s", describe(l.Get(1)))
	}
	l.Push(lua.LNumber(v.random.r.Int64N(int64(x)) + 1))
	return 1
}
