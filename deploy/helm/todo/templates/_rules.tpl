{{/* Rules between values, which a schema cannot say. Each is one line that names the value and what would be right;
     all that are broken are reported at once. Types and ranges are in values.schema.json. */}}

{{- define "todo.rules" -}}
{{- $broken := list -}}
{{- range $rules := list "todo.secretRules" "todo.addressRules" "todo.transportRules" "todo.scalingRules" "todo.resourceRules" "todo.daprRules" -}}
{{- range $line := splitList "\n" (include $rules $) -}}
{{- with trim $line -}}{{- $broken = append $broken (printf "  - %s" .) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if $broken -}}
{{- fail (printf "\n\nThese values do not fit together:\n\n%s\n\ndocs/kubernetes.md explains each value.\n" (join "\n" $broken)) -}}
{{- end -}}
{{- end -}}

{{/* "true" if this counts as no secret at all. */}}
{{- define "todo.isEmpty" -}}
{{- if has (lower (trim .)) (list "" "default" "changeme" "secret") -}}true{{- end -}}
{{- end -}}

{{/* assistant.model as the backend has it, provider:name; "unknown" if it names no provider. The provider may be left
     out where the name says it, and may be in the longer form of other tools (openai-responses, google-gla). */}}
{{- define "todo.assistantModel" -}}
{{- $model := trim .Values.assistant.model -}}
{{- $name := regexReplaceAll "^[a-z-]+:" $model "" -}}
{{- if or (eq $model "") (eq $model "offline") (regexMatch "^ollama:." $model) -}}{{ $model }}
{{- else if or (regexMatch "^openai(-[a-z]+)?:." $model) (regexMatch "^(gpt-|chatgpt-|o[0-9])[^:]*$" $model) -}}openai:{{ $name }}
{{- else if or (regexMatch "^google(-[a-z]+)?:." $model) (regexMatch "^gemini-[^:]*$" $model) -}}google:{{ $name }}
{{- else if or (regexMatch "^anthropic:." $model) (regexMatch "^claude-[^:]*$" $model) -}}anthropic:{{ $name }}
{{- else -}}unknown
{{- end -}}
{{- end -}}

{{/* The name of the key that assistant.model needs; empty if it needs none. */}}
{{- define "todo.assistantKey" -}}
{{- $provider := regexFind "^[a-z]+" (include "todo.assistantModel" .) -}}
{{- get (dict "openai" "OPENAI_API_KEY" "google" "GEMINI_API_KEY" "anthropic" "ANTHROPIC_API_KEY") $provider -}}
{{- end -}}

{{- define "todo.lacks" -}}
{{- if not (include "todo.given" .) -}}true{{- end -}}
{{- end -}}

