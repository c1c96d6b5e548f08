"""The three kinds of bearer token in the OpenAPI document."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from accounts_app.api_tokens import PREFIX, NotByApiToken
from accounts_app.authentication import BearerAuthentication


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # untyped library
    target_class = BearerAuthentication
    name = ["accessToken", "apiToken", "outsideToken"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        permissions = auto_schema.view.get_permissions()
        refused = any(isinstance(permission, NotByApiToken) for permission in permissions)
        names = [name for name in self.name if not (refused and name == "apiToken")]
        return [{name: []} for name in names]  # any one of them

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [
            _bearer("JWT", "An access token from POST /api/auth/token. It expires after minutes."),
            _bearer(
                f"{PREFIX}...",
                "A personal API token from POST /api/auth/api-tokens. Its scope `read` allows GET, HEAD and"
                " OPTIONS; `write` allows everything else.",
            ),
            _bearer(
                "JWT",
                "A token of the outside identity provider, if the deployment has one. The first request"
                " with it opens the account.",
            ),
        ]


def _bearer(bearer_format: str, description: str) -> dict[str, str]:
    return {"type": "http", "scheme": "bearer", "bearerFormat": bearer_format, "description": description}
