from django.urls import path

from sync_app.views import StreamTicketView, StreamView

urlpatterns = [
    path("stream", StreamView.as_view()),
    path("stream/ticket", StreamTicketView.as_view()),
]
