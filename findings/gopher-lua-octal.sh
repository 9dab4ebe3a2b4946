#!/usr/bin/env bash
# gopher-lua 1.1.2 (github.com/yuin/gopher-lua@v1.1.2), beside Lua 5.1.5 (Debian lua5.1 5.1.5-9).
#
# Text in arithmetic is read as Go reads source: a leading zero makes it octal. "0030" + 0 is 24 (Lua 5.1: 30), while
# "0049" + 0 is 49 in both, for 9 is not an octal digit; tonumber("0030") is 30 in both. Underscores pass: "1_000" + 0 is
# 1000 (Lua 5.1: an error). Telephone numbers and prefixes come as such text.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT; cd "$dir"

cat >octal.lua <<'LUA'
for _, text in ipairs { "30", "0030", "0049", "1_000" } do
  local ok, sum = pcall(function() return text + 0 end)
  print(text, ok and sum or "error", tonumber(text) or "nil")
end
LUA
cat >main.go <<'GO'
package main

import lua "github.com/yuin/gopher-lua"

func main() {
	l := lua.NewState()
	if err := l.DoFile("octal.lua"); err != nil {
		panic(err)
	}
}
GO
go mod init finding >/dev/null 2>&1
go get github.com/yuin/gopher-lua@v1.1.2 >/dev/null 2>&1
apt-get download -qq lua5.1=5.1.5-9 >/dev/null 2>&1
dpkg -x lua5.1_*.deb lua
echo "text, text + 0, tonumber(text)"
echo "Lua 5.1.5:"; lua/usr/bin/lua5.1 octal.lua | tee want
echo "gopher-lua 1.1.2:"; go run . | tee got
[ "$(cat want)" = $'30\t30\t30\n0030\t30\t30\n0049\t49\t49\n1_000\terror\tnil' ] || { echo "changed: Lua 5.1"; exit 1; }
[ "$(cat got)" = $'30\t30\t30\n0030\t24\t30\n0049\t49\t49\n1_000\t1000\tnil' ] || { echo "changed"; exit 1; }
echo "as described"
