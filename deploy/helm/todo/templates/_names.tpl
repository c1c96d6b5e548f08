{{/* Names and labels. */}}

{{- define "todo.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 39 characters, so that `-consumers-notifications` fits behind it into a label. */}}
{{- define "todo.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 39 | trimSuffix "-" -}}
{{- else if contains (include "todo.name" .) .Release.Name -}}
{{- .Release.Name | trunc 39 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "todo.name" .) | trunc 39 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What never changes while a release lives: Kubernetes refuses another selector of a Deployment.
     Called with (dict "root" $ "component" "relay"). */}}
{{- define "todo.selector" -}}
app.kubernetes.io/name: {{ include "todo.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "todo.labels" -}}
{{ include "todo.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: todo
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name (replace "+" "_" .root.Chart.Version) }}
{{- end -}}

{{- define "todo.secretName" -}}
{{- default (include "todo.fullname" .) .Values.existingSecret -}}
{{- end -}}

{{- define "todo.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "todo.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The image of a component: web and stream have image.backend.tag, the others may be ahead of it. */}}
{{- define "todo.backendImage" -}}
{{- $values := .root.Values.image -}}
{{- $tag := default .root.Chart.AppVersion $values.backend.tag -}}
{{- if not (has .component (list "backend" "stream")) -}}
{{- $tag = default $tag $values.background.tag -}}
{{- end -}}
{{- printf "%s:%s" $values.backend.repository (toString $tag) -}}
{{- end -}}

{{- define "todo.hasFrontend" -}}
{{- if .Values.image.frontend.repository -}}true{{- end -}}
{{- end -}}

{{/* Where browsers find the frontend: a host of its own, or the backend's. */}}
{{- define "todo.frontendHost" -}}
{{- default .Values.host .Values.frontend.host -}}
{{- end -}}
