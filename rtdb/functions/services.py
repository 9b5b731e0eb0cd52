"""What one server lends to every execution in a runner, made from what the runner was started with."""

from __future__ import annotations

from typing import Self

from rtdb.blobstore.addresses import FileAddresses, UploadTokens
from rtdb.config import Config
from rtdb.functions.environment_context import built_in_variables
from rtdb.functions.environment_variables import EnvironmentVariables
from rtdb.functions.system import system_functions
from rtdb.link.frames import RunnerStart
from rtdb.transaction.cursor import CursorCodec

__all__ = ["Services"]


class Services:
    """The parts of a runner that are the same for all calls, and need a key or an address of this server."""

    __slots__ = ("addresses", "cursors", "instance_name", "system_functions", "variables")

    def __init__(
        self, instance_name: str, cursors: CursorCodec, variables: EnvironmentVariables, addresses: FileAddresses
    ) -> None:
        self.instance_name = instance_name
        self.cursors = cursors
        self.variables = variables
        self.addresses = addresses
        self.system_functions = system_functions(variables, cursors)

    @classmethod
    def of_runner(cls, start: RunnerStart, config: Config) -> Self:
        """Return those of a runner that was started so."""
        built_in = built_in_variables(start.cloud_url, start.site_url)
        return cls(
            config.instance_name,
            CursorCodec(start.cursor_key, config.instance_name),
            EnvironmentVariables(start.environment_key, built_in, config.limits),
            FileAddresses(start.cloud_url, UploadTokens(start.upload_key, config.instance_name)),
        )