{{- define "todo.secretRules" -}}
{{- if not .Values.existingSecret -}}
{{- $root := . -}}
{{- range $name, $value := .Values.secrets -}}
{{- if and (not (kindIs "invalid" $value)) (include "todo.isEmpty" $value) }}
secrets.{{ $name }} is empty ({{ $value | quote }}): give it a value, or leave it out where nothing needs it.
{{- end }}
{{- end }}
{{- range $name, $why := dict
  "DATABASE_URL" "it names the PostgreSQL that has all the data: postgresql://user:password@host/name?sslmode=verify-full"
  "REDIS_URL" "it names the Redis or Valkey: rediss://:password@host:6379/0"
  "SECRET_KEY" "it signs tokens and links. Make one: python -c 'import secrets; print(secrets.token_urlsafe(50))'"
  "VAPID_PRIVATE_KEY" "push messages are signed with it; docs/kubernetes.md has the command that makes one. Keep it: browsers are subscribed to it"
}}
{{- if include "todo.lacks" (dict "root" $root "name" $name) }}
secrets.{{ $name }} is missing: {{ $why }}.
{{- end }}
{{- end }}
{{- if and .Values.outsideSignIn.enabled (not .Values.outsideSignIn.AUTH_JWKS_URL) (include "todo.lacks" (dict "root" . "name" "BETTER_AUTH_SECRET")) }}
secrets.BETTER_AUTH_SECRET is missing: tokens of the frontend are verified with it. Or set outsideSignIn.AUTH_JWKS_URL, or outsideSignIn.enabled=false.
{{- end }}
{{- with include "todo.assistantKey" . }}
{{- if include "todo.lacks" (dict "root" $root "name" .) }}
secrets.{{ . }} is missing: assistant.model={{ $root.Values.assistant.model }} is a model of its provider.
{{- end }}
{{- end }}
{{- if include "todo.usesSasl" . }}
{{- range list "KAFKA_USERNAME" "KAFKA_PASSWORD" }}
{{- if include "todo.lacks" (dict "root" $root "name" .) }}
secrets.{{ . }} is missing: kafka.securityProtocol={{ $root.Values.kafka.securityProtocol }} signs in with it.
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.operatorEmail (include "todo.lacks" (dict "root" . "name" "OPERATOR_PASSWORD")) }}
secrets.OPERATOR_PASSWORD is missing: operatorEmail={{ .Values.operatorEmail }} gets an account with it.
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled (include "todo.lacks" (dict "root" . "name" "METRICS_TOKEN")) }}
secrets.METRICS_TOKEN is missing: metrics.serviceMonitor.enabled=true has Prometheus read the web's metrics with it.
{{- end }}
{{- include "todo.secretForms" . }}
{{- end -}}
{{- end -}}

{{/* Secrets that are given, and that the backend would refuse to start with. */}}
{{- define "todo.secretForms" -}}
{{- $secrets := .Values.secrets -}}
{{- range $rule := list
  (list "DATABASE_URL" "^postgres(ql)?://[^/]*/[^?]+" "must be postgresql://user:password@host/name?sslmode=verify-full")
  (list "DATABASE_DIRECT_URL" "^postgres(ql)?://[^/]*/[^?]+" "must be postgresql://user:password@host/name?sslmode=verify-full")
  (list "REDIS_URL" "^(rediss?|unix)://." "must be rediss://:password@host:6379/0")
  (list "SECRET_KEY" "^.{50,}$" "must have 50 random characters or more")
  (list "BETTER_AUTH_SECRET" "^.{32,}$" "must have 32 random characters or more (HS256)")
  (list "VAPID_PRIVATE_KEY" "^[A-Za-z0-9_-]{43}=?$" "must be a P-256 private key: 32 bytes, 43 characters of base64url")
  (list "METRICS_TOKEN" "^.{16,}$" "must have 16 random characters or more")
  (list "INTERNAL_TOKEN" "^.{16,}$" "must have 16 random characters or more")
  (list "APP_API_TOKEN" "^.{16,}$" "must have 16 random characters or more")
}}
{{- $value := get $secrets (index $rule 0) }}
{{- if and $value (not (include "todo.isEmpty" $value)) (not (regexMatch (index $rule 1) $value)) }}
secrets.{{ index $rule 0 }} {{ index $rule 2 }}.
{{- end }}
{{- end }}
{{- if and $secrets.SECRET_KEY (eq (toString $secrets.SECRET_KEY) (toString $secrets.BETTER_AUTH_SECRET)) }}
secrets.BETTER_AUTH_SECRET is the same as secrets.SECRET_KEY: with it, the frontend could sign in as any user.
{{- end }}
{{- end -}}

