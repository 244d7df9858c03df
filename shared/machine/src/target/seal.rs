//! Secrets of this target in its files: each under a data key of its own (AES-256-GCM) that the Keys port wraps.
//!
//! Invariant: tenant, record and field are authenticated with the text and with its key, so that what was sealed
//! for one variable of one revision opens nowhere else.

use crate::clock::OsRandom;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    error::Unspecified,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use model::{
    document::Sealed,
    port::{KeyContext, Keys, PortError, Random},
};

/// Bytes of a data key.
const KEY_BYTES: usize = 32;

/// Seals a text for one field of one record.
pub(crate) async fn seal(keys: &dyn Keys, context: &KeyContext, plain: &str) -> Result<Sealed, PortError> {
    let mut data_key = [0; KEY_BYTES];
    data_key[..16].copy_from_slice(&OsRandom.bits().to_le_bytes());
    data_key[16..].copy_from_slice(&OsRandom.bits().to_le_bytes());
    let mut nonce = [0; NONCE_LEN];
    nonce.copy_from_slice(&OsRandom.bits().to_le_bytes()[..NONCE_LEN]);
    let wrapped = keys.wrap(context, &data_key).await?;
    let mut text = plain.as_bytes().to_vec();
    let aad = Aad::from(context.bytes());
    cipher(&data_key)
        .and_then(|key| key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut text))
        .map_err(|_| PortError::Permanent("the cipher refused a secret; please report this defect".into()))?;
    let encode = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    Ok(Sealed { wrapped: encode(&wrapped), nonce: encode(&nonce), ciphertext: encode(&text) })
}

fn cipher(data_key: &[u8]) -> Result<LessSafeKey, Unspecified> {
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, data_key)?))
}

/// Opens what was sealed for the same field of the same record.
pub(crate) async fn open(
    keys: &dyn Keys,
    context: &KeyContext,
    sealed: &Sealed,
) -> Result<String, PortError> {
    let broken = || {
        PortError::Permanent(format!(
            "`{}` of `{}` can't be decrypted: it was changed, or it belongs to another record; deploy again",
            context.field, context.record
        ))
    };
    let decode = |text: &str| BASE64_STANDARD.decode(text).map_err(|_| broken());
    let (nonce, mut text) = (decode(&sealed.nonce)?, decode(&sealed.ciphertext)?);
    let data_key = keys.unwrap(context, &decode(&sealed.wrapped)?).await?;
    let key = cipher(&data_key).map_err(|_| broken())?;
    let nonce = Nonce::try_assume_unique_for_key(&nonce).map_err(|_| broken())?;
    let plain = key.open_in_place(nonce, Aad::from(context.bytes()), &mut text).map_err(|_| broken())?;
    String::from_utf8(plain.to_vec()).map_err(|_| broken())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;
    use model::TenantId;

    fn context(field: &str) -> KeyContext {
        let tenant = TenantId::new("acme").unwrap();
        KeyContext { tenant, record: "machine/services/shop/shop-1".into(), field: field.into() }
    }

    #[tokio::test]
    async fn a_sealed_text_opens_in_its_own_place_only() {
        let folder = tempfile::tempdir().unwrap();
        let keys = keys::Keys::open(folder.path()).unwrap();
        let sealed = seal(&keys, &context("TOKEN"), "correct horse").await.unwrap();
        assert!(!serde_json::to_string(&sealed).unwrap().contains("correct"));
        assert_eq!(open(&keys, &context("TOKEN"), &sealed).await.unwrap(), "correct horse");
        assert!(open(&keys, &context("OTHER"), &sealed).await.is_err());
        let again = seal(&keys, &context("TOKEN"), "correct horse").await.unwrap();
        assert_ne!(again.ciphertext, sealed.ciphertext);
        // Neither its key nor its text can be exchanged for another's.
        let mixed = Sealed { ciphertext: again.ciphertext, ..sealed };
        let error = open(&keys, &context("TOKEN"), &mixed).await.unwrap_err();
        assert!(error.to_string().contains("can't be decrypted"), "{error}");
    }
}
