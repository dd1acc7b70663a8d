# Copyright (C) Evolu Auth Authors
#
# "make help" lists the targets.  Each of them sets up what it needs.

BUILD ?= build
export BUILD

unexport LIBRARY_PATH

.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := build


# Commands are shown in short, or whole with V=1.

Q := $(if $(V),,@)
SAY := @$(if $(V),:,echo) " "


# What there is

# of the two kinds of SHA-256 the module alone may take the other one

CORE_SRCS := $(filter-out src/evolu_sha256_libcrypto.c, \
    $(wildcard src/evolu_*.c))
CLI_SRCS := $(wildcard src/cli/*.c)
UNIT_SRCS := $(wildcard t/unit/test_*.c)
FUZZ_SRCS := $(wildcard t/fuzz/fuzz_*.c)

CORE_OBJS := $(CORE_SRCS:src/%.c=$(BUILD)/obj/%.o)
CLI_OBJS := $(CLI_SRCS:src/%.c=$(BUILD)/obj/%.o)
UNIT_BINS := $(UNIT_SRCS:t/unit/%.c=$(BUILD)/unit/%)
FUZZ_BINS := $(FUZZ_SRCS:t/fuzz/%.c=$(BUILD)/fuzz/%)
BENCH_BINS := $(BUILD)/bench/load $(BUILD)/bench/records \
    $(BUILD)/bench/contention

MODULE := $(BUILD)/ngx_http_evolu_auth_module.so
COMMAND := $(BUILD)/evolu-keys


# Programs are linked again when a file comes or goes.

SOURCES := $(BUILD)/sources
$(shell mkdir -p $(BUILD); echo '$(CORE_SRCS) $(CLI_SRCS)' \
    | cmp -s - $(SOURCES) || echo '$(CORE_SRCS) $(CLI_SRCS)' > $(SOURCES))


# How it is compiled: the command, and the core for it and for its tests.
# (nginx's configure has its own flags for the module.)

CC := gcc
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Werror -Wshadow
HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong
OUR_CFLAGS := -std=gnu11 $(CFLAGS) $(WARNINGS) $(HARDEN) -fPIE -MMD -MP -Isrc
OUR_LDFLAGS := -pie -Wl,-z,relro,-z,now $(LDFLAGS)

# Unit tests may include a file of the shell, with nginx's functions played by
# the test.  cmocka hands each test a state, which few want.

NGINX_SRC := /usr/share/nginx/src/src
NGINX_DIRS := core event event/modules event/quic os/unix http http/modules \
    http/v2 http/v3
UNIT_CFLAGS := -D_GNU_SOURCE -It/unit \
    -Wno-unused-parameter -Wno-missing-field-initializers \
    $(NGINX_DIRS:%=-isystem $(NGINX_SRC)/%) -isystem $(BUILD)/nginx \
    @$(BUILD)/hiredis/cflags
UNIT_LIBS := @$(BUILD)/hiredis/libs -lcmocka -lsodium -lcrypto

# the unit tests run sanitized, too

SAN_CFLAGS := -std=gnu11 -O1 -g $(WARNINGS) -fno-omit-frame-pointer \
    -fsanitize=address,undefined -fno-sanitize-recover=undefined \
    -MMD -MP -Isrc

FUZZ_CC := clang
FUZZ_CFLAGS := -std=gnu11 -O1 -g $(WARNINGS) -fno-omit-frame-pointer \
    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
    -MMD -MP -Isrc

# seconds a target in "make test", minutes a target in "make fuzz"

FUZZ_SECONDS ?= 5
MINUTES ?= 10
N ?= 3000


.PHONY: help setup setup-test build demo test unit unit-plain fuzz-short \
    fuzz cli cli-sanitize suite suite-master vectors model lint sanitize \
    clients guides holes fault fault-core fault-selftest fault-nginx \
    revocation soak \
    valgrind static fresh matrix deb deb-test image image-test clean \
    distclean FORCE

help:
	@echo "make build         the module and evolu-keys, in build/"
	@echo "make demo          nginx, Redis and an upstream on loopback, with"
	@echo "                   curl commands and their answers (STORE=file:"
	@echo "                   the key file in place of Redis)"
	@echo "make test          every test of a change: unit, short fuzz, suite,"
	@echo "                   command, two workers, budget, sanitized"
	@echo "make lint          the rules of the house"
	@echo
	@echo "make model         the protocol of revocation, checked by spin"
	@echo "make unit          unit tests of the core, plain and sanitized"
	@echo "make suite         Test::Nginx suite; T='t/010-*.t' for some of it"
	@echo "make suite-master  the suite with two workers and a master"
	@echo "make cli           tests of evolu-keys; cli-sanitize: under ASan"
	@echo "                   and UBSan"
	@echo "make vectors       recorded cases, FILES='a.jsonl b.tsv'; without,"
	@echo "                   those in ../shared/vectors"
	@echo "make clients       real clients, from npm, through the edge"
	@echo "make guides        the guides of docs/, by copy and paste (as root)"
	@echo "make holes         docs/holes.md, said again and compared; UPDATE=1"
	@echo "                   writes it"
	@echo "make sanitize      the suite under ASan and UBSan"
	@echo "make valgrind      the suite under valgrind"
	@echo "make static        nginx with the module linked in, and the suite"
	@echo "make fault         the fault table, docs/faults.md; F='redis-killed'"
	@echo "                   for some of its rows; fault-core for the most"
	@echo "                   telling ones, fault-selftest seeds bugs in it"
	@echo "make revocation    how soon a revocation is seen, N=$(N) of them"
	@echo "make soak          churn and faults, MINUTES=$(MINUTES); nothing may"
	@echo "                   grow"
	@echo "make fuzz          long fuzz run, MINUTES=$(MINUTES) a target"
	@echo
	@echo "make matrix        the suite against each nginx, in fresh roots;"
	@echo "                   ROWS='trixie static' for some of it"
	@echo "make deb           Debian packages, in build/deb; SUITES=trixie"
	@echo "make deb-test      installs, upgrades and purges them"
	@echo "make image         the container image (podman)"
	@echo "make image-test    runs it"
	@echo "make fresh         \"make demo\" in fresh roots of SUITES; FIRST=test"
	@echo
	@echo "make bench         the module beside other guards, about an hour;"
	@echo "                   QUICK=1: minutes; P='allow cold': some parts"
	@echo "make budget        instructions a request may cost; UPDATE=1 writes"
	@echo "                   what it costs into bench/budgets"
	@echo "make instructions  the same for all workloads, W='warm cold' for"
	@echo "                   some; ANNOTATE=warm: by function"
	@echo "make setup         the packages, for all of the above (as root)"
	@echo "make clean         removes what was built, distclean all of build/"

setup: setup-test

build: $(MODULE) $(COMMAND)

demo: build
	@scripts/demo.sh $(or $(STORE),redis)


# Packages: a quick look when all are there.  Order-only wherever it is named,
# for it is never up to date.

# SETUP=: where packages are somebody else's business, as in debian/rules.

SETUP ?= scripts/setup.sh

setup-build:
	@$(SETUP) build

setup-test: | setup-build
	@$(SETUP) test
	@[ "$(SETUP)" = : ] || scripts/promtool.sh > /dev/null

.PHONY: setup-build


# The module: nginx's own makefile knows what to do

$(MODULE): FORCE | setup-build
	+@scripts/build-module.sh


# The command.  Its flags come from files, so that nothing is asked of the
# system before it is set up.

$(BUILD)/hiredis/libs: scripts/hiredis.sh | setup-build
	@scripts/hiredis.sh > /dev/null
	@touch $@

$(COMMAND): $(CLI_OBJS) $(CORE_OBJS) $(BUILD)/hiredis/libs $(SOURCES)
	$(SAY) LINK $(@F)
	$(Q)$(CC) $(OUR_LDFLAGS) -o $@ $(CLI_OBJS) $(CORE_OBJS) \
	    @$(BUILD)/hiredis/libs @$(BUILD)/hiredis/tls -ljansson -lsodium

$(BUILD)/obj/cli/%.o: src/cli/%.c $(BUILD)/hiredis/libs Makefile | setup-build
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(OUR_CFLAGS) -D_GNU_SOURCE @$(BUILD)/hiredis/cflags -c -o $@ $<

$(BUILD)/obj/%.o: src/%.c Makefile | setup-build
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(OUR_CFLAGS) -c -o $@ $<


# Unit tests of the core: plain, as it is shipped, and sanitized

unit: $(UNIT_BINS) $(UNIT_BINS:%=%-sanitize)
	@scripts/unit.sh $^

unit-plain: $(UNIT_BINS)
	@scripts/unit.sh $^

UNIT_NEEDS := $(BUILD)/nginx/ngx_auto_config.h $(BUILD)/hiredis/libs

$(BUILD)/nginx/ngx_auto_config.h: | setup-build
	@scripts/build-module.sh configure

$(BUILD)/unit/%.o: t/unit/%.c Makefile | setup-test $(UNIT_NEEDS)
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(OUR_CFLAGS) $(UNIT_CFLAGS) -c -o $@ $<

$(UNIT_BINS): $(BUILD)/unit/%: $(BUILD)/unit/%.o $(CORE_OBJS) $(SOURCES)
	$(SAY) LINK $(@F)
	$(Q)$(CC) $(OUR_LDFLAGS) -o $@ $(filter %.o,$^) $(UNIT_LIBS)

$(BUILD)/sanitize/obj/%.o: src/%.c Makefile | setup-test
	@mkdir -p $(@D)
	$(SAY) CC-SANITIZE $<
	$(Q)$(CC) $(SAN_CFLAGS) -c -o $@ $<

$(BUILD)/sanitize/unit/%.o: t/unit/%.c Makefile | setup-test $(UNIT_NEEDS)
	@mkdir -p $(@D)
	$(SAY) CC-SANITIZE $<
	$(Q)$(CC) $(SAN_CFLAGS) $(UNIT_CFLAGS) -c -o $@ $<

$(UNIT_BINS:%=%-sanitize): $(BUILD)/unit/%-sanitize: \
    $(BUILD)/sanitize/unit/%.o $(CORE_SRCS:src/%.c=$(BUILD)/sanitize/obj/%.o) \
    $(SOURCES)
	$(SAY) LINK $(@F)
	$(Q)$(CC) $(SAN_CFLAGS) -o $@ $(filter %.o,$^) $(UNIT_LIBS)


# Fuzzing: the seeds stay as they are, new inputs go to build/fuzz

$(BUILD)/fuzz/obj/%.o: src/%.c Makefile | setup-test
	@mkdir -p $(@D)
	$(SAY) CC-FUZZ $<
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS:-fsanitize=fuzzer%=-fsanitize=fuzzer-no-link%) \
	    -c -o $@ $<

$(BUILD)/fuzz/%.o: t/fuzz/%.c Makefile | setup-test
	@mkdir -p $(@D)
	$(SAY) CC-FUZZ $<
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -c -o $@ $<

$(FUZZ_BINS): %: %.o $(CORE_SRCS:src/%.c=$(BUILD)/fuzz/obj/%.o) $(SOURCES)
	$(SAY) LINK $(@F)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -o $@ $(filter %.o,$^) -lsodium

# what is fuzzed of the command

$(BUILD)/fuzz/fuzz_csv: $(BUILD)/fuzz/obj/cli/evolu_keys_csv.o
$(BUILD)/fuzz/fuzz_words: $(BUILD)/fuzz/obj/cli/evolu_keys_words.o

fuzz-short: $(FUZZ_BINS)
	@scripts/fuzz.sh $(FUZZ_SECONDS) $^

fuzz: $(FUZZ_BINS)
	@scripts/fuzz.sh $$(($(MINUTES) * 60)) $^


# Models of what no test can run through: MODEL=all for the large ones, too

model: | setup-test
	@scripts/model.sh $(MODEL)


# The load generator of the fault suite

LOAD := $(BUILD)/fault/load
LOAD_OBJS := $(patsubst t/fault/%.c,$(BUILD)/fault/%.o,$(wildcard t/fault/load*.c))

$(BUILD)/fault/%.o: t/fault/%.c t/fault/load.h Makefile | setup-test \
    $(BUILD)/hiredis/libs
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(OUR_CFLAGS) -D_GNU_SOURCE @$(BUILD)/hiredis/cflags -c -o $@ $<

$(LOAD): $(LOAD_OBJS)
	$(SAY) LINK $(@F)
	$(Q)$(CC) $(OUR_LDFLAGS) -o $@ $^ @$(BUILD)/hiredis/libs -lsodium

fault-nginx: | setup-test
	+@scripts/build-nginx.sh fault

fault: build fault-nginx $(LOAD)
	@scripts/fault.sh $(or $(F),all)

fault-core: build fault-nginx $(LOAD)
	@scripts/fault.sh core

fault-selftest: build $(LOAD)
	@scripts/fault-selftest.sh $(F)

revocation: build $(LOAD)
	@scripts/fault-run.sh revocation $(N)

soak: build $(LOAD)
	@scripts/fault-run.sh soak $(MINUTES)


# Instructions of a request

.PHONY: bench bench-build instructions budget budget-selftest

BENCH_CFLAGS := -D_GNU_SOURCE

$(BUILD)/bench/%.o: bench/%.c Makefile | setup-build
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(OUR_CFLAGS) $(BENCH_CFLAGS) -c -o $@ $<

$(BUILD)/bench/load: $(addprefix $(BUILD)/bench/,load.o bench_keys.o \
    bench_latency.o bench_requests.o)
	$(SAY) LINK $(@F)
	$(Q)$(CC) $(OUR_LDFLAGS) -o $@ $^ -lm

$(BUILD)/bench/records: $(addprefix $(BUILD)/bench/,records.o bench_keys.o)
	$(SAY) LINK $(@F)
	$(Q)$(CC) $(OUR_LDFLAGS) -o $@ $^ -lsodium

# the zone without nginx

ZONE_SRCS := $(wildcard src/ngx_http_evolu_auth_cache*.c) \
    src/ngx_http_evolu_auth_counters.c

$(BUILD)/bench/contention.o: bench/contention.c Makefile | $(UNIT_NEEDS)
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(OUR_CFLAGS) $(UNIT_CFLAGS) -c -o $@ $<

$(BUILD)/bench/zone/%.o: src/%.c Makefile | $(UNIT_NEEDS)
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(OUR_CFLAGS) $(UNIT_CFLAGS) -c -o $@ $<

$(BUILD)/bench/contention: $(BUILD)/bench/contention.o \
    $(BUILD)/bench/bench_keys.o $(ZONE_SRCS:src/%.c=$(BUILD)/bench/zone/%.o) \
    $(CORE_OBJS) $(SOURCES)
	$(SAY) LINK $(@F)
	$(Q)$(CC) $(OUR_LDFLAGS) -o $@ $(filter %.o,$^) -lsodium

bench-build: build $(BENCH_BINS)

bench: bench-build
	@scripts/setup.sh bench
	@bench/bench.pl $(if $(QUICK),--quick) $(if $(REST),--rest $(REST)) $(P)

instructions: bench-build | setup-test
	@bench/instructions.pl $(ANNOTATE:%=--annotate=%) $(W)

budget: bench-build | setup-test
	@bench/budget.sh $(if $(UPDATE),update)

budget-selftest: bench-build | setup-test
	@bench/budget-selftest.sh


# Suites

suite: build | setup-test
	@scripts/suite.sh plain $(T)

suite-master: build | setup-test
	@scripts/suite.sh master $(T)

cli: build | setup-test
	@scripts/suite.sh cli $(T)

# The command once more, sanitized

KEYS_SAN := $(BUILD)/sanitize/evolu-keys

$(BUILD)/sanitize/obj/cli/%.o: src/cli/%.c $(BUILD)/hiredis/libs Makefile \
    | setup-test
	@mkdir -p $(@D)
	$(SAY) CC-SANITIZE $<
	$(Q)$(CC) $(SAN_CFLAGS) -D_GNU_SOURCE @$(BUILD)/hiredis/cflags -c -o $@ $<

$(KEYS_SAN): $(CLI_OBJS:$(BUILD)/obj/%=$(BUILD)/sanitize/obj/%) \
    $(CORE_SRCS:src/%.c=$(BUILD)/sanitize/obj/%.o) $(SOURCES)
	$(SAY) LINK-SANITIZE $(@F)
	$(Q)$(CC) $(SAN_CFLAGS) -o $@ $(filter %.o,$^) \
	    @$(BUILD)/hiredis/libs @$(BUILD)/hiredis/tls -ljansson -lsodium

cli-sanitize: build $(KEYS_SAN) | setup-test
	@scripts/suite.sh cli-sanitize $(T)

vectors: build | setup-test
	@scripts/vectors.sh $(FILES)

clients: build | setup-test
	@scripts/clients.sh

guides: build | setup-test
	@scripts/guides.sh

holes: build | setup-test
	@scripts/holes.sh $(if $(UPDATE),-u)

sanitize: build | setup-test
	+@scripts/build-nginx.sh sanitize
	@scripts/suite.sh sanitize $(T)

valgrind: build | setup-test
	@scripts/suite.sh valgrind $(T)

static: build | setup-test
	+@scripts/build-nginx.sh static
	@scripts/suite.sh static $(T)

# What "make test" runs of the static build: phases in nginx's own order

STATIC := t/012-verdicts-campaign.t t/022-satisfy.t t/025-limit-req.t \
    t/031-spoofed-headers.t t/032-hide-credentials.t t/061-invalidation.t

# One after another, whatever -j says: they share two cores.  One that fails does
# not keep the others from running.

test: build $(UNIT_BINS) $(UNIT_BINS:%=%-sanitize) $(FUZZ_BINS) $(LOAD) \
    $(BENCH_BINS) | setup-test
	+@status=0; \
	scripts/unit.sh $(UNIT_BINS) $(UNIT_BINS:%=%-sanitize) || status=1; \
	scripts/fuzz.sh $(FUZZ_SECONDS) $(FUZZ_BINS) || status=1; \
	scripts/model.sh || status=1; \
	scripts/suite.sh plain || status=1; \
	scripts/suite.sh cli || status=1; \
	scripts/suite.sh master || status=1; \
	{ scripts/build-nginx.sh fault && scripts/fault.sh core; } \
	    || status=1; \
	scripts/clients.sh || status=1; \
	scripts/holes.sh || status=1; \
	scripts/guides.sh || status=1; \
	bench/budget.sh || status=1; \
	bench/budget-selftest.sh || status=1; \
	{ scripts/build-nginx.sh static && scripts/suite.sh static $(STATIC); } \
	    || status=1; \
	{ scripts/build-nginx.sh sanitize && scripts/suite.sh sanitize; } \
	    || status=1; \
	exit $$status

# Packages and images: in fresh roots of a Debian, each from a clone of HEAD.
# As root, and long.

SUITES ?= bookworm trixie
FIRST ?= demo

setup-pack:
	@$(SETUP) pack

.PHONY: setup-pack

fresh: | setup-pack
	@set -e; for suite in $(SUITES); do \
	    scripts/fresh.sh $$suite $(FIRST); \
	done

matrix: | setup-pack
	@scripts/matrix.sh $(ROWS)

deb: | setup-pack
	@scripts/deb.sh $(SUITES)

deb-test: deb
	@scripts/deb-test.sh $(SUITES)

image: | setup-pack
	@scripts/image.sh

$(BUILD)/cache/docker-compose/docker-compose: | setup-pack
	@mkdir -p $(@D)
	@scripts/fetch.sh deb trixie $(@D) docker-compose
	@dpkg-deb --fsys-tarfile $(@D)/docker-compose_*.deb | tar -xO \
	    ./usr/libexec/docker/cli-plugins/docker-compose > $@.new
	@chmod 755 $@.new
	@mv $@.new $@

image-test: image $(BUILD)/cache/docker-compose/docker-compose
	@scripts/image-test.sh

lint: build | setup-test
	@status=0; \
	scripts/lint.sh || status=1; \
	scripts/lint-selftest.sh || status=1; \
	exit $$status

clean:
	rm -rf $(filter-out $(BUILD)/cache,$(wildcard $(BUILD)/*))

distclean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' -not -path '*/cache/*' 2>/dev/null)
