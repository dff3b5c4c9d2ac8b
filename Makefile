# Everything a contributor runs. "make run" needs Go and make alone; "make test" installs the rest.
GO          ?= go
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
STATICCHECK := $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := $(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0
FUZZTIME    ?= 30s
# The race detector needs a C compiler; e2e, interop, bench and faults drive real processes and go without it.
RACED       := $(shell $(GO) list ./... 2>/dev/null | grep -v -e /e2e -e /interop -e /bench -e /faults)

.PHONY: setup run build generate check test fuzz mutants bench faults vuln screenshots

run: build ## start the demo
	bin/usher demo

build: ## the released binary: static, stripped
	@echo "building bin/usher"
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/usher ./cmd/usher

generate: ## bundle the browser library into js/dist
	$(GO) generate ./js

setup: ## install what the tests need, on Debian and Ubuntu; elsewhere say what is missing
	@scripts/setup-test.sh

check: setup ## the quick part: formatting, vet, staticcheck, types, references of the documents, quick tests
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	$(STATICCHECK) ./...
	$(GO) run ./scripts/specs
	npm --prefix js test --silent
	npm --prefix e2e run --silent check
	npm --prefix interop run --silent check
	npm --prefix examples/angular-spa run --silent check
	npm --prefix examples/react-spa run --silent check
	$(GO) test ./internal/oauth ./internal/web ./internal/archtest ./internal/token ./js/...

test: check ## all of it; installs what it needs on Debian and Ubuntu
	$(GO) test -race -timeout 20m $(RACED)
	$(GO) test ./internal/server -two-nodes
	$(GO) test -count=1 ./interop
	$(GO) test ./faults
	$(GO) run ./faults
	$(MAKE) --no-print-directory fuzz FUZZTIME=3s
	npm --prefix e2e test --silent

fuzz: ## each fuzz target for FUZZTIME
	scripts/fuzz.sh $(FUZZTIME)

mutants: ## take each guard out and expect its test to fail
	$(GO) run ./scripts/mutants

faults: setup ## faults under load in the long form, see faults/README.md
	$(GO) run ./faults -long

bench: ## against the floor, see bench/README.md
	$(GO) run ./bench

vuln: ## known vulnerabilities; needs the network
	$(GOVULNCHECK) ./...

screenshots: ## the pages as pictures, in e2e/screenshots and docs
	npm --prefix e2e run screenshots
