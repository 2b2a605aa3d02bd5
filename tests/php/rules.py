"""What a channel gets (README), told once more: from what PHP makes of a body.

objects_of() applies the rules to $_POST or json_decode(): nothing here knows
how our readers work. What PHP does otherwise, on purpose, is this and no more;
test_php.py counts each as a difference only where it is one:

    both    NUL and bytes that are no UTF-8 are refused (a form: PHP lets them
            pass, cuts names at a NUL; JSON: PHP takes \\u0000)
    both    what identifies is refused when it comes twice: fields of auth,
            event, CONNECTOR, LINE, im.*_id, chat.id, message.id; so is going
            back to an element of MESSAGES behind its end. PHP takes the last
    both    limits: depth, number, length (README); PHP has others
    both    null and empty arrays vanish; containers of which all other keys
            are whole numbers become lists, however sparse, and lose the
            indexes
    JSON    numbers stay as spelled; PHP rounds them, 1.0e3 is 1000.0 and -0
            is 0, which is a number here where -0 is none
    JSON    a container that comes twice in an object is merged with itself;
            PHP takes the last
    JSON    a BOM at the very beginning is skipped; PHP refuses it
    form    a name without =, a pair without a name, brackets that do not
            match and % without two hex digits are refused; PHP repairs them
    form    names are taken as they are; PHP trims blanks in front of them,
            writes _ for a blank or dot before the first bracket, and takes
            a[ ] with one blank for a[]
    form    text in place of data, auth or MESSAGES is passed over; PHP takes
            what comes last, and forgets what was inside
    form    a[] behind a[9223372036854775807] takes a lower index; PHP drops
            it
"""

import re
import urllib.parse

from readers import Array

ENVELOPE = ("key", "event", "member_id", "domain", "connector", "line", "ts")
INT64 = 2**63


class Spelled(float):
    """A number of PHP's: ours is a text with the same value."""

    def __eq__(self, other):
        return isinstance(other, str) and re.fullmatch(
            r"-?\d+(\.\d+)?([eE][-+]?\d+)?", other) is not None and \
            float(other) == float(self)

    __hash__ = float.__hash__


def shows(value):
    """Whether something is left of it."""
    if isinstance(value, Array):
        return any(map(shows, value.values()))
    return value is not None


def text(value):
    """A scalar as text."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) or value == 0 and not isinstance(value, str):
        return Spelled(value)       # 0: PHP's -0
    return str(value)


def is_list(value):
    """Whether a container becomes a list."""
    return all(isinstance(k, int) for k, v in value.items() if shows(v))


def plain(value):
    """Any value, with every scalar as text."""
    if not isinstance(value, Array):
        return text(value)
    if is_list(value):
        return [plain(v) for v in value.values() if shows(v)]
    return {str(k): plain(v) for k, v in value.items() if shows(v)}


def number(value):
    """The whole number that a scalar spells, or None."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"0|-?[1-9][0-9]{0,18}", value):
        value = int(value)
    return value if isinstance(value, int) and -INT64 <= value < INT64 \
        else None


def typed(value, member):
    """A container some of whose members are numbers."""
    if not isinstance(value, Array) or is_list(value):
        return plain(value)
    out = {}
    for key, v in value.items():
        if shows(v) and (told := member(str(key), v)) is not None:
            out[str(key)] = told
    return out or None


def im_member(_, value):
    """Numbers where they can be."""
    n = number(value)
    return n if n is not None else plain(value)


def message_member(key, value):
    """user_id is a number or nothing."""
    return number(value) if key == "user_id" else plain(value)


def at(value, *way):
    """What stands there, or None."""
    for key in way:
        value = value.get(key) if isinstance(value, Array) else None
    return value


def useless(element):
    """The field that makes it so, or "-"."""
    for key in "chat_id", "message_id":
        n = number(at(element, "im", key))
        if n is None or n < 1:
            return f"im.{key}"
    chat = at(element, "chat", "id")
    ok = chat not in (None, "") and not isinstance(chat, Array)
    return "-" if ok else "chat.id"


def body_of(element):
    """The object's part that comes from the element."""
    out = {}
    for key, value in element.items():
        if not shows(value) or key in ENVELOPE:
            continue
        member = {"im": im_member, "message": message_member}.get(key)
        told = typed(value, member) if member else plain(value)
        if told is not None:
            out[str(key)] = told
    return out


def elements(event):
    """Those of MESSAGES, in order of arrival; what vanishes does not count."""
    messages = at(event, "data", "MESSAGES")
    if not isinstance(messages, Array):
        return []
    return [v for k, v in messages.items()
            if isinstance(k, int) and 0 <= k < INT64 - 1 and shows(v)]


def envelope(event):
    """The object's part that comes from around the element."""
    out = {"key": "k", "event": at(event, "event").upper(),
           "member_id": at(event, "auth", "member_id")}
    domain = at(event, "auth", "domain")
    if domain is not None and not isinstance(domain, Array):
        out["domain"] = text(domain)
    return {**out, "connector": text(at(event, "data", "CONNECTOR")),
            "line": number(at(event, "data", "LINE"))}


def objects_of(event):
    """(field that makes it useless or "-", object) of each element, in order
    of arrival."""
    ts = number(event.get("ts"))
    out = []
    for element in elements(event):
        bad = useless(element)
        if bad != "-":
            out.append((bad, plain(element)))
            continue
        told = {**envelope(event), **body_of(element)}
        if ts is not None and ts >= 0:
            told["ts"] = ts
        out.append((bad, told))
    return out


# -- why a form is refused that PHP takes; each reason by itself

def name_is_well_formed(name):
    """A name, and behind it brackets that match."""
    head = re.match(r"[^\[\]]+", name)
    return head is not None and re.fullmatch(
        r"(\[[^\]]*\])*", name[head.end():], re.S) is not None


def is_refused(form):
    """Whether a form is not in order, by its text alone."""
    if re.search(rb"%(?![0-9A-Fa-f]{2})", form):
        return True
    for pair in form.split(b"&"):
        name, equals, value = pair.replace(b"+", b" ").partition(b"=")
        if pair == b"":
            continue
        try:
            name = urllib.parse.unquote_to_bytes(name).decode()
            value = urllib.parse.unquote_to_bytes(value).decode()
        except UnicodeDecodeError:
            return True
        if not equals or "\0" in name + value or not name_is_well_formed(name):
            return True
    return False


def php_reads_names_otherwise(form):
    """Whether one of a form's names is one that PHP changes, or that stands
    for a container."""
    names = [urllib.parse.unquote_to_bytes(pair.partition(b"=")[0]
                                           .replace(b"+", b" "))
             for pair in form.split(b"&")]
    return any(re.match(rb"\s", n) or re.search(rb"\[\s\]", n) or
               b"[9223372036854775807]" in n or
               n in (b"data", b"auth", b"data[MESSAGES]") for n in names)
