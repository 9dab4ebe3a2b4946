# make test runs everything that must pass: vet, staticcheck, the tests with the race detector, fuzzing, and interop with
# programs that are not ours. It needs Go; what else it needs (sipp, baresip, linphone, sipvicious, sipsak, nsd, tshark, promtool, redis-server, postgresql, mariadb-server, rtpengine-daemon, chromium, npm) it installs where it may.

GO          ?= go
FUZZTIME    ?= 3s
HOSTILE     ?= 10000
SEEDS       ?= 500
NFPM        ?= github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
VERSION     ?= $(shell git describe --tags --match 'v[0-9]*' 2>/dev/null | sed -E 's/^v//; s/-([0-9]+)-g/+\1.g/' | grep . || echo 0.0.0)
STAMP       := $(if $(filter-out 0.0.0,$(VERSION)),-X main.stamped=$(VERSION))
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c

# Counts of tests are gathered here, so that the last line can sum them up.
COUNTS := bin/counts
TALLY  := $(GO) run ./internal/testcount -add $(COUNTS)
# -again: up to three tests that fail run once more, by themselves, and the output says so; races, panics and what hangs never do. What go test itself
# returns for failures (1) is not looked at there: testcount has read each, and fails where nothing ran.

# What is made from declarations: the reference, the tables of READMEs, and the stubs of editors; the document of the admin API.
docs:
	$(GO) run ./internal/docs/generate
	$(GO) run ./cmd/sipscript docs .

# Tests, fuzzing and commands are built as what is shipped is: static, and without paths of this machine. Only the race detector needs cgo.
export CGO_ENABLED := 0
export GOFLAGS := $(strip $(shell $(GO) env GOFLAGS) -trimpath)
RACE := env CGO_ENABLED=1 $(GO) test -race

.PHONY: docs test build deb image vet lint cross cross-all portable plain race simulate beside fuzz hostile interop bench phones browsers redis postgres mariadb rtpengine lua51 fail2ban nsd tshark promtool counts clean

test: clean vet lint cross portable plain race simulate beside
	@$(GO) run ./internal/testcount -sum $(COUNTS)

# Interop waits for programs that are not ours half of the time: fuzzing takes what it leaves of the processors.
beside: | bin
	@nice -n 19 $(MAKE) fuzz & fuzzing=$$!; status=0; \
	$(MAKE) -k hostile interop || status=$$?; wait $$fuzzing || status=$$?; exit $$status

build:
	$(GO) build -trimpath -o bin/sipscript ./cmd/sipscript

# A package for Debian and its like, for this machine's architecture, and its checksum. The same sources make the same bytes. BINARY is one that is
# built already.
deb:
	@rm -rf bin/deb && mkdir -p bin/deb/man
	if [ -n "$(BINARY)" ]; then cp "$(BINARY)" bin/deb/sipscript; else CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w $(STAMP)' -o bin/deb/sipscript ./cmd/sipscript; fi
	for shell in bash zsh fish; do bin/deb/sipscript completion $$shell >bin/deb/completion.$$shell; done
	for page in contrib/man/*.1; do gzip -9n <$$page >bin/deb/man/$${page##*/}.gz; done
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || date +%s)} VERSION=$(VERSION) ARCH=$$($(GO) env GOARCH) \
	  $(GO) run $(NFPM) package --config contrib/deb/nfpm.yaml --packager deb --target bin/deb
	cd bin/deb && sha256sum *.deb >SHA256SUMS

# An image for docker; where none runs, the steps of the Dockerfile on this machine, and a call through what they make.
image:
	@if docker info >/dev/null 2>&1; then docker build --build-arg VERSION=$(VERSION) -f contrib/docker/Dockerfile -t sipscript:$(VERSION) -t sipscript .; \
	else $(GO) test -count=1 -v -run '^TestImage$$' ./internal/interop; fi

vet:
	$(GO) vet ./...
	@test -z "$$(gofmt -l $$(git ls-files '*.go' 2>/dev/null || find . -name '*.go'))" || { echo 'not formatted:'; gofmt -l .; exit 1; }

lint:
	$(GO) run $(STATICCHECK) ./...

