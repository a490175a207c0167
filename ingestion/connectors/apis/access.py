"""Who we are to an API: nobody, a bearer token, or an OAuth2 client that fetches its own tokens.

Secrets come from the environment when they are used (`LAKE_SOURCE_<SOURCE>_TOKEN`, or `…_CLIENT_ID` and
`…_CLIENT_SECRET` where the contract's server names a `tokenUrl`); none is kept in a cursor or shown in a message.
"""

import time
from dataclasses import dataclass
from urllib.parse import urljoin

import httpx

from contracts.contract_file import ContractError
from contracts.settings import source_secret
from ingestion.connectors.base import SourceError, UnreachableError

#: A token is fetched anew so long before its end, which would else fall into a request.
SPARE_SECONDS = 10.0
#: How long a token holds whose answer does not say (RFC 6749 leaves it open).
UNSAID_SECONDS = 300.0


@dataclass
class Access:
    """The `Authorization` of one source. `token_url` is where OAuth2 tokens are fetched, None where there is none."""

    source: str
    base_url: str
    token_url: str | None = None
    scope: str | None = None
    _fetched: str | None = None
    _ends: float = 0.0

    @property
    def can_renew(self) -> bool:
        """Whether a rejected token can be fetched again."""
        return self.token_url is not None

    def headers(self, client: httpx.Client) -> dict[str, str]:
        """The headers of a request, a token that has ended fetched anew.

        Raises:
            ContractError: a variable that has to hold a secret is not set.
            SourceError: no token is given.
        """
        if self.token_url is None:
            bearer_token = source_secret(self.source, "TOKEN")
            return {"Authorization": f"Bearer {bearer_token}"} if bearer_token else {}
        if self._fetched is None or time.monotonic() >= self._ends:
            self._fetch(client, urljoin(self.base_url.rstrip("/") + "/", self.token_url))
        return {"Authorization": f"Bearer {self._fetched}"}

    def forget(self) -> None:
        """The token was rejected: fetch another one next time."""
        self._fetched = None

    def cure(self) -> str:
        """What to do when the API rejects our requests."""
        names = ("CLIENT_ID", "CLIENT_SECRET") if self.can_renew else ("TOKEN",)
        return f"set {' and '.join(map(self._variable, names))} to what the API's owner has given for this lake"

    def _fetch(self, client: httpx.Client, url: str) -> None:
        who, proof = (source_secret(self.source, name) for name in ("CLIENT_ID", "CLIENT_SECRET"))
        if not who or not proof:
            raise ContractError(
                f"{self.source}: its contract names a `tokenUrl`, and no client is set", cure=self.cure()
            )
        form = {"grant_type": "client_credentials"} | ({"scope": self.scope} if self.scope else {})
        try:
            answer = client.post(url, data=form, auth=(who, proof), follow_redirects=False)
        except httpx.HTTPError as error:
            raise UnreachableError(
                f"{self.source}: the server of its tokens does not answer ({type(error).__name__})",
                cure="start it or make it reachable, then run again; what is landed stays landed",
            ) from None
        try:
            body = answer.json() if answer.status_code == httpx.codes.OK else {}
            self._fetched = str(body["access_token"])
            self._ends = time.monotonic() + float(body.get("expires_in", UNSAID_SECONDS)) - SPARE_SECONDS
        except (ValueError, KeyError, TypeError):
            raise SourceError(
                f"{self.source}: the server of its tokens gives none (it answers {answer.status_code})",
                cure=self.cure(),
            ) from None

    def _variable(self, name: str) -> str:
        return f"LAKE_SOURCE_{self.source.upper()}_{name}"
