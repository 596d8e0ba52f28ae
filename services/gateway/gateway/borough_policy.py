"""What a borough may write into its policy, and the policy as it is kept ready to be asked.

In this room: the Cedar schema, the rules for a text (it may only forbid, and nothing in it can fail), what is wrong
with one, and its parsed form. Not in this room: which cells of a call a policy is asked about (`narrowing`).

Cedar skips a policy that fails while it is evaluated, so that a `forbid` that fails forbids nothing. Hence a text may
hold only what strict validation proves cannot fail: no arithmetic, which may overflow, and no extension functions.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from functools import lru_cache
from typing import Any, Final

from cedarpy import PolicySet, Schema, pst, validate_policies

from shared.categories import Action

SCHEMA: Final = """\
entity Organisation;
entity Worker { organisation: Organisation, roles: Set<String>, training_current: Bool, commitment_current: Bool };
entity Data { owner: Organisation, service_area: String, category: String, class: String };
action read, search, write, refer, steward, export appliesTo { principal: Worker, resource: Data,
  context: { purpose: String, emergency: Bool, acting_for: Organisation, local_hour: Long } };
"""
DATA_ATTRIBUTES: Final = frozenset({"owner", "service_area", "category", "class"})
CONTEXT_ATTRIBUTES: Final = frozenset({"purpose", "emergency", "acting_for", "local_hour"})
MOST_BYTES: Final = 64 * 1024
MOST_POLICIES: Final = 200
MOST_SYMBOLS: Final = 250
"""Operators and brackets in one policy; Cedar's parser overflows its stack on a policy nested a thousand deep."""
_DEEPEST: Final = 100
"""Levels to which cedarpy shows a parsed policy."""