# The engine and its scripts embed in programs for other systems, where parts of them are others. The command with its databases takes minutes to
# compile for each: cross-all, before a release.
cross:
	for os in darwin freebsd windows; do GOOS=$$os $(GO) vet ./engine/... ./luabind ./luabind/dict || exit 1; done

cross-all: cross
	for os in darwin freebsd windows; do GOOS=$$os $(GO) build ./... || exit 1; done

# What other systems run in place of Linux's own calls, on this one: datagrams one by one, and probes in place of ICMP errors.
portable: | bin
	$(GO) test -count=1 -tags portable -json ./engine/transport ./modules/turn/relay | $(TALLY)
	$(GO) test -count=1 -tags portable -run 'Gone|Closed|Unreach|Socket|Trap' -json ./engine | $(TALLY)

# All tests run with the race detector. Those of files that know of it, because it changes what they hold (ceilings on allocations and memory), run
# without it, too; texts have no races (internal/docs). Interop has its own target: it tests a binary.
race: redis postgres mariadb rtpengine lua51 fail2ban nsd tshark promtool | bin
	{ $(RACE) -timeout 6m -shuffle=on -json $$($(GO) list ./... | grep -vE '/internal/(interop|docs)$$') || [ $$? -eq 1 ]; } | $(TALLY) -again '$(RACE) -timeout 5m'

plain: | bin
	@files=$$(grep -rl --include='*_test.go' raceEnabled .); tests=$$(grep -hoE '^func Test[A-Za-z0-9_]+' $$files | sed 's/func //' | sort -u | paste -sd'|'); \
	echo "go test of what the race detector changes"; { $(GO) test -timeout 6m -shuffle=on -json -run "^($$tests)\$$" $$(dirname $$files | sort -u) || [ $$? -eq 1 ]; } | $(TALLY) -again '$(GO) test -timeout 5m'
	$(GO) test -timeout 14m -json ./internal/docs | $(TALLY)

fuzz: | bin
	COUNTS=$(COUNTS) FUZZTIME=$(FUZZTIME) GO=$(GO) ./.ci/fuzz

# Random calls on links that lose, double and reorder; SIPSCRIPT_SEED is the first of the seeds.
simulate: | bin
	$(GO) test -count=1 -json -run Random ./engine -args -seeds $(SEEDS) | $(TALLY)

# Messages made to hurt, so many over UDP and as many over TCP; SIPSCRIPT_SEED chooses other ones.
hostile: | bin
	$(GO) test -count=1 -json -run Hostile ./engine -args -hostile $(HOSTILE) | $(TALLY)

# Twice: the binary as it is shipped, and one with the race detector, which leaves out what takes longest and shows nothing more with it.
interop: phones browsers redis postgres mariadb rtpengine kemi | bin
	{ SIPSCRIPT_INTEROP=required $(GO) test -count=1 -timeout 9m -json ./internal/interop || [ $$? -eq 1 ]; } | SIPSCRIPT_INTEROP=required $(TALLY) -again '$(GO) test -timeout 5m'
	{ SIPSCRIPT_INTEROP=required SIPSCRIPT_INTEROP_BUILD=-race $(GO) test -count=1 -timeout 9m -skip '^(TestPasswords|TestPasswordPrompt|TestNewcomersPath|TestDebianPackage|TestImage|TestClockJumps|TestBaresipPassword|TestHiddenCallsOfSipp|TestCallsAreBalanced|TestCallsFromTLSToUDP|TestCallsOverTCP|TestCallsFromUDPToTCP|TestDiskFull|TestBrowserCalls|TestRecordsAfterKill|TestRestartWithManyRows|TestCoturnClient|TestBrowsersCallThroughTURN|TestCallsOverTLS|TestPeersCallOverTLS|TestBrowserLeavesAndComesBack|TestCalledThroughTheNATOfAnother|TestRestartKeepsCalls|TestBaresipPresence|TestBaresipMWI|TestBlock|TestMessagesSurviveKills|TestTokensCannotBeMade|TestEndlessLoopIsStopped|TestSippPresence|TestCallsEndWithTheirMedia|TestRedisAway)$$' -json ./internal/interop || [ $$? -eq 1 ]; } | SIPSCRIPT_INTEROP=required SIPSCRIPT_INTEROP_BUILD=-race $(TALLY) -again '$(GO) test -timeout 5m'

