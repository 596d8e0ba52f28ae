"""Succession of checkpoint keys: trust passes to a key that a trusted one vouches for, and to no other."""

from base64 import urlsafe_b64encode
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.succession import endorsed, fingerprint, is_endorsed, succeeding
from single_node.place import new_key, public_part

FIRST, SECOND, THIRD, STRANGER = (new_key(kid=kid) for kid in ("2024", "2025", "2026", "stranger"))
TRUSTED: Final = {"2024": public_part(FIRST)}


def named(*keys: Any) -> dict[str, Any]:
    return {key["kid"]: public_part(key) for key in keys}


def test_who_trusts_a_key_trusts_what_it_vouches_for_and_what_that_vouches_for_in_whatever_order() -> None:
    second, third = endorsed(SECOND, by=FIRST), endorsed(THIRD, by=SECOND)

    for offered in ([second, third], [third, second], [public_part(third), public_part(second)]):
        assert set(succeeding(TRUSTED, offered)) == {"2024", "2025", "2026"}
    assert set(succeeding(TRUSTED, [third])) == {"2024"}, "what it hangs on is not there"


def test_a_stranger_vouches_in_vain_even_under_a_trusted_name() -> None:
    impostor = endorsed(SECOND, by={**STRANGER, "kid": "2024"})

    assert not is_endorsed(impostor, by=TRUSTED)
    assert is_endorsed(impostor, by=named(STRANGER) | {"2024": public_part(STRANGER)})


@pytest.mark.parametrize("change", [{"kid": "2027"}, {"x": public_part(STRANGER)["x"]}, {"endorsement": None}])
def test_an_endorsement_is_of_one_key_under_one_name(change: dict[str, Any]) -> None:
    genuine = endorsed(public_part(SECOND), by=FIRST)

    assert is_endorsed(genuine, by=TRUSTED)
    assert not is_endorsed({**genuine, **change}, by=TRUSTED)


@given(st.binary(max_size=80), st.sampled_from(["2024", "2025"]))
def test_no_signature_made_up_vouches_for_anything(signature: bytes, kid: str) -> None:
    made_up = {**public_part(SECOND), "endorsement": {"kid": kid, "signature": urlsafe_b64encode(signature).decode()}}

    assert not is_endorsed(made_up, by=named(FIRST, SECOND))


def test_only_a_private_key_can_vouch() -> None:
    with pytest.raises(ValueError, match="private"):
        endorsed(SECOND, by=public_part(FIRST))


def test_a_fingerprint_is_of_the_public_half_and_whatever_name_it_goes_by() -> None:
    assert (
        fingerprint(endorsed(SECOND, by=FIRST))
        == fingerprint(public_part(SECOND))
        == fingerprint({**SECOND, "kid": "1"})
    )
    assert fingerprint(SECOND) != fingerprint(FIRST)
