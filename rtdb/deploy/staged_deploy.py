"""A deploy that has been loaded: what it is, and what has become of it."""

from __future__ import annotations

from typing import Literal

import trio

from rtdb.deploy.preparation import DeployRefused, Preparation
from rtdb.functions.description import Description, decode_description
from rtdb.functions.description_change import DescriptionChange, compare_descriptions

__all__ = ["StagedDeploy", "State"]

State = Literal["preparing", "prepared", "failed", "over"]


class StagedDeploy:
    """What the deployer knows of a deploy from its loading to its end.

    ==============  ===================================================================================================
    ``encoded``     the description as a runner has written it, ``description`` what it says
    ``before``      what is active, None if nothing is; ``change`` how it differs, ``unchanged`` if it does not
    ``rehearsal``   it is not to be finished: what would come of it is found out, and nothing is changed
    ``variables``   stands for environment variables before it was loaded: they must be the same at the switch
    ``state``       it is being prepared, or prepared and kept so; it has failed, for ``failure``; or it is over: it was
                    finished, or gave way
    ``patience``    is cancelled when nothing has been heard of it for too long
    ==============  ===================================================================================================
    """

    def __init__(self, bundle_hash: str, encoded: str, before: Description | None, *, unchanged: bool) -> None:
        self.bundle_hash = bundle_hash
        self.encoded = encoded
        self.description = decode_description(encoded)
        self.before = before
        self.change: DescriptionChange = compare_descriptions(before, self.description)
        self.unchanged = unchanged
        self.rehearsal = False
        self.variables: str | None = None
        self.state: State = "preparing"
        self.failure: DeployRefused | None = None
        self.preparation: Preparation
        self.patience = trio.CancelScope()
        self._idle_seconds_max = 0.0
        self._changed = trio.Event()

    def expect_within(self, seconds: float) -> None:
        """Lose patience when nothing is heard of it for so long, from now on."""
        self._idle_seconds_max = seconds
        self.heard_of()

    def heard_of(self) -> None:
        """Somebody still wants it."""
        self.patience.deadline = trio.current_time() + self._idle_seconds_max

    async def wait_prepared(self) -> None:
        """Wait until it is not being prepared any more."""
        while self.state == "preparing":
            await self._changed.wait()

    def become(self, state: State) -> None:
        self.state = state
        self._changed.set()
        self._changed = trio.Event()

    def fail(self, failure: DeployRefused) -> None:
        """It cannot be finished any more, for this reason."""
        self.failure = failure
        self.become("failed")
