{{/* The process types: what each runs (as the Procfile says it), how it is probed and how long it may take to stop.

     A web and a stream answer requests at a port, and are asked whether they can. The others have no port but
     that of their metrics. A worker, a ticker and beat are ready when they have made the file TODO_READY_FILE.
     A relay and consumers are alive while their loops turn, and so is beat. What a ticker says at
     /healthz/ready is an alarm and no probe: it depends on beat and Redis, and would hold up an upgrade. */}}
{{- define "todo.roles" -}}
backend:
  command: >-
    exec python -m granian --interface rsgi --http 1 --host "${HOST:-127.0.0.1}" --port "${PORT:-8000}" --workers "${WEB_CONCURRENCY:-2}" --backlog 4096 --backpressure 8192 --http1-header-read-timeout 60000 --workers-kill-timeout 3 --respawn-failed-workers --no-ws --log-config todo_project/granian_logs.json todo_project.rsgi:application
  ports: {http: 8000}
  grace: 30
  drain: true
  live: {httpGet: {path: /healthz/live, port: http}}
  ready: {httpGet: {path: /healthz/ready, port: http}}
stream:
  command: exec python manage.py serve_stream
  ports: {stream: 8001, metrics: 9100}
  grace: 30
  drain: true
  live: {httpGet: {path: /healthz/live, port: stream}}
  ready: {httpGet: {path: /healthz/ready, port: stream}}
worker:
  command: >-
    rm -f "$TODO_READY_FILE"; exec python -m celery --quiet --app todo_project worker --hostname deliveries@%h --queues deliveries,background --concurrency 2 --without-gossip --without-mingle
  ports: {metrics: 9100}
  grace: 135
  live: {httpGet: {path: /healthz/live, port: metrics}}
  ready: {exec: {command: [test, -f, /tmp/ready]}}
ticker:
  command: >-
    rm -f "$TODO_READY_FILE"; exec python -m celery --quiet --app todo_project worker --hostname ticks@%h --queues ticks --pool solo --without-gossip --without-mingle
  ports: {metrics: 9100}
  grace: 135
  live: {httpGet: {path: /healthz/live, port: metrics}}
  ready: {exec: {command: [test, -f, /tmp/ready]}}
beat:
  command: rm -f "$TODO_READY_FILE"; exec python -m celery --quiet --app todo_project beat
  ports: {metrics: 9100}
  grace: 15
  live: {httpGet: {path: /healthz/live, port: metrics}}
  ready: {exec: {command: [test, -f, /tmp/ready]}}
relay:
  command: exec python manage.py relay_outbox
  ports: {metrics: 9100}
  grace: 30
  live: {httpGet: {path: /healthz/live, port: metrics}}
  ready: {httpGet: {path: /healthz/live, port: metrics}}
{{- if include "todo.hasConsumers" . }}
{{- range $group := list "notifications" "recurring" "sync" }}
consumers-{{ $group }}:
  command: exec python manage.py consume {{ $group }}
  ports: {metrics: 9100}
  grace: 30
  live: {httpGet: {path: /healthz/live, port: metrics}}
  ready: {httpGet: {path: /healthz/live, port: metrics}}
{{- end }}
{{- end }}
{{- end -}}

{{/* With Dapr the sidecar of the web delivers the events. */}}
{{- define "todo.hasConsumers" -}}
{{- if and .Values.kafka.brokers (not (and .Values.dapr.enabled (has "subscribe" .Values.dapr.use))) -}}true{{- end -}}
{{- end -}}

{{/* The values of a process type: consumers of all groups share theirs, but for their number. */}}
{{- define "todo.valuesKey" -}}
{{- if hasPrefix "consumers-" . -}}consumers{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{- define "todo.replicas" -}}
{{- if hasPrefix "consumers-" .component -}}
{{- get .root.Values.replicaCount.consumers (trimPrefix "consumers-" .component) -}}
{{- else -}}
{{- get .root.Values.replicaCount .component -}}
{{- end -}}
{{- end -}}

{{- define "todo.isAutoscaled" -}}
{{- $autoscaling := get .root.Values.autoscaling (include "todo.valuesKey" .component) -}}
{{- if and $autoscaling (get (default dict $autoscaling) "enabled") -}}true{{- end -}}
{{- end -}}
