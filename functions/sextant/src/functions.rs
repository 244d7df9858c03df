//! The functions there are: the one list that everything else is derived from.

use host::Function;

/// Every function, in the order of the documentation.
pub fn all() -> Vec<Function> {
    vec![
        register::function(),
        deploy_step::function(),
        collect_metrics::function(),
        advise::function(),
        send_feedback::function(),
        receive_feedback::function(),
        learn::function(),
        notify::function(),
        act::function(),
        sweep::function(),
        console::function(),
    ]
}

/// The function of that name.
pub fn named(name: &str) -> Option<Function> {
    all().into_iter().find(|function| function.name == name)
}
