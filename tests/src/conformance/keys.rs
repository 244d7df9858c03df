//! What every wrapper of data keys must do.

use model::{
    TenantId,
    port::{KeyContext, Keys},
};
use std::sync::Arc;

/// Makes one test of each function of the suite; give an expression that makes `(Arc<dyn Keys>, what must live as
/// long as the test)`.
#[macro_export]
macro_rules! keys_suite {
    ($make:expr) => {
        $crate::keys_suite!($make;
            what_was_wrapped_is_unwrapped,
            the_wrapped_key_does_not_show_the_key,
            another_context_is_refused,
            changed_bytes_are_refused,
        );
    };
    ($make:expr; $($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let (keys, _guard) = $make.await;
                $crate::conformance::keys::$name(keys).await;
            }
        )*
    };
}

fn context() -> KeyContext {
    KeyContext {
        tenant: TenantId::new("acme").unwrap(),
        record: "tenants/acme/secrets/shop".into(),
        field: "TOKEN".into(),
    }
}

/// Under the context it was wrapped in.
pub async fn what_was_wrapped_is_unwrapped(keys: Arc<dyn Keys>) {
    for fill in [0, 7, 255] {
        let wrapped = keys.wrap(&context(), &[fill; 32]).await.unwrap();
        assert_eq!(keys.unwrap(&context(), &wrapped).await.unwrap(), [fill; 32]);
    }
}

/// And wrapping twice gives different bytes, so that equal keys can't be told.
pub async fn the_wrapped_key_does_not_show_the_key(keys: Arc<dyn Keys>) {
    let key: Vec<u8> = (100..132).collect();
    let (one, two) = (keys.wrap(&context(), &key).await.unwrap(), keys.wrap(&context(), &key).await.unwrap());
    assert_ne!(one, two);
    for wrapped in [one, two] {
        assert!(!wrapped.windows(4).any(|part| key.windows(4).any(|secret| secret == part)));
    }
}

/// For good: another tenant, record or field, also when only the boundary between them moved.
pub async fn another_context_is_refused(keys: Arc<dyn Keys>) {
    let wrapped = keys.wrap(&context(), &[7; 32]).await.unwrap();
    let moved = KeyContext { record: "tenants/acme/secrets/sho".into(), field: "pTOKEN".into(), ..context() };
    let others = [
        KeyContext { tenant: TenantId::new("evil").unwrap(), ..context() },
        KeyContext { record: "tenants/acme/secrets/other".into(), ..context() },
        KeyContext { field: "token".into(), ..context() },
        moved,
    ];
    for other in others {
        let error = keys.unwrap(&other, &wrapped).await.unwrap_err();
        assert!(!error.is_transient(), "{other:?}: {error}");
    }
}

/// For good: any bit, any length.
pub async fn changed_bytes_are_refused(keys: Arc<dyn Keys>) {
    let wrapped = keys.wrap(&context(), &[7; 32]).await.unwrap();
    for at in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[at] ^= 1 << (at % 8);
        let error = keys.unwrap(&context(), &changed).await.unwrap_err();
        assert!(!error.is_transient(), "byte {at}: {error}");
    }
    for length in 0..wrapped.len() {
        assert!(keys.unwrap(&context(), &wrapped[..length]).await.is_err(), "{length} bytes");
    }
    let longer = [wrapped.as_slice(), &[0]].concat();
    assert!(keys.unwrap(&context(), &longer).await.is_err());
}
