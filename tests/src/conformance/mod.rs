//! One suite per port; every adapter of that port passes it unchanged.
