"""Makes Python stubs of all protos of a folder: stubs.py PROTOS TARGET."""

import pathlib
import sys

import grpc_tools
from grpc_tools import protoc

protos, target = sys.argv[1:]
files = sorted(str(path) for path in pathlib.Path(protos).rglob("*.proto"))
well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
sys.exit(
    protoc.main(
        [
            "protoc",
            f"--proto_path={protos}",
            f"--proto_path={well_known}",
            f"--python_out={target}",
            f"--grpc_python_out={target}",
            *files,
        ]
    )
)
