"""/api/v1/: each room brings its own; the video, the schema and its page are put together here."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from config.api_videos import VideoViewSet
from notifications.api import NotificationViewSet
from notifications.live.view import stream_events
from processing.api import JobViewSet
from resilience.http.api import PUBLIC_ID
from support.api import GuideViewSet, ProblemViewSet, TicketViewSet
from uploads.api import UploadViewSet
from uploads.api_direct import AddressesView, AddressView, BeginView, FinishView, UploadView
from uploads.api_receipts import ReceiptKeyView
from uploads.limits.api import UsageView

router = SimpleRouter(trailing_slash=False)
router.register("videos", VideoViewSet, basename="api-video")
router.register("uploads", UploadViewSet, basename="api-upload")
router.register("jobs", JobViewSet, basename="api-job")
router.register("notifications", NotificationViewSet, basename="api-notification")
router.register("tickets", TicketViewSet, basename="api-ticket")
router.register("guides", GuideViewSet, basename="api-guide")
router.register("problems", ProblemViewSet, basename="api-problem")

urlpatterns = [
    path("events", stream_events, name="api-events"),
    path("receipt-keys/<slug:key>", ReceiptKeyView.as_view(), name="api-receipt-key"),
    path("usage", UsageView.as_view(), name="api-usage"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="api/docs.html"), name="api-docs"),
    path("s3/multipart", BeginView.as_view(), name="api-direct"),
    re_path(rf"^s3/multipart/(?P<id>{PUBLIC_ID})$", UploadView.as_view(), name="api-direct-upload"),
    re_path(rf"^s3/multipart/(?P<id>{PUBLIC_ID})/batch$", AddressesView.as_view(), name="api-direct-batch"),
    re_path(rf"^s3/multipart/(?P<id>{PUBLIC_ID})/complete$", FinishView.as_view(), name="api-direct-complete"),
    re_path(rf"^s3/multipart/(?P<id>{PUBLIC_ID})/(?P<number>[0-9]{{1,5}})$", AddressView.as_view(), name="api-direct-part"),
    path("", include(router.urls)),
]
