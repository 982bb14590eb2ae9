"""A machine that follows a pickle's instructions without importing or calling anything.

It knows the opcodes of all six protocols (`pickletools` describes them) and makes plain containers,
texts and numbers. Names stay texts; calls become a `Stub`, except for the few that make tensors and
plain containers, for which `inert_calls` has functions of our own. No method of an object that came
out of the pickle is ever called, no attribute of it looked up, and no dict key hashed that is more
than a text or number. Steps and bytes are counted, so that a small file cannot take long or much.
"""

import codecs
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from interp_gui.checkpoints.inert import BadPickle, Name, Stub

Call = Callable[["Machine", tuple[Any, ...]], Any]
"""A function of ours in place of a named one; NotImplemented for arguments it cannot use."""

_MOST_STEPS = 3_000_000
_MOST_BYTES_MADE = 64 << 20
_LONGEST_NUMBER = 4096  # bytes
_LONGEST_NAME = 1000
_MOST_NAMES = 5000
_LAST_PLACE = 1 << 22  # places are counted up; scattered ones can be made to collide
_PLAIN_KEY = 1 << 22  # the same holds for whole numbers as keys
_LARGEST_KEY = 1 << 60  # larger ones can be made to have equal hashes
_LONGEST_KEY = 8
_MOST_DOUBTFUL_KEYS = 5_000  # large numbers and tuples
_RENAMED_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg", "exceptions": "builtins"}
# names that protocol 2 gives built-in classes, as Python 2 called them
_RENAMED_CLASSES = {"long": "int", "unicode": "str", "xrange": "range"}


class Budget:
    """What is left of the steps and bytes that reading one file may take."""

    def __init__(self) -> None:
        self.steps = _MOST_STEPS
        self.made_bytes = _MOST_BYTES_MADE
        self.doubtful_keys = _MOST_DOUBTFUL_KEYS
        self.names: dict[str, None] = {}

    def make(self, count: int) -> None:
        """Account for a copy that is made of something shared."""
        self.made_bytes -= count
        if self.made_bytes < 0:
            raise BadPickle("it would unpack to far more than it holds")

    def name(self, module: str, name: str) -> str:
        """Note that a name was asked for, and give it as one text."""
        if module == "__builtin__":
            name = _RENAMED_CLASSES.get(name, name)
        text = f"{_RENAMED_MODULES.get(module, module)}.{name}".replace("numpy._core", "numpy.core")
        if len(text) > _LONGEST_NAME or len(self.names) >= _MOST_NAMES:
            raise BadPickle("it names absurdly many or long classes")
        self.names[text] = None
        return text


