#!/usr/bin/env bash
# gopher-lua 1.1.2 (github.com/yuin/gopher-lua@v1.1.2), beside Lua 5.1.5 (Debian lua5.1 5.1.5-9).
#
# Numbers in text: tonumber reads no exponent ("2e2" and "5e-07" are nil, Lua 5.1: 200 and 5e-07), no sign before a
# hexadecimal number ("-0x10": nil, Lua 5.1 on this system: -16). tostring writes infinity as +Inf (Lua 5.1: inf).
# The same numbers written in a script are read. Prices and rates of a database or of JSON that come as text are nil.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT; cd "$dir"

cat >numbers.lua <<'LUA'
for _, text in ipairs { "2e2", "5e-07", "-0x10", "0x10", "12.5" } do print(text, tostring(tonumber(text))) end
print("1/0", tostring(1/0))
print("2e2 in a script", 2e2)
LUA
cat >main.go <<'GO'
package main

import lua "github.com/yuin/gopher-lua"

func main() {
	l := lua.NewState()
	if err := l.DoFile("numbers.lua"); err != nil {
		panic(err)
	}
}
GO
go mod init finding >/dev/null 2>&1
go get github.com/yuin/gopher-lua@v1.1.2 >/dev/null 2>&1
apt-get download -qq lua5.1=5.1.5-9 >/dev/null 2>&1
dpkg -x lua5.1_*.deb lua
go run . >got
lua/usr/bin/lua5.1 numbers.lua >want
echo "gopher-lua 1.1.2 (<), Lua 5.1.5 (>):"
diff got want && { echo "changed: they agree"; exit 1; }
expected=$(printf '2e2\tnil\n5e-07\tnil\n-0x10\tnil\n0x10\t16\n12.5\t12.5\n1/0\t+Inf\n2e2 in a script\t200')
[ "$(cat got)" = "$expected" ] || { echo "changed:"; cat got; exit 1; }
echo "as described"
