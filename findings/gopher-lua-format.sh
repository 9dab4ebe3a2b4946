#!/usr/bin/env bash
# gopher-lua 1.1.2 (github.com/yuin/gopher-lua@v1.1.2), beside Lua 5.1.5 (Debian lua5.1 5.1.5-9).
#
# string.format is C's printf with checks (Lua 5.1 §5.4). gopher-lua hands formats to Go's fmt, which has other
# rules, and puts its complaints into the text. Seen: %u is "%!u(int64=7)", an argument that is missing is
# "%!d(MISSING)" and no error, %x of a negative number has a sign, and %c of 200 is two bytes. What %q writes is not
# read back: bytes that are not UTF-8, and zeros, come as \xff, which Lua 5.1 and gopher-lua read as the letters xff.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT; cd "$dir"

cat >script.lua <<'LUA'
local function hex(text) return (text:gsub(".", function(c) return string.format("%02x", c:byte()) end)) end
print("%u", string.format("%u", 7))
print("%d without an argument", (pcall(string.format, "%d")) and string.format("call %d") or "error")
print("%x of -1", string.format("%x", -1))
print("%c of 200", hex(string.format("%c", 200)))
print("%q and back", hex(loadstring("return " .. string.format("%q", "a\0b\255"))()))
print("%5d|%-5d|%05.1f|%s", string.format("%5d|%-5d|%05.1f|%s", 7, 7, 7.25, "text"))
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
1,5c1,5
< %u	7
< %d without an argument	error
< %x of -1	ffffffffffffffff
< %c of 200	c8
< %q and back	610062ff
---
> %u	%!u(int64=7)
> %d without an argument	call %!d(MISSING)
> %x of -1	-1
> %c of 200	c388
> %q and back	6178303062786666
EOF
diff expected seen >/dev/null || { echo "changed"; exit 1; }
echo "as described"
