# Shows values of Coex programs in gdb as Coex writes them. Part of every executable that `coexc -g` makes.
#
# In: types of the executable's debug information; the name of a structure ends with what it is, as in `List<int>.list`.
# Out: pretty-printers, and the functions $at and $len. No layout stands here: places, sizes and counts are those of the
# types.

import struct

import gdb
import gdb.types


def bits_of(array):
    """The logarithm of the number of items in an array of a structure."""
    return (array.type.range()[1] + 1).bit_length() - 1


def list_items(value):
    """The items of a list: full leaves below inner nodes, and a tail."""
    length, tail = int(value["len"]), value["tail"]
    if length == 0:
        return
    leaf_bits, node_bits = bits_of(tail["items"]), bits_of(tail["parts"])
    in_tail = (length - 1) >> leaf_bits << leaf_bits
    leaf, depth = None, int(value["depth"])
    for index in range(length):
        inside = index & ((1 << leaf_bits) - 1)
        if inside == 0 or leaf is None:
            leaf = tail if index >= in_tail else value["root"]
            for level in range(depth - 1 if index < in_tail else -1, -1, -1):
                branch = index >> (leaf_bits + node_bits * level) & ((1 << node_bits) - 1)
                leaf = leaf["parts"][branch].cast(tail.type)
        yield leaf["items"][inside]


