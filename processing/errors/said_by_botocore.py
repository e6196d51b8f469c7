"""What boto3 raises: MediaConvert's declared exceptions, S3's and SQS's codes, and what goes wrong before an answer came.

The code is that of the answer's error, or, without an answer, the name of botocore's exception.
"""

from __future__ import annotations

from .said import Said, Sayings

_LATER = "Nothing to do while it is rare. If it goes on, ask AWS for more requests a second (service quotas), or start fewer jobs at once."
_REACH = "See whether this host reaches the region's endpoint (DNS, proxy, firewall), then the AWS Health Dashboard."
_CREDENTIALS = "`manage.py doctor --aws` says which credentials we have and what they may do. Renew them, or let our policy cover what was refused."
_SETTINGS = "We asked for something that is not allowed: the message says which member of the request. Put the settings builder right."
_NAMES = "A queue, a template or a bucket that the settings name is not there: compare MEDIACONVERT_* and S3_* with the account."

# In their code's own words, as botocore puts them into its message.
_SAID = "An error occurred ({code}) when calling the {operation} operation: {words}"


def _row(code: str, means: str, words: str, runbook: str, *, operation: str = "CreateJob", pattern: str = "") -> Said:
    return Said(code, means, _SAID.format(code=code, operation=operation, words=words), runbook, pattern)


def _rows(codes: str, means: str, words: str, runbook: str, *, operation: str = "CreateJob") -> tuple[Said, ...]:
    return tuple(_row(code, means, words, runbook, operation=operation) for code in codes.split())


def _raised(names: str, means: str, words: str, runbook: str) -> tuple[Said, ...]:
    return tuple(Said(name, means, words, runbook) for name in names.split())


_ROWS = (
    # As the service model declares them for every operation, one more for Probe.
    _row("TooManyRequestsException", "ENCODING_ENGINE_THROTTLED", "Too Many Requests", _LATER),
    _row("InternalServerErrorException", "ENCODING_ENGINE_AWAY", "Internal failure", _REACH),
    _row(
        "BadRequestException", "ENCODING_SETTINGS_REFUSED", "/outputGroups/0/outputs/10/videoDescription/width: Should be less than or equal to 720", _SETTINGS
    ),
    _row("ForbiddenException", "ENCODING_ACCESS_REFUSED", "User: arn:aws:iam::111122223333:user/app is not authorized to perform: iam:PassRole", _CREDENTIALS),
    _row(
        "NotFoundException",
        "ENCODING_ENGINE_FAILED",
        "The job is not known",
        "It was asked for in another region, or is older than AWS keeps jobs: see the attempt's engine.",
        operation="GetJob",
        pattern=r"calling the (Get|Cancel|Search|List)Jobs? operation",
    ),
    _row("NotFoundException", "ENCODING_SETTINGS_REFUSED", "Queue arn:aws:mediaconvert:eu-west-1:111122223333:queues/x not found", _NAMES),
    _row(
        "ConflictException",
        "ENCODING_ENGINE_FAILED",
        "The job is already in a terminal state",
        "Nothing to do: its state is read again.",
        operation="CancelJob",
    ),
    _row(
        "ServiceQuotaExceededException",
        "ENCODING_ENGINE_FULL",
        "Concurrent jobs per account exceeded",
        "Ask for more concurrent jobs (service quotas L-89D4C825, L-1D14865F), or name more regions in ENGINES.",
    ),
    _row(
        "UnprocessableEntityException",
        "ENCODING_SOURCE_UNREADABLE",
        "The input is recognized but appears malformed or corrupt",
        "Only Probe says so. Compare with the session's own probe.",
        operation="Probe",
    ),
    # What every service may say.
    *_rows(
        "Throttling ThrottlingException ThrottledException RequestThrottled RequestThrottledException RequestLimitExceeded SlowDown KmsThrottled 429",
        "ENCODING_ENGINE_THROTTLED",
        "Rate exceeded",
        _LATER,
    ),
    *_rows("OverLimit LimitExceededException", "ENCODING_ENGINE_FULL", "Too many at once", _LATER, operation="ReceiveMessage"),
    *_rows(
        "InternalError InternalFailure ServiceUnavailable ServiceUnavailableException RequestTimeout RequestTimeoutException 500 502 503 504",
        "ENCODING_ENGINE_AWAY",
        "Please try again",
        _REACH,
        operation="GetObject",
    ),
    *_rows(
        "AccessDenied AccessDeniedException AllAccessDisabled InvalidAccessKeyId InvalidClientTokenId SignatureDoesNotMatch UnrecognizedClientException "
        "MissingAuthenticationToken ExpiredToken ExpiredTokenException RequestExpired KMS.AccessDeniedException KMS.DisabledException AuthFailure 401 403",
        "ENCODING_ACCESS_REFUSED",
        "arn:aws:s3:::uploads is not allowed",
        _CREDENTIALS,
        operation="GetObject",
    ),
    *_rows(
        "RequestTimeTooSkewed",
        "ENCODING_ACCESS_REFUSED",
        "The difference between the request time and the current time is too large",
        "This host's clock is wrong: let it follow a time server.",
    ),
    *_rows(
        "NoSuchBucket PermanentRedirect QueueDoesNotExist AWS.SimpleQueueService.NonExistentQueue InvalidAddress ValidationException ValidationError "
        "InvalidParameterValue InvalidRequest MalformedPolicyDocument",
        "ENCODING_SETTINGS_REFUSED",
        "The name is not known",
        _NAMES,
        operation="SendMessage",
    ),
    *_rows(
        "NoSuchKey NotFound 404",
        "ENCODING_SOURCE_LOST",
        "The specified key does not exist",
        "Look for the object in the bucket, its versions and its lifecycle rules.",
        operation="HeadObject",
    ),
    *_rows(
        "ReceiptHandleIsInvalid InvalidReceiptHandle",
        "ENCODING_ENGINE_FAILED",
        "The receipt handle has expired",
        "Nothing to do: the message comes again.",
        operation="DeleteMessage",
    ),
    # Raised by botocore itself: nobody answered, or nothing was sent.
    *_raised(
        "OutcomeUnknown "
        "EndpointConnectionError ConnectTimeoutError ReadTimeoutError ConnectionClosedError ConnectionError ProxyConnectionError SSLError HTTPClientError "
        "IncompleteReadError ResponseStreamingError ResponseParserError CapacityNotAvailableError",
        "ENCODING_ENGINE_AWAY",
        'Could not connect to the endpoint URL: "https://mediaconvert.eu-west-1.amazonaws.com/2017-08-29/jobs"',
        _REACH,
    ),
    *_raised(
        "NoCredentialsError PartialCredentialsError CredentialRetrievalError TokenRetrievalError SSOTokenLoadError UnauthorizedSSOTokenError "
        "ProfileNotFound MetadataRetrievalError",
        "ENCODING_ACCESS_REFUSED",
        "Unable to locate credentials",
        _CREDENTIALS,
    ),
    *_raised(
        "NoRegionError ParamValidationError UnknownServiceError UnknownEndpointError InvalidEndpointDiscoveryConfigurationError EndpointProviderError "
        "InvalidRegionError",
        "ENCODING_SETTINGS_REFUSED",
        'Parameter validation failed: Missing required parameter in input: "Role"',
        _SETTINGS,
    ),
)

BOTOCORE = Sayings("botocore", _ROWS)
