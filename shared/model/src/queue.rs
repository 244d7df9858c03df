//! What is said to whoever waits for a turn.

/// `Waits for one of 2 builds; 1 is ahead`.
pub fn waits(slots: usize, what: &str, ahead: usize) -> String {
    let place = match ahead {
        0 => "it is the next".to_owned(),
        1 => "1 is ahead".to_owned(),
        more => format!("{more} are ahead"),
    };
    format!("Waits for one of {slots} {what}; {place}")
}