_LONGEST_RULE: Final = 300
"""A parser may quote as much of the text as it likes."""
_SCHEMA: Final = Schema.from_str(SCHEMA)
_TOKENS: Final = re.compile(
    r"""
    (?P<comment> //[^\n\r]* )
    | (?P<other> "(?:\\[^\n]|[^"\\])*+"? | , )
    | (?P<end> ; )
    | (?P<symbol> \b(?:if|in|is|has|like)\b | &&|\|\||[=!<>]=|[^\w\s] )
    | (?P<word> \w+ )
    """,
    re.VERBOSE,
)
"""Cedar's tokens, as far as it takes to tell policies apart and to count what nests. A string that never ends is one
too, and is never gone back into, or a text of quotes alone would keep every other call waiting."""
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CANNOT_FAIL: Final = frozenset(
    {"not", "is_empty", "eq", "not_eq", "less", "less_eq", "greater", "greater_eq", "and", "or", "in"}
    | {"contains", "contains_all", "contains_any"}
)
_ACTIONS: Final = frozenset(action.value for action in Action)
_ACTION: Final = pst.Var(name="action")
_CONTEXT: Final = pst.Var(name="context")
_NAMEABLE: Final = frozenset({"Organisation", "Action"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFault:
    """What is wrong with one policy of a text, and the line it begins on; `policy` is its `@id`, or else its number."""

    policy: str
    line: int
    rule: str


@dataclass(frozen=True, kw_only=True)
class Forbids:
    """Policies of one borough that ask for the same attributes of data, parsed, to be asked together.

    `ids` are the borough's own ids of them, in order; `actions` those that any of them is about. `mentions` are the
    attributes any of them asks for, and `action` if any asks for that: what is not among them cannot tell two questions
    apart. `rules` is None where the text can no longer be read, which forbids everything. Two of the same borough, ids
    and text are equal.
    """

    org: str
    digest: str
    ids: tuple[str, ...]
    actions: frozenset[str] = field(compare=False)
    mentions: frozenset[str] = field(compare=False)
    rules: PolicySet | None = field(compare=False, repr=False)


def digest_of(text: str) -> str:
    """Give the hash that tells a policy's text from any other, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def faults_of(text: str) -> list[PolicyFault]:
    """List what is wrong with a policy's text, in the order of its lines; nothing, if it may be put in force."""
    if len(text.encode()) > MOST_BYTES:
        return [PolicyFault(policy="policy0", line=1, rule=f"a policy has at most {MOST_BYTES // 1024} KiB")]
    written = _split(text)
    if len(written) > MOST_POLICIES:
        rule = f"a borough has at most {MOST_POLICIES} policies"
        return [PolicyFault(policy=f"policy{MOST_POLICIES}", line=written[MOST_POLICIES].line, rule=rule)]
    if "\0" in text:
        return [PolicyFault(policy="policy0", line=text[: text.index("\0")].count("\n") + 1, rule="holds a NUL")]
    faults: list[PolicyFault] = []
    taken: set[str] = set()
    for number, one in enumerate(written):
        name, rules = f"policy{number}", []
        try:
            parsed = _parsed(one)
        except ValueError as error:
            rules.append(str(error))
        else:
            own = parsed.annotations.get("id", name)
            if _ID.fullmatch(own) is None:
                rules.append("an id is 1 to 64 letters, digits and . _ -, and begins with a letter or digit")
            else:
                name = own
            if name in taken:
                rules.append("another policy has this id")
            taken.add(name)
            rules += _unlawful(parsed) or _mistyped(one)
        faults += [PolicyFault(policy=name, line=one.line, rule=rule[:_LONGEST_RULE]) for rule in rules]
    return faults


@lru_cache(maxsize=256)
def compile_policy(org: str, text: str) -> tuple[Forbids, ...]:
    """Parse a borough's text that is in force, once for each content; nothing is made of a text without policies.

    What is in force was found without fault when it was entered, and is not examined again.
    """
    alike: dict[frozenset[str], list[_Read]] = defaultdict(list)
    try:
        for number, written in enumerate(_split(text)):
            policy = _parsed(written)
            read = _Read(
                policy_id=policy.annotations.get("id", f"policy{number}"),
                text=written.text,
                actions=_actions(policy),
                mentions=_mentioned(policy),
            )
            alike[read.mentions & DATA_ATTRIBUTES].append(read)
        return tuple(_together(org, policies) for policies in alike.values())
    except ValueError:
        unreadable = Forbids(
            org=org, digest=digest_of(text), ids=(), actions=_ACTIONS, mentions=frozenset(), rules=None
        )
        return (unreadable,)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """One policy of a text in force, and what it asks for."""

    policy_id: str
    text: str
    actions: frozenset[str]
    mentions: frozenset[str]


def _together(org: str, policies: list[_Read]) -> Forbids:
    text = "\n".join(policy.text for policy in policies)
    return Forbids(
        org=org,
        digest=digest_of(text),
        ids=tuple(policy.policy_id for policy in policies),
        actions=frozenset[str]().union(*(policy.actions for policy in policies)),
        mentions=frozenset[str]().union(*(policy.mentions for policy in policies)),
        rules=PolicySet.from_str(f"{text}\npermit (principal, action, resource);"),
    )


@dataclass(frozen=True, slots=True)
class _Written:
    """One policy as it stands in a text, and the line it begins on."""

    text: str
    line: int
    symbols: int


def _split(text: str) -> list[_Written]:
    """Cut a text into its policies: each ends with a semicolon, which stands nowhere else outside strings."""
    found: list[_Written] = []
    start: int | None = None
    symbols = end = counted = 0
    line = 1
    for token in _TOKENS.finditer(text):
        if token.lastgroup == "comment":
            continue
        if start is None:
            start, symbols = token.start(), 0
            line += text.count("\n", counted, start)
            counted = start
        symbols += token.lastgroup == "symbol"
        end = token.end()
        if token.lastgroup == "end":
            found.append(_Written(text[start:end], line, symbols))
            start = None
    if start is not None:
        found.append(_Written(text[start:end], line, symbols))
    return found


def _parsed(one: _Written) -> pst.Template:
    """Parse one policy; raise `ValueError` that says what is wrong."""
    if one.symbols > MOST_SYMBOLS:
        raise ValueError(f"a policy has at most {MOST_SYMBOLS} operators and brackets; write it as several")
    try:
        found = PolicySet.from_str(one.text).to_pst()
    except ValueError as error:
        if "nesting" in str(error):
            raise ValueError(f"expressions nest at most {_DEEPEST} deep; write it as several policies") from None
        raise
    if found.templates or len(found.static_policies) != 1:
        raise ValueError("templates are not allowed; write a policy without ?principal and ?resource")
    return next(iter(found.static_policies.values()))


def _unlawful(policy: pst.Template) -> list[str]:
    """List what a policy holds that no borough's policy may."""
    found = []
    if policy.effect != "forbid":
        found.append("only forbid is allowed; nothing that a borough writes can widen what is granted")
    nodes = [*_nodes(policy)]
    if any(isinstance(node, pst.UnaryOp | pst.BinaryOp) and node.op not in _CANNOT_FAIL for node in nodes):
        found.append("arithmetic and extension functions are not allowed; a forbid that fails would forbid nothing")
    if any(str(uid.type) not in _NAMEABLE for uid in pst.entity_uids(policy)):
        found.append("only organisations and actions are named; tell workers and data by their attributes")
    return found


def _mistyped(one: _Written) -> list[str]:
    return [fault.error for fault in validate_policies(one.text, _SCHEMA).errors]


def _actions(policy: pst.Template) -> frozenset[str]:
    """Name the actions that a policy is about."""
    match policy.action:
        case pst.ActionEq(entity=action):
            return frozenset({action.id})
        case pst.ActionIn(entities=actions):
            return frozenset(action.id for action in actions)
        case _:
            return _ACTIONS


def _mentioned(policy: pst.Template) -> frozenset[str]:
    """Name the attributes that a policy asks for; no two that it can ask for share a name."""
    nodes = [*_nodes(policy)]
    reads = [node for node in nodes if isinstance(node, pst.GetAttr | pst.HasAttr)]
    mentioned = {name for node in reads for name in ((node.attr,) if isinstance(node, pst.GetAttr) else node.attrs)}
    if not isinstance(policy.action, pst.ScopeAny) or _ACTION in nodes:
        mentioned.add("action")
    if nodes.count(_CONTEXT) > sum(node.base == _CONTEXT for node in reads):
        # The context is compared as a whole. Workers and data never are by what they hold, but by who they are.
        mentioned |= CONTEXT_ATTRIBUTES
    return frozenset(mentioned)


def _nodes(root: Any) -> Iterator[Any]:
    """Give a node of a parsed policy and all nodes below it."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            waiting.extend(node.values())
        elif isinstance(node, tuple):
            waiting.extend(node)
        elif is_dataclass(node):
            yield node
            waiting.extend(getattr(node, one.name) for one in fields(node))
