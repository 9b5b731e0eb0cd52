"""Modules that configure an app: what they may look at while they are evaluated."""

from __future__ import annotations

import pytest

from rtdb.typescript.analysis import AnalysisError
from tests.typescript.conftest import Functions

AUTH = """
const providers = [{ domain: process.env.ISSUER ?? "https://else.where", applicationID: "app" }];
export default { providers };
"""


def test_an_auth_config_waits_for_the_variables_that_it_names(functions: Functions) -> None:
    functions.load(auth_config=AUTH)
    with pytest.raises(AnalysisError, match="Environment variable ISSUER is used in auth config file but") as raised:
        functions.host.analyze({})
    assert raised.value.code == "AuthConfigMissingEnvironmentVariable"
    analysis = functions.host.analyze({"ISSUER": "https://example.com"})
    assert analysis.auth_config == '{"providers":[{"domain":"https://example.com","applicationID":"app"}]}'


def test_a_schema_is_the_same_whatever_the_environment(functions: Functions) -> None:
    functions.load(schema='export default { tables: {}, export: () => process.env.ISSUER ?? "{}" };')
    with pytest.raises(AnalysisError, match="Environment variables unsupported when evaluating schema"):
        functions.host.analyze({"ISSUER": "https://example.com"})
