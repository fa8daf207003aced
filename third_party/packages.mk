# Debian packages: a plain build only checks; make deps, demo, test and .ci/run install.

PACKAGES       := third_party/packages.sh
PACKAGES_BUILD := build/packages/build
PACKAGES_TEST  := build/packages/test

# INSTALL=1 (set by the targets that promise to) installs what is missing; else the command is said.
build/packages/%: third_party/packages.txt
	@mkdir -p $(@D) && CXX="$(CXX)" sh $(PACKAGES) $(if $(INSTALL),install,check) $* && touch $@

.PHONY: deps
deps: ## installs every Debian package that is missing (third_party/packages.txt)
	@sh $(PACKAGES) install build data test lint tools
