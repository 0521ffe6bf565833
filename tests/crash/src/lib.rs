//! Faults: kill -9, a service away, a client gone
