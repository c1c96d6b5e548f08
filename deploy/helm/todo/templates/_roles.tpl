{{/* The process types: the role of the Procfile that the image starts, how it is probed and how long it may take to stop.

     A web and a stream answer requests at a port, and are asked whether they can. The others have no port but
     that of their metrics. A worker, a ticker and beat are ready when they have made the file TODO_READY_FILE.
     A relay and consumers are alive while their loops turn, and so is beat. What a ticker says at
     /healthz/ready is an alarm and no probe: it depends on beat and Redis, and would hold up an upgrade. */}}
{{- define "todo.roles" -}}
backend:
  args: [web]
  ports: {http: 8000}
  grace: 30
  drain: true
  live: {httpGet: {path: /healthz/live, port: http}}
  ready: {httpGet: {path: /healthz/ready, port: http}}
stream:
  args: [stream]
  ports: {stream: 8001, metrics: 9100}
  grace: 30
  drain: true
  live: {httpGet: {path: /healthz/live, port: stream}}
  ready: {httpGet: {path: /healthz/ready, port: stream}}
worker:
  args: [worker]
  ports: {metrics: 9100}
  grace: 135
  live: {httpGet: {path: /healthz/live, port: metrics}}
  ready: {exec: {command: [test, -f, /tmp/todo-ready]}}
ticker:
  args: [ticker]
  ports: {metrics: 9100}
  grace: 135
  live: {httpGet: {path: /healthz/live, port: metrics}}
  ready: {exec: {command: [test, -f, /tmp/todo-ready]}}
beat:
  args: [beat]
  ports: {metrics: 9100}
  grace: 15
  live: {httpGet: {path: /healthz/live, port: metrics}}
  ready: {exec: {command: [test, -f, /tmp/todo-ready]}}
{{- $shards := int .Values.relayShards }}
{{- range $number := untilStep 1 (int (add1 $shards)) 1 }}
{{ ternary "relay" (printf "relay-%d" $number) (eq $shards 1) }}:
  args: [relay]
  environment: {RELAY_SHARD: "{{ $number }}/{{ $shards }}"}
  ports: {metrics: 9100}
  grace: 30
  live: {httpGet: {path: /healthz/live, port: metrics}}
  ready: {httpGet: {path: /healthz/live, port: metrics}}
{{- end }}
{{- if include "todo.hasConsumers" . }}
{{- range $group := list "notifications" "recurring" "sync" }}
consumers-{{ $group }}:
  args: [consumers, {{ $group }}]
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

{{/* The values of a process type: consumers of all groups share theirs, but for their number, and so do relays. */}}
{{- define "todo.valuesKey" -}}
{{- if hasPrefix "consumers-" . -}}consumers{{- else if hasPrefix "relay-" . -}}relay{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{- define "todo.replicas" -}}
{{- if hasPrefix "consumers-" .component -}}
{{- get .root.Values.replicaCount.consumers (trimPrefix "consumers-" .component) -}}
{{- else -}}
{{- get .root.Values.replicaCount (include "todo.valuesKey" .component) -}}
{{- end -}}
{{- end -}}

{{- define "todo.isAutoscaled" -}}
{{- $autoscaling := get .root.Values.autoscaling (include "todo.valuesKey" .component) -}}
{{- if and $autoscaling (get (default dict $autoscaling) "enabled") -}}true{{- end -}}
{{- end -}}
