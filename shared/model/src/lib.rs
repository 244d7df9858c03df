//! Documents, ids, events, money, ports and the deployment state machine. No I/O.