def array_items(value):
    """The items of an array; those of a matrix are its rows."""
    data = value["data"]
    item = data.type.target().strip_typedefs()
    width = item.range()[1] + 1 if item.code == gdb.TYPE_CODE_ARRAY else 1
    for index in range(int(value["len"]) // width):
        yield data[index]


def entries(value):
    """The entries of a map or a set, in the order in which Coex walks over them."""
    nodes = [value["root"]] if int(value["root"]) != 0 else []
    while nodes:
        node = nodes.pop()
        below = int(node["child_bitmap"])
        count = bin(int(node["entry_bitmap"])).count("1") if int(node["entry_bitmap"]) | below else int(node["aux"])
        first = node["entries"][0].address
        for index in range(count):
            yield (first + index).dereference()
        children = (first + count).cast(node.type.pointer())
        nodes.extend((children + index).dereference() for index in reversed(range(bin(below).count("1"))))


class Text:
    """A string."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        length = int(self.value["len"])
        return self.value["data"].lazy_string("utf-8", length=length) if length else ""

    def display_hint(self):
        return "string"


class Items:
    """What has items in a row."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        return None if int(self.value["len"]) else "{}"

    def children(self):
        for index, item in enumerate(self.items(self.value)):
            yield "[%d]" % index, item

    def display_hint(self):
        return "array"


class List(Items):
    items = staticmethod(list_items)


class Array(Items):
    items = staticmethod(array_items)


class Set(Items):
    @staticmethod
    def items(value):
        return (entry["key"] for entry in entries(value))


class Map(Items):
    def children(self):
        for index, entry in enumerate(entries(self.value)):
            yield "[%d].key" % index, entry["key"]
            yield "[%d].value" % index, entry["value"]

    def display_hint(self):
        return "map"


class Record:
    """A tuple or a value of a user type that is larger than a few words."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        return None

    def children(self):
        return ((field.name, self.value[field]) for field in self.value.type.fields())


class Enum:
    """A value of a type with cases, by its case."""

    def __init__(self, value):
        cases = value.type.fields()[1:]
        tag = int(value["tag"])
        self.case = cases[tag] if tag < len(cases) else None
        self.value = value[self.case] if self.case else None

    def to_string(self):
        return self.case.name if self.case else "nothing yet"

    def children(self):
        fields = self.value.type.fields() if self.case else []
        return ((field.name, self.value[field]) for field in fields)


class Inner:
    """What stands for a value: an optional that has one, a box."""

    def __init__(self, value):
        is_present = not gdb.types.has_field(value.type, "present") or bool(value["present"])
        self.value = value["value"] if is_present else "nil"

    def to_string(self):
        return self.value


class Shown:
    """What is shown as a text."""

    def __init__(self, text):
        self.text = text

    def to_string(self):
        return self.text


def function(value):
    code = int(value["code"])
    block = gdb.block_for_pc(code)
    if block and block.function:
        return Shown(block.function.name)
    return Shown(gdb.execute("info symbol %d" % code, to_string=True).split(" in section")[0])


def channel(value):
    state = ", closed" if value["closed"] else ""
    return Shown("channel with %d of %d values%s" % (value["len"], value["capacity"], state))


class Members:
    """An object of json."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        return None if int(self.value["len"]) else "{}"

    def children(self):
        for index in range(int(self.value["len"])):
            entry = (self.value["entries"]["items"][0].address + index).dereference()
            yield "[%d].key" % index, entry["key"]
            yield "[%d].value" % index, entry["value"]

    def display_hint(self):
        return "map"


def json(value):
    part, word = value["part"], int(value["word"])
    if int(part) == 0:
        return Shown("null")
    known = {field.name: field.enumval for field in part["kind"].type.fields()}
    kind = int(part["kind"]) & known["json.mask"]
    if kind == known["json.bool"]:
        return Shown("true" if word else "false")
    if kind == known["json.int"]:
        return Shown(str(int.from_bytes(word.to_bytes(8, "little"), "little", signed=True)))
    if kind == known["json.float"]:
        return Shown(repr(struct.unpack("<d", word.to_bytes(8, "little"))[0]))
    if kind == known["json.array"]:
        return Array(part["items"])
    if kind == known["json.object"]:
        return Members(part["members"])
    first, length = 0, int(part["text"]["len"])
    if word:
        bits = known["json.view_bits"]
        first, length = word % (1 << known["json.view_mark"]) >> bits, word & ((1 << bits) - 1)
    return Text({"data": part["text"]["data"] + first, "len": length})


KINDS = {
    "string": Text,
    "list": List,
    "array": Array,
    "set": Set,
    "map": Map,
    "record": Record,
    "enum": Enum,
    "optional": Inner,
    "box": Inner,
    "atomic": Inner,
    "json": json,
    "function": function,
    "channel": channel,
}


def kind(value):
    """The value itself, not a reference to it, and what it is; `None` for what is not Coex's."""
    base = value.type.strip_typedefs()
    is_reference = base.code == gdb.TYPE_CODE_PTR
    if is_reference:
        base = base.target().strip_typedefs()
    if base.code != gdb.TYPE_CODE_STRUCT or "." not in (base.tag or ""):
        return value, None
    made = KINDS.get(base.tag.rpartition(".")[2])
    if made is None or not is_reference:
        return value, made
    if int(value) == 0:
        return None, made
    return value.dereference(), made


def printer(value):
    """gdb asks for the printer of each value."""
    base = value.type
    if base.code == gdb.TYPE_CODE_CHAR and base.name == "char" and base.sizeof == 4:
        return Shown(repr(chr(int(value))))
    if base.code == gdb.TYPE_CODE_INT and base.name == "byte":
        return Shown(str(int(value)))
    value, made = kind(value)
    if made is None:
        return None
    return Shown("nil") if value is None else made(value)


class At(gdb.Function):
    """$at(X, INDEX): an item of a list or an array, from 0."""

    def __init__(self):
        super().__init__("at")

    def invoke(self, value, index):
        value, made = kind(value)
        if made not in (List, Array) or value is None:
            raise gdb.GdbError("$at wants a list or an array")
        wanted = int(index)
        for position, item in enumerate(made.items(value)):
            if position == wanted:
                return item
        raise gdb.GdbError("there is no item %d" % wanted)


class Len(gdb.Function):
    """$len(X): the length of a string, a list, an array, a map or a set."""

    def __init__(self):
        super().__init__("len")

    def invoke(self, value):
        value, made = kind(value)
        if made not in (Text, List, Array, Map, Set) or value is None:
            raise gdb.GdbError("$len wants a string, a list, an array, a map or a set")
        return value["len"]


printer.name = "coex"
(gdb.current_objfile() or gdb).pretty_printers.append(printer)
At()
Len()
