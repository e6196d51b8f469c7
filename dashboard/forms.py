from __future__ import annotations

from django import forms


class TitleForm(forms.Form):
    title = forms.CharField(max_length=200, label="Title")
    seen = forms.CharField(max_length=200, strip=False, widget=forms.HiddenInput, error_messages={"required": "This page is too old to save from. Reload it."})


class TicketForm(forms.Form):
    subject = forms.CharField(max_length=200, label="What is it about?")
    body = forms.CharField(max_length=10_000, label="What did you see, and what did you expect?", widget=forms.Textarea)
    video = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    code = forms.CharField(required=False, max_length=80, widget=forms.HiddenInput)


class ReplyForm(forms.Form):
    body = forms.CharField(max_length=10_000, label="Your answer", widget=forms.Textarea)
