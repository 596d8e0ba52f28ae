"""What a borough may write into its policy, by rule and line, and what is kept of it to be asked."""

from time import process_time

import pytest

from gateway.borough_policy import CONTEXT_ATTRIBUTES, compile_policy, faults_of

FORBID = "forbid (principal, action, resource)"


def when(condition: str) -> str:
    return f"{FORBID} when {{ {condition} }};"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "// nothing is forbidden yet",
        f"{FORBID};",
        '@id("no-benefits-at-night") ' + when('resource.service_area == "benefits" && context.local_hour >= 20'),
        f'@id("a.b_c-1") @reason("a; b // c") {FORBID};',
        'forbid (principal is Worker, action in [Action::"read", Action::"search"], resource is Data);',
        when('!principal.training_current || ["housing", "benefits"].contains(context.purpose)'),
        when('principal.organisation == Organisation::"wcc" && resource.category like "case*"'),
        when('principal.roles.containsAny(["frontline", "analyst"]) && context.local_hour > -1'),
        when('if context.emergency then false else resource.class != "ordinary"'),
        when(f"[{', '.join(['resource.category'] * 80)}].contains(context.purpose)"),
        when('resource.category == "; // (((" ') + f" // a comment; with a semicolon\n{FORBID};",
    ],
)
def test_a_text_that_only_forbids_and_cannot_fail_may_be_put_in_force(text: str) -> None:
    assert faults_of(text) == []


@pytest.mark.parametrize(
    ("text", "policy", "line", "rule"),
    [
        ("\n\nforbid (principal, action;", "policy0", 3, "unexpected token"),
        (f"{FORBID};\n\n{FORBID}", "policy1", 3, "unexpected end of input"),
        ('@id("open") permit (principal, action, resource);', "open", 1, "only forbid is allowed"),
        (f'@id("x") {FORBID};\n// x\n@id("x") {FORBID};', "x", 3, "another policy has this id"),
        (f'@id("policy1") {FORBID};\n{FORBID};', "policy1", 2, "another policy has this id"),
        (f'@id("") {FORBID};', "policy0", 1, "an id is 1 to 64"),
        (f'@id("{"x" * 65}") {FORBID};', "policy0", 1, "an id is 1 to 64"),
        ("forbid (principal == ?principal, action, resource);", "policy0", 1, "templates are not allowed"),
        (when("context.local_hour + 1 > 20"), "policy0", 1, "arithmetic and extension functions"),
        (when("context.local_hour * 2 > 20"), "policy0", 1, "arithmetic and extension functions"),
        (when("-context.local_hour < 0"), "policy0", 1, "arithmetic and extension functions"),
        (when('decimal("1.0") == decimal("1.0")'), "policy0", 1, "arithmetic and extension functions"),
        (when('ip("::1").isLoopback()'), "policy0", 1, "arithmetic and extension functions"),
        (when('datetime("2026-01-01") < datetime("2026-01-02")'), "policy0", 1, "arithmetic and extension functions"),
        ('forbid (principal == Worker::"ada", action, resource);', "policy0", 1, "only organisations and actions"),
        (when('resource == Data::"lbhf/housing"'), "policy0", 1, "only organisations and actions"),
        (when("resource.ward"), "policy0", 1, "for policy `policy0`, attribute `ward`"),
        (when("resource.category == 1"), "policy0", 1, "the types"),
        (when("context.purpose == principal"), "policy0", 1, "the types"),
        ('forbid (principal, action == Action::"fly", resource);', "policy0", 1, "for policy `policy0`, unrecognized"),
        (when("(" * 30_000 + "true" + ")" * 30_000), "policy0", 1, "a policy has at most 250 operators"),
        (f"// x\r{when('(' * 300 + 'true')}", "policy0", 1, "a policy has at most 250 operators"),
        (when(" && ".join(["true"] * 120)), "policy0", 1, "expressions nest at most 100 deep"),
        (f"{FORBID};" * 201, "policy200", 1, "a borough has at most 200 policies"),
        (f"// {'x' * 70_000}", "policy0", 1, "a policy has at most 64 KiB"),
        ("// x\n// \0", "policy0", 2, "holds a NUL"),
        ('"', "policy0", 1, "invalid token"),
        (",", "policy0", 1, "unexpected"),
    ],
)
def test_each_fault_is_told_by_policy_line_and_rule(text: str, policy: str, line: int, rule: str) -> None:
    found = faults_of(text)[0]

    assert (found.policy, found.line) == (policy, line)
    assert found.rule.startswith(rule)


