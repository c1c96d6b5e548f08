from django.urls import path

from recurring_app.preview import PreviewView

urlpatterns = [path("recurrence/preview", PreviewView.as_view())]
