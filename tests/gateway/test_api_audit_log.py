"""The sealed audit over HTTP: what an information-governance lead fetches is enough to verify everything offline."""

import hmac
import json
from base64 import b64encode
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc.util import urlsafe_b64decode

from gateway.inspection import inspect
from gateway.merkle import is_continued, is_included
from gateway.schemas.audit_log import CheckpointView, LeafView
from gateway.sealing import seal_batch
from shared.db import Database
from single_node.postgres import Server
from tests.builders import AT
from tests.conftest import url
from tests.gateway.logs import SIGNER
from tests.gateway.platform import Platform
from tests.gateway.test_api_calls import ADA, WILL, a_person

LEAD = "lbhf/ig/ig-lead"


@pytest.fixture
async def worker(founded: Server) -> Any:
    """The gateway's database as the worker."""
    database = Database(url(founded, "gateway", "worker"), pool_size=1, name="tests worker")
    yield database
    await database.close()


async def seal(worker: Database) -> int:
    """Seal what waits; give how many leaves that made."""
    async with worker.transaction() as tx:
        return await seal_batch(tx, SIGNER, at=AT)


async def got(platform: Platform, path: str, who: str = LEAD) -> Any:
    """Get what must be there."""
    answer = await platform.call("GET", path, who)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_proof_is_verified_from_what_the_documentation_says_alone(platform: Platform, worker: Database) -> None:
    await platform.call("GET", "/v1/organisations", ADA)
    [audit_id] = [row["audit_id"] for row in await platform.audited("lbhf", subject="ada")]
    await seal(worker)

    proof = await got(platform, f"/v1/audit/{audit_id}/proof")
    [key] = (await got(platform, "/v1/audit/keys"))["keys"]

    place = hmac.digest(
        bytes.fromhex(proof["salt"]),
        json.dumps(proof["row"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(),
        "sha256",
    )
    data = sha256(b"\0" + place).digest()
    for level, beside in enumerate(map(bytes.fromhex, proof["slot_path"])):
        data = sha256(b"\1" + (beside + data if proof["slot"] >> level & 1 else data + beside)).digest()
    assert sha256(b"\0" + data).hexdigest() == proof["leaf_hash"]
    checkpoint = proof["checkpoint"]
    root = bytes.fromhex(checkpoint["root_hash"])
    path = [bytes.fromhex(one) for one in proof["path"]]
    leaf = bytes.fromhex(proof["leaf_hash"])
    assert is_included(leaf, index=proof["leaf_index"], size=proof["tree_size"], path=path, root=root)
    assert (proof["tree_size"], key["kid"]) == (checkpoint["tree_size"], checkpoint["key_id"])
    at = "2026-07-01T09:00:00.000000Z"
    signed = f"{checkpoint['origin']}\n{checkpoint['tree_size']}\n{b64encode(root).decode()}\n{at}\n".encode()
    public = Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(key["x"].encode()))
    public.verify(bytes.fromhex(checkpoint["signature"]), signed)
    assert (proof["audit_id"], proof["row"]["subject"], proof["row"]["audit_id"]) == (audit_id, "ada", audit_id)


async def test_what_is_not_sealed_yet_says_so_and_what_may_not_be_read_does_not_exist(
    platform: Platform, worker: Database
) -> None:
    await platform.call("GET", "/v1/organisations", ADA)
    [audit_id] = [row["audit_id"] for row in await platform.audited("lbhf", subject="ada")]

    waiting = await platform.call("GET", f"/v1/audit/{audit_id}/proof", LEAD)
    hidden = await platform.call("GET", f"/v1/audit/{audit_id}/proof", "wcc/ig/ig-lead")
    await seal(worker)
    still_hidden = await platform.call("GET", f"/v1/audit/{audit_id}/proof", "wcc/ig/ig-lead")
    unknown = await platform.call("GET", f"/v1/audit/{uuid4()}/proof", LEAD)

    assert (waiting.status_code, waiting.json()["type"]) == (409, "/problems/not-yet-sealed")
    assert waiting.headers["Retry-After"] == "1"
    for answer in (hidden, still_hidden, unknown):
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-call")


async def test_of_a_change_the_later_row_is_proved(platform: Platform, worker: Database) -> None:
    await platform.call("PUT", "/v1/sources/crm/records/C1", "lbhf/crm/system", purpose="data-stewardship", json={})
    rows = await platform.audited("lbhf", subject="crm")
    await seal(worker)

    proof = await got(platform, f"/v1/audit/{rows[0]['audit_id']}/proof")

    assert [row["outcome"] for row in rows][1:] == ["intent"]
    assert rows[0]["audit_id"] == rows[1]["audit_id"]
    assert proof["row"]["outcome"] == rows[0]["outcome"] != "intent"


async def test_checkpoints_page_newest_first_and_can_begin_after_a_size(platform: Platform, worker: Database) -> None:
    sizes: list[int] = []
    for _ in range(3):
        await platform.call("GET", "/v1/organisations", ADA)
        await seal(worker)
        sizes.insert(0, (await got(platform, "/v1/audit/checkpoints?limit=1"))["items"][0]["tree_size"])

    first = await got(platform, "/v1/audit/checkpoints?limit=2")
    rest = await got(platform, f"/v1/audit/checkpoints?limit=2&cursor={first['next']}")
    newer = await got(platform, f"/v1/audit/checkpoints?after={sizes[-1]}")

    assert [one["tree_size"] for one in first["items"] + rest["items"]] == sizes
    assert rest["next"] is None
    assert [one["tree_size"] for one in newer["items"]] == sizes[:2]
    assert set(first["items"][0]) == {"origin", "tree_size", "root_hash", "at", "key_id", "signature"}


async def test_two_checkpoints_are_proved_consistent_and_impossible_sizes_are_refused(
    platform: Platform, worker: Database
) -> None:
    for _ in range(2):
        await platform.call("GET", "/v1/organisations", ADA)
        await seal(worker)
    later, earlier = (CheckpointView(**one) for one in (await got(platform, "/v1/audit/checkpoints"))["items"])

    proof = await got(platform, f"/v1/audit/consistency?from={earlier.tree_size}&to={later.tree_size}")

    assert (proof["from"], proof["to"]) == (earlier.tree_size, later.tree_size)
    assert is_continued(
        proof["from"],
        proof["to"],
        first_root=earlier.root_hash,
        second_root=later.root_hash,
        path=[bytes.fromhex(one) for one in proof["path"]],
    )
    size = later.tree_size
    for sizes in (f"from=1&to={size + 1}", "from=0&to=1", f"from={size}&to=1", "from=1", "from=-1&to=1", "from=x&to=1"):
        refused = await platform.call("GET", f"/v1/audit/consistency?{sizes}", LEAD)
        assert refused.status_code == 422, sizes


async def test_the_export_holds_every_leaf_and_the_bodies_that_may_be_read(
    platform: Platform, worker: Database
) -> None:
    await platform.agree()
    platform.behind.answer = a_person
    await platform.call("POST", "/v1/people/search", WILL, purpose="homelessness", json={})
    await platform.call("GET", "/v1/organisations", "rbkc/ig/ig-lead")
    sealed = await seal(worker)

    leaves: list[dict[str, Any]] = []
    start: int | None = 0
    while start is not None:
        page = await got(platform, f"/v1/audit/leaves?from={start}&limit=7")
        leaves, start = leaves + page["items"], page["next"]

    assert [leaf["leaf_index"] for leaf in leaves] == list(range(sealed))
    bodies = [leaf["row"] for leaf in leaves if leaf["row"] is not None]
    own = [body for body in bodies if body["organisation"] == "lbhf"]
    others = [body for body in bodies if body["organisation"] != "lbhf"]
    assert own
    assert "search" in {body["action"] for body in others}
    assert all("lbhf" in body["owners"] and set(body["owners"]) == {"lbhf"} for body in others)
    assert not [body for body in bodies if body["organisation"] == "rbkc"]
    for leaf in leaves:
        assert (leaf["row"] is None) == (leaf["salt"] is None) == (leaf["slot_path"] is None)
    [key] = (await got(platform, "/v1/audit/keys"))["keys"]
    [kept] = [CheckpointView(**one) for one in (await got(platform, "/v1/audit/checkpoints"))["items"]]
    inspection = inspect([LeafView(**leaf).leaf() for leaf in leaves], [kept.checkpoint()], keys={key["kid"]: key})
    assert (inspection.whole, inspection.opened) == (True, len(bodies))


async def test_the_log_is_for_information_governance_leads(platform: Platform) -> None:
    for path in ("checkpoints", "keys", "leaves", "consistency?from=1&to=1", f"{uuid4()}/proof"):
        refused = await platform.call("GET", f"/v1/audit/{path}", ADA)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/role-not-permitted"), path
    empty = await got(platform, "/v1/audit/leaves?from=5")
    assert empty == {"items": [], "next": None}


async def test_each_call_for_the_log_is_itself_in_the_audit(platform: Platform) -> None:
    await got(platform, "/v1/audit/leaves")

    assert "/v1/audit/leaves" in [row["route"] for row in await platform.audited("lbhf", subject="ig")]
