{{/* Sidecars. The web's has the app's id and calls it; the others only answer their process. */}}

{{/* What this process does through its sidecar; empty if it has none. The relay publishes, the web is delivered to. */}}
{{- define "todo.daprUses" -}}
{{- if .root.Values.dapr.enabled -}}
{{- $uses := list -}}
{{- range $use, $component := dict "publish" "relay" "subscribe" "backend" "state" (include "todo.valuesKey" .component) -}}
{{- if and (has $use $.root.Values.dapr.use) (eq $component (include "todo.valuesKey" $.component)) -}}{{- $uses = append $uses $use -}}{{- end -}}
{{- end -}}
{{- join "," $uses -}}
{{- end -}}
{{- end -}}

{{/* The web has one in any case: it fires the cron binding. */}}
{{- define "todo.hasSidecar" -}}
{{- if and .root.Values.dapr.enabled (or (eq .component "backend") (include "todo.daprUses" .)) -}}true{{- end -}}
{{- end -}}

{{- define "todo.daprId" -}}
{{- if eq .component "backend" -}}{{ .root.Values.dapr.appId }}{{- else -}}{{ .root.Values.dapr.appId }}-{{ .component }}{{- end -}}
{{- end -}}

{{- define "todo.appTokenSecret" -}}
{{- default (printf "%s-app-token" (include "todo.fullname" .)) .Values.dapr.appTokenSecret -}}
{{- end -}}

{{- define "todo.apiTokenSecret" -}}
{{- if .Values.dapr.apiTokenSecret -}}{{ .Values.dapr.apiTokenSecret }}
{{- else if include "todo.given" (dict "root" . "name" "DAPR_API_TOKEN") -}}{{ include "todo.fullname" . }}-api-token{{- end -}}
{{- end -}}

{{- define "todo.daprAnnotations" -}}
{{- if include "todo.hasSidecar" . -}}
dapr.io/enabled: "true"
dapr.io/app-id: {{ include "todo.daprId" . }}
{{- if eq .component "backend" }}
dapr.io/app-port: "8000"
dapr.io/app-protocol: http
dapr.io/app-token-secret: {{ include "todo.appTokenSecret" .root }}
{{- end }}
{{- with include "todo.apiTokenSecret" .root }}
dapr.io/api-token-secret: {{ . }}
{{- end }}
dapr.io/log-as-json: "true"
{{- end -}}
{{- end -}}

{{- define "todo.daprEnvironment" -}}
{{- if include "todo.hasSidecar" . -}}
- {name: DAPR, value: {{ include "todo.daprUses" . | quote }}}
{{- if contains "publish" (include "todo.daprUses" .) }}
{{- /* One way to publish: the sidecar spreads keys over partitions in another way. */}}
- {name: KAFKA_BOOTSTRAP_SERVERS, value: ""}
{{- end }}
- {name: DAPR_PUBSUB, value: {{ include "todo.pubsubName" .root }}}
- {name: DAPR_STATE_STORE, value: {{ include "todo.stateStoreName" .root }}}
{{- if eq .component "backend" }}
- name: APP_API_TOKEN
  valueFrom: {secretKeyRef: {name: {{ include "todo.appTokenSecret" .root }}, key: token}}
{{- end }}
{{- with include "todo.apiTokenSecret" .root }}
- name: DAPR_API_TOKEN
  valueFrom: {secretKeyRef: {name: {{ . }}, key: token}}
{{- end }}
{{- end -}}
{{- end -}}

{{/* With TLS the components have the names of production. */}}
{{- define "todo.pubsubName" -}}
kafka-pubsub{{ if hasSuffix "SSL" .Values.kafka.securityProtocol }}-prod{{ end }}
{{- end -}}

{{- define "todo.stateStoreName" -}}
statestore{{ if .Values.dapr.redisTls }}-prod{{ end }}
{{- end -}}

{{/* SHA-256 and SHA-512 select SCRAM in Dapr; the longer names silently become PLAIN. */}}
{{- define "todo.saslMechanismOfDapr" -}}
{{- trimPrefix "SCRAM-" .Values.kafka.saslMechanism -}}
{{- end -}}
