//! Reading an operation of the target for a while: most end soon, and a message goes on after that.

use host::Context;
use model::{
    port::target::{Operation, TargetError},
    time::SECOND_MS,
};
use std::{future::Future, time::Duration};

/// How long one delivery goes on reading.
const READ_FOR_MS: i64 = 8 * SECOND_MS;

/// Reads until the operation isn't pending any more, or this delivery has taken long enough.
pub async fn follow<T, R>(ctx: &Context, read: impl Fn() -> R) -> Result<Operation<T>, TargetError>
where
    R: Future<Output = Result<Operation<T>, TargetError>>,
{
    let began = ctx.real();
    let mut pause_ms = 50;
    loop {
        let operation = read().await?;
        let pending = matches!(operation, Operation::Pending { .. });
        if !pending || ctx.real().since(began) + pause_ms >= READ_FOR_MS {
            return Ok(operation);
        }
        ctx.ports.clock.sleep(Duration::from_millis(pause_ms as u64)).await;
        pause_ms = (pause_ms * 2).min(2 * SECOND_MS);
    }
}
