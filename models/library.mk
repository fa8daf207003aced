# The library for other programs: build/lib/libvitrine.a and .so, and what make install puts where.
# Both hold what models/c_api/vitrine.h needs and nothing else, and show vitrine_* alone, so that they get
# into nobody's way: the program around them may have an stb_image or fmt of its own.

VERSION   := $(shell sed -n 's/.*kVersion = "\(.*\)".*/\1/p' core/version.hpp)
SOVERSION := $(firstword $(subst ., ,$(VERSION)))
SHARED    := libvitrine.so.$(VERSION)

# OPENMP=1: with OpenMP as an executor that can be chosen, and libgomp as something that is needed.
# DECODERS=0: for devices that see raw pixels alone; no PNG, no JPEG, and no libjpeg that is needed.
OPENMP   ?=
DECODERS ?= 1
VARIANT  := $(if $(OPENMP),_openmp)$(if $(filter 0,$(DECODERS)),_raw)
LIBRARY  := $(OUT)/lib$(VARIANT)
INSTEAD  := $(if $(OPENMP),,$(OBJ)/no_openmp.o) $(if $(filter 0,$(DECODERS)),$(OBJ)/no_decoders.o)

.PHONY: library
library: $(LIBRARY)/libvitrine.a $(LIBRARY)/libvitrine.so ## the C library, build/lib/libvitrine.a and .so

# They take the place of what the archives have.
$(OBJ)/no_openmp.o: core/openmp_executor.cpp
$(OBJ)/no_decoders.o: core/images/decode_image.cpp
$(OBJ)/no_decoders.o: BASELINE += -DVITRINE_NO_DECODERS
$(OBJ)/no_openmp.o $(OBJ)/no_decoders.o: $(FLAGS) | $(PACKAGES_BUILD)
	$(call say,CXX,$@)$(CXX) $(CXXFLAGS) $(BASELINE) -MMD -MP -c $(filter %.cpp,$^) -o $@

# One object, in which everything but the interface is local. Objects of the archive that nobody
# needs stay out. objcopy does not make unique symbols local: they become weak ones first.
$(OBJ)/library$(VARIANT).o: $(OBJ)/models/c_api/vitrine.o $(INSTEAD) $(LIB)
	$(call say,LD,$@)$(CXX) -r -nostdlib -Wl,--force-group-allocation $^ -o $@.all
	$(hush)nm --defined-only $@.all | awk '$$2 == "u" { print $$3 }' >$@.unique
	$(hush)objcopy --weaken-symbols=$@.unique $@.all
	$(hush)objcopy --wildcard --keep-global-symbol='vitrine_*' --strip-debug $@.all $@
	$(hush)rm $@.all $@.unique

$(LIBRARY)/libvitrine.a: $(OBJ)/library$(VARIANT).o
	$(call say,AR,$@)mkdir -p $(@D) && rm -f $@ && ar rcs $@ $<

# Its threads may still run when a host unloads it: the loader keeps it then (nodelete).
$(LIBRARY)/$(SHARED): $(OBJ)/library$(VARIANT).o models/c_api/vitrine.map
	$(call say,LINK,$@)mkdir -p $(@D) && $(CXX) -shared $(FLAGS_$(MODE)) $< $(if $(filter 0,$(DECODERS)),,-ljpeg) -lz $(if $(OPENMP),-fopenmp) -o $@ \
	  -Wl,-soname,libvitrine.so.$(SOVERSION),--version-script=models/c_api/vitrine.map,-z,defs,-z,nodelete,--as-needed

$(LIBRARY)/libvitrine.so: $(LIBRARY)/$(SHARED)
	$(hush)ln -sf $(SHARED) $(@D)/libvitrine.so.$(SOVERSION) && ln -sf libvitrine.so.$(SOVERSION) $@

# --- installation --------------------------------------------------------------------------------

TO := $(DESTDIR)$(PREFIX)

# Programs find a library in the system's folders by the loader's cache, which only root can write.
ifneq ($(filter /usr /usr/local,$(if $(DESTDIR),,$(PREFIX))),)
REFRESH_LOADER := PATH=$$PATH:/usr/sbin:/sbin ldconfig 2>/dev/null || true
endif

.PHONY: install uninstall
install: $(OUT)/vitrine library ## into PREFIX [/usr/local] of DESTDIR: program, library, header, pkg-config file, shipped model, recipes
	install -D $(OUT)/vitrine $(TO)/bin/vitrine
	install -D -m 644 models/c_api/vitrine.h $(TO)/include/vitrine.h
	install -D -m 644 $(LIBRARY)/libvitrine.a $(TO)/lib/libvitrine.a
	install -m 755 $(LIBRARY)/$(SHARED) $(TO)/lib/$(SHARED)
	ln -sf $(SHARED) $(TO)/lib/libvitrine.so.$(SOVERSION)
	ln -sf libvitrine.so.$(SOVERSION) $(TO)/lib/libvitrine.so
	install -d $(TO)/lib/pkgconfig
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|; s|@OPENMP@|$(if $(OPENMP), -lgomp)|; s|@JPEG@|$(if $(filter 0,$(DECODERS)),, -ljpeg)|' models/c_api/vitrine.pc.in >$(TO)/lib/pkgconfig/vitrine.pc
	install -D -m 644 models/pretrained/fashion_vit.safetensors $(TO)/share/vitrine/fashion_vit.safetensors
	install -d $(TO)/share/vitrine/recipes
	install -m 644 apps/recipes/*.json $(TO)/share/vitrine/recipes
	install -D -m 644 LICENSE $(TO)/share/doc/vitrine/LICENSE
	$(REFRESH_LOADER)
ifeq ($(DESTDIR),)
	@PATH=$$PATH:/usr/sbin:/sbin; ldconfig -p 2>/dev/null | grep -q '=> $(PREFIX)/lib/libvitrine.so' || \
	  echo "the loader does not know $(PREFIX)/lib: link programs with -Wl,-rpath,$(PREFIX)/lib, or set LD_LIBRARY_PATH"
endif

uninstall: ## removes what make install put into PREFIX of DESTDIR
	rm -f $(TO)/bin/vitrine $(TO)/include/vitrine.h $(TO)/lib/libvitrine.a $(TO)/lib/libvitrine.so* \
	  $(TO)/lib/pkgconfig/vitrine.pc $(TO)/share/vitrine/fashion_vit.safetensors $(TO)/share/doc/vitrine/LICENSE
	rm -f $(patsubst apps/%,$(TO)/share/vitrine/%,$(wildcard apps/recipes/*.json))
	for folder in share/vitrine/recipes share/vitrine share/doc/vitrine; do rmdir $(TO)/$$folder 2>/dev/null || true; done
	$(REFRESH_LOADER)
