# lanyard: `make help` lists the targets. V=1 shows the commands; CC=clang B=build-clang builds in another folder.
VERSION   := 0.1.0
CC        ?= cc
B         ?= build
PREFIX    ?= /usr/local
DESTDIR   ?=
SAN       ?=

# For who works on it: a compiler of tomorrow warns of more, and must not keep anybody from building a release.
WERROR    ?= $(if $(wildcard .git),-Werror)
PKGS      := libuv avahi-client avahi-core openssl libzstd sqlite3 libprotobuf-c libmicrohttpd jansson libcurl inih libacl libqrencode
WARN      := -Wall -Wextra $(WERROR) -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
             -Wcast-qual -Wwrite-strings -Wundef -Wformat=2 -Wvla
HARDEN    := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
ifeq ($(SAN),)
OPT       ?= -O2 -g
else
# Line numbers are all that a report shows.
OPT       ?= -O1 -g1
endif
CPPFLAGS  += -I. -I$(B)/gen -D_GNU_SOURCE -DLANYARD_VERSION='"$(VERSION)"'
CFLAGS    += -std=gnu11 $(OPT) $(WARN) $(HARDEN) -pthread
LDFLAGS   += -pie -Wl,-z,relro,-z,now -pthread

ifneq ($(SAN),)
CFLAGS    += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer -U_FORTIFY_SOURCE
LDFLAGS   += -fsanitize=$(SAN)
endif

# pkg-config runs once, and only when something is built, so `make help` and `make clean` work on a bare machine.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS); $(WIDE)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)

# Files and times have 64 bits on a 32-bit machine too. Where its compiler sees to that, its libraries have such times as well.
WIDE       = echo | $(CC) -dM -E - | awk '/ __LP64__ | _TIME_BITS / { wide = 1 } \
             END { if (!wide) print "-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -DLANYARD_WIDE_TIME" }'

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-5s %s\n'
endif

PROTO     := sync/wire/lanyard.proto
GEN_C     := $(B)/gen/sync/wire/lanyard.pb-c.c
GEN_H     := $(B)/gen/sync/wire/lanyard.pb-c.h

