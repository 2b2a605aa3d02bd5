# imconnector-fcgi: make, make check, make check-all, make demo, make install
#
# SAN=address,undefined or SAN=thread builds and tests instrumented programs
# in a folder of their own, FAULT=1 programs that tests can kill at named
# points.  CC=clang works as well as gcc.

NAME     = imconnector
VERSION  = 0.1.0
B        = build$(if $(SAN),/$(SAN))$(if $(FAULT),/fault)
PREFIX  ?= /usr/local
PKGS     = yajl libcurl sqlite3 libssl libcrypto inih

WARN     = -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
           -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings \
           -Wold-style-definition -Werror
HARDEN   = -O2 -fPIE -fstack-protector-strong -fstack-clash-protection \
           -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
HARDENLD = -pie -Wl,-z,relro,-z,now
SANFLAGS = -O1 -g -fsanitize=$(SAN) -fno-omit-frame-pointer \
           -fno-sanitize-recover=all
PKGFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
# fcgi has a .pc file in some releases only.  as-needed: a CGI process pays
# for every library that it loads.
LIBS     := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lfcgi -lpthread
FLAGS    = -std=c11 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -Isrc $(WARN) \
           $(if $(SAN),$(SANFLAGS),$(HARDEN)) \
           $(if $(FAULT),-DFAULT_POINTS) -g $(PKGFLAGS) $(CFLAGS) \
           -MMD -MP
TESTFLAGS = -Itests/lib -Itests/unit
LINK     = $(if $(SAN),-fsanitize=$(SAN),$(HARDENLD)) -Wl,--as-needed \
           $(LDFLAGS)

PROGRAMS = imconnector imconnectorctl
SOURCES  = $(wildcard src/*.c src/*/*.c)
CORE     = $(patsubst src/%.c,$B/obj/%.o,\
           $(filter-out $(PROGRAMS:%=src/%.c),$(SOURCES)))
