//! Conformance suites and fakes that the tests share.