# What a call costs: small benchmarks, fit for benchstat, in bin/bench.txt, and whole servers side by side.
bench: lua51 | bin
	$(GO) test -run '^$$' -bench . -benchmem -count 6 ./engine/... ./luabind ./modules/... | tee bin/bench.txt
	$(GO) run ./bench/macro
	$(GO) run ./bench/scale
	$(GO) run ./bench/lua
	$(GO) run ./bench/conns
	$(GO) run ./bench/conns -calls 2000 -only tcp,tls,wss
	$(GO) run ./bench/conns -handshakes
	$(GO) run ./bench/overload
	$(GO) build -o bin/load ./bench/load
	$(GO) run ./bench/pair -load bin/load -rate 1500 -seconds 1

# sipp comes from Debian's sip-tester, baresip from baresip-core, linphonec from linphone-cli, clients of TURN from coturn; installed where they are missing and we may.
phones:
	@command -v sipp >/dev/null || ./.ci/install sip-tester
	@command -v baresip >/dev/null || ./.ci/install baresip-core
	@command -v linphonec >/dev/null || ./.ci/install linphone-cli
	@command -v turnutils_uclient >/dev/null || ./.ci/install coturn
	@command -v nft >/dev/null || ./.ci/install nftables || true
	@command -v svmap >/dev/null || ./.ci/install sipvicious
	@command -v sipsak >/dev/null || ./.ci/install sipsak

# Pages call with JsSIP and SIP.js, and hep-js reads what is exported, in the versions that the lock file pins.
browsers: | bin
	@command -v chromium >/dev/null || ./.ci/install chromium
	@command -v npm >/dev/null || ./.ci/install npm
	@mkdir -p bin/.npm && cp internal/interop/testdata/browser/package*.json bin/.npm/
	@cd bin/.npm && npm ci --ignore-scripts --no-audit --no-fund --silent

# The stores are tested on servers of Redis, PostgreSQL and MariaDB that the tests start themselves. Where they can't be had these tests say that they
# were skipped; interop requires them.
redis:
	@command -v redis-server >/dev/null || ./.ci/install redis-server || true

# Reads captures of `sipscript explain --pcap`; where it can't be had the test says that it was skipped.
tshark:
	@command -v tshark >/dev/null || ./.ci/install tshark || true

postgres:
	@ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1 || command -v pg_ctl >/dev/null || ./.ci/install postgresql || true

mariadb:
	@command -v mariadbd >/dev/null || ./.ci/install mariadb-server || true

# Media is tested on a daemon in userspace that the tests start.
rtpengine:
	@command -v rtpengine >/dev/null || ./.ci/install rtpengine-daemon || true

# What scripts get of Lua 5.1 is compared with the real one.
lua51:
	@command -v lua5.1 >/dev/null || ./.ci/install lua5.1 || true

# Numbers are looked up in a real name server.
nsd:
	@PATH=$$PATH:/usr/sbin; command -v nsd >/dev/null || ./.ci/install nsd || true

# Alerts and dashboard are read by Prometheus' own tool.
promtool:
	@command -v promtool >/dev/null || ./.ci/install prometheus || true

# The shipped filter is tried with the program that reads it.
fail2ban:
	@command -v fail2ban-regex >/dev/null || ./.ci/install fail2ban || true

clean:
	@rm -f $(COUNTS)

bin:
	@mkdir -p bin

# Kamailio runs its own example script beside us.
.PHONY: kemi
kemi:
	@ls /usr/lib/*/kamailio/modules/app_lua.so /usr/lib/*/kamailio/modules/db_sqlite.so /usr/lib/*/kamailio/modules/db_mysql.so >/dev/null 2>&1 || ./.ci/install kamailio kamailio-lua-modules kamailio-sqlite-modules kamailio-mysql-modules

# Kamailio's module secsipid signs for us, and verifies what we sign.
.PHONY: kamailio
race: kamailio
kamailio:
	@ls /usr/lib/*/kamailio/modules/secsipid.so >/dev/null 2>&1 || ./.ci/install kamailio kamailio-secsipid-modules || true
