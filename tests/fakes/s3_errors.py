"""S3 errors as exceptions inside the fake."""

from xml.sax.saxutils import escape

STATUS = {
    "AccessDenied": 403, "AuthorizationHeaderMalformed": 400, "BadDigest": 400,
    "BucketAlreadyOwnedByYou": 409, "EntityTooLarge": 400, "EntityTooSmall": 400,
    "ExpiredToken": 400, "IncompleteBody": 400, "InternalError": 500, "InvalidAccessKeyId": 403,
    "InvalidArgument": 400, "InvalidDigest": 400, "InvalidPart": 400, "InvalidPartOrder": 400,
    "InvalidRange": 416, "InvalidRequest": 400, "InvalidToken": 400, "KeyTooLongError": 400,
    "MalformedXML": 400, "MetadataTooLarge": 400, "MethodNotAllowed": 405,
    "MissingContentLength": 411, "NoSuchBucket": 404, "NoSuchKey": 404, "NoSuchUpload": 404,
    "NotImplemented": 501, "PermanentRedirect": 301, "PreconditionFailed": 412,
    "RequestTimeTooSkewed": 403, "RequestTimeout": 400, "ServiceUnavailable": 503,
    "SignatureDoesNotMatch": 403, "SlowDown": 503, "XAmzContentSHA256Mismatch": 400,
    "ConditionalRequestConflict": 409, "OperationAborted": 409,
}


class S3Error(Exception):
    def __init__(self, code, message="", status=None, extra=None):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message or code
        self.status = status or STATUS.get(code, 400)
        self.extra = extra or {}  # further elements of the error document

    def xml(self, resource="", request_id=""):
        extra = "".join(f"<{k}>{escape(str(v))}</{k}>" for k, v in self.extra.items())
        return ('<?xml version="1.0" encoding="UTF-8"?>\n'
                f"<Error><Code>{escape(self.code)}</Code><Message>{escape(self.message)}</Message>"
                f"{extra}<Resource>{escape(resource)}</Resource><RequestId>{request_id}</RequestId>"
                "<HostId>fake</HostId></Error>").encode()
