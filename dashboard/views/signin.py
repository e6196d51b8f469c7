"""allauth's sign-in and sign-up behind the house's own limits, so that a limited person reads the same page everywhere."""

from __future__ import annotations

from typing import Any

from allauth.account.views import LoginView, SignupView
from django.http import HttpRequest, HttpResponse

from resilience.http.errors import RateLimited
from resilience.http.limits import require_rate
from resilience.http.problems import error_response


class LimitedLogin(LoginView):  # type: ignore[misc]
    """Five tries in 15 minutes by address, and five by the e-mail tried from wherever."""

    def get_form(self, form_class: Any = None) -> Any:
        form = super().get_form(form_class)
        form.fields["remember"].label = "Keep me signed in"
        return form

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        require_rate(request, "login")
        require_rate(request, "login", name=request.POST.get("login", "").strip())
        answer: HttpResponse = super().post(request, *args, **kwargs)
        return answer


class LimitedSignup(SignupView):  # type: ignore[misc]
    """Three new accounts an hour by address; a form with mistakes in it does not count."""

    def get_form(self, form_class: Any = None) -> Any:
        form = super().get_form(form_class)
        form.fields["password1"].help_text = "At least 8 characters, and none of the passwords that everybody has."
        return form

    def form_valid(self, form: Any) -> HttpResponse:
        require_rate(self.request, "signup")
        answer: HttpResponse = super().form_valid(form)
        return answer


login = LimitedLogin.as_view()
signup = LimitedSignup.as_view()


def too_many_requests(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """What allauth answers when one of its own limits (password reset, e-mail changes) is reached."""
    return error_response(request, RateLimited(retry_after=60))
