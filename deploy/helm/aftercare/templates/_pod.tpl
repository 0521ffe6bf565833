{{/* Pod Security Standard "restricted". The image's user has this number. */}}
{{- define "aftercare.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "aftercare.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "aftercare.databaseUrl" -}}
- name: AFTERCARE__DATABASE__URL
  valueFrom:
    secretKeyRef:
      name: {{ required "database.existingSecret must name the secret with the database's URL" .Values.database.existingSecret }}
      key: {{ .Values.database.key }}
{{- end }}

{{/* By environment: as a file the root key would be readable by the pod's group, which is refused. */}}
{{- define "aftercare.rootKeys" -}}
{{- $secret := required "keys.existingSecret must name the secret with the root key" .Values.keys.existingSecret -}}
{{- range $key := list "root" "changing" "retired" }}
- name: AFTERCARE__KEYS__{{ upper $key }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: {{ $key }}
      optional: {{ ne $key "root" }}
{{- end }}
{{- end }}

{{/* Delay, then connections and work a grace each, then the last traces; and some room. */}}
{{- define "aftercare.patience" -}}
{{- add .Values.drain.delaySeconds (mul 2 (max 1 .Values.drain.graceSeconds)) 3 5 -}}
{{- end }}

{{- define "aftercare.probe" -}}
grpc:
  port: 9090
timeoutSeconds: 3
{{- end }}
