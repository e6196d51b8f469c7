"""The operations console: Django's own admin with a front page that says what needs a hand."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

# Libraries that register pages of their own: their actions ask no reason and no permission, and their rows are not for hands.
FOREIGN = {"django_q", "knox", "account", "sites"}


class OperationsSite(AdminSite):
    site_header = "Holdfast operations"
    site_title = "Holdfast operations"
    index_title = "Now"
    enable_nav_sidebar = True

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        models = model_or_iterable if isinstance(model_or_iterable, (list, tuple, set)) else [model_or_iterable]
        ours = [model for model in models if model._meta.app_label not in FOREIGN]
        if ours:
            super().register(ours, admin_class, **options)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from config.operations import front_page

        return super().index(request, {**front_page(), **(extra_context or {})})

    @method_decorator(never_cache)
    @login_not_required
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Sign in, counted per address and per name, so that nobody tries passwords at leisure.

        Raises:
            RateLimited: too many tries.
        """
        from resilience.http.limits import require_rate

        if request.method == "POST":
            require_rate(request, "login")
            require_rate(request, "login", name=request.POST.get("username") or "nobody")
        return super().login(request, extra_context)
