#!/usr/bin/env bash
# gopher-lua 1.1.2 (pkg/mod github.com/yuin/gopher-lua@v1.1.2), beside Lua 5.1.5 (Debian lua5.1 5.1.5-9).
#
# A table constructor with exactly 50 (or 100, ...) list items and then a key whose value is the result of a call loses
# the first of the last 50 items: it holds the value of the key. Lua 5.1 keeps the list as it is written.
# Cause: items are stored in batches of 50, and a keyed field at that place has the batch stored once more, when the
# registers hold something else.
# Seen: "50 items: element 1 is CAROL" where Lua 5.1 says "item 1"; 49 items are right.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT; cd "$dir"

cat >main.go <<'GO'
package main

import (
	"os"

	lua "github.com/yuin/gopher-lua"
)

func main() {
	l := lua.NewState()
	if err := l.DoFile(os.Args[1]); err != nil {
		panic(err)
	}
}
GO
for n in 49 50 100; do
  {
    printf 'local t = { '
    for ((i = 1; i <= n; i++)); do printf '"item %d", ' "$i"; done
    printf 'name = string.upper("carol") }\n'
    printf 'for i = 1, %d do if t[i] ~= "item " .. i then print("%d items: element " .. i .. " is " .. t[i]) end end\n' "$n" "$n"
    printf 'print("%d items looked at")\n' "$n"
  } >"list$n.lua"
done
go mod init finding >/dev/null 2>&1
go get github.com/yuin/gopher-lua@v1.1.2 >/dev/null 2>&1
apt-get download -qq lua5.1=5.1.5-9 >/dev/null 2>&1
dpkg -x lua5.1_*.deb lua
lua=$dir/lua/usr/bin/lua5.1
"$lua" -v 2>&1
for n in 49 50 100; do
  "$lua" "list$n.lua" >"want$n"
  go run . "list$n.lua" >"got$n"
done
cat got49 got50 got100
fail() { echo "changed: $1"; exit 1; }
for n in 49 50 100; do [ "$(cat "want$n")" = "$n items looked at" ] || fail "Lua 5.1 with $n items"; done
[ "$(cat got49)" = "49 items looked at" ] || fail "49 items are wrong as well"
[ "$(head -1 got50)" = "50 items: element 1 is CAROL" ] || fail "50 items"
[ "$(head -1 got100)" = "100 items: element 51 is CAROL" ] || fail "100 items"
echo "as described"