LIB_SRC   := $(filter-out agent/cli/%,$(wildcard base/*.c discovery/*.c sync/*/*.c agent/*.c agent/*/*.c))
LIB_SRC   := $(filter-out agent/lanyardd.c,$(LIB_SRC))
CLI_SRC   := $(wildcard agent/cli/*.c)
WEB_C     := $(B)/gen/agent/api/web_files.c
LIB_OBJ   := $(LIB_SRC:%.c=$(B)/%.o) $(B)/gen/sync/wire/lanyard.pb-c.o $(WEB_C:.c=.o)
CLI_OBJ   := $(CLI_SRC:%.c=$(B)/%.o)
UNIT_SRC  := $(wildcard tests/unit/test_*.c)
UNIT_BIN  := $(UNIT_SRC:%.c=$(B)/%)
UNIT_HELP := $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c))
FUZZ_SRC  := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN  := $(FUZZ_SRC:%.c=$(B)/%)

ALL_SRC   := $(wildcard base/*.c discovery/*.c sync/*/*.c agent/*.c agent/*/*.c tests/unit/*.c tests/fuzz/*.c tests/fault/*.c tests/lab/*.c tests/sim/*.c)
ALL_HDR   := $(wildcard base/*.h discovery/*.h sync/*/*.h agent/*.h agent/*/*.h tests/unit/*.h tests/fuzz/*.h tests/fault/*.h tests/sim/*.h)

.PHONY: all prometheus-test run check quick steps check-scripts check-format tidy compdb sim mutants help install manuals deb dist deb-test image image-test clean lab lab-bin fault-lib fault-test power-test races storms oracle lab-test lab-asan hostile built unit unit-built asan-unit tsan-unit fuzz fuzz-run fuzz-replay lint format bench file-bench crowd-bench index-bench link-bench chunk-bench seal-bench vault-bench guess-bench sha256-bench arm-test cross musl vm-test web-test page-test
all: $(B)/lanyardd $(B)/lanyard ## build lanyardd and lanyard into build/ (the default)

run: ## install what is missing, build, and share ./share in a new group (JOIN=name asks to join one, INVITE=token joins one)
	@exec env B='$(B)' scripts/run

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 16

$(B)/lanyardd: $(B)/agent/lanyardd.o $(B)/liblanyard.a
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(B)/lanyard: $(CLI_OBJ) $(B)/liblanyard.a
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(B)/liblanyard.a: $(LIB_OBJ)
	$(say) AR $@
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

$(GEN_C) $(GEN_H) &: $(PROTO)
	$(say) GEN $(GEN_H)
	@mkdir -p $(B)/gen
	$(Q)protoc-c --c_out=$(B)/gen $(PROTO)

# The page and the description of the API are in the program; a file that went away counts, too.
$(WEB_C): $(wildcard agent/web/*) agent/web agent/api/openapi.json scripts/embed-web
	$(say) GEN $@
	@mkdir -p $(@D)
	$(Q)scripts/embed-web agent/web agent/api/openapi.json > $@.new && mv $@.new $@

$(B)/gen/%.o: $(B)/gen/%.c
	$(say) CC $@
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -Werror,$(CFLAGS)) -w $(PKG_CFLAGS) -c -o $@ $<

$(B)/%.o: %.c | $(GEN_H)
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

# Where everything is watched, these took most of the time: they read each byte of each file, and nothing but what they are
# given. So they are optimized all the same, and threads are watched in those who call them.
ifneq ($(SAN),)
$(B)/base/sha256_%.o $(B)/sync/hash/chunk_%.o: CFLAGS += -O2 $(if $(filter thread,$(SAN)),-fno-sanitize=thread)
endif

# See tests/unit/effort.h.
$(B)/tests/unit/%: private CPPFLAGS += $(if $(findstring qemu,$(RUN)),-DLANYARD_EMULATED)

# A unit test links against the library and the helpers that several tests share; unused objects are not pulled in.
$(B)/tests/unit/libhelp.a: $(UNIT_HELP:%.c=$(B)/%.o)
	$(say) AR $@
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

$(B)/tests/unit/%: tests/unit/%.c $(B)/tests/unit/libhelp.a $(B)/liblanyard.a
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) -MMD -MP $(LDFLAGS) $(UNIT_LDFLAGS) -o $@ $< $(filter %.o,$^) \
		$(B)/tests/unit/libhelp.a $(B)/liblanyard.a $(PKG_LIBS) -lcmocka -lm

# The command is not in the library: what a test needs of it is named.
$(B)/tests/unit/test_names: $(B)/agent/cli/names.o
$(B)/tests/unit/test_meant: $(B)/agent/cli/meant.o

# The simulator's own loop, workers, clock, hashing speed, wire and watch replace the library's: the linker takes from an archive only
# what is still missing.
SIM_SRC   := $(wildcard tests/sim/*.c)
$(B)/tests/sim/sim: $(SIM_SRC:%.c=$(B)/%.o) $(B)/liblanyard.a
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

SEEDS ?= 400
sim: $(B)/tests/sim/sim ## run whole agents in one process and virtual time, from SEEDS seeds (400); build/tests/sim/sim --seed N replays
	@! nm -u $< | grep -E ' (clock_gettime|gettimeofday|time|getrandom|random|rand)(@|$$)' || { echo "sim: what differs between two runs of a seed"; false; }
	@$< --list tests/sim/seeds --seeds $(SEEDS) $(if $(filter 400,$(SEEDS)),--lacks-nothing)

mutants: $(B)/tests/sim/sim ## break the product on purpose, edit by edit, and see whether the simulator notices (SEEDS=400 for each)
	@LANYARD_BUILD=$(B) tests/sim/mutants.py --seeds $(SEEDS)

# What the stages of `check` run, on all processors.
built: ## compile all programs and tests
	+$(Q)$(MAKE) --no-print-directory -j $$(nproc) all unit-built $(FUZZ_BIN) $(B)/tests/sim/sim lab-bin

unit-built: $(UNIT_BIN)

# More at a time than there are processors, since most of the time they wait, and those of vaults first, which wait longest.
# What one says comes whole, when it has ended.
unit: $(UNIT_BIN) ## build and run the unit tests
	@printf '%s\n' $(UNIT_BIN) | sort -r | xargs -P $$(($$(nproc) * 3)) -n 1 sh -c 'said=$$(timeout 900 $(RUN) "$$0" 2>&1); status=$$?; \
		[ $$status -ne 124 ] || said="$$said\n$$0: did not end"; printf "== %s\n%b\n" "$$0" "$$said"; exit $$status'

# A fuzz target defines LLVMFuzzerTestOneInput. Built with replay_main.c it runs once over its corpus, with any compiler;
# as %-fuzzer, with clang's libFuzzer, it goes looking for more.
$(B)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/replay_main.c $(B)/liblanyard.a
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $< tests/fuzz/replay_main.c $(B)/liblanyard.a $(PKG_LIBS)

fuzz-replay: $(FUZZ_BIN) ## run every fuzz target once over its corpus
	@set -e; for f in $(FUZZ_BIN); do n=$${f##*/fuzz_}; echo "== $$f"; $$f tests/fuzz/corpus/$$n; done

