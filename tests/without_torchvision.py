"""Lets timm be imported where torchvision is not installed: its networks do not need it, only its transforms do.
Import this first. Nothing of the stand-in may be called."""
import enum
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types

FILTERS = ("nearest", "nearest_exact", "bilinear", "bicubic", "box", "hamming", "lanczos")


class StandIn(types.ModuleType):
    __path__ = []
    __version__ = "0.0"

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "InterpolationMode":
            value = enum.Enum(name, {f.upper(): f for f in FILTERS})
        else:  # a class to derive from, or a function to decorate with
            value = type(name, (), {}) if name[0].isupper() else lambda *args, **kwargs: None
        setattr(self, name, value)
        return value


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        is_ours = name.split(".")[0] == "torchvision"
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if is_ours else None

    def create_module(self, spec):
        return StandIn(spec.name)

    def exec_module(self, module):
        pass


if importlib.util.find_spec("torchvision") is None:
    sys.meta_path.insert(0, Finder())
