{{/* Sections as TOML. A JSON text, number, truth value or list of texts is TOML as it is. */}}
{{- define "aftercare.toml" -}}
{{- range $section, $keys := . }}
[{{ $section }}]
{{- range $key, $value := $keys }}
{{- if not (include "aftercare.tables" $value) }}
{{ $key }} = {{ toJson $value }}
{{- end }}
{{- end }}
{{- range $key, $value := $keys }}
{{- if include "aftercare.tables" $value }}
{{- range $value }}

[[{{ $section }}.{{ $key }}]]
{{- range $name, $one := . }}
{{ $name }} = {{ toJson $one }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{ end }}
{{- end }}

{{/* Something where the value is a list of tables. */}}
{{- define "aftercare.tables" -}}
{{- if kindIs "slice" . }}{{ if . }}{{ if kindIs "map" (first .) }}yes{{ end }}{{ end }}{{ end }}
{{- end }}

{{/* The settings file: what the chart decides goes before what the values say. */}}
{{- define "aftercare.settings" -}}
{{- $own := dict
  "environment" (dict "production" true)
  "identity" (dict "local_issuer" false)
  "server" (dict
    "public" (printf "%s:8080" .Values.bindAddress)
    "peer" (printf "%s:8181" .Values.bindAddress)
    "admin" (printf "%s:9090" .Values.bindAddress))
  "database" (dict "migrate" false)
  "search" (dict "folder" "/var/lib/aftercare/search")
  "seed" (dict "file" "/etc/aftercare/seed/seed.toml")
  "drain" (dict
    "delay" (printf "%ds" (int .Values.drain.delaySeconds))
    "grace" (printf "%ds" (int .Values.drain.graceSeconds))) -}}
{{- range $service := include "aftercare.services" . | splitList " " -}}
{{- $link := printf "http://%s-%s-peers:8181" (include "aftercare.fullname" $) $service -}}
{{- $_ := set $own (printf "services.%s" $service) (dict "link" $link) -}}
{{- end -}}
{{- include "aftercare.toml" (mergeOverwrite (deepCopy .Values.settings) $own) | trim -}}
{{- end }}

{{/* Writes nothing. A seed must come from somewhere, since the shipped one is a trial's. */}}
{{- define "aftercare.seedIsThere" -}}
{{- if not (or .Values.seed.existingSecret .Values.seed.content) -}}
{{- fail "seed.existingSecret or seed.content must say which tenants and staff there are at first" -}}
{{- end -}}
{{- end }}
