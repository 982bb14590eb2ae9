"""Which of the names that a pickle asks for belong to tensors, and which are known to be dangerous.

No name decides whether something runs, since nothing does: it decides what the user is told.
"""

from collections.abc import Iterable

from interp_gui.core.opening import ForeignName

_OWN = frozenset(
    ("collections.OrderedDict", "collections.defaultdict", "collections.Counter", "torch.Size")
    + ("torch.device", "torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer")
    + ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
    + ("torch._utils._rebuild_tensor_v3", "torch._utils._rebuild_parameter")
    + ("torch._utils._rebuild_parameter_with_state", "torch._utils._rebuild_qtensor")
    + ("torch._utils._rebuild_device_tensor_from_numpy", "torch._utils._rebuild_sparse_tensor")
    + ("torch._utils._rebuild_device_tensor_from_cpu_tensor", "torch._utils._rebuild_xla_tensor")
    + ("torch._tensor._rebuild_from_type_v2", "torch.serialization._get_layout")
    + ("torch.storage._load_from_bytes", "_codecs.encode", "copyreg._reconstructor")
    + ("builtins.set", "builtins.frozenset", "builtins.list", "builtins.tuple", "builtins.dict")
    + ("builtins.bytearray", "builtins.bytes", "builtins.complex", "builtins.object")
    + ("builtins.int", "builtins.float", "builtins.str", "builtins.bool", "builtins.slice")
    + ("builtins.range", "numpy.dtype", "numpy.ndarray", "numpy.core.multiarray.scalar")
    + ("numpy.core.multiarray._reconstruct", "numpy.core.numeric._frombuffer")
)
_DTYPES = ("float", "bfloat", "int", "uint", "complex", "bool", "half", "double", "long", "short")

# whole modules that can run programs, read, write, connect, or reach whatever does
_DANGEROUS_MODULES = (
    "os", "posix", "posixpath", "nt", "ntpath", "sys", "subprocess", "_posixsubprocess", "pty",
    "runpy", "code", "codeop", "commands", "platform", "popen2", "shutil", "tempfile", "glob",
    "fileinput", "linecache", "io", "_io", "codecs", "socket", "_socket", "ssl", "select",
    "urllib", "urllib2", "http", "httplib", "ftplib", "smtplib", "poplib", "imaplib", "telnetlib",
    "socketserver", "xmlrpc", "requests", "aiohttp", "webbrowser", "antigravity", "asyncio",
    "multiprocessing", "concurrent", "threading", "_thread", "signal", "sched", "ctypes",
    "_ctypes", "cffi", "mmap", "importlib", "imp", "pkgutil", "zipimport", "builtin", "pickle",
    "_pickle", "cPickle", "pickletools", "shelve", "marshal", "dill", "cloudpickle", "joblib",
    "copyreg", "operator", "_operator", "inspect", "types", "gc", "atexit", "ast", "dis", "pdb",
    "bdb", "cProfile", "profile", "trace", "timeit", "doctest", "unittest", "pip", "ensurepip",
    "setuptools", "distutils", "pkg_resources", "venv", "idlelib", "lib2to3", "pydoc", "site",
    "logging.config", "sqlite3", "dbm", "tarfile", "zipfile", "winreg", "msvcrt", "_winapi",
    "pwd", "crypt", "resource", "torch.hub", "torch.jit", "torch.package", "torch.ops",
    "torch.classes", "torch.fx", "torch.serialization", "torch.utils.cpp_extension",
    "torch.utils.model_zoo", "torch.utils.collect_env", "torch.utils._config_module",
    "torch.utils.bottleneck", "torch.utils.data.datapipes", "torch.distributed", "torch._dynamo",
    "torch._inductor", "torch.testing", "torch._C", "numpy.f2py", "numpy.distutils",
    "numpy.testing", "numpy.ctypeslib", "numpy.lib.npyio", "numpy.core.records", "pandas.io",
    "tensorflow", "keras", "jax.experimental",
)  # fmt: skip
_DANGEROUS_NAMES = frozenset(
    ("torch.load", "torch.save", "torch.compile", "torch._utils_internal.get_file_path")
    + ("torch.storage.TypedStorage.from_file", "torch.storage.UntypedStorage.from_file")
    + ("torch.from_file", "torch.import_ir_module", "torch.package_importer")
    + ("numpy.load", "numpy.loads", "numpy.fromfile", "numpy.memmap", "numpy.save", "numpy.savez")
    + ("numpy.savetxt", "numpy.loadtxt", "numpy.genfromtxt", "numpy.fromregex", "numpy.tofile")
    + ("numpy.safe_eval", "numpy.DataSource", "numpy.core.multiarray.fromfile")
    + ("functools.reduce", "functools.partialmethod", "functools.cached_property")
    + ("pandas.read_pickle", "pandas.eval", "pandas.core.computation.eval.eval")
    + ("collections.namedtuple", "typing.get_type_hints", "logging.FileHandler")
)
_HARMLESS = frozenset(("types.SimpleNamespace", "types.MappingProxyType"))
_HARMLESS_FUNCTIONS = ("torch._C._nn.",)  # activations that networks keep as attributes
# of the built-in names only classes of values are harmless
_HARMLESS_BUILTINS = frozenset(
    ("object", "type", "set", "frozenset", "list", "tuple", "dict", "bytes", "bytearray", "str")
    + ("int", "float", "complex", "bool", "slice", "range", "property", "NoneType", "Ellipsis")
    + ("NotImplemented", "enumerate", "zip", "reversed", "abs", "min", "max", "sum", "len", "print")
)


def foreign(names: Iterable[str]) -> tuple[ForeignName, ...]:
    """Those that are not part of a plain tensor, the dangerous ones first."""
    found = [
        ForeignName(name=_shown(name), dangerous=is_dangerous(name))
        for name in names
        if not belongs_to_tensors(name)
    ]
    return tuple(sorted(found, key=lambda each: not each.dangerous))


def belongs_to_tensors(name: str) -> bool:
    """Whether a name is one of those that plain values and tensors are written with."""
    module, _, last = name.rpartition(".")
    storage = module in ("torch", "torch.cuda", "torch.storage") and last.endswith("Storage")
    dtype = module == "torch" and last.startswith(_DTYPES)
    return storage or dtype or name in _OWN


def is_dangerous(name: str) -> bool:
    """Whether a name is known to run commands, open files, connect, or reach what does.

    A list of such names is never complete. It may only decide whether the user is asked.
    """
    if name in _OWN or name in _HARMLESS or name.startswith(_HARMLESS_FUNCTIONS):
        return False
    module, _, rest = name.partition(".")
    if module == "builtins":
        harmless = rest in _HARMLESS_BUILTINS or rest.endswith(("Error", "Exception", "Warning"))
        return not harmless
    if name in _DANGEROUS_NAMES:
        return True
    parts = name.split(".")
    if module != "__main__" and any(part.startswith("__") for part in parts[1:]):
        return True  # `__globals__`, `__subclasses__`, …
    return any(name == each or name.startswith(f"{each}.") for each in _DANGEROUS_MODULES)


def _shown(name: str) -> str:
    clean = "".join(letter if letter.isprintable() else "�" for letter in name)
    return clean if len(clean) <= 200 else clean[:199] + "…"
