"""Every address of the house."""

from django.contrib import admin
from django.urls import include, path

from resilience.http import views
from resilience.watching import views as watching

handler400 = views.bad_request
handler403 = views.permission_denied
handler404 = views.page_not_found
handler429 = "dashboard.views.signin.too_many_requests"  # allauth asks for it by this name
handler500 = views.server_error

urlpatterns = [
    path("healthz", watching.healthz, name="healthz"),
    path("readyz", watching.readyz, name="readyz"),
    path("metrics", watching.metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("config.api_urls")),
    path("", include("dashboard.urls")),
]
