//! Tests of more than one operation.
