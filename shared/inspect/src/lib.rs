//! A source tree to a plan; names, variables and redaction.
