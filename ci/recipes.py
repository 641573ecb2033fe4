#!/usr/bin/env python3
"""recipes.py: looks over packaging/ and debian/ against CMakeLists.txt; no tool of theirs runs.

The Conan recipe is asked what a program links, with stand-ins for Conan's classes.
"""
import collections
import json
import os
import re
import sys
import types

top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True


def text(path):
    with open(os.path.join(top, path), encoding="utf-8") as file:
        return file.read()


def found(pattern, path):
    match = re.search(pattern, text(path), re.M)
    assert match, f"{path} has no {pattern}"
    return match.group(1)


class Parts:
    """What package_info tells: Conan's cpp_info."""

    def __init__(self):
        self.components = collections.defaultdict(Parts)
        self.libs, self.defines, self.system_libs, self.requires = [], [], [], []
        self.properties = {}

    def set_property(self, name, value):
        self.properties[name] = value


def stand_ins():
    for name in ("conan", "conan.tools", "conan.tools.cmake", "conan.tools.files"):
        sys.modules[name] = types.ModuleType(name)
    for module, names in (("conan", "ConanFile"), ("conan.tools.files", "copy rmdir"),
                          ("conan.tools.cmake", "CMake CMakeDeps CMakeToolchain cmake_layout")):
        for name in names.split():
            setattr(sys.modules[module], name, type(name, (), {}))


def conan(version):
    stand_ins()
    scope = {"__name__": "conanfile"}
    exec(text("packaging/conan/conanfile.py"), scope)
    recipe = scope["Runnel"]
    assert (recipe.name, recipe.version) == ("runnel", version), "conanfile.py: another version"
    # Without fPIC on Windows and in a shared library.
    assert "auto_shared_fpic" in recipe.implements
    winsock = found(r"if\(WIN32\)\s+set\(runnel_system_libs (.*)\)", "cmake/RunnelPlatform.cmake").split()
    store = found(r"set\(runnel_tls_system_libs (.*)\)", "cmake/RunnelTls.cmake").split()
    for system in ("Linux", "FreeBSD", "Macos", "Windows"):
        for shared in (False, True):
            for tls in (False, True):
                it = recipe()
                it.settings = types.SimpleNamespace(os=system)
                it.options = types.SimpleNamespace(shared=shared, tls=tls)
                it.cpp_info = Parts()
                it.package_info()
                at, windows = f"conanfile.py on {system}, shared {shared}, tls {tls}", system == "Windows"
                core, secure = it.cpp_info.components["runnel"], it.cpp_info.components["runnel_tls"]
                defines = ["RNL_SHARED"] if shared else ["RNL_STATIC"] if windows else []
                assert core.defines == defines, f"{at}: defines {core.defines}"
                libs = winsock if windows else [] if system == "Macos" else ["pthread"]
                assert core.system_libs == libs, f"{at}: links {core.system_libs}"
                libs = store if windows and tls else []
                assert secure.system_libs == libs, f"{at}: runnel_tls links {secure.system_libs}"
                assert secure.requires == ["runnel"] + ["openssl::openssl"] * tls, f"{at}: requires"
                # A program of runnel::runnel alone would link OpenSSL.
                whole = it.cpp_info.properties.get("cmake_target_name", "runnel::runnel")
                assert whole != core.properties["cmake_target_name"], f"{at}: two targets of a name"


def main():
    version = found(r"^project\(runnel VERSION ([0-9.]*)", "CMakeLists.txt")
    conan(version)
    port = json.loads(text("packaging/vcpkg/runnel/vcpkg.json"))
    assert (port["name"], port["version"]) == ("runnel", version), "vcpkg.json: another version"
    # What the port sets is an option of ours.
    for name in re.findall(r"RUNNEL_\w+", text("packaging/vcpkg/runnel/portfile.cmake")):
        found(rf"^option\(({name}) ", "CMakeLists.txt")
    assert text("debian/changelog").startswith(f"runnel ({version}-"), "debian/changelog: another version"


main()
