"""All settings, from environment variables only; `.env.example` documents each. A wrong one stops the start (config/env.py)."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from config import env
from config.aws_settings import *  # noqa: F403
from config.cache_settings import *  # noqa: F403
from config.caption_settings import *  # noqa: F403
from config.database_settings import *  # noqa: F403
from config.database_settings import database_url, databases
from config.delivery_settings import *  # noqa: F403
from config.delivery_settings import delivery_origins, rendition_storage
from config.logs import logging_settings
from config.resource_settings import *  # noqa: F403
from config.s3_settings import *  # noqa: F403
from config.task_settings import *  # noqa: F403
from config.upload_settings import *  # noqa: F403
from config.watching_settings import *  # noqa: F403
from resilience.version import VERSION

BASE_DIR = Path(__file__).resolve().parent.parent

# Where everything mutable lives.
VAR_DIR = env.path("VAR_DIR", BASE_DIR / "var")
METRICS_DIR = env.path("METRICS_DIR", VAR_DIR / "run" / "metrics")
PROFILE = env.choice("PROFILE", "embedded", ("embedded", "production"))
PRODUCTION = PROFILE == "production"
DEBUG = env.boolean("DEBUG", default=False)


def _secret_key() -> str:
    """Return SECRET_KEY, or on the embedded profile one made once and kept in VAR_DIR."""
    given = env.text("SECRET_KEY")
    if given or PRODUCTION:
        if len(given) < 50:
            raise env.SettingError("SECRET_KEY", "…" if given else "", "is missing or shorter than 50 characters", "a random string of 64 characters")
        return given
    kept = VAR_DIR / "secret_key"
    if not kept.exists():
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        fresh = VAR_DIR / f".secret_key.{os.getpid()}"
        fresh.write_text(secrets.token_urlsafe(64))
        fresh.chmod(0o600)
        with contextlib.suppress(FileExistsError):
            os.link(fresh, kept)  # of two first starts at once, one key wins
        fresh.unlink()
    return kept.read_text()


SECRET_KEY = _secret_key()
BASE_URL = env.url("BASE_URL", f"http://127.0.0.1:{env.integer('PORT', 8000, minimum=1, maximum=65535)}", schemes=("http", "https"))
ALLOWED_HOSTS = env.listing("ALLOWED_HOSTS", [] if PRODUCTION else ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = [BASE_URL]
CSRF_FAILURE_VIEW = "resilience.http.views.csrf_failure"
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

INSTALLED_APPS = [
    "config.apps.OperationsAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "config.apps.StaticConfig",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "csp",
    "django_q",
    "resilience",
    "uploads",
    "processing",
    "notifications",
    "support",
    "dashboard",
]

MIDDLEWARE = [
    "resilience.http.figures.FiguresMiddleware",
    "resilience.http.middleware.RequestIdMiddleware",
    "resilience.http.middleware.ErrorMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.context.navigation",
            ],
        },
    }
]

# Database: the rest is in config/database_settings.py
DATABASE_URL = database_url(VAR_DIR, production=PRODUCTION)
DATABASES = databases(DATABASE_URL)

# Uploads: the rest is in config/upload_settings.py
UPLOAD_DIR = VAR_DIR / "uploads"

# Processing
RENDITION_DIR = VAR_DIR / "renditions"
WORK_DIR = VAR_DIR / "work"  # of attempts that run on this host; on the same disk as RENDITION_DIR a finished file is only renamed
FFMPEG_THREADS = env.integer("FFMPEG_THREADS", max(1, (os.cpu_count() or 2) - 1), minimum=1, maximum=64)
ENGINES = env.listing("ENGINES", ["local"])
LOCAL_ENGINE_SLOTS = env.integer("LOCAL_ENGINE_SLOTS", 0, minimum=0, maximum=10_000)  # files at once, over all hosts; 0: as many as media workers
FFMPEG = env.text("FFMPEG")  # a path; empty takes the one of imageio-ffmpeg
MAX_DURATION_SECONDS = env.number("MAX_DURATION_SECONDS", 4 * 3600.0, minimum=1.0)

# People
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if PRODUCTION else "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_RATE_LIMITS = {"login": "", "login_failed": "", "signup": ""}  # counted by the house itself (dashboard/views/signin.py)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
EMAIL_BACKEND = "resilience.mail.backend.DurableMail"  # writes messages down; a worker delivers them by MAIL_DELIVERY
MAIL_DELIVERY = f"django.core.mail.backends.{'smtp' if env.text('EMAIL_HOST') else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = VAR_DIR / "mail"
EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.integer("EMAIL_PORT", 587, minimum=1, maximum=65535)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.boolean("EMAIL_USE_TLS", default=True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "Holdfast <holdfast@localhost>")

# API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["knox.auth.TokenAuthentication", "rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "resilience.http.api.NewestFirst",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_THROTTLE_CLASSES": ["resilience.http.limits.ClientThrottle"],
    "DEFAULT_SCHEMA_CLASS": "resilience.http.schema.DescribedSchema",
    "EXCEPTION_HANDLER": "resilience.http.api.exception_handler",
    "PAGE_SIZE": 50,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
REST_KNOX = {"TOKEN_TTL": None, "AUTH_HEADER_PREFIX": "Token"}
SPECTACULAR_SETTINGS = {
    "TITLE": "Holdfast",
    "VERSION": VERSION,
    "DESCRIPTION": "Video and audio in over bad networks, converted, with every failure explained.",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "notifications.live.schema.describe_stream"],
    "ENUM_NAME_OVERRIDES": {
        "VideoState": "uploads.models.VideoState",
        "UploadState": "uploads.models.SessionState",
        "JobState": "processing.models.JobState",
        "AttemptState": "processing.models.AttemptState",
        "RenditionState": "processing.models.RenditionState",
        "TicketState": "support.models.TicketState",
        "NotificationKind": "notifications.models.NotificationKind",
        "ActionKind": "resilience.errors.ActionKind",
    },
}
RATE_LIMITS = env.boolean("RATE_LIMITS", default=True)
RATELIMIT_ENABLE = RATE_LIMITS
SILENCED_SYSTEM_CHECKS = ["django_ratelimit.E003", "django_ratelimit.W001"]  # embedded: one machine, counted per process

# Static files, hashed names; tus-js-client and hls.js come from node_modules by lock file.
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
NODE_MODULES = env.path("NODE_MODULES", BASE_DIR / "node_modules")
STATICFILES_DIRS = [BASE_DIR / "static"] + [
    (f"vendor/{name}", folder)
    for name, folder in (("tus", NODE_MODULES / "tus-js-client" / "dist"), ("hls", NODE_MODULES / "hls.js" / "dist"))
    if folder.is_dir()
]
STORAGES = {
    "default": rendition_storage(RENDITION_DIR),
    "staticfiles": {"BACKEND": "config.static.HashedStaticFiles"},
}

# Security
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:", "blob:", *delivery_origins()],
        "media-src": ["'self'", "blob:", *delivery_origins()],
        "connect-src": ["'self'", *delivery_origins()],
        "worker-src": ["'self'", "blob:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
TRUST_PROXY = env.boolean("TRUST_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_PROXY else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 1 * 2**20

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["config.formats"]  # times with seconds
USE_TZ = True
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGGING = logging_settings(level=env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")), debug=DEBUG)
SENTRY_DSN = env.url("SENTRY_DSN", schemes=("https", "http"))
ENVIRONMENT = env.text("ENVIRONMENT", PROFILE)
if SENTRY_DSN:
    from config.sentry import start_sentry

    start_sentry(SENTRY_DSN, release=VERSION, environment=ENVIRONMENT)