class Machine:
    """Reads one pickle from a stream, from where it stands to its end.

    Parameters
    ----------
    calls
        What stands in for named functions, by dotted name.
    values
        What stands in for names themselves, for example kinds of numbers.
    persistent
        Called with what a pickle refers to outside itself.
    limit_bytes
        How much may be read.
    """

    def __init__(
        self,
        stream: BinaryIO,
        budget: Budget,
        *,
        calls: dict[str, Call],
        values: dict[str, Any],
        persistent: Callable[[Any], Any],
        limit_bytes: int,
    ) -> None:
        self._stream = stream
        self.budget = budget
        self._calls = calls
        self._values = values
        self._persistent = persistent
        self._left = limit_bytes
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def load(self) -> Any:
        """Follow the instructions to the end.

        Raises
        ------
        BadPickle
            It is cut short, no pickle, or takes too much.
        """
        budget = self.budget
        try:
            while budget.steps > 0:
                budget.steps -= 1  # at once: what a call reads within this pickle counts too
                code = self._read(1)[0]
                if code == 0x2E:  # STOP
                    return self._stack.pop()
                step = _STEPS.get(code)
                if step is None:
                    raise BadPickle(f"it holds an instruction that is not read ({code})")
                step(self)
        except (IndexError, KeyError, struct.error):
            raise BadPickle("its instructions are damaged") from None
        except (ValueError, OverflowError):
            raise BadPickle("it holds a damaged text or number") from None
        raise BadPickle("it has absurdly many instructions")

    def call(self, function: Any, args: Any) -> Any:
        """What a call gives here: something of our own, or a stand-in for its result."""
        if not isinstance(args, tuple):
            raise BadPickle("its instructions are damaged")
        if isinstance(function, Name):
            known = self._calls.get(function.text)
            if known is not None:
                result = known(self, args)
                if result is not NotImplemented:
                    return result
            return Stub(function.text, args)
        return Stub(function.kind if isinstance(function, Stub) else "?", args)

    def _read(self, count: int) -> bytes:
        if count > self._left:
            raise BadPickle("it is cut short")
        content = self._stream.read(count)
        if len(content) != count:
            raise BadPickle("it is cut short")
        self._left -= count
        return content

    def _line(self) -> bytes:
        line = self._stream.readline(self._left)
        self._left -= len(line)
        if not line.endswith(b"\n"):
            raise BadPickle("it is cut short")
        return line[:-1]

    def _whole(self, form: str) -> int:
        (value,) = struct.unpack(form, self._read(struct.calcsize(form)))
        if value < 0:
            raise BadPickle("its instructions are damaged")
        return int(value)

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _to_mark(self) -> list[Any]:
        items = self._stack
        self._stack = self._marks.pop()
        return items

    def _find(self, module: str, name: str) -> None:
        text = self.budget.name(module, name)
        value = self._values.get(text)
        self._push(Name(text) if value is None else value)

    def _set(self, target: Any, key: Any, value: Any) -> None:
        if type(target) is Stub:
            target = target.pairs
        if type(target) is not dict:
            raise BadPickle("its instructions are damaged")
        target[self._key(key)] = value

    def _key(self, key: Any) -> Any:
        kind = type(key)
        if kind in (str, bytes, bool, float, type(None), Name, Stub):
            return key
        if kind is int and -_PLAIN_KEY < key < _PLAIN_KEY:
            return key
        if kind is int and -_LARGEST_KEY < key < _LARGEST_KEY:
            self.budget.doubtful_keys -= 1
            return key if self.budget.doubtful_keys > 0 else Stub("key", (key,))
        if kind is tuple and len(key) <= _LONGEST_KEY:
            self.budget.doubtful_keys -= 1
            if self.budget.doubtful_keys > 0 and all(
                type(each) in (str, bytes) or (type(each) is int and abs(each) < _LARGEST_KEY)
                for each in key
            ):
                return key
        return Stub("key", (key,))

    def _extend(self, target: Any, items: list[Any]) -> None:
        if type(target) is Stub:
            target = target.items
        if type(target) is not list:
            raise BadPickle("its instructions are damaged")
        target.extend(items)

    # one method an opcode or family of opcodes from here on

    def _proto(self) -> None:
        if self._read(1)[0] > 5:
            raise BadPickle("it is of a protocol that is not known")

    def _frame(self) -> None:
        self._read(8)  # how long the frame is matters only for reading ahead

    def _mark(self) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._to_mark()

    def _dup(self) -> None:
        self._push(self._stack[-1])

    def _text_int(self) -> None:
        text = self._line()
        self._push({b"00": False, b"01": True}[text] if text in (b"00", b"01") else int(text))

    def _text_long(self) -> None:
        self._push(int(self._line().rstrip(b"L")))

    def _text_float(self) -> None:
        self._push(float(self._line()))

    def _long(self, form: str) -> None:
        count = self._whole(form)
        if count > _LONGEST_NUMBER:
            raise BadPickle("it holds an absurdly large number")
        self._push(int.from_bytes(self._read(count), "little", signed=True))

    def _text_string(self) -> None:
        line = self._line().strip()
        if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
            raise BadPickle("it holds a damaged text or number")
        self._push(_decoded(codecs.escape_decode(line[1:-1])[0]))

    def _string(self, form: str) -> None:
        self._push(_decoded(self._read(self._whole(form))))

    def _unicode(self, form: str) -> None:
        self._push(str(self._read(self._whole(form)), "utf-8", "surrogatepass"))

    def _bytes(self, form: str) -> None:
        self._push(self._read(self._whole(form)))

    def _tuple(self, count: int) -> None:
        if len(self._stack) < count:
            raise BadPickle("its instructions are damaged")
        self._stack[-count:] = [tuple(self._stack[-count:])]

    def _dict(self) -> None:
        items = self._to_mark()
        self._push({})
        self._setitems(items)

    def _setitems(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if len(items) % 2:
            raise BadPickle("its instructions are damaged")
        for key, value in zip(items[::2], items[1::2], strict=True):
            self._set(target, key, value)

    def _setitem(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set(self._stack[-1], key, value)

    def _append(self) -> None:
        value = self._stack.pop()
        self._extend(self._stack[-1], [value])

    def _appends(self) -> None:
        items = self._to_mark()
        self._extend(self._stack[-1], items)

    def _put(self, place: int) -> None:
        if not 0 <= place <= _LAST_PLACE:  # larger ones can be made to have equal hashes
            raise BadPickle("its instructions are damaged")
        self._memo[place] = self._stack[-1]

    def _get(self, place: int) -> None:
        self._push(self._memo[place])

    def _global(self) -> None:
        module, name = self._line(), self._line()
        self._find(module.decode(), name.decode())

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if type(name) is not str or type(module) is not str:
            raise BadPickle("it hides the name of something that it would run")
        self._find(module, name)

    def _reduce(self) -> None:
        args = self._stack.pop()
        self._stack[-1] = self.call(self._stack[-1], args)

    def _newobj_ex(self) -> None:
        kwargs, args = self._stack.pop(), self._stack.pop()
        made = self.call(self._stack[-1], args)
        if type(made) is Stub and type(kwargs) is dict:
            made.pairs = kwargs
        self._stack[-1] = made

    def _inst(self) -> None:
        self._global()
        name = self._stack.pop()
        self._push(self.call(name, tuple(self._to_mark())))

    def _obj(self) -> None:
        items = self._to_mark()
        self._push(self.call(items[0], tuple(items[1:])))

    def _build(self) -> None:
        state = self._stack.pop()
        target = self._stack[-1]
        if type(target) is Stub:
            target.state = state  # of anything else only its own content counts

    def _persid(self) -> None:
        self._push(self._persistent(self._line().decode("ascii")))

    def _binpersid(self) -> None:
        self._push(self._persistent(self._stack.pop()))


def _decoded(raw: bytes) -> str | bytes:
    """A text of Python 2, which did not tell texts from bytes."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


_STEPS: dict[int, Callable[[Machine], None]] = {
    0x80: Machine._proto,
    0x95: Machine._frame,
    0x28: Machine._mark,
    0x30: Machine._pop,
    0x31: lambda m: (m._to_mark(), None)[1],  # POP_MARK
    0x32: Machine._dup,
    0x49: Machine._text_int,
    0x4C: Machine._text_long,
    0x46: Machine._text_float,
    0x4A: lambda m: m._push(struct.unpack("<i", m._read(4))[0]),
    0x4B: lambda m: m._push(m._read(1)[0]),
    0x4D: lambda m: m._push(struct.unpack("<H", m._read(2))[0]),
    0x8A: lambda m: m._long("<B"),
    0x8B: lambda m: m._long("<i"),
    0x47: lambda m: m._push(struct.unpack(">d", m._read(8))[0]),
    0x4E: lambda m: m._push(None),
    0x88: lambda m: m._push(True),
    0x89: lambda m: m._push(False),
    0x53: Machine._text_string,
    0x54: lambda m: m._string("<i"),
    0x55: lambda m: m._string("<B"),
    0x56: lambda m: m._push(str(m._line(), "raw-unicode-escape")),
    0x58: lambda m: m._unicode("<I"),
    0x8C: lambda m: m._unicode("<B"),
    0x8D: lambda m: m._unicode("<Q"),
    0x42: lambda m: m._bytes("<I"),
    0x43: lambda m: m._bytes("<B"),
    0x8E: lambda m: m._bytes("<Q"),
    0x96: lambda m: m._bytes("<Q"),  # a bytearray, kept as bytes
    0x29: lambda m: m._push(()),
    0x74: lambda m: m._push(tuple(m._to_mark())),
    0x85: lambda m: m._tuple(1),
    0x86: lambda m: m._tuple(2),
    0x87: lambda m: m._tuple(3),
    0x5D: lambda m: m._push([]),
    0x6C: lambda m: m._push(m._to_mark()),
    0x7D: lambda m: m._push({}),
    0x64: Machine._dict,
    0x8F: lambda m: m._push([]),  # a set, kept as a list: its members are not hashed
    0x91: lambda m: m._push(m._to_mark()),  # a frozenset
    0x61: Machine._append,
    0x65: Machine._appends,
    0x90: Machine._appends,
    0x73: Machine._setitem,
    0x75: lambda m: m._setitems(m._to_mark()),
    0x70: lambda m: m._put(int(m._line())),
    0x71: lambda m: m._put(m._read(1)[0]),
    0x72: lambda m: m._put(m._whole("<I")),
    0x94: lambda m: m._put(len(m._memo)),
    0x67: lambda m: m._get(int(m._line())),
    0x68: lambda m: m._get(m._read(1)[0]),
    0x6A: lambda m: m._get(m._whole("<I")),
    0x63: Machine._global,
    0x93: Machine._stack_global,
    0x52: Machine._reduce,
    0x81: Machine._reduce,
    0x92: Machine._newobj_ex,
    0x69: Machine._inst,
    0x6F: Machine._obj,
    0x62: Machine._build,
    0x50: Machine._persid,
    0x51: Machine._binpersid,
}
# EXT1, EXT2, EXT4 (numbers in place of names) and out-of-band buffers are missing on purpose
