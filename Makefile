# The front door. Each target works from a fresh clone on a fresh machine: what is missing, `deps`
# fetches. Everything else is CMake: cmake --workflow --preset dev.

RESULTS := $(CURDIR)/build/results
FUZZ_SECONDS ?= 30
SOURCES = $(shell git ls-files --cached --others --exclude-standard -- 'src/*.[ch]' 'tests/*.[ch]' \
    'bench/*.[ch]' 'include/*.[ch]' ':!:*/corpus/*')

# ONNX Runtime is not instrumented; the suppression files say what that means for each sanitizer.
# allocator_may_return_null: tests ask for absurd sizes and want NULL, as malloc would answer.
ASAN_ENV = ASAN_OPTIONS=allocator_may_return_null=1:detect_stack_use_after_return=1:strict_string_checks=1 \
    LSAN_OPTIONS=suppressions=$(CURDIR)/tools/lsan.supp:print_suppressions=0 \
    UBSAN_OPTIONS=print_stacktrace=1
TSAN_ENV = TSAN_OPTIONS=suppressions=$(CURDIR)/tools/tsan.supp:halt_on_error=0:exitcode=66:second_deadlock_stack=1
# gcc 12's thread sanitizer gives up under a kernel with many bits of address randomisation.
FIXED_ADDRESSES = $(shell setarch $$(uname -m) -R true 2>/dev/null && echo setarch $$(uname -m) -R)

.NOTPARALLEL: # each step is parallel inside
.DEFAULT_GOAL := help

$(RESULTS):
	@mkdir -p $@

.PHONY: help
help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
	    while IFS='|' read -r name what; do printf '  make %-11s %s\n' "$$name" "$$what"; done

.PHONY: demo
demo: deps ## the main job: a real model, in pieces, checked against the whole (about a minute)
	cmake --preset release
	cmake --build --preset release --target fanfold fanfold-function
	tools/demo

.PHONY: check
check: gates headers test test-asan ## the gates, every test, and the unit tests under asan (under 10 minutes)

.PHONY: check-more
check-more: test-tsan fuzz more ## threads under tsan, the fuzz targets, full-size models, the portability run

.PHONY: gates
gates: deps
	tools/layers --self-test && tools/layers
	tools/style --self-test && tools/style

.PHONY: dev
dev: deps
	cmake --preset dev
	cmake --build --preset dev

.PHONY: headers
headers: dev
	tools/headers build/dev

.PHONY: test
test: dev | $(RESULTS)
	ctest --preset dev --output-junit $(RESULTS)/dev.xml

.PHONY: test-asan
test-asan: deps | $(RESULTS)
	cmake --preset asan
	cmake --build --preset asan
	$(ASAN_ENV) ctest --preset asan -LE '^(e2e|cli|conform)$$' --output-junit $(RESULTS)/asan.xml

.PHONY: test-tsan
test-tsan: deps | $(RESULTS)
	cmake --preset tsan
	cmake --build --preset tsan
	$(TSAN_ENV) $(FIXED_ADDRESSES) ctest --preset tsan \
	    -L '^(net|store|local|share|function|engine|base)$$' --output-junit $(RESULTS)/tsan.xml

.PHONY: fuzz
fuzz: deps | $(RESULTS)
	cmake --preset fuzz
	cmake --build --preset fuzz
	$(ASAN_ENV) tools/fuzz build/fuzz $(FUZZ_SECONDS) $(RESULTS)/fuzz.txt

.PHONY: release
release: deps
	cmake --preset release
	cmake --build --preset release

.PHONY: more
more: release | $(RESULTS)
	tools/run-scripts tests/more build/release $(RESULTS)/more.txt 20

.PHONY: bench
bench: release | $(RESULTS) ## the benchmarks whose results docs/benchmarks.md quotes (bench/*.sh)
	tools/run-scripts bench build/release $(RESULTS)/bench.txt 120

.PHONY: deps
deps: ## install what is missing (root or sudo) and fill third_party/
	@tools/deps

.PHONY: format
format: deps ## lay out every source file as .clang-format says
	clang-format -i $(SOURCES)

.PHONY: lint
lint: dev ## clang-tidy over src/
	run-clang-tidy -quiet -p build/dev -extra-arg=-Wno-unknown-warning-option \
	    '$(CURDIR)/src/.*\.c$$'

.PHONY: clean
clean: ## remove what was built (third_party/ stays)
	rm -rf build demo-out
