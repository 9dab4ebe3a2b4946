#!/usr/bin/env bash
# gopher-lua 1.1.2 (github.com/yuin/gopher-lua@v1.1.2), beside Lua 5.1.5 (Debian lua5.1 5.1.5-9).
#
# upper and lower change the letters of the C locale, and leave all other bytes (Lua 5.1 §5.4).
# Seen: each byte that is not UTF-8 becomes three, those of U+FFFD: a name in Latin-1 is lost, and so are bytes of a
# key or a hash; the text gets longer. Letters of UTF-8 change, too.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT; cd "$dir"

cat >script.lua <<'LUA'
local function hex(text) return (text:gsub(".", function(c) return string.format("%02x", c:byte()) end)) end
print("ASCII", ("bob"):upper())
print("Latin-1, 5 bytes", hex(("Andr\233"):lower()))
print("UTF-8", hex(("\195\132"):lower()))
print("32 bytes", #(("\200"):rep(32):upper()))
LUA
cat >main.go <<'GO'
package main

import lua "github.com/yuin/gopher-lua"

func main() {
	l := lua.NewState()
	if err := l.DoFile("script.lua"); err != nil {
		panic(err)
	}
}
GO
go mod init finding >/dev/null 2>&1
go get github.com/yuin/gopher-lua@v1.1.2 >/dev/null 2>&1
apt-get download -qq lua5.1=5.1.5-9 >/dev/null 2>&1
dpkg -x lua5.1_*.deb lua
lua/usr/bin/lua5.1 script.lua >want
go run . >got
echo "Lua 5.1.5 (<), gopher-lua 1.1.2 (>):"
{ diff want got || true; } | tee seen
cat >expected <<'EOF'
2,4c2,4
< Latin-1, 5 bytes	616e6472e9
< UTF-8	c384
< 32 bytes	32
---
> Latin-1, 5 bytes	616e6472efbfbd
> UTF-8	c3a4
> 32 bytes	96
EOF
diff expected seen >/dev/null || { echo "changed"; exit 1; }
echo "as described"
