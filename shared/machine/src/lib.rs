//! Adapters for one machine.
