{{/* The services, gateway first. */}}
{{- define "aftercare.services" -}}
gateway tickets customers knowledge surveys
{{- end }}

{{/* What every name begins with: room is left for the longest ending, `-customers-peers`. */}}
{{- define "aftercare.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- default $full .Values.fullnameOverride | trunc 47 | trimSuffix "-" -}}
{{- end }}

{{- define "aftercare.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* What pods of this release are found by; the component is added by who asks. */}}
{{- define "aftercare.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "aftercare.labels" -}}
{{ include "aftercare.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: aftercare
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "aftercare.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "aftercare.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end }}

{{/* A service's values over those of all. */}}
{{- define "aftercare.of" -}}
{{- $own := index .root.Values.services .service | default dict -}}
{{- mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy $own) | toJson -}}
{{- end }}
