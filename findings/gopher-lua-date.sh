#!/usr/bin/env bash
# gopher-lua 1.1.2 (github.com/yuin/gopher-lua@v1.1.2), beside Lua 5.1.5 (Debian lua5.1 5.1.5-9).
#
# os.date takes the conversions of C's strftime (Lua 5.1 §5.8, C89). 40 days after 1970-01-01 is Tuesday, 10 February.
# Seen: %a is "mon" on every day of the week, and %x is the time of day in place of the date, with the same
# slashes: 01/02/03 is 01:02:03. %j, %U and %W stay as they are written, and yday of "*t" is 0. %A, %b,
# %d, %H, %M, %S and %Y are right.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT; cd "$dir"

cat >script.lua <<'LUA'
for day = 38, 40 do print(day, os.date("!%A is %a", day * 86400)) end
for _, format in ipairs { "%x", "%X", "%j", "%U", "%W", "%Y-%m-%d" } do print(format, os.date("!" .. format, 40 * 86400 + 3723)) end
print("yday", os.date("!*t", 40 * 86400).yday)
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
1,4c1,4
< 38	Sunday is Sun
< 39	Monday is Mon
< 40	Tuesday is Tue
< %x	02/10/70
---
> 38	Sunday is mon
> 39	Monday is mon
> 40	Tuesday is mon
> %x	01/02/03
6,8c6,8
< %j	041
< %U	06
< %W	06
---
> %j	%j
> %U	%U
> %W	%W
10c10
< yday	41
---
> yday	0
EOF
diff expected seen >/dev/null || { echo "changed"; exit 1; }
echo "as described"
