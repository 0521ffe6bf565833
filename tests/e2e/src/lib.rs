//! End to end: real processes, both databases, real clients