def test_what_is_told_of_a_fault_is_bounded() -> None:
    (found,) = faults_of(f'"{"x" * 60_000}')

    assert len(found.rule) <= 300


@pytest.mark.parametrize("text", ['\\"' * 32_768, ";" * 65_536], ids=["strings that never end", "nothing but ends"])
def test_no_text_takes_long_to_tell_apart(text: str) -> None:
    began = process_time()
    found = faults_of(text)

    assert found
    assert process_time() - began < 3, "all other calls wait meanwhile"


def test_policies_that_ask_for_the_same_of_data_are_kept_together_under_their_own_ids() -> None:
    text = "\n".join(
        [
            f'@id("night") {when("resource.category == context.purpose && context.local_hour > 20")}',
            when("resource.service_area == context.purpose"),
            f'@id("roles") {when("resource.category == context.purpose && principal.roles.isEmpty()")}',
        ]
    )

    kept = {policy.ids: policy.mentions for policy in compile_policy("lbhf", text)}

    assert kept == {
        ("night", "roles"): {"category", "purpose", "local_hour", "roles"},
        ("policy1",): {"service_area", "purpose"},
    }


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        (f"{FORBID};", set()),
        ('forbid (principal, action == Action::"read", resource);', {"action"}),
        (when('action == Action::"read"'), {"action"}),
        (when("context has purpose && principal has roles"), {"purpose", "roles"}),
        (when("{a: resource}.a.class == context.purpose"), {"a", "class", "purpose"}),
        (when("[context].contains(context) && context.emergency"), CONTEXT_ATTRIBUTES),
    ],
)
def test_all_that_can_tell_two_questions_apart_is_known(text: str, mentions: set[str]) -> None:
    (policy,) = compile_policy("lbhf", text)

    assert policy.mentions == mentions


def test_a_text_without_policies_is_nothing_and_an_unreadable_one_forbids_all() -> None:
    assert compile_policy("lbhf", "// nothing yet") == ()
    (policy,) = compile_policy("lbhf", f"{FORBID}; forbid (")
    assert policy.rules is None


def test_the_same_text_is_parsed_once() -> None:
    assert compile_policy("lbhf", f"{FORBID};") is compile_policy("lbhf", f"{FORBID};")


def test_policies_are_asked_only_about_the_actions_they_name() -> None:
    (some,) = compile_policy("lbhf", 'forbid (principal, action in [Action::"read", Action::"search"], resource);')
    own = when("resource.owner == context.acting_for").replace("action", 'action == Action::"refer"', 1)
    (one, every) = compile_policy("lbhf", f"{own} {FORBID};")

    assert some.actions == {"read", "search"}
    assert one.actions == {"refer"}
    assert every.actions == {"read", "search", "write", "refer", "steward", "export"}


def test_the_same_policies_under_other_ids_are_others() -> None:
    (first,) = compile_policy("lbhf", f"{FORBID};")
    (second,) = compile_policy("lbhf", f'@id("x") {FORBID};')
    _, moved = compile_policy("lbhf", f"{when('resource.owner == context.acting_for')} {FORBID};")

    assert first != second
    assert (moved.digest, moved.ids) == (first.digest, ("policy1",))
    assert moved != first
