"""What each push service refuses beyond RFC 8030 and RFC 8292: documented by it, or reported by its users."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_ENCODED_PER_BYTE = 4 / 3
_BASE64URL = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
# RFC 2606, RFC 6761 and RFC 6762: there is no one at these.
_RESERVED = ("test", "example", "invalid", "localhost", "local", "example.com", "example.net", "example.org")


class RefusalError(Exception):
    """An answer that is not 201."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers or {}


@dataclass(frozen=True)
class Profile:
    """One push service's limits. Sizes are in bytes of the encrypted body, TTLs in seconds."""

    name: str
    largest_body: int = 4096  # RFC 8030, 7.2: at least this much
    smallest_ttl: int = 0
    decodes_topic: bool = False
    resolves_subject: bool = False
    # Headers in which it gives its reason, instead of the body.
    reason_header: str = ""
    words: Mapping[str, str] = field(default_factory=dict)

    def refusal(self, status: int, kind: str, text: str) -> RefusalError:
        """The answer in the words of this service; `text` if it has none of its own."""
        words = self.words.get(kind, text)
        if self.reason_header:
            return RefusalError(status, "", {self.reason_header: words})
        return RefusalError(status, words)

    def require_form(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raises RefusalError for headers (lowercase names) or a size that the service refuses."""
        if len(body) > self.largest_body:
            raise self.refusal(413, "size", f"a message has at most {self.largest_body} bytes")
        if headers.get("content-encoding") != "aes128gcm":
            raise self.refusal(400, "encoding", "Content-Encoding must be aes128gcm (RFC 8291)")
        if not headers.get("ttl", "").isdecimal() or int(headers["ttl"]) < self.smallest_ttl:
            raise self.refusal(400, "ttl", f"TTL of at least {self.smallest_ttl} is required (RFC 8030, 5.2)")
        if not self._is_topic(headers.get("topic", "test")):
            raise self.refusal(
                400, "topic", "Topic must be at most 32 characters of base64url (RFC 8030, 5.4)"
            )
        if headers.get("urgency", "normal") not in ("very-low", "low", "normal", "high"):
            raise self.refusal(400, "urgency", "Urgency is very-low, low, normal or high (RFC 8030, 5.3)")

    def require_subject(self, subject: str) -> None:
        """Raises RefusalError for the `sub` of a VAPID token that the service refuses."""
        host = (
            subject.rpartition("@")[2] if subject.startswith("mailto:") else urlsplit(subject).hostname or ""
        )
        reserved = any(f".{host}".endswith(f".{name}") for name in _RESERVED)
        if not subject.startswith(("mailto:", "https://")) or (self.resolves_subject and reserved):
            raise self.refusal(403, "token", f"the subject {subject} of the VAPID token is not valid")

    def _is_topic(self, topic: str) -> bool:
        if not 1 <= len(topic) <= 32 or not set(topic) <= _BASE64URL:
            return False
        return not self.decodes_topic or _decodes(topic)


def _decodes(text: str) -> bool:
    """Whether a strict decoder accepts it: no length of 1 modulo 4, and no unused bits that are set."""
    try:
        plain = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return False
    return binascii.b2a_base64(plain).rstrip(b"=\n").translate(bytes.maketrans(b"+/", b"-_")).decode() == text


# What the standards say, and no more.
STANDARD = Profile("standard")
# https://developer.apple.com/documentation/usernotifications/sending-web-push-notifications-in-web-apps-and-browsers
APPLE = Profile(
    "apple",
    decodes_topic=True,
    resolves_subject=True,
    words={
        "size": '{"reason":"PayloadTooLarge"}',
        "topic": '{"reason":"BadWebPushTopic"}',
        "token": '{"reason":"BadJwtToken"}',
    },
)
# https://mozilla-services.github.io/autopush-rs/errors.html
MOZILLA = Profile("mozilla", words={"size": '{"code":413,"errno":104}', "topic": '{"code":400,"errno":113}'})
# Its bridge to Google's service for Firefox on Android: a body of 4,000 characters of base64.
MOZILLA_ANDROID = Profile("mozilla-android", largest_body=int(4000 / _ENCODED_PER_BYTE), words=MOZILLA.words)
GOOGLE = Profile("google")
# It refuses a TTL of 0, and answers without a body.
MICROSOFT = Profile(
    "microsoft",
    smallest_ttl=1,
    reason_header="X-WNS-Error-Description",
    words={"ttl": "Ttl value conflicts with X-WNS-Cache-Policy."},
)
# A browser of few users (UC Browser) has a service with half the usual size.
SMALL = Profile("small", largest_body=2048, words={"size": '{"errno":104,"code":413}'})

PROFILES = (STANDARD, APPLE, MOZILLA, MOZILLA_ANDROID, GOOGLE, MICROSOFT, SMALL)
