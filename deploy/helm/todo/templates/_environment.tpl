{{/* What the containers of the backend get from values: plain settings in a ConfigMap, secrets by reference. */}}

{{/* Settings that follow from other values. `config` adds to them and wins where it may name one of them. */}}
{{- define "todo.settings" -}}
{{- $frontendHost := include "todo.frontendHost" . -}}
{{- $settings := dict
  "TODO_ENV" "production"
  "HOST" "0.0.0.0"
  "PORT" "8000"
  "STREAM_PORT" "8001"
  "METRICS_HOST" "0.0.0.0"
  "PUBLIC_URL" (printf "https://%s" .Values.host)
  "STREAM_URL" (printf "https://%s/api/stream" .Values.host)
  "MCP_URL" (printf "https://%s/mcp" .Values.host)
  "CSRF_TRUSTED_ORIGINS" (printf "https://%s" .Values.host)
  "VAPID_SUBJECT" (printf "https://%s" .Values.host)
  "TRUSTED_PROXIES" "1"
-}}
{{- if ne $frontendHost .Values.host -}}
{{- $_ := set $settings "CORS_ALLOWED_ORIGINS" (printf "https://%s" $frontendHost) -}}
{{- end -}}
{{- with .Values.insecureTransportOk -}}
{{- $_ := set $settings "INSECURE_TRANSPORT_OK" (join "," .) -}}
{{- end -}}
{{- if .Values.outsideSignIn.enabled -}}
{{- $_ := set $settings "AUTH_JWT_ISSUER" (default (printf "https://%s" $frontendHost) .Values.outsideSignIn.issuer) -}}
{{- $_ := set $settings "AUTH_JWT_AUDIENCE" (default (printf "https://%s" $frontendHost) .Values.outsideSignIn.audience) -}}
{{- with .Values.outsideSignIn.AUTH_JWKS_URL -}}
{{- $_ := set $settings "AUTH_JWKS_URL" . -}}
{{- end -}}
{{- end -}}
{{- with include "todo.assistantModel" . -}}
{{- $_ := set $settings "ASSISTANT_MODEL" . -}}
{{- end -}}
{{- if .Values.kafka.brokers -}}
{{- $_ := set $settings "KAFKA_BOOTSTRAP_SERVERS" .Values.kafka.brokers -}}
{{- $_ := set $settings "KAFKA_SECURITY_PROTOCOL" .Values.kafka.securityProtocol -}}
{{- if include "todo.usesSasl" . -}}
{{- $_ := set $settings "KAFKA_SASL_MECHANISM" (include "todo.saslMechanismOfKafka" .) -}}
{{- end -}}
{{- end -}}
{{- range $name, $value := .Values.config -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $settings $name (include "todo.plainText" $value) -}}
{{- end -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}

{{/* A number as people write it: Helm reads 100000 as a float and would print 1e+05. */}}
{{- define "todo.plainText" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) -}}
{{- int64 . -}}
{{- else -}}
{{- toString . -}}
{{- end -}}
{{- end -}}

{{/* librdkafka says SCRAM-SHA-256, Dapr SHA-256; the values take both. */}}
{{- define "todo.saslMechanismOfKafka" -}}
{{- $short := trimPrefix "SCRAM-" .Values.kafka.saslMechanism -}}
{{- if hasPrefix "SHA-" $short -}}SCRAM-{{ $short }}{{- else -}}{{ $short }}{{- end -}}
{{- end -}}

{{- define "todo.usesSasl" -}}
{{- if and .Values.kafka.brokers (hasPrefix "SASL_" .Values.kafka.securityProtocol) -}}true{{- end -}}
{{- end -}}

{{/* A Secret's key for each variable of the backend: {name, key, required}. */}}
{{- define "todo.secretVariables" -}}
{{- $variables := list
  (dict "name" "DATABASE_URL" "key" "DATABASE_URL" "required" true)
  (dict "name" "REDIS_URL" "key" "REDIS_URL" "required" true)
  (dict "name" "SECRET_KEY" "key" "SECRET_KEY" "required" true)
  (dict "name" "VAPID_PRIVATE_KEY" "key" "VAPID_PRIVATE_KEY" "required" true)
-}}
{{- if and .Values.outsideSignIn.enabled (not .Values.outsideSignIn.AUTH_JWKS_URL) -}}
{{- $variables = append $variables (dict "name" "AUTH_JWT_SECRET" "key" "BETTER_AUTH_SECRET" "required" true) -}}
{{- end -}}
{{- if include "todo.usesSasl" . -}}
{{- $variables = append $variables (dict "name" "KAFKA_USERNAME" "key" "KAFKA_USERNAME" "required" true) -}}
{{- $variables = append $variables (dict "name" "KAFKA_PASSWORD" "key" "KAFKA_PASSWORD" "required" true) -}}
{{- end -}}
{{- $provider := include "todo.assistantKey" . -}}
{{- range $name := list "OPENAI_API_KEY" "GEMINI_API_KEY" "ANTHROPIC_API_KEY" -}}
{{- $variables = append $variables (dict "name" $name "key" $name "required" (eq $name $provider)) -}}
{{- end -}}
{{- range $name := list "DATABASE_DIRECT_URL" "SECRET_KEY_FALLBACKS" "EMAIL_URL" "METRICS_TOKEN" "INTERNAL_TOKEN" -}}
{{- $variables = append $variables (dict "name" $name "key" $name "required" false) -}}
{{- end -}}
{{- toJson (dict "variables" $variables) -}}
{{- end -}}

{{/* As env entries. A key that is not given is left out; of an existing Secret it is optional instead.
     Called with (dict "root" $ "secret" "the name of the Secret"). */}}
{{- define "todo.secretEnvironment" -}}
{{- $values := .root.Values -}}
{{- $secret := .secret -}}
{{- $root := .root -}}
{{- range $each := get (fromJson (include "todo.secretVariables" .root)) "variables" -}}
{{- if or $values.existingSecret (include "todo.given" (dict "root" $root "name" $each.key)) }}
- name: {{ $each.name }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: {{ $each.key }}
      {{- if and $values.existingSecret (not $each.required) }}
      optional: true
      {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "todo.given" -}}
{{- if not (kindIs "invalid" (get .root.Values.secrets .name)) -}}{{- if hasKey .root.Values.secrets .name -}}true{{- end -}}{{- end -}}
{{- end -}}

{{/* The hosts that requests may name: clients' host, the Services, and the pod's own address, which probes and
     Prometheus use. Each name is written in full, because a pattern would allow names that are not ours. */}}
{{- define "todo.allowedHosts" -}}
{{- $service := printf "%s-backend" (include "todo.fullname" .) -}}
{{- $inside := list $service (printf "%s.%s" $service .Release.Namespace) (printf "%s.%s.svc" $service .Release.Namespace) (printf "%s.%s.svc.cluster.local" $service .Release.Namespace) -}}
{{- join "," (concat (list .Values.host) $inside (list "localhost" "127.0.0.1" "$(POD_IP)" "[$(POD_IP)]")) -}}
{{- end -}}

{{- define "todo.secretData" -}}
{{- range $name, $value := .Values.secrets }}
{{- if not (kindIs "invalid" $value) }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end -}}
