# lanyard: `make help` lists what there is to do.
VERSION   := 0.1.0
CC        ?= cc
B         ?= build
PREFIX    ?= /usr/local
DESTDIR   ?=
SAN       ?=

PKGS      := libuv avahi-client avahi-core openssl libzstd sqlite3 libprotobuf-c libmicrohttpd jansson libcurl inih
WARN      := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
             -Wcast-qual -Wwrite-strings -Wundef -Wformat=2 -Wvla
HARDEN    := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
OPT       ?= -O2 -g
CPPFLAGS  += -I. -I$(B)/gen -D_GNU_SOURCE -DLANYARD_VERSION='"$(VERSION)"'
CFLAGS    += -std=gnu11 $(OPT) $(WARN) $(HARDEN) -pthread
LDFLAGS   += -pie -Wl,-z,relro,-z,now -pthread

ifneq ($(SAN),)
CFLAGS    += -fsanitize=$(SAN) -fno-omit-frame-pointer -U_FORTIFY_SOURCE
LDFLAGS   += -fsanitize=$(SAN)
endif

# pkg-config runs only when something is built, so `make help` and `make clean` work on a bare machine.
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS   = $(shell pkg-config --libs $(PKGS))

PROTO     := sync/wire/lanyard.proto
GEN_C     := $(B)/gen/sync/wire/lanyard.pb-c.c
GEN_H     := $(B)/gen/sync/wire/lanyard.pb-c.h

LIB_SRC   := $(wildcard base/*.c discovery/*.c sync/*/*.c agent/*.c)
LIB_SRC   := $(filter-out agent/main.c,$(LIB_SRC))
CLI_SRC   := $(wildcard agent/cli/*.c)
LIB_OBJ   := $(LIB_SRC:%.c=$(B)/%.o) $(B)/gen/sync/wire/lanyard.pb-c.o
CLI_OBJ   := $(CLI_SRC:%.c=$(B)/%.o)
UNIT_SRC  := $(wildcard tests/unit/test_*.c)
UNIT_BIN  := $(UNIT_SRC:%.c=$(B)/%)
FUZZ_SRC  := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN  := $(FUZZ_SRC:%.c=$(B)/%)

.PHONY: all clean unit fuzz-replay
all: $(B)/lanyardd $(B)/lanyard

$(B)/lanyardd: $(B)/agent/main.o $(B)/liblanyard.a
	$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(B)/lanyard: $(CLI_OBJ) $(B)/liblanyard.a
	$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(B)/liblanyard.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(GEN_C) $(GEN_H) &: $(PROTO)
	@mkdir -p $(B)/gen
	protoc-c --c_out=$(B)/gen $(PROTO)

$(B)/gen/%.o: $(B)/gen/%.c
	$(CC) $(CPPFLAGS) $(filter-out -Werror,$(CFLAGS)) -w $(PKG_CFLAGS) -c -o $@ $<

$(B)/%.o: %.c | $(GEN_H)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

# A unit test links against the library; what it does not use is not pulled in.
$(B)/tests/unit/%: tests/unit/%.c $(B)/liblanyard.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $< $(B)/liblanyard.a $(PKG_LIBS) -lcmocka

unit: $(UNIT_BIN)
	@set -e; for t in $(UNIT_BIN); do echo "== $$t"; $$t; done

# A fuzz target defines LLVMFuzzerTestOneInput; built with fuzz_replay_main.c it replays files given as arguments.
$(B)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/replay_main.c $(B)/liblanyard.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $< tests/fuzz/replay_main.c $(B)/liblanyard.a $(PKG_LIBS)

fuzz-replay: $(FUZZ_BIN)
	@set -e; for f in $(FUZZ_BIN); do n=$${f##*/fuzz_}; echo "== $$f"; find tests/fuzz/corpus/$$n -type f | sort | xargs -r $$f; done

clean:
	rm -rf build build-*

-include $(wildcard $(B)/*/*.d $(B)/*/*/*.d $(B)/*/*/*/*.d)
