"""Prints Google's own descriptors of the files that we declare ourselves: name, then base64."""

import base64

from google.api import annotations_pb2, field_behavior_pb2, http_pb2
from google.protobuf import descriptor_pb2

for module in (annotations_pb2, field_behavior_pb2, http_pb2):
    file = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(file)
    file.ClearField("source_code_info")
    print(file.name, base64.b64encode(file.SerializeToString()).decode())
