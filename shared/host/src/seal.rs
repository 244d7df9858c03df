//! Secrets at rest: each under a data key of its own (AES-256-GCM), which the `Keys` port wraps. The context
//! (tenant, record, field) is authenticated twice, so a sealed secret can't be moved to another record.

use crate::Error;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::{Engine, prelude::BASE64_STANDARD};
use model::port::{KeyContext, Ports, Random};
use zeroize::Zeroizing;

pub use model::document::Sealed;
pub use secrecy::{ExposeSecret, SecretString};

/// Seals a secret for one field of one record.
pub async fn seal(ports: &Ports, context: &KeyContext, secret: &SecretString) -> Result<Sealed, Error> {
    let mut data_key = Zeroizing::new([0_u8; 32]);
    data_key[..16].copy_from_slice(&ports.random.bits().to_be_bytes());
    data_key[16..].copy_from_slice(&ports.random.bits().to_be_bytes());
    let (nonce, ciphertext) =
        encrypt(&data_key[..], &context.bytes(), secret.expose_secret().as_bytes(), &*ports.random)?;
    let wrapped = ports.keys.wrap(context, &data_key[..]).await?;
    let text = |bytes: Vec<u8>| BASE64_STANDARD.encode(bytes);
    Ok(Sealed { wrapped: text(wrapped), nonce: text(nonce), ciphertext: text(ciphertext) })
}

/// Opens what was sealed for the same field of the same record; a permanent error for any other.
pub async fn open(ports: &Ports, context: &KeyContext, sealed: &Sealed) -> Result<SecretString, Error> {
    let bytes = |text: &str| BASE64_STANDARD.decode(text).map_err(|_| broken(context, "it is not base 64"));
    let (nonce, ciphertext) = (bytes(&sealed.nonce)?, bytes(&sealed.ciphertext)?);
    let data_key = Zeroizing::new(ports.keys.unwrap(context, &bytes(&sealed.wrapped)?).await?);
    let plain = decrypt(&data_key, &context.bytes(), &nonce, &ciphertext)
        .ok_or_else(|| broken(context, "its tag doesn't match"))?;
    let text = String::from_utf8(plain).map_err(|_| broken(context, "it is not text"))?;
    Ok(SecretString::from(text))
}

fn broken(context: &KeyContext, why: &str) -> Error {
    Error::new(crate::Kind::Dependency, "A stored secret can't be opened. Set it again.")
        .because(format!("sealed field `{}` of `{}`: {why}", context.field, context.record))
}

/// Nonce and ciphertext. The key must be fresh or the nonces random: they are random.
pub(crate) fn encrypt(
    key: &[u8],
    context: &[u8],
    plain: &[u8],
    random: &dyn Random,
) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let mut nonce = [0_u8; 12];
    nonce.copy_from_slice(&random.bits().to_be_bytes()[..12]);
    let key = LessSafeKey::new(
        UnboundKey::new(&AES_256_GCM, key).map_err(|_| Error::internal("a data key must have 32 bytes"))?,
    );
    let mut buffer = plain.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut buffer)
        .map_err(|_| Error::internal("AES-256-GCM refused to seal"))?;
    Ok((nonce.to_vec(), buffer))
}

/// The plain bytes, if key, context, nonce and ciphertext belong together.
pub(crate) fn decrypt(key: &[u8], context: &[u8], nonce: &[u8], ciphertext: &[u8]) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut buffer = ciphertext.to_vec();
    let length = key.open_in_place(nonce, Aad::from(context), &mut buffer).ok()?.len();
    buffer.truncate(length);
    Some(buffer)
}
