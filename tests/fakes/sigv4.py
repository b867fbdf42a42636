"""Signature Version 4, both directions: the fake verifies with it, tests sign with it.

Header form only. Stricter than real servers in one point: everything that must be signed is
demanded, not only checked if present.
"""

import calendar
import hashlib
import hmac
import re
import time
import urllib.parse

from fakes.s3_errors import S3Error

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
SKEW_MAX_S = 15 * 60


def encode(text, keep_slash=False):
    raw = text if isinstance(text, bytes) else text.encode()
    return urllib.parse.quote(raw, safe="-._~" + ("/" if keep_slash else ""))


def split_query(query):
    """Pairs of raw, still encoded name and value, as sent."""
    pairs = []
    for item in query.split("&") if query else []:
        name, _, value = item.partition("=")
        pairs.append((name, value))
    return pairs


def canonical_query(query):
    pairs = [(encode(urllib.parse.unquote_to_bytes(n)), encode(urllib.parse.unquote_to_bytes(v)))
             for n, v in split_query(query)]
    return "&".join(f"{n}={v}" for n, v in sorted(pairs))


def canonical_request(method, path, query, headers, signed, payload_hash):
    """`headers`: list of (lower-case name, value)."""
    block = ""
    for name in signed:
        values = [" ".join(v.split()) for n, v in headers if n == name]
        block += f"{name}:{','.join(values)}\n"
    uri = encode(urllib.parse.unquote_to_bytes(path), keep_slash=True)
    return "\n".join([method, uri, canonical_query(query), block, ";".join(signed), payload_hash])


def signature(secret, date, scope, canonical):
    key = b"AWS4" + secret.encode()
    for step in scope.split("/"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    text = "\n".join([ALGORITHM, date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def sign(method, path, query, headers, payload_hash, access, secret, region="us-east-1",
         token=None, now=None):
    """Returns the headers (a new dict, lower-case names) with the signature added."""
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    result = {n.lower(): v for n, v in headers.items()}
    result["x-amz-date"] = date
    result["x-amz-content-sha256"] = payload_hash
    if token:
        result["x-amz-security-token"] = token
    signed = sorted(n for n in result if n in ("host", "content-md5") or n.startswith("x-amz-"))
    scope = f"{date[:8]}/{region}/s3/aws4_request"
    canonical = canonical_request(method, path, query, list(result.items()), signed, payload_hash)
    result["authorization"] = (
        f"{ALGORITHM} Credential={access}/{scope}, SignedHeaders={';'.join(signed)}, "
        f"Signature={signature(secret, date, scope, canonical)}")
    return result


_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^,\s]+)\s*,\s*SignedHeaders=([^,\s]+)\s*,\s*"
    r"Signature=([0-9a-f]{64})\s*$")


def verify(method, path, query, headers, credentials, region, now):
    """Checks the signature of a head; returns (access key, x-amz-content-sha256 value).

    `credentials`: access key -> {"secret", optional "token", optional "expired"}.
    `region`: the only one accepted, or None.
    """
    found = dict(headers)
    authorization = found.get("authorization")
    if authorization is None:
        raise S3Error("AccessDenied", "Anonymous access is not allowed")
    match = _AUTHORIZATION.match(authorization)
    if not match:
        raise S3Error("AuthorizationHeaderMalformed", "The authorization header is malformed")
    credential, signed_list, given = match.groups()
    access, _, scope = credential.partition("/")
    scope_parts = scope.split("/")
    if len(scope_parts) != 4 or scope_parts[2:] != ["s3", "aws4_request"]:
        raise S3Error("AuthorizationHeaderMalformed", "The credential scope is malformed")
    if access not in credentials:
        raise S3Error("InvalidAccessKeyId", "The access key does not exist")
    known = credentials[access]
    if region is not None and scope_parts[1] != region:
        raise S3Error("AuthorizationHeaderMalformed",
                      f"the region '{scope_parts[1]}' is wrong; expecting '{region}'",
                      extra={"Region": region})

    date = found.get("x-amz-date", "")
    if not re.fullmatch(r"\d{8}T\d{6}Z", date) or date[:8] != scope_parts[0]:
        raise S3Error("AccessDenied", "x-amz-date is missing, malformed or not the scope's day")
    sent = calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
    if abs(sent - now) > SKEW_MAX_S:
        raise S3Error("RequestTimeTooSkewed",
                      "The difference between the request time and the server's time is too large.",
                      extra={"RequestTime": date, "MaxAllowedSkewMilliseconds": SKEW_MAX_S * 1000})

    payload_hash = found.get("x-amz-content-sha256")
    if payload_hash is None:
        raise S3Error("InvalidRequest", "Missing required header: x-amz-content-sha256")
    if payload_hash.startswith("STREAMING-"):
        raise S3Error("NotImplemented", f"{payload_hash} is not supported here")
    if payload_hash != UNSIGNED and not re.fullmatch(r"[0-9a-f]{64}", payload_hash):
        raise S3Error("InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a hash")

    signed = signed_list.split(";")
    if signed != sorted(set(signed)) or any(n != n.lower() for n in signed):
        raise S3Error("SignatureDoesNotMatch", "SignedHeaders must be sorted, lower case, unique")
    for name in found:
        must = name in ("host", "content-md5") or name.startswith("x-amz-")
        if must and name not in signed:
            raise S3Error("AccessDenied",
                          "There were headers present in the request which were not signed",
                          extra={"HeadersNotSigned": name})
    if "host" not in signed:
        raise S3Error("AccessDenied", "host must be signed")
    for name in signed:
        if name not in found and name != "content-length":
            raise S3Error("SignatureDoesNotMatch", f"the signed header {name} was not sent")

    token = found.get("x-amz-security-token")
    if known.get("token") is not None:
        if token is None or token != known["token"]:
            raise S3Error("InvalidToken", "The provided token is malformed or otherwise invalid")
    elif token is not None:
        raise S3Error("InvalidToken", "These credentials carry no session token")

    canonical = canonical_request(method, path, query, headers, signed, payload_hash)
    expected = signature(known["secret"], date, scope, canonical)
    if not hmac.compare_digest(expected, given):
        raise S3Error("SignatureDoesNotMatch",
                      "The request signature we calculated does not match the one you provided.",
                      extra={"CanonicalRequest": canonical})
    if known.get("expired"):
        raise S3Error("ExpiredToken", "The provided token has expired")
    return access, payload_hash
