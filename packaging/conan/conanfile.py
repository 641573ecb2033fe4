"""A Conan 2 recipe of the tree that it stands in: conan create packaging/conan"""

import os

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy

required_conan_version = ">=2.4"


class Runnel(ConanFile):
    name = "runnel"
    version = "0.1.0"
    license = "MIT"
    description = "Python's asyncio Streams for C"
    topics = ("asyncio", "coroutines", "networking", "tls")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "fPIC": [True, False], "tls": [True, False]}
    default_options = {"shared": False, "fPIC": True, "tls": True}
    implements = ["auto_shared_fpic"]
    languages = "C"

    def export_sources(self):
        top = os.path.join(self.recipe_folder, os.pardir, os.pardir)
        for what in ("CMakeLists.txt", "LICENSE", "cmake/*", "include/*", "src/*"):
            copy(self, what, src=top, dst=self.export_sources_folder)

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        if self.options.tls:
            self.requires("openssl/[>=3 <4]")

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        for name in ("TESTS", "EXAMPLES", "PROBES"):
            toolchain.cache_variables[f"RUNNEL_{name}"] = False
        toolchain.cache_variables["RUNNEL_TLS"] = bool(self.options.tls)
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", src=self.source_folder,
             dst=os.path.join(self.package_folder, "licenses"))
        CMake(self).install()

    def package_info(self):
        windows = self.settings.os == "Windows"
        self.cpp_info.set_property("cmake_file_name", "runnel")
        # Else everything at once had the name of the first component, and so OpenSSL with it.
        self.cpp_info.set_property("cmake_target_name", "runnel::all")
        core = self.cpp_info.components["runnel"]
        core.libs = ["runnel"]
        core.set_property("cmake_target_name", "runnel::runnel")
        core.set_property("pkg_config_name", "runnel")
        if self.options.shared:
            core.defines = ["RNL_SHARED"]
        elif windows:
            core.defines = ["RNL_STATIC"]
        if windows:
            core.system_libs = ["ws2_32", "mswsock"]
        elif self.settings.os in ("Linux", "FreeBSD"):
            core.system_libs = ["pthread"]
        tls = self.cpp_info.components["runnel_tls"]
        tls.libs = ["runnel_tls"]
        tls.requires = ["runnel"]
        if self.options.tls:
            tls.requires.append("openssl::openssl")
            if windows:
                tls.system_libs = ["crypt32"]
        tls.set_property("cmake_target_name", "runnel::runnel_tls")
        tls.set_property("pkg_config_name", "runnel_tls")
