from django.urls import path

from web_app.views import page, service_worker

urlpatterns = [
    path("", page, name="page"),
    path("service-worker.js", service_worker, name="service-worker"),
]