$(B)/tests/fuzz/%-fuzzer: tests/fuzz/%.c $(B)/liblanyard.a
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) -MMD -MP $(LDFLAGS) -fsanitize=fuzzer -o $@ $< $(B)/liblanyard.a $(PKG_LIBS)

$(B)/tests/bench/%_bench: tests/bench/%_bench.c $(B)/liblanyard.a
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $< $(B)/liblanyard.a $(PKG_LIBS) -lm

# It plays members as the unit tests do.
$(B)/tests/bench/vault_bench: tests/bench/vault_bench.c $(B)/tests/unit/libhelp.a $(B)/liblanyard.a
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $< $(B)/tests/unit/libhelp.a $(B)/liblanyard.a \
		$(PKG_LIBS) -lcmocka -lm

INDEX_ROWS ?= 50000
index-bench: $(B)/tests/bench/index_bench ## measure rows per second through the index (INDEX_ROWS, 50000)
	@$< $(INDEX_ROWS)

link-bench: $(B)/tests/bench/link_bench ## measure bytes per second through one TLS link on loopback, by size of frame
	@for n in 65536 262144 1048576 4194304; do echo "$$n"; $< $$n; echo "$$n, sealed"; $< $$n $$((4294967296 / n)) 4194304 sealed; done

chunk-bench: $(B)/tests/bench/chunk_bench ## measure how many bytes per second are cut, by instruction set and kind of data
	@$<

seal-bench: $(B)/tests/bench/seal_bench $(B)/tests/bench/core_bench ## measure what cutting, sealing, opening and endorsing cost in a sealed group
	@set -e; for b in $^; do $$b; done

vault-bench: $(B)/tests/bench/vault_bench ## measure what a vault costs per row and per object (ROWS=200000)
	@$< $(or $(ROWS),200000)

guess-bench: $(B)/tests/bench/guess_bench ## measure how often known files, those of /usr, are told by the sizes of their sealed blocks
	@find /usr -xdev -type f -size +1M -size -8M -print0 | sort -z | head -z -n 500 | xargs -0 $<

sha256-bench: $(B)/tests/bench/sha256_bench ## measure SHA-256 on each path of this machine, and by the number of blocks at hand
	@for n in 4096 65536 1048576; do $< $$n; done

# Debian: gcc-aarch64-linux-gnu and qemu-user-static.
ARM_CC    ?= aarch64-linux-gnu-gcc
ARM_RUN   ?= qemu-aarch64-static
ARM_SRC   := tests/arm/sha256_kernels.c $(filter-out base/sha256.c,$(wildcard base/sha256*.c)) base/cpu.c
arm-test: ## prove the SHA-256 kernels and the search for cuts of 64-bit ARM in an emulator
	@mkdir -p $(B)/tests/arm
	$(Q)$(ARM_CC) -I. -D_GNU_SOURCE -std=gnu11 $(OPT) $(WARN) -static -pthread -o $(B)/tests/arm/sha256_kernels $(ARM_SRC)
	$(Q)$(ARM_RUN) $(B)/tests/arm/sha256_kernels neon armv8 'armv8 two'
	$(Q)$(ARM_CC) -I. -D_GNU_SOURCE -std=gnu11 $(OPT) $(WARN) -static -pthread -o $(B)/tests/arm/chunk_paths \
		tests/arm/chunk_paths.c tests/unit/noise.c sync/hash/chunk_find.c sync/hash/chunk_neon.c base/mem.c
	$(Q)$(ARM_RUN) $(B)/tests/arm/chunk_paths