{{- define "todo.addressRules" -}}
{{- if eq (include "todo.assistantModel" .) "unknown" }}
assistant.model={{ .Values.assistant.model }} names no provider: google:NAME, openai:NAME, anthropic:NAME, ollama:NAME, or offline.
{{- end }}
{{- if not .Values.host }}
host is missing: it is where clients reach the API, such as todo.mycompany.com.
{{- end }}
{{- if and (not .Values.config.VAPID_SUBJECT) (regexMatch "(^|\\.)(test|example|invalid|localhost|local|internal|example\\.(com|net|org))$" .Values.host) }}
host={{ .Values.host }} does not exist in public, so push services cannot reach you there: name another, or set config.VAPID_SUBJECT to mailto:you@mycompany.com.
{{- end }}
{{- if and .Values.frontend.host (not .Values.image.frontend.repository) }}
frontend.host={{ .Values.frontend.host }} needs image.frontend.repository: without it there is no frontend.
{{- end }}
{{- if and .Values.service.frontend.nodePort (eq .Values.service.frontend.type "ClusterIP") }}
service.frontend.nodePort={{ int .Values.service.frontend.nodePort }} needs service.frontend.type NodePort or LoadBalancer: a ClusterIP has no port of the node.
{{- end }}
{{- if and (not .Values.ingress.tls.enabled) .Values.ingress.enabled (not .Values.ingress.annotations) }}
ingress.tls.enabled=false: the backend redirects http to https. End TLS in front of the ingress and say so in its ingress.annotations, or enable it.
{{- end }}
{{- if and .Values.outsideSignIn.AUTH_JWKS_URL (not .Values.outsideSignIn.enabled) }}
outsideSignIn.AUTH_JWKS_URL needs outsideSignIn.enabled=true: no token of that provider would be taken.
{{- end }}
{{- end -}}

{{- define "todo.transportRules" -}}
{{- $open := .Values.insecureTransportOk -}}
{{- $kafka := .Values.kafka -}}
{{- $database := default "" .Values.secrets.DATABASE_URL -}}
{{- $redis := default "" .Values.secrets.REDIS_URL -}}
{{- if and $kafka.brokers (not (hasSuffix "SSL" $kafka.securityProtocol)) (not (has "kafka" $open)) }}
kafka.securityProtocol={{ $kafka.securityProtocol }} is not encrypted: SASL_SSL or SSL, or insecureTransportOk with kafka on a private network.
{{- end }}
{{- if and (include "todo.usesSasl" .) (not $kafka.saslMechanism) }}
kafka.saslMechanism is missing: kafka.securityProtocol={{ $kafka.securityProtocol }} needs SCRAM-SHA-256, SCRAM-SHA-512 or PLAIN.
{{- end }}
{{- if and $kafka.brokers $kafka.saslMechanism (not (include "todo.usesSasl" .)) }}
kafka.saslMechanism={{ $kafka.saslMechanism }} needs kafka.securityProtocol SASL_SSL: {{ $kafka.securityProtocol }} signs no one in.
{{- end }}
{{- if and $kafka.saslMechanism (not $kafka.brokers) }}
kafka.saslMechanism={{ $kafka.saslMechanism }} needs kafka.brokers: without them there is no Kafka.
{{- end }}
{{- if not .Values.existingSecret }}
{{- if and $database (not (regexMatch "[?&]sslmode=(require|verify-ca|verify-full)(&|$)" $database)) (not (has "postgresql" $open)) }}
secrets.DATABASE_URL is not encrypted: add ?sslmode=verify-full (or verify-ca, require), or insecureTransportOk with postgresql on a private network.
{{- end }}
{{- if and $redis (not (regexMatch "^rediss://[^@/]*:[^@/]+@" $redis)) (not (has "redis" $open)) }}
secrets.REDIS_URL has no TLS or no password: rediss://:password@host:6379/0, or insecureTransportOk with redis on a private network.
{{- end }}
{{- if .Values.networkPolicy.enabled }}
{{- range $name, $port := dict "DATABASE_URL" "5432" "REDIS_URL" "6379" }}
{{- $host := get (urlParse (default "" (get $.Values.secrets $name))) "host" }}
{{- $named := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $host) | default $port }}
{{- if and $host (not (has $named (splitList "," (join "," $.Values.networkPolicy.egressPorts)))) }}
networkPolicy.egressPorts lacks {{ $named }}, the port of secrets.{{ $name }}.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "todo.scalingRules" -}}
{{- range $name, $each := .Values.autoscaling }}
{{- if and $each.enabled (gt (int $each.minReplicas) (int $each.maxReplicas)) }}
autoscaling.{{ $name }}.minReplicas={{ int $each.minReplicas }} is more than its maxReplicas={{ int $each.maxReplicas }}.
{{- end }}
{{- if and $each.enabled (ne $name "consumers") (not (dig "requests" "cpu" "" (get $.Values.resources $name))) }}
autoscaling.{{ $name }} needs resources.{{ $name }}.requests.cpu: a percentage of it is what it scales by.
{{- end }}
{{- end }}
{{- $consumers := .Values.autoscaling.consumers }}
{{- $partitions := int (default 12 .Values.config.KAFKA_TOPIC_PARTITIONS) }}
{{- if and $consumers.enabled (not (include "todo.hasConsumers" .)) }}
autoscaling.consumers needs kafka.brokers and consumers: without them the relay or the sidecar hands events over.
{{- end }}
{{- if and $consumers.enabled (gt (int $consumers.maxReplicas) $partitions) }}
autoscaling.consumers.maxReplicas={{ int $consumers.maxReplicas }} is more than config.KAFKA_TOPIC_PARTITIONS={{ $partitions }}: no more of a group work than there are partitions.
{{- end }}
{{- range $group, $replicas := .Values.replicaCount.consumers }}
{{- if gt (int $replicas) $partitions }}
replicaCount.consumers.{{ $group }}={{ int $replicas }} is more than config.KAFKA_TOPIC_PARTITIONS={{ $partitions }}: no more of a group work than there are partitions.
{{- end }}
{{- end }}
{{- end -}}