TESTLIB  = $(patsubst tests/lib/%.c,$B/testlib/%.o,$(wildcard tests/lib/*.c))
UNITS    = $(patsubst tests/unit/%.c,$B/unit/%,$(wildcard tests/unit/t_*.c))

# quiet by default; make V=1 shows the commands
Q        = $(if $(V),,@)
SAY      = $(if $(V),@:,@echo)

all: $B/imconnector.fcgi $B/imconnectorctl

$B/imconnector.fcgi: $B/obj/imconnector.o $B/core.a
	$(SAY) '  LINK $@'
	$Q$(CC) $(LINK) -o $@ $^ $(LIBS)
$B/imconnectorctl: $B/obj/imconnectorctl.o $B/core.a
	$(SAY) '  LINK $@'
	$Q$(CC) $(LINK) -o $@ $^ $(LIBS)
$B/core.a: $(CORE)
	@rm -f $@
	$Q$(AR) rcs $@ $^
$B/obj/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(SAY) '  CC   $<'
	$Q$(CC) $(FLAGS) -c -o $@ $<
$B/obj/web/status_html.o: src/web/status.html
$B/testlib.a: $(TESTLIB)
	@rm -f $@
	$Q$(AR) rcs $@ $^
$B/testlib/%.o: tests/lib/%.c Makefile
	@mkdir -p $(@D)
	$(SAY) '  CC   $<'
	$Q$(CC) $(FLAGS) $(TESTFLAGS) -c -o $@ $<
$B/unit/t_line_memory: LINK += -Wl,--wrap=calloc
$B/unit/%: tests/unit/%.c $B/testlib.a $B/core.a
	@mkdir -p $(@D)
	$(SAY) '  TEST $<'
	$Q$(CC) $(FLAGS) $(TESTFLAGS) -o $@ $< $B/testlib.a $B/core.a $(LINK) \
	    -lcmocka $(LIBS)
$B/php/%: tests/php/%.c $B/core.a
	@mkdir -p $(@D)
	$(SAY) '  TEST $<'
	$Q$(CC) $(FLAGS) -o $@ $< $B/core.a $(LINK) $(LIBS)

$B/bench/%: bench/%.c Makefile
	@mkdir -p $(@D)
	$(SAY) '  CC   $<'
	$Q$(CC) $(FLAGS) -o $@ $< $(LINK) $(LIBS)
$B/bench/handler-go: bench/peers/handler.go
	@mkdir -p $(@D)
	$(SAY) '  GO   $<'
	$QGO111MODULE=off GOFLAGS= GOPROXY=off \
	    GOCACHE=$(abspath $(@D))/gocache go build -o $@ $<

# One target for the packages, so that make finds what pkg-config knows.
deps-build deps-demo deps-test deps-browser deps-fresh deps-bench: deps-%:
	@deploy/deps.sh $*

# Installing may bring what the first look at pkg-config missed: start anew.
check: deps-test
	@$(MAKE) --no-print-directory units all
	@$(MAKE) --no-print-directory FAULT=1 all
	@tests/run.sh $B
demo: deps-demo
	@$(MAKE) --no-print-directory all
	@IMCONNECTOR_BUILD=$B /usr/bin/python3 tests/demo.py
units: $(UNITS) $B/php/objects

# Any bytes into what reads texts of others, for a while.
FUZZ_SECONDS ?= 30
fuzz: deps-test
	@mkdir -p $B/fuzz/corpus
	clang -std=c11 -D_GNU_SOURCE -O1 -g -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=all -Isrc -Itests/lib -o $B/fuzz/bbcode \
	    tests/fuzz/bbcode.c tests/lib/bbcode_holds.c \
	    $(wildcard src/codec/bbcode*.c) src/base/buf.c src/base/fault.c \
	    src/base/number.c
	$B/fuzz/bbcode -max_total_time=$(FUZZ_SECONDS) -max_len=20000 \
	    -timeout=10 -artifact_prefix=$B/fuzz/ \
	    -dict=tests/fuzz/bbcode.dict $B/fuzz/corpus

# Dies at every named point on the way of an event, and goes on.
check-crash: deps-test
	@$(MAKE) --no-print-directory FAULT=1 all
	@IMCONNECTOR_BUILD=$B/fault PYTHONDONTWRITEBYTECODE=1 \
	    /usr/bin/python3 -m pytest -p no:cacheprovider -q --tb=short \
	    tests/crash/test_points.py tests/crash/test_probe.py \
	    tests/crash/test_silent.py \
	    tests/crash/test_stopped.py

# The pages in a browser. SCREENSHOTS=docs keeps their pictures.
check-browser: deps-browser
	@$(MAKE) --no-print-directory all
	@IMCONNECTOR_BUILD=$B PYTHONDONTWRITEBYTECODE=1 \
	    /usr/bin/python3 -m pytest -p no:cacheprovider -q --tb=short \
	    tests/browser

# Load, kills and faults for a while; then the books must balance.
SECONDS ?= 30
HANDLERS ?= 2
soak: deps-test
	@$(MAKE) --no-print-directory all
	@IMCONNECTOR_BUILD=$B PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 \
	    tests/soak/soak.py --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) \
	    --handlers $(HANDLERS)

# The long runs, and what needs a build of its own: about an hour.
check-all: check check-valgrind check-fresh check-browser
	@for n in 1 2 4; do $(MAKE) --no-print-directory soak SECONDS=120 \
	    HANDLERS=$$n || exit 1; done
	@$(MAKE) --no-print-directory SAN=address,undefined units all
	@TESTS="unit e2e soak" tests/run.sh $B/address,undefined
	@$(MAKE) --no-print-directory SAN=thread units all
	@TESTS="unit soak" tests/run.sh $B/thread

# README's ten minutes on a Debian of its own, where nothing is installed yet.
# What is fetched for it once stays in the build folder.
check-fresh: deps-fresh
	@IMCONNECTOR_DEBIAN=$B/debian PYTHONDONTWRITEBYTECODE=1 \
	    /usr/bin/python3 -m pytest -p no:cacheprovider -q --tb=short \
	    tests/fresh

# Beside the handlers that people use; bench/run.py says what CELLS="...",
# SHORT=1 and OLD=REVISION are.
bench: deps-bench
	@$(MAKE) --no-print-directory all bench-programs
	@[ -z "$(OLD)" ] || { rm -rf $B/old && mkdir -p $B/old && \
	    git archive $(OLD) | tar -x -C $B/old && \
	    $(MAKE) --no-print-directory -C $B/old B=build all && \
	    find $B/old -name '*.d' -delete; }
	@IMCONNECTOR_BUILD=$B PYTHONDONTWRITEBYTECODE=1 \
	    /usr/bin/python3 bench/run.py $(CELLS) $(if $(SHORT),--short) \
	    $(if $(OLD),--old $B/old/build/imconnector.fcgi)
bench-programs: $(addprefix $B/bench/,portal load floor handler-go)

# Leaks and wild reads in every unit test, without a special build.
check-valgrind: deps-test
	@$(MAKE) --no-print-directory units
	@TESTS=unit RUNNER="valgrind -q --leak-check=full \
	    --errors-for-leak-kinds=definite,possible --error-exitcode=9" \
	    tests/run.sh $B

# Nothing of an earlier configuration is touched. The units, the run script
# and the examples name the programs by their place. systemd finds the units if
# PREFIX is /usr or /usr/local; else systemctl link leads it there.
LIB      = $(DESTDIR)$(PREFIX)/lib
DOC      = $(DESTDIR)$(PREFIX)/share/doc/imconnector-fcgi
ETC      = $(DESTDIR)/etc/imconnector
EXAMPLES = $(wildcard *.example)
install: all
	install -D $B/imconnector.fcgi $(LIB)/imconnector/imconnector.fcgi
	install -D $B/imconnectorctl $(DESTDIR)$(PREFIX)/bin/imconnectorctl
	install -t $(LIB)/imconnector deploy/imconnector.run \
	    deploy/imconnector.loop
	install -D -m 0644 -t $(LIB)/systemd/system deploy/*.service \
	    deploy/*.socket deploy/*.timer
	install -D -m 0644 -t $(DOC) README $(EXAMPLES) deploy/imconnector.conf
	sed -i 's|/usr/local/|$(PREFIX)/|g' $(LIB)/imconnector/imconnector.run \
	    $(LIB)/systemd/system/imconnector*.service \
	    $(EXAMPLES:%=$(DOC)/%)
	[ -e $(ETC)/imconnector.conf ] || \
	    install -D -m 0640 deploy/imconnector.conf $(ETC)/imconnector.conf

clean:
	rm -rf build

.PHONY: all units bench bench-programs check check-all check-browser \
        check-crash check-fresh check-valgrind soak fuzz demo install clean \
        deps-build deps-demo deps-test deps-browser deps-fresh deps-bench
.SECONDARY:
-include $(shell find $B -name debian -prune -o -name '*.d' -print 2>/dev/null)