ARCH      ?= arm64
cross: ## build for another machine (ARCH=arm64, armhf or i386) into build-ARCH, and run its unit tests, in an emulator if need be
	$(Q)scripts/setup --cross
	+$(Q)scripts/cross $(ARCH) build-$(ARCH) all unit

# Whatever is not musl's is taken from this machine: the headers of libraries and of the kernel.
musl: $(GEN_H) ## compile all of the product against musl's headers (Debian: musl-tools), and run unit tests of what needs no library
	$(Q)printf '%s\n' $(LIB_SRC) $(CLI_SRC) agent/lanyardd.c | xargs -P $$(nproc) -n 8 musl-gcc -fsyntax-only $(CPPFLAGS) \
		-std=gnu11 -O1 $(WARN) -idirafter /usr/include -idirafter /usr/include/$$($(CC) -print-multiarch)
	$(Q)tests/musl/run '$(B)'

FUZZ_SECONDS ?= 10
fuzz: ## search each decoder for FUZZ_SECONDS (10) with libFuzzer; findings stay in build-fuzz/
	+$(Q)$(MAKE) CC=clang B=build-fuzz SAN=fuzzer-no-link,address,undefined fuzz-run

fuzz-run: $(FUZZ_BIN:%=%-fuzzer)
	@set -e; for f in $^; do n=$${f##*/fuzz_}; n=$${n%-fuzzer}; mkdir -p $(B)/found/$$n; \
		ASAN_OPTIONS=quarantine_size_mb=64 $$f -max_total_time=$(FUZZ_SECONDS) -timeout=5 -rss_limit_mb=512 -verbosity=0 -print_final_stats=1 \
			-artifact_prefix=$(B)/found/$$n- $(B)/found/$$n tests/fuzz/corpus/$$n > $(B)/found/$$n.log 2>&1 || \
			{ cat $(B)/found/$$n.log; exit 1; }; \
		sed -n "s/^stat::number_of_executed_units: /$$n: runs: /p" $(B)/found/$$n.log; done

asan-unit: ## run the unit tests and the fuzz corpus under AddressSanitizer and UBSan
	+$(Q)$(MAKE) B=build-asan SAN=address,undefined built
	+$(Q)$(MAKE) B=build-asan SAN=address,undefined unit fuzz-replay

# A program that cannot make a thread has no races to find, which is more than half of them.
tsan-unit: unit-built ## run the unit tests that have threads under ThreadSanitizer
	+$(Q)threaded=$$(for t in $(UNIT_BIN); do \
			nm -u $$t | grep -q ' pthread_create' && printf 'build-tsan%s ' "$${t#$(B)}"; done); \
		[ -n "$$threaded" ] && \
		$(MAKE) -j $$(nproc) B=build-tsan SAN=thread UNIT_BIN="$$threaded" unit-built && \
		TSAN_OPTIONS=die_after_fork=0 $(MAKE) B=build-tsan SAN=thread UNIT_BIN="$$threaded" unit

PYTEST    := /usr/bin/python3 -m pytest
LANES     ?= 2
# Programs that tests of the lab run beside the agent.
LAB_BIN   := $(patsubst %.c,$(B)/%,$(wildcard tests/lab/*.c))
$(B)/tests/lab/%: tests/lab/%.c $(B)/liblanyard.a
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $< $(B)/liblanyard.a $(PKG_LIBS)

lab-bin: $(LAB_BIN)

SIDE_BY_SIDE = scripts/lanes $(LANES) $(PYTEST)
lab-test: all lab-bin ## run the tests on several hosts (network namespaces); needs root or user namespaces (LANES=2: processes; QUICK=1: those that lab-asan leaves out)
	$(Q)LANYARD_BUILD=$(B) $(SIDE_BY_SIDE) tests/lab $(if $(QUICK),-m "slow or plain")

# None of these looks at times or loads, as those of plain builds do.
lab-asan: LANES = 3
lab-asan: ## run them under AddressSanitizer and UBSan, without those that are slow, or that say more of a plain build
	+$(Q)$(MAKE) -j $$(nproc) B=build-asan SAN=address,undefined all lab-bin
	$(Q)LANYARD_BUILD=build-asan LANYARD_LAB_FACTOR=3 $(SIDE_BY_SIDE) tests/lab -m "not slow and not plain"

web-test: all ## install a browser, and run the tests of the page in it; pictures are in build/web-pictures
	$(Q)scripts/setup --test --web
	+$(Q)LANYARD_AXE=$${LANYARD_AXE:-$$(tests/web/axe '$(B)')} $(MAKE) --no-print-directory page-test

page-test: all
	$(Q)if command -v chromedriver >/dev/null; then LANYARD_BUILD=$(B) $(SIDE_BY_SIDE) tests/web; \
		else echo "page-test: SKIPPED: no chromedriver, which scripts/setup --web installs where Debian has it"; fi

hostile: all ## run a malicious peer, attack by attack, and measure what each costs its victim (QUICK=1: the subset of `make check`)
	$(Q)LANYARD_BUILD=$(B) $(if $(QUICK),$(SIDE_BY_SIDE),$(PYTEST)) tests/hostile $(if $(QUICK),-m "not slow")

# A library that counts the agent's calls, and at any one of them kills it, lets the call fail or swaps files; a library
# whose syncs do nothing; a disk that loses what was not flushed, and one that stores less of a file than ours do; and what
# lets a program run as on an older kernel.
FAULT_LIB := $(B)/tests/fault/preload.so $(B)/tests/fault/nosync.so $(B)/tests/fault/volatile_disk $(B)/tests/fault/lossy_disk \
	     $(B)/tests/fault/without
$(B)/tests/fault/preload.so: tests/fault/point.c tests/fault/point.h tests/fault/swap.c tests/fault/swap.h
$(B)/tests/fault/%.so: tests/fault/%.c
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -I. -O2 -g $(WARN) -fPIC -shared -o $@ $(filter %.c,$^)

$(B)/tests/fault/%_disk: tests/fault/%_disk.c
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARN) -o $@ $< -lfuse3

$(B)/tests/fault/without: tests/fault/without.c
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARN) -o $@ $<

fault-lib: $(FAULT_LIB)

fault-test: all fault-lib unit-built ## kill the real agent, or let its calls fail, at points all over its work (FAULT=all: at every point; FULL=300)
	$(Q)LANYARD_BUILD=$(B) LANYARD_FAULT=$(FAULT) LANYARD_FULL=$(FULL) $(SIDE_BY_SIDE) tests/fault

power-test: all fault-lib ## cut the power of disks that lose what was not flushed (SECONDS=600 SEED=1)
	$(Q)LANYARD_BUILD=$(B) LANYARD_POWER_SECONDS=$(SECONDS) LANYARD_POWER_SEED=$(SEED) $(PYTEST) tests/fault/test_power.py

ON ?= lanyard
races: all fault-lib ## swap files that the agent is about to touch for symlinks and mounts (TRIES=10000 of each random sort)
	$(Q)LANYARD_BUILD=$(B) LANYARD_FAULT=all LANYARD_RACES=$(TRIES) $(PYTEST) tests/fault/test_races.py -k "not where_a_call_goes"

storms: all ## create, rename and delete files as fast as the disk allows (OPERATIONS=1000000)
	$(Q)LANYARD_BUILD=$(B) LANYARD_FAULT=all LANYARD_STORM=$(OPERATIONS) $(PYTEST) tests/fault/test_storms.py

oracle: all ## random user actions, kills and cut cables on 3 to 5 agents; every observation must be explained (SECONDS=600 SEED=1 ON=on-demand, vault or syncthing)
	$(Q)$(if $(filter syncthing,$(ON)),scripts/setup --bench)
	$(Q)LANYARD_BUILD=$(B) tests/oracle/run.py --on $(ON) --seconds $(or $(SECONDS),60) --seed $(or $(SEED),1) \
		$(if $(filter syncthing,$(ON)),--go-on)

lab: all ## open a network of hosts with agents, and a shell to experiment in
	$(Q)LANYARD_BUILD=$(B) tests/lab/lab

# With a PATH of nothing but what scripts/setup installs: a test that needs more fails on every machine, not only on an
# empty one. Each test of the lab runs once: under sanitizers, where it proves the same and more, or else plain. A stage
# that fails does not hide what the others have to say.
check: ## install what the tests need, and run all of them
	$(Q)scripts/setup --test --web
	$(Q)scripts/bare-path '$(B)/bare-path' --test --web
	+$(Q)LANYARD_AXE=$${LANYARD_AXE:-$$(tests/web/axe '$(B)')} PATH="$$(cd '$(B)/bare-path' && pwd)" MAKE='$(MAKE)' scripts/stages -k \
		lint built 'unit fuzz-replay sim' asan-unit tsan-unit 'lab-test QUICK=1' 'hostile QUICK=1' fault-test page-test prometheus-test lab-asan

# The inner loop: what a change breaks most often, soonest first. `make check` is what proves it.
quick: ## lint what changed, the unit tests, some runs of the simulator and the main lab test, in three minutes
	+$(Q)MAKE='$(MAKE)' scripts/stages 'check-scripts check-format' all unit 'sim SEEDS=60' steps tidy

steps: all
	$(Q)LANYARD_BUILD=$(B) $(PYTEST) tests/lab/test_steps.py

# Debian's package starts a service when it is installed; here its promtool alone is unpacked.
PROMTOOL  := $(B)/prometheus
$(PROMTOOL)/promtool:
	@mkdir -p $(PROMTOOL)
	$(Q)cd $(PROMTOOL) && apt-get download -q prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb | \
		tar -x --strip-components=3 ./usr/bin/promtool && rm prometheus_*.deb

prometheus-test: all $(PROMTOOL)/promtool ## a real scrape, the alerts, the dashboard and the scrape configuration with Prometheus' own promtool
	$(Q)PATH="$(CURDIR)/$(PROMTOOL):$$PATH" LANYARD_BUILD=$(B) $(PYTEST) tests/lab/test_metrics.py

lint: check-scripts check-format tidy ## formatting, clang-tidy, cppcheck, arrows, names, words, units and other scripts

check-scripts:
	$(Q)scripts/check-arrows --self-test
	$(Q)scripts/check-arrows
	$(Q)scripts/check-api --self-test
	$(Q)scripts/check-api
	$(Q)scripts/openapi --check
	$(Q)scripts/check-names --self-test
	$(Q)scripts/check-names
	$(Q)scripts/check-words --self-test
	$(Q)scripts/check-words
	$(Q)scripts/check-units
	$(Q)scripts/check-web --self-test
	$(Q)scripts/check-web
	$(Q)scripts/check-shells
	$(Q)tests/sim/mutants.py --check
	@# Seconds depend on the machine and on what else it does: a test counts steps, or waits with patience.
	@! grep -rnE '(clock|clock_mono_ns|time)\((NULL)?\) - [a-z_]+ <' tests/unit tests/fuzz tests/sim

check-format:
	$(Q)clang-format --dry-run -Werror $(ALL_SRC) $(ALL_HDR)
	@# Comments it leaves alone; strings are not broken.
	$(Q)awk '{ line = $$0; gsub(/\t/, "        ", line) } length(line) > 120 && !/"/ { print FILENAME ":" FNR ": over 120 columns"; wide = 1 } \
		END { exit wide }' $(ALL_SRC) $(ALL_HDR)

# A file that passed is checked again when it or a header that it includes has changed, which its object file tells. One file per
# run: clang-tidy 14 carries state of its va_list check from one file into the next.
TIDY      := $(ALL_SRC:%.c=$(B)/tidy/%.ok)
# How far the analyzer follows a function's paths, in steps; it is nearly all of the time that clang-tidy takes, which is in
# proportion. Its own bound is 225,000. What tests do, the sanitizers see.
TIDY_STEPS ?= 50000
TIDY_DEEP  = -Xclang -analyzer-config -Xclang max-nodes=$(TIDY_STEPS)
tidy: $(B)/tidy/cppcheck.ok
	+$(Q)$(MAKE) --no-print-directory -j $$(nproc) $(TIDY)

$(B)/tidy/%.ok: %.c .clang-tidy $(GEN_H)
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet $(if $(filter tests/%,$<),--checks=-clang-analyzer-*) $< -- $(CPPFLAGS) -std=gnu11 $(PKG_CFLAGS) $(TIDY_DEEP) 2>&1 | \
		{ ! grep -v "warnings\? \(generated\|treated as errors\)\.\?$$"; }
	$(Q)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) -MM -MP -MT $@ -MF $(@:.ok=.d) $<
	@touch $@

$(B)/tidy/cppcheck.ok: $(ALL_SRC) $(ALL_HDR) scripts/cppcheck.cfg
	@mkdir -p $(@D)
	$(Q)cppcheck --quiet -j $$(nproc) --std=c11 --enable=warning,performance,portability --inline-suppr \
		--library=gnu --library=posix --library=scripts/cppcheck.cfg --suppress=missingIncludeSystem --suppress=readdirCalled \
		--error-exitcode=1 -I. -D_GNU_SOURCE $(ALL_SRC)
	@touch $@

format: ## reformat all sources as lint requires
	$(Q)clang-format -i $(ALL_SRC) $(ALL_HDR)

compdb: $(GEN_H) ## write compile_commands.json, for clangd and other tools
	$(Q)printf '%s\n' $(ALL_SRC) | python3 -c 'import json, os, sys; json.dump([{"directory": os.getcwd(), "file": f.strip(), \
		"command": " ".join(sys.argv[1:]) + " -c " + f.strip()} for f in sys.stdin], sys.stdout, indent=1)' \
		'$(CC)' '$(subst ','\'',$(CPPFLAGS)) $(CFLAGS) $(PKG_CFLAGS)' > compile_commands.json

SCALE ?= full
bench: all ## compare with rsync, Syncthing and Unison (SCALE=small: a smoke run); see docs/performance.md
	$(Q)scripts/setup --bench
	$(Q)tests/bench/run.py --scale $(SCALE) $(if $(ONLY),--only $(ONLY)) $(if $(PEERS),--peers $(PEERS)) \
		$(if $(REPEAT),--repeat $(REPEAT))

file-bench: all ## measure what one small file costs, by how many there are (FILES=20000,1000000); see docs/performance.md
	$(Q)LANYARD_BUILD=$(B) LANYARD_LAB_DIR=$(or $(LANYARD_LAB_DIR),/dev/shm) tests/bench/per_file.py --files $(or $(FILES),20000,1000000)

crowd-bench: all ## measure what a large group costs (N=100 agents); see docs/performance.md
	$(Q)LANYARD_BUILD=$(B) tests/bench/crowd.py $(or $(N),100)

vm-test: ## test the installed service on three virtual machines (HOSTS=netns: quicker; SCENARIO="left power"); see vm-test/README.md
	$(Q)scripts/setup $(if $(filter netns,$(HOSTS)),--test,--vm-test)
	+$(Q)$(MAKE) all
	+$(Q)B='$(B)' LANYARD_BUILD='$(B)' vm-test/run $(if $(HOSTS),--hosts $(HOSTS)) $(if $(BIG_MB),--big-mb $(BIG_MB)) \
		$(if $(MANY),--many $(MANY)) $(SCENARIO)

# Files for the system besides the two programs. The package sets UNITDIR and ZSHDIR as Debian requires.
SYSCONFDIR ?= /etc
UNITDIR    ?= $(PREFIX)/lib/systemd/system
ZSHDIR     ?= $(PREFIX)/share/zsh/site-functions
MANUALS    := $(wildcard docs/man/*.[1-8]) $(B)/man/lanyard-protocol.7
UNITS      := $(UNITDIR)/lanyardd.service $(UNITDIR)/lanyardd@.service $(PREFIX)/lib/systemd/user/lanyardd.service

$(B)/man/lanyard-protocol.7: docs/protocol.md scripts/man-from-md
	$(say) GEN $@
	@mkdir -p $(@D)
	$(Q)scripts/man-from-md lanyard-protocol 7 'how two agents that share a folder communicate' < $< > $@

manuals: $(MANUALS)

# $(call put,FILE,PATH,MODE): installs one file below DESTDIR.
put = $(Q)install -D -m $(or $(3),644) $(1) '$(DESTDIR)$(2)'

install: all manuals ## install under PREFIX (default /usr/local), below DESTDIR if set
	$(call put,$(B)/lanyardd,$(PREFIX)/bin/lanyardd,755)
	$(call put,$(B)/lanyard,$(PREFIX)/bin/lanyard,755)
	$(Q)set -e; for m in $(MANUALS); do \
		install -D -m 644 $$m "$(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}"; done
	$(Q)set -e; for u in $(UNITS); do case $$u in */user/*) from=lanyardd-user.service ;; *) from=$${u##*/} ;; esac; \
		install -d "$(DESTDIR)$${u%/*}"; \
		sed 's,@bindir@,$(PREFIX)/bin,' packaging/systemd/$$from.in > "$(DESTDIR)$$u"; chmod 644 "$(DESTDIR)$$u"; done
	$(call put,packaging/sysusers.conf,$(PREFIX)/lib/sysusers.d/lanyard.conf)
	$(call put,packaging/tmpfiles.conf,$(PREFIX)/lib/tmpfiles.d/lanyard.conf)
	$(call put,packaging/sysctl.conf,$(PREFIX)/share/doc/lanyard/examples/sysctl.conf)
	$(call put,packaging/apparmor/lanyardd,$(PREFIX)/share/doc/lanyard/examples/apparmor)
	$(call put,packaging/completion/lanyard.bash,$(PREFIX)/share/bash-completion/completions/lanyard)
	$(call put,packaging/completion/_lanyard,$(ZSHDIR)/_lanyard)
	$(call put,packaging/completion/lanyard.fish,$(PREFIX)/share/fish/vendor_completions.d/lanyard.fish)
	$(call put,packaging/firewall/firewalld-lanyard.xml,$(PREFIX)/lib/firewalld/services/lanyard.xml)
	$(call put,packaging/firewall/ufw-lanyard,$(SYSCONFDIR)/ufw/applications.d/lanyard)
	@# The admin's own settings are never overwritten.
	$(Q)[ -e '$(DESTDIR)$(SYSCONFDIR)/lanyard/lanyard.conf' ] || \
		install -D -m 644 packaging/lanyard.conf '$(DESTDIR)$(SYSCONFDIR)/lanyard/lanyard.conf'

deb: ## build the Debian package build/lanyard_VERSION_ARCH.deb
	$(Q)scripts/setup --deb
	$(Q)scripts/make-deb '$(B)' '$(VERSION)'

dist: ## build the release tarball of the commit, build/lanyard-VERSION.tar.xz
	$(Q)scripts/make-dist '$(B)' '$(VERSION)'

deb-test: deb dist ## install, upgrade, remove and purge the package in a booted Debian (systemd-nspawn; root); try the tarball
	$(Q)tests/package/dist $(B)/lanyard-$(VERSION).tar.xz $(B)/lanyard_$(VERSION)_$$(dpkg --print-architecture).deb
	$(Q)tests/package/run $(B)/lanyard_$(VERSION)_$$(dpkg --print-architecture).deb

# ARCH is cross's as well, which has a default.
image: ## build a container image, build/lanyard-VERSION-ARCH.image.tar, for podman and docker (ARCH=arm64, armhf, i386: for another machine)
	$(Q)scripts/setup --image
	+$(Q)own=$$(dpkg --print-architecture); arch=$(if $(filter file,$(origin ARCH)),$$own,$(ARCH)); build='$(B)'; \
		if [ "$$arch" = "$$own" ]; then $(MAKE) all; \
		else build=build-$$arch; scripts/setup --cross && scripts/cross "$$arch" "$$build" all; fi && \
		scripts/make-image "$$build" '$(VERSION)' "$$arch"

image-test: image ## run two agents from the image, with podman where there is one that works; as root
	$(Q)tests/image/run $(B)/lanyard-$(VERSION)-$$(dpkg --print-architecture).image.tar

clean: ## remove everything that was built
	rm -rf build build-*

# Programs of the set-up may end in .d too.
-include $(filter-out $(B)/bare-path/%,$(wildcard $(B)/*/*.d $(B)/*/*/*.d $(B)/*/*/*/*.d))
