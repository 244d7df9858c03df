//! Secrets at rest open for their own field only, and can't be printed.

use crate::fake::Documents;
use base64::{Engine, prelude::BASE64_STANDARD};
use host::{
    Kind,
    seal::{ExposeSecret, Sealed, SecretString, open, seal},
};
use model::{TenantId, port::KeyContext};

fn context(field: &str) -> KeyContext {
    KeyContext {
        tenant: TenantId::new("acme").unwrap(),
        record: "tenants/acme/secrets/a".into(),
        field: field.into(),
    }
}

#[tokio::test]
async fn a_secret_comes_back_for_its_own_field_only() {
    let ports = Documents::world().1.ports();
    let secret = SecretString::from("hunter2");
    let sealed = seal(&ports, &context("token"), &secret).await.unwrap();
    let text = serde_json::to_string(&sealed).unwrap();
    assert!(!text.contains("hunter2") && !format!("{secret:?}").contains("hunter2"));
    let read = serde_json::from_str(&text).unwrap();
    assert_eq!(open(&ports, &context("token"), &read).await.unwrap().expose_secret(), "hunter2");
    assert!(open(&ports, &context("other"), &read).await.is_err());
    let again = seal(&ports, &context("token"), &secret).await.unwrap();
    assert!(
        again.nonce != sealed.nonce
            && again.ciphertext != sealed.ciphertext
            && again.wrapped != sealed.wrapped
    );
}

#[tokio::test]
async fn what_was_changed_does_not_open() {
    let ports = Documents::world().1.ports();
    let sealed = seal(&ports, &context("token"), &SecretString::from("hunter2")).await.unwrap();
    for place in 0..3 {
        let mut changed = sealed.clone();
        let fields = [&mut changed.wrapped, &mut changed.nonce, &mut changed.ciphertext];
        let field = fields.into_iter().nth(place).unwrap();
        let mut bytes = BASE64_STANDARD.decode(&field).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        *field = BASE64_STANDARD.encode(bytes);
        let error = open(&ports, &context("token"), &changed).await.unwrap_err();
        assert_eq!((error.kind(), error.is_transient()), (Kind::Dependency, false));
    }
    for nonce in ["", "AAAA", "not base 64"] {
        let short = Sealed { nonce: nonce.into(), ..sealed.clone() };
        assert_eq!(open(&ports, &context("token"), &short).await.unwrap_err().kind(), Kind::Dependency);
    }
}