{{/* Kubernetes refuses a request that is above its limit, but only when the pod is made. */}}
{{- define "todo.resourceRules" -}}
{{- range $name, $each := .Values.resources }}
{{- range $kind := list "memory" "cpu" }}
{{- $request := dig "requests" $kind "" $each }}
{{- $limit := dig "limits" $kind "" $each }}
{{- if and (ne (toString $request) "") (ne (toString $limit) "") (gt (float64 (include "todo.amount" $request)) (float64 (include "todo.amount" $limit))) }}
resources.{{ $name }}.requests.{{ $kind }}={{ $request }} is more than its limit of {{ $limit }}.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A quantity such as 256Mi or 100m as a number. */}}
{{- define "todo.amount" -}}
{{- $text := toString . -}}
{{- $number := regexFind "^[0-9.]+" $text | float64 -}}
{{- $factors := dict "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 -}}
{{- $factor := get $factors (regexFind "[a-zA-Z]+$" $text) | default 1.0 -}}
{{- printf "%f" (mulf $number $factor) -}}
{{- end -}}

{{- define "todo.daprRules" -}}
{{- $dapr := .Values.dapr -}}
{{- if $dapr.enabled }}
{{- if not .Values.kafka.brokers }}
dapr.enabled=true needs kafka.brokers: its topics are there.
{{- end }}
{{- if and (has "state" $dapr.use) (not $dapr.redisHost) }}
dapr.redisHost is missing: dapr.use has state, whose component connects to it, such as redis.mycompany.com:6379.
{{- end }}
{{- if and .Values.existingSecret (not $dapr.appTokenSecret) }}
dapr.appTokenSecret is missing: with existingSecret, name a Secret whose key `token` is what the sidecar sends to the app.
{{- end }}
{{- if not .Values.existingSecret }}
{{- if and (not $dapr.appTokenSecret) (include "todo.lacks" (dict "root" . "name" "APP_API_TOKEN")) }}
secrets.APP_API_TOKEN is missing: the sidecar shows with it that it is the sidecar.
{{- end }}
{{- if and (has "state" $dapr.use) $dapr.redisTls (include "todo.lacks" (dict "root" . "name" "REDIS_PASSWORD")) }}
secrets.REDIS_PASSWORD is missing: the component of dapr.redisHost signs in with it.
{{- end }}
{{- end }}
{{- if and (has "state" $dapr.use) (not $dapr.redisTls) (not (has "redis" .Values.insecureTransportOk)) }}
dapr.redisTls=false is not encrypted: true, or insecureTransportOk with redis on a private network.
{{- end }}
{{- end }}
{{- end -}}
