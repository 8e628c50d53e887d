"""What a failing call to a bucket means, and what to do about it. Imports botocore, so import it late."""

from __future__ import annotations

import re

import botocore.exceptions as boto
from boto3.exceptions import S3UploadFailedError

from kubepresso.errors import UserError
from kubepresso.storage.location import BucketPlace

_MISSING = {"NoSuchKey", "404", "NotFound"}
_DENIED = {"AccessDenied", "403", "Forbidden", "AllAccessDisabled"}
_WRONG_KEYS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "ExpiredToken",
    "AuthorizationHeaderMalformed",
}
_BUSY = {"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "500", "502", "503", "504"}

#: What a call to a bucket may raise. What is uploaded by boto3 wraps its refusals.
BUCKET_ERRORS = (boto.BotoCoreError, boto.ClientError, S3UploadFailedError)
#: What a second attempt at one object may mend.
PASSING_ERRORS = (
    boto.ResponseStreamingError,
    boto.IncompleteReadError,
    boto.ReadTimeoutError,
    boto.ConnectionClosedError,
    boto.ChecksumError,
)
_BROKEN_OFF = (boto.ResponseStreamingError, boto.IncompleteReadError)
_UNREACHABLE = (boto.ConnectionError, boto.ConnectTimeoutError, boto.HTTPClientError)


def is_missing(error: BaseException) -> bool:
    """Say whether the object is not there, the bucket being there."""
    return isinstance(error, boto.ClientError) and _code(error) in _MISSING


def is_denied(error: BaseException) -> bool:
    """Say whether the bucket answers and refuses."""
    return isinstance(error, boto.ClientError) and _code(error) in _DENIED


def is_changed(error: BaseException) -> bool:
    """Say whether the object is not of the version that was asked for."""
    return isinstance(error, boto.ClientError) and _code(error) in {"PreconditionFailed", "412"}


def explained(place: BucketPlace, endpoint: str, error: BaseException) -> UserError:
    """Say what is wrong, naming the URI and the endpoint, and what to do. Holds no credential."""
    if isinstance(error, S3UploadFailedError):
        error = error.__context__ or error
    return UserError(without_secrets(f"{place.uri} (endpoint {endpoint}): {_explain(place, error)}"))


def without_secrets(text: str) -> str:
    """Return a text without the user and password of the URLs in it."""
    return re.sub(r"://[^/\s]*@", "://", text)


def _explain(place: BucketPlace, error: BaseException) -> str:
    if isinstance(error, boto.ClientError):
        return _explain_answer(place, error)
    if isinstance(
        error, boto.NoCredentialsError | boto.PartialCredentialsError | boto.CredentialRetrievalError
    ):
        return "no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    if isinstance(error, boto.SSLError):
        return "the endpoint's certificate is not trusted; set AWS_CA_BUNDLE to its authority"
    if isinstance(error, boto.ReadTimeoutError):
        return "the endpoint took the connection and did not answer; is it an S3 server, and does it run?"
    if isinstance(error, _BROKEN_OFF):
        return "the connection broke off while the object came, again and again; try again later"
    if isinstance(error, _UNREACHABLE):
        return "the endpoint does not answer; check AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, and the network"
    if isinstance(error, boto.ParamValidationError):
        return f"{place.bucket!r} is not a bucket's name; write s3://bucket/prefix"
    return " ".join(str(error).split())


def _explain_answer(place: BucketPlace, error: boto.ClientError) -> str:
    code = _code(error)
    if code == "NoSuchBucket":
        return f"there is no bucket {place.bucket!r}; check its name and the endpoint"
    if code in _MISSING:
        return "no such key or prefix; check its spelling"
    if code in _WRONG_KEYS:
        return f"the credentials are not taken ({code}); check AWS_ACCESS_KEY_ID and the rest"
    if code in _DENIED:
        return f"access denied; the credentials need the right to {error.operation_name} here"
    if code in _BUSY:
        return f"the server is too busy or broken ({code}), tried several times; try again later"
    if code == "RequestTimeTooSkewed":
        return "the clock of this machine is not that of the server; set it (NTP)"
    message = error.response.get("Error", {}).get("Message", "")
    return f"the server answered {code} to {error.operation_name}: {message}"


def _code(error: boto.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))
