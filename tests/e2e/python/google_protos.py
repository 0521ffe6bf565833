"""Prints the folder of Google's own protos, as `googleapis-common-protos` ships them."""

import pathlib

from google.rpc import error_details_pb2

print(pathlib.Path(error_details_pb2.__file__).parents[2])
