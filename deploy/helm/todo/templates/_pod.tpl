{{/* What every pod of the backend has. Called with (dict "root" $ "component" "relay"). */}}

{{- define "todo.podMetadata" -}}
labels:
  {{- include "todo.labels" . | nindent 2 }}
  {{- if hasKey .role.ports "metrics" }}
  todo/metrics: "true"
  {{- end }}
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  {{- /* A changed setting or secret starts new pods. What an existing Secret has is not known here. */}}
  checksum/settings: {{ include "todo.settings" .root | sha256sum }}
  checksum/secrets: {{ toJson .root.Values.secrets | sha256sum }}
  {{- with .root.Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- include "todo.daprAnnotations" . | nindent 2 }}
{{- end -}}

{{- define "todo.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "todo.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "todo.placement" -}}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .root.Values.spreadOverNodes }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "todo.selector" . | nindent 8 }}
{{- end }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The pod's address comes first: $(POD_IP) is replaced only by what stands above it. */}}
{{- define "todo.environment" -}}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
- name: ALLOWED_HOSTS
  value: {{ include "todo.allowedHosts" .root | quote }}
- name: PROMETHEUS_MULTIPROC_DIR
  value: /tmp/todo-metrics
{{- with .root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "todo.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if .Values.certificatesSecret }}
- {name: certificates, mountPath: /etc/todo/certificates, readOnly: true}
{{- end }}
{{- end -}}

{{/* In memory: the only folder that can be written to. Metrics of a container's processes are put together there. */}}
{{- define "todo.volumes" -}}
- {name: tmp, emptyDir: {medium: Memory, sizeLimit: 128Mi}}
{{- with .Values.certificatesSecret }}
- {name: certificates, secret: {secretName: {{ . }}}}
{{- end }}
{{- end -}}
